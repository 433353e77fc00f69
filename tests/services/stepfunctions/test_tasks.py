"""Tasks: functions, services, callbacks, activities; what is retried and what is caught."""
import json

import pytest

from .test_executions import refused

ECHO = "def handler(event, context):\n    return {'got': event}\n"
BREAK = "class Custom(Exception):\n    pass\ndef handler(event, context):\n    raise Custom('no')\n"


def task(resource, **more):
    return {"T": {"Type": "Task", "Resource": resource, "End": True, **more}}


def test_a_function_is_called_by_its_arn(cloud, states):
    arn = states.function("echo", ECHO)
    execution = states.start(states.machine(task(arn, ResultSelector={"x.$": "$.got.a"}, ResultPath="$.r")), {"a": 1})
    assert json.loads(states.end(execution)["output"]) == {"a": 1, "r": {"x": 1}}
    assert [event["type"] for event in states.history(execution)][2:5] == ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]


def test_lambda_invoke_answers_with_payload_and_version(cloud, states):
    states.function("echo", ECHO)
    found = states.output(task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "echo", "Payload.$": "$"}), {"a": 1})
    assert (found["Payload"], found["StatusCode"], found["ExecutedVersion"]) == ({"got": {"a": 1}}, 200, "$LATEST")


def test_a_functions_exception_is_the_name_of_the_error(cloud, states):
    arn = states.function("break", BREAK)
    found = states.run(task(arn))
    assert found["error"] == "Custom" and json.loads(found["cause"])["errorMessage"] == "no"
    caught = states.output({**task(arn, Catch=[{"ErrorEquals": ["Custom"], "ResultPath": "$.e", "Next": "C"}]), "C": {"Type": "Succeed"}}, {"x": 1})
    assert caught["x"] == 1 and caught["e"]["Error"] == "Custom"


def test_without_the_roles_permission_a_task_fails(cloud, states):
    arn = states.function("echo", ECHO)
    states.allow("s3:ListBucket")
    found = states.run(task(arn))
    assert states.output({**task(arn, Catch=[{"ErrorEquals": ["States.Permissions"], "Next": "C"}]), "C": {"Type": "Succeed"}})["Error"] == "Lambda.AWSLambdaException"
    assert found["error"] == "Lambda.AWSLambdaException" and "is not authorized to perform: lambda:InvokeFunction" in found["cause"]


def test_retries_wait_longer_each_time(cloud, states):
    states.allow("sqs:GetQueueUrl")
    machine = states.machine(task("arn:aws:states:::aws-sdk:sqs:getQueueUrl", Parameters={"QueueName": "none"},
                                  Retry=[{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 10, "MaxAttempts": 2, "BackoffRate": 3}]))
    arn = states.start(machine)
    cloud.advance(9)
    count = lambda: [event["type"] for event in states.history(arn)].count("TaskScheduled")
    assert count() == 1
    cloud.advance(2)
    assert count() == 2
    cloud.advance(28)
    assert count() == 2
    cloud.advance(3)
    assert states.end(arn)["error"] == "Sqs.QueueDoesNotExistException" and count() == 3


def test_a_longest_delay_bounds_the_backoff(cloud, states):
    states.allow("sqs:GetQueueUrl")
    arn = states.start(states.machine(task("arn:aws:states:::aws-sdk:sqs:getQueueUrl", Parameters={"QueueName": "none"},
                                           Retry=[{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 5, "MaxDelaySeconds": 6, "BackoffRate": 10}])))
    cloud.advance(20)
    assert states.end(arn, 0)["status"] == "FAILED"


