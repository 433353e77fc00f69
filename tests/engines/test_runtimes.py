"""The runtimes: what a handler gets, what its answers and errors look like, and that environments are warm, cold and many."""
import asyncio
import json
import os
import time

import pytest

from cloche.engines.run import interpreters
from cloche.engines.run.invocation import Invocation

BOOTSTRAP = """#!/bin/sh
set -euo pipefail
source_file=$LAMBDA_TASK_ROOT/"$(echo $_HANDLER | cut -d. -f1).sh"
. $source_file
while true
do
  HEADERS="$(mktemp)"
  EVENT_DATA=$(curl -sS -LD "$HEADERS" "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")
  REQUEST_ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  RESPONSE=$($(echo "$_HANDLER" | cut -d. -f2) "$EVENT_DATA")
  curl -sS "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$REQUEST_ID/response"  -d "$RESPONSE"
done
"""


def said(outcome):
    return json.loads(outcome.payload)


def texts(outcome):
    return [text for _, text in outcome.lines]


def test_the_shell_tutorial_of_aws_runs(bench):
    script = "function handler () {\n  EVENT_DATA=$1\n  echo \"$EVENT_DATA\" 1>&2;\n  RESPONSE=\"Echoing request: '$EVENT_DATA'\"\n  echo $RESPONSE\n}\n"
    spec = bench.deploy({"bootstrap": BOOTSTRAP.replace("pipefail", "pipefail" if os.path.realpath("/bin/sh").endswith("bash") else "").replace("set -euo \n", "set -eu\n"), "function.sh": script.replace("function handler", "handler")}, "provided.al2023", "function.handler")
    environment = bench.start(spec)
    outcome = bench.call(environment, b'{"text":"Hello"}')
    assert outcome.payload == b"Echoing request: '{\"text\":\"Hello\"}'" and '{"text":"Hello"}\n' in texts(outcome)
    assert bench.call(environment, b'{"n":2}').payload == b"Echoing request: '{\"n\":2}'"


def test_a_bootstrap_in_a_layer_is_found_and_none_is_an_error(bench):
    spec = bench.deploy({"index.sh": "handler () { echo layered; }"}, "provided.al2", "index.handler", opt={"bootstrap": BOOTSTRAP.replace("set -euo pipefail", "set -eu")})
    assert bench.call(spec).payload == b"layered"
    assert said(bench.call(bench.deploy({"x": ""}, "provided.al2023")))["errorType"] == "Runtime.InvalidEntrypoint"


def test_the_runtime_api_refuses_what_is_not_the_current_invocation(bench):
    loop = """#!/bin/sh
A=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
H=$(mktemp)
while true; do
  curl -s -D "$H" $A/invocation/next > /tmp/event
  ID=$(grep -i lambda-runtime-aws-request-id "$H" | tr -d '[:space:]' | cut -d: -f2)
  WRONG=$(curl -s -o /tmp/out -w '%{http_code}' -X POST -d x $A/invocation/nope/response)
  STRANGE=$(curl -s -o /tmp/out2 -w '%{http_code}' http://$AWS_LAMBDA_RUNTIME_API/other)
  curl -s -X POST -H 'Lambda-Runtime-Function-Error-Type: My.Kind' -d "{\\"errorMessage\\":\\"$WRONG $STRANGE $(cat /tmp/out | tr -d '\\"')\\",\\"errorType\\":\\"My.Kind\\"}" $A/invocation/$ID/error > /dev/null
done
"""
    outcome = bench.call(bench.deploy({"bootstrap": loop}, "provided.al2023"))
    assert outcome.status == "error" and outcome.error_type == "My.Kind"
    assert said(outcome)["errorMessage"] == "400 404 {errorMessage: Invalid request ID, errorType: InvalidRequestID}"


def test_an_init_error_of_a_custom_runtime_is_told_to_the_caller(bench):
    script = "#!/bin/sh\ncurl -s -X POST -H 'Lambda-Runtime-Function-Error-Type: Runtime.Bad' -d '{\"errorMessage\":\"no luck\",\"errorType\":\"Runtime.Bad\"}' http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error >/dev/null\nexit 3\n"
    outcome = bench.call(bench.deploy({"bootstrap": script}, "provided.al2023"))
    assert said(outcome) == {"errorMessage": "no luck", "errorType": "Runtime.Bad"}


