import json
import urllib.error
import urllib.request

import pytest


def test_a_queue_has_aws_defaults(queues):
    url = queues.make()
    attributes = queues.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "30" and attributes["MessageRetentionPeriod"] == "345600" and attributes["MaximumMessageSize"] == "1048576"
    assert attributes["DelaySeconds"] == "0" and attributes["ReceiveMessageWaitTimeSeconds"] == "0" and attributes["SqsManagedSseEnabled"] == "true"
    assert attributes["QueueArn"] == f"arn:aws:sqs:us-east-1:{queues.cloud.account}:q"
    assert url.endswith(f"/{queues.cloud.account}/q")
    assert "FifoQueue" not in attributes and "RedrivePolicy" not in attributes


def test_a_fifo_queue_has_aws_defaults(queues):
    url = queues.make("q.fifo")
    attributes = queues.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["FifoQueue"] == "true" and attributes["ContentBasedDeduplication"] == "false"
    assert attributes["DeduplicationScope"] == "queue" and attributes["FifoThroughputLimit"] == "perQueue"


def test_creating_a_queue_again_gives_the_same_url(queues):
    assert queues.make(DelaySeconds="5") == queues.make() == queues.make(DelaySeconds="5")


def test_creating_a_queue_with_another_value_is_refused(queues, refused):
    queues.make(DelaySeconds="5")
    assert refused(queues.make, DelaySeconds="6") == ("QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute DelaySeconds")


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "ü"])
def test_a_bad_name_is_refused(queues, refused, name):
    code, message = refused(queues.make, name)
    assert (code, message) == ("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length") or not name


def test_a_name_ends_with_fifo_if_and_only_if_the_queue_is_fifo(queues, refused):
    code, message = refused(queues.sqs.create_queue, QueueName="q", Attributes={"FifoQueue": "true"})
    assert code == "InvalidParameterValue" and message.startswith("The name of a FIFO queue can only include")
    code, message = refused(queues.sqs.create_queue, QueueName="q.fifo")
    assert code == "InvalidParameterValue" and message.startswith("Can only include alphanumeric")


@pytest.mark.parametrize(("name", "value"), [
    ("VisibilityTimeout", "43201"), ("VisibilityTimeout", "-1"), ("VisibilityTimeout", "x"), ("DelaySeconds", "901"), ("ReceiveMessageWaitTimeSeconds", "21"),
    ("MaximumMessageSize", "1023"), ("MaximumMessageSize", "1048577"), ("MessageRetentionPeriod", "59"), ("MessageRetentionPeriod", "1209601"),
    ("SqsManagedSseEnabled", "maybe"), ("Policy", "{"), ("KmsDataKeyReusePeriodSeconds", "59"),
])
def test_a_value_out_of_range_is_refused(queues, refused, name, value):
    assert refused(queues.make, **{name: value}) == ("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def test_an_unknown_attribute_is_refused_and_leaves_nothing_behind(queues, refused):
    url = queues.make()
    assert refused(queues.sqs.set_queue_attributes, QueueUrl=url, Attributes={"VisibilityTimeout": "1", "Colour": "red"}) == ("InvalidAttributeName", "Unknown Attribute Colour.")
    assert refused(queues.sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["Colour"]) == ("InvalidAttributeName", "Unknown Attribute Colour.")
    assert queues.attribute(url, "VisibilityTimeout") == "30"


def test_attributes_of_fifo_queues_are_unknown_to_standard_ones(queues, refused):
    assert refused(queues.make, ContentBasedDeduplication="true") == ("InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.")


def test_high_throughput_needs_deduplication_by_group(queues, refused):
    code, _ = refused(queues.make, "q.fifo", FifoThroughputLimit="perMessageGroupId")
    assert code == "InvalidAttributeValue"
    url = queues.make("q.fifo", FifoThroughputLimit="perMessageGroupId", DeduplicationScope="messageGroup")
    assert queues.attribute(url, "FifoThroughputLimit") == "perMessageGroupId"


def test_attributes_change_and_are_unset_by_an_empty_value(queues):
    url, policy = queues.make(), json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]})
    queues.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy, "DelaySeconds": "3"})
    assert queues.attribute(url, "Policy") == policy and queues.attribute(url, "DelaySeconds") == "3"
    queues.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert queues.attribute(url, "Policy") is None


def test_a_key_of_ones_own_replaces_the_encryption_by_sqs(queues):
    url = queues.make(KmsMasterKeyId="alias/mine")
    assert queues.attribute(url, "SqsManagedSseEnabled") == "false" and queues.attribute(url, "KmsDataKeyReusePeriodSeconds") == "300"
    queues.sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
    assert queues.attribute(url, "KmsMasterKeyId") is None


