import base64
import json
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding


def verify(notice):
    """Check the signature as AWS tells receivers to: with the certificate at SigningCertURL."""
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{notice[name]}\n" for name in names if name in notice)
    certificate = x509.load_pem_x509_certificate(urllib.request.urlopen(notice["SigningCertURL"]).read())
    digest = hashes.SHA256() if notice["SignatureVersion"] == "2" else hashes.SHA1()
    certificate.public_key().verify(base64.b64decode(notice["Signature"]), text.encode(), padding.PKCS1v15(), digest)


def test_every_queue_gets_its_own_signed_copy(topics):
    topic, queues = topics.make(), [topics.queue(f"q{i}") for i in range(3)]
    for _, arn in queues:
        topics.subscribe(topic, arn)
    sent = topics.sns.publish(TopicArn=topic, Message="hello", Subject="about", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    for url, _ in queues:
        [notice] = topics.notices(url)
        assert notice["Type"] == "Notification" and notice["MessageId"] == sent["MessageId"] and notice["TopicArn"] == topic
        assert notice["Message"] == "hello" and notice["Subject"] == "about" and notice["MessageAttributes"] == {"a": {"Type": "String", "Value": "b"}}
        verify(notice)


def test_signature_version_2_is_sha256(topics):
    topic, (url, arn) = topics.make(SignatureVersion="2"), topics.queue()
    topics.subscribe(topic, arn)
    topics.sns.publish(TopicArn=topic, Message="hello")
    [notice] = topics.notices(url)
    assert notice["SignatureVersion"] == "2"
    verify(notice)


def test_raw_delivery_is_the_message_itself_with_its_attributes(topics):
    topic, (url, arn) = topics.make(), topics.queue()
    topics.subscribe(topic, arn, RawMessageDelivery="true")
    topics.sns.publish(TopicArn=topic, Message="hello", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}, "c": {"DataType": "Binary", "BinaryValue": b"\x00"}})
    [message] = topics.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == "hello" and message["MessageAttributes"] == {
        "a": {"DataType": "String", "StringValue": "b"}, "c": {"DataType": "Binary", "BinaryValue": b"\x00"}}


def test_a_queue_that_does_not_let_sns_in_gets_nothing(topics):
    topic, (url, arn), (dead, dead_arn) = topics.make(), topics.queue(open_to_sns=False), topics.queue("dead")
    topics.subscribe(topic, arn, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn}))
    topics.sns.publish(TopicArn=topic, Message="x")
    assert topics.bodies(url) == []
    assert [n["Message"] for n in topics.notices(dead)] == ["x"]


def test_a_queue_policy_may_ask_for_the_topic(topics):
    topic, other, (url, arn) = topics.make(), topics.make("other"), topics.queue()
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]}
    topics.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    for t in (topic, other):
        topics.subscribe(t, arn)
        topics.sns.publish(TopicArn=t, Message=t)
    assert [n["Message"] for n in topics.notices(url)] == [topic]


def test_a_deleted_queue_sends_its_messages_to_the_dead_letter_queue_at_once(topics):
    topic, (url, arn), (dead, dead_arn) = topics.make(), topics.queue(), topics.queue("dead")
    topics.subscribe(topic, arn, RawMessageDelivery="true", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn}))
    topics.sqs.delete_queue(QueueUrl=url)
    topics.sns.publish(TopicArn=topic, Message="x")
    assert topics.bodies(dead) == ["x"]


def test_a_filter_lets_through_what_it_matches(topics):
    topic, (url, arn), (body_url, body_arn) = topics.make(), topics.queue(), topics.queue("body")
    topics.subscribe(topic, arn, RawMessageDelivery="true", FilterPolicy='{"kind": ["a"], "size": [{"numeric": [">", 5]}]}')
    topics.subscribe(topic, body_arn, RawMessageDelivery="true", FilterPolicyScope="MessageBody", FilterPolicy='{"user": {"name": [{"prefix": "A"}]}}')
    for kind, size in (("a", 6), ("a", 5), ("b", 6)):
        topics.sns.publish(TopicArn=topic, Message=f"{kind}{size}", MessageAttributes={
            "kind": {"DataType": "String", "StringValue": kind}, "size": {"DataType": "Number", "StringValue": str(size)}})
    topics.sns.publish(TopicArn=topic, Message='{"user": {"name": "Ada"}}')
    assert topics.bodies(url) == ["a6"] and topics.bodies(body_url) == ['{"user": {"name": "Ada"}}']


