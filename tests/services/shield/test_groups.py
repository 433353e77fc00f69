"""Groups of protections, health checks, automatic answers, and what the response team is told."""
from __future__ import annotations

import json

import pytest

from tests.services.elbv2.conftest import lb  # noqa: F401 (a fixture)

from .test_subscriptions import refused


@pytest.fixture
def shield(cloud):
    one = cloud.client("shield")
    one.create_subscription()
    return one


def address(cloud, shield, name="p"):
    allocation = cloud.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
    arn = f"arn:aws:ec2:us-east-1:{cloud.account}:eip-allocation/{allocation}"
    return arn, shield.create_protection(Name=name, ResourceArn=arn)["ProtectionId"]


def zone(cloud):
    return "arn:aws:route53:::hostedzone/" + cloud.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"].rpartition("/")[2]


def test_a_group_holds_all_those_of_a_kind_or_chosen_ones(cloud, shield):
    (one, id_), (two, _), other = address(cloud, shield), address(cloud, shield, "q"), zone(cloud)
    shield.create_protection(Name="z", ResourceArn=other)
    shield.create_protection_group(ProtectionGroupId="all", Aggregation="SUM", Pattern="ALL", Tags=[{"Key": "a", "Value": "1"}])
    shield.create_protection_group(ProtectionGroupId="ips", Aggregation="MEAN", Pattern="BY_RESOURCE_TYPE", ResourceType="ELASTIC_IP_ALLOCATION")
    shield.create_protection_group(ProtectionGroupId="some", Aggregation="MAX", Pattern="ARBITRARY", Members=[one])
    held = {name: shield.list_resources_in_protection_group(ProtectionGroupId=name)["ResourceArns"] for name in ("all", "ips", "some")}
    assert held == {"all": sorted([one, two, other]), "ips": sorted([one, two]), "some": [one]}
    assert [group["ProtectionGroupId"] for group in shield.list_protection_groups(InclusionFilters={"Patterns": ["ALL"]})["ProtectionGroups"]] == ["all"]
    assert refused(shield.create_protection_group, ProtectionGroupId="all", Aggregation="SUM", Pattern="ALL") == "ResourceAlreadyExistsException"
    assert refused(shield.create_protection_group, ProtectionGroupId="x", Aggregation="SUM", Pattern="ARBITRARY") == "InvalidParameterException"
    assert refused(shield.create_protection_group, ProtectionGroupId="x", Aggregation="SUM", Pattern="ALL", ResourceType="ELASTIC_IP_ALLOCATION") == "InvalidParameterException"
    assert refused(shield.create_protection_group, ProtectionGroupId="x", Aggregation="SUM", Pattern="ARBITRARY", Members=[one + "x"]) == "ResourceNotFoundException"
    shield.update_protection_group(ProtectionGroupId="some", Aggregation="SUM", Pattern="ARBITRARY", Members=[one, two])
    shield.delete_protection(ProtectionId=id_)
    group = shield.describe_protection_group(ProtectionGroupId="some")["ProtectionGroup"]
    assert (group["Aggregation"], group["Members"]) == ("SUM", [two])
    arn = shield.describe_protection_group(ProtectionGroupId="all")["ProtectionGroup"]["ProtectionGroupArn"]
    assert arn == f"arn:aws:shield::{cloud.account}:protection-group/all" and shield.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert len(shield.list_protections(InclusionFilters={"ResourceTypes": ["ELASTIC_IP_ALLOCATION"]})["Protections"]) == 1
    shield.delete_protection_group(ProtectionGroupId="all")
    assert refused(shield.describe_protection_group, ProtectionGroupId="all") == "ResourceNotFoundException"


def test_a_protection_has_a_health_check_that_is_there(cloud, shield):
    _, id_ = address(cloud, shield)
    made = cloud.client("route53").create_health_check(CallerReference="1", HealthCheckConfig={"Type": "CALCULATED", "HealthThreshold": 0})["HealthCheck"]["Id"]
    arn = f"arn:aws:route53:::healthcheck/{made}"
    shield.associate_health_check(ProtectionId=id_, HealthCheckArn=arn)
    assert shield.describe_protection(ProtectionId=id_)["Protection"]["HealthCheckIds"] == [made]
    assert refused(shield.associate_health_check, ProtectionId=id_, HealthCheckArn=arn[:-4] + "0000") == "ResourceNotFoundException"
    shield.disassociate_health_check(ProtectionId=id_, HealthCheckArn=arn)
    assert shield.describe_protection(ProtectionId=id_)["Protection"]["HealthCheckIds"] == []
    assert refused(shield.disassociate_health_check, ProtectionId=id_, HealthCheckArn=arn) == "ResourceNotFoundException"


