"""Durable executions, driven by a function that speaks the API as AWS's SDK does: it replays what is done and suspends where it must wait."""
import json

import boto3  # noqa: F401
import pytest

from .conftest import refused
from .test_asynchronous import soon

INVALID = "InvalidParameterValueException"
DURABLE = {"Effect": "Allow", "Action": ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState", "lambda:InvokeFunction"], "Resource": "*"}
SDK = '''
import boto3, json
client = boto3.client("lambda")
class Suspend(Exception):
    pass
class Durable:
    def __init__(self, event):
        self.arn, self.token = event["DurableExecutionArn"], event["CheckpointToken"]
        self.done = {op["Id"]: op for op in event["InitialExecutionState"]["Operations"]}
        self.fetched = 0
        marker = event["InitialExecutionState"].get("NextMarker")
        while marker:
            page = client.get_durable_execution_state(DurableExecutionArn=self.arn, CheckpointToken=self.token, Marker=marker)
            self.done.update({op["Id"]: op for op in page["Operations"]})
            self.fetched += len(page["Operations"])
            marker = page.get("NextMarker")
        self.input = json.loads(next(op for op in self.done.values() if op["Type"] == "EXECUTION")["ExecutionDetails"]["InputPayload"])
    def tell(self, *updates):
        answer = client.checkpoint_durable_execution(DurableExecutionArn=self.arn, CheckpointToken=self.token, Updates=list(updates))
        self.token = answer.get("CheckpointToken")
        self.done.update({op["Id"]: op for op in answer["NewExecutionState"]["Operations"]})
    def step(self, id_, work, retries=0):
        op = self.done.get(id_)
        if op and op["Status"] == "SUCCEEDED":
            return json.loads(op["StepDetails"]["Result"])
        if op and op["Status"] == "PENDING":
            raise Suspend
        self.tell({"Id": id_, "Name": id_, "Type": "STEP", "Action": "START"})
        attempt = self.done[id_]["StepDetails"]["Attempt"] + 1
        try:
            result = work(attempt)
        except Exception as error:
            problem = {"ErrorType": type(error).__name__, "ErrorMessage": str(error)}
            if attempt <= retries:
                self.tell({"Id": id_, "Type": "STEP", "Action": "RETRY", "Error": problem, "StepOptions": {"NextAttemptDelaySeconds": 60}})
                raise Suspend
            self.tell({"Id": id_, "Type": "STEP", "Action": "FAIL", "Error": problem})
            raise
        self.tell({"Id": id_, "Type": "STEP", "Action": "SUCCEED", "Payload": json.dumps(result)})
        return result
    def rest(self, id_, **update):
        op = self.done.get(id_)
        if op is None:
            self.tell({"Id": id_, "Name": id_, "Action": "START", **update})
            op = self.done[id_]
        if op["Status"] == "STARTED":
            raise Suspend
        details = op.get("CallbackDetails") or op.get("ChainedInvokeDetails") or {}
        if op["Status"] != "SUCCEEDED":
            raise RuntimeError(details["Error"]["ErrorType"])
        return details.get("Result")
def durable(function):
    def handler(event, context):
        try:
            return {"Status": "SUCCEEDED", "Result": json.dumps(function(Durable(event)))}
        except Suspend:
            return {"Status": "PENDING"}
        except Exception as error:
            return {"Status": "FAILED", "Error": {"ErrorType": type(error).__name__, "ErrorMessage": str(error)}}
    return handler
'''
FLOW = SDK + '''
runs = []
@durable
def handler(d):
    runs.append(1)
    first = d.step("first", lambda attempt: d.input["n"] + 1)
    d.rest("nap", Type="WAIT", WaitOptions={"WaitSeconds": 3600})
    def shaky(attempt):
        if attempt < 2:
            raise ValueError("not yet")
        return first * 10
    second = d.step("second", shaky, retries=3)
    return [first, second, len(runs)]
'''


def make(bench, code=FLOW, name="f", **config):
    return bench.deploy(name, code, DURABLE, DurableConfig={"ExecutionTimeout": 86400, **config}, Timeout=20)


def start(bench, event, name="f:$LATEST", **more):
    return bench.client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event), **more)["DurableExecutionArn"]


