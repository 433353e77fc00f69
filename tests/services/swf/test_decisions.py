"""Markers, timers, functions, other executions, children, and who may decide what."""
import io
import json
import zipfile

from cloche.testing.people import Person, allow, deny, document, refused, trusting

CHILD = {"workflowType": {"name": "w", "version": "1"}, "workflowId": "child"}


def test_a_marker_is_written_down_and_asks_nobody(work):
    run = work.start()
    work.decide(("RecordMarker", {"markerName": "loop", "details": "3"}))
    assert work.last(run, "MarkerRecorded") == {"markerName": "loop", "details": "3", "decisionTaskCompletedEventId": 4, "eventId": 5} and work.described(run)["openCounts"]["openDecisionTasks"] == 0


def test_a_timer_fires_on_the_clock_or_is_canceled(work):
    run = work.start()
    work.decide(("StartTimer", {"timerId": "t", "startToFireTimeout": "60", "control": "c"}), ("StartTimer", {"timerId": "t", "startToFireTimeout": "1"}), ("StartTimer", {"timerId": "u", "startToFireTimeout": "90"}))
    assert work.last(run, "StartTimerFailed")["cause"] == "TIMER_ID_ALREADY_IN_USE" and work.described(run)["openCounts"]["openTimers"] == 2
    work.decide(("CancelTimer", {"timerId": "u"}), ("CancelTimer", {"timerId": "u"}))
    assert work.last(run, "TimerCanceled")["timerId"] == "u" and work.last(run, "CancelTimerFailed")["cause"] == "TIMER_ID_UNKNOWN"
    work.decide()
    work.cloud.advance(61)
    assert work.last(run, "TimerFired") == {"timerId": "t", "startedEventId": 5, "eventId": work.last(run, "TimerFired")["eventId"]} and work.kinds(run)[-1] == "DecisionTaskScheduled"
    work.cloud.advance(60)
    assert work.kinds(run).count("TimerFired") == 1


def test_an_execution_signals_and_cancels_another_and_hears_whether_it_is_there(work):
    run, other = work.start(), work.start("other", taskList={"name": "others"})
    work.decide(("SignalExternalWorkflowExecution", {"workflowId": "other", "signalName": "hi", "input": "i", "control": "c"}), ("RequestCancelExternalWorkflowExecution", {"workflowId": "other", "runId": other}),
                ("SignalExternalWorkflowExecution", {"workflowId": "nobody", "signalName": "hi"}), ("RequestCancelExternalWorkflowExecution", {"workflowId": "nobody"}))
    assert work.kinds(run)[4:] == ["SignalExternalWorkflowExecutionInitiated", "ExternalWorkflowExecutionSignaled", "DecisionTaskScheduled", "RequestCancelExternalWorkflowExecutionInitiated",
                                   "ExternalWorkflowExecutionCancelRequested", "SignalExternalWorkflowExecutionInitiated", "SignalExternalWorkflowExecutionFailed",
                                   "RequestCancelExternalWorkflowExecutionInitiated", "RequestCancelExternalWorkflowExecutionFailed"]
    told = work.last(run, "SignalExternalWorkflowExecutionFailed")
    assert (told["cause"], told["initiatedEventId"], told["workflowId"]) == ("UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION", 10, "nobody")
    assert work.last(other, "WorkflowExecutionSignaled", "other") | {"eventId": 0} == {
        "signalName": "hi", "input": "i", "externalWorkflowExecution": {"workflowId": "one", "runId": run}, "externalInitiatedEventId": 5, "eventId": 0}
    assert work.last(other, "WorkflowExecutionCancelRequested", "other")["externalInitiatedEventId"] == 8


