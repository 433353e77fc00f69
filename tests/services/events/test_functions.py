"""Functions as targets of rules, topics and schedules: real functions, that print what they are given."""
import io
import json
import time
import zipfile

import pytest

CODE = "import json\ndef handler(event, context):\n    print('GOT ' + json.dumps(event))\n"


def trust(service):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})


@pytest.fixture
def function(cloud):
    """A function of the test's own: its ARN, who may call it, and what it got."""
    client, iam, logs = cloud.client("lambda"), cloud.client("iam"), cloud.client("logs")
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="f", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("index.py", CODE)
    arn = client.create_function(FunctionName="f", Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": data.getvalue()})["FunctionArn"]
    client.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.05})

    class Function:
        def __init__(self):
            self.arn = arn

        def allow(self, service, source):
            client.add_permission(FunctionName="f", StatementId=f"s{time.time_ns()}", Action="lambda:InvokeFunction", Principal=service, SourceArn=source)

        def got(self):
            cloud.advance(0)
            try:
                lines = logs.filter_log_events(logGroupName="/aws/lambda/f", filterPattern="GOT")["events"]
            except logs.exceptions.ResourceNotFoundException:
                return []
            return [json.loads(line["message"].split("GOT ", 1)[1]) for line in lines]

    return Function()


def test_a_function_gets_the_event_if_its_policy_lets_the_rule_in(bridge, function):
    dead, dead_arn = bridge.queue("dead")
    rule = bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=function.arn, DeadLetterConfig={"Arn": dead_arn})
    bridge.put(detail={"n": 1})
    assert function.got() == []
    assert [e["detail"] for e in bridge.got(dead)] == [{"n": 1}]
    assert bridge.last[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    function.allow("events.amazonaws.com", rule)
    bridge.put(detail={"n": 2})
    [event] = function.got()
    assert event["detail"] == {"n": 2} and event["detail-type"] == "made"


def test_a_function_runs_on_schedule(bridge, function, cloud):
    rule = bridge.rule(ScheduleExpression="rate(30 minutes)")
    bridge.target(arn=function.arn)
    function.allow("events.amazonaws.com", rule)
    cloud.advance(minutes=61)
    events = function.got()
    assert len(events) == 2 and all(e["detail-type"] == "Scheduled Event" and e["resources"] == [rule] for e in events)


def test_a_function_subscribes_to_a_topic(bridge, function, cloud):
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn, ReturnSubscriptionArn=True)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="too early")
    function.allow("sns.amazonaws.com", topic)
    sent = sns.publish(TopicArn=topic, Message="hello", Subject="about", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    [event] = function.got()
    [record] = event["Records"]
    assert record["EventSource"] == "aws:sns" and record["EventVersion"] == "1.0" and record["EventSubscriptionArn"] == subscription
    notice = record["Sns"]
    assert notice["Message"] == "hello" and notice["Subject"] == "about" and notice["MessageId"] == sent["MessageId"] and notice["Type"] == "Notification"
    assert notice["MessageAttributes"] == {"a": {"Type": "String", "Value": "b"}} and notice["SigningCertUrl"].endswith(".pem") and "UnsubscribeUrl" in notice


def test_the_scheduler_calls_a_function_under_its_role(bridge, function, cloud):
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="s", AssumeRolePolicyDocument=trust("scheduler.amazonaws.com"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="s", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]}))
    create = cloud.client("scheduler").create_schedule
    create(Name="direct", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target={"Arn": function.arn, "RoleArn": role, "Input": '{"n": 1}'})
    create(Name="universal", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target={
        "Arn": "arn:aws:scheduler:::aws-sdk:lambda:invoke", "RoleArn": role, "Input": json.dumps({"FunctionName": "f", "InvocationType": "Event", "Payload": '{"n": 2}'})})
    cloud.advance(minutes=61)
    assert sorted(e["n"] for e in function.got()) == [1, 2]