def test_a_url_is_found_by_name(queues, refused):
    url = queues.make()
    assert queues.sqs.get_queue_url(QueueName="q")["QueueUrl"] == url
    assert refused(queues.sqs.get_queue_url, QueueName="none") == ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def test_queues_are_listed_by_prefix_and_by_page(queues, refused):
    for name in ("a1", "a2", "a3", "b1"):
        queues.make(name)
    names = lambda answer: [url.rsplit("/", 1)[1] for url in answer.get("QueueUrls", [])]
    assert names(queues.sqs.list_queues()) == ["a1", "a2", "a3", "b1"]
    assert names(queues.sqs.list_queues(QueueNamePrefix="b")) == ["b1"]
    assert "QueueUrls" not in queues.sqs.list_queues(QueueNamePrefix="c")
    first = queues.sqs.list_queues(QueueNamePrefix="a", MaxResults=2)
    assert names(first) == ["a1", "a2"]
    second = queues.sqs.list_queues(QueueNamePrefix="a", MaxResults=2, NextToken=first["NextToken"])
    assert names(second) == ["a3"] and "NextToken" not in second
    assert refused(queues.sqs.list_queues, MaxResults=1001)[0] == "InvalidParameterValue"
    assert refused(queues.sqs.list_queues, NextToken="%%%")[0] == "InvalidParameterValue"


def test_a_deleted_name_rests_for_a_minute(queues, refused, cloud):
    url = queues.make()
    queues.send(url)
    queues.sqs.delete_queue(QueueUrl=url)
    assert refused(queues.receive, url)[0] == "AWS.SimpleQueueService.NonExistentQueue"
    assert refused(queues.make) == (
        "AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
    cloud.advance(60)
    assert queues.bodies(queues.make()) == []


def test_a_purge_takes_messages_in_flight_too_and_waits_a_minute(queues, refused, cloud):
    url = queues.make("p.fifo", ContentBasedDeduplication="true")
    queues.send(url, "out", MessageGroupId="g")
    queues.receive(url)
    queues.send(url, "in", MessageGroupId="h")
    queues.sqs.purge_queue(QueueUrl=url)
    assert queues.attribute(url, "ApproximateNumberOfMessages") == queues.attribute(url, "ApproximateNumberOfMessagesNotVisible") == "0"
    assert refused(queues.sqs.purge_queue, QueueUrl=url) == (
        "AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue operation on p.fifo is allowed every 60 seconds.")
    queues.send(url, "in", MessageGroupId="h")  # the deduplication memory is gone as well
    assert queues.bodies(url) == ["in"]
    cloud.advance(60)
    queues.sqs.purge_queue(QueueUrl=url)
    assert queues.bodies(url) == []


def test_tags_are_kept(queues, refused):
    url = queues.sqs.create_queue(QueueName="tagged", tags={"a": "1"})["QueueUrl"]
    queues.sqs.tag_queue(QueueUrl=url, Tags={"b": "2", "c": ""})
    queues.sqs.untag_queue(QueueUrl=url, TagKeys=["a", "none"])
    assert queues.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2", "c": ""}
    assert refused(queues.sqs.tag_queue, QueueUrl=url, Tags={f"k{i}": "" for i in range(49)}) == ("InvalidParameterValue", "Too many tags added for queue tagged.")


def test_counts_tell_visible_hidden_and_delayed(queues):
    url = queues.make()
    queues.send(url)
    queues.receive(url)
    queues.send(url)
    queues.send(url, DelaySeconds=60)
    counts = queues.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert [counts[f"ApproximateNumberOfMessages{x}"] for x in ("", "NotVisible", "Delayed")] == ["1", "1", "1"]


def test_counts_follow_what_comes_and_goes(queues):
    dead = queues.make("dead")
    url = queues.make(VisibilityTimeout="0", RedrivePolicy=json.dumps({"deadLetterTargetArn": queues.arn(dead), "maxReceiveCount": 1}))
    count = lambda url: int(queues.attribute(url, "ApproximateNumberOfMessages"))
    assert (count(url), count(dead)) == (0, 0)
    for body in "abc":
        queues.send(url, body)
    assert (count(url), count(dead)) == (3, 0)
    [message] = queues.receive(url, MaxNumberOfMessages=1)
    queues.delete(url, message)
    queues.delete(url, message)
    assert count(url) == 2
    queues.receive(url)
    queues.receive(url)
    assert (count(url), count(dead)) == (0, 2)
    queues.sqs.purge_queue(QueueUrl=dead)
    assert count(dead) == 0


def test_accounts_and_regions_are_apart(queues, cloud, refused):
    url = queues.make()
    assert refused(cloud.client("sqs", region="eu-west-1").get_queue_url, QueueName="q")[0] == "AWS.SimpleQueueService.NonExistentQueue"
    assert refused(cloud.other().client("sqs").send_message, QueueUrl=url, MessageBody="x")[0] == "AccessDenied"


def test_old_clients_speak_the_query_protocol(queues):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = queues.make()

    def post(body):
        request = AWSRequest("POST", queues.cloud.url + "/", {"content-type": "application/x-www-form-urlencoded"}, body)
        SigV4Auth(Credentials(queues.cloud.account, "test"), "sqs", "us-east-1").add_auth(request)
        try:
            return urllib.request.urlopen(urllib.request.Request(request.url, body.encode(), dict(request.headers))).read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    assert "<MessageId>" in post(f"Action=SendMessage&Version=2012-11-05&QueueUrl={url}&MessageBody=hello")
    assert "<Body>hello</Body>" in post(f"Action=ReceiveMessage&Version=2012-11-05&QueueUrl={url}")
    missing = post(f"Action=ReceiveMessage&Version=2012-11-05&QueueUrl={url}x")
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in missing and "<Message>The specified queue does not exist for this wsdl version.</Message>" in missing
