import json


def test_a_topic_has_aws_attributes(topics):
    arn = topics.make()
    assert arn == f"arn:aws:sns:us-east-1:{topics.cloud.account}:t"
    attributes = topics.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["Owner"] == topics.cloud.account and attributes["TopicArn"] == arn and attributes["DisplayName"] == ""
    assert attributes["SubscriptionsConfirmed"] == attributes["SubscriptionsPending"] == attributes["SubscriptionsDeleted"] == "0"
    assert json.loads(attributes["Policy"])["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": topics.cloud.account}}


def test_creating_a_topic_again_gives_the_same_one_unless_it_differs(topics, refused):
    arn = topics.make(DisplayName="one")
    assert topics.make() == topics.make(DisplayName="one") == arn
    assert refused(topics.make, DisplayName="two") == ("InvalidParameter", "Invalid parameter: Attributes Reason: Topic already exists with different attributes")
    assert refused(topics.sns.create_topic, Name="t", Tags=[{"Key": "a", "Value": "b"}]) == ("InvalidParameter", "Invalid parameter: Tags Reason: Topic already exists with different tags")


def test_names_are_checked(topics, refused):
    assert refused(topics.make, "a b") == ("InvalidParameter", "Invalid parameter: Topic Name")
    assert refused(topics.sns.create_topic, Name="t.fifo")[0] == "InvalidParameter"
    assert refused(topics.sns.create_topic, Name="t", Attributes={"FifoTopic": "true"})[1].startswith("Invalid parameter: Fifo Topic names must end with .fifo")


def test_attributes_are_set_and_checked(topics, refused):
    arn = topics.make()
    topics.sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="hello")
    assert topics.sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "hello"
    assert refused(topics.sns.set_topic_attributes, TopicArn=arn, AttributeName="Colour", AttributeValue="x") == ("InvalidParameter", "Invalid parameter: AttributeName")
    assert refused(topics.make, "u", Colour="x") == ("InvalidParameter", "Invalid parameter: Attributes Reason: Unknown attribute Colour")


def test_an_unknown_topic_is_not_found_and_a_bad_arn_is_told_why(topics, refused):
    arn = topics.make()
    assert refused(topics.sns.get_topic_attributes, TopicArn=arn + "x") == ("NotFound", "Topic does not exist")
    assert refused(topics.sns.publish, TopicArn="t", Message="x") == ("InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1")


def test_topics_are_listed_by_hundreds(topics):
    for i in range(101):
        topics.make(f"t{i:03}")
    first = topics.sns.list_topics()
    second = topics.sns.list_topics(NextToken=first["NextToken"])
    assert len(first["Topics"]) == 100 and len(second["Topics"]) == 1 and "NextToken" not in second


def test_deleting_a_topic_takes_its_subscriptions_and_succeeds_twice(topics, refused):
    arn = topics.make()
    subscription = topics.subscribe(arn, topics.queue()[1])
    topics.sns.delete_topic(TopicArn=arn)
    topics.sns.delete_topic(TopicArn=arn)
    assert refused(topics.sns.publish, TopicArn=arn, Message="x") == ("NotFound", "Topic does not exist")
    assert refused(topics.sns.get_subscription_attributes, SubscriptionArn=subscription)[0] == "NotFound"


def test_tags_are_kept(topics, refused):
    arn = topics.sns.create_topic(Name="t", Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    topics.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    topics.sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert topics.sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert refused(topics.sns.list_tags_for_resource, ResourceArn=arn + "x") == ("ResourceNotFound", "Resource does not exist")


def test_a_permission_lets_another_account_publish_until_it_is_removed(topics, cloud, refused):
    arn, other = topics.make(), cloud.other()
    assert refused(other.client("sns").publish, TopicArn=arn, Message="x")[0] == "AuthorizationError"
    topics.sns.add_permission(TopicArn=arn, Label="friend", AWSAccountId=[other.account], ActionName=["Publish"])
    other.client("sns").publish(TopicArn=arn, Message="x")
    assert refused(topics.sns.add_permission, TopicArn=arn, Label="friend", AWSAccountId=[other.account], ActionName=["Publish"]) == ("InvalidParameter", "Invalid parameter: Statement already exists")
    topics.sns.remove_permission(TopicArn=arn, Label="friend")
    assert refused(other.client("sns").publish, TopicArn=arn, Message="x")[0] == "AuthorizationError"
