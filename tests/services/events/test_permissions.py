"""What a user with a policy of one's own may do with queues, topics, buses and schedules."""
import json

import pytest


@pytest.fixture
def user(cloud):
    """`user({"Action": ..., "Resource": ...})("sqs")` is a client of a user who may do just that."""
    iam, made = cloud.client("iam"), []

    def make(*statements):
        name = f"u{len(made)}"
        made.append(iam.create_user(UserName=name))
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return lambda service: cloud.client(service, key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    return make


def test_a_user_sends_to_the_queue_of_the_policy_and_to_no_other(bridge, user, refused):
    (url, arn), (other, _) = bridge.queue(), bridge.queue("other")
    sqs = user({"Action": "sqs:SendMessage", "Resource": arn})("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "y"}])  # a batch is asked for as the single call
    code, message = refused(sqs.send_message, QueueUrl=other, MessageBody="x")
    assert code == "AccessDenied" and f"is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:us-east-1:{bridge.cloud.account}:other".lower() in message.lower()
    assert refused(sqs.receive_message, QueueUrl=url)[0] == "AccessDenied"
    assert refused(sqs.list_queues)[0] == "AccessDenied"


def test_the_policy_of_a_queue_lets_a_user_of_its_account_in(bridge, user):
    client = user({"Action": "sns:Publish", "Resource": "*"})("sqs")
    who = f"arn:aws:iam::{bridge.cloud.account}:user/u0"
    url, _ = bridge.queue(policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sqs:SendMessage", "Resource": "*"}]}))
    client.send_message(QueueUrl=url, MessageBody="x")
    assert bridge.bodies(url) == ["x"]


def test_a_user_publishes_to_the_topic_of_the_policy(bridge, user, cloud, refused):
    topics = [cloud.client("sns").create_topic(Name=name)["TopicArn"] for name in "ab"]
    sns = user({"Action": "sns:Publish", "Resource": topics[0]})("sns")
    sns.publish(TopicArn=topics[0], Message="x")
    assert refused(sns.publish, TopicArn=topics[1], Message="x")[0] == "AuthorizationError"
    assert refused(sns.subscribe, TopicArn=topics[0], Protocol="email", Endpoint="a@b.c")[0] == "AuthorizationError"


def test_a_user_subscribes_only_with_the_protocol_of_the_policy(bridge, user, cloud, refused):
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    sns = user({"Action": "sns:Subscribe", "Resource": topic, "Condition": {"StringEquals": {"sns:Protocol": "email"}}})("sns")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@b.c")
    assert refused(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:9/")[0] == "AuthorizationError"


def test_a_user_puts_only_events_of_the_source_of_the_policy(bridge, user, refused):
    bus = bridge.events.describe_event_bus()["Arn"]
    events = user({"Action": "events:PutEvents", "Resource": bus, "Condition": {"StringEquals": {"events:source": "my.app"}}})("events")
    entry = {"DetailType": "x", "Detail": "{}"}
    assert events.put_events(Entries=[entry | {"Source": "my.app"}])["FailedEntryCount"] == 0
    assert refused(events.put_events, Entries=[entry | {"Source": "your.app"}])[0] == "AccessDeniedException"
    assert refused(events.put_rule, Name="r", ScheduleExpression="rate(1 day)")[0] == "AccessDeniedException"


def test_handing_a_role_to_a_rule_needs_pass_role(bridge, user, cloud, refused):
    role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    rule = {"Name": "r", "ScheduleExpression": "rate(1 day)", "RoleArn": role}
    assert refused(user({"Action": "events:*", "Resource": "*"})("events").put_rule, **rule)[0] == "AccessDeniedException"
    user({"Action": "events:*", "Resource": "*"}, {"Action": "iam:PassRole", "Resource": role})("events").put_rule(**rule)


def test_a_queue_receives_under_the_role_of_a_rule(bridge, cloud):
    """With a RoleArn EventBridge acts as that role: the queue needs no policy."""
    iam, (url, arn) = cloud.client("iam"), bridge.queue(policy=None)
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]}))
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn, RoleArn=role)
    bridge.put(detail={"n": 1})
    assert [e["detail"] for e in bridge.got(url)] == [{"n": 1}]
