"""Users and roles with few rights, really denied by other services, in each service's own words."""
import json
import urllib.request

import pytest

from cloche.testing.people import Person, allow, deny, document, refused, trusting


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def test_a_user_sends_to_one_queue_and_no_other(cloud):
    mine, other = (cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("mine", "other"))
    bob = Person(cloud, "bob", allow(["sqs:SendMessage", "sqs:GetQueueUrl"], f"arn:aws:sqs:*:{cloud.account}:mine")).client("sqs")
    assert bob.send_message(QueueUrl=mine, MessageBody="x")["MessageId"]
    said = refused("AccessDenied", bob.send_message, QueueUrl=other, MessageBody="x")
    assert said.endswith("because no identity-based policy allows the sqs:SendMessage action")
    refused("AccessDenied", bob.receive_message, QueueUrl=mine)
    refused("AccessDenied", bob.list_queues)


def test_a_queue_policy_lets_another_account_in_when_both_agree(cloud):
    there = cloud.other()
    eve = Person(there, "eve")
    url = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    policy = document({"Effect": "Allow", "Principal": {"AWS": there.account}, "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:us-east-1:{cloud.account}:q"})
    refused("AccessDenied", eve.client("sqs").send_message, QueueUrl=url, MessageBody="x")
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    refused("AccessDenied", eve.client("sqs").send_message, QueueUrl=url, MessageBody="x")
    there.client("iam").put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=document(allow("sqs:SendMessage")))
    assert eve.client("sqs").send_message(QueueUrl=url, MessageBody="x")["MessageId"]


