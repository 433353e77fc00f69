"""What templates say of buckets beyond their names."""
from __future__ import annotations

import json

from cloche.testing.people import allow, document, trusting

from .test_replication import settled


def up(cloud, name, resources, **outputs):
    cfn = cloud.client("cloudformation")
    body = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_NAMED_IAM"])
    cfn.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    [stack] = cfn.describe_stacks(StackName=name)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def test_a_stack_makes_a_bucket_that_replicates(cloud, s3):
    role = {"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": json.loads(trusting({"Service": "s3.amazonaws.com"})), "Policies": [{"PolicyName": "p", "PolicyDocument": json.loads(document(allow("s3:*")))}]}}
    rule = {"Id": "all", "Status": "Enabled", "Priority": 1, "Filter": {"And": {"Prefix": "in/", "TagFilters": [{"Key": "go", "Value": "yes"}]}},
            "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": {"Fn::GetAtt": ["Target", "Arn"]}, "StorageClass": "STANDARD_IA"}}
    names = up(cloud, "replicating", {
        "Role": role, "Target": {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}},
        "Source": {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"},
                                                             "ReplicationConfiguration": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Rules": [rule]}}}},
        Source={"Ref": "Source"}, Target={"Ref": "Target"})
    s3.put_object(Bucket=names["Source"], Key="in/k", Body=b"x", Tagging="go=yes")
    assert settled(s3, names["Source"], "in/k") == "COMPLETED"
    assert s3.head_object(Bucket=names["Target"], Key="in/k")["StorageClass"] == "STANDARD_IA"
