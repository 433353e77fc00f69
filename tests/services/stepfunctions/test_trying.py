"""TestState: one state tried by itself."""
import http.server
import json
import threading

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloche.testing import people


@pytest.fixture
def tried(cloud, states):
    client = cloud.client("stepfunctions", config=Config(inject_host_prefix=False))

    def run(state, given=None, role=True, **more):
        return client.test_state(definition=json.dumps(state), input=json.dumps(given or {}), **({"roleArn": states.role} if role else {}), **more)
    return run


def refused(function, *args, **more):
    with pytest.raises(ClientError) as error:
        function(*args, **more)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_state_is_tried_with_what_each_step_makes_of_its_input(tried):
    state = {"Type": "Pass", "InputPath": "$.a", "Parameters": {"x.$": "$.b"}, "ResultPath": "$.r", "OutputPath": "$.r", "Assign": {"v.$": "$.x"}, "Next": "Other"}
    plain = tried(state, {"a": {"b": 1}}, role=False)
    assert (plain["status"], json.loads(plain["output"]), plain["nextState"]) == ("SUCCEEDED", {"x": 1}, "Other") and "inspectionData" not in plain
    seen = tried(state, {"a": {"b": 1}}, role=False, inspectionLevel="DEBUG", variables='{"w": 2}')["inspectionData"]
    assert {name: json.loads(value) for name, value in seen.items()} == {
        "input": {"a": {"b": 1}}, "afterInputPath": {"b": 1}, "afterParameters": {"x": 1}, "result": {"x": 1}, "afterResultSelector": {"x": 1},
        "afterResultPath": {"a": {"b": 1}, "r": {"x": 1}}, "variables": {"w": 2, "v": 1}}
    choice = {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "{% $states.input.n > $least %}", "Next": "Big"}], "Default": "Small"}
    assert [tried(choice, {"n": n}, variables='{"least": 5}')["nextState"] for n in (9, 1)] == ["Big", "Small"]
    failed = tried({"Type": "Fail", "Error": "E", "Cause": "why"})
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "E", "why")
    assert tried({"Type": "Pass", "InputPath": "$.none", "End": True})["error"] == "States.Runtime"


