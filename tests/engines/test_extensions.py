"""Extensions: started before the runtime, told of invocations and of the end, and sent what happens."""
import asyncio
import json
import sys
import time

import pytest

from cloche.engines.run import interpreters

EXTENSION = f"""#!/var/lang/bin/python{sys.version_info[0]}.{sys.version_info[1]} -u
import http.client, json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None, **headers):
    api.request(method, path, body and json.dumps(body), {{k.replace("_", "-"): v for k, v in headers.items()}})
    answer = api.getresponse()
    return answer.status, answer.headers, answer.read()
name = os.path.basename(__file__)
"""

WATCHER = EXTENSION + """
class Listener(BaseHTTPRequestHandler):
    def do_POST(self):
        with open("/tmp/heard", "ab") as file:
            for one in json.loads(self.rfile.read(int(self.headers["content-length"]))):
                file.write(json.dumps(one).encode() + b"\\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *more):
        pass
threading.Thread(target=HTTPServer(("127.0.0.1", 8080), Listener).serve_forever, daemon=True).start()
status, headers, body = ask("POST", "/2020-01-01/extension/register", {"events": ["INVOKE", "SHUTDOWN"]}, Lambda_Extension_Name=name, Lambda_Extension_Accept_Feature="accountId")
print("registered", status, body.decode())
me = headers["Lambda-Extension-Identifier"]
wish = {"schemaVersion": "2022-12-13", "types": ["platform", "function", "extension"], "buffering": {"timeoutMs": 25}, "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}}
print("subscribed", *ask("PUT", "/2022-07-01/telemetry", wish, Lambda_Extension_Identifier=me)[::2])
while True:
    status, headers, body = ask("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=me)
    event = json.loads(body)
    with open("/tmp/events", "a") as file:
        file.write(json.dumps(event) + "\\n")
    if event["eventType"] == "SHUTDOWN":
        print("bye", event["shutdownReason"], flush=True)
        sys.exit()
"""

HANDLER = """
import os
def handler(event, context):
    print("in the function")
    if event.get("look"):
        return open(event["look"]).read().split("\\n")[:-1] if os.path.exists(event["look"]) else []
    return os.environ["_HANDLER"]
"""


def said(outcome):
    return json.loads(outcome.payload)


def whole(bench, environment, payload=b"{}", **more):
    """The outcome when its extensions are done with it as well."""
    outcome = bench.call(environment, payload, **more)
    return bench.run(waited(outcome.rest)) if outcome.rest else outcome


async def waited(awaitable):
    return await awaitable


def test_an_extension_is_started_first_and_told_of_every_invocation_and_of_the_end(bench):
    spec = bench.deploy({"index.py": HANDLER}, opt={"extensions/watcher": WATCHER}, variables={"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST"})
    environment = bench.start(spec._replace(account="123456789012"))
    first = whole(bench, environment)
    assert said(first) == "index.handler"
    texts = [text for _, text in first.lines]
    assert 'registered 200 {"functionName": "f", "functionVersion": "$LATEST", "handler": "index.handler", "accountId": "123456789012"}\n' in texts
    assert "subscribed 200 b'\"OK\"'\n" in texts and "in the function\n" in texts
    assert [(kind, record["state"]) for _, kind, record in first.platform] == [("platform.telemetrySubscription", "Subscribed"), ("platform.extension", "Ready")]
    events = [json.loads(line) for line in said(whole(bench, environment, b'{"look":"/tmp/events"}'))]
    assert events[0]["eventType"] == "INVOKE" and events[0]["invokedFunctionArn"].endswith(":f") and events[0]["deadlineMs"] > time.time() * 1000 - 60000
    assert events[0]["requestId"].startswith("id-") and events[0]["tracing"]["type"] == "X-Amzn-Trace-Id"
    wanted = {f"platform.{kind}" for kind in ("initStart", "initRuntimeDone", "initReport", "telemetrySubscription", "extension", "start", "runtimeDone", "report")} | {"function", "extension"}
    for _ in range(300):
        heard = [json.loads(line) for line in said(whole(bench, environment, b'{"look":"/tmp/heard"}'))]
        if wanted <= {one["type"] for one in heard}:
            break
        bench.run(asyncio.sleep(0.02))
    assert wanted <= {one["type"] for one in heard} and "in the function" in [one["record"] for one in heard if one["type"] == "function"]
    assert next(one for one in heard if one["type"] == "platform.report")["record"]["metrics"]["memorySizeMB"] == 256

    async def end():
        environment.kill()
        await environment.sandbox.ended
        return environment.voice.lines
    assert "bye spindown\n" in [text for _, text in bench.run(end())]