def test_a_parent_hears_of_its_childs_beginning_and_end(work):
    run = work.start()
    work.decide(("StartChildWorkflowExecution", {**CHILD, "taskList": {"name": "children"}, "input": "i", "control": "c"}), ("StartChildWorkflowExecution", CHILD))
    assert work.kinds(run)[4:] == ["StartChildWorkflowExecutionInitiated", "ChildWorkflowExecutionStarted", "DecisionTaskScheduled", "StartChildWorkflowExecutionInitiated", "StartChildWorkflowExecutionFailed"]
    failed = work.last(run, "StartChildWorkflowExecutionFailed")
    assert (failed["cause"], failed["initiatedEventId"]) == ("WORKFLOW_ALREADY_RUNNING", 8)
    child = work.last(run, "ChildWorkflowExecutionStarted")["workflowExecution"]["runId"]
    begun = work.events(child, "child")[0]["workflowExecutionStartedEventAttributes"]
    assert begun["parentWorkflowExecution"] == {"workflowId": "one", "runId": run} and begun["parentInitiatedEventId"] == 5
    assert work.described(child, "child")["executionInfo"]["parent"]["runId"] == run and work.described(run)["openCounts"]["openChildWorkflowExecutions"] == 1
    work.decide()
    work.decide(("CompleteWorkflowExecution", {"result": "of a child"}), task=work.task("children"))
    told = work.last(run, "ChildWorkflowExecutionCompleted")
    assert (told["result"], told["initiatedEventId"], told["startedEventId"], told["workflowExecution"]["runId"]) == ("of a child", 5, 6, child)
    assert work.described(run)["openCounts"] == {"openActivityTasks": 0, "openDecisionTasks": 1, "openTimers": 0, "openChildWorkflowExecutions": 0, "openLambdaFunctions": 0}


def test_the_child_policy_holds_when_a_parent_is_terminated(work):
    for policy, status in (("TERMINATE", "TERMINATED"), ("REQUEST_CANCEL", None), ("ABANDON", None)):
        run = work.start(childPolicy=policy)
        work.decide(("StartChildWorkflowExecution", CHILD | {"workflowId": policy, "taskList": {"name": "children"}}))
        child = work.last(run, "ChildWorkflowExecutionStarted")["workflowExecution"]["runId"]
        work.swf.terminate_workflow_execution(domain="d", workflowId="one")
        told = work.described(child, policy)["executionInfo"]
        assert told.get("closeStatus") == status and told["cancelRequested"] is (policy == "REQUEST_CANCEL")
        if status:
            assert work.last(child, "WorkflowExecutionTerminated", policy)["cause"] == "CHILD_POLICY_APPLIED"
        if policy == "REQUEST_CANCEL":
            assert work.last(child, "WorkflowExecutionCancelRequested", policy)["cause"] == "CHILD_POLICY_APPLIED"


def test_a_parent_hears_that_its_child_was_late_or_terminated(work):
    run = work.start()
    work.decide(("StartChildWorkflowExecution", CHILD | {"executionStartToCloseTimeout": "10"}), ("StartChildWorkflowExecution", CHILD | {"workflowId": "second"}))
    work.cloud.advance(11)
    work.swf.terminate_workflow_execution(domain="d", workflowId="second")
    assert work.last(run, "ChildWorkflowExecutionTimedOut")["timeoutType"] == "START_TO_CLOSE" and work.last(run, "ChildWorkflowExecutionTerminated")["workflowExecution"]["workflowId"] == "second"


def test_an_execution_goes_on_as_a_new_run_with_an_empty_history(work):
    run = work.start(input="1")
    work.decide(("ContinueAsNewWorkflowExecution", {"input": "2", "tagList": ["next"]}))
    told = work.last(run, "WorkflowExecutionContinuedAsNew")
    following = told["newExecutionRunId"]
    assert work.described(run)["executionInfo"]["closeStatus"] == "CONTINUED_AS_NEW" and told["input"] == "2" and following != run
    begun = work.events(following)[0]["workflowExecutionStartedEventAttributes"]
    assert (begun["input"], begun["continuedExecutionRunId"], begun["tagList"]) == ("2", run, ["next"]) and work.kinds(following) == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    work.decide(("ContinueAsNewWorkflowExecution", {"workflowTypeVersion": "9"}))
    assert work.last(following, "ContinueAsNewWorkflowExecutionFailed")["cause"] == "WORKFLOW_TYPE_DOES_NOT_EXIST"


