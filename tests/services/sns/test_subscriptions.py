import json


def test_a_queue_of_ones_own_is_confirmed_at_once(topics):
    topic, (_, arn) = topics.make(), topics.queue()
    subscription = topics.subscribe(topic, arn)
    assert subscription.startswith(topic + ":")
    assert topics.subscribe(topic, arn) == subscription
    attributes = topics.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert attributes["PendingConfirmation"] == "false" and attributes["ConfirmationWasAuthenticated"] == "true" and attributes["RawMessageDelivery"] == "false"
    assert attributes["Protocol"] == "sqs" and attributes["Endpoint"] == arn and attributes["TopicArn"] == topic
    assert topics.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == topics.sns.list_subscriptions()["Subscriptions"] == [
        {"SubscriptionArn": subscription, "Owner": topics.cloud.account, "Protocol": "sqs", "Endpoint": arn, "TopicArn": topic}]


def test_an_ended_subscription_gets_nothing(topics):
    topic, (url, arn) = topics.make(), topics.queue()
    subscription = topics.subscribe(topic, arn)
    topics.sns.unsubscribe(SubscriptionArn=subscription)
    topics.sns.unsubscribe(SubscriptionArn=subscription)
    topics.sns.publish(TopicArn=topic, Message="x")
    assert topics.bodies(url) == []
    assert topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "1"


def test_endpoints_are_checked(topics, refused):
    topic, fifo = topics.make(), topics.make("t.fifo")
    subscribe = lambda **kw: topics.sns.subscribe(**{"TopicArn": topic} | kw)
    assert refused(subscribe, Protocol="pigeon", Endpoint="x") == ("InvalidParameter", "Invalid parameter: Amazon SNS does not support this protocol string: pigeon")
    assert refused(subscribe, Protocol="sqs", Endpoint="x") == ("InvalidParameter", "Invalid parameter: SQS endpoint ARN")
    assert refused(subscribe, Protocol="http", Endpoint="https://x") == ("InvalidParameter", "Invalid parameter: Endpoint must match the specified protocol")
    assert refused(subscribe, Protocol="http", Endpoint="http://[x") == refused(subscribe, Protocol="http", Endpoint="http:///x") == ("InvalidParameter", "Invalid parameter: Endpoint")
    assert refused(subscribe, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q.fifo") == (
        "InvalidParameter", "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
    assert refused(subscribe, TopicArn=fifo, Protocol="http", Endpoint="http://x/")[0] == "InvalidParameter"
    assert refused(subscribe, Protocol="sms", Endpoint="+15551234567")[0] == "NotImplemented"


def test_mail_stays_pending(topics, refused):
    topic = topics.make()
    assert topics.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="me@example.com")["SubscriptionArn"] == "pending confirmation"
    assert topics.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"] == "PendingConfirmation"
    assert topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"
    assert refused(topics.sns.confirm_subscription, TopicArn=topic, Token="wrong") == ("InvalidParameter", "Invalid parameter: Token")


def test_a_queue_of_another_account_confirms_with_the_token_it_is_sent(topics, cloud):
    topic, other = topics.make(), cloud.other()
    theirs = other.client("sqs")
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]}
    url = theirs.create_queue(QueueName="q", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    assert topics.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{other.account}:q")["SubscriptionArn"] == "pending confirmation"
    [message] = theirs.receive_message(QueueUrl=url)["Messages"]
    asked = json.loads(message["Body"])
    assert asked["Type"] == "SubscriptionConfirmation"
    topics.sns.publish(TopicArn=topic, Message="too early")
    assert topics.sns.confirm_subscription(TopicArn=topic, Token=asked["Token"])["SubscriptionArn"].startswith(topic)
    topics.sns.publish(TopicArn=topic, Message="now")
    assert [json.loads(m["Body"])["Message"] for m in theirs.receive_message(QueueUrl=url)["Messages"]] == ["now"]


def test_attributes_are_set_and_checked(topics, refused):
    topic, (_, arn) = topics.make(), topics.queue()
    subscription = topics.subscribe(topic, arn)
    put = lambda name, value: topics.sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName=name, AttributeValue=value)
    put("FilterPolicy", '{"a": ["b"]}')
    attributes = topics.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert attributes["FilterPolicy"] == '{"a": ["b"]}' and attributes["FilterPolicyScope"] == "MessageAttributes"
    assert refused(put, "FilterPolicy", '{"a": [{"foo": 1}]}') == ("InvalidParameter", "Invalid parameter: FilterPolicy: Unrecognized match type foo")
    assert refused(put, "FilterPolicyScope", "Elsewhere")[0] == "InvalidParameter"
    assert refused(put, "RawMessageDelivery", "maybe")[0] == "InvalidParameter"
    for policy in ('{"healthyRetryPolicy": 5}', '{"healthyRetryPolicy": {"numRetries": "x"}}', '{"healthyRetryPolicy": {"numRetries": 101}}', '{"healthyRetryPolicy": {"numRetries": 1, "numNoDelayRetries": 2}}'):
        assert refused(put, "DeliveryPolicy", policy)[1].startswith("Invalid parameter: DeliveryPolicy: healthyRetryPolicy")
    assert refused(put, "Colour", "x") == ("InvalidParameter", "Invalid parameter: AttributeName")
    assert refused(topics.subscribe, topic, arn, FilterPolicy='{"a": [{"foo": 1}]}') == (
        "InvalidParameter", "Invalid parameter: Attributes Reason: FilterPolicy: Unrecognized match type foo")
    assert refused(topics.subscribe, topic, arn, FilterPolicy='{"a": ["c"]}') == ("InvalidParameter", "Invalid parameter: Attributes Reason: Subscription already exists with different attributes")