def test_who_does_not_go_in_two_seconds_is_ended(bench):
    deaf = EXTENSION + """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
me = ask("POST", "/2020-01-01/extension/register", {"events": ["SHUTDOWN"]}, Lambda_Extension_Name=name)[1]["Lambda-Extension-Identifier"]
ask("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=me)
time.sleep(60)
"""
    environment = bench.start(bench.deploy({"index.py": HANDLER}, opt={"extensions/deaf": deaf}))
    assert said(bench.call(environment)) == "index.handler"

    async def end():
        environment.kill()
        assert not environment.dead  # it has its moment
        return await asyncio.wait_for(environment.sandbox.ended, 30)
    assert bench.run(end()) == {}  # by nobody but us


def test_the_api_refuses_what_aws_refuses(bench):
    asker = EXTENSION + """
REGISTER = "/2020-01-01/extension/register"
def told(answer):
    return answer[0], json.loads(answer[2])["errorType"]
print(told(ask("POST", REGISTER, {"events": ["INVOKE"]})))
print(told(ask("POST", REGISTER, {"events": ["NOTHING"]}, Lambda_Extension_Name=name)))
print(told(ask("POST", REGISTER, {"events": ["SHUTDOWN"]}, Lambda_Extension_Name="internal")))
print(told(ask("GET", "/2020-01-01/extension/event/next")))
print(told(ask("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier="x")))
print(told(ask("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier="0" * 36)))
me = ask("POST", REGISTER, {"events": []}, Lambda_Extension_Name=name)[1]["Lambda-Extension-Identifier"]
print(told(ask("POST", REGISTER, {"events": []}, Lambda_Extension_Name=name)))
print(told(ask("POST", "/2020-01-01/extension/exit/error", {}, Lambda_Extension_Identifier=me)))
print(told(ask("GET", "/2018-06-01/runtime/invocation/next")))
status, _, body = ask("PUT", "/2022-07-01/telemetry", {"types": [], "buffering": {"maxItems": 1}, "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}}, Lambda_Extension_Identifier=me)
print(status, body.decode())
print(ask("PUT", "/2020-08-15/logs", {"types": ["function"], "destination": {"protocol": "TCP", "port": 9999}}, Lambda_Extension_Identifier=me)[0])
print(told(ask("PUT", "/2022-07-01/telemetry", {"types": ["function"], "destination": {"protocol": "TCP", "port": 9999}}, Lambda_Extension_Identifier=me)))
print({k for k in os.environ if k in ("_HANDLER", "LAMBDA_TASK_ROOT", "AWS_REGION")}, os.getcwd(), flush=True)
ask("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=me)
"""
    outcome = bench.call(bench.deploy({"index.py": HANDLER}, opt={"extensions/asker": asker}, variables={"AWS_REGION": "us-east-1"}))
    assert said(outcome) == "index.handler"
    assert [text.rstrip() for _, text in outcome.lines if text.startswith(("(", "{", "4", "2"))] == [
        "(403, 'Extension.InvalidExtensionName')", "(400, 'Extension.InvalidEventType')", "(400, 'Extension.InvalidEventType')", "(403, 'Extension.MissingExtensionIdentifier')",
        "(403, 'Extension.InvalidExtensionIdentifier')", "(403, 'Extension.UnknownExtensionIdentifier')", "(403, 'Extension.AlreadyRegistered')", "(400, 'Extension.MissingHeader')",
        "(404, 'NotFound')", '400 {"errorMessage": "URI port is not provided; types should not be empty; maxItems should be between 1000 and 10000", "errorType": "ValidationError"}',
        "200", "(403, 'Telemetry.SubscriptionConflict')", "{'AWS_REGION'} /"]