def status(bench, arn):
    return bench.client.get_durable_execution(DurableExecutionArn=arn)


def waits(bench, arn, kind):
    """Until the execution's history has an event of that kind."""
    def found():
        return [e for e in bench.client.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True)["Events"] if e["EventType"] == kind]
    return soon(found)


def test_steps_are_done_once_waits_take_no_function_and_retries_come_in_time(bench):
    made = make(bench)
    assert made["DurableConfig"] == {"ExecutionTimeout": 86400, "RetentionPeriodInDays": 14}
    arn = start(bench, {"n": 1}, DurableExecutionName="order-1")
    assert ":function:f:$LATEST/durable-execution/order-1/" in arn
    waits(bench, arn, "WaitStarted")
    running = status(bench, arn)
    assert running["Status"] == "RUNNING" and running["InputPayload"] == '{"n": 1}' and "Result" not in running
    bench.cloud.advance(3599)
    assert status(bench, arn)["Status"] == "RUNNING"
    bench.cloud.advance(2)
    waits(bench, arn, "StepFailed")
    bench.cloud.advance(61)
    ended = soon(lambda: (s := status(bench, arn))["Status"] != "RUNNING" and s)
    assert ended["Status"] == "SUCCEEDED" and json.loads(ended["Result"]) == [2, 20, 3] and ended["EndTimestamp"] and ended["Version"] == "$LATEST"
    events = bench.client.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True)["Events"]
    assert [e["EventType"] for e in events] == [
        "ExecutionStarted", "StepStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted", "WaitSucceeded", "StepStarted", "StepFailed", "InvocationCompleted", "StepStarted", "StepSucceeded",
        "InvocationCompleted", "ExecutionSucceeded"]
    assert events[2]["StepSucceededDetails"]["Result"]["Payload"] == "2" and events[7]["StepFailedDetails"]["RetryDetails"] == {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 60}
    bare = bench.client.get_durable_execution_history(DurableExecutionArn=arn, ReverseOrder=True, MaxItems=2)
    assert [e["EventId"] for e in bare["Events"]] == [13, 12] and bare["NextMarker"] and "Payload" not in bare["Events"][0]["ExecutionSucceededDetails"]["Result"]
    [one] = bench.client.list_durable_executions_by_function(FunctionName="f", Statuses=["SUCCEEDED"])["DurableExecutions"]
    assert one["DurableExecutionArn"] == arn and not bench.client.list_durable_executions_by_function(FunctionName="f", Statuses=["FAILED"])["DurableExecutions"]
    assert start(bench, {"n": 1}, DurableExecutionName="order-1") == arn  # the same name and input is the same execution
    refused(bench.client.invoke, "DurableExecutionAlreadyStartedException", FunctionName="f:$LATEST", InvocationType="Event", Payload=b'{"n":2}', DurableExecutionName="order-1")
    bench.cloud.advance(days=15)
    refused(bench.client.get_durable_execution, "ResourceNotFoundException", DurableExecutionArn=arn)


def test_who_waits_for_the_answer_gets_the_result_or_the_error(bench):
    code = SDK + "\n@durable\ndef handler(d):\n    return d.step('only', lambda attempt: 6 // d.input)\n"
    make(bench, code, ExecutionTimeout=600)
    answer = bench.client.invoke(FunctionName="f", Qualifier="$LATEST", Payload=b"2")
    assert json.loads(answer["Payload"].read()) == 3 and answer["DurableExecutionArn"] and "FunctionError" not in answer
    answer = bench.client.invoke(FunctionName="f", Qualifier="$LATEST", Payload=b"0")
    assert answer["FunctionError"] == "Unhandled" and json.loads(answer["Payload"].read())["errorType"] == "ZeroDivisionError"
    assert status(bench, answer["DurableExecutionArn"])["Error"]["ErrorType"] == "ZeroDivisionError"


