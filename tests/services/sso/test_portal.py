"""The portal: from a token to credentials that really work, and work no longer than they should."""
import hashlib
import json
import os
import subprocess
import sys

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from cloche.testing.people import allow, document, refused

from ..sso_oidc.test_sign_in import DEVICE, confirmed, device


@pytest.fixture
def portal(cloud):
    return cloud.client("sso", config=Config(signature_version=UNSIGNED))


def token(cloud, center, user="ada", **more):
    oidc = cloud.client("sso-oidc", config=Config(signature_version=UNSIGNED))
    client, begun = device(oidc, f"https://{center.store_id}.awsapps.com/start", **more)
    confirmed(cloud, begun, user)
    return oidc.create_token(**client, grantType=DEVICE, deviceCode=begun["deviceCode"])["accessToken"]


@pytest.fixture
def assigned(center):
    arn = center.set(SessionDuration="PT2H")
    center.sso.put_inline_policy_to_permission_set(InstanceArn=center.arn, PermissionSetArn=arn, InlinePolicy=document(
        allow("sqs:ListQueues"), allow("sns:ListTopics", Condition={"StringEquals": {"aws:PrincipalTag/who": "ada"}})))
    center.assign(arn)
    return center


def client(cloud, service, made):
    return cloud.client(service, key=made["accessKeyId"], secret=made["secretAccessKey"], token=made["sessionToken"])


def test_role_credentials_act_under_the_reserved_role_of_the_account(cloud, assigned, portal):
    access = token(cloud, assigned)
    assert [(one["accountId"], one["accountName"]) for one in portal.list_accounts(accessToken=access)["accountList"]] == [(assigned.member, "member")]
    assert portal.list_account_roles(accessToken=access, accountId=assigned.member)["roleList"] == [{"roleName": "Builder", "accountId": assigned.member}]
    made = portal.get_role_credentials(accessToken=access, accountId=assigned.member, roleName="Builder")["roleCredentials"]
    assert abs(made["expiration"] / 1000 - cloud.now - 7200) < 5
    [role] = assigned.roles()
    assert client(cloud, "sts", made).get_caller_identity()["Arn"] == f"arn:aws:sts::{assigned.member}:assumed-role/{role['RoleName']}/ada"
    client(cloud, "sqs", made).list_queues()
    refused("AuthorizationError", client(cloud, "sns", made).list_topics)
    cloud.advance(hours=2, seconds=1)
    refused("ExpiredToken", client(cloud, "sqs", made).list_queues)


def test_attributes_for_access_control_become_the_sessions_tags(cloud, assigned, portal):
    assigned.sso.create_instance_access_control_attribute_configuration(InstanceArn=assigned.arn, InstanceAccessControlAttributeConfiguration={
        "AccessControlAttributes": [{"Key": "who", "Value": {"Source": ["${path:userName}"]}}]})
    made = portal.get_role_credentials(accessToken=token(cloud, assigned), accountId=assigned.member, roleName="Builder")["roleCredentials"]
    client(cloud, "sns", made).list_topics()


def test_nobody_gets_what_is_not_assigned(cloud, assigned, portal):
    assigned.store.create_user(IdentityStoreId=assigned.store_id, UserName="eve")
    access = token(cloud, assigned, "eve")
    assert portal.list_accounts(accessToken=access)["accountList"] == []
    refused("ForbiddenException", portal.get_role_credentials, accessToken=access, accountId=assigned.member, roleName="Builder")
    refused("ForbiddenException", portal.list_account_roles, accessToken=access, accountId=assigned.member)
    refused("UnauthorizedException", portal.list_accounts, accessToken="x")


def test_group_members_come_and_go_at_once(cloud, center, portal):
    center.assign(center.set(), "GROUP")
    access = token(cloud, center)
    assert portal.list_accounts(accessToken=access)["accountList"] == []
    at = {"IdentityStoreId": center.store_id}
    membership = center.store.create_group_membership(**at, GroupId=center.group, MemberId={"UserId": center.user})["MembershipId"]
    assert len(portal.list_accounts(accessToken=access)["accountList"]) == 1
    center.store.delete_group_membership(**at, MembershipId=membership)
    refused("ForbiddenException", portal.get_role_credentials, accessToken=access, accountId=center.member, roleName="Builder")


def test_a_token_ends_with_its_day_its_user_and_a_logout(cloud, assigned, portal):
    first, second, third = (token(cloud, assigned) for _ in range(3))
    portal.logout(accessToken=first)
    refused("UnauthorizedException", portal.list_accounts, accessToken=first)
    portal.list_accounts(accessToken=second)
    cloud.advance(hours=8, seconds=1)
    refused("UnauthorizedException", portal.list_accounts, accessToken=second)
    fourth = token(cloud, assigned)
    assigned.store.delete_user(IdentityStoreId=assigned.store_id, UserId=assigned.user)
    refused("UnauthorizedException", portal.list_accounts, accessToken=fourth)
    assert third != fourth


def test_boto3s_own_sso_profile_works(cloud, assigned, tmp_path):
    """What `aws sso login` leaves in ~/.aws/sso/cache, and what every SDK does with it."""
    access = token(cloud, assigned)
    cache = tmp_path / ".aws/sso/cache"
    cache.mkdir(parents=True)
    start = f"https://{assigned.store_id}.awsapps.com/start"
    (cache / f"{hashlib.sha1(b'corp').hexdigest()}.json").write_text(json.dumps({"startUrl": start, "region": "us-east-1", "accessToken": access, "expiresAt": "2099-01-01T00:00:00Z"}))
    (tmp_path / "config").write_text(f"[sso-session corp]\nsso_start_url = {start}\nsso_region = us-east-1\n[profile ada]\nsso_session = corp\n"
                                     f"sso_account_id = {assigned.member}\nsso_role_name = Builder\nregion = us-east-1\n")
    script = "import boto3; s = boto3.session.Session(profile_name='ada'); s.client('sqs').list_queues(); print(s.client('sts').get_caller_identity()['Account'])"
    env = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_ENDPOINT_URL": cloud.url, "PATH": os.environ["PATH"]}
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == assigned.member, ran.stderr
