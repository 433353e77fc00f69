import json


def test_a_permission_lets_another_account_in_until_it_is_removed(queues, cloud, refused):
    url, other = queues.make(), cloud.other()
    queues.sqs.add_permission(QueueUrl=url, Label="friend", AWSAccountIds=[other.account], Actions=["SendMessage"])
    [statement] = json.loads(queues.attribute(url, "Policy"))["Statement"]
    assert statement["Sid"] == "friend" and statement["Action"] == "SQS:SendMessage" and statement["Principal"] == {"AWS": f"arn:aws:iam::{other.account}:root"}
    theirs = other.client("sqs")
    theirs.send_message(QueueUrl=url, MessageBody="from afar")
    assert refused(theirs.receive_message, QueueUrl=url)[0] == "AccessDenied"
    assert queues.bodies(url) == ["from afar"]
    queues.sqs.remove_permission(QueueUrl=url, Label="friend")
    assert queues.attribute(url, "Policy") is None
    assert refused(theirs.send_message, QueueUrl=url, MessageBody="x")[0] == "AccessDenied"


def test_permissions_are_checked(queues, refused):
    url = queues.make()
    add = lambda **kw: queues.sqs.add_permission(**{"QueueUrl": url, "Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]} | kw)
    assert refused(add, Actions=["CreateQueue"]) == (
        "InvalidParameterValue", "Value SQS:CreateQueue for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.")
    assert refused(add, Actions=["Dance"])[1].startswith("Value SQS:Dance for parameter ActionName is invalid.")
    assert refused(add, Actions=["SendMessage"] * 8) == ("OverLimit", "8 Actions were found, maximum allowed is 7.")
    add()
    assert refused(add) == ("InvalidParameterValue", "Value l for parameter Label is invalid. Reason: Already exists.")
    assert refused(queues.sqs.remove_permission, QueueUrl=url, Label="m") == ("InvalidParameterValue", "Value m for parameter Label is invalid. Reason: can't find label on existing policy.")


def test_a_deny_of_the_queue_wins_even_over_its_owner(queues, refused):
    url = queues.make()
    policy = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}
    queues.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert refused(queues.send, url)[0] == "AccessDenied"
