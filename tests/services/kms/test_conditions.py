"""What policies may ask about a use of a key: its context, its kind, who calls, and what a grant is for."""
import json

import pytest

from cloche.testing.people import Person, allow, refused, trusting


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


def key(kms, cloud, *statements, **more):
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:*", "Resource": "*"}
    return kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [root, *statements]}), **more)["KeyMetadata"]["KeyId"]


def denied(call, **req):
    refused("AccessDeniedException", call, **req)


@pytest.mark.parametrize(("condition", "good", "bad"), [
    ({"StringEquals": {"kms:EncryptionContext:app": "shop"}}, {"app": "shop", "x": "y"}, {"app": "other"}),
    ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app", "team"]}}, {"app": "shop"}, {"app": "shop", "else": "1"}),
    ({"Null": {"kms:EncryptionContext:app": "false"}}, {"app": "any"}, {"other": "1"}),
])
def test_the_encryption_context_may_be_demanded(cloud, kms, condition, good, bad):
    id_ = key(kms, cloud)
    client = Person(cloud, "bob", allow("kms:Encrypt", Condition=condition)).client("kms")
    assert client.encrypt(KeyId=id_, Plaintext=b"x", EncryptionContext=good)["CiphertextBlob"]
    denied(client.encrypt, KeyId=id_, Plaintext=b"x", EncryptionContext=bad)


def test_the_kind_of_a_key_may_be_demanded_of_who_makes_or_uses_it(cloud, kms):
    bob = Person(cloud, "bob", allow("kms:CreateKey", Condition={"StringEquals": {"kms:KeySpec": "HMAC_256", "kms:KeyUsage": "GENERATE_VERIFY_MAC", "kms:KeyOrigin": "AWS_KMS"}}),
                 allow("kms:DescribeKey", Condition={"StringEquals": {"kms:KeyOrigin": "EXTERNAL"}}), allow("kms:DisableKey", Condition={"Bool": {"kms:MultiRegion": "true"}})).client("kms")
    assert bob.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeySpec"] == "HMAC_256"
    denied(bob.create_key)
    denied(bob.create_key, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", Origin="EXTERNAL")
    assert bob.describe_key(KeyId=key(kms, cloud, Origin="EXTERNAL"))["KeyMetadata"]["Origin"] == "EXTERNAL"
    denied(bob.describe_key, KeyId=key(kms, cloud))
    bob.disable_key(KeyId=key(kms, cloud, MultiRegion=True))
    denied(bob.disable_key, KeyId=key(kms, cloud))


def test_a_key_may_be_used_under_some_of_its_names_alone(cloud, kms):
    id_ = key(kms, cloud)
    for name in ("alias/open", "alias/closed"):
        kms.create_alias(AliasName=name, TargetKeyId=id_)
    client = Person(cloud, "bob", allow("kms:Encrypt", Condition={"StringEquals": {"kms:RequestAlias": "alias/open"}})).client("kms")
    assert client.encrypt(KeyId="alias/open", Plaintext=b"x")["CiphertextBlob"]
    denied(client.encrypt, KeyId="alias/closed", Plaintext=b"x")
    denied(client.encrypt, KeyId=id_, Plaintext=b"x")


def test_a_key_policy_may_name_the_callers_account(cloud, kms):
    other = cloud.other()
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Encrypt", "Resource": "*", "Condition": {"StringEquals": {"kms:CallerAccount": other.account}}}
    arn = kms.describe_key(KeyId=key(kms, cloud, anybody))["KeyMetadata"]["Arn"]
    assert Person(other, "theirs", allow("kms:Encrypt")).client("kms").encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    denied(cloud.other().client("kms").encrypt, KeyId=arn, Plaintext=b"x")


def test_what_a_grant_may_be_for_and_for_whom(cloud, kms):
    id_, who = key(kms, cloud), f"arn:aws:iam::{cloud.account}:root"
    bob = Person(cloud, "bob", allow("kms:CreateGrant", Condition={"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}, "StringEquals": {"kms:GranteePrincipal": who}})).client("kms")
    assert bob.create_grant(KeyId=id_, GranteePrincipal=who, Operations=["Encrypt"])["GrantId"]
    denied(bob.create_grant, KeyId=id_, GranteePrincipal=who, Operations=["Encrypt", "DescribeKey"])
    denied(bob.create_grant, KeyId=id_, GranteePrincipal=who.replace("root", "user/bob"), Operations=["Encrypt"])
    constrained = Person(cloud, "eve", allow("kms:CreateGrant", Condition={"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}})).client("kms")
    assert constrained.create_grant(KeyId=id_, GranteePrincipal=who, Operations=["Encrypt"], Constraints={"EncryptionContextSubset": {"a": "b"}})["GrantId"]
    denied(constrained.create_grant, KeyId=id_, GranteePrincipal=who, Operations=["Encrypt"])


def test_grants_may_be_left_to_services_that_act_for_the_caller(cloud, kms):
    """DynamoDB makes a grant for itself in the caller's name; the caller alone makes none."""
    id_ = key(kms, cloud)
    bob = Person(cloud, "bob", allow("dynamodb:*"), allow(["kms:DescribeKey", "kms:GenerateDataKey*", "kms:Decrypt"]), allow("kms:CreateGrant", Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}}))
    denied(bob.client("kms").create_grant, KeyId=id_, GranteePrincipal=bob.arn, Operations=["Decrypt"])
    made = bob.client("dynamodb").create_table(TableName="table", AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                                               BillingMode="PAY_PER_REQUEST", SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": id_})
    assert made["TableDescription"]["TableName"] == "table" and kms.list_grants(KeyId=id_)["Grants"]


def test_a_service_may_be_demanded_through_which_a_key_is_used(cloud, kms):
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    id_ = key(kms, cloud)
    bob = Person(cloud, "bob", allow("secretsmanager:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"], Condition=via))
    denied(bob.client("kms").generate_data_key, KeyId=id_, KeySpec="AES_256")
    bob.client("secretsmanager").create_secret(Name="s", SecretString="v", KmsKeyId=id_)
    assert bob.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "v"


def test_a_role_named_by_the_key_policy_needs_no_policy_of_its_own(cloud, kms):
    iam = cloud.client("iam")
    bob = Person(cloud, "bob", allow("sts:AssumeRole"))
    arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    id_ = key(kms, cloud, {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "kms:Encrypt", "Resource": "*"})
    session = cloud.client("kms", **bob.assume(arn))
    assert session.encrypt(KeyId=id_, Plaintext=b"x")["CiphertextBlob"]
    denied(session.decrypt, CiphertextBlob=session.encrypt(KeyId=id_, Plaintext=b"x")["CiphertextBlob"])
