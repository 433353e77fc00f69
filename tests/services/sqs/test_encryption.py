import json


def user(cloud, *actions):
    iam = cloud.client("iam")
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    return cloud.client("sqs", key=key["AccessKeyId"], secret=key["SecretAccessKey"])


def test_a_message_under_a_key_comes_back_as_it_was_sent(queues, cloud):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    url = queues.make(KmsMasterKeyId=key)
    queues.send(url, "sécret", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    [message] = queues.receive(url, MessageAttributeNames=["All"])
    assert message["Body"] == "sécret" and message["MessageAttributes"]["a"]["StringValue"] == "b"


def test_a_sender_needs_the_key_and_so_does_a_receiver(queues, cloud, refused):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    url = queues.make(KmsMasterKeyId=key)
    theirs = user(cloud, "sqs:*")
    assert refused(theirs.send_message, QueueUrl=url, MessageBody="x")[0] == "KMS.AccessDeniedException"
    queues.send(url)
    assert refused(theirs.receive_message, QueueUrl=url)[0] == "KMS.AccessDeniedException"
    cloud.client("iam").put_user_policy(UserName="u", PolicyName="k", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": key}]}))
    theirs.send_message(QueueUrl=url, MessageBody="y")
    assert sorted(m["Body"] for m in theirs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == ["x", "y"]


def test_a_disabled_key_is_noticed_when_the_data_key_is_used_up(queues, cloud, refused):
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    url = queues.make(KmsMasterKeyId=key, KmsDataKeyReusePeriodSeconds="60", VisibilityTimeout="0")
    queues.send(url)
    queues.receive(url)
    kms.disable_key(KeyId=key)
    queues.send(url)
    cloud.advance(61)
    assert refused(queues.send, url)[0] == "KMS.DisabledException"
    assert refused(queues.receive, url)[0] == "KMS.DisabledException"
    kms.enable_key(KeyId=key)
    assert queues.bodies(url) == ["x", "x"]


def test_an_unknown_key_is_not_found(queues, cloud, refused):
    url = queues.make(KmsMasterKeyId=f"arn:aws:kms:us-east-1:{cloud.account}:key/00000000-0000-0000-0000-000000000000")
    assert refused(queues.send, url)[0] == "KMS.NotFoundException"
