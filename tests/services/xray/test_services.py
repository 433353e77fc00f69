"""Services that trace: a request's way through a stage, a function and a state machine is one trace."""
import json
import time

from ..apigateway.conftest import Api, backend
from ..lambda_.conftest import Bench
from ..lambda_.test_tracing import CODE, XRAY, parts
from ..stepfunctions.conftest import States

__all__ = ["backend"]


def documents(cloud, root, wanted):
    for _ in range(200):
        traces = cloud.client("xray").batch_get_traces(TraceIds=[root])["Traces"]
        found = {(one["name"], one.get("origin", "")): one for trace in traces for one in (json.loads(each["Document"]) for each in trace["Segments"])}
        if wanted(found):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def untraced(cloud, *roots):
    """The function of these tests tells of itself in any case; no service does."""
    traces = cloud.client("xray").batch_get_traces(TraceIds=list(roots))["Traces"]
    return not any("origin" in json.loads(one["Document"]) for trace in traces for one in trace["Segments"])


PROXY = "import json\n" + CODE.replace("return header", 'return {"statusCode": 200, "body": json.dumps(header)}')


def test_a_traced_stage_its_function_and_what_that_does_are_one_trace(cloud, backend):
    bench, api = Bench(cloud), Api(cloud)
    arn = bench.deploy("f", PROXY, XRAY)["FunctionArn"]        # it does not trace by itself: it follows
    bench.client.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    api.method("/f", integration={"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"})
    api.method("/h", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": f"{backend}/status/503"})
    api.deploy(tracingEnabled=True)
    answer = api.call("/f")
    header, inside = parts(answer.headers["X-Amzn-Trace-Id"]), parts(answer.json)
    assert header["Sampled"] == "1" and inside["Root"] == header["Root"] and inside["Sampled"] == "1"
    found = documents(cloud, header["Root"], lambda those: len(those) == 3 and len(those.get(("f", "AWS::Lambda::Function"), {}).get("subsegments", ())) > 3)
    stage = found["test/dev", "AWS::ApiGateway::Stage"]
    assert (stage["http"]["request"]["method"], stage["http"]["response"]["status"], "parent_id" in stage) == ("GET", 200, False)
    assert stage["http"]["request"]["url"].endswith("/dev/f") and stage["aws"]["api_gateway"]["rest_api_id"] == api.id and stage["resource_arn"].endswith(f"/restapis/{api.id}/stages/dev")
    [asked] = stage["subsegments"]
    assert (asked["name"], asked["namespace"], asked["aws"]["function_name"], asked["id"]) == ("Lambda", "aws", "f", header["Parent"])
    assert found["f", "AWS::Lambda"]["parent_id"] == asked["id"] and inside["Parent"] == found["f", "AWS::Lambda::Function"]["id"]
    [one] = cloud.client("xray").get_trace_summaries(StartTime=cloud.now - 100, EndTime=cloud.now + 100, FilterExpression='edge("test/dev", "f")')["TraceSummaries"]
    assert one["EntryPoint"]["Name"] == "test/dev"
    root = f"1-{int(cloud.now):08x}-{'c' * 24}"
    failed = api.call("/h", headers={"X-Amzn-Trace-Id": f"Root={root};Parent=2222222222222222;Sampled=1"})
    told = parts(failed.json["headers"]["X-Amzn-Trace-Id"])
    found = documents(cloud, root, bool)
    stage = found["test/dev", "AWS::ApiGateway::Stage"]
    assert (failed.status, told["Root"], told["Parent"], stage["parent_id"], stage["fault"]) == (503, root, stage["subsegments"][0]["id"], "2222222222222222", True)
    assert stage["subsegments"][0]["namespace"] == "remote" and found["127.0.0.1", ""]["inferred"]
    untold = api.call("/f", headers={"X-Amzn-Trace-Id": f"Root={root[:-1]}d;Sampled=0"})
    assert parts(untold.headers["X-Amzn-Trace-Id"])["Sampled"] == "0" == parts(untold.json)["Sampled"]
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/tracingEnabled", "value": "false"}])
    plain = parts(api.call("/f").json)
    assert plain["Sampled"] == "0" and untraced(cloud, root[:-1] + "d", plain["Root"])


def test_an_execution_of_a_traced_machine_is_a_segment_of_its_states(cloud):
    states = States(cloud)
    bench = Bench(cloud)
    arn = bench.deploy("f", CODE.replace('event == "fail"', 'event.get("fail")'), XRAY)["FunctionArn"]
    states.allow("lambda:InvokeFunction", "xray:*")
    work = {"First": {"Type": "Pass", "Next": "Both"}, "Both": {"Type": "Parallel", "Next": "Task", "Branches": [{"StartAt": "In", "States": {"In": {"Type": "Pass", "End": True}}}], "ResultPath": None},
            "Task": {"Type": "Task", "Resource": arn, "End": True}}
    machine = states.machine(work, name="m", tracingConfiguration={"enabled": True})
    root = f"1-{int(cloud.now):08x}-{'e' * 24}"
    done = states.end(states.start(machine, {}, traceHeader=f"Root={root};Parent=3333333333333333;Sampled=1"))
    assert parts(json.loads(done["output"]))["Root"] == root
    found = documents(cloud, root, lambda those: len(those) == 3)
    segment = found["m", "AWS::StepFunctions::StateMachine"]
    assert (segment["parent_id"], segment["aws"]["execution_arn"], [one["name"] for one in segment["subsegments"]]) == ("3333333333333333", done["executionArn"], ["First", "Both", "In", "Task"])
    [asked] = segment["subsegments"][-1]["subsegments"]
    assert (asked["name"], found["f", "AWS::Lambda"]["parent_id"]) == ("Lambda", asked["id"]) and "fault" not in segment
    assert states.end(states.start(machine, {"fail": True}))["status"] == "FAILED"
    [summary] = cloud.client("xray").get_trace_summaries(StartTime=cloud.now - 100, EndTime=cloud.now + 100, FilterExpression='service("m") { fault }')["TraceSummaries"]
    assert summary["EntryPoint"]["Type"] == "AWS::StepFunctions::StateMachine" and {one["Name"] for one in summary["ServiceIds"]} == {"m", "f"}
    quiet = states.end(states.start(machine, {}, traceHeader=f"Root={root[:-1]}f;Sampled=0"))
    assert parts(json.loads(quiet["output"]))["Sampled"] == "0" and untraced(cloud, root[:-1] + "f")


def test_topics_buses_and_queues_hand_the_header_on(cloud):
    bench, sns, sqs, events = Bench(cloud), cloud.client("sns"), cloud.client("sqs"), cloud.client("events")
    arn = bench.deploy("f", CODE.replace('event == "fail"', "False"), XRAY)["FunctionArn"]
    for service in ("sns", "events"):
        bench.client.add_permission(FunctionName="f", StatementId=service, Action="lambda:InvokeFunction", Principal=f"{service}.amazonaws.com")
    topic, url = sns.create_topic(Name="t")["TopicArn"], sqs.create_queue(QueueName="q")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue}]})})
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    events.put_rule(Name="r", EventPattern='{"source": ["mine"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    roots = [f"1-{int(cloud.now):08x}-{letter * 24}" for letter in "12"]
    for client, root in ((sns, roots[0]), (events, roots[1])):
        client.meta.events.register("before-sign", lambda request, root=root, **_: request.headers.__setitem__("X-Amzn-Trace-Id", f"Root={root};Parent=4444444444444444;Sampled=1"))
    sns.publish(TopicArn=topic, Message="m")
    events.put_events(Entries=[{"Source": "mine", "DetailType": "d", "Detail": "{}"}])
    cloud.advance(5)
    for root in roots:
        assert documents(cloud, root, lambda those: ("f", "AWS::Lambda") in those)["f", "AWS::Lambda"]["parent_id"] == "4444444444444444"
    [message] = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["AWSTraceHeader"])["Messages"]
    assert parts(message["Attributes"]["AWSTraceHeader"])["Root"] == roots[0]
