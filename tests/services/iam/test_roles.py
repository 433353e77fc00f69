"""Roles: whom they trust, how long their sessions may be, and what only AWS may change."""
import json

import pytest

from cloche.testing.people import Person, allow, document, keys, refused, trusting


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


LAMBDA = trusting({"Service": "lambda.amazonaws.com"})


def test_a_role_keeps_its_trust_policy_description_and_session_length(cloud, iam):
    made = iam.create_role(RoleName="r", Path="/app/", AssumeRolePolicyDocument=LAMBDA, Description="d", MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "b"}])["Role"]
    assert made["Arn"] == f"arn:aws:iam::{cloud.account}:role/app/r" and made["RoleId"].startswith("AROA")
    got = iam.get_role(RoleName="r")["Role"]
    assert got["MaxSessionDuration"] == 7200 and got["Description"] == "d" and got["AssumeRolePolicyDocument"] == json.loads(LAMBDA)
    assert got["Tags"] == [{"Key": "a", "Value": "b"}] and got["RoleLastUsed"] == {}
    refused("EntityAlreadyExists", iam.create_role, RoleName="R", AssumeRolePolicyDocument=LAMBDA)
    iam.update_role(RoleName="r", Description="e", MaxSessionDuration=3600)
    assert iam.get_role(RoleName="r")["Role"]["Description"] == "e"
    assert iam.update_role_description(RoleName="r", Description="f")["Role"]["Description"] == "f"
    assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/app/")["Roles"]] == ["r"]


@pytest.mark.parametrize("text, message", [
    ("{", "This policy contains invalid Json"),
    (document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}, "Resource": "*"}), "Has prohibited field Resource"),
    (document({"Effect": "Allow", "Action": "sts:AssumeRole"}), "Missing required field Principal"),
    (trusting({"Service": "ec2.amazonaws.com"}, "s3:GetObject"), "AssumeRole policy may only specify STS AssumeRole actions."),
    (trusting({"AWS": "arn:aws:iam::123456789012:user/nobody"}), 'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/nobody"'),
    (trusting({"Service": "ec2"}), 'Invalid principal in policy: "SERVICE":"ec2"'),
    (trusting({"AWS": "arn:aws:iam::123456789012:user/*"}), 'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*"'),
])
def test_a_bad_trust_policy_is_refused_in_awss_words(iam, text, message):
    assert refused("MalformedPolicyDocument", iam.create_role, RoleName="r", AssumeRolePolicyDocument=text) == message


def test_a_trust_policy_has_2048_characters_at_most(iam):
    long = trusting({"AWS": [f"arn:aws:sts::123456789012:assumed-role/r/{i:060}" for i in range(20)]})
    assert refused("LimitExceeded", iam.create_role, RoleName="r", AssumeRolePolicyDocument=long) == "Cannot exceed quota for ACLSizePerRole: 2048"


def test_a_user_made_anew_under_an_old_name_is_not_trusted(cloud, iam):
    bob = Person(cloud, "bob")
    old = iam.get_user(UserName="bob")["User"]["UserId"]
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    bob.assume(arn)
    iam.delete_access_key(UserName="bob", AccessKeyId=bob.key)
    iam.delete_user(UserName="bob")
    again = Person(cloud, "bob")
    refused("AccessDenied", again.assume, arn)
    assert iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": old}
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting({"AWS": bob.arn}))
    again.assume(arn)