def test_a_response_can_be_streamed_in_chunks(bench):
    script = """#!/bin/sh
A=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
H=$(mktemp)
curl -s -D "$H" $A/invocation/next > /dev/null
ID=$(grep -i lambda-runtime-aws-request-id "$H" | tr -d '[:space:]' | cut -d: -f2)
(echo one; sleep 0.5; echo two) | curl -s -X POST -H 'Lambda-Runtime-Function-Response-Mode: streaming' -H 'Transfer-Encoding: chunked' -H 'Content-Type: text/plain' -T - $A/invocation/$ID/response > /dev/null
curl -s $A/invocation/next
"""
    chunks = []
    outcome = bench.call(bench.deploy({"bootstrap": script}, "provided.al2023"), on_chunk=lambda data, kind: chunks.append((time.monotonic(), data, kind)))
    assert b"".join(data for _, data, _ in chunks) == b"one\ntwo\n" and outcome.streamed and not outcome.failed
    assert len(chunks) == 2 and chunks[1][0] - chunks[0][0] > 0.05 and chunks[0][2] == "text/plain"


def test_an_environment_is_warm_and_its_state_stays_with_it(bench):
    code = "import os\ncount = 0\ndef handler(e, c):\n    global count\n    count += 1\n    open('/tmp/log', 'a').write('x')\n    return [count, os.path.getsize('/tmp/log')]"
    spec = bench.deploy({"index.py": code})
    one, two = bench.start(spec), bench.start(spec)
    assert [said(bench.call(e)) for e in (one, one, two, one)] == [[1, 1], [2, 2], [1, 1], [3, 3]]


def test_the_context_object_tells_what_aws_documents(bench):
    code = """
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return [context.aws_request_id, context.function_name, context.function_version, context.memory_limit_in_mb, context.log_group_name, context.invoked_function_arn,
            context.client_context.custom, context.identity.cognito_identity_id, 2500 < left <= 3000]
"""
    variables = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f"}
    outcome = bench.call(bench.deploy({"index.py": code}, variables=variables), timeout=3.0, client_context={"custom": {"a": 1}}, cognito={"cognitoIdentityId": "me"})
    assert said(outcome)[1:] == ["f", "$LATEST", "256", "/aws/lambda/f", "arn:aws:lambda:us-east-1:000000000000:function:f", {"a": 1}, "me", True]


def test_an_exception_is_an_error_with_a_trace_and_a_log_line(bench):
    outcome = bench.call(bench.deploy({"index.py": "def handler(e, c):\n    inner()\ndef inner():\n    raise ValueError('no\\ngood')"}))
    assert outcome.status == "error" and outcome.error_type == "ValueError"
    answer = said(outcome)
    assert list(answer) == ["errorMessage", "errorType", "requestId", "stackTrace"] and answer["errorMessage"] == "no\ngood"
    assert answer["stackTrace"] == ['  File "/var/task/index.py", line 2, in handler\n    inner()\n', '  File "/var/task/index.py", line 4, in inner\n    raise ValueError(\'no\\ngood\')\n']
    [line] = texts(outcome)
    assert line.startswith("[ERROR] ValueError: no\ngood\nTraceback (most recent call last):\n")


