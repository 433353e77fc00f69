"""The thirteen decisions. One that cannot be carried out leaves `...Failed` with its cause in the history, and the decider is asked again; the others are carried out.

https://docs.aws.amazon.com/amazonswf/latest/apireference/API_Decision.html
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from cloche.kernel import Call

from . import activities, closing, errors, executions, history, lambda_functions, names, timers, types
from .executions import Execution, Open

MOST = {"activity": 1000, "timer": 1000, "child": 1000, "lambda": 1000}     # open at a time, of one execution
CLOSING = ("CompleteWorkflowExecution", "FailWorkflowExecution", "CancelWorkflowExecution", "ContinueAsNewWorkflowExecution")
REPEATED = {
    "ScheduleActivityTask": ("activityType", "activityId"), "RequestCancelActivityTask": ("activityId",), "RecordMarker": ("markerName",), "StartTimer": ("timerId",), "CancelTimer": ("timerId",),
    "SignalExternalWorkflowExecution": ("workflowId", "runId", "control"), "RequestCancelExternalWorkflowExecution": ("workflowId", "runId", "control"),
    "StartChildWorkflowExecution": ("workflowType", "workflowId", "control"), "ScheduleLambdaFunction": ("id", "name"),
}
INITIATED = ("SignalExternalWorkflowExecution", "RequestCancelExternalWorkflowExecution", "StartChildWorkflowExecution")


class Refused(Exception):
    """A decision that cannot be carried out, and why."""

    def __init__(self, cause: str, initiated: int = 0) -> None:
        self.cause, self.initiated = cause, initiated


def checked(given: Iterable[Any]) -> list[tuple[str, Any]]:
    """(type, attributes) of each; what no decider may send is refused as a whole."""
    made: list[tuple[str, Any]] = []
    for decision in given:
        type_ = decision["decisionType"]
        attributes = decision.get(f"{type_[0].lower()}{type_[1:]}DecisionAttributes")
        if attributes is None:
            if type_ not in CLOSING:
                raise errors.no_attributes(type_)
            attributes = {}
        if made and made[-1][0] in CLOSING:
            raise errors.not_last(made[-1][0])
        for member, value in attributes.items():
            if member.endswith("Timeout"):
                names.duration(member, value, endless=member not in ("executionStartToCloseTimeout", "startToFireTimeout"),
                               most={"executionStartToCloseTimeout": types.YEAR}.get(member, lambda_functions.LONGEST if type_ == "ScheduleLambdaFunction" else None))
        names.priority(attributes.get("taskPriority"))
        made.append((type_, attributes))
    return made


def carry_out(call: Call, one: Execution, made: list[tuple[str, Any]], done: int, unseen: bool) -> None:
    for type_, given in made:
        if one.closed:
            return
        try:
            if not call.allowed(f"swf:{type_}", names.domain_arn(call, one.domain), context=names.asked(call, given)):
                raise Refused("OPERATION_NOT_PERMITTED")
            if type_ in CLOSING and (unseen or one.scheduled):
                raise Refused("UNHANDLED_DECISION")
            DO[type_](call, one, given, done)
        except Refused as why:
            repeated = {member: given.get(member) for member in REPEATED.get(type_, ())}
            if type_ in INITIATED:
                repeated["initiatedEventId"] = why.initiated
            history.add(call, one, f"{type_}Failed", decide=True, cause=why.cause, decisionTaskCompletedEventId=done, **repeated)


def _room(call: Call, one: Execution, kind: str, cause: str) -> None:
    if executions.count(call, one.run, kind) >= MOST[kind]:
        raise Refused(cause)


# -- activities -------------------------------------------------------------------------------------------------------


NEEDED = (("taskList", "defaultTaskList", "DEFAULT_TASK_LIST_UNDEFINED"), ("scheduleToStartTimeout", "defaultTaskScheduleToStartTimeout", "DEFAULT_SCHEDULE_TO_START_TIMEOUT_UNDEFINED"),
          ("scheduleToCloseTimeout", "defaultTaskScheduleToCloseTimeout", "DEFAULT_SCHEDULE_TO_CLOSE_TIMEOUT_UNDEFINED"),
          ("startToCloseTimeout", "defaultTaskStartToCloseTimeout", "DEFAULT_START_TO_CLOSE_TIMEOUT_UNDEFINED"), ("heartbeatTimeout", "defaultTaskHeartbeatTimeout", "DEFAULT_HEARTBEAT_TIMEOUT_UNDEFINED"))


def schedule_activity_task(call: Call, one: Execution, given: Any, done: int) -> None:
    kind = types.look(call, types.ACTIVITY, one.domain, given["activityType"])
    if kind is None:
        raise Refused("ACTIVITY_TYPE_DOES_NOT_EXIST")
    if kind.deprecated:
        raise Refused("ACTIVITY_TYPE_DEPRECATED")
    attributes: dict[str, Any] = {"activityType": given["activityType"], "activityId": given["activityId"], "input": given.get("input"), "control": given.get("control"), "decisionTaskCompletedEventId": done,
                                  "taskPriority": given.get("taskPriority", kind.defaults.get("defaultTaskPriority"))}
    for member, default, cause in NEEDED:
        attributes[member] = given.get(member, kind.defaults.get(default))
        if attributes[member] is None:
            raise Refused(cause)
    if executions.under_way(call, one.run, "activity", given["activityId"]) is not None:
        raise Refused("ACTIVITY_ID_ALREADY_IN_USE")
    _room(call, one, "activity", "OPEN_ACTIVITIES_LIMIT_EXCEEDED")
    activities.schedule(call, one, attributes)


def request_cancel_activity_task(call: Call, one: Execution, given: Any, done: int) -> None:
    thing = executions.under_way(call, one.run, "activity", given["activityId"])
    if thing is None:
        raise Refused("ACTIVITY_ID_UNKNOWN")
    activities.request_cancel(call, one, thing, done)


# -- markers, timers, functions ---------------------------------------------------------------------------------------


def record_marker(call: Call, one: Execution, given: Any, done: int) -> None:
    history.add(call, one, "MarkerRecorded", markerName=given["markerName"], details=given.get("details"), decisionTaskCompletedEventId=done)


def start_timer(call: Call, one: Execution, given: Any, done: int) -> None:
    if executions.under_way(call, one.run, "timer", given["timerId"]) is not None:
        raise Refused("TIMER_ID_ALREADY_IN_USE")
    _room(call, one, "timer", "OPEN_TIMERS_LIMIT_EXCEEDED")
    event = history.add(call, one, "TimerStarted", timerId=given["timerId"], control=given.get("control"), startToFireTimeout=given["startToFireTimeout"], decisionTaskCompletedEventId=done)
    if not one.closed:
        executions.begin(call, one, Open(given["timerId"], event, "timer"))
        call.after(float(given["startToFireTimeout"]), timers.fire, f"{one.run} {given['timerId']}", run=one.run, id_=given["timerId"], event=event)


def cancel_timer(call: Call, one: Execution, given: Any, done: int) -> None:
    timer = executions.under_way(call, one.run, "timer", given["timerId"])
    if timer is None:
        raise Refused("TIMER_ID_UNKNOWN")
    executions.done(call, one, timer)
    call.cancel(timers.fire, f"{one.run} {timer.id}")
    history.add(call, one, "TimerCanceled", timerId=timer.id, startedEventId=timer.event, decisionTaskCompletedEventId=done)


def schedule_lambda_function(call: Call, one: Execution, given: Any, done: int) -> None:
    if executions.under_way(call, one.run, "lambda", given["id"]) is not None:
        raise Refused("ID_ALREADY_IN_USE")
    _room(call, one, "lambda", "OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED")
    lambda_functions.schedule(call, one, given, done)


# -- other executions -------------------------------------------------------------------------------------------------


def signal_external_workflow_execution(call: Call, one: Execution, given: Any, done: int) -> None:
    event = history.add(call, one, "SignalExternalWorkflowExecutionInitiated", workflowId=given["workflowId"], runId=given.get("runId"), signalName=given["signalName"], input=given.get("input"),
                        control=given.get("control"), decisionTaskCompletedEventId=done)
    target = _target(call, one, given, event)
    executions.signal(call, target, given["signalName"], given.get("input"), one, event)
    executions.again(call, one)
    history.add(call, one, "ExternalWorkflowExecutionSignaled", decide=True, workflowExecution=target.named, initiatedEventId=event)


def request_cancel_external_workflow_execution(call: Call, one: Execution, given: Any, done: int) -> None:
    event = history.add(call, one, "RequestCancelExternalWorkflowExecutionInitiated", workflowId=given["workflowId"], runId=given.get("runId"), control=given.get("control"), decisionTaskCompletedEventId=done)
    target = _target(call, one, given, event)
    executions.cancel(call, target, one, event)
    executions.again(call, one)
    history.add(call, one, "ExternalWorkflowExecutionCancelRequested", decide=True, workflowExecution=target.named, initiatedEventId=event)


def _target(call: Call, one: Execution, given: Any, event: int) -> Execution:
    found = executions.addressed(call, one.domain, given["workflowId"], given.get("runId"))
    if found is None:
        raise Refused("UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION", event)
    return found


def _undefined(lacks: KeyError) -> NoReturn:
    raise Refused({"defaultExecutionStartToCloseTimeout": "DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED", "defaultTaskList": "DEFAULT_TASK_LIST_UNDEFINED",
                   "defaultTaskStartToCloseTimeout": "DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED", "defaultChildPolicy": "DEFAULT_CHILD_POLICY_UNDEFINED"}[lacks.args[0]]) from None


def _type(call: Call, domain: str, asked: Any) -> types.Type:
    kind = types.look(call, types.WORKFLOW, domain, asked)
    if kind is None:
        raise Refused("WORKFLOW_TYPE_DOES_NOT_EXIST")
    if kind.deprecated:
        raise Refused("WORKFLOW_TYPE_DEPRECATED")
    return kind


def start_child_workflow_execution(call: Call, one: Execution, given: Any, done: int) -> None:
    kind = _type(call, one.domain, given["workflowType"])
    try:
        said = executions.configured(kind, given)
    except KeyError as lacks:
        _undefined(lacks)
    _room(call, one, "child", "OPEN_CHILDREN_LIMIT_EXCEEDED")
    event = history.add(call, one, "StartChildWorkflowExecutionInitiated", workflowId=given["workflowId"], workflowType=given["workflowType"], control=given.get("control"), input=given.get("input"),
                        executionStartToCloseTimeout=said["executionStartToCloseTimeout"], taskList=said["taskList"], taskPriority=said["taskPriority"], childPolicy=said["childPolicy"],
                        taskStartToCloseTimeout=said["taskStartToCloseTimeout"], tagList=given.get("tagList"), lambdaRole=said["lambdaRole"], decisionTaskCompletedEventId=done)
    if executions.open_of(call, one.domain, given["workflowId"]) is not None:
        raise Refused("WORKFLOW_ALREADY_RUNNING", event)
    child = executions.start(call, one.domain, given["workflowId"], kind, said, given, parent=one.named, parent_initiated=event)
    started = history.add(call, one, "ChildWorkflowExecutionStarted", decide=True, workflowExecution=child.named, workflowType=child.typed, initiatedEventId=event)
    if not one.closed:
        executions.begin(call, one, Open(child.workflow, event, "child", started, given={"runId": child.run}))


# -- the end ----------------------------------------------------------------------------------------------------------


def complete_workflow_execution(call: Call, one: Execution, given: Any, done: int) -> None:
    closing.close(call, one, "COMPLETED", parent={"result": given.get("result")}, result=given.get("result"), decisionTaskCompletedEventId=done)


def fail_workflow_execution(call: Call, one: Execution, given: Any, done: int) -> None:
    said = {"reason": given.get("reason"), "details": given.get("details")}
    closing.close(call, one, "FAILED", parent=said, **said, decisionTaskCompletedEventId=done)


def cancel_workflow_execution(call: Call, one: Execution, given: Any, done: int) -> None:
    closing.close(call, one, "CANCELED", parent={"details": given.get("details")}, details=given.get("details"), decisionTaskCompletedEventId=done)


def continue_as_new_workflow_execution(call: Call, one: Execution, given: Any, done: int) -> None:
    """This run ends and another of the same workflow begins, with an empty history; a parent goes on waiting for it."""
    kind = _type(call, one.domain, {"name": one.type, "version": given.get("workflowTypeVersion", one.version)})
    try:
        said = executions.configured(kind, given)
    except KeyError as lacks:
        _undefined(lacks)
    one.closed = call.now     # its workflow id is free for the next
    executions.save(call, one)
    following = executions.start(call, one.domain, one.workflow, kind, said, given, parent=one.parent, parent_initiated=one.parent_initiated, continued_from=one.run)
    closing.close(call, one, "CONTINUED_AS_NEW", input=given.get("input"), decisionTaskCompletedEventId=done, newExecutionRunId=following.run, executionStartToCloseTimeout=said["executionStartToCloseTimeout"],
                  taskList=said["taskList"], taskPriority=said["taskPriority"], taskStartToCloseTimeout=said["taskStartToCloseTimeout"], childPolicy=said["childPolicy"], tagList=given.get("tagList"),
                  workflowType=following.typed, lambdaRole=said["lambdaRole"])
    if one.parent is not None and (thing := executions.under_way(call, one.parent["runId"], "child", one.workflow)) is not None and (parent := executions.running(call, one.parent["runId"])) is not None:
        thing.given = {"runId": following.run}
        executions.keep(call, parent, thing)


DO: dict[str, Callable[[Call, Execution, Any, int], None]] = {
    "ScheduleActivityTask": schedule_activity_task, "RequestCancelActivityTask": request_cancel_activity_task, "RecordMarker": record_marker, "StartTimer": start_timer, "CancelTimer": cancel_timer,
    "ScheduleLambdaFunction": schedule_lambda_function, "SignalExternalWorkflowExecution": signal_external_workflow_execution,
    "RequestCancelExternalWorkflowExecution": request_cancel_external_workflow_execution, "StartChildWorkflowExecution": start_child_workflow_execution,
    "CompleteWorkflowExecution": complete_workflow_execution, "FailWorkflowExecution": fail_workflow_execution, "CancelWorkflowExecution": cancel_workflow_execution,
    "ContinueAsNewWorkflowExecution": continue_as_new_workflow_execution,
}
