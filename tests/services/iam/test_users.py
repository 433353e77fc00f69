"""Users, their tags, pages and the order in which they are taken apart."""
import pytest

from cloche.testing.people import Person, allow, document, refused


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def test_a_user_has_a_path_a_unique_id_and_an_arn(cloud, iam):
    made = iam.create_user(UserName="bob", Path="/team/red/", Tags=[{"Key": "a", "Value": "1"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{cloud.account}:user/team/red/bob"
    assert made["UserId"].startswith("AIDA") and len(made["UserId"]) == 21
    assert made["Path"] == "/team/red/" and made["Tags"] == [{"Key": "a", "Value": "1"}]
    assert iam.get_user(UserName="bob")["User"] == made


def test_user_names_are_unique_whatever_their_case(iam):
    iam.create_user(UserName="Bob")
    message = refused("EntityAlreadyExists", iam.create_user, UserName="bOB")
    assert message == "User with name bOB already exists."
    assert iam.get_user(UserName="bob")["User"]["UserName"] == "Bob"
    assert refused("NoSuchEntity", iam.get_user, UserName="bo") == "The user with name bo cannot be found."


def test_get_user_without_a_name_is_about_the_caller(cloud, iam):
    bob = Person(cloud, "bob", allow("iam:GetUser", "arn:aws:iam::*:user/${aws:username}"))
    assert bob.client("iam").get_user()["User"]["UserName"] == "bob"
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{cloud.account}:root"


def test_list_users_pages_by_marker_and_filters_by_path(iam):
    for i in range(5):
        iam.create_user(UserName=f"u{i}", Path="/a/" if i < 3 else "/b/")
    first = iam.list_users(MaxItems=2)
    assert [u["UserName"] for u in first["Users"]] == ["u0", "u1"] and first["IsTruncated"]
    second = iam.list_users(MaxItems=2, Marker=first["Marker"])
    assert [u["UserName"] for u in second["Users"]] == ["u2", "u3"]
    assert [u["UserName"] for u in iam.list_users(PathPrefix="/b/")["Users"]] == ["u3", "u4"]
    assert len(list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2}))) == 3
    refused("ValidationError", iam.list_users, Marker="?")


def test_a_renamed_user_keeps_id_keys_groups_and_policies(cloud, iam):
    bob = Person(cloud, "bob", allow("iam:GetUser"))
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="bob")
    iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    before = iam.get_user(UserName="bob")["User"]
    iam.update_user(UserName="bob", NewUserName="rob", NewPath="/x/")
    after = iam.get_user(UserName="rob")["User"]
    assert after["UserId"] == before["UserId"] and after["Arn"].endswith(":user/x/rob")
    assert [u["UserName"] for u in iam.get_group(GroupName="g")["Users"]] == ["rob"]
    assert iam.list_entities_for_policy(PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")["PolicyUsers"][0]["UserName"] == "rob"
    assert bob.client("iam").get_user()["User"]["UserName"] == "rob"
    refused("NoSuchEntity", iam.get_user, UserName="bob")
    iam.create_user(UserName="eve")
    refused("EntityAlreadyExists", iam.update_user, UserName="eve", NewUserName="ROB")


def test_delete_user_wants_everything_detached_first(iam):
    iam.create_user(UserName="bob")
    iam.create_group(GroupName="g")
    key = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=document(allow("s3:*")))
    iam.add_user_to_group(UserName="bob", GroupName="g")
    iam.create_login_profile(UserName="bob", Password="Correct-horse-7")
    said = []
    for undo in (
        lambda: iam.detach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
        lambda: iam.delete_user_policy(UserName="bob", PolicyName="p"), lambda: iam.remove_user_from_group(UserName="bob", GroupName="g"),
        lambda: iam.delete_access_key(UserName="bob", AccessKeyId=key), lambda: iam.delete_login_profile(UserName="bob"),
    ):
        said.append(refused("DeleteConflict", iam.delete_user, UserName="bob"))
        undo()
    assert said[0] == "Cannot delete entity, must detach all policies first."
    assert said[3] == "Cannot delete entity, must delete access keys first."
    iam.delete_user(UserName="bob")
    refused("NoSuchEntity", iam.delete_user, UserName="bob")