def test_a_message_can_have_a_body_for_each_protocol(topics, refused):
    topic, (url, arn) = topics.make(), topics.queue()
    topics.subscribe(topic, arn)
    topics.sns.publish(TopicArn=topic, MessageStructure="json", Message='{"default": "d", "sqs": "for queues"}')
    topics.sns.publish(TopicArn=topic, MessageStructure="json", Message='{"default": "d"}')
    assert sorted(n["Message"] for n in topics.notices(url)) == ["d", "for queues"]
    assert refused(topics.sns.publish, TopicArn=topic, MessageStructure="json", Message="{}") == (
        "InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body")
    assert refused(topics.sns.publish, TopicArn=topic, MessageStructure="json", Message="{") == (
        "InvalidParameter", "Invalid parameter: Message Structure - JSON message body failed to parse")


@pytest.mark.parametrize(("request_", "code", "message"), [
    ({"Message": ""}, "InvalidParameter", "Invalid parameter: Empty message"),
    ({"Message": "x" * 262_145}, "InvalidParameter", "Invalid parameter: Message too long"),
    ({"Message": "x", "Subject": "x" * 101}, "InvalidParameter", "Invalid parameter: Subject"),
    ({"Message": "x", "Subject": "a\nb"}, "InvalidParameter", "Invalid parameter: Subject"),
    ({"Message": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}}, "ParameterValueInvalid",
     "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'."),
    ({"Message": "x", "MessageAttributes": {"a": {"DataType": "Map", "StringValue": "x"}}}, "ParameterValueInvalid",
     "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."),
    ({"Message": "x", "MessageDeduplicationId": "d"}, "InvalidParameter",
     "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type"),
])
def test_a_bad_message_is_refused(topics, refused, request_, code, message):
    assert refused(topics.sns.publish, TopicArn=topics.make(), **request_) == (code, message)


def test_a_batch_answers_entry_by_entry(topics, refused):
    topic, (url, arn) = topics.make(), topics.queue()
    topics.subscribe(topic, arn, RawMessageDelivery="true")
    answer = topics.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": "a", "Message": "x"}, {"Id": "b", "Message": ""}])
    assert [e["Id"] for e in answer["Successful"]] == ["a"] and [(e["Id"], e["Code"]) for e in answer["Failed"]] == [("b", "InvalidParameter")]
    assert topics.bodies(url) == ["x"]
    batch = lambda ids: refused(topics.sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=[{"Id": i, "Message": "x"} for i in ids])[0]
    assert batch([]) == "EmptyBatchRequest" and batch("aa") == "BatchEntryIdsNotDistinct"
    assert batch("abcdefghijk") == "TooManyEntriesInBatchRequest" and batch(["a b"]) == "InvalidBatchEntryId"


