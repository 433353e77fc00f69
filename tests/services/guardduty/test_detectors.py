"""GuardDuty: one detector a region, samples of its findings, what reacts to them."""
from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError


def refused(call, **kw):
    with pytest.raises(ClientError) as error:
        call(**kw)
    return error.value.response["Error"]["Code"]


@pytest.fixture
def guard(cloud):
    return cloud.client("guardduty")


@pytest.fixture
def detector(guard):
    return guard.create_detector(Enable=True, Tags={"team": "a"})["DetectorId"]


def test_an_account_has_one_detector_in_a_region(cloud, guard, detector):
    assert refused(guard.create_detector, Enable=True) == "BadRequestException"
    assert guard.list_detectors()["DetectorIds"] == [detector] and len(detector) == 32
    assert cloud.client("guardduty", region="eu-west-1").create_detector(Enable=False)["DetectorId"]
    assert cloud.client("iam").get_role(RoleName="AWSServiceRoleForAmazonGuardDuty")


def test_a_detector_is_enabled_suspended_and_deleted(guard, detector):
    got = guard.get_detector(DetectorId=detector)
    assert (got["Status"], got["FindingPublishingFrequency"], got["Tags"]) == ("ENABLED", "SIX_HOURS", {"team": "a"})
    guard.update_detector(DetectorId=detector, Enable=False, FindingPublishingFrequency="ONE_HOUR", Features=[{"Name": "S3_DATA_EVENTS", "Status": "DISABLED"}])
    got = guard.get_detector(DetectorId=detector)
    assert (got["Status"], got["FindingPublishingFrequency"], got["DataSources"]["S3Logs"]["Status"]) == ("DISABLED", "ONE_HOUR", "DISABLED")
    guard.delete_detector(DetectorId=detector)
    assert refused(guard.get_detector, DetectorId=detector) == "BadRequestException" and guard.list_detectors()["DetectorIds"] == []


def test_samples_come_of_every_type_or_of_those_asked_for(guard, detector):
    guard.create_sample_findings(DetectorId=detector, FindingTypes=["Recon:EC2/PortProbeUnprotectedPort", "Policy:S3/BucketAnonymousAccessGranted"])
    ids = guard.list_findings(DetectorId=detector)["FindingIds"]
    found = {one["Type"]: one for one in guard.get_findings(DetectorId=detector, FindingIds=ids)["Findings"]}
    assert set(found) == {"Recon:EC2/PortProbeUnprotectedPort", "Policy:S3/BucketAnonymousAccessGranted"}
    assert all(one["Title"].startswith("[SAMPLE]") and one["Service"]["Count"] == 1 for one in found.values())
    guard.create_sample_findings(DetectorId=detector, FindingTypes=["Recon:EC2/PortProbeUnprotectedPort"])
    assert guard.get_findings(DetectorId=detector, FindingIds=[found["Recon:EC2/PortProbeUnprotectedPort"]["Id"]])["Findings"][0]["Service"]["Count"] == 2
    guard.create_sample_findings(DetectorId=detector)
    every = [id_ for page in guard.get_paginator("list_findings").paginate(DetectorId=detector) for id_ in page["FindingIds"]]
    assert len(every) > 90
    assert refused(guard.create_sample_findings, DetectorId=detector, FindingTypes=["No:Such/Type"]) == "BadRequestException"
    counts = guard.get_findings_statistics(DetectorId=detector, FindingStatisticTypes=["COUNT_BY_SEVERITY"])["FindingStatistics"]["CountBySeverity"]
    assert sum(counts.values()) == len(every) and set(counts) == {"2.0", "5.0", "8.0"}


def test_findings_are_chosen_by_criteria_archived_and_judged(guard, detector):
    guard.create_sample_findings(DetectorId=detector, FindingTypes=["UnauthorizedAccess:EC2/SSHBruteForce", "UnauthorizedAccess:EC2/TorClient"])

    def listed(**criterion):
        return guard.list_findings(DetectorId=detector, FindingCriteria={"Criterion": criterion})["FindingIds"]

    [high] = listed(severity={"Gte": 7})
    assert guard.get_findings(DetectorId=detector, FindingIds=[high])["Findings"][0]["Type"] == "UnauthorizedAccess:EC2/TorClient"
    guard.archive_findings(DetectorId=detector, FindingIds=[high])
    assert high not in listed(**{"service.archived": {"Eq": ["false"]}}) and listed(**{"service.archived": {"Equals": ["true"]}}) == [high]
    guard.unarchive_findings(DetectorId=detector, FindingIds=[high])
    guard.update_findings_feedback(DetectorId=detector, FindingIds=[high], Feedback="USEFUL")
    got = guard.get_findings(DetectorId=detector, FindingIds=[high])["Findings"][0]["Service"]
    assert got["Archived"] is False and got["UserFeedback"] == "USEFUL"


def test_a_suppression_rule_archives_what_it_matches_as_it_is_found(guard, detector):
    guard.create_filter(DetectorId=detector, Name="quiet", Action="ARCHIVE", FindingCriteria={"Criterion": {"type": {"Eq": ["UnauthorizedAccess:EC2/SSHBruteForce"]}}})
    assert refused(guard.create_filter, DetectorId=detector, Name="quiet", FindingCriteria={"Criterion": {}}) == "BadRequestException"
    guard.create_sample_findings(DetectorId=detector, FindingTypes=["UnauthorizedAccess:EC2/SSHBruteForce"])
    ids = guard.list_findings(DetectorId=detector)["FindingIds"]
    assert guard.get_findings(DetectorId=detector, FindingIds=ids)["Findings"][0]["Service"]["Archived"] is True
    assert guard.list_filters(DetectorId=detector)["FilterNames"] == ["quiet"]
    guard.update_filter(DetectorId=detector, FilterName="quiet", Action="NOOP")
    assert guard.get_filter(DetectorId=detector, FilterName="quiet")["Action"] == "NOOP"
    guard.delete_filter(DetectorId=detector, FilterName="quiet")
    assert refused(guard.get_filter, DetectorId=detector, FilterName="quiet") == "BadRequestException"


def test_a_finding_is_an_event_on_the_default_bus(cloud, guard, detector):
    events, sqs = cloud.client("events"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"], "detail": {"severity": [{"numeric": [">=", 7]}]}}))["RuleArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}]})})
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    guard.create_sample_findings(DetectorId=detector, FindingTypes=["UnauthorizedAccess:EC2/SSHBruteForce", "UnauthorizedAccess:EC2/TorClient"])
    got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    detail = json.loads(got[0]["Body"])["detail"]
    assert len(got) == 1 and detail["type"] == "UnauthorizedAccess:EC2/TorClient" and detail["service"]["detectorId"] == detector


def test_a_detector_has_tags(cloud, guard, detector):
    arn = f"arn:aws:guardduty:us-east-1:{cloud.account}:detector/{detector}"
    guard.tag_resource(ResourceArn=arn, Tags={"b": "1"})
    guard.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert guard.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"b": "1"}
