"""AssumeRoot and IAM's centralized root access: a member's root user, for one task and a quarter of an hour."""
import pytest

from cloche.testing.people import Person, allow, deny, document, keys, refused
from tests.services.organizations.conftest import Org

TASK = "arn:aws:iam::aws:policy/root-task/"
EVERYBODY = {"Effect": "Deny", "Principal": "*"}


@pytest.fixture
def org(cloud):
    return Org(cloud)


@pytest.fixture
def admin(org):
    """An administrator of the management account, with root access centralized."""
    org.api.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    iam = org.cloud.client("iam")
    iam.enable_organizations_root_credentials_management()
    iam.enable_organizations_root_sessions()
    return Person(org.cloud, "admin", allow("*"))


def enter(admin, member, task, **more):
    return keys(admin.client("sts").assume_root(TargetPrincipal=member.account, TaskPolicyArn={"arn": TASK + task}, **more))


def test_features_are_switched_by_the_management_account_once_iam_is_trusted(cloud):
    refused("OrganizationNotFoundException", cloud.client("iam").list_organizations_features)
    org = Org(cloud)
    member, iam = org.member("m"), cloud.client("iam")
    refused("AccountNotManagementOrDelegatedAdministratorException", member.client("iam").enable_organizations_root_sessions)
    refused("ServiceAccessNotEnabledException", iam.enable_organizations_root_sessions)
    org.api.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    assert iam.enable_organizations_root_sessions() | {"ResponseMetadata": 0} == {"OrganizationId": org.id, "EnabledFeatures": ["RootSessions"], "ResponseMetadata": 0}
    assert iam.enable_organizations_root_credentials_management()["EnabledFeatures"] == ["RootCredentialsManagement", "RootSessions"]
    org.api.register_delegated_administrator(AccountId=member.account, ServicePrincipal="iam.amazonaws.com")
    assert member.client("iam").disable_organizations_root_sessions()["EnabledFeatures"] == ["RootCredentialsManagement"]
    assert iam.list_organizations_features()["EnabledFeatures"] == ["RootCredentialsManagement"]
    assert iam.disable_organizations_root_credentials_management()["EnabledFeatures"] == []


def test_an_organization_of_bills_alone_has_no_root_access(cloud):
    Org(cloud, "CONSOLIDATED_BILLING")
    refused("OrganizationNotInAllFeaturesModeException", cloud.client("iam").enable_organizations_root_sessions)


def test_the_session_is_the_members_root_and_may_its_task_alone(org, admin):
    member = org.member("m")
    session = enter(admin, member, "IAMAuditRootUserCredentials")
    me = org.cloud.client("sts", **session).get_caller_identity()
    assert (me["Account"], me["Arn"], me["UserId"]) == (member.account, f"arn:aws:iam::{member.account}:root", member.account)
    iam = org.cloud.client("iam", **session)
    assert iam.list_access_keys()["AccessKeyMetadata"] == iam.list_mfa_devices()["MFADevices"] == iam.list_signing_certificates()["Certificates"] == []
    assert iam.get_user()["User"]["Arn"] == me["Arn"]
    refused("NoSuchEntity", iam.get_login_profile)
    assert "with an explicit deny in a session policy" in refused("AccessDenied", iam.create_login_profile)
    assert "with an explicit deny in a session policy" in refused("AccessDenied", iam.list_users)
    refused("AccessDenied", org.cloud.client("s3", **session).list_buckets)
    org.cloud.advance(901)
    refused("ExpiredToken", iam.list_access_keys)


def test_a_roots_password_may_be_recovered_and_taken_away(org, admin):
    member = org.member("m")
    made = org.cloud.client("iam", **enter(admin, member, "IAMCreateRootUserPassword"))
    made.create_login_profile()
    refused("EntityAlreadyExists", made.create_login_profile)
    deleting = org.cloud.client("iam", **enter(admin, member, "IAMDeleteRootUserCredentials"))
    deleting.get_login_profile()
    deleting.delete_login_profile()
    refused("NoSuchEntity", deleting.delete_login_profile)


def test_a_bucket_and_a_queue_that_deny_everybody_are_unlocked(org, admin):
    member = org.member("m")
    s3, sqs, bucket = member.client("s3"), member.client("sqs"), f"locked-{member.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=document({**EVERYBODY, "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}))
    refused("AccessDenied", s3.list_objects_v2, Bucket=bucket)
    there = org.cloud.client("s3", **enter(admin, member, "S3UnlockBucketPolicy"))
    refused("AccessDenied", there.list_objects_v2, Bucket=bucket)
    there.delete_bucket_policy(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)
    url = sqs.create_queue(QueueName="locked")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document({**EVERYBODY, "Action": "sqs:*", "Resource": arn})})
    refused("AccessDenied", sqs.send_message, QueueUrl=url, MessageBody="x")
    there = org.cloud.client("sqs", **enter(admin, member, "SQSUnlockQueuePolicy"))
    there.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    sqs.send_message(QueueUrl=url, MessageBody="x")


def test_who_may_not_is_denied(org, admin):
    member = org.member("m")
    ask = {"TargetPrincipal": member.account, "TaskPolicyArn": {"arn": TASK + "S3UnlockBucketPolicy"}}
    refused("AccessDenied", org.cloud.client("sts").assume_root, **ask)                                   # root itself
    nobody = Person(org.cloud, "nobody", allow("sts:AssumeRole"))
    assert f"sts:AssumeRoot on resource: arn:aws:iam::{member.account}:root" in refused("AccessDenied", nobody.client("sts").assume_root, **ask)
    auditor = Person(org.cloud, "auditor", allow("sts:AssumeRoot", f"arn:aws:iam::{member.account}:root",
                                                 Condition={"StringEquals": {"sts:TaskPolicyArn": TASK + "IAMAuditRootUserCredentials"}}))
    refused("AccessDenied", auditor.client("sts").assume_root, **ask)
    enter(auditor, member, "IAMAuditRootUserCredentials")
    refused("AccessDenied", Person(member, "mallory", allow("*")).client("sts").assume_root, **ask)     # a member is no manager
    sts = admin.client("sts")
    refused("AccessDenied", sts.assume_root, **{**ask, "TargetPrincipal": org.cloud.account})             # nor is the management account a member
    refused("AccessDenied", sts.assume_root, **{**ask, "TargetPrincipal": org.cloud.other().account})
    refused("ValidationError", sts.assume_root, **{**ask, "TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}})
    refused("ValidationError", sts.assume_root, DurationSeconds=901, **ask)
    org.enable()
    org.policy(document(allow("*"), deny("s3:*")), target=member.account)
    refused("AccessDenied", org.cloud.client("s3", **enter(admin, member, "S3UnlockBucketPolicy")).list_buckets)   # control policies bind the session
    org.cloud.client("iam").disable_organizations_root_sessions()
    refused("AccessDenied", sts.assume_root, **ask)
