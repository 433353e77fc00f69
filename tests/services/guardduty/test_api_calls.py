"""GuardDuty's findings from what really happens: requests, who made them, and what they gave away."""
from __future__ import annotations

import json

import pytest
from botocore.config import Config

from .test_detectors import refused


@pytest.fixture
def guard(cloud):
    guard = cloud.client("guardduty")
    guard.detector = guard.create_detector(Enable=True, FindingPublishingFrequency="FIFTEEN_MINUTES")["DetectorId"]
    yield guard
    guard.delete_detector(DetectorId=guard.detector)


def findings(cloud, guard, **criterion):
    """What there is after the minutes that GuardDuty needs, by type."""
    cloud.advance(minutes=6)
    ids = guard.list_findings(DetectorId=guard.detector, FindingCriteria={"Criterion": criterion})["FindingIds"]
    return {one["Type"]: one for one in guard.get_findings(DetectorId=guard.detector, FindingIds=ids)["Findings"]} if ids else {}


def user(cloud, name="ana", policy="arn:aws:iam::aws:policy/AdministratorAccess"):
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_the_use_of_roots_keys_is_found_and_counted(cloud, guard):
    ana = user(cloud)
    cloud.client("sqs", key=ana[0], secret=ana[1]).list_queues()
    for _ in range(3):
        cloud.client("sqs").list_queues()
    found = findings(cloud, guard)["Policy:IAMUser/RootCredentialUsage"]
    assert (found["Severity"], found["Resource"]["AccessKeyDetails"]["UserName"], found["Resource"]["AccessKeyDetails"]["UserType"]) == (2.0, "Root", "Root")
    assert found["Service"]["Action"]["AwsApiCallAction"]["RemoteIpDetails"]["IpAddressV4"] == "127.0.0.1" and found["Service"]["Count"] >= 3
    assert "ana" not in json.dumps(found)
    before = found["Service"]["Count"]
    cloud.client("sqs").list_queues()
    again = findings(cloud, guard)["Policy:IAMUser/RootCredentialUsage"]
    assert again["Id"] == found["Id"] and again["Service"]["Count"] > before


def test_a_suspended_detector_finds_nothing(cloud, guard):
    cloud.advance(minutes=6)
    guard.update_detector(DetectorId=guard.detector, Enable=False)
    ids = set(guard.list_findings(DetectorId=guard.detector)["FindingIds"])
    before = {f["Id"]: f["Service"]["Count"] for f in guard.get_findings(DetectorId=guard.detector, FindingIds=[*ids])["Findings"]} if ids else {}
    cloud.client("sqs").list_queues()
    cloud.advance(minutes=6)
    now = guard.list_findings(DetectorId=guard.detector)["FindingIds"]
    assert {f["Id"]: f["Service"]["Count"] for f in guard.get_findings(DetectorId=guard.detector, FindingIds=now)["Findings"]} == before if now else not before


def test_a_bucket_that_is_opened_is_found_by_who_opened_it(cloud, guard):
    ana = user(cloud)
    s3 = cloud.client("s3", key=ana[0], secret=ana[1])
    name = f"guarded-{cloud.account[-6:]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})
    assert "Policy:S3/BucketBlockPublicAccessDisabled" not in findings(cloud, guard)
    s3.delete_public_access_block(Bucket=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}]}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    found = findings(cloud, guard)
    assert {"Stealth:S3/ServerAccessLoggingDisabled", "Policy:S3/BucketBlockPublicAccessDisabled", "Policy:S3/BucketAnonymousAccessGranted"} <= found.keys()
    opened = found["Policy:S3/BucketAnonymousAccessGranted"]
    [bucket] = opened["Resource"]["S3BucketDetails"]
    assert (opened["Severity"], bucket["Name"], bucket["PublicAccess"]["EffectivePermission"], opened["Resource"]["AccessKeyDetails"]["UserName"]) == (8.0, name, "PUBLIC", "ana")


def test_a_weaker_password_policy_is_found_and_a_stronger_one_is_not(cloud, guard):
    iam = cloud.client("iam")
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True)
    assert "Stealth:IAMUser/PasswordPolicyChange" not in findings(cloud, guard)
    iam.update_account_password_policy(MinimumPasswordLength=8, RequireSymbols=True)
    assert findings(cloud, guard)["Stealth:IAMUser/PasswordPolicyChange"]["Service"]["Count"] == 1
    iam.delete_account_password_policy()
    assert findings(cloud, guard)["Stealth:IAMUser/PasswordPolicyChange"]["Service"]["Count"] == 2


