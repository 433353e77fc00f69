"""Lambda and X-Ray: who is traced, what Lambda tells of it, and how a function's own segments come below."""
import base64
import json
import time
import urllib.request

from .conftest import refused

XRAY = {"Effect": "Allow", "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}
CODE = """
import json, os, socket, time
def handler(event, context):
    header = os.environ["_X_AMZN_TRACE_ID"]
    said = dict(part.split("=", 1) for part in header.split(";"))
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    own = {"name": "own work", "id": "0123456789abcdef", "trace_id": said["Root"], "parent_id": said["Parent"], "type": "subsegment", "start_time": time.time(), "end_time": time.time() + 0.001,
           "annotations": {"who": "me"}}
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'{"format": "json", "version": 1}\\n' + json.dumps(own).encode(), (host, int(port)))
    if event == "fail":
        raise ValueError("on purpose")
    return header
"""


def parts(header):
    return dict(part.split("=", 1) for part in header.split(";"))


def documents(cloud, root, wanted):
    """Those of a trace, once `wanted(them)`: what a function sends goes its own way."""
    for _ in range(200):
        traces = cloud.client("xray").batch_get_traces(TraceIds=[root])["Traces"]
        found = [json.loads(one["Document"]) for trace in traces for one in trace["Segments"]]
        if wanted(found):
            return {one.get("origin", ""): one for one in found}
        time.sleep(0.02)
    raise AssertionError(found)


def own(found):
    return any(sub["name"] == "own work" for one in found for sub in one.get("subsegments", ()))


def test_an_active_function_is_traced_and_its_own_segments_lie_below(cloud, bench):
    made = bench.deploy("f", CODE, XRAY, TracingConfig={"Mode": "Active"})
    assert made["TracingConfig"] == {"Mode": "Active"}
    log = bench.client.invoke(FunctionName="f", LogType="Tail")
    header = parts(json.loads(log["Payload"].read()))
    assert header["Sampled"] == "1" and len(header["Parent"]) == 16, "the first of a second is in the reservoir"
    found = documents(cloud, header["Root"], own)
    service, function = found["AWS::Lambda"], found["AWS::Lambda::Function"]
    assert (service["name"], service["resource_arn"], service["http"]["response"]["status"], "parent_id" in service) == ("f", made["FunctionArn"], 200, False)
    assert service["aws"]["request_id"] == log["ResponseMetadata"]["RequestId"]
    assert (function["parent_id"], function["id"]) == (service["id"], header["Parent"])
    assert [one["name"] for one in function["subsegments"] if one["name"] != "own work"] == ["Initialization", "Invocation", "Overhead"]
    assert service["start_time"] <= function["start_time"] <= function["end_time"] <= service["end_time"]
    [summary] = cloud.client("xray").get_trace_summaries(StartTime=cloud.now - 300, EndTime=cloud.now + 300, FilterExpression='annotation.who = "me"')["TraceSummaries"]
    assert summary["Id"] == header["Root"] and summary["EntryPoint"]["Type"] == "AWS::Lambda"
    assert f"XRAY TraceId: {header['Root']}\tSegmentId: {header['Parent']}\tSampled: true" in base64.b64decode(log["LogResult"]).decode()


def test_functions_know_their_daemon(cloud, bench):
    bench.deploy("f", "import os\ndef handler(event, context):\n    return {name: os.environ.get(name) for name in event}\n")
    names = ["AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT"]
    found = bench.call("f", names)
    assert found["AWS_XRAY_CONTEXT_MISSING"] == "LOG_ERROR"
    assert found["AWS_XRAY_DAEMON_ADDRESS"] == f"{found['_AWS_XRAY_DAEMON_ADDRESS']}:{found['_AWS_XRAY_DAEMON_PORT']}"


def test_what_was_decided_before_is_followed(cloud, bench):
    bench.deploy("active", CODE, XRAY, TracingConfig={"Mode": "Active"})
    bench.deploy("passive", CODE, XRAY)

    def invoke(name, given):
        client = cloud.client("lambda")
        client.meta.events.register("before-sign.lambda.Invoke", lambda request, **_: request.headers.__setitem__("X-Amzn-Trace-Id", given))
        return parts(json.loads(client.invoke(FunctionName=name, Payload=b"null")["Payload"].read()))
    root = f"1-{int(cloud.now):08x}-{'a' * 24}"
    header = invoke("passive", f"Root={root};Parent=1111111111111111;Sampled=1")
    assert header["Root"] == root and header["Parent"] != "1111111111111111" and header["Sampled"] == "1"
    found = documents(cloud, root, own)
    assert found["AWS::Lambda"]["parent_id"] == "1111111111111111" and found["AWS::Lambda::Function"]["id"] == header["Parent"]
    assert "Initialization" in [one["name"] for one in found["AWS::Lambda::Function"]["subsegments"]]
    other = root.replace("a" * 24, "b" * 24)
    assert invoke("active", f"Root={other};Parent=1111111111111111;Sampled=0")["Sampled"] == "0"
    assert invoke("passive", f"Root={other}")["Root"] == other
    assert parts(bench.call("passive"))["Sampled"] == "0"
    assert "AWS::Lambda" not in {json.loads(one["Document"]).get("origin") for trace in cloud.client("xray").batch_get_traces(TraceIds=[other])["Traces"] for one in trace["Segments"]}


def test_sampling_rules_decide_for_active_functions(cloud, bench):
    xray = cloud.client("xray")
    xray.create_sampling_rule(SamplingRule={"RuleName": "never", "ResourceARN": "*", "Priority": 1, "FixedRate": 0, "ReservoirSize": 0, "ServiceName": "quiet", "ServiceType": "AWS::Lambda::Function",
                                            "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1})
    bench.deploy("quiet", CODE, XRAY, TracingConfig={"Mode": "Active"})
    assert parts(bench.call("quiet"))["Sampled"] == "0"
    xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "never", "FixedRate": 1})
    assert parts(bench.call("quiet"))["Sampled"] == "1"


def test_a_failure_is_a_fault_with_its_cause(cloud, bench):
    bench.deploy("f", CODE, XRAY, TracingConfig={"Mode": "Active"})
    assert bench.call("f", "fail")["errorType"] == "ValueError"
    [summary] = cloud.client("xray").get_trace_summaries(StartTime=cloud.now - 300, EndTime=cloud.now + 300, FilterExpression='service(id(name: "f", type: "AWS::Lambda::Function")) { fault }')["TraceSummaries"]
    assert summary["HasFault"] and summary["FaultRootCauses"][0]["Services"][-1]["EntityPath"][0]["Exceptions"] == [{"Name": "ValueError", "Message": "on purpose"}]


def test_active_tracing_needs_a_role_that_may_send(cloud, bench):
    made = bench.role("poor")
    message = "The provided execution role does not have permissions to call PutTraceSegments on XRAY"
    refused(bench.client.create_function, "InvalidParameterValueException", message, FunctionName="f", Role=made, Runtime="python3.11", Handler="index.handler",
            Code={"ZipFile": b"PK"}, TracingConfig={"Mode": "Active"})
    bench.deploy("f", CODE, Role=made)
    refused(bench.client.update_function_configuration, "InvalidParameterValueException", message, FunctionName="f", TracingConfig={"Mode": "Active"})
    bench.allow("poor", XRAY)
    assert bench.client.update_function_configuration(FunctionName="f", TracingConfig={"Mode": "Active"})["TracingConfig"] == {"Mode": "Active"}


def test_all_tries_of_an_event_are_of_one_trace_and_a_url_hands_the_header_on(cloud, bench):
    bench.deploy("f", CODE, XRAY, TracingConfig={"Mode": "Active"})
    bench.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'"fail"')
    cloud.advance(200)
    traces = cloud.client("xray").get_trace_summaries(StartTime=cloud.now - 1000, EndTime=cloud.now + 300, FilterExpression='service("f") { fault }')["TraceSummaries"]
    assert len(traces) == 1
    tries = documents(cloud, traces[0]["Id"], lambda found: len([one for one in found if one.get("origin") == "AWS::Lambda"]) == 2)
    assert tries["AWS::Lambda"]["fault"]
    url = bench.client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    for action, more in (("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}), ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True})):
        bench.client.add_permission(FunctionName="f", StatementId=action.partition(":")[2], Action=action, Principal="*", **more)
    root = f"1-{int(cloud.now):08x}-{'9' * 24}"
    request = urllib.request.Request(f"{cloud.url}/", headers={"Host": url.split("/")[2], "X-Amzn-Trace-Id": f"Root={root};Sampled=1"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert parts(answer.read().decode())["Root"] == root
    assert documents(cloud, root, own)["AWS::Lambda::Function"]["name"] == "f"
