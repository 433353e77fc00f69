"""Executions, decision tasks and the history."""
import threading

from cloche.testing.people import refused

from .conftest import activity


def test_an_execution_begins_with_two_events_and_waits_for_a_decider(work):
    run = work.start(input="in", tagList=["t"])
    assert work.kinds(run) == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    first = work.events(run)[0]
    assert first["eventId"] == 1 and first["workflowExecutionStartedEventAttributes"] == {
        "input": "in", "executionStartToCloseTimeout": "3600", "taskStartToCloseTimeout": "30", "childPolicy": "TERMINATE", "taskList": {"name": "deciders"},
        "workflowType": {"name": "w", "version": "1"}, "tagList": ["t"], "parentInitiatedEventId": 0}
    assert work.swf.count_pending_decision_tasks(domain="d", taskList={"name": "deciders"}) | {"ResponseMetadata": 0} == {"count": 1, "truncated": False, "ResponseMetadata": 0}
    told = work.described(run)
    assert told["executionInfo"]["executionStatus"] == "OPEN" and told["executionInfo"]["cancelRequested"] is False and told["openCounts"]["openDecisionTasks"] == 1
    assert told["executionConfiguration"] == {"taskStartToCloseTimeout": "30", "executionStartToCloseTimeout": "3600", "taskList": {"name": "deciders"}, "childPolicy": "TERMINATE"}
    assert refused("WorkflowExecutionAlreadyStartedFault", work.start) == "Already Started"
    refused("UnknownResourceFault", work.swf.describe_workflow_execution, domain="d", execution={"workflowId": "other", "runId": run})


def test_what_neither_type_nor_call_says_is_undefined(work):
    work.swf.register_workflow_type(domain="d", name="bare", version="1")
    bare = {"domain": "d", "workflowId": "b", "workflowType": {"name": "bare", "version": "1"}}
    given = {}
    for member, value, default in (("executionStartToCloseTimeout", "10", "defaultExecutionStartToCloseTimeout"), ("taskList", {"name": "l"}, "defaultTaskList"),
                                   ("taskStartToCloseTimeout", "NONE", "defaultTaskStartToCloseTimeout"), ("childPolicy", "ABANDON", "defaultChildPolicy")):
        assert refused("DefaultUndefinedFault", work.swf.start_workflow_execution, **bare, **given) == default
        given[member] = value
    assert work.swf.start_workflow_execution(**bare, **given)["runId"]
    refused("ValidationException", work.swf.start_workflow_execution, **bare | {"workflowId": "c"}, **given | {"executionStartToCloseTimeout": "31536001"})
    refused("UnknownResourceFault", work.swf.start_workflow_execution, **bare | {"workflowType": {"name": "none", "version": "1"}})


def test_a_decider_sees_the_history_up_to_its_own_start_and_completes_the_execution(work):
    run = work.start()
    task = work.task(identity="me")
    assert (task["startedEventId"], task["previousStartedEventId"]) == (3, 0) and [event["eventId"] for event in task["events"]] == [1, 2, 3]
    assert task["workflowExecution"] == {"workflowId": "one", "runId": run} and task["events"][2]["decisionTaskStartedEventAttributes"] == {"scheduledEventId": 2, "identity": "me"}
    work.decide(("CompleteWorkflowExecution", {"result": "done"}), task=task, executionContext="so far")
    assert work.kinds(run)[3:] == ["DecisionTaskCompleted", "WorkflowExecutionCompleted"]
    assert work.last(run, "WorkflowExecutionCompleted") == {"result": "done", "decisionTaskCompletedEventId": 4, "eventId": 5}
    told = work.described(run)
    assert (told["executionInfo"]["executionStatus"], told["executionInfo"]["closeStatus"], told["latestExecutionContext"]) == ("CLOSED", "COMPLETED", "so far")
    refused("UnknownResourceFault", work.decide, task=task)
    work.start()     # the id is free again


def test_a_task_is_one_deciders_only_and_a_poll_in_vain_ends_empty_after_a_minute(work):
    work.start()
    work.task()
    assert work.swf.count_pending_decision_tasks(domain="d", taskList={"name": "deciders"})["count"] == 0
    said = []
    polls = [threading.Thread(target=lambda poll=poll: said.append(poll("quiet"))) for poll in (work.task, work.job)]
    for poll in polls:
        poll.start()
    for _ in range(60):      # a poll may begin after the clock has moved
        work.cloud.advance(61)
        polls[0].join(0.05)
        polls[1].join(0.05)
        if len(said) == 2:
            break
    assert [(one["taskToken"], one["startedEventId"]) for one in said] == [("", 0), ("", 0)]