def test_attacks_are_answered_by_rules_only_behind_a_web_acl(cloud, shield, lb):  # noqa: F811
    balancer = lb.behind()["LoadBalancerArn"]
    enable = lambda action, arn=balancer: refused(shield.enable_application_layer_automatic_response, ResourceArn=arn, Action={action: {}})
    assert enable("Block") == "ResourceNotFoundException"
    id_ = shield.create_protection(Name="b", ResourceArn=balancer)["ProtectionId"]
    ip, _ = address(cloud, shield)
    assert enable("Block") == "InvalidOperationException" and enable("Block", ip) == "InvalidParameterException"
    waf = cloud.client("wafv2")
    acl = waf.create_web_acl(Name="a", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "a"})["Summary"]
    waf.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=balancer)
    shield.enable_application_layer_automatic_response(ResourceArn=balancer, Action={"Count": {}})
    shown = lambda: shield.describe_protection(ProtectionId=id_)["Protection"].get("ApplicationLayerAutomaticResponseConfiguration")
    assert shown() == {"Status": "ENABLED", "Action": {"Count": {}}} and enable("Block") == "InvalidOperationException"
    shield.update_application_layer_automatic_response(ResourceArn=balancer, Action={"Block": {}})
    assert shown()["Action"] == {"Block": {}}
    shield.disable_application_layer_automatic_response(ResourceArn=balancer)
    assert shown() is None


def test_the_response_team_gets_a_role_that_trusts_it_and_buckets(cloud, shield):
    iam, s3 = cloud.client("iam"), cloud.client("s3")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "drt.shield.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="team", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    bucket = f"logs-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    assert refused(shield.associate_drt_log_bucket, LogBucket=bucket) == "NoAssociatedRoleException"
    assert refused(shield.associate_drt_role, RoleArn=role) == "InvalidParameterException"
    iam.attach_role_policy(RoleName="team", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSShieldDRTAccessPolicy")
    shield.associate_drt_role(RoleArn=role)
    shield.associate_drt_log_bucket(LogBucket=bucket)
    assert refused(shield.associate_drt_log_bucket, LogBucket=bucket + "x") == "ResourceNotFoundException" == refused(shield.associate_drt_role, RoleArn=role + "x")
    told = shield.describe_drt_access()
    assert (told["RoleArn"], told["LogBucketList"]) == (role, [bucket])
    shield.disassociate_drt_log_bucket(LogBucket=bucket)
    shield.disassociate_drt_role()
    assert "RoleArn" not in shield.describe_drt_access()


def test_whom_to_call_is_kept_and_needs_a_telephone(cloud, shield):
    by_mail, by_phone = {"EmailAddress": "a@example.com"}, {"EmailAddress": "b@example.com", "PhoneNumber": "+4930123456"}
    assert refused(shield.associate_proactive_engagement_details, EmergencyContactList=[by_mail]) == "InvalidParameterException"
    shield.associate_proactive_engagement_details(EmergencyContactList=[by_mail, by_phone])
    assert shield.describe_subscription()["Subscription"]["ProactiveEngagementStatus"] == "PENDING"
    assert refused(shield.associate_proactive_engagement_details, EmergencyContactList=[by_phone]) == "InvalidOperationException"
    shield.enable_proactive_engagement()
    assert shield.describe_subscription()["Subscription"]["ProactiveEngagementStatus"] == "ENABLED"
    assert refused(shield.update_emergency_contact_settings, EmergencyContactList=[by_mail]) == "InvalidParameterException"
    shield.disable_proactive_engagement()
    shield.update_emergency_contact_settings(EmergencyContactList=[by_mail])
    assert shield.describe_emergency_contact_settings()["EmergencyContactList"] == [by_mail]


def test_there_were_no_attacks_in_the_year_up_to_midnight(cloud, shield):
    told = shield.describe_attack_statistics()
    assert told["DataItems"] == [{"AttackCount": 0}] and (told["TimeRange"]["ToExclusive"] - told["TimeRange"]["FromInclusive"]).days == 365
    assert refused(shield.describe_attack, AttackId="a") == "AccessDeniedException"
