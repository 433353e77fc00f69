"""Executions: what they are, how they end, what is told of them."""
import json

import pytest
from botocore.exceptions import ClientError

PASS = {"P": {"Type": "Pass", "End": True}}
LONG = {"W": {"Type": "Wait", "Seconds": 100, "End": True}}


def refused(operation, **members):
    with pytest.raises(ClientError) as error:
        operation(**members)
    return error.value.response["Error"]["Code"]


def test_an_execution_passes_its_input_on(states):
    assert states.output({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}, {"x": 1}) == {"x": 1}


def test_the_same_name_and_input_is_the_same_execution_while_it_runs(cloud, states):
    machine = states.machine(LONG)
    first = states.start(machine, {"a": 1}, name="once")
    assert states.start(machine, {"a": 1}, name="once") == first
    assert refused(states.client.start_execution, stateMachineArn=machine, name="once", input='{"a": 2}') == "ExecutionAlreadyExists"
    cloud.advance(101)
    assert states.client.describe_execution(executionArn=first)["status"] == "SUCCEEDED"
    assert refused(states.client.start_execution, stateMachineArn=machine, name="once", input='{"a": 1}') == "ExecutionAlreadyExists"


def test_a_history_is_numbered_and_each_event_names_the_one_before(states):
    arn = states.start(states.machine({"A": {"Type": "Pass", "Result": {"r": 1}, "ResultPath": "$.a", "End": True}}), {"x": 1})
    states.end(arn)
    events = states.history(arn)
    assert [(one["id"], one["previousEventId"], one["type"]) for one in events] == [
        (1, 0, "ExecutionStarted"), (2, 0, "PassStateEntered"), (3, 2, "PassStateExited"), (4, 3, "ExecutionSucceeded")]
    assert events[0]["executionStartedEventDetails"]["roleArn"] == states.role and json.loads(events[1]["stateEnteredEventDetails"]["input"]) == {"x": 1}
    assert json.loads(events[2]["stateExitedEventDetails"]["output"]) == {"x": 1, "a": {"r": 1}} and json.loads(events[3]["executionSucceededEventDetails"]["output"]) == {"x": 1, "a": {"r": 1}}
    back = states.client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=2, includeExecutionData=False)
    assert [one["id"] for one in back["events"]] == [4, 3] and "output" not in back["events"][0]["executionSucceededEventDetails"] and back["nextToken"]


def test_waiting_is_on_the_clock(cloud, states):
    arn = states.start(states.machine({"W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "T"}, "T": {"Type": "Wait", "TimestampPath": "$.t", "End": True}}), {"s": 50, "t": "2020-01-01T00:00:00Z"})
    cloud.advance(49)
    assert states.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    cloud.advance(2)
    found = states.client.describe_execution(executionArn=arn)
    assert found["status"] == "SUCCEEDED" and 50 <= (found["stopDate"] - found["startDate"]).total_seconds() < 52


def test_a_stopped_execution_is_aborted_with_what_was_said(cloud, states):
    arn = states.start(states.machine(LONG))
    states.client.stop_execution(executionArn=arn, error="Why", cause="because")
    assert states.client.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert states.history(arn)[-1]["executionAbortedEventDetails"] == {"error": "Why", "cause": "because"}
    cloud.advance(200)
    assert states.client.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_an_execution_that_takes_too_long_times_out(cloud, states):
    arn = states.start(states.machine({"StartAt": "W", "TimeoutSeconds": 10, "States": LONG}))
    cloud.advance(11)
    assert states.client.describe_execution(executionArn=arn)["status"] == "TIMED_OUT" and states.history(arn)[-1]["type"] == "ExecutionTimedOut"


def test_executions_are_listed_newest_first_by_status_and_page(cloud, states):
    machine = states.machine({"C": {"Type": "Choice", "Choices": [{"Variable": "$.ok", "BooleanEquals": True, "Next": "S"}], "Default": "F"}, "S": {"Type": "Succeed"}, "F": {"Type": "Fail", "Error": "E"}})
    arns = [states.start(machine, {"ok": number % 2 == 0}) for number in range(5)]
    for arn in arns:
        states.end(arn)
    client = states.client
    assert [one["executionArn"] for one in client.list_executions(stateMachineArn=machine)["executions"]] == arns[::-1]
    assert len(client.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"]) == 2
    pages = list(client.get_paginator("list_executions").paginate(stateMachineArn=machine, PaginationConfig={"PageSize": 2}))
    assert [len(page["executions"]) for page in pages] == [2, 2, 1]


def test_an_execution_is_known_for_ninety_days_and_its_name_taken(cloud, states):
    machine = states.machine(PASS)
    arn = states.start(machine, name="once")
    states.end(arn)
    cloud.advance(89 * 86400)
    assert refused(states.client.start_execution, stateMachineArn=machine, name="once", input="{}") == "ExecutionAlreadyExists"
    cloud.advance(2 * 86400)
    assert refused(states.client.describe_execution, executionArn=arn) == "ExecutionDoesNotExist" and states.client.list_executions(stateMachineArn=machine)["executions"] == []
    assert states.start(machine, name="once") == arn


def test_what_is_not_there_or_not_right_is_refused(cloud, states):
    client, machine = states.client, states.machine(PASS)
    assert refused(client.describe_execution, executionArn=machine.replace("stateMachine", "execution") + ":none") == "ExecutionDoesNotExist"
    assert refused(client.describe_execution, executionArn=machine) == "InvalidArn"
    assert refused(client.start_execution, stateMachineArn=machine + "x") == "StateMachineDoesNotExist"
    assert refused(client.start_execution, stateMachineArn=machine, input="{") == "InvalidExecutionInput"
    assert refused(client.start_execution, stateMachineArn=machine, name="a b") == "InvalidName"
    assert refused(client.start_execution, stateMachineArn=machine, input=json.dumps("x" * 262144)) == "ValidationException"
    assert refused(client.start_execution, stateMachineArn=machine, input=json.dumps("é" * 200000, ensure_ascii=False)) == "InvalidExecutionInput"


def test_a_redriven_execution_begins_again_where_it_failed(cloud, states):
    sqs = cloud.client("sqs")
    states.allow("sqs:GetQueueUrl")
    machine = states.machine({
        "A": {"Type": "Pass", "Result": 1, "ResultPath": "$.a", "Next": "Q"},
        "Q": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "Parameters": {"QueueName": "later"}, "ResultPath": "$.url", "End": True}})
    arn = states.start(machine)
    found = states.end(arn)
    assert (found["status"], found["error"], found["redriveStatus"]) == ("FAILED", "Sqs.QueueDoesNotExistException", "REDRIVABLE")
    url = sqs.create_queue(QueueName="later")["QueueUrl"]
    states.client.redrive_execution(executionArn=arn)
    found = states.end(arn)
    assert (found["status"], found["redriveCount"], json.loads(found["output"])) == ("SUCCEEDED", 1, {"a": 1, "url": {"QueueUrl": url}})
    types = [event["type"] for event in states.history(arn)]
    assert types.count("PassStateEntered") == 1 and "ExecutionRedriven" in types
    assert refused(states.client.redrive_execution, executionArn=arn) == "ExecutionNotRedrivable"


def test_a_changed_machine_changes_nothing_that_runs(cloud, states):
    machine = states.machine({"W": {"Type": "Wait", "Seconds": 10, "Next": "P"}, "P": {"Type": "Pass", "Result": "old", "End": True}})
    arn = states.start(machine)
    states.client.update_state_machine(stateMachineArn=machine, definition=json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "new", "End": True}}}))
    cloud.advance(11)
    assert json.loads(states.end(arn)["output"]) == "old" and json.loads(states.end(states.start(machine))["output"]) == "new"
    assert "Wait" in states.client.describe_state_machine_for_execution(executionArn=arn)["definition"]