def test_the_answer_does_not_wait_for_an_extension_but_the_environment_does(bench):
    slow = EXTENSION + """
import socket
door = socket.create_server(("127.0.0.1", 7777))
me = ask("POST", "/2020-01-01/extension/register", {"events": ["INVOKE"]}, Lambda_Extension_Name=name)[1]["Lambda-Extension-Identifier"]
while True:
    ask("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=me)
    door.accept()
    print("sent on", flush=True)
"""
    environment = bench.start(bench.deploy({"index.py": "def handler(event, context):\n    return 1"}, opt={"extensions/slow": slow}))
    outcome = bench.call(environment, b"1")
    assert said(outcome) == 1 and outcome.rest and environment.current and not outcome.lines
    bench.run(environment.sandbox.connect(7777)).close()
    final = bench.run(waited(outcome.rest))
    assert "sent on\n" in [text for _, text in final.lines] and final.duration_ms >= outcome.duration_ms
    assert environment.current is None and not environment.dead
    late = bench.call(environment, b"1", timeout=2)
    assert late.status == "success" and bench.run(waited(late.rest)).status == "timeout" and environment.killed


def test_an_extension_that_fails_fails_the_init_or_the_invocation(bench):
    crash = "#!/bin/sh\nexit 3\n"
    outcome = bench.call(bench.deploy({"index.py": HANDLER}, opt={"extensions/crash": crash}))
    assert said(outcome)["errorType"] == "Extension.Crash" and said(outcome)["errorMessage"].endswith("Error: exit status 3") and "RequestId: id-" in said(outcome)["errorMessage"]
    refuse = EXTENSION + """
me = ask("POST", "/2020-01-01/extension/register", {"events": ["INVOKE"]}, Lambda_Extension_Name=name)[1]["Lambda-Extension-Identifier"]
ask("POST", "/2020-01-01/extension/init/error", {}, Lambda_Extension_Identifier=me, Lambda_Extension_Function_Error_Type="Extension.NoConfig")
"""
    outcome = bench.call(bench.deploy({"index.py": HANDLER}, opt={"extensions/refuse": refuse}))
    assert said(outcome)["errorType"] == "Extension.InitError" and said(outcome)["errorMessage"].endswith("Extension.NoConfig")


def test_the_end_of_the_runtime_is_told_as_a_failure(bench):
    code = "import os\ndef handler(event, context):\n    os._exit(4)"
    environment = bench.start(bench.deploy({"index.py": code}, opt={"extensions/watcher": WATCHER}))
    outcome = whole(bench, environment)
    assert said(outcome)["errorType"] == "Runtime.ExitError" and said(outcome)["errorMessage"].endswith("exit status 4")
    bench.run(waited(environment.sandbox.ended))
    assert "bye failure\n" in [text for _, text in environment.voice.lines]


