"""Extensions in layers: what a user of them sees in answers, logs and metrics."""
import base64
import json
import sys

from .conftest import zipped

VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
EXTENSION = f"""#!/var/lang/bin/{VERSION} -u
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None, **headers):
    api.request(method, path, body, {{k.replace("_", "-"): v for k, v in headers.items()}})
    answer = api.getresponse()
    return answer.headers, answer.read()
me = ask("POST", "/2020-01-01/extension/register", '{{"events": ["INVOKE"]}}', Lambda_Extension_Name="collector")[0]["Lambda-Extension-Identifier"]
ask("PUT", "/2022-07-01/telemetry", json.dumps({{"types": ["platform", "function"], "destination": {{"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243"}}}}), Lambda_Extension_Identifier=me)
while True:
    event = json.loads(ask("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=me)[1])
    print("collected", event["requestId"], event["invokedFunctionArn"])
"""


def layered(bench, files, **more):
    layer = bench.client.publish_layer_version(LayerName="tools", Content={"ZipFile": zipped(files)})["LayerVersionArn"]
    return bench.deploy(Runtime=VERSION, Layers=[layer], **more)


def test_an_extension_of_a_layer_hears_of_invocations_and_its_words_are_in_the_functions_log(bench):
    made = layered(bench, {"extensions/collector": EXTENSION})
    answer = bench.client.invoke(FunctionName="f", Payload=b"5", LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert json.loads(answer["Payload"].read()) == 5
    assert f"collected {answer['ResponseMetadata']['RequestId']} {made['FunctionArn']}\n" in tail
    assert "EXTENSION\tName: collector\tState: Ready\tEvents: [INVOKE]\n" in tail and "TELEMETRY\tName: collector\tState: Subscribed\tTypes: [Platform,Function]\n" in tail
    bench.client.update_function_configuration(FunctionName="f", LoggingConfig={"LogFormat": "JSON"})
    bench.wait()
    tail = base64.b64decode(bench.client.invoke(FunctionName="f", Payload=b"5", LogType="Tail")["LogResult"]).decode()
    records = [json.loads(line) for line in tail.splitlines() if line.startswith("{")]
    assert {"name": "collector", "state": "Ready", "events": ["INVOKE"]} in [one["record"] for one in records if one["type"] == "platform.extension"]


def test_what_extensions_did_after_the_answer_is_a_metric_and_the_log_comes_when_they_are_done(bench):
    layered(bench, {"extensions/collector": EXTENSION})
    assert bench.call(event=1) == 1  # without a tail nobody waits for the extension
    bench.cloud.advance(60)
    logs = bench.cloud.client("logs")
    [stream] = logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]
    texts = [e["message"] for e in logs.get_log_events(logGroupName="/aws/lambda/f", logStreamName=stream["logStreamName"])["events"]]
    assert any(text.startswith("collected") for text in texts) and texts[-1].startswith("REPORT")
    metrics = bench.cloud.client("cloudwatch").list_metrics(Namespace="AWS/Lambda", MetricName="PostRuntimeExtensionsDuration")["Metrics"]
    assert [{"Name": "FunctionName", "Value": "f"}] in [one["Dimensions"] for one in metrics]


def test_a_wrapper_script_of_a_layer_starts_the_function(bench):
    wrapper = "#!/bin/sh\nexport GREETING=hello\nexec \"$@\"\n"
    layered(bench, {"wrap": wrapper}, code="import os\ndef handler(event, context): return os.environ['GREETING']", Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}})
    assert bench.call() == "hello"


def test_a_layer_whose_extension_crashes_fails_the_function(bench):
    layered(bench, {"extensions/broken": "#!/bin/sh\nexit 1\n"})
    answer = bench.client.invoke(FunctionName="f", Payload=b"1", LogType="Tail")
    assert answer["FunctionError"] == "Unhandled" and json.loads(answer["Payload"].read()) == {
        "errorType": "Extension.Crash", "errorMessage": f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: exit status 1"}
