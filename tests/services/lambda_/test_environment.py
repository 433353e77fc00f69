"""What a function finds where it runs, how it fails, and what survives from one event to the next."""
import base64
import json

import pytest

from cloche.engines.run import interpreters

from .conftest import refused


def failed(bench, name="f", event=None, **more):
    """FunctionError and what it says."""
    answer = bench.client.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def test_an_exception_comes_with_its_type_its_text_and_where_it_was_raised(bench):
    bench.deploy(code="\ndef handler(event, context):\n    raise KeyError('x')\n")
    answer = bench.client.invoke(FunctionName="f")
    assert answer["StatusCode"] == 200 and answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-function-error"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {
        "errorMessage": "'x'", "errorType": "KeyError", "requestId": answer["ResponseMetadata"]["RequestId"], "stackTrace": ["  File \"/var/task/index.py\", line 3, in handler\n    raise KeyError('x')\n"]}


@pytest.mark.parametrize(("code", "more", "type_", "text"), [
    ("import nope", {}, "Runtime.ImportModuleError", "Unable to import module 'index': No module named 'nope'"),
    ("", {"Handler": "nope.handler"}, "Runtime.ImportModuleError", "Unable to import module 'nope': No module named 'nope'"),
    ("", {"Handler": "index.nope"}, "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'index'"),
    ("def handler(e, c):\n    import os; os._exit(3)", {}, "Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 3"),
    ("def handler(e, c):\n    import os; os._exit(0)", {}, "Runtime.ExitError", "RequestId: ID Error: Runtime exited without providing a reason"),
    ("def handler(e, c):\n    x = bytearray(400 << 20)\n    return len(x)", {"Timeout": 20}, "Runtime.OutOfMemory", "RequestId: ID Error: Runtime exited with error: signal: killed"),
    ("def handler(e, c): return 'x' * 6291560", {"Timeout": 20}, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."),
    ("def handler(e, c): return object()", {}, "Runtime.MarshalError", "Unable to marshal response: Object of type object is not JSON serializable"),
])
def test_what_goes_wrong_has_a_type_and_a_sentence(bench, code, more, type_, text):
    bench.deploy(code=code, **more)
    answer = bench.client.invoke(FunctionName="f")
    said = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled" and said["errorType"] == type_
    assert said["errorMessage"] == text.replace("ID", answer["ResponseMetadata"]["RequestId"]) if "RequestId: ID" in text else said["errorMessage"] == text


def test_the_headers_of_an_answer_tell_version_error_log_and_request(bench):
    bench.deploy(code="def handler(e, c):\n    print('x' * 6000)\n    return c.aws_request_id")
    answer = bench.client.invoke(FunctionName="f", LogType="Tail")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-executed-version"] == "$LATEST" and "x-amz-function-error" not in headers
    assert json.loads(answer["Payload"].read()) == answer["ResponseMetadata"]["RequestId"] == headers.get("x-amz-request-id", headers.get("x-amzn-requestid"))
    assert len(base64.b64decode(headers["x-amz-log-result"])) == 4096
    later = bench.client.invoke(FunctionName="f", InvocationType="Event", LogType="Tail")
    assert later["StatusCode"] == 202 and later["Payload"].read() == b"" and "LogResult" not in later
    dry = bench.client.invoke(FunctionName="f", InvocationType="DryRun")
    assert dry["StatusCode"] == 204 and dry["Payload"].read() == b""
    refused(bench.client.invoke, "ResourceNotFoundException", FunctionName="f", InvocationType="DryRun", Qualifier="7")


def test_state_survives_between_events_of_one_environment_and_nowhere_else(bench):
    code = """
import os
seen = []
def handler(event, context):
    seen.append(event)
    files = sorted(os.listdir('/tmp'))
    open(f'/tmp/{event}', 'w').close()
    return [seen, files]
"""
    role = bench.role()
    for name in ("f", "g"):
        bench.deploy(name, code, Role=role)
    assert bench.call("f", "a") == [["a"], []]
    assert bench.call("f", "b") == [["a", "b"], ["a"]]
    assert bench.call("g", "c") == [["c"], []]
    bench.client.update_function_configuration(FunctionName="f", Description="another configuration")
    bench.wait("f")
    assert bench.call("f", "d") == [["d"], []]


def test_code_is_read_only_and_tmp_has_its_size(bench):
    code = """
import os, errno
def handler(event, context):
    out = []
    for path in ('/var/task/x', '/opt/x', '/usr/x', '/x', '/var/runtime/x'):
        try:
            open(path, 'w')
            out.append(path)
        except OSError as error:
            out.append(errno.errorcode[error.errno])
    written = 0
    try:
        with open('/tmp/big', 'wb') as file:
            while written < 700:
                file.write(bytes(1 << 20))
                file.flush()
                written += 1
    except OSError as error:
        out.append(errno.errorcode[error.errno])
    os.unlink('/tmp/big')
    return [out, 500 <= written <= 512, os.getcwd()]
"""
    bench.deploy(code=code, Timeout=30, MemorySize=1024)
    out, about, here = bench.call()
    assert set(out[:5]) <= {"EROFS", "EACCES"} and out[5:] == ["ENOSPC"] and about and here == "/var/task"


def test_the_environment_has_the_variables_that_aws_sets(bench):
    bench.deploy(code="import os\ndef handler(e, c): return dict(os.environ)")
    seen = bench.call()
    assert seen["PATH"] == "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin" and seen["LD_LIBRARY_PATH"].startswith("/var/lang/lib:/lib64:/usr/lib64:/var/runtime")
    assert seen["AWS_XRAY_DAEMON_ADDRESS"] and ":" in seen["AWS_LAMBDA_RUNTIME_API"]
    assert all(seen[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"))


def test_the_context_tells_of_the_invocation(bench):
    code = """
def handler(event, c):
    return [c.function_name, c.function_version, c.invoked_function_arn, c.memory_limit_in_mb, c.log_group_name, c.log_stream_name.count('/'), 0 < c.get_remaining_time_in_millis() <= 7000]
"""
    made = bench.deploy(code=code, Timeout=7, Publish=True)
    arn = made["FunctionArn"].removesuffix(":1")
    assert bench.call() == ["f", "$LATEST", arn, "128", "/aws/lambda/f", 3, True]
    bench.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert bench.call(Qualifier="live") == ["f", "1", f"{arn}:live", "128", "/aws/lambda/f", 3, True]


@pytest.mark.skipif(interpreters.node("20") is None, reason="no Node.js 20 here")
def test_a_function_of_node_tells_errors_with_a_trace_and_logs_with_level_and_id(bench):
    code = "exports.handler = async (event) => { console.log('hi', {a: 1}); console.error('bad'); if (event) throw new TypeError('no'); return {ok: true}; };"
    bench.deploy(code={"index.js": code}, Runtime="nodejs20.x")
    answer = bench.client.invoke(FunctionName="f", Payload=b"null", LogType="Tail")
    log, id_ = base64.b64decode(answer["LogResult"]).decode(), answer["ResponseMetadata"]["RequestId"]
    assert json.loads(answer["Payload"].read()) == {"ok": True}
    assert f"Z\t{id_}\tINFO\thi {{ a: 1 }}\n" in log and f"Z\t{id_}\tERROR\tbad\n" in log
    kind, said = failed(bench, event=1)
    assert kind == "Unhandled" and said["errorType"] == "TypeError" and said["errorMessage"] == "no"
    assert said["trace"][0] == "TypeError: no" and said["trace"][1].startswith("    at ") and "/var/task/index.js:1:" in said["trace"][1]


def test_a_report_tells_of_timeouts_and_errors(bench):
    bench.deploy(code="import time\ndef handler(e, c):\n    if e: raise ValueError\n    time.sleep(30)", Timeout=1)
    timed = base64.b64decode(bench.client.invoke(FunctionName="f", Payload=b"0", LogType="Tail")["LogResult"]).decode()
    assert timed.rstrip().splitlines()[-1].startswith("REPORT RequestId: ") and "\tStatus: timeout" in timed and "Task timed out after 1.00 seconds" in timed
    assert "Billed Duration: 1000 ms" in timed or "Billed Duration: 1" in timed
