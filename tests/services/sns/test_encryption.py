"""Topics under a KMS key: who may publish, what a lost key closes, what waits for an endpoint."""
import json

from cloche.testing.people import Person, allow


def sealed(topics, cloud):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    return key, topics.make(KmsMasterKeyId=key)


def test_a_publisher_needs_the_topics_key(topics, cloud, refused):
    _, topic = sealed(topics, cloud)
    for rights, code in ((["sns:*"], "KMSAccessDenied"), (["sns:*", "kms:GenerateDataKey*"], "KMSAccessDenied"), (["sns:*", "kms:GenerateDataKey*", "kms:Decrypt"], "")):
        sns = Person(cloud, f"p{len(rights)}", allow(rights)).client("sns")
        if code:
            assert refused(sns.publish, TopicArn=topic, Message="m")[0] == code
            assert refused(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=[{"Id": "1", "Message": "m"}])[0] == code
        else:
            assert sns.publish(TopicArn=topic, Message="m")["MessageId"]


def test_a_disabled_key_is_noticed_within_five_minutes(topics, cloud, refused):
    key, topic = sealed(topics, cloud)
    topics.sns.publish(TopicArn=topic, Message="m")
    kms = cloud.client("kms")
    kms.disable_key(KeyId=key)
    topics.sns.publish(TopicArn=topic, Message="m")
    cloud.advance(minutes=5)
    assert refused(topics.sns.publish, TopicArn=topic, Message="m")[0] == "KMSDisabled"
    kms.schedule_key_deletion(KeyId=key)
    assert refused(topics.sns.publish, TopicArn=topic, Message="m")[0] == "KMSInvalidState"
    cloud.advance(days=31)
    assert refused(topics.sns.publish, TopicArn=topic, Message="m")[0] == "KMSNotFound"


def test_what_waits_for_an_endpoint_is_delivered_as_it_was_sent(topics, cloud, endpoint):
    _, topic = sealed(topics, cloud)
    for raw in ("true", "false"):
        arn = topics.subscribe(topic, endpoint.url + raw, "http", RawMessageDelivery=raw)
        cloud.advance(1)
        topics.sns.confirm_subscription(TopicArn=topic, Token=json.loads(endpoint.got[-1][1])["Token"])
    assert arn
    endpoint.got.clear()
    endpoint.status = 500
    topics.sns.publish(TopicArn=topic, Message="first", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    cloud.advance(1)
    endpoint.status = 200
    endpoint.got.clear()
    cloud.advance(minutes=2)
    assert sorted(body if body == "first" else json.loads(body)["Message"] for _, body in endpoint.got) == ["first", "first"]


def test_what_waits_for_an_endpoint_waits_for_its_key_as_well(topics, cloud, endpoint):
    key, topic = sealed(topics, cloud)
    slowly = json.dumps({"healthyRetryPolicy": {"minDelayTarget": 600, "maxDelayTarget": 600, "numRetries": 5}})
    topics.subscribe(topic, endpoint.url, "http", RawMessageDelivery="true", DeliveryPolicy=slowly)
    cloud.advance(1)
    topics.sns.confirm_subscription(TopicArn=topic, Token=json.loads(endpoint.got[-1][1])["Token"])
    endpoint.got.clear()
    endpoint.status = 500
    topics.sns.publish(TopicArn=topic, Message="m")
    cloud.advance(1)
    cloud.client("kms").disable_key(KeyId=key)
    endpoint.status = 200
    endpoint.got.clear()
    cloud.advance(minutes=11)
    assert endpoint.got == []
    cloud.client("kms").enable_key(KeyId=key)
    cloud.advance(minutes=11)
    assert [body for _, body in endpoint.got] == ["m"]


def test_a_topic_speaks_to_a_queue_under_a_key_only_where_the_key_lets_it(topics, cloud):
    kms = cloud.client("kms")
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:*", "Resource": "*"}
    speaker = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"], "Resource": "*"}
    topic = topics.make()
    for name, statements in (("closed", [root]), ("open", [root, speaker])):
        key = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))["KeyMetadata"]["Arn"]
        url, arn = topics.queue(name, KmsMasterKeyId=key)
        topics.subscribe(topic, arn)
        topics.sns.publish(TopicArn=topic, Message="m")
        assert len(topics.bodies(url)) == (name == "open")
