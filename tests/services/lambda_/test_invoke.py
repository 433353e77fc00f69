"""Invoking: the answer, its errors, its log, its limits; and that functions act under their own role."""
import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

from .conftest import ECHO, refused


def test_an_invocation_answers_with_the_functions_result(bench):
    bench.deploy()
    answer = bench.client.invoke(FunctionName="f", Payload=b'{"a": [1, null]}')
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST" and "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"a": [1, None]}
    assert json.loads(bench.client.invoke(FunctionName="f")["Payload"].read()) == {}


def test_an_error_of_the_function_is_a_200_with_function_error(bench):
    bench.deploy(code="def handler(e, c):\n    raise ValueError('bad')")
    answer = bench.client.invoke(FunctionName="f", Payload=b"{}", LogType="Tail")
    assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled"
    said = json.loads(answer["Payload"].read())
    assert said["errorType"] == "ValueError" and said["errorMessage"] == "bad" and said["requestId"] == answer["ResponseMetadata"]["RequestId"]
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "[ERROR] ValueError: bad\nTraceback (most recent call last):\n" in log


def test_the_log_tail_has_start_output_end_and_report(bench):
    bench.deploy(code="print('loading')\ndef handler(e, c):\n    print('hi')")
    first = base64.b64decode(bench.client.invoke(FunctionName="f", LogType="Tail")["LogResult"]).decode().splitlines()
    assert first[0].startswith("INIT_START Runtime Version: python:3.11.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:")
    request_id = first[1].removeprefix("START RequestId: ").removesuffix(" Version: $LATEST")
    assert first[2:5] == ["loading", "hi", f"END RequestId: {request_id}"]
    assert first[5].startswith(f"REPORT RequestId: {request_id}\tDuration: ") and "\tInit Duration: " in first[5] and "\tMemory Size: 128 MB\tMax Memory Used: " in first[5]
    second = base64.b64decode(bench.client.invoke(FunctionName="f", LogType="Tail")["LogResult"]).decode()
    assert "Init Duration" not in second and "loading" not in second


def test_a_timeout_is_told_and_the_next_invocation_starts_anew(bench):
    bench.deploy(code="import time\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    time.sleep(e)\n    return n", Timeout=1)
    assert bench.call(event=0) == 1 and bench.call(event=0) == 2
    began = time.monotonic()
    said = bench.call(event=30)
    assert 1.0 <= time.monotonic() - began < 10
    assert said["errorType"] == "Sandbox.Timedout" and said["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert bench.call(event=0) == 1


def test_a_dry_run_only_asks_for_permission(bench):
    bench.deploy(code="raise SystemExit")
    assert bench.client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    nobody = user(bench, "nobody")
    refused(nobody.invoke, "AccessDeniedException", FunctionName="f", InvocationType="DryRun")


def user(bench, name, *statements):
    bench.iam.create_user(UserName=name)
    if statements:
        bench.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    key = bench.iam.create_access_key(UserName=name)["AccessKey"]
    return bench.cloud.client("lambda", key=key["AccessKeyId"], secret=key["SecretAccessKey"])


def test_invoking_needs_lambda_invoke_function_on_the_functions_arn(bench):
    arn = bench.deploy()["FunctionArn"]
    refused(user(bench, "a").invoke, "AccessDeniedException", FunctionName="f")
    allowed = user(bench, "b", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn})
    assert allowed.invoke(FunctionName="f")["StatusCode"] == 200
    refused(allowed.get_function, "AccessDeniedException", FunctionName="f")


def test_a_body_that_is_not_json_is_refused(bench):
    bench.deploy()
    assert refused(bench.client.invoke, "InvalidRequestContentException", FunctionName="f", Payload=b"{nope").startswith("Could not parse request body into json: ")


def test_payloads_have_limits(bench):
    bench.deploy()
    text = "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    refused(bench.client.invoke, "RequestTooLargeException", text, FunctionName="f", Payload=b'"' + b"x" * 6291456 + b'"')
    refused(bench.client.invoke, "RequestTooLargeException", FunctionName="f", InvocationType="Event", Payload=b'"' + b"x" * 1048576 + b'"')


def test_a_function_has_its_own_environment_variables(bench):
    bench.deploy(code="import os\ndef handler(e, c): return dict(os.environ)", Environment={"Variables": {"MINE": "yes"}}, MemorySize=192)
    seen = bench.call()
    expected = {
        "MINE": "yes", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "_HANDLER": "index.handler", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "TZ": ":UTC", "LANG": "en_US.UTF-8",
    }
    assert expected.items() <= seen.items()
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA") and "[$LATEST]" in seen["AWS_LAMBDA_LOG_STREAM_NAME"] and seen["_X_AMZN_TRACE_ID"].startswith("Root=1-")


def test_boto3_in_a_function_reaches_the_cloud_as_its_role_and_no_further(bench):
    code = """
import boto3
def handler(event, context):
    me = boto3.client('sts').get_caller_identity()['Arn']
    try:
        boto3.client('iam').list_users()
    except Exception as e:
        return [me, e.response['Error']['Code']]
"""
    bench.deploy(code=code, Timeout=20)
    assert bench.call() == [f"arn:aws:sts::{bench.cloud.account}:assumed-role/f-role/f", "AccessDenied"]


def test_credentials_are_fresh_after_the_clock_has_jumped(bench):
    bench.deploy(code="import boto3\ndef handler(e, c): return boto3.client('sts').get_caller_identity()['Account']", Timeout=20)
    assert bench.call() == bench.cloud.account
    bench.cloud.advance(hours=13)
    assert bench.call() == bench.cloud.account


