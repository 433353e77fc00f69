"""The account as a whole: alias, numbers, details, passwords, devices."""
import base64
import hashlib
import hmac
import http.client

import pytest

from cloche.testing.people import Person, allow, deny, document, keys, refused


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def test_an_account_has_one_alias_unique_in_the_world(cloud, iam):
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="finance-dept")
    iam.create_account_alias(AccountAlias=f"money-{cloud.account}")
    assert iam.list_account_aliases()["AccountAliases"] == [f"money-{cloud.account}"]
    refused("EntityAlreadyExists", cloud.other().client("iam").create_account_alias, AccountAlias=f"money-{cloud.account}")
    refused("NoSuchEntity", iam.delete_account_alias, AccountAlias="finance-dept")
    iam.delete_account_alias(AccountAlias=f"money-{cloud.account}")
    assert iam.list_account_aliases()["AccountAliases"] == []


def test_the_summary_counts_what_is_there(iam):
    iam.create_user(UserName="bob")
    iam.create_policy(PolicyName="p", PolicyDocument=document(allow("s3:*")))
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] == 1 and summary["Policies"] == 1 and summary["UsersQuota"] == 5000 and summary["Roles"] == 0


def test_the_authorization_details_hold_everything(iam):
    iam.create_user(UserName="bob", Tags=[{"Key": "a", "Value": "b"}])
    iam.create_group(GroupName="g")
    iam.add_user_to_group(UserName="bob", GroupName="g")
    iam.put_user_policy(UserName="bob", PolicyName="i", PolicyDocument=document(allow("s3:*")))
    arn = iam.create_policy(PolicyName="p", PolicyDocument=document(allow("sqs:*")))["Policy"]["Arn"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}))
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    iam.attach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.create_instance_profile(InstanceProfileName="ip")
    iam.add_role_to_instance_profile(InstanceProfileName="ip", RoleName="r")
    details = iam.get_account_authorization_details()
    [user], [group], [role] = details["UserDetailList"], details["GroupDetailList"], details["RoleDetailList"]
    assert user["GroupList"] == ["g"] and user["UserPolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] == "s3:*" and user["Tags"]
    assert group["AttachedManagedPolicies"] == [{"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
    assert role["InstanceProfileList"][0]["InstanceProfileName"] == "ip" and role["AttachedManagedPolicies"][0]["PolicyArn"] == arn
    assert {p["PolicyName"] for p in details["Policies"]} == {"p", "ReadOnlyAccess"}
    assert next(p for p in details["Policies"] if p["PolicyName"] == "p")["PolicyVersionList"][0]["IsDefaultVersion"]
    only = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])
    assert only["UserDetailList"] == [] and [p["PolicyName"] for p in only["Policies"]] == ["p"]
    pages = list(iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2}))
    assert sum(len(p["UserDetailList"]) + len(p["GroupDetailList"]) + len(p["RoleDetailList"]) + len(p["Policies"]) for p in pages) == 5


def test_a_login_profile_obeys_the_password_policy(iam):
    refused("NoSuchEntity", iam.get_account_password_policy)
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireSymbols=True, PasswordReusePrevention=2)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert policy["MinimumPasswordLength"] == 12 and policy["RequireSymbols"] and not policy["RequireNumbers"] and not policy["ExpirePasswords"]
    iam.create_user(UserName="bob")
    refused("NoSuchEntity", iam.get_login_profile, UserName="bob")
    refused("PasswordPolicyViolation", iam.create_login_profile, UserName="bob", Password="short!")
    refused("PasswordPolicyViolation", iam.create_login_profile, UserName="bob", Password="longbutwithoutany")
    assert iam.create_login_profile(UserName="bob", Password="long-enough!!", PasswordResetRequired=True)["LoginProfile"]["PasswordResetRequired"]
    refused("EntityAlreadyExists", iam.create_login_profile, UserName="bob", Password="long-enough!!")
    refused("PasswordPolicyViolation", iam.update_login_profile, UserName="bob", Password="long-enough!!")
    iam.update_login_profile(UserName="bob", Password="another-one!!", PasswordResetRequired=False)
    assert not iam.get_login_profile(UserName="bob")["LoginProfile"]["PasswordResetRequired"]
    iam.delete_login_profile(UserName="bob")
    iam.delete_account_password_policy()
    refused("NoSuchEntity", iam.delete_account_password_policy)