@pytest.mark.parametrize(("code", "handler", "kind", "text"), [
    ("x = 1", "index.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
    ("x = 1", "nope.handler", "Runtime.ImportModuleError", "Unable to import module 'nope': No module named 'nope'"),
    ("import flask_not_there", "index.handler", "Runtime.ImportModuleError", "Unable to import module 'index': No module named 'flask_not_there'"),
    ("def handler(:", "index.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index': invalid syntax (index.py, line 1)"),
    ("1/0", "index.handler", "ZeroDivisionError", "division by zero"),
    ("x = 1", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler': not enough values to unpack (expected 2, got 1)"),
    ("import datetime\ndef handler(e, c): return datetime.datetime.now()", "index.handler", "Runtime.MarshalError", "Unable to marshal response: Object of type datetime is not JSON serializable"),
])
def test_what_is_wrong_with_the_code_is_said_as_aws_says_it(bench, code, handler, kind, text):
    outcome = bench.call(bench.deploy({"index.py": code}, handler=handler))
    assert outcome.failed and (said(outcome)["errorType"], said(outcome)["errorMessage"]) == (kind, text)
    assert said(outcome)["requestId"].startswith("id-")


@pytest.mark.parametrize(("code", "text"), [
    ("import sys\ndef handler(e, c): sys.exit(3)", "Runtime exited with error: exit status 3"),
    ("import sys\ndef handler(e, c): sys.exit()", "Runtime exited without providing a reason"),
    ("import sys\nsys.exit(1)", "Runtime exited with error: exit status 1"),
    ("import os, signal\ndef handler(e, c): os.kill(os.getpid(), signal.SIGSEGV)", "Runtime exited with error: signal: segmentation fault (core dumped)"),
    ("import os, signal\ndef handler(e, c): os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
])
def test_a_runtime_that_ends_is_an_exit_error(bench, code, text):
    environment = bench.start(bench.deploy({"index.py": code}))
    outcome = bench.call(environment)
    assert said(outcome)["errorType"] == "Runtime.ExitError" and said(outcome)["errorMessage"].split(" Error: ")[1] == text and outcome.status == "failure"


def test_output_is_one_event_a_line_and_a_log_record_one_event(bench):
    code = """
import logging, sys, subprocess
logging.getLogger().setLevel(logging.INFO)
def handler(e, c):
    print("a\\nb")
    logging.info("two\\nlines %s", 1)
    print("to stderr", file=sys.stderr)
    subprocess.run(["echo", "child"])
    sys.stdout.write("unfinished")
"""
    outcome = bench.call(bench.deploy({"index.py": code}))
    lines = texts(outcome)
    assert lines[:2] == ["a\n", "b\n"] and lines[3:] == ["to stderr\n", "child\n", "unfinished"]
    level, moment, request_id, message = lines[2].split("\t")
    assert (level, message) == ("[INFO]", "two\nlines 1\n") and request_id.startswith("id-") and moment.endswith("Z")


def test_log_format_json_makes_records_of_json(bench):
    code = "import logging\ndef handler(e, c):\n    logging.getLogger('x').warning('hey')"
    [line] = texts(bench.call(bench.deploy({"index.py": code}, variables={"AWS_LAMBDA_LOG_FORMAT": "JSON"})))
    record = json.loads(line)
    assert record["level"] == "WARNING" and record["message"] == "hey" and record["logger"] == "x" and record["requestId"].startswith("id-")


def test_boto3_is_there_and_a_functions_own_copy_wins(bench):
    assert said(bench.call(bench.deploy({"index.py": "import boto3\ndef handler(e, c): return boto3.__file__"}))) == "/var/runtime/boto3/__init__.py"
    own = {"index.py": "import boto3\ndef handler(e, c): return boto3.__file__", "boto3/__init__.py": ""}
    assert said(bench.call(bench.deploy(own))) == "/var/task/boto3/__init__.py"


def test_a_response_over_the_limit_is_an_error(bench):
    outcome = bench.call(bench.deploy({"index.py": "def handler(e, c): return 'x' * (7 << 20)"}))
    assert outcome.error_type == "Function.ResponseSizeTooLarge" and "maximum allowed payload size (6291556 bytes)" in said(outcome)["errorMessage"]


def test_large_events_and_responses_pass_whole(bench):
    payload = json.dumps({"x": "y" * (5 << 20)}).encode()
    assert len(said(bench.call(bench.deploy({"index.py": "def handler(e, c): return e"}), payload))["x"]) == 5 << 20


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_each_python_of_the_machine_runs(bench, version):
    if interpreters.python(version) is None:
        pytest.skip(f"no Python {version} here")
    outcome = bench.call(bench.deploy({"index.py": "import sys\ndef handler(e, c): return '%d.%d' % sys.version_info[:2]"}, f"python{version}"))
    assert said(outcome) == version


def test_a_missing_interpreter_is_said_with_what_to_install():
    assert interpreters.find("python3.99") is None and "apt install python3.99" in interpreters.missing("python3.99")
    assert interpreters.find("java21") is None and "provided.al2023" in interpreters.missing("java21")
    assert "nvm install 22" in interpreters.missing("nodejs22.x")


needs_node = pytest.mark.skipif(interpreters.node("20") is None, reason="no Node.js 20 here")


@needs_node
def test_node_handlers_async_callback_and_module(bench):
    for files in ({"index.js": "exports.handler = async (event, context) => { console.log('hi\\nthere', event); return { n: event.n + 1, id: context.awsRequestId }; };"},
                  {"index.mjs": "export const handler = async (event, context) => { console.log('hi\\nthere', event); return { n: event.n + 1, id: context.awsRequestId }; };"},
                  {"index.js": "exports.handler = (event, context, callback) => { console.log('hi\\nthere', event); callback(null, { n: event.n + 1, id: context.awsRequestId }); };"}):
        outcome = bench.call(bench.deploy(files, "nodejs20.x"), b'{"n": 1}')
        assert said(outcome)["n"] == 2
        [line] = texts(outcome)
        _, request_id, level, text = line.split("\t")
        assert (request_id, level, text) == (said(outcome)["id"], "INFO", "hi\nthere { n: 1 }\n")


@needs_node
def test_node_errors_have_type_message_and_trace(bench):
    outcome = bench.call(bench.deploy({"index.js": "exports.handler = async () => { throw new TypeError('bad'); };"}, "nodejs20.x"))
    assert said(outcome)["errorType"] == "TypeError" and said(outcome)["errorMessage"] == "bad" and said(outcome)["trace"][0] == "TypeError: bad"
    assert said(bench.call(bench.deploy({"index.js": ""}, "nodejs20.x")))["errorType"] == "Runtime.HandlerNotFound"
    assert said(bench.call(bench.deploy({"x.js": ""}, "nodejs20.x")))["errorType"] == "Runtime.ImportModuleError"


@needs_node
def test_node_streams_its_response(bench):
    code = "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.setContentType('text/plain'); stream.write('a'); stream.write('b'); stream.end(); });"
    chunks = []
    outcome = bench.call(bench.deploy({"index.js": code}, "nodejs20.x"), on_chunk=lambda data, kind: chunks.append((data, kind)))
    assert outcome.streamed and b"".join(data for data, _ in chunks) == b"ab" and chunks[0][1] == "text/plain"
    assert bench.call(bench.deploy({"index.js": code}, "nodejs20.x")).payload == b"ab"


def test_sixty_four_cold_environments_at_once_all_answer(bench):
    spec = bench.deploy({"index.py": "def handler(e, c): return e"})

    async def one(n):
        environment = await bench.engine.start(spec)
        outcome = await environment.invoke(Invocation(f"i{n}", str(n).encode(), "arn", 10.0))
        environment.kill()
        return int(outcome.payload)

    async def many():
        return await asyncio.gather(*(one(n) for n in range(64)))

    assert bench.run(many()) == list(range(64))


@needs_node
def test_an_installed_aws_sdk_can_be_required_and_imported(tmp_path_factory, monkeypatch):
    from .conftest import Bench
    place = tmp_path_factory.mktemp("sdk")
    (place / "node_modules/@aws-sdk/client-x").mkdir(parents=True)
    (place / "node_modules/@aws-sdk/client-x/index.js").write_text("exports.name = 'sdk';")
    monkeypatch.setattr(interpreters, "node_sdk", lambda: str(place / "node_modules"))
    bench = Bench(place)
    try:
        assert said(bench.call(bench.deploy({"index.js": "const x = require('@aws-sdk/client-x'); exports.handler = async () => x.name;"}, "nodejs20.x"))) == "sdk"
        assert said(bench.call(bench.deploy({"index.mjs": "import x from '@aws-sdk/client-x'; export const handler = async () => x.name;"}, "nodejs20.x"))) == "sdk"
    finally:
        bench.close()