def test_a_fifo_topic_keeps_order_and_drops_duplicates(topics, refused, cloud):
    topic = topics.make("t.fifo", ContentBasedDeduplication="true")
    (url, arn), (plain, plain_arn) = topics.queue("q.fifo"), topics.queue()
    topics.subscribe(topic, arn, RawMessageDelivery="true")
    topics.subscribe(topic, plain_arn, RawMessageDelivery="true")
    first = topics.sns.publish(TopicArn=topic, Message="1", MessageGroupId="g")
    again = topics.sns.publish(TopicArn=topic, Message="1", MessageGroupId="g")
    second = topics.sns.publish(TopicArn=topic, Message="2", MessageGroupId="g")
    assert len(first["SequenceNumber"]) == 20 and first["SequenceNumber"] == again["SequenceNumber"] < second["SequenceNumber"]
    assert topics.bodies(url) == ["1", "2"] and sorted(topics.bodies(plain)) == ["1", "2"]
    cloud.advance(301)
    topics.sns.publish(TopicArn=topic, Message="1", MessageGroupId="g")
    assert topics.bodies(url) == ["1"]
    assert refused(topics.sns.publish, TopicArn=topic, Message="x") == ("InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
    assert refused(topics.sns.publish, TopicArn=topics.make("u.fifo"), Message="x", MessageGroupId="g") == (
        "InvalidParameter", "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")


def confirmed(topics, topic, endpoint, **attributes):
    """Subscribe a web server and follow the link it is sent."""
    subscription = topics.subscribe(topic, endpoint.url, "http", **attributes)
    topics.cloud.advance(0)
    headers, body = endpoint.got.pop()
    asked = json.loads(body)
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation" and headers["Content-Type"] == "text/plain; charset=UTF-8"
    verify(asked)
    assert subscription in urllib.request.urlopen(asked["SubscribeURL"]).read().decode()
    return subscription


def test_a_web_server_confirms_and_is_notified(topics, endpoint):
    topic = topics.make()
    subscription = confirmed(topics, topic, endpoint)
    topics.sns.publish(TopicArn=topic, Message="hello")
    topics.cloud.advance(0)
    [(headers, body)] = endpoint.got
    notice = json.loads(body)
    assert headers["x-amz-sns-message-type"] == "Notification" and headers["x-amz-sns-subscription-arn"] == subscription and headers["x-amz-sns-topic-arn"] == topic
    assert headers["x-amz-sns-message-id"] == notice["MessageId"] and notice["Message"] == "hello"
    verify(notice)
    urllib.request.urlopen(notice["UnsubscribeURL"])
    assert topics.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_failing_web_server_is_tried_fifty_times_again_and_then_the_message_is_a_dead_letter(topics, endpoint):
    topic, (dead, dead_arn) = topics.make(), topics.queue("dead")
    confirmed(topics, topic, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn}))
    endpoint.status = 503
    topics.sns.publish(TopicArn=topic, Message="x")
    topics.cloud.advance(3)
    assert 5 <= len(endpoint.got) <= 8  # the first, three at once, two a second apart, and those that follow
    topics.cloud.advance(1000)
    assert len(endpoint.got) == 51
    assert [n["Message"] for n in topics.notices(dead)] == ["x"]


def test_a_web_server_that_comes_back_gets_the_message(topics, endpoint):
    topic = topics.make()
    confirmed(topics, topic, endpoint)
    endpoint.status = 500
    topics.sns.publish(TopicArn=topic, Message="x")
    topics.cloud.advance(2)
    endpoint.status = 200
    tries = len(endpoint.got)
    topics.cloud.advance(1000)
    assert len(endpoint.got) == tries + 1


def test_a_subscription_may_have_a_delivery_policy_of_its_own(topics, endpoint):
    topic = topics.make()
    confirmed(topics, topic, endpoint, DeliveryPolicy=json.dumps({"healthyRetryPolicy": {"numRetries": 4, "numNoDelayRetries": 1, "minDelayTarget": 10, "maxDelayTarget": 30}}))
    endpoint.status = 500
    topics.sns.publish(TopicArn=topic, Message="x")
    topics.cloud.advance(9)
    assert len(endpoint.got) == 2
    topics.cloud.advance(200)
    assert len(endpoint.got) == 5


def test_raw_delivery_to_a_web_server_says_so(topics, endpoint):
    topic = topics.make()
    confirmed(topics, topic, endpoint, RawMessageDelivery="true")
    topics.sns.publish(TopicArn=topic, Message="plain")
    topics.cloud.advance(0)
    [(headers, body)] = endpoint.got
    assert body == "plain" and headers["x-amz-sns-rawdelivery"] == "true"
