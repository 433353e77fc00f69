import json
import re


def test_an_event_reaches_the_targets_of_the_rules_it_matches(bridge):
    (url, arn), (other, other_arn) = bridge.queue(), bridge.queue("other")
    bridge.rule(pattern={"source": ["my.app"], "detail": {"n": [{"numeric": [">", 3]}]}})
    bridge.rule("s", pattern={"source": ["my.other"]})
    bridge.target(arn=arn)
    bridge.target("s", other_arn)
    sent = bridge.put(detail={"n": 5}, Resources=["arn:x"])
    bridge.put(detail={"n": 3})
    [event] = bridge.got(url)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("time"))
    assert event == {
        "version": "0", "id": sent["EventId"], "detail-type": "made", "source": "my.app", "account": bridge.cloud.account, "region": "us-east-1", "resources": ["arn:x"], "detail": {"n": 5}}
    assert bridge.got(other) == []


def test_a_disabled_rule_ignores(bridge):
    url, arn = bridge.queue()
    bridge.rule(pattern={"source": ["my.app"]}, State="DISABLED")
    bridge.target(arn=arn)
    bridge.put()
    assert bridge.got(url) == []


def test_a_failed_entry_does_not_stop_the_others(bridge, refused):
    url, arn = bridge.queue()
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn)
    good = {"Source": "my.app", "DetailType": "t", "Detail": "{}"}
    answer = bridge.events.put_events(Entries=[good | {"Detail": "{"}, good | {"Source": "aws.ec2"}, {"Source": "my.app", "Detail": "{}"}, good | {"Detail": "[]"}, good])
    assert answer["FailedEntryCount"] == 4
    assert [e.get("ErrorCode") for e in answer["Entries"]] == ["MalformedDetail", "NotAuthorizedForSourceException", "InvalidArgument", "MalformedDetail", None]
    assert answer["Entries"][2]["ErrorMessage"] == "Parameter DetailType is not valid. Reason: DetailType is a required argument."
    assert len(bridge.got(url)) == 1
    assert refused(bridge.events.put_events, Entries=[good] * 11)[0] == "ValidationException"
    assert refused(bridge.events.put_events, Entries=[good | {"Detail": json.dumps({"x": "x" * 262_144})}]) == (
        "ValidationException", "Total size of the entries in the request is over the limit.")


def test_a_target_is_given_what_it_asks_for(bridge):
    bridge.rule(pattern={"source": ["my.app"]})
    wanted = {
        "const": ({"Input": '{"hello": 1}'}, '{"hello": 1}'),
        "part": ({"InputPath": "$.detail.who"}, '"Ada"'),
        "json": ({"InputTransformer": {"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '{"name": <who>, "rule": <aws.events.rule-name>}'}}, '{"name": "Ada", "rule": "r"}'),
        "text": ({"InputTransformer": {"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '"hello <who>"'}}, '"hello Ada"'),
    }
    urls = {}
    for name, (target, _) in wanted.items():
        urls[name], arn = bridge.queue(name)
        bridge.target(arn=arn, id=name, **target)
    bridge.put(detail={"who": "Ada"})
    assert {name: bridge.bodies(url) for name, url in urls.items()} == {name: [text] for name, (_, text) in wanted.items()}


def test_a_queue_that_does_not_let_events_in_leaves_a_dead_letter(bridge):
    (url, arn), (dead, dead_arn) = bridge.queue(policy=None), bridge.queue("dead")
    rule = bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn, DeadLetterConfig={"Arn": dead_arn})
    bridge.put(detail={"n": 1})
    assert bridge.got(url) == []
    [event] = bridge.got(dead)
    assert event["detail"] == {"n": 1}
    attributes = {name: value["StringValue"] for name, value in bridge.last[0]["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == rule and attributes["TARGET_ARN"] == arn and attributes["ERROR_CODE"] == "NO_PERMISSIONS" and attributes["RETRY_ATTEMPTS"] == "0"
    assert "sqs:SendMessage" in attributes["ERROR_MESSAGE"]


def test_a_queue_policy_may_ask_for_the_rule(bridge):
    url, arn = bridge.queue()
    rules = [bridge.rule(name, pattern={"source": ["my.app"]}) for name in "ab"]
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rules[0]}}}]}
    bridge.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    for name in "ab":
        bridge.target(name, arn, Input=json.dumps(name))
    bridge.put()
    assert bridge.got(url) == ["a"]


def test_a_fifo_queue_gets_its_group(bridge):
    url, arn = bridge.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn, SqsParameters={"MessageGroupId": "g"})
    bridge.put()
    assert len(bridge.got(url)) == 1


def test_a_topic_is_a_target(bridge, cloud):
    sns, (url, arn) = cloud.client("sns"), bridge.queue(policy=json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": "*"}]}))
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=topic)
    bridge.put(detail={"n": 1})
    assert bridge.got(url) == []  # the topic's default policy lets its owner in, not EventBridge
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}]}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
    bridge.put(detail={"n": 2})
    assert [e["detail"] for e in bridge.got(url)] == [{"n": 2}]


def test_a_log_group_is_a_target(bridge, cloud):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/aws/events/mine")
    let_in = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    logs.put_resource_policy(policyName="events", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [let_in]}))
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/aws/events/mine")
    sent = bridge.put()
    [line] = logs.filter_log_events(logGroupName="/aws/events/mine")["events"]
    assert json.loads(line["message"])["id"] == sent["EventId"]


def test_a_change_in_another_service_is_an_event(bridge, cloud):
    """S3 tells when the bucket's switch is on."""
    s3, (url, arn) = cloud.client("s3"), bridge.queue()
    bucket = f"b-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    bridge.rule(pattern={"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
    bridge.target(arn=arn)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    [event] = bridge.got(url)
    assert event["detail-type"] == "Object Created" and event["detail"]["object"]["key"] == "k"