def test_what_durable_functions_do_not_allow_is_refused(bench):
    make(bench)
    bench.deploy("plain")
    refused(bench.client.invoke, INVALID, "You cannot invoke a durable function using an unqualified ARN.", FunctionName="f", Payload=b"1")
    refused(bench.client.invoke, INVALID, "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.", FunctionName="f:$LATEST", Payload=b'{"n":1}')
    refused(bench.client.invoke, INVALID, FunctionName="plain", Payload=b"1", DurableExecutionName="x")
    refused(bench.client.update_function_configuration, INVALID, FunctionName="plain", DurableConfig={"ExecutionTimeout": 60})
    arn = start(bench, {"n": 1})
    waits(bench, arn, "WaitStarted")
    refused(bench.client.checkpoint_durable_execution, INVALID, "Invalid checkpoint token", DurableExecutionArn=arn, CheckpointToken="YWJj", Updates=[])
    refused(bench.client.get_durable_execution_state, INVALID, "Invalid checkpoint token", DurableExecutionArn=arn, CheckpointToken="YWJj")
    refused(bench.client.delete_durable_execution, "ResourceConflictException", DurableExecutionArn=arn)
    stopped = bench.client.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorType": "Enough", "ErrorMessage": "no more"})
    assert stopped["StopTimestamp"] and status(bench, arn)["Status"] == "STOPPED" and status(bench, arn)["Error"]["ErrorType"] == "Enough"
    bench.client.delete_durable_execution(DurableExecutionArn=arn)
    refused(bench.client.get_durable_execution, "ResourceNotFoundException", DurableExecutionArn=arn)


@pytest.mark.parametrize(("answer", "result"), [("succeed", '"yes"'), ("fail", "RuntimeError: Denied"), ("timeout", "RuntimeError: Callback.Timeout"), ("silence", "RuntimeError: Callback.Heartbeat")])
def test_a_callback_is_answered_from_outside_or_times_out(bench, answer, result):
    code = SDK + "\n@durable\ndef handler(d):\n    return json.loads(d.rest('ask', Type='CALLBACK', CallbackOptions={'TimeoutSeconds': 3000, 'HeartbeatTimeoutSeconds': 1000}))\n"
    make(bench, code)
    arn = start(bench, 1)
    callback = waits(bench, arn, "CallbackStarted")[0]["CallbackStartedDetails"]["CallbackId"]
    bench.cloud.advance(900)
    if answer != "silence":
        bench.client.send_durable_execution_callback_heartbeat(CallbackId=callback)
    bench.cloud.advance(900)
    if answer == "succeed":
        bench.client.send_durable_execution_callback_success(CallbackId=callback, Result=b'"yes"')
    elif answer == "fail":
        bench.client.send_durable_execution_callback_failure(CallbackId=callback, Error={"ErrorType": "Denied", "ErrorMessage": "no"})
    elif answer == "timeout":
        bench.client.send_durable_execution_callback_heartbeat(CallbackId=callback)
        bench.cloud.advance(900)
        bench.client.send_durable_execution_callback_heartbeat(CallbackId=callback)
        bench.cloud.advance(900)
    ended = soon(lambda: (s := status(bench, arn))["Status"] != "RUNNING" and s)
    assert (ended.get("Result") or f"{ended['Error']['ErrorType']}: {ended['Error']['ErrorMessage']}") == result
    refused(bench.client.send_durable_execution_callback_success, "CallbackTimeoutException", CallbackId=callback, Result=b"1")


def test_an_execution_invokes_others_plain_and_durable_as_its_role(bench):
    make(bench, SDK + "\n@durable\ndef handler(d):\n    return d.input * 2\n", "child")
    bench.deploy("plain", "def handler(event, context):\n    return 10 // event")
    code = SDK + '''
@durable
def handler(d):
    out = []
    for number, (function, payload) in enumerate((("plain", 5), ("child:$LATEST", 21), ("plain", 0))):
        try:
            out.append(json.loads(d.rest(f"call-{number}", Type="CHAINED_INVOKE", Payload=json.dumps(payload), ChainedInvokeOptions={"FunctionName": function})))
        except RuntimeError as error:
            out.append(str(error))
    return out
'''
    make(bench, code)
    arn = start(bench, 1)
    ended = soon(lambda: (s := status(bench, arn))["Status"] != "RUNNING" and s)
    assert ended["Status"] == "SUCCEEDED" and json.loads(ended["Result"]) == [2, 42, "ZeroDivisionError"]