def test_the_bus_hears_of_executions(cloud, states):
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="states", EventPattern=json.dumps({"source": ["aws.states"]}))["RuleArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}]})})
    events.put_targets(Rule="states", Targets=[{"Id": "q", "Arn": arn}])
    states.output(PASS)
    cloud.advance(1)
    heard = []
    for _ in range(4):
        heard += [json.loads(one["Body"])["detail"]["status"] for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]
    assert sorted(heard) == ["RUNNING", "SUCCEEDED"]


def test_a_crash_loses_no_execution(process):
    from .conftest import States
    one = process()
    states = States(one)
    machine = states.machine({"W": {"Type": "Wait", "Seconds": 30, "Next": "P"}, "P": {"Type": "Pass", "Result": "done", "End": True}})
    arn = states.start(machine)
    one.kill()
    one.start()
    states.client = one.client("stepfunctions")
    one.advance(31)
    assert json.loads(states.end(arn)["output"]) == "done"


# -- Express --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sync(cloud):
    from botocore.config import Config
    return cloud.client("stepfunctions", config=Config(inject_host_prefix=False))


def test_an_express_machine_answers_at_once(cloud, states, sync):
    machine = states.machine({"P": {"Type": "Pass", "Result": {"ok": True}, "End": True}}, type="EXPRESS")
    found = sync.start_sync_execution(stateMachineArn=machine, input="{}")
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"ok": True}) and ":express:" in found["executionArn"] and found["billingDetails"]["billedMemoryUsedInMB"] == 64
    assert refused(states.client.describe_execution, executionArn=found["executionArn"]) == "InvalidArn"
    assert refused(states.client.list_executions, stateMachineArn=machine) == "StateMachineTypeNotSupported"
    assert refused(sync.start_sync_execution, stateMachineArn=states.machine(PASS)) == "StateMachineTypeNotSupported"
    broken = sync.start_sync_execution(stateMachineArn=states.machine({"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}, type="EXPRESS"))
    assert (broken["status"], broken["error"], broken["cause"]) == ("FAILED", "E", "c")


def test_an_express_execution_ends_after_five_minutes(cloud, states):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/late")
    group = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/late:*"
    machine = states.machine({"W": {"Type": "Wait", "Seconds": 1000, "End": True}}, type="EXPRESS", loggingConfiguration={"level": "FATAL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]})
    states.start(machine)
    cloud.advance(299)
    assert logs.filter_log_events(logGroupName="/late")["events"] == []
    cloud.advance(2)
    assert [json.loads(one["message"])["type"] for one in logs.filter_log_events(logGroupName="/late")["events"]] == ["ExecutionTimedOut"]


def test_an_express_execution_leaves_only_its_log(cloud, states):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/states")
    group = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/states:*"
    machine = states.machine(PASS, type="EXPRESS", loggingConfiguration={"level": "ALL", "includeExecutionData": True, "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]})
    states.start(machine, {"x": 1})
    cloud.advance(1)
    lines = [json.loads(one["message"]) for one in logs.filter_log_events(logGroupName="/states")["events"]]
    assert [one["type"] for one in lines] == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"] and json.loads(lines[0]["details"]["input"]) == {"x": 1}