def test_inline_policies_of_a_role_are_limited_to_10240_characters_together(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    for name in ("b", "a"):
        iam.put_role_policy(RoleName="r", PolicyName=name, PolicyDocument=document(allow("s3:*")))
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["a", "b"]
    assert iam.get_role_policy(RoleName="r", PolicyName="a")["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    long = document(allow([f"s3:Get{'x' * 40}{i}" for i in range(200)]))
    assert refused("LimitExceeded", iam.put_role_policy, RoleName="r", PolicyName="c", PolicyDocument=long) == "Maximum policy size of 10240 bytes exceeded for role r"
    iam.delete_role_policy(RoleName="r", PolicyName="a")
    assert refused("NoSuchEntity", iam.get_role_policy, RoleName="r", PolicyName="a") == "The role policy with name a cannot be found."


def test_delete_role_wants_it_empty(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
    iam.put_role_policy(RoleName="r", PolicyName="a", PolicyDocument=document(allow("s3:*")))
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert refused("DeleteConflict", iam.delete_role, RoleName="r") == "Cannot delete entity, must remove roles from instance profile first."
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="r")
    assert refused("DeleteConflict", iam.delete_role, RoleName="r") == "Cannot delete entity, must detach all policies first."
    iam.detach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert refused("DeleteConflict", iam.delete_role, RoleName="r") == "Cannot delete entity, must delete policies first."
    iam.delete_role_policy(RoleName="r", PolicyName="a")
    iam.delete_role(RoleName="r")
    assert refused("NoSuchEntity", iam.get_role, RoleName="r") == "The role with name r cannot be found."


def test_tags_of_a_role_decide_with_resource_tag(cloud, iam):
    iam.create_role(RoleName="red", AssumeRolePolicyDocument=LAMBDA, Tags=[{"Key": "team", "Value": "red"}])
    iam.create_role(RoleName="blue", AssumeRolePolicyDocument=LAMBDA)
    iam.tag_role(RoleName="blue", Tags=[{"Key": "team", "Value": "blue"}, {"Key": "x", "Value": "y"}])
    iam.untag_role(RoleName="blue", TagKeys=["x"])
    assert iam.list_role_tags(RoleName="blue")["Tags"] == [{"Key": "team", "Value": "blue"}]
    bob = Person(cloud, "bob", allow("iam:GetRole", Condition={"StringEquals": {"iam:ResourceTag/team": "red"}})).client("iam")
    assert bob.get_role(RoleName="red")["Role"]["RoleName"] == "red"
    refused("AccessDenied", bob.get_role, RoleName="blue")


def test_the_last_use_of_a_role_is_known(cloud, iam):
    bob = Person(cloud, "bob")
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    cloud.client("sts", **bob.assume(arn)).get_caller_identity()
    assert iam.get_role(RoleName="r")["Role"]["RoleLastUsed"]["Region"] == "us-east-1"


def test_an_instance_profile_holds_one_role(cloud, iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.create_role(RoleName="s", AssumeRolePolicyDocument=LAMBDA)
    made = iam.create_instance_profile(InstanceProfileName="p", Path="/x/", Tags=[{"Key": "a", "Value": "b"}])["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{cloud.account}:instance-profile/x/p" and made["Roles"] == []
    refused("EntityAlreadyExists", iam.create_instance_profile, InstanceProfileName="P")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
    message = refused("LimitExceeded", iam.add_role_to_instance_profile, InstanceProfileName="p", RoleName="s")
    assert message == "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
    got = iam.get_instance_profile(InstanceProfileName="p")["InstanceProfile"]
    assert [r["RoleName"] for r in got["Roles"]] == ["r"] and got["Tags"] == [{"Key": "a", "Value": "b"}]
    assert iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"][0]["InstanceProfileName"] == "p"
    assert [p["InstanceProfileName"] for p in iam.list_instance_profiles(PathPrefix="/x/")["InstanceProfiles"]] == ["p"]
    refused("DeleteConflict", iam.delete_instance_profile, InstanceProfileName="p")
    refused("NoSuchEntity", iam.remove_role_from_instance_profile, InstanceProfileName="p", RoleName="s")
    iam.tag_instance_profile(InstanceProfileName="p", Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_instance_profile(InstanceProfileName="p", TagKeys=["a"])
    assert iam.list_instance_profile_tags(InstanceProfileName="p")["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="p")
    assert refused("NoSuchEntity", iam.get_instance_profile, InstanceProfileName="p") == "Instance Profile p cannot be found."


def test_putting_a_role_into_a_profile_needs_pass_role(cloud, iam):
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)["Role"]["Arn"]
    iam.create_instance_profile(InstanceProfileName="p")
    bob = Person(cloud, "bob", allow("iam:AddRoleToInstanceProfile"))
    message = refused("AccessDenied", bob.client("iam").add_role_to_instance_profile, InstanceProfileName="p", RoleName="r")
    assert "iam:PassRole on resource: " + arn in message
    iam.put_user_policy(UserName="bob", PolicyName="pass", PolicyDocument=document(
        allow("iam:PassRole", arn, Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})))
    bob.client("iam").add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")


def test_a_service_linked_role_is_made_once_and_changed_by_nobody(cloud, iam):
    made = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com", Description="d")["Role"]
    assert made["RoleName"] == "AWSServiceRoleForECS" and made["Path"] == "/aws-service-role/ecs.amazonaws.com/"
    message = refused("InvalidInput", iam.create_service_linked_role, AWSServiceName="ecs.amazonaws.com")
    assert message == "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix."
    assert refused("InvalidInput", iam.create_service_linked_role, AWSServiceName="ecs.amazonaws.com", CustomSuffix="x") == "Custom suffix is not allowed for ecs.amazonaws.com"
    assert iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="x")["Role"]["RoleName"] == "AWSServiceRoleForAutoScaling_x"
    said = refused("UnmodifiableEntity", iam.delete_role, RoleName="AWSServiceRoleForECS")
    assert said == "Cannot perform the operation on the protected role 'AWSServiceRoleForECS' - this role is only modifiable by AWS"
    refused("UnmodifiableEntity", iam.put_role_policy, RoleName="AWSServiceRoleForECS", PolicyName="p", PolicyDocument=document(allow("s3:*")))
    refused("UnmodifiableEntity", iam.attach_role_policy, RoleName="AWSServiceRoleForECS", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForECS")["DeletionTaskId"]
    assert task.startswith("task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/")
    cloud.advance(1)
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    refused("NoSuchEntity", iam.get_role, RoleName="AWSServiceRoleForECS")


def test_a_service_linked_role_comes_with_its_first_use_and_stays_while_it_is_used(cloud, iam):
    cloud.client("guardduty", region="eu-west-1").create_detector(Enable=True)
    role = iam.get_role(RoleName="AWSServiceRoleForAmazonGuardDuty")["Role"]
    assert role["Path"] == "/aws-service-role/guardduty.amazonaws.com/"
    guardduty = cloud.client("guardduty", region="eu-west-1")
    [detector] = guardduty.list_detectors()["DetectorIds"]

    def delete():
        task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
        cloud.advance(1)
        return iam.get_service_linked_role_deletion_status(DeletionTaskId=task)
    failed = delete()
    assert failed["Status"] == "FAILED"
    assert failed["Reason"]["RoleUsageList"] == [{"Region": "eu-west-1", "Resources": [f"arn:aws:guardduty:eu-west-1:{cloud.account}:detector/{detector}"]}]
    iam.get_role(RoleName=role["RoleName"])
    guardduty.delete_detector(DetectorId=detector)
    assert delete()["Status"] == "SUCCEEDED"
    refused("NoSuchEntity", iam.get_role, RoleName=role["RoleName"])


def test_a_boundary_caps_what_policies_allow(cloud, iam):
    cap = iam.create_policy(PolicyName="cap", PolicyDocument=document(allow("iam:ListUsers")))["Policy"]["Arn"]
    bob = Person(cloud, "bob", allow("iam:*"), PermissionsBoundary=cap)
    assert iam.get_user(UserName="bob")["User"]["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": cap}
    assert bob.client("iam").list_users()["Users"]
    said = refused("AccessDenied", bob.client("iam").list_roles)
    assert said.endswith("because no permissions boundary allows the iam:ListRoles action")
    assert iam.get_policy(PolicyArn=cap)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    refused("DeleteConflict", iam.delete_policy, PolicyArn=cap)
    iam.delete_user_permissions_boundary(UserName="bob")
    assert "Roles" in bob.client("iam").list_roles()
    refused("NoSuchEntity", iam.delete_user_permissions_boundary, UserName="bob")
    iam.put_user_permissions_boundary(UserName="bob", PermissionsBoundary=cap)
    refused("NoSuchEntity", iam.put_user_permissions_boundary, UserName="bob", PermissionsBoundary=cap + "x")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA, PermissionsBoundary=cap)
    iam.delete_role_permissions_boundary(RoleName="r")
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=cap)
    uses = iam.list_entities_for_policy(PolicyArn=cap, PolicyUsageFilter="PermissionsBoundary")
    assert [u["UserName"] for u in uses["PolicyUsers"]] == ["bob"] and [r["RoleName"] for r in uses["PolicyRoles"]] == ["r"]


def test_an_administrator_with_a_boundary_condition_cannot_make_users_without_one(cloud, iam):
    cap = iam.create_policy(PolicyName="cap", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    boss = Person(cloud, "boss", allow("iam:CreateUser", Condition={"StringEquals": {"iam:PermissionsBoundary": cap}})).client("iam")
    refused("AccessDenied", boss.create_user, UserName="free")
    assert boss.create_user(UserName="bound", PermissionsBoundary=cap)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == cap


def test_role_sessions_are_told_apart_from_the_role(cloud, iam):
    bob = Person(cloud, "bob")
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    answer = bob.client("sts").assume_role(RoleArn=arn, RoleSessionName="ses")
    assert cloud.client("sts", **keys(answer)).get_caller_identity()["Arn"] == f"arn:aws:sts::{cloud.account}:assumed-role/r/ses"


def test_assume_role_answers_with_ids_that_say_what_they_are(cloud, iam):
    bob = Person(cloud, "bob")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]
    answer = bob.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="ses")
    group = iam.create_group(GroupName="g")["Group"]
    policy = iam.create_policy(PolicyName="p", PolicyDocument=document(allow("s3:*")))["Policy"]
    assert [x[:4] for x in (bob.key, answer["Credentials"]["AccessKeyId"], iam.get_user(UserName="bob")["User"]["UserId"], role["RoleId"], group["GroupId"], policy["PolicyId"])] == [
        "AKIA", "ASIA", "AIDA", "AROA", "AGPA", "ANPA"]
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:ses", "Arn": f"arn:aws:sts::{cloud.account}:assumed-role/r/ses"}
    refused("ValidationError", bob.client("sts").assume_role, RoleArn=role["Arn"], RoleSessionName="no spaces")