def test_tags_of_a_user_are_unique_whatever_their_case(iam):
    iam.create_user(UserName="bob")
    iam.tag_user(UserName="bob", Tags=[{"Key": "Team", "Value": "red"}, {"Key": "x", "Value": ""}])
    iam.tag_user(UserName="bob", Tags=[{"Key": "team", "Value": "blue"}])
    assert iam.list_user_tags(UserName="bob")["Tags"] == [{"Key": "team", "Value": "blue"}, {"Key": "x", "Value": ""}]
    refused("InvalidInput", iam.tag_user, UserName="bob", Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    iam.untag_user(UserName="bob", TagKeys=["TEAM"])
    assert [t["Key"] for t in iam.list_user_tags(UserName="bob")["Tags"]] == ["x"]
    refused("LimitExceeded", iam.tag_user, UserName="bob", Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])


def test_inline_policies_of_a_user_are_kept_as_written_and_limited_together(iam):
    iam.create_user(UserName="bob")
    text = document(allow("s3:GetObject", "arn:aws:s3:::b/*"))
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=text)
    assert iam.get_user_policy(UserName="bob", PolicyName="p")["PolicyDocument"]["Statement"][0]["Resource"] == "arn:aws:s3:::b/*"
    assert iam.list_user_policies(UserName="bob")["PolicyNames"] == ["p"]
    long = document(allow([f"s3:Get{'x' * 20}{i}" for i in range(70)]))
    assert refused("LimitExceeded", iam.put_user_policy, UserName="bob", PolicyName="q", PolicyDocument=long) == "Maximum policy size of 2048 bytes exceeded for user bob"
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=text + " " * 3000)
    assert refused("NoSuchEntity", iam.get_user_policy, UserName="bob", PolicyName="q") == "The user policy with name q cannot be found."
    refused("NoSuchEntity", iam.delete_user_policy, UserName="bob", PolicyName="q")


@pytest.mark.parametrize("text, message", [
    ("{", "Syntax errors in policy."),
    ('{"Version":"2012-10-17"}', "Syntax errors in policy."),
    (document({"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}), "Syntax errors in policy."),
    (document({"Effect": "Allow", "Action": "s3:*"}), "Policy statement must contain resources."),
    (document({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
    (document(allow("s3:*", Principal="*")), "Policy document should not specify a principal."),
    (document(allow("GetObject")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    (document(allow("s3:*", "bucket")), 'Resource bucket must be in ARN format or "*".'),
    (document(allow("s3:*", Sid="a"), allow("s3:*", Sid="a")), "Statement IDs (SID) in a single policy must be unique."),
    (document(allow("s3:*", Sid="a b")), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"),
    (document(allow("s3:*", "arn:nowhere:s3:::b")), 'Partition "nowhere" is not valid for resource "arn:nowhere:s3:::b".'),
    (document(allow("s3:*", "arn:aws:s3:us-east-1::b")), "Resource arn:aws:s3:us-east-1::b can not contain region information."),
])
def test_a_malformed_policy_is_refused_in_awss_words(iam, text, message):
    iam.create_user(UserName="bob")
    assert refused("MalformedPolicyDocument", iam.put_user_policy, UserName="bob", PolicyName="p", PolicyDocument=text) == message


def test_inline_policies_may_leave_out_the_version_but_managed_ones_may_not(cloud, iam):
    old = '{"Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}]}'
    bob = Person(cloud, "bob")
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=old)
    assert "Users" in bob.client("iam").list_users()
    assert refused("MalformedPolicyDocument", iam.create_policy, PolicyName="p", PolicyDocument=old) == "Policy document must be version 2012-10-17 or greater."


def test_making_something_with_tags_needs_the_permission_to_tag(cloud):
    bob = Person(cloud, "bob", allow("iam:CreateUser")).client("iam")
    bob.create_user(UserName="plain")
    assert "iam:TagUser on resource" in refused("AccessDenied", bob.create_user, UserName="tagged", Tags=[{"Key": "a", "Value": "b"}])


def test_tags_can_be_demanded_of_whoever_makes_a_user(cloud):
    bob = Person(cloud, "bob", allow(["iam:CreateUser", "iam:TagUser"], Condition={
        "StringEquals": {"aws:RequestTag/team": ["red", "blue"]}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}})).client("iam")
    refused("AccessDenied", bob.create_user, UserName="a")
    refused("AccessDenied", bob.create_user, UserName="a", Tags=[{"Key": "team", "Value": "green"}])
    refused("AccessDenied", bob.create_user, UserName="a", Tags=[{"Key": "team", "Value": "red"}, {"Key": "x", "Value": "y"}])
    assert bob.create_user(UserName="a", Tags=[{"Key": "team", "Value": "red"}])["User"]["Tags"]