def test_a_wrapper_script_starts_the_runtime_its_own_way(bench):
    wrapper = '#!/bin/sh\necho wrapped "$@"\nexport FROM_WRAPPER=yes\nexec "$1" -X dev "$2"\n'
    code = "import os, sys\ndef handler(event, context):\n    return [os.environ['FROM_WRAPPER'], sys.flags.dev_mode, event]"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    environment = bench.start(bench.deploy({"index.py": code}, runtime=version, opt={"wrap.sh": wrapper}, variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap.sh"}))
    outcome = bench.call(environment, b"7")
    assert said(outcome) == ["yes", True, 7] and f"wrapped /var/lang/bin/{version} /var/runtime/bootstrap.py\n" in [text for _, text in outcome.lines]
    assert said(bench.call(environment, b"8")) == ["yes", True, 8]


def test_logs_come_over_tcp_line_by_line_and_an_internal_extension_registers(bench):
    code = """
import http.client, json, os, socket, threading
heard = []
server = socket.create_server(("127.0.0.1", 8081))
def listen():
    connection, _ = server.accept()
    heard.extend(json.loads(line) for line in connection.makefile())
threading.Thread(target=listen, daemon=True).start()
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body, **headers):
    api.request(method, path, body and json.dumps(body), {k.replace("_", "-"): v for k, v in headers.items()})
    answer = api.getresponse()
    answer.read()
    return answer
me = ask("POST", "/2020-01-01/extension/register", {"events": ["INVOKE"]}, Lambda_Extension_Name="inner").headers["Lambda-Extension-Identifier"]
ask("PUT", "/2020-08-15/logs", {"schemaVersion": "2021-03-18", "types": ["platform", "function"], "buffering": {"timeoutMs": 25}, "destination": {"protocol": "TCP", "port": 8081}}, Lambda_Extension_Identifier=me)
def loop():
    while True:
        ask("GET", "/2020-01-01/extension/event/next", None, Lambda_Extension_Identifier=me)
threading.Thread(target=loop, daemon=True).start()
def handler(event, context):
    print("hello")
    return [[one["type"], one["record"]] for one in heard]
"""
    environment = bench.start(bench.deploy({"index.py": code}, opt={"x": ""}))
    whole(bench, environment)
    for _ in range(300):
        heard = said(whole(bench, environment))
        if [kind for kind, _ in heard].count("platform.end") >= 1:
            break
        bench.run(asyncio.sleep(0.02))
    kinds = [kind for kind, _ in heard]
    assert ["function", "hello"] in heard and {"platform.logsSubscription", "platform.start", "platform.runtimeDone", "platform.end", "platform.report"} <= set(kinds)
    assert "platform.initStart" not in kinds


def test_a_custom_runtime_has_extensions_beside_it_and_registers_itself(bench):
    bootstrap = """#!/bin/sh
A=http://$AWS_LAMBDA_RUNTIME_API
ME=$(curl -s -D - -o /dev/null -X POST -H 'Lambda-Extension-Name: inner' -d '{"events": []}' $A/2020-01-01/extension/register | grep -i lambda-extension-identifier | tr -d '[:space:]' | cut -d: -f2)
curl -s -H "Lambda-Extension-Identifier: $ME" $A/2020-01-01/extension/event/next > /dev/null &
while true; do
  H=$(mktemp)
  curl -s -D "$H" $A/2018-06-01/runtime/invocation/next > /tmp/event
  ID=$(grep -i lambda-runtime-aws-request-id "$H" | tr -d '[:space:]' | cut -d: -f2)
  curl -s -X POST -d "\\"$(cat /tmp/event) $(grep -c INVOKE /tmp/events)\\"" $A/2018-06-01/runtime/invocation/$ID/response > /dev/null
done
"""
    environment = bench.start(bench.deploy({"bootstrap": bootstrap}, "provided.al2023", opt={"extensions/watcher": WATCHER}))
    first = whole(bench, environment, b"7")
    assert {record["name"]: record["events"] for _, kind, record in first.platform if kind == "platform.extension"} == {"watcher": ["INVOKE", "SHUTDOWN"], "inner": []}
    word, count = said(whole(bench, environment, b"8")).split()
    assert word == "8" and int(count) >= 1

    async def end():
        environment.kill()
        await environment.sandbox.ended
        return environment.voice.lines
    assert "bye spindown\n" in [text for _, text in bench.run(end())]


@pytest.mark.skipif(not any(interpreters.node(major) for major in interpreters.NODES), reason="no Node.js of AWS's here")
def test_a_function_of_node_is_wrapped_and_accompanied_as_well(bench):
    runtime = f"nodejs{next(major for major in interpreters.NODES if interpreters.node(major))}.x"
    code = "exports.handler = async (event) => [process.env.FROM_WRAPPER, event];"
    shell = """#!/bin/sh
A=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
ME=$(curl -s -D - -o /dev/null -X POST -H 'Lambda-Extension-Name: shell' -d '{"events": ["INVOKE"]}' $A/register | grep -i lambda-extension-identifier | tr -d '[:space:]' | cut -d: -f2)
while curl -s -H "Lambda-Extension-Identifier: $ME" $A/event/next > /dev/null; do :; done
"""
    spec = bench.deploy({"index.js": code}, runtime, opt={"wrap": '#!/bin/sh\nexport FROM_WRAPPER=yes\nexec "$@"\n', "extensions/shell": shell}, variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"})
    outcome = whole(bench, bench.start(spec), b"5")
    assert said(outcome) == ["yes", 5] and [record["name"] for _, kind, record in outcome.platform if kind == "platform.extension"] == ["shell"]
