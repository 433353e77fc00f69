import json


def pair(queues, name="live", dead="dead", receives=2, **more):
    dlq = queues.make(dead)
    arn = queues.arn(dlq)
    url = queues.make(name, VisibilityTimeout="0", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives}), **more)
    return url, dlq


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(queues):
    url, dlq = pair(queues)
    sent = queues.send(url, "poison")
    assert queues.bodies(url) == queues.bodies(url) == ["poison"]
    assert queues.bodies(url) == []
    [dead] = queues.receive(dlq, AttributeNames=["All"])
    assert dead["Body"] == "poison" and dead["MessageId"] == sent["MessageId"]
    assert dead["Attributes"]["DeadLetterQueueSourceArn"] == queues.arn(url) and dead["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_fifo_queue_buries_in_a_fifo_queue_and_goes_on_with_the_group(queues):
    url, dlq = pair(queues, "live.fifo", "dead.fifo", 1, ContentBasedDeduplication="true")
    for body in "ab":
        queues.send(url, body, MessageGroupId="g")
    assert queues.bodies(url, MaxNumberOfMessages=1) == ["a"]
    assert queues.bodies(url) == ["b"]
    assert queues.bodies(dlq) == ["a"]


def test_a_redrive_policy_is_checked(queues, refused):
    url, dlq = queues.make(), queues.make("dead")
    arn = queues.arn(dlq)

    def setting(**rule):
        return refused(queues.sqs.set_queue_attributes, QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(rule)})

    assert setting(deadLetterTargetArn=queues.arn(queues.make("d.fifo")), maxReceiveCount=1)[1].endswith("Reason: Dead-letter queue must be same type of queue as the source.")
    assert setting(deadLetterTargetArn=arn + "x", maxReceiveCount=1)[1].endswith("Reason: Dead letter target does not exist.")
    assert setting(deadLetterTargetArn=arn, maxReceiveCount=0)[1].endswith("Reason: Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.")
    assert setting(deadLetterTargetArn=arn)[1].endswith("Reason: Redrive policy does not contain mandatory attribute: maxReceiveCount.")
    assert setting(deadLetterTargetArn=arn.replace("us-east-1", "eu-west-1"), maxReceiveCount=1)[0] == "InvalidParameterValue"
    queues.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})})


def test_a_dead_letter_queue_may_refuse_sources(queues, refused):
    dlq, url = queues.make("dead"), queues.make()
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": queues.arn(dlq), "maxReceiveCount": 1})}
    allow = lambda rule: queues.sqs.set_queue_attributes(QueueUrl=dlq, Attributes={"RedriveAllowPolicy": json.dumps(rule)})
    allow({"redrivePermission": "denyAll"})
    assert refused(queues.sqs.set_queue_attributes, QueueUrl=url, Attributes=policy)[0] == "InvalidParameterValue"
    allow({"redrivePermission": "byQueue", "sourceQueueArns": [queues.arn(url)]})
    queues.sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)
    assert refused(allow, {"redrivePermission": "byQueue"})[0] == "InvalidParameterValue"


def test_sources_of_a_dead_letter_queue_are_listed(queues):
    url, dlq = pair(queues)
    pair(queues, "live2")
    assert queues.sqs.list_dead_letter_source_queues(QueueUrl=dlq)["queueUrls"] == [url, url + "2"]
    first = queues.sqs.list_dead_letter_source_queues(QueueUrl=dlq, MaxResults=1)
    assert queues.sqs.list_dead_letter_source_queues(QueueUrl=dlq, MaxResults=1, NextToken=first["NextToken"])["queueUrls"] == [url + "2"]


def bury(queues, url, count):
    for i in range(count):
        queues.send(url, str(i))
    while queues.receive(url):
        pass


def test_a_move_task_brings_dead_letters_back(queues, cloud):
    url, dlq = pair(queues)
    bury(queues, url, 3)
    handle = queues.sqs.start_message_move_task(SourceArn=queues.arn(dlq))["TaskHandle"]
    assert handle
    cloud.advance(5)
    [task] = queues.sqs.list_message_move_tasks(SourceArn=queues.arn(dlq))["Results"]
    assert task["Status"] == "COMPLETED" and task["ApproximateNumberOfMessagesMoved"] == 3 and task["ApproximateNumberOfMessagesToMove"] == 3
    assert "TaskHandle" not in task
    assert sorted(queues.bodies(url)) == ["0", "1", "2"] and queues.bodies(dlq) == []


def test_a_move_task_keeps_to_its_speed_and_can_be_cancelled(queues, cloud, refused):
    url, dlq = pair(queues)
    bury(queues, url, 5)
    other = queues.make("other")
    handle = queues.sqs.start_message_move_task(SourceArn=queues.arn(dlq), DestinationArn=queues.arn(other), MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    assert refused(queues.sqs.start_message_move_task, SourceArn=queues.arn(dlq)) == (
        "AWS.SimpleQueueService.UnsupportedOperation", "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
    cloud.advance(1.5)
    moved = queues.sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert 1 <= moved <= 3
    cloud.advance(10)
    [task] = queues.sqs.list_message_move_tasks(SourceArn=queues.arn(dlq))["Results"]
    assert task["Status"] == "CANCELLED" and task["DestinationArn"] == queues.arn(other)
    assert len(queues.bodies(other)) == moved
    assert refused(queues.sqs.cancel_message_move_task, TaskHandle="garbage")[0] == "InvalidParameterValue"


def test_only_a_dead_letter_queue_can_be_moved_from(queues, refused):
    url = queues.make()
    assert refused(queues.sqs.start_message_move_task, SourceArn=queues.arn(url)) == ("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    assert refused(queues.sqs.start_message_move_task, SourceArn=queues.arn(url) + "x") == (
        "ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.")
