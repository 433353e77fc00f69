"""CloudTrail in templates."""
import json

from .test_trails import bucket


def test_a_stack_has_a_trail(cloud):
    cfn, client, name = cloud.client("cloudformation"), cloud.client("cloudtrail"), bucket(cloud)
    properties = {"S3BucketName": name, "IsLogging": True, "EnableLogFileValidation": True, "Tags": [{"Key": "a", "Value": "1"}],
                  "EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}

    def template(**more):
        resource = {"Type": "AWS::CloudTrail::Trail", "Properties": {**properties, **more}}
        return json.dumps({"Resources": {"Trail": resource}, "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Trail", "Arn"]}}, "Name": {"Value": {"Ref": "Trail"}}}})

    def outputs():
        [stack] = cfn.describe_stacks(StackName="s")["Stacks"]
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    cfn.create_stack(StackName="s", TemplateBody=template())
    cloud.advance(60)
    made = outputs()
    assert made["Arn"].endswith(f":trail/{made['Name']}") and made["Name"].startswith("s-Trail-")
    assert client.get_trail_status(Name=made["Name"])["IsLogging"] and client.get_trail(Name=made["Name"])["Trail"]["LogFileValidationEnabled"]
    assert client.get_event_selectors(TrailName=made["Name"])["EventSelectors"][0]["ReadWriteType"] == "WriteOnly"
    tags = {one["Key"]: one["Value"] for one in client.list_tags(ResourceIdList=[made["Arn"]])["ResourceTagList"][0]["TagsList"]}
    assert tags["a"] == "1"
    cfn.update_stack(StackName="s", TemplateBody=template(IsLogging=False, IsMultiRegionTrail=True, EnableLogFileValidation=False))
    cloud.advance(60)
    outputs()
    assert not client.get_trail_status(Name=made["Name"])["IsLogging"]
    now = client.get_trail(Name=made["Name"])["Trail"]
    assert now["IsMultiRegionTrail"] and not now["LogFileValidationEnabled"]
    cfn.delete_stack(StackName="s")
    cloud.advance(60)
    assert not client.list_trails()["Trails"]
