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


def test_a_stack_makes_configurations_and_an_access_point(cloud, s3):
    arn = {"Fn::GetAtt": ["Logs", "Arn"]}
    properties = {
        "InventoryConfigurations": [{"Id": "list", "Enabled": True, "IncludedObjectVersions": "Current", "ScheduleFrequency": "Daily", "Prefix": "in/", "OptionalFields": ["Size"],
                                     "Destination": {"BucketArn": arn, "Format": "CSV", "Prefix": "inv"}}],
        "AnalyticsConfigurations": [{"Id": "ana", "StorageClassAnalysis": {"DataExport": {"OutputSchemaVersion": "V_1", "Destination": {"BucketArn": arn, "Format": "CSV"}}}}],
        "MetricsConfigurations": [{"Id": "all"}, {"Id": "some", "Prefix": "a/", "TagFilters": [{"Key": "k", "Value": "v"}]}],
        "IntelligentTieringConfigurations": [{"Id": "tier", "Status": "Enabled", "Tierings": [{"AccessTier": "ARCHIVE_ACCESS", "Days": 90}]}],
        "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "l/", "TargetObjectKeyFormat": {"SimplePrefix": {}}}}
    policy = json.loads(document(allow("s3:GetObject", "POINT/object/*", Principal={"AWS": cloud.account})))
    policy["Statement"][0]["Resource"] = {"Fn::Sub": f"arn:aws:s3:${{AWS::Region}}:{cloud.account}:accesspoint/pt-{cloud.account}/object/*"}
    names = up(cloud, "configured", {
        "Logs": {"Type": "AWS::S3::Bucket"}, "Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties},
        "Point": {"Type": "AWS::S3::AccessPoint", "Properties": {"Bucket": {"Ref": "Bucket"}, "Name": f"pt-{cloud.account}", "Policy": policy}}},
        Bucket={"Ref": "Bucket"}, Logs={"Ref": "Logs"}, Alias={"Fn::GetAtt": ["Point", "Alias"]}, Arn={"Fn::GetAtt": ["Point", "Arn"]}, Point={"Ref": "Point"})
    bucket = names["Bucket"]
    found = s3.get_bucket_inventory_configuration(Bucket=bucket, Id="list")["InventoryConfiguration"]
    assert (found["Filter"], found["OptionalFields"], found["Destination"]["S3BucketDestination"]["Bucket"]) == ({"Prefix": "in/"}, ["Size"], f"arn:aws:s3:::{names['Logs']}")
    assert s3.get_bucket_analytics_configuration(Bucket=bucket, Id="ana")["AnalyticsConfiguration"]["StorageClassAnalysis"]["DataExport"]["Destination"]["S3BucketDestination"]["Format"] == "CSV"
    assert s3.get_bucket_metrics_configuration(Bucket=bucket, Id="some")["MetricsConfiguration"]["Filter"] == {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}}
    assert s3.get_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="tier")["IntelligentTieringConfiguration"]["Status"] == "Enabled"
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetPrefix"] == "l/"
    assert names["Arn"] == f"arn:aws:s3:us-east-1:{cloud.account}:accesspoint/{names['Point']}"
    s3.put_object(Bucket=names["Alias"], Key="k", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