def test_callers_on_a_threat_list_are_found_and_those_on_a_trusted_one_never(cloud, guard):
    s3, bucket, ana = cloud.client("s3"), f"lists-{cloud.account[-6:]}", user(cloud)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="bad.txt", Body=b"127.0.0.0/8\n203.0.113.7\n")
    location = f"https://s3.amazonaws.com/{bucket}/bad.txt"
    assert refused(guard.create_threat_intel_set, DetectorId=guard.detector, Name="bad", Format="TXT", Location=f"https://s3.amazonaws.com/{bucket}/none.txt", Activate=True) == "BadRequestException"
    bad = guard.create_threat_intel_set(DetectorId=guard.detector, Name="bad", Format="TXT", Location=location, Activate=True)["ThreatIntelSetId"]
    assert guard.get_threat_intel_set(DetectorId=guard.detector, ThreatIntelSetId=bad)["Status"] == "ACTIVATING"
    cloud.advance(minutes=6)
    assert guard.get_threat_intel_set(DetectorId=guard.detector, ThreatIntelSetId=bad)["Status"] == "ACTIVE"
    sqs = cloud.client("sqs", key=ana[0], secret=ana[1])
    sqs.list_queues()
    sqs.create_queue(QueueName="q")
    found = findings(cloud, guard)
    assert found["Recon:IAMUser/MaliciousIPCaller.Custom"]["Service"]["Evidence"]["ThreatIntelligenceDetails"][0]["ThreatListName"] == "bad"
    assert found["UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom"]["Severity"] == 5.0
    good = guard.create_ip_set(DetectorId=guard.detector, Name="good", Format="TXT", Location=location, Activate=True)["IpSetId"]
    assert guard.list_ip_sets(DetectorId=guard.detector)["IpSetIds"] == [good]
    before = findings(cloud, guard)
    sqs.list_queues()
    assert findings(cloud, guard)["Recon:IAMUser/MaliciousIPCaller.Custom"]["Service"]["Count"] == before["Recon:IAMUser/MaliciousIPCaller.Custom"]["Service"]["Count"]
    guard.update_ip_set(DetectorId=guard.detector, IpSetId=good, Activate=False)
    guard.update_threat_intel_set(DetectorId=guard.detector, ThreatIntelSetId=bad, Name="worse")
    assert guard.get_ip_set(DetectorId=guard.detector, IpSetId=good)["Status"] == "DEACTIVATING"
    assert guard.get_threat_intel_set(DetectorId=guard.detector, ThreatIntelSetId=bad)["Name"] == "worse"
    assert guard.list_threat_intel_sets(DetectorId=guard.detector)["ThreatIntelSetIds"] == [bad]
    guard.delete_threat_intel_set(DetectorId=guard.detector, ThreatIntelSetId=bad)
    guard.delete_ip_set(DetectorId=guard.detector, IpSetId=good)
    assert guard.list_ip_sets(DetectorId=guard.detector)["IpSetIds"] == []


def test_a_filter_archives_what_it_matches_and_findings_are_grouped(cloud, guard):
    guard.create_filter(DetectorId=guard.detector, Name="quiet", Action="ARCHIVE", FindingCriteria={"Criterion": {"type": {"Equals": ["Policy:IAMUser/RootCredentialUsage"]}}})
    cloud.client("sqs").list_queues()
    found = findings(cloud, guard)
    assert found["Policy:IAMUser/RootCredentialUsage"]["Service"]["Archived"]
    groups = guard.get_findings_statistics(DetectorId=guard.detector, GroupBy="FINDING_TYPE")["FindingStatistics"]["GroupedByFindingType"]
    assert {g["FindingType"]: g["TotalFindings"] for g in groups} == dict.fromkeys(found, 1)


def test_a_finding_is_an_event(cloud, guard):
    queue = cloud.client("sqs").create_queue(QueueName="seen")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{cloud.account}:seen"
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    events = cloud.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    findings(cloud, guard)
    [message] = cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["detail"]["type"] == "Policy:IAMUser/RootCredentialUsage"


def test_calls_from_a_system_for_penetration_tests_are_found(cloud, guard):
    key, secret = user(cloud)
    kali = Config(user_agent_extra="os/kali-linux#6.6")
    cloud.client("sqs", key=key, secret=secret, config=kali).list_queues()
    cloud.client("s3").create_bucket(Bucket=f"pen-{cloud.account}")
    cloud.client("s3", key=key, secret=secret, config=kali).list_objects_v2(Bucket=f"pen-{cloud.account}")
    found = findings(cloud, guard)
    one = found["PenTest:IAMUser/KaliLinux"]
    assert (one["Severity"], one["Resource"]["AccessKeyDetails"]["UserName"], one["Service"]["Action"]["AwsApiCallAction"]["Api"]) == (5.0, "ana", "ListQueues")
    assert found["PenTest:S3/KaliLinux"]["Resource"]["S3BucketDetails"][0]["Name"] == f"pen-{cloud.account}"