def test_a_decider_that_waits_hears_at_once(work):
    said = []
    poll = threading.Thread(target=lambda: said.append(work.task("late")))
    poll.start()
    run = work.start(taskList={"name": "late"})
    poll.join(20)
    assert said[0]["workflowExecution"]["runId"] == run


def test_what_happens_while_a_decider_thinks_brings_the_next_task_and_keeps_the_execution_open(work):
    run = work.start()
    task = work.task()
    work.swf.signal_workflow_execution(domain="d", workflowId="one", signalName="s", input="i")
    work.swf.signal_workflow_execution(domain="d", workflowId="one", runId=run, signalName="s")
    assert work.kinds(run)[3:] == ["WorkflowExecutionSignaled"] * 2
    work.decide(("CompleteWorkflowExecution", {}), task=task)
    assert work.kinds(run)[5:] == ["DecisionTaskCompleted", "CompleteWorkflowExecutionFailed", "DecisionTaskScheduled"]
    assert work.last(run, "CompleteWorkflowExecutionFailed")["cause"] == "UNHANDLED_DECISION"
    following = work.task(startAtPreviousStartedEvent=True)
    assert following["previousStartedEventId"] == 3 and following["events"][0]["eventId"] == 3
    work.decide(("CompleteWorkflowExecution", {}), task=following)
    assert work.described(run)["executionInfo"]["closeStatus"] == "COMPLETED"
    assert refused("UnknownResourceFault", work.swf.signal_workflow_execution, domain="d", workflowId="one", signalName="s") == "Unknown execution, workflowId = one"


def test_histories_and_tasks_come_in_pages_either_way(work):
    run = work.start()
    for n in range(5):
        work.swf.signal_workflow_execution(domain="d", workflowId="one", signalName=str(n))
    first = work.task(maximumPageSize=3)
    second = work.task(maximumPageSize=3, nextPageToken=first["nextPageToken"])
    third = work.task(maximumPageSize=3, nextPageToken=second["nextPageToken"])
    assert [event["eventId"] for page in (first, second, third) for event in page["events"]] == list(range(1, 9)) and "nextPageToken" not in third
    assert first["taskToken"] == third["taskToken"]
    back = work.swf.get_workflow_execution_history(domain="d", execution={"workflowId": "one", "runId": run}, maximumPageSize=5, reverseOrder=True)
    rest = work.swf.get_workflow_execution_history(domain="d", execution={"workflowId": "one", "runId": run}, maximumPageSize=5, reverseOrder=True, nextPageToken=back["nextPageToken"])
    assert [event["eventId"] for event in back["events"] + rest["events"]] == list(range(8, 0, -1))
    refused("ValidationException", work.swf.get_workflow_execution_history, domain="d", execution={"workflowId": "one", "runId": run}, nextPageToken="x")
    refused("ValidationException", work.task, nextPageToken="x:1")


def test_a_decision_task_that_takes_too_long_is_given_to_the_next(work):
    run = work.start()
    task = work.task()
    work.cloud.advance(31)
    assert work.kinds(run)[3:] == ["DecisionTaskTimedOut", "DecisionTaskScheduled"]
    assert work.last(run, "DecisionTaskTimedOut") == {"timeoutType": "START_TO_CLOSE", "scheduledEventId": 2, "startedEventId": 3, "eventId": 4}
    refused("UnknownResourceFault", work.decide, task=task)
    assert work.task()["previousStartedEventId"] == 0


def test_a_decider_may_keep_what_follows_to_a_list_of_its_own_while_it_keeps_up(work):
    run = work.start()
    work.decide(taskList={"name": "mine"}, taskListScheduleToStartTimeout="5")
    work.swf.signal_workflow_execution(domain="d", workflowId="one", signalName="s")
    assert work.last(run, "DecisionTaskScheduled")["taskList"] == {"name": "mine"}
    work.cloud.advance(6)
    assert work.last(run, "DecisionTaskTimedOut")["timeoutType"] == "SCHEDULE_TO_START" and work.last(run, "DecisionTaskScheduled")["taskList"] == {"name": "deciders"}


def test_an_execution_that_takes_too_long_is_over(work):
    run = work.start(executionStartToCloseTimeout="100")
    work.cloud.advance(101)
    assert work.last(run, "WorkflowExecutionTimedOut") == {"timeoutType": "START_TO_CLOSE", "childPolicy": "TERMINATE", "eventId": 3}
    assert work.described(run)["executionInfo"]["closeStatus"] == "TIMED_OUT"