def test_what_no_decider_may_send_is_refused_as_a_whole(work):
    run = work.start()
    task = work.task()
    refused("ValidationException", work.decide, ("CompleteWorkflowExecution", {}), ("RecordMarker", {"markerName": "m"}), task=task)
    refused("ValidationException", work.swf.respond_decision_task_completed, taskToken=task["taskToken"], decisions=[{"decisionType": "StartTimer"}])
    refused("ValidationException", work.decide, ("StartTimer", {"timerId": "t", "startToFireTimeout": "NONE"}), task=task)
    assert work.kinds(run) == ["WorkflowExecutionStarted", "DecisionTaskScheduled", "DecisionTaskStarted"]
    work.decide(("FailWorkflowExecution", {}), task=task)


def test_a_function_is_called_under_the_executions_role(work):
    iam, functions = work.cloud.client("iam"), work.cloud.client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handler(event, context):\n    if event == 'bad': raise ValueError('no')\n    return {'got': event}\n")
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=trusting({"Service": ["lambda.amazonaws.com", "swf.amazonaws.com"]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="f", PolicyName="p", PolicyDocument=document(allow("lambda:InvokeFunction")))
    functions.create_function(FunctionName="f", Runtime="python3.11", Role=role, Handler="f.handler", Code={"ZipFile": code.getvalue()})
    run = work.start(lambdaRole=role)
    work.decide(("ScheduleLambdaFunction", {"id": "1", "name": "f", "input": '"hello"'}), ("ScheduleLambdaFunction", {"id": "1", "name": "f"}))
    assert work.last(run, "ScheduleLambdaFunctionFailed")["cause"] == "ID_ALREADY_IN_USE"
    work.decide(("ScheduleLambdaFunction", {"id": "2", "name": "f", "input": '"bad"'}))
    work.cloud.advance(1)      # returns when what runs has ended
    assert json.loads(work.last(run, "LambdaFunctionCompleted")["result"]) == {"got": "hello"} and work.last(run, "LambdaFunctionFailed")["reason"] == "ValueError"
    without = work.start("without", taskList={"name": "other"})
    work.decide(("ScheduleLambdaFunction", {"id": "1", "name": "f"}), task=work.task("other"))
    work.cloud.advance(1)
    assert work.last(without, "StartLambdaFunctionFailed", "without")["cause"] == "ASSUME_ROLE_FAILED"


def test_a_decider_may_decide_only_what_its_policy_allows(work):
    arn = f"arn:aws:swf:us-east-1:{work.cloud.account}:/domain/d"
    decider = Person(work.cloud, "decider", allow(["swf:PollForDecisionTask", "swf:RespondDecisionTaskCompleted", "swf:StartTimer", "swf:CompleteWorkflowExecution"], arn),
                     deny("swf:PollForDecisionTask", arn, Condition={"StringEquals": {"swf:taskList.name": "secret"}})).client("swf")
    run = work.start()
    refused("AccessDeniedException", work.task, "secret", swf=decider)
    work.decide(("RecordMarker", {"markerName": "m"}), ("StartTimer", {"timerId": "t", "startToFireTimeout": "5"}), task=work.task(swf=decider), swf=decider)
    assert work.last(run, "RecordMarkerFailed")["cause"] == "OPERATION_NOT_PERMITTED" and "TimerStarted" in work.kinds(run)
    refused("AccessDeniedException", decider.start_workflow_execution, domain="d", workflowId="x", workflowType={"name": "w", "version": "1"})


def test_an_execution_of_too_many_events_is_terminated(work):
    run = work.start()
    for _ in range(5):
        work.decide(*[("RecordMarker", {"markerName": "m"})] * 5000)
        if work.described(run)["executionInfo"]["executionStatus"] == "CLOSED":
            break
        work.swf.signal_workflow_execution(domain="d", workflowId="one", signalName="again")
    last = work.swf.get_workflow_execution_history(domain="d", execution={"workflowId": "one", "runId": run}, reverseOrder=True, maximumPageSize=1)["events"][0]
    assert last["eventId"] == 25_000 and last["workflowExecutionTerminatedEventAttributes"]["cause"] == "EVENT_LIMIT_EXCEEDED"
