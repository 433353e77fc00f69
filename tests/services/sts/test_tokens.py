"""Caller identity, session and federation tokens, encoded messages."""
import json

import pytest

from cloche.iam import Principal, Question, decide, parse
from cloche.services.sts import messages
from cloche.testing.people import Person, allow, deny, document, keys, refused, trusting


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def test_get_caller_identity_cannot_be_denied(cloud, iam):
    bob = Person(cloud, "bob", deny("*"))
    assert bob.client("sts").get_caller_identity() | {"ResponseMetadata": 0} == {
        "UserId": iam.get_user(UserName="bob")["User"]["UserId"], "Account": cloud.account, "Arn": bob.arn, "ResponseMetadata": 0}
    root = cloud.client("sts").get_caller_identity()
    assert root["UserId"] == cloud.account and root["Arn"] == f"arn:aws:iam::{cloud.account}:root"


def test_a_session_token_needs_no_permission_and_acts_as_the_user(cloud, iam):
    bob = Person(cloud, "bob")
    made = bob.client("sts").get_session_token(DurationSeconds=900)
    assert 890 <= made["Credentials"]["Expiration"].timestamp() - cloud.now <= 900
    sts = cloud.client("sts", **keys(made))
    assert sts.get_caller_identity()["Arn"] == bob.arn
    assert refused("AccessDenied", sts.get_session_token) == "Cannot call GetSessionToken with session credentials"
    refused("AccessDenied", sts.get_federation_token, Name="alice")


def test_session_credentials_without_a_second_factor_reach_neither_iam_nor_most_of_sts(cloud, iam):
    bob = Person(cloud, "bob", allow("*"))
    session = keys(bob.client("sts").get_session_token())
    refused("InvalidClientTokenId", cloud.client("iam", **session).list_users)
    refused("InvalidClientTokenId", cloud.client("sts", **session).get_access_key_info, AccessKeyId=bob.key)
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    cloud.client("sts", **session).assume_role(RoleArn=arn, RoleSessionName="ses")


def test_a_role_session_may_not_ask_for_tokens(cloud, iam):
    bob = Person(cloud, "bob")
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    refused("AccessDenied", cloud.client("sts", **bob.assume(arn)).get_session_token)


def test_a_federated_user_may_what_user_and_policy_both_allow(cloud, iam):
    refused("AccessDenied", Person(cloud, "eve").client("sts").get_federation_token, Name="alice")
    bob = Person(cloud, "bob", allow("sts:*"), allow("sqs:*"))
    made = bob.client("sts").get_federation_token(Name="alice", Policy=document(allow("sqs:ListQueues")))
    assert made["FederatedUser"] == {"FederatedUserId": f"{cloud.account}:alice", "Arn": f"arn:aws:sts::{cloud.account}:federated-user/alice"}
    assert made["PackedPolicySize"] > 0
    sts = cloud.client("sts", **keys(made))
    assert sts.get_caller_identity()["Arn"] == made["FederatedUser"]["Arn"]
    refused("InvalidClientTokenId", cloud.client("iam", **keys(made)).list_users)
    refused("InvalidClientTokenId", sts.assume_role, RoleArn=f"arn:aws:iam::{cloud.account}:role/r", RoleSessionName="ses")
    long = bob.client("sts").get_federation_token(Name="alice")["Credentials"]["Expiration"].timestamp()
    assert 43190 <= long - cloud.now <= 43200


def test_roots_tokens_last_an_hour_at_most(cloud):
    made = cloud.client("sts").get_session_token(DurationSeconds=43200)
    assert made["Credentials"]["Expiration"].timestamp() - cloud.now <= 3600


def test_the_account_of_a_key_is_known_to_whom_may_ask(cloud, iam):
    bob = Person(cloud, "bob")
    assert cloud.other().client("sts").get_access_key_info(AccessKeyId=bob.key)["Account"] == cloud.account
    refused("AccessDenied", bob.client("sts").get_access_key_info, AccessKeyId=bob.key)
    refused("ValidationError", cloud.client("sts").get_access_key_info, AccessKeyId="AKIA0000000000000000")


def test_an_encoded_message_tells_why_a_service_said_no(cloud, cloche_server):
    refused("InvalidAuthorizationMessageException", cloud.client("sts").decode_authorization_message, EncodedMessage="garbage")
    refused("InvalidAuthorizationMessageException", cloud.client("sts").decode_authorization_message, EncodedMessage="Z" * 64)
    bob = Person(cloud, "bob", allow("ec2:*"))
    refused("AccessDenied", bob.client("sts").decode_authorization_message, EncodedMessage="garbage")
    # what a service such as EC2 puts into its refusal
    who = Principal(kind="user", arn=bob.arn, account=cloud.account, id="AIDA", name="bob")
    no = decide(Question(principal=who, action="ec2:DescribeVpcs", identity=[("p", "inline", parse(document(deny("ec2:*", Sid="No"))))]))
    blob = messages.encode(cloche_server.bell.cloud, who, no, "ec2:DescribeVpcs", "*", {"aws:RequestedRegion": "us-east-1"})
    told = json.loads(cloud.client("sts").decode_authorization_message(EncodedMessage=blob)["DecodedMessage"])
    assert told["explicitDeny"] and not told["allowed"] and told["context"]["action"] == "ec2:DescribeVpcs"
    assert told["context"]["principal"] == {"id": "AIDA", "name": "bob", "arn": bob.arn} and told["matchedStatements"]["items"][0]["statementId"] == "No"
    assert told["context"]["conditions"]["items"] == [{"key": "aws:RequestedRegion", "values": {"items": [{"value": "us-east-1"}]}}]
    refused("InvalidAuthorizationMessageException", cloud.client("sts").decode_authorization_message, EncodedMessage=blob[:-4] + "AAAA")


def test_two_users_may_federate_the_same_name_and_each_gives_its_own_rights(cloud):
    rights = document(allow("sqs:*"))
    bob, eve = Person(cloud, "bob", allow("sts:*"), allow("sqs:ListQueues")), Person(cloud, "eve", allow("sts:*"))
    by_bob, by_eve = (keys(one.client("sts").get_federation_token(Name="alice", Policy=rights)) for one in (bob, eve))
    assert cloud.client("sqs", **by_bob).list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    refused("AccessDenied", cloud.client("sqs", **by_eve).list_queues)
    by_root = keys(cloud.client("sts").get_federation_token(Name="alice", Policy=rights))
    assert cloud.client("sqs", **by_root).list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    without = keys(cloud.client("sts").get_federation_token(Name="alice"))
    assert refused("AccessDenied", cloud.client("sqs", **without).list_queues).endswith("because no session policy allows the sqs:ListQueues action")