def test_a_task_is_really_called_under_the_role(cloud, states, tried):
    states.allow("sqs:SendMessage")
    url = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": url, "MessageBody.$": "$.m"}, "ResultSelector": {"id.$": "$.MessageId"}, "End": True}
    found = tried(task, {"m": "hello"}, inspectionLevel="DEBUG")
    assert json.loads(found["output"])["id"] and json.loads(found["inspectionData"]["afterParameters"])["MessageBody"] == "hello" and "nextState" not in found
    assert cloud.client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    broken = {**task, "Parameters": {"QueueUrl": url + "x", "MessageBody": "m"}, "Retry": [{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 7}]}
    again = tried(broken, inspectionLevel="DEBUG")
    assert again["status"] == "RETRIABLE" and again["error"].startswith("SQS.") and again["inspectionData"]["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": 7}
    caught = tried({**broken, "Retry": [], "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "After"}]}, {"k": 1}, inspectionLevel="DEBUG")
    assert (caught["status"], caught["nextState"], caught["inspectionData"]["errorDetails"]) == ("CAUGHT_ERROR", "After", {"catchIndex": 0})
    assert json.loads(caught["output"])["k"] == 1 and json.loads(caught["output"])["e"]["Error"] == caught["error"]


def test_a_mock_stands_in_for_whoever_would_be_asked(cloud, states, tried):
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": {"FunctionName": "f", "Payload": {"t.$": "$$.Task.Token"}}, "End": True}
    assert refused(tried, task)[0] == "ValidationException"  # nobody would answer
    found = tried(task, role=False, mock={"result": '{"a": 1}'}, context='{"Task": {"Token": "tok"}}', inspectionLevel="DEBUG")
    assert json.loads(found["output"]) == {"a": 1} and json.loads(found["inspectionData"]["afterParameters"])["Payload"] == {"t": "tok"}
    put = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:createQueue", "Parameters": {"QueueName": "q"}, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 3}], "Next": "N"}
    assert tried(put, role=False, mock={"result": '{"QueueUrl": "u"}'})["nextState"] == "N"
    assert "is not in the answer" in refused(tried, put, role=False, mock={"result": '{"Nonsense": "u"}'})[1]
    assert "must be a string" in refused(tried, put, role=False, mock={"result": '{"QueueUrl": 1}', "fieldValidationMode": "PRESENT"})[1]
    assert tried(put, role=False, mock={"result": '{"Nonsense": 1}', "fieldValidationMode": "NONE"})["status"] == "SUCCEEDED"
    failing = {"errorOutput": {"error": "Sqs.SomeException", "cause": "c"}}
    again = tried(put, role=False, mock=failing, stateConfiguration={"retrierRetryCount": 1}, inspectionLevel="DEBUG")
    assert (again["status"], again["inspectionData"]["errorDetails"]["retryBackoffIntervalSeconds"]) == ("RETRIABLE", 6)
    over = tried(put, role=False, mock=failing, stateConfiguration={"retrierRetryCount": 2})
    assert (over["status"], over["error"], over["cause"]) == ("FAILED", "Sqs.SomeException", "c")
    assert refused(tried, {"Type": "Pass", "End": True}, mock={"result": "{}"})[0] == "ValidationException"
    assert refused(tried, {"Type": "Pass", "End": True}, context='{"a": 1}')[0] == "ValidationException"


def test_maps_and_parallels_are_tried_with_mocks(tried):
    inner = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    each = {"Type": "Map", "ItemsPath": "$.all", "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}, "MaxConcurrency": 3, "ItemProcessor": inner, "End": True}
    assert refused(tried, each)[0] == "ValidationException"
    found = tried(each, {"all": ["a", "b"]}, role=False, mock={"result": "[1, 2]"}, inspectionLevel="DEBUG")
    assert json.loads(found["output"]) == [1, 2] and found["inspectionData"]["maxConcurrency"] == 3
    assert json.loads(found["inspectionData"]["afterItemSelector"]) == [{"i": 0, "v": "a"}, {"i": 1, "v": "b"}] and json.loads(found["inspectionData"]["afterItemsPath"]) == ["a", "b"]
    both = {"Type": "Parallel", "Branches": [inner, {"StartAt": "Q", "States": {"Q": {"Type": "Pass", "End": True}}}], "End": True}
    assert json.loads(tried(both, role=False, mock={"result": "[1, 2]"})["output"]) == [1, 2]
    assert refused(tried, both, role=False, mock={"result": "[1]"})[0] == "ValidationException"


def test_a_state_is_found_in_a_whole_machine(tried):
    machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "In", "States": {"In": {"Type": "Pass", "Result": 7, "Next": "Out"}, "Out": {"Type": "Succeed"}}}, "End": True}}}
    found = tried(machine, stateName="In")
    assert (found["output"], found["nextState"]) == ("7", "Out")
    assert refused(tried, machine)[0] == "ValidationException" and refused(tried, machine, stateName="None")[0] == "ValidationException"
    assert refused(tried, {"Type": "Nonsense"})[0] == "InvalidDefinition"


def test_a_wait_is_on_the_clock(cloud, tried):
    got = []
    asking = threading.Thread(target=lambda: got.append(tried({"Type": "Wait", "Seconds": 100, "Next": "N"}, {"a": 1})))
    asking.start()
    for _ in range(600):  # until the request has come in, and its wait is over
        cloud.advance(50)
        asking.join(0.05)
        if got:
            break
    assert json.loads(got[0]["output"]) == {"a": 1} and got[0]["nextState"] == "N"


