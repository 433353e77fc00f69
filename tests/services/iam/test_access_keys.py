"""Access keys: two a user, good until somebody says otherwise."""
import pytest

from cloche.testing.people import Person, allow, refused


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def test_an_access_key_has_twenty_characters_and_its_secret_forty(iam):
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20 and len(key["SecretAccessKey"]) == 40
    assert key["Status"] == "Active"


def test_a_user_has_two_access_keys_at_most(iam):
    iam.create_user(UserName="bob")
    ids = {iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"] for _ in range(2)}
    assert refused("LimitExceeded", iam.create_access_key, UserName="bob") == "Cannot exceed quota for AccessKeysPerUser: 2"
    assert {k["AccessKeyId"] for k in iam.list_access_keys(UserName="bob")["AccessKeyMetadata"]} == ids


def test_an_inactive_key_is_unknown_and_an_active_one_works_again(cloud, iam):
    bob = Person(cloud, "bob")
    assert bob.client("sts").get_caller_identity()["Arn"] == bob.arn
    iam.update_access_key(UserName="bob", AccessKeyId=bob.key, Status="Inactive")
    refused("InvalidClientTokenId", bob.client("sts").get_caller_identity)
    iam.update_access_key(UserName="bob", AccessKeyId=bob.key, Status="Active")
    assert bob.client("sts").get_caller_identity()["Arn"] == bob.arn
    iam.delete_access_key(UserName="bob", AccessKeyId=bob.key)
    refused("InvalidClientTokenId", bob.client("sts").get_caller_identity)


def test_a_wrong_secret_is_a_wrong_signature(cloud, iam):
    bob = Person(cloud, "bob")
    refused("SignatureDoesNotMatch", cloud.client("sts", key=bob.key, secret="wrong").get_caller_identity)


def test_a_user_may_be_allowed_to_mind_its_own_keys_only(cloud, iam):
    bob = Person(cloud, "bob", allow("iam:*AccessKey*", "arn:aws:iam::*:user/${aws:username}"))
    iam.create_user(UserName="eve")
    mine = bob.client("iam")
    made = mine.create_access_key()["AccessKey"]
    assert made["UserName"] == "bob" and len(mine.list_access_keys()["AccessKeyMetadata"]) == 2
    message = refused("AccessDenied", mine.create_access_key, UserName="eve")
    assert message == (f"User: {bob.arn} is not authorized to perform: iam:CreateAccessKey on resource: arn:aws:iam::{cloud.account}:user/eve "
                       "because no identity-based policy allows the iam:CreateAccessKey action")
    refused("NoSuchEntity", iam.delete_access_key, UserName="eve", AccessKeyId=made["AccessKeyId"])


def test_the_last_use_of_a_key_is_known(cloud, iam):
    bob = Person(cloud, "bob", allow("iam:ListUsers"))
    assert iam.get_access_key_last_used(AccessKeyId=bob.key)["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    bob.client("iam").list_users()
    used = iam.get_access_key_last_used(AccessKeyId=bob.key)
    assert used["UserName"] == "bob" and used["AccessKeyLastUsed"]["ServiceName"] == "iam" and "LastUsedDate" in used["AccessKeyLastUsed"]
    refused("NoSuchEntity", iam.get_access_key_last_used, AccessKeyId="AKIA0000000000000000")