def test_an_execution_is_terminated_from_outside_or_asked_to_cancel(work):
    run = work.start()
    work.swf.request_cancel_workflow_execution(domain="d", workflowId="one")
    assert work.described(run)["executionInfo"]["cancelRequested"] and work.kinds(run)[2:] == ["WorkflowExecutionCancelRequested"]
    work.decide(("CancelWorkflowExecution", {"details": "as asked"}))
    assert work.described(run)["executionInfo"]["closeStatus"] == "CANCELED" and work.last(run, "WorkflowExecutionCanceled")["details"] == "as asked"
    run = work.start()
    work.swf.terminate_workflow_execution(domain="d", workflowId="one", reason="enough", details="d", childPolicy="ABANDON")
    assert work.last(run, "WorkflowExecutionTerminated") == {"reason": "enough", "details": "d", "childPolicy": "ABANDON", "cause": "OPERATOR_INITIATED", "eventId": 3}
    assert work.described(run)["executionInfo"]["closeStatus"] == "TERMINATED"
    refused("UnknownResourceFault", work.swf.terminate_workflow_execution, domain="d", workflowId="one")


def test_closed_executions_are_forgotten_after_the_retention_of_their_domain(work):
    run = work.start()
    work.decide(("FailWorkflowExecution", {"reason": "r", "details": "d"}))
    assert work.last(run, "WorkflowExecutionFailed") == {"reason": "r", "details": "d", "decisionTaskCompletedEventId": 4, "eventId": 5}
    work.cloud.advance(days=6.9)
    assert work.described(run)["executionInfo"]["closeStatus"] == "FAILED"
    work.cloud.advance(days=0.2)
    refused("UnknownResourceFault", work.described, run)


def test_a_task_with_a_higher_priority_is_handed_out_first(work):
    low, high = work.start("low", taskPriority="-1"), work.start("high", taskPriority="10")
    assert [work.task()["workflowExecution"]["runId"] for _ in range(2)] == [high, low]


def test_executions_are_listed_and_counted_by_one_filter_at_a_time(work):
    swf = work.swf
    a, b = work.start("a", tagList=["red"]), work.start("b")
    always = {"domain": "d", "startTimeFilter": {"oldestDate": 0}}
    runs = lambda answer: [one["execution"]["runId"] for one in answer["executionInfos"]]
    assert set(runs(swf.list_open_workflow_executions(**always))) == {a, b} and swf.count_open_workflow_executions(**always)["count"] == 2
    assert runs(swf.list_open_workflow_executions(**always, tagFilter={"tag": "red"})) == [a] and runs(swf.list_open_workflow_executions(**always, executionFilter={"workflowId": "b"})) == [b]
    assert swf.count_open_workflow_executions(**always, typeFilter={"name": "w", "version": "2"})["count"] == 0
    refused("ValidationException", swf.list_open_workflow_executions, **always, tagFilter={"tag": "red"}, executionFilter={"workflowId": "b"})
    swf.terminate_workflow_execution(domain="d", workflowId="a")
    work.cloud.advance(10)
    swf.terminate_workflow_execution(domain="d", workflowId="b")
    assert runs(swf.list_open_workflow_executions(**always)) == []
    by_end = {"domain": "d", "closeTimeFilter": {"oldestDate": 0}}
    assert runs(swf.list_closed_workflow_executions(**by_end)) == [b, a] and runs(swf.list_closed_workflow_executions(**by_end, reverseOrder=True)) == [a, b]
    first = swf.list_closed_workflow_executions(**by_end, maximumPageSize=1)
    assert runs(first) == [b] and runs(swf.list_closed_workflow_executions(**by_end, nextPageToken=first["nextPageToken"])) == [a]
    assert swf.count_closed_workflow_executions(**by_end, closeStatusFilter={"status": "TERMINATED"})["count"] == 2
    assert swf.count_closed_workflow_executions(**by_end, closeStatusFilter={"status": "COMPLETED"})["count"] == 0
    refused("ValidationException", swf.list_closed_workflow_executions, domain="d")
    refused("ValidationException", swf.list_closed_workflow_executions, **always, closeTimeFilter={"oldestDate": 0})


def test_a_crash_loses_nothing_of_an_execution(process):
    from .conftest import Work
    cloud = process()
    work = Work(cloud)
    run = work.start()
    work.decide(activity("x"), ("StartTimer", {"timerId": "t", "startToFireTimeout": "60"}))
    job = work.job()
    cloud.kill()
    cloud.start()
    work.cloud, work.swf = cloud, cloud.client("swf")
    work.swf.respond_activity_task_completed(taskToken=job["taskToken"], result="kept")
    cloud.advance(61)
    assert {"ActivityTaskCompleted", "TimerFired"} <= set(work.kinds(run))