# -- HTTP -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def endpoint():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            server.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(int(self.headers["content-length"] or 0)).decode()))
            body = server.body
            self.send_response(server.status)
            self.send_header("content-length", str(len(body)))
            self.send_header("x-two", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status, server.body = [], 200, b'{"ok": true}'
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def connection(cloud):
    return cloud.client("events").create_connection(Name="c", AuthorizationType="BASIC", AuthParameters={
        "BasicAuthParameters": {"Username": "u", "Password": "p"}, "InvocationHttpParameters": {"QueryStringParameters": [{"Key": "k", "Value": "hidden", "IsValueSecret": True}]}})["ConnectionArn"]


ALLOWED = ("states:InvokeHTTPEndpoint", "events:RetrieveConnectionCredentials", "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret")


def asking(endpoint, arn, **more):
    return {"T": {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": True, "Parameters": {
        "ApiEndpoint": endpoint.url + "/x", "Method": "POST", "Authentication": {"ConnectionArn": arn}, "RequestBody": {"a": [1, 2], "b": {"c": "d e"}}, "QueryParameters": {"q": "1"}, **more}}}


def test_an_http_task_calls_an_endpoint_with_a_connections_credentials(cloud, states, endpoint):
    arn = connection(cloud)
    states.allow(*ALLOWED)
    found = states.output(asking(endpoint, arn, Headers={"X-Own": "own"}))
    assert (found["StatusCode"], found["StatusText"], found["ResponseBody"], found["Headers"]["x-two"]) == (200, "OK", {"ok": True}, ["1"])
    path, headers, body = endpoint.got[0]
    assert path == "/x?k=hidden&q=1" and headers["authorization"] == "Basic dTpw" and headers["x-own"] == "own" and json.loads(body) == {"a": [1, 2], "b": {"c": "d e"}}
    assert headers["user-agent"] == "Amazon|StepFunctions|HttpInvoke|us-east-1" and headers["content-type"] == "application/json"
    form = {"Headers": {"Content-Type": "application/x-www-form-urlencoded"}, "Transform": {"RequestBodyEncoding": "URL_ENCODED"}}
    states.output(asking(endpoint, arn, **form))
    form["Transform"]["RequestEncodingOptions"] = {"ArrayFormat": "REPEAT"}
    states.output(asking(endpoint, arn, **form))
    assert [body for _, _, body in endpoint.got[1:]] == ["a[0]=1&a[1]=2&b[c]=d%20e", "a=1&a=2&b[c]=d%20e"]
    endpoint.status, endpoint.body = 503, b"no"
    failed = states.run(asking(endpoint, arn))
    assert (failed["error"], failed["cause"]) == ("States.Http.StatusCode.503", "no")
    states.allow(*ALLOWED[1:])
    assert states.error(asking(endpoint, arn)) == "States.Permissions"


def test_at_the_level_trace_the_request_and_the_answer_are_shown(cloud, states, tried, endpoint):
    arn = connection(cloud)
    states.allow(*ALLOWED)
    found = tried(asking(endpoint, arn)["T"], inspectionLevel="TRACE")["inspectionData"]
    assert (found["request"]["method"], found["request"]["url"], found["request"]["protocol"]) == ("POST", endpoint.url + "/x?q=1", "http") and "uthorization" not in found["request"]["headers"]
    assert (found["response"]["statusCode"], found["response"]["statusMessage"], found["response"]["body"]) == ("200", "OK", '{"ok": true}')
    with_all = tried(asking(endpoint, arn)["T"], inspectionLevel="TRACE", revealSecrets=True)["inspectionData"]
    assert "k=hidden" in with_all["request"]["url"] and "Basic dTpw" in with_all["request"]["headers"]
    ann = people.Person(cloud, "tester", people.allow(["states:TestState", "iam:PassRole"])).client("stepfunctions", config=Config(inject_host_prefix=False))
    assert refused(ann.test_state, definition=json.dumps(asking(endpoint, arn)["T"]), roleArn=states.role, revealSecrets=True)[0] == "AccessDeniedException"