def test_a_user_reads_below_its_own_name_in_a_bucket(cloud):
    s3 = cloud.client("s3")
    bucket = f"b-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="home/bob/a", Body=b"1")
    s3.put_object(Bucket=bucket, Key="home/eve/a", Body=b"2")
    bob = Person(
        cloud, "bob", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/home/${{aws:username}}/*"),
        allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition={"StringLike": {"s3:prefix": "home/${aws:username}/*"}})).client("s3")
    assert bob.get_object(Bucket=bucket, Key="home/bob/a")["Body"].read() == b"1"
    refused("AccessDenied", bob.get_object, Bucket=bucket, Key="home/eve/a")
    refused("AccessDenied", bob.put_object, Bucket=bucket, Key="home/bob/b", Body=b"")
    assert bob.list_objects_v2(Bucket=bucket, Prefix="home/bob/")["KeyCount"] == 1
    refused("AccessDenied", bob.list_objects_v2, Bucket=bucket)


def test_a_deny_in_a_bucket_policy_outweighs_an_administrator(cloud, iam):
    s3 = cloud.client("s3")
    bucket = f"d-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    bob = Person(cloud, "bob", allow("*"))
    assert bob.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    s3.put_bucket_policy(Bucket=bucket, Policy=document(deny("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": bob.arn})))
    assert refused("AccessDenied", bob.client("s3").get_object, Bucket=bucket, Key="k").endswith("with an explicit deny in a resource-based policy")


def test_a_role_session_works_on_one_table_only(cloud, iam):
    dynamodb = cloud.client("dynamodb")
    for name in ("mine", "other"):
        dynamodb.create_table(TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                              AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    cloud.advance(10)
    bob = Person(cloud, "bob")
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(allow(["dynamodb:PutItem", "dynamodb:GetItem"], f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/mine")))
    session = cloud.client("dynamodb", **bob.assume(arn, "work"))
    session.put_item(TableName="mine", Item={"id": {"S": "1"}})
    said = refused("AccessDeniedException", session.put_item, TableName="other", Item={"id": {"S": "1"}})
    assert said == (f"User: arn:aws:sts::{cloud.account}:assumed-role/r/work is not authorized to perform: dynamodb:PutItem on resource: "
                    f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/other because no identity-based policy allows the dynamodb:PutItem action")
    refused("AccessDeniedException", session.delete_item, TableName="mine", Key={"id": {"S": "1"}})


def test_leading_keys_confine_a_user_to_its_own_items(cloud):
    cloud.client("dynamodb").create_table(TableName="things", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                                          AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    cloud.advance(10)
    bob = Person(cloud, "bob", allow("dynamodb:*Item", Condition={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}})).client("dynamodb")
    bob.put_item(TableName="things", Item={"id": {"S": "bob"}})
    refused("AccessDeniedException", bob.put_item, TableName="things", Item={"id": {"S": "eve"}})


def test_a_denial_tells_its_story(cloud):
    bob = Person(cloud, "bob", allow("sqs:SendMessage", "arn:aws:sqs:*:*:mine"), allow("sqs:ReceiveMessage", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    url = cloud.client("sqs").create_queue(QueueName="other")["QueueUrl"]
    for call in ("send_message", "receive_message"):
        try:
            getattr(bob.client("sqs"), call)(QueueUrl=url, **({"MessageBody": "x"} if call == "send_message" else {}))
        except Exception as error:
            request = error.response["ResponseMetadata"]["RequestId"]
        with urllib.request.urlopen(f"{cloud.url}/_cloche/why/{request}") as answer:
            text = json.load(answer)["why"]["text"]
        assert ("it is about other resources: arn:aws:sqs:*:*:mine" if call == "send_message" else "the key is 127.0.0.1") in text, text


def test_a_denial_names_the_managed_policy_that_denies_and_strangers_are_not_told(cloud):
    iam, bob = cloud.client("iam"), Person(cloud, "bob", allow("*"))
    arn = iam.create_policy(PolicyName="no-lists", PolicyDocument=document(deny(["iam:ListUsers", "sqs:*"])))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    assert refused("AccessDenied", bob.client("iam").list_users).endswith(f"with an explicit deny in an identity-based policy: {arn}")
    iam.put_user_policy(UserName="bob", PolicyName="inline", PolicyDocument=document(allow("*"), deny("iam:ListRoles")))
    assert refused("AccessDenied", bob.client("iam").list_roles).endswith("with an explicit deny in an identity-based policy")
    iam.put_user_permissions_boundary(UserName="bob", PermissionsBoundary=iam.create_policy(
        PolicyName="cap", PolicyDocument=document(allow("*"), deny("iam:ListGroups")))["Policy"]["Arn"])
    assert refused("AccessDenied", bob.client("iam").list_groups).endswith(f"with an explicit deny in a permissions boundary: {arn.replace('no-lists', 'cap')}")
    other = cloud.other()
    url = other.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    assert refused("AccessDenied", bob.client("sqs").get_queue_attributes, QueueUrl=url).endswith("with an explicit deny in an identity-based policy")


def test_a_queue_policy_that_names_the_user_or_the_session_needs_nobody_else(cloud, iam):
    """Neither an identity policy, nor the boundary's or the session policy's silence counts; for a role's ARN, and for the account's, the rest is still asked."""
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    iam.create_policy(PolicyName="cap", PolicyDocument=document(allow("s3:*")))
    bob = Person(cloud, "bob", allow("sts:AssumeRole"), PermissionsBoundary=f"arn:aws:iam::{cloud.account}:policy/cap")
    carl = Person(cloud, "carl", allow("sts:AssumeRole"))
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": carl.arn}))["Role"]["Arn"]
    session = cloud.client("sqs", **carl.assume(role, "ses", Policy=document(allow("s3:*"))))
    free = cloud.client("sqs", **carl.assume(role, "ses"))

    def let(principal):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sqs:SendMessage", "Resource": arn})})

    let(bob.arn)
    bob.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    let(f"arn:aws:sts::{cloud.account}:assumed-role/r/ses")
    session.send_message(QueueUrl=url, MessageBody="x")
    let(role)
    free.send_message(QueueUrl=url, MessageBody="x")
    assert "because no session policy" in refused("AccessDenied", session.send_message, QueueUrl=url, MessageBody="x")
    let(cloud.account)
    assert "because no identity-based policy" in refused("AccessDenied", carl.client("sqs").send_message, QueueUrl=url, MessageBody="x")
    iam.put_user_policy(UserName="carl", PolicyName="more", PolicyDocument=document(allow("sqs:*")))
    carl.client("sqs").send_message(QueueUrl=url, MessageBody="x")