def test_an_execution_that_is_paused_is_not_invoked_until_it_is_resumed(bench):
    make(bench)
    arn = start(bench, {"n": 1})
    waits(bench, arn, "WaitStarted")
    assert soon(lambda: bench.client.get_durable_execution_history(DurableExecutionArn=arn)["Events"][-1]["EventType"] == "InvocationCompleted")
    bench.client.pause_durable_execution(DurableExecutionArn=arn, Reason="look")
    assert status(bench, arn)["Status"] == "PAUSED" and status(bench, arn)["PauseDetails"]["Reason"] == "look"
    bench.cloud.advance(7200)
    assert status(bench, arn)["Status"] == "PAUSED" and waits(bench, arn, "WaitSucceeded")
    bench.client.resume_durable_execution(DurableExecutionArn=arn)
    assert waits(bench, arn, "StepFailed") and status(bench, arn)["Status"] == "RUNNING"


def test_an_execution_ends_when_its_time_is_over_or_its_function_cannot_run(bench):
    make(bench, ExecutionTimeout=1800)
    arn = start(bench, {"n": 1})
    waits(bench, arn, "WaitStarted")
    bench.cloud.advance(1801)
    assert status(bench, arn)["Status"] == "TIMED_OUT"
    make(bench, "def handler(event, context):\n    raise ValueError('broken')", "g")
    arn = start(bench, 1, "g:$LATEST")
    waits(bench, arn, "InvocationCompleted")
    for _ in range(3):
        bench.cloud.advance(3)
    ended = soon(lambda: (s := status(bench, arn))["Status"] != "RUNNING" and s)
    assert ended["Status"] == "FAILED" and ended["Error"]["ErrorType"] == "ValueError" and len(waits(bench, arn, "InvocationCompleted")) == 3


def test_what_is_too_much_for_an_invocation_is_fetched_by_the_function(bench):
    code = SDK + """
@durable
def handler(d):
    parts = [d.step(f"part-{number}", lambda attempt: "x" * 1_500_000) for number in range(4)]
    d.rest("nap", Type="WAIT", WaitOptions={"WaitSeconds": 10})
    return [sum(map(len, parts)), d.fetched]
"""
    make(bench, code)
    arn = start(bench, 1)
    waits(bench, arn, "WaitStarted")
    bench.cloud.advance(11)
    ended = soon(lambda: (s := status(bench, arn))["Status"] != "RUNNING" and s)
    whole, fetched = json.loads(ended["Result"])
    assert whole == 6_000_000 and fetched >= 2


def test_a_template_makes_a_durable_function_with_the_rights_it_needs(bench):
    code = SDK + "\n@durable\ndef handler(d):\n    return d.step('only', lambda attempt: d.input)\n"
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "InlineCode": code, "Timeout": 20, "DurableConfig": {"ExecutionTimeout": 300, "RetentionPeriodInDays": 3}}}}}
    cfn = bench.cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    [role] = [r["PhysicalResourceId"] for r in cfn.describe_stack_resources(StackName="s")["StackResources"] if r["ResourceType"] == "AWS::IAM::Role"]
    attached = {p["PolicyArn"] for p in bench.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]}
    assert "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicDurableExecutionRolePolicy" in attached
    answer = bench.client.invoke(FunctionName="f:$LATEST", Payload=b"7")
    assert json.loads(answer["Payload"].read()) == 7 and status(bench, answer["DurableExecutionArn"])["DurableConfig"] == {"ExecutionTimeout": 300, "RetentionPeriodInDays": 3}
