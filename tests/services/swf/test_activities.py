"""Activities: scheduled by a decider, done by a worker, late in four ways."""
import pytest

from cloche.testing.people import refused

from .conftest import activity


def test_a_worker_does_what_a_decider_scheduled(work):
    run = work.start()
    work.decide(activity(input="in", control="mine"))
    assert work.last(run, "ActivityTaskScheduled") == {
        "activityType": {"name": "a", "version": "1"}, "activityId": "x", "input": "in", "control": "mine", "scheduleToStartTimeout": "100", "scheduleToCloseTimeout": "300", "startToCloseTimeout": "60",
        "taskList": {"name": "workers"}, "decisionTaskCompletedEventId": 4, "heartbeatTimeout": "NONE", "eventId": 5}
    assert work.swf.count_pending_activity_tasks(domain="d", taskList={"name": "workers"})["count"] == 1
    job = work.job(identity="w1")
    assert (job["activityId"], job["input"], job["startedEventId"], job["activityType"]) == ("x", "in", 6, {"name": "a", "version": "1"})
    assert work.described(run)["openCounts"]["openActivityTasks"] == 1
    work.swf.respond_activity_task_completed(taskToken=job["taskToken"], result="out")
    assert work.kinds(run)[5:] == ["ActivityTaskStarted", "ActivityTaskCompleted", "DecisionTaskScheduled"]
    assert work.last(run, "ActivityTaskCompleted") == {"result": "out", "scheduledEventId": 5, "startedEventId": 6, "eventId": 7}
    assert refused("UnknownResourceFault", work.swf.respond_activity_task_completed, taskToken=job["taskToken"]).startswith("Unknown activity")


def test_a_worker_that_fails_says_why(work):
    run = work.start()
    work.decide(activity())
    work.swf.respond_activity_task_failed(taskToken=work.job()["taskToken"], reason="r", details="d")
    assert work.last(run, "ActivityTaskFailed") == {"reason": "r", "details": "d", "scheduledEventId": 5, "startedEventId": 6, "eventId": 7}


def test_a_worker_hears_with_its_heartbeat_that_it_is_to_cancel(work):
    run = work.start()
    work.decide(activity(heartbeatTimeout="20"))
    job = work.job()
    assert work.swf.record_activity_task_heartbeat(taskToken=job["taskToken"], details="half")["cancelRequested"] is False
    work.swf.signal_workflow_execution(domain="d", workflowId="one", signalName="stop")
    work.decide(("RequestCancelActivityTask", {"activityId": "x"}))
    assert work.swf.record_activity_task_heartbeat(taskToken=job["taskToken"])["cancelRequested"] is True
    work.swf.respond_activity_task_canceled(taskToken=job["taskToken"], details="stopped")
    told = work.last(run, "ActivityTaskCanceled")
    assert told["details"] == "stopped" and told["latestCancelRequestedEventId"] == work.last(run, "ActivityTaskCancelRequested")["eventId"]


def test_an_activity_that_no_worker_has_is_canceled_at_once(work):
    run = work.start()
    work.decide(activity(), ("RequestCancelActivityTask", {"activityId": "x"}), ("RequestCancelActivityTask", {"activityId": "nothing"}))
    assert work.kinds(run)[5:] == ["ActivityTaskCancelRequested", "ActivityTaskCanceled", "DecisionTaskScheduled", "RequestCancelActivityTaskFailed"]
    assert work.last(run, "ActivityTaskCanceled")["startedEventId"] == 0 and work.last(run, "RequestCancelActivityTaskFailed")["cause"] == "ACTIVITY_ID_UNKNOWN"


@pytest.mark.parametrize("limits, taken, waits, kind", [
    ({"scheduleToStartTimeout": "10"}, False, 11, "SCHEDULE_TO_START"), ({"startToCloseTimeout": "10"}, True, 11, "START_TO_CLOSE"),
    ({"scheduleToCloseTimeout": "10"}, True, 11, "SCHEDULE_TO_CLOSE"), ({"heartbeatTimeout": "10"}, True, 11, "HEARTBEAT")])
def test_an_activity_is_late_in_four_ways(work, limits, taken, waits, kind):
    run = work.start()
    work.decide(activity(**limits))
    job = work.job() if taken else None
    if kind == "HEARTBEAT":
        work.cloud.advance(8)
        work.swf.record_activity_task_heartbeat(taskToken=job["taskToken"], details="alive")
        work.cloud.advance(8)
        assert "ActivityTaskTimedOut" not in work.kinds(run)
    work.cloud.advance(waits)
    told = work.last(run, "ActivityTaskTimedOut")
    assert (told["timeoutType"], told["startedEventId"], told.get("details")) == (kind, 6 if taken else 0, "alive" if kind == "HEARTBEAT" else None)
    if taken:
        refused("UnknownResourceFault", work.swf.respond_activity_task_completed, taskToken=job["taskToken"])


def test_what_cannot_be_scheduled_leaves_its_cause(work):
    run = work.start()
    work.swf.register_activity_type(domain="d", name="bare", version="1")
    work.swf.register_activity_type(domain="d", name="old", version="1")
    work.swf.deprecate_activity_type(domain="d", activityType={"name": "old", "version": "1"})
    bare = lambda **more: activity("b", activityType={"name": "bare", "version": "1"}, **more)
    all_ = {"taskList": {"name": "l"}, "scheduleToStartTimeout": "1", "scheduleToCloseTimeout": "1", "startToCloseTimeout": "1"}
    work.decide(activity(), activity(), activity("y", activityType={"name": "none", "version": "1"}), activity("y", activityType={"name": "old", "version": "1"}), bare(), bare(taskList={"name": "l"}), bare(**all_))
    causes = [event["scheduleActivityTaskFailedEventAttributes"]["cause"] for event in work.events(run) if event["eventType"] == "ScheduleActivityTaskFailed"]
    assert causes == ["ACTIVITY_ID_ALREADY_IN_USE", "ACTIVITY_TYPE_DOES_NOT_EXIST", "ACTIVITY_TYPE_DEPRECATED", "DEFAULT_TASK_LIST_UNDEFINED", "DEFAULT_SCHEDULE_TO_START_TIMEOUT_UNDEFINED",
                      "DEFAULT_HEARTBEAT_TIMEOUT_UNDEFINED"]
    assert work.kinds(run).count("DecisionTaskScheduled") == 2     # the decider is asked again, once
    refused("ValidationException", work.decide, activity("z", startToCloseTimeout="soon"))