def test_a_user_changes_its_own_password_knowing_the_old(cloud, iam):
    bob = Person(cloud, "bob", allow("iam:ChangePassword", "arn:aws:iam::*:user/${aws:username}"))
    iam.create_login_profile(UserName="bob", Password="Correct-horse-7")
    refused("AccessDenied", bob.client("iam").change_password, OldPassword="wrong", NewPassword="Battery-staple-8")
    bob.client("iam").change_password(OldPassword="Correct-horse-7", NewPassword="Battery-staple-8")
    refused("InvalidUserType", iam.change_password, OldPassword="a", NewPassword="b")


def code(seed, step):
    digest = hmac.digest(base64.b32decode(seed), step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def test_a_virtual_device_proves_a_second_factor(cloud, iam):
    bob = Person(cloud, "bob", allow("iam:*"), deny("iam:ListRoles", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone", Tags=[{"Key": "a", "Value": "b"}])["VirtualMFADevice"]
    serial, seed = device["SerialNumber"], device["Base32StringSeed"]
    assert serial == f"arn:aws:iam::{cloud.account}:mfa/phone"
    refused("EntityAlreadyExists", iam.create_virtual_mfa_device, VirtualMFADeviceName="phone")
    step = int(cloud.now) // 30
    refused("InvalidAuthenticationCode", iam.enable_mfa_device, UserName="bob", SerialNumber=serial, AuthenticationCode1="000000", AuthenticationCode2="000001")
    iam.enable_mfa_device(UserName="bob", SerialNumber=serial, AuthenticationCode1=code(seed, step - 1), AuthenticationCode2=code(seed, step))
    iam.resync_mfa_device(UserName="bob", SerialNumber=serial, AuthenticationCode1=code(seed, step), AuthenticationCode2=code(seed, step + 1))
    assert [d["SerialNumber"] for d in iam.list_mfa_devices(UserName="bob")["MFADevices"]] == [serial]
    assert iam.get_mfa_device(SerialNumber=serial)["UserName"] == "bob"
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"][0]["User"]["UserName"] == "bob"
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")["VirtualMFADevices"] == []
    sts = bob.client("sts")
    refused("AccessDenied", sts.get_session_token, SerialNumber=serial, TokenCode="000000")
    without, having = keys(sts.get_session_token()), keys(sts.get_session_token(SerialNumber=serial, TokenCode=code(seed, int(cloud.now) // 30)))
    assert "Roles" in cloud.client("iam", **having).list_roles()
    refused("InvalidClientTokenId", cloud.client("iam", **without).list_roles)
    refused("DeleteConflict", iam.delete_virtual_mfa_device, SerialNumber=serial)
    refused("DeleteConflict", iam.delete_virtual_mfa_device, SerialNumber=serial)
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["a"])
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.deactivate_mfa_device(UserName="bob", SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    refused("NoSuchEntity", iam.delete_virtual_mfa_device, SerialNumber=serial)


def test_the_credential_report_has_a_line_for_every_user(cloud, iam):
    refused("ReportNotPresent", iam.get_credential_report)
    bob = Person(cloud, "bob", allow("iam:ListUsers"))
    bob.client("iam").list_users()
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    names, root, line = (row.split(",") for row in iam.get_credential_report()["Content"].decode().split("\n"))
    assert len(names) == len(root) == len(line) == 22 and root[0] == "<root_account>"
    told = dict(zip(names, line))
    assert told["user"] == "bob" and told["access_key_1_active"] == "true" and told["access_key_1_last_used_service"] == "iam" and told["access_key_2_active"] == "false"
    cloud.advance(hours=5)
    refused("ReportExpired", iam.get_credential_report)


def test_the_sign_in_page_is_known_by_number_and_by_alias(cloud, iam):
    def status(name):
        connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=10)
        connection.request("GET", "/console/", headers={"Host": f"{name}.signin.aws.amazon.com"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("location") or ""
    alias = f"dept-{cloud.account}"
    assert status(alias)[0] == 404
    iam.create_account_alias(AccountAlias=alias)
    assert status(alias) == status(cloud.account) and status(alias)[0] == 302 and status(alias)[1].endswith(f"?account={cloud.account}")


def test_the_tokens_of_the_global_endpoint_have_a_version_of_the_accounts_choice(cloud, iam):
    version = lambda: iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"]
    assert version() == 1
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v2Token")
    assert version() == 2
    iam.create_account_alias(AccountAlias=f"tokens-{cloud.account}")
    assert version() == 2
