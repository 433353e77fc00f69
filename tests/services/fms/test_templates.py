"""Firewall Manager's types in a stack."""
import json

from cloche.testing.people import trusting

from ..cognito_idp.test_templates import settled


def test_a_stack_makes_a_policy_a_set_and_a_channel(bench):
    cloud = bench.cloud
    role = cloud.client("iam").create_role(RoleName="tell", AssumeRolePolicyDocument=trusting({"Service": "fms.amazonaws.com"}))["Role"]["Arn"]
    template = {"Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Channel": {"Type": "AWS::FMS::NotificationChannel", "Properties": {"SnsTopicArn": {"Ref": "Topic"}, "SnsRoleName": role}},
        "Set": {"Type": "AWS::FMS::ResourceSet", "Properties": {"Name": "s", "ResourceTypeList": ["AWS::EC2::Instance"],
                                                                "Resources": [f"arn:aws:ec2:us-east-1:{bench.member.account}:instance/i-1"]}},
        "Policy": {"Type": "AWS::FMS::Policy", "Properties": {
            "PolicyName": "stacked", "ExcludeResourceTags": False, "RemediationEnabled": True, "ResourceType": "AWS::ApiGateway::Stage", "DeleteAllPolicyResources": True,
            "IncludeMap": {"ACCOUNT": [bench.member.account]}, "Tags": [{"Key": "a", "Value": "b"}],
            "SecurityServicePolicyData": {"Type": "WAFV2", "ManagedServiceData": json.dumps({"type": "WAFV2", "preProcessRuleGroups": [], "defaultAction": {"type": "ALLOW"}})}}},
    }, "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Policy", "Arn"]}}, "Set": {"Value": {"Ref": "Set"}}}}
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    stack = settled(cloud)
    assert stack["StackStatus"] == "CREATE_COMPLETE", [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName="s")["StackEvents"]]
    out = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    assert {"Key": "a", "Value": "b"} in bench.api.list_tags_for_resource(ResourceArn=out["Arn"])["TagList"]
    assert bench.api.list_resource_set_resources(Identifier=out["Set"])["Items"] and bench.api.get_notification_channel()["SnsRoleName"] == role
    acls = lambda: bench.member.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]
    cloud.advance(1)
    assert acls()[0]["Name"].startswith("FMManagedWebACLV2-stacked-")
    template["Resources"]["Policy"]["Properties"]["RemediationEnabled"] = False
    cfn.update_stack(StackName="s", TemplateBody=json.dumps(template))
    assert settled(cloud)["StackStatus"] == "UPDATE_COMPLETE" and bench.api.list_policies()["PolicyList"][0]["RemediationEnabled"] is False
    cfn.delete_stack(StackName="s")
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert acls() == [] and bench.api.list_policies()["PolicyList"] == []
