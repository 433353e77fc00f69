"""Managed policies: versions, attachments, and AWS's own."""
import pytest

from cloche.testing.people import Person, allow, document, refused

AWS = "arn:aws:iam::aws:policy/"


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


@pytest.fixture
def arn(iam):
    return iam.create_policy(PolicyName="p", Path="/x/", PolicyDocument=document(allow("iam:ListUsers")), Description="d", Tags=[{"Key": "a", "Value": "b"}])["Policy"]["Arn"]


def test_a_policy_begins_with_version_one(cloud, iam, arn):
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    assert arn == f"arn:aws:iam::{cloud.account}:policy/x/p" and got["PolicyId"].startswith("ANPA") and got["DefaultVersionId"] == "v1"
    assert got["AttachmentCount"] == 0 and got["IsAttachable"] and got["Description"] == "d" and got["Tags"] == [{"Key": "a", "Value": "b"}]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["IsDefaultVersion"] and version["Document"]["Statement"][0]["Action"] == "iam:ListUsers"
    said = refused("EntityAlreadyExists", iam.create_policy, PolicyName="P", PolicyDocument=document(allow("s3:*")))
    assert said == "A policy called P already exists. Duplicate names are not allowed."
    refused("MalformedPolicyDocument", iam.create_policy, PolicyName="q", PolicyDocument="{}")


def test_a_policy_has_five_versions_and_the_default_one_counts(cloud, iam, arn):
    bob = Person(cloud, "bob").client("iam")
    iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    assert "Users" in bob.list_users()
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("s3:*")))
    assert "Users" in bob.list_users()
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("s3:*")), SetAsDefault=True)["PolicyVersion"]["VersionId"] == "v5"
    refused("AccessDenied", bob.list_users)
    refused("LimitExceeded", iam.create_policy_version, PolicyArn=arn, PolicyDocument=document(allow("s3:*")))
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v5", "v4", "v3", "v2", "v1"]
    refused("DeleteConflict", iam.delete_policy_version, PolicyArn=arn, VersionId="v5")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v4")
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("s3:*")))["PolicyVersion"]["VersionId"] == "v6"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert "Users" in bob.list_users()
    refused("NoSuchEntity", iam.get_policy_version, PolicyArn=arn, VersionId="v4")
    refused("NoSuchEntity", iam.set_default_policy_version, PolicyArn=arn, VersionId="v9")


def test_delete_policy_wants_it_detached_and_alone(iam, arn):
    iam.create_user(UserName="bob")
    iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    iam.attach_user_policy(UserName="bob", PolicyArn=arn)  # again: nothing happens
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert refused("DeleteConflict", iam.delete_policy, PolicyArn=arn) == "Cannot delete a policy attached to entities."
    iam.detach_user_policy(UserName="bob", PolicyArn=arn)
    refused("NoSuchEntity", iam.detach_user_policy, UserName="bob", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("s3:*")))
    refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    refused("NoSuchEntity", iam.get_policy, PolicyArn=arn)
    assert refused("NoSuchEntity", iam.attach_user_policy, UserName="bob", PolicyArn=arn) == f"Policy {arn} does not exist or is not attachable."
    refused("InvalidInput", iam.attach_user_policy, UserName="bob", PolicyArn="arn:aws:s3:::bucket/and/more/letters")


def test_ten_managed_policies_may_be_attached(iam):
    iam.create_user(UserName="bob")
    for i in range(11):
        iam.create_policy(PolicyName=f"p{i}", PolicyDocument=document(allow("s3:*")))
    arns = [p["Arn"] for p in iam.list_policies(Scope="Local")["Policies"]]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    assert refused("LimitExceeded", iam.attach_user_policy, UserName="bob", PolicyArn=arns[10]) == "Cannot exceed quota for PoliciesPerUser: 10"
    first = iam.list_attached_user_policies(UserName="bob", MaxItems=7)
    assert len(first["AttachedPolicies"]) == 7 and len(iam.list_attached_user_policies(UserName="bob", Marker=first["Marker"])["AttachedPolicies"]) == 3


def test_a_policy_has_6144_characters_at_most(iam):
    long = document(allow([f"s3:Get{'x' * 40}{i}" for i in range(130)]))
    assert refused("LimitExceeded", iam.create_policy, PolicyName="p", PolicyDocument=long) == "Cannot exceed quota for PolicySize: 6144"