def test_simultaneous_invocations_have_an_environment_each(bench):
    bench.deploy(code="import time\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    time.sleep(0.5)\n    return n", Timeout=20)
    with ThreadPoolExecutor(8) as many:
        assert list(many.map(lambda _: bench.call(), range(8))) == [1] * 8


def test_a_client_context_reaches_the_function(bench):
    bench.deploy(code="def handler(e, c): return c.client_context.custom")
    context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    assert json.loads(bench.client.invoke(FunctionName="f", ClientContext=context)["Payload"].read()) == {"a": "b"}


def test_a_response_stream_has_chunks_and_an_end(bench):
    bench.deploy(code=ECHO)
    events = list(bench.client.invoke_with_response_stream(FunctionName="f", Payload=b'{"a": 1}')["EventStream"])
    assert b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]) == b'{"a": 1}' and "ErrorCode" not in events[-1]["InvokeComplete"]
    bench.deploy("g", code="def handler(e, c): raise KeyError('x')", Role=f"arn:aws:iam::{bench.cloud.account}:role/f-role")
    events = list(bench.client.invoke_with_response_stream(FunctionName="g", LogType="Tail")["EventStream"])
    assert events[-1]["InvokeComplete"]["ErrorCode"] == "KeyError" and "KeyError" in base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).decode()


def test_invoke_async_leaves_an_event(bench):
    bench.deploy()
    assert bench.client.invoke_async(FunctionName="f", InvokeArgs=b"{}")["Status"] == 202


def logged(bench, group="/aws/lambda/f"):
    return [e["message"] for e in bench.cloud.client("logs").filter_log_events(logGroupName=group)["events"]]


def test_what_a_function_prints_is_in_its_log_group(bench):
    bench.deploy(code="import logging\ndef handler(e, c):\n    print('printed')\n    logging.warning('two\\nlines')")
    request_id = bench.client.invoke(FunctionName="f")["ResponseMetadata"]["RequestId"]
    lines = logged(bench)
    assert lines[1] == f"START RequestId: {request_id} Version: $LATEST" and lines[2] == "printed" and lines[-2] == f"END RequestId: {request_id}"
    assert lines[3].startswith("[WARNING]\t") and lines[3].endswith("Z\t" + request_id + "\ttwo\nlines")
    [stream] = bench.cloud.client("logs").describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]
    assert "/[$LATEST]" in stream["logStreamName"] and len(stream["logStreamName"].split("]")[1]) == 32
    assert abs(stream["lastEventTimestamp"] / 1000 - bench.cloud.now) < 5


def test_a_role_without_logs_runs_and_leaves_nothing(bench):
    bench.deploy()
    for policy in bench.iam.list_role_policies(RoleName="f-role")["PolicyNames"]:
        bench.iam.delete_role_policy(RoleName="f-role", PolicyName=policy)
    assert bench.call(event=1) == 1
    assert bench.cloud.client("logs").describe_log_groups()["logGroups"] == []


def test_the_log_format_can_be_json_and_go_to_another_group(bench):
    bench.deploy(code="import logging\ndef handler(e, c): logging.getLogger().error('x')", LoggingConfig={"LogFormat": "JSON", "LogGroup": "mine"})
    bench.call()
    lines = [json.loads(line) for line in logged(bench, "mine")]
    assert [line.get("type") for line in lines] == ["platform.initStart", "platform.start", None, "platform.report"]
    assert lines[0]["record"]["runtimeVersion"] == "python:3.11.v1" and lines[2]["message"] == "x" and lines[3]["record"]["status"] == "success"


def test_the_platforms_events_have_levels_and_a_function_says_which_it_wants(bench):
    bench.deploy(code="def handler(e, c): return 1 / e", LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG"})
    bench.call(event=1)
    kinds = [json.loads(line).get("type") for line in logged(bench)]
    assert kinds == [f"platform.{kind}" for kind in ("initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report")]
    bench.client.update_function_configuration(FunctionName="f", LoggingConfig={"SystemLogLevel": "WARN", "LogGroup": "quiet"})
    bench.wait()
    bench.call(event=1)
    bench.call(event=0)
    lines = [json.loads(line) for line in logged(bench, "quiet")]
    assert [line.get("type") for line in lines] == [None, "platform.runtimeDone", "platform.report"] and lines[2]["record"]["status"] == "error" and lines[2]["record"]["errorType"] == "ZeroDivisionError"


def test_a_function_cannot_reach_cloches_controls(bench):
    bench.deploy(code="import urllib.request, os\ndef handler(e, c):\n    try: return urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_cloche/clock').read().decode()\n    except Exception as x: return x.code")
    assert bench.call() == 403


def test_a_function_whose_role_is_gone_is_not_run(bench):
    bench.deploy()
    for policy in bench.iam.list_role_policies(RoleName="f-role")["PolicyNames"]:
        bench.iam.delete_role_policy(RoleName="f-role", PolicyName=policy)
    bench.iam.delete_role(RoleName="f-role")
    refused(bench.client.invoke, "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.", FunctionName="f")


def test_a_url_made_inside_works_outside_and_the_other_way_round(bench):
    code = """
import boto3, urllib.request
def handler(event, context):
    s3 = boto3.client('s3')
    return [urllib.request.urlopen(event['url']).read().decode(), s3.generate_presigned_url('get_object', Params={'Bucket': event['bucket'], 'Key': 'k'})]
"""
    import urllib.request
    s3, bucket = bench.cloud.client("s3"), f"urls-{bench.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"body")
    bench.deploy("f", code, {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, Timeout=20)
    read, url = bench.call(event={"bucket": bucket, "url": s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})})
    assert read == "body" and urllib.request.urlopen(url).read() == b"body"
