"""Access advisor: what policies allow, and what was really used."""
import pytest

from cloche.testing.people import Person, allow, document, keys, refused, trusting
from tests.services.organizations.conftest import Org


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def report(iam, arn, **more):
    job = iam.generate_service_last_accessed_details(Arn=arn, **more)["JobId"]
    found = iam.get_service_last_accessed_details(JobId=job)
    assert found["JobStatus"] == "COMPLETED"
    return job, {line["ServiceNamespace"]: line for line in found["ServicesLastAccessed"]}


def test_a_service_counts_as_used_from_the_first_signed_request_and_only_if_policies_allow_it(cloud, iam):
    bob = Person(cloud, "bob", allow(["sqs:ListQueues", "sns:*"]))
    job, before = report(iam, bob.arn)
    assert set(before) == {"sqs", "sns"} and before["sqs"]["TotalAuthenticatedEntities"] == 0 and "LastAuthenticated" not in before["sqs"]
    bob.client("sqs", region="eu-west-1").list_queues()
    refused("AccessDeniedException", bob.client("kms").list_keys)
    _, after = report(iam, bob.arn)
    assert after["sqs"]["LastAuthenticatedEntity"] == bob.arn and after["sqs"]["LastAuthenticatedRegion"] == "eu-west-1"
    assert abs(after["sqs"]["LastAuthenticated"].timestamp() - cloud.now) < 60
    assert "LastAuthenticated" not in after["sns"] and "kms" not in after
    assert "LastAuthenticated" not in iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"][1], "a report stays as it was made"


def test_roles_groups_and_policies_have_reports_too_and_say_who_it_was(cloud, iam):
    bob = Person(cloud, "bob", allow("sts:AssumeRole"))
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="bob")
    policy = iam.create_policy(PolicyName="queues", PolicyDocument=document(allow("sqs:*")))["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="g", PolicyArn=policy)
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=policy)
    cloud.client("sqs", **keys(bob.client("sts").assume_role(RoleArn=role, RoleSessionName="one"))).list_queues()
    assert report(iam, role)[1]["sqs"]["LastAuthenticatedEntity"] == role
    assert report(iam, iam.get_group(GroupName="g")["Group"]["Arn"])[1]["sqs"]["TotalAuthenticatedEntities"] == 0
    job, found = report(iam, policy, Granularity="ACTION_LEVEL")
    assert found["sqs"]["TotalAuthenticatedEntities"] == 1
    told = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="sqs")["EntityDetailsList"]
    assert {(one["EntityInfo"]["Name"], one["EntityInfo"]["Type"], "LastAuthenticated" in one) for one in told} == {("bob", "USER", False), ("worker", "ROLE", True)}


def test_single_actions_are_told_by_when_they_were_last_taken(cloud, iam):
    bob = Person(cloud, "bob", allow(["iam:ListUsers", "iam:GetUser", "kms:Describe*"]))
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trusting({"AWS": bob.arn}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=document(allow("iam:List*")))
    bob.client("iam").list_users()
    cloud.client("iam", **bob.assume(role)).list_roles()
    actions = lambda arn, service: {one["ActionName"]: one for one in report(iam, arn, Granularity="ACTION_LEVEL")[1][service]["TrackedActionsLastAccessed"]}
    mine = actions(bob.arn, "iam")
    assert set(mine) == {"ListUsers", "GetUser"} and "LastAccessedTime" not in mine["GetUser"]
    assert mine["ListUsers"]["LastAccessedEntity"] == bob.arn and mine["ListUsers"]["LastAccessedRegion"] == "us-east-1" and abs(mine["ListUsers"]["LastAccessedTime"].timestamp() - cloud.now) < 60
    assert "DescribeKey" in actions(bob.arn, "kms")
    roles = actions(role, "iam")
    assert roles["ListRoles"]["LastAccessedEntity"] == role and "LastAccessedTime" not in roles["ListUsers"]


def test_unknown_entities_and_jobs_have_no_report(cloud, iam):
    refused("NoSuchEntity", iam.generate_service_last_accessed_details, Arn=f"arn:aws:iam::{cloud.account}:user/nobody")
    refused("NoSuchEntity", iam.get_service_last_accessed_details, JobId="0" * 36)


def test_an_organization_is_told_what_its_accounts_used(cloud):
    org = Org(cloud)
    org.enable()
    unit = org.unit("u")
    member, idle = org.member("m"), org.member("idle")
    for one in (member, idle):
        org.api.move_account(AccountId=one.account, SourceParentId=org.root, DestinationParentId=unit)
    bob = Person(member, "bob", allow("*"))
    org.policy(document(allow(["sqs:*", "sns:*"])), target=unit)
    org.api.detach_policy(PolicyId="p-FullAWSAccess", TargetId=unit)
    bob.client("sqs", region="eu-west-1").list_queues()
    iam = cloud.client("iam")

    def told(path, **more):
        found = iam.get_organizations_access_report(JobId=iam.generate_organizations_access_report(EntityPath=path)["JobId"], **more)
        assert found["JobStatus"] == "COMPLETED"
        return found
    found = told(f"{org.id}/{org.root}/{unit}", SortKey="LAST_AUTHENTICATED_TIME_DESCENDING")
    sqs, sns = found["AccessDetails"]
    assert (sqs["ServiceNamespace"], sqs["Region"], sqs["TotalAuthenticatedEntities"], sqs["EntityPath"]) == ("sqs", "eu-west-1", 1, f"{org.id}/{org.root}/{unit}/{member.account}")
    assert sns["ServiceNamespace"] == "sns" and "LastAuthenticatedTime" not in sns
    assert (found["NumberOfServicesAccessible"], found["NumberOfServicesNotAccessed"]) == (2, 1)
    assert told(f"{org.id}/{org.root}/{unit}/{idle.account}")["NumberOfServicesNotAccessed"] == 2
    assert told(f"{org.id}/{org.root}")["NumberOfServicesAccessible"] > 20
    refused("InvalidInput", iam.generate_organizations_access_report, EntityPath=f"{org.id}/{org.root}/ou-0000-00000000")
    refused("AccessDenied", member.client("iam").generate_organizations_access_report, EntityPath=f"{org.id}/{org.root}")
    refused("NoSuchEntity", iam.get_organizations_access_report, JobId="0" * 36)