def test_awss_own_policies_are_there_for_everybody(iam):
    got = iam.get_policy(PolicyArn=AWS + "service-role/AWSLambdaDynamoDBExecutionRole")["Policy"]
    text = iam.get_policy_version(PolicyArn=got["Arn"], VersionId=got["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert got["Path"] == "/service-role/" and set(text["Statement"][0]["Action"]) == {
        "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    for name in ("AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "AmazonS3ReadOnlyAccess", "AWSXrayWriteOnlyAccess", "service-role/AWSLambdaBasicExecutionRole",
                 "service-role/AWSLambdaSQSQueueExecutionRole", "service-role/AmazonAPIGatewayPushToCloudWatchLogs", "service-role/AmazonECSTaskExecutionRolePolicy"):
        assert iam.get_policy(PolicyArn=AWS + name)["Policy"]["IsAttachable"]
    names = {p["PolicyName"] for page in iam.get_paginator("list_policies").paginate(Scope="AWS") for p in page["Policies"]}
    assert len(names) > 1500 and "AmazonSQSFullAccess" in names
    refused("AccessDenied", iam.delete_policy, PolicyArn=AWS + "ReadOnlyAccess")
    iam.create_user(UserName="eve")
    rare = iam.get_policy(PolicyArn=AWS + "AmazonRedshiftFullAccess")["Policy"]
    iam.attach_user_policy(UserName="eve", PolicyArn=rare["Arn"])
    assert "redshift:*" in iam.get_policy_version(PolicyArn=rare["Arn"], VersionId=rare["DefaultVersionId"])["PolicyVersion"]["Document"]["Statement"][0]["Action"]
    assert refused("PolicyNotAttachable", iam.attach_user_policy, UserName="eve", PolicyArn=AWS + "aws-service-role/AmazonECSServiceRolePolicy") == \
        "Cannot attach a Service Role Policy to a customer role."
    refused("NoSuchEntity", iam.get_policy, PolicyArn=AWS + "NoSuchPolicy")


def test_who_may_read_everything_changes_nothing(cloud, iam):
    bob = Person(cloud, "bob")
    iam.attach_user_policy(UserName="bob", PolicyArn=AWS + "ReadOnlyAccess")
    cloud.client("dynamodb").create_table(TableName="things", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                                          BillingMode="PAY_PER_REQUEST")
    assert bob.client("kms").list_keys()["Keys"] == [] and bob.client("dynamodb").describe_table(TableName="things") and "Users" in bob.client("iam").list_users()
    refused("AccessDeniedException", bob.client("dynamodb").put_item, TableName="things", Item={"k": {"S": "1"}})
    refused("AccessDeniedException", bob.client("secretsmanager").create_secret, Name="s", SecretString="x")


def test_power_users_may_all_but_iam(cloud, iam):
    bob = Person(cloud, "bob")
    iam.attach_user_policy(UserName="bob", PolicyArn=AWS + "PowerUserAccess")
    refused("AccessDenied", bob.client("iam").list_users)
    assert "Roles" in bob.client("iam").list_roles()
    assert bob.client("sts").get_access_key_info(AccessKeyId=bob.key)["Account"] == cloud.account


def test_policies_are_listed_by_scope_path_and_use(iam, arn):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}))
    assert [p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]] == ["p"]
    assert iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"] == []
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    iam.attach_role_policy(RoleName="r", PolicyArn=AWS + "ReadOnlyAccess")
    assert [p["PolicyName"] for p in iam.list_policies(OnlyAttached=True)["Policies"]] == ["ReadOnlyAccess", "p"]
    assert [p["PolicyName"] for p in iam.list_policies(PathPrefix="/x/")["Policies"]] == ["p"]
    assert [p["PolicyName"] for p in iam.list_attached_role_policies(RoleName="r", PathPrefix="/x/")["AttachedPolicies"]] == ["p"]


def test_attaching_can_be_limited_to_some_policies(cloud, iam, arn):
    iam.create_user(UserName="eve")
    bob = Person(cloud, "bob", allow("iam:AttachUserPolicy", Condition={"ArnEquals": {"iam:PolicyARN": AWS + "ReadOnlyAccess"}})).client("iam")
    bob.attach_user_policy(UserName="eve", PolicyArn=AWS + "ReadOnlyAccess")
    refused("AccessDenied", bob.attach_user_policy, UserName="eve", PolicyArn=AWS + "AdministratorAccess")


def test_tags_of_a_policy(iam, arn):
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