def test_services_are_called_under_the_machines_role(cloud, states):
    states.allow("dynamodb:*", "sqs:*", "sns:*", "events:*")
    ddb, url = cloud.client("dynamodb"), cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    ddb.create_table(TableName="things", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")
    found = states.output({
        "Put": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Parameters": {"TableName": "things", "Item": {"id": {"S.$": "$.id"}, "n": {"N": "1"}}}, "ResultPath": None, "Next": "Get"},
        "Get": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": {"TableName": "things", "Key": {"id": {"S.$": "$.id"}}}, "ResultSelector": {"n.$": "$.Item.n.N"}, "ResultPath": "$.got", "Next": "Send"},
        "Send": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": url, "MessageBody": {"n.$": "$.got.n"}}, "ResultPath": "$.sent", "End": True}}, {"id": "k"})
    assert found["got"] == {"n": "1"} and found["sent"]["MessageId"]
    assert json.loads(cloud.client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"]) == {"n": "1"}
    assert states.error(task("arn:aws:states:::dynamodb:getItem", Parameters={"TableName": "none", "Key": {"id": {"S": "k"}}})) == "DynamoDB.ResourceNotFoundException"


def test_every_service_is_reached_through_its_sdk(cloud, states):
    states.allow("s3:*", "ssm:*")
    cloud.client("s3").create_bucket(Bucket="states-" + cloud.account)
    machine = {
        "Put": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject", "Parameters": {"Bucket": "states-" + cloud.account, "Key": "k", "Body": {"a": 1}}, "ResultPath": None, "Next": "Get"},
        "Get": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Parameters": {"Bucket": "states-" + cloud.account, "Key": "k"}, "ResultSelector": {"body.$": "States.StringToJson($.Body)"}, "End": True}}
    assert states.output(machine) == {"body": {"a": 1}}
    assert states.error(task("arn:aws:states:::aws-sdk:s3:getObject", Parameters={"Bucket": "states-" + cloud.account, "Key": "none"})) == "S3.NoSuchKeyException"
    assert states.error(task("arn:aws:states:::aws-sdk:ssm:getParameter", Parameters={"Nonsense": 1})) == "States.Runtime"


# -- callbacks ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(cloud, states):
    """A machine that sends its token to a queue and waits for the answer."""
    states.allow("sqs:SendMessage")
    url = cloud.client("sqs").create_queue(QueueName="tokens")["QueueUrl"]

    def start(**more):
        arn = states.start(states.machine(task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Parameters={"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}, **more)))
        cloud.advance(1)
        return arn, json.loads(cloud.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=2)["Messages"][0]["Body"])["token"]
    return start


def test_a_token_brings_the_answer(cloud, states, waiting):
    arn, token = waiting()
    assert states.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert refused(states.client.send_task_success, taskToken=token, output="{") == "InvalidOutput"
    states.client.send_task_success(taskToken=token, output='{"ok": true}')
    assert json.loads(states.end(arn)["output"]) == {"ok": True}
    assert [event["type"] for event in states.history(arn)][2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert refused(states.client.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"
    assert refused(states.client.send_task_success, taskToken="nonsense", output="{}") == "InvalidToken"


def test_a_token_brings_a_failure(states, waiting):
    arn, token = waiting()
    states.client.send_task_failure(taskToken=token, error="Theirs", cause="because")
    found = states.end(arn)
    assert (found["error"], found["cause"]) == ("Theirs", "because")


def test_a_heartbeat_keeps_a_task_alive_and_silence_ends_it(cloud, states, waiting):
    arn, token = waiting(HeartbeatSeconds=10)
    cloud.advance(8)
    states.client.send_task_heartbeat(taskToken=token)
    cloud.advance(8)
    assert states.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    cloud.advance(4)
    assert states.end(arn, 0)["error"] == "States.HeartbeatTimeout"
    assert refused(states.client.send_task_heartbeat, taskToken=token) == "TaskTimedOut"


def test_a_task_that_takes_too_long_times_out(cloud, states, waiting):
    arn, _ = waiting(TimeoutSeconds=5, Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "T"}])
    cloud.advance(6)
    assert states.end(arn, 0)["error"] == "States.Timeout"


def test_how_long_a_task_may_take_can_come_from_its_input(cloud, states):
    activity = states.client.create_activity(name="slow")["activityArn"]
    arn = states.start(states.machine(task(activity, TimeoutSecondsPath="$.t")), {"t": 30})
    cloud.advance(29)
    assert states.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    cloud.advance(2)
    assert states.end(arn, 0)["error"] == "States.Timeout"


def test_an_activitys_worker_fetches_the_task(cloud, states):
    client = states.client
    activity = client.create_activity(name="work")["activityArn"]
    assert client.describe_activity(activityArn=activity)["name"] == "work" and [one["name"] for one in client.list_activities()["activities"]] == ["work"]
    arn = states.start(states.machine(task(activity)), {"a": 1})
    cloud.advance(1)
    fetched = client.get_activity_task(activityArn=activity, workerName="me")
    assert json.loads(fetched["input"]) == {"a": 1}
    client.send_task_success(taskToken=fetched["taskToken"], output='"done"')
    assert json.loads(states.end(arn)["output"]) == "done"
    assert [event["type"] for event in states.history(arn)][2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    client.delete_activity(activityArn=activity)
    assert refused(client.describe_activity, activityArn=activity) == "ActivityDoesNotExist"


# -- executions of executions ---------------------------------------------------------------------------------------------


def test_a_child_execution_is_waited_for(cloud, states):
    states.allow("states:StartExecution")
    child = states.machine({"W": {"Type": "Wait", "Seconds": 5, "Next": "P"}, "P": {"Type": "Pass", "Result": {"r": 1}, "End": True}})
    found = states.output(task("arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": child, "Input": {"a": 1}}))
    assert (found["Output"], found["Status"], found["StateMachineArn"]) == ({"r": 1}, "SUCCEEDED", child)
    found = states.output(task("arn:aws:states:::states:startExecution.sync", Parameters={"StateMachineArn": child}))
    assert found["Output"] == '{"r":1}'
    assert states.output(task("arn:aws:states:::states:startExecution", Parameters={"StateMachineArn": child}))["ExecutionArn"]


def test_a_child_that_fails_fails_the_task_with_its_description(states):
    states.allow("states:StartExecution")
    child = states.machine({"F": {"Type": "Fail", "Error": "E"}})
    found = states.run(task("arn:aws:states:::states:startExecution.sync", Parameters={"StateMachineArn": child}))
    assert found["error"] == "States.TaskFailed" and json.loads(found["cause"])["Status"] == "FAILED" and json.loads(found["cause"])["Error"] == "E"


def test_an_answer_that_is_too_large_fails(cloud, states):
    arn = states.function("large", "def handler(event, context):\n    return 'x' * 300000\n")
    assert states.error(task(arn)) == "States.DataLimitExceeded"


def test_a_heartbeats_seconds_may_come_from_a_path_and_a_state_may_speak_jsonata_by_itself(cloud, states):
    activity = cloud.client("stepfunctions").create_activity(name="a")["activityArn"]
    arn = states.start(states.machine(task(activity, HeartbeatSecondsPath="$.beat", TimeoutSeconds=600)), {"beat": 20})
    cloud.advance(19)
    assert cloud.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "RUNNING"
    cloud.advance(2)
    assert states.end(arn)["error"] == "States.HeartbeatTimeout"
    mixed = {"A": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% {'n': $states.input.n * 2} %}", "Next": "B"}, "B": {"Type": "Pass", "Parameters": {"m.$": "$.n"}, "End": True}}
    assert states.output(mixed, {"n": 4}) == {"m": 8}


def test_an_api_is_called_with_and_without_the_roles_signature(cloud, states):
    function = states.function("web", "import json\ndef handler(event, context):\n    code = int((event.get('queryStringParameters') or {}).get('code', 200))\n"
                                      "    return {'statusCode': code, 'body': json.dumps({'path': event['path'], 'body': event['body'], 'own': event['headers'].get('x-own')})}\n")
    api, lambda_ = cloud.client("apigateway"), cloud.client("lambda")
    id_ = api.create_rest_api(name="a")["id"]
    root = api.get_resources(restApiId=id_)["items"][0]["id"]
    for part, auth in (("open", "NONE"), ("closed", "AWS_IAM")):
        place = api.create_resource(restApiId=id_, parentId=root, pathPart=part)["id"]
        api.put_method(restApiId=id_, resourceId=place, httpMethod="POST", authorizationType=auth)
        api.put_integration(restApiId=id_, resourceId=place, httpMethod="POST", type="AWS_PROXY", integrationHttpMethod="POST", uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
    api.create_deployment(restApiId=id_, stageName="dev")
    lambda_.add_permission(FunctionName="web", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")

    def asking(path, **more):
        return task("arn:aws:states:::apigateway:invoke", Parameters={"ApiEndpoint": f"{id_}.execute-api.us-east-1.amazonaws.com", "Method": "POST", "Stage": "dev", "Path": path,
                                                                      "Headers": {"X-Own": ["o"]}, "RequestBody": {"a": 1, "b": None}, **more})
    found = states.output(asking("open"))
    assert (found["StatusCode"], found["StatusText"], found["ResponseBody"]) == (200, "OK", {"path": "/open", "body": '{"a":1}', "own": "o"})
    assert states.error(asking("open", QueryParameters={"code": ["418"]})) == "ApiGateway.418"
    assert states.error(asking("closed")) == "ApiGateway.403" and states.error(asking("closed", AuthType="IAM_ROLE")) == "ApiGateway.403"
    states.allow("execute-api:Invoke")
    assert states.output(asking("closed", AuthType="IAM_ROLE"))["ResponseBody"]["path"] == "/closed"
