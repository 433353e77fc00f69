"""Findings published to a bucket, under a key."""
import gzip
import json

import pytest

from cloche.testing.people import document

from .test_detectors import refused

GUARD = {"Principal": {"Service": "guardduty.amazonaws.com"}, "Effect": "Allow"}


@pytest.fixture
def guard(cloud):
    api = cloud.client("guardduty")
    api.detector = api.create_detector(Enable=True)["DetectorId"]
    yield api
    api.delete_detector(DetectorId=api.detector)


def place(cloud):
    """A bucket and a key, shut to GuardDuty."""
    bucket = f"findings-{cloud.account}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    return bucket, cloud.client("kms").create_key()["KeyMetadata"]["Arn"]


def opened(cloud, bucket, key):
    cloud.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(
        {**GUARD, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"StringEquals": {"aws:SourceAccount": cloud.account}}},
        {**GUARD, "Action": "s3:GetBucketLocation", "Resource": f"arn:aws:s3:::{bucket}"}))
    cloud.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=document(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:*", "Resource": "*"}, {**GUARD, "Action": "kms:GenerateDataKey", "Resource": "*"}))


def test_bucket_and_key_must_let_guardduty_in(cloud, guard):
    bucket, key = place(cloud)
    where = {"DestinationArn": f"arn:aws:s3:::{bucket}", "KmsKeyArn": key}
    assert refused(guard.create_publishing_destination, DetectorId=guard.detector, DestinationType="S3", DestinationProperties=where) == "BadRequestException"
    opened(cloud, bucket, key)
    id_ = guard.create_publishing_destination(DetectorId=guard.detector, DestinationType="S3", DestinationProperties=where)["DestinationId"]
    assert refused(guard.create_publishing_destination, DetectorId=guard.detector, DestinationType="S3", DestinationProperties=where) == "BadRequestException"
    assert guard.list_publishing_destinations(DetectorId=guard.detector)["Destinations"] == [{"DestinationId": id_, "DestinationType": "S3", "Status": "PUBLISHING"}]
    guard.update_publishing_destination(DetectorId=guard.detector, DestinationId=id_, DestinationProperties={"DestinationArn": f"arn:aws:s3:::{bucket}/folder", "KmsKeyArn": key})
    assert guard.describe_publishing_destination(DetectorId=guard.detector, DestinationId=id_)["DestinationProperties"] == {"DestinationArn": f"arn:aws:s3:::{bucket}/folder", "KmsKeyArn": key}
    guard.delete_publishing_destination(DetectorId=guard.detector, DestinationId=id_)
    assert refused(guard.describe_publishing_destination, DetectorId=guard.detector, DestinationId=id_) == "BadRequestException"


def test_findings_are_lines_in_the_bucket_until_it_is_shut(cloud, guard):
    s3, (bucket, key) = cloud.client("s3"), place(cloud)
    opened(cloud, bucket, key)
    id_ = guard.create_publishing_destination(DetectorId=guard.detector, DestinationType="S3", DestinationProperties={"DestinationArn": f"arn:aws:s3:::{bucket}/f", "KmsKeyArn": key})["DestinationId"]
    guard.create_sample_findings(DetectorId=guard.detector, FindingTypes=["Recon:EC2/Portscan"])
    cloud.advance(1)
    [one] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert one["Key"].startswith(f"f/AWSLogs/{cloud.account}/GuardDuty/us-east-1/") and one["Key"].endswith(".jsonl.gz")
    got = s3.get_object(Bucket=bucket, Key=one["Key"])
    assert got["SSEKMSKeyId"] == key and json.loads(gzip.decompress(got["Body"].read()))["type"] == "Recon:EC2/Portscan"
    s3.delete_bucket_policy(Bucket=bucket)
    guard.create_sample_findings(DetectorId=guard.detector, FindingTypes=["UnauthorizedAccess:EC2/TorClient"])
    cloud.advance(1)
    assert guard.describe_publishing_destination(DetectorId=guard.detector, DestinationId=id_)["Status"] == "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY"
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1


TEMPLATE = {"Resources": {
    "D": {"Type": "AWS::GuardDuty::Detector", "Properties": {"Enable": True, "FindingPublishingFrequency": "ONE_HOUR", "Tags": [{"Key": "a", "Value": "b"}]}},
    "F": {"Type": "AWS::GuardDuty::Filter", "Properties": {"DetectorId": {"Ref": "D"}, "Name": "quiet", "Action": "ARCHIVE", "Description": "d", "Rank": 1,
                                                         "FindingCriteria": {"Criterion": {"type": {"Eq": ["Recon:EC2/Portscan"]}}}}},
    "I": {"Type": "AWS::GuardDuty::IPSet", "Properties": {"DetectorId": {"Ref": "D"}, "Format": "TXT", "Activate": True, "Name": "good"}},
    "T": {"Type": "AWS::GuardDuty::ThreatIntelSet", "Properties": {"DetectorId": {"Ref": "D"}, "Format": "TXT", "Activate": False, "Name": "bad"}},
    "M": {"Type": "AWS::GuardDuty::Member", "Properties": {"DetectorId": {"Ref": "D"}, "Email": "m@example.com", "Status": "Invited", "DisableEmailNotification": True}},
    "P": {"Type": "AWS::GuardDuty::PublishingDestination", "Properties": {"DetectorId": {"Ref": "D"}, "DestinationType": "S3"}}},
    "Outputs": {"D": {"Value": {"Ref": "D"}}, "I": {"Value": {"Fn::GetAtt": ["I", "Id"]}}}}


def test_templates_make_it_all(cloud):
    cfn, guard = cloud.client("cloudformation"), cloud.client("guardduty")
    bucket, key = place(cloud)
    opened(cloud, bucket, key)
    cloud.client("s3").put_object(Bucket=bucket, Key="list.txt", Body=b"198.51.100.1\n")
    body, other = json.loads(json.dumps(TEMPLATE)), cloud.other()
    for name in "IT":
        body["Resources"][name]["Properties"]["Location"] = f"https://s3.amazonaws.com/{bucket}/list.txt"
    body["Resources"]["M"]["Properties"]["MemberId"] = other.account
    body["Resources"]["P"]["Properties"]["DestinationProperties"] = {"DestinationArn": f"arn:aws:s3:::{bucket}", "KmsKeyArn": key}
    cfn.create_stack(StackName="g", TemplateBody=json.dumps(body))
    cfn.get_waiter("stack_create_complete").wait(StackName="g", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    out = {one["OutputKey"]: one["OutputValue"] for one in cfn.describe_stacks(StackName="g")["Stacks"][0]["Outputs"]}
    got = guard.get_detector(DetectorId=out["D"])
    assert (got["FindingPublishingFrequency"], got["Tags"]["a"]) == ("ONE_HOUR", "b")
    assert guard.get_filter(DetectorId=out["D"], FilterName="quiet")["Action"] == "ARCHIVE" and guard.list_ip_sets(DetectorId=out["D"])["IpSetIds"] == [out["I"]]
    assert len(guard.list_threat_intel_sets(DetectorId=out["D"])["ThreatIntelSetIds"]) == len(guard.list_publishing_destinations(DetectorId=out["D"])["Destinations"]) == 1
    assert guard.list_members(DetectorId=out["D"])["Members"][0]["RelationshipStatus"] == "Invited"
    theirs = other.client("cloudformation")
    theirs.create_stack(StackName="m", TemplateBody=json.dumps({"Resources": {
        "D": {"Type": "AWS::GuardDuty::Detector", "Properties": {"Enable": True}},
        "M": {"Type": "AWS::GuardDuty::Master", "Properties": {"DetectorId": {"Ref": "D"}, "MasterId": cloud.account}}}}))
    theirs.get_waiter("stack_create_complete").wait(StackName="m", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert guard.list_members(DetectorId=out["D"])["Members"][0]["RelationshipStatus"] == "Enabled"
    theirs.delete_stack(StackName="m")
    theirs.get_waiter("stack_delete_complete").wait(StackName="m", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    cfn.delete_stack(StackName="g")
    cfn.get_waiter("stack_delete_complete").wait(StackName="g", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert guard.list_detectors()["DetectorIds"] == [] and other.client("guardduty").list_detectors()["DetectorIds"] == []
