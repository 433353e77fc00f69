"""Security Hub in templates."""
import json

from ..organizations.conftest import Org

FSBP = "arn:aws:securityhub:us-east-1::standards/aws-foundational-security-best-practices/v/1.0.0"


def stack(cloud, resources, name="s", action="create"):
    cfn = cloud.client("cloudformation")
    getattr(cfn, f"{action}_stack")(StackName=name, TemplateBody=json.dumps({"Resources": resources, "Outputs": {
        key: {"Value": {"Ref": key}} for key in resources}}))
    cfn.get_waiter(f"stack_{action}_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return {one["OutputKey"]: one["OutputValue"] for one in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}


def drop(cloud, name="s"):
    cfn = cloud.client("cloudformation")
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_a_hub_its_standards_and_insights_come_and_go_with_a_stack(cloud):
    api = cloud.client("securityhub")
    control = f"arn:aws:securityhub:us-east-1:{cloud.account}:control/aws-foundational-security-best-practices/v/1.0.0/IAM.7"
    resources = {
        "Hub": {"Type": "AWS::SecurityHub::Hub", "Properties": {"EnableDefaultStandards": False, "ControlFindingGenerator": "SECURITY_CONTROL", "AutoEnableControls": True, "Tags": {"a": "b"}}},
        "Standard": {"Type": "AWS::SecurityHub::Standard", "DependsOn": "Hub", "Properties": {"StandardsArn": FSBP, "DisabledStandardsControls": [{"StandardsControlArn": control, "Reason": "no"}]}},
        "Insight": {"Type": "AWS::SecurityHub::Insight", "DependsOn": "Hub", "Properties": {
            "Name": "i", "GroupByAttribute": "ResourceId", "Filters": {"SeverityLabel": [{"Value": "HIGH", "Comparison": "EQUALS"}]}}}}
    resources["Action"] = {"Type": "AWS::SecurityHub::ActionTarget", "DependsOn": "Hub", "Properties": {"Id": "Send", "Name": "send", "Description": "d"}}
    resources["Control"] = {"Type": "AWS::SecurityHub::SecurityControl", "DependsOn": "Hub", "Properties": {
        "SecurityControlId": "ACM.1", "Parameters": {"daysToExpiration": {"ValueType": "CUSTOM", "Value": {"Integer": 20}}}, "LastUpdateReason": "sooner"}}
    out = stack(cloud, resources)

    def days():
        return api.batch_get_security_controls(SecurityControlIds=["ACM.1"])["SecurityControls"][0]["Parameters"]["daysToExpiration"]["Value"]["Integer"]
    assert out["Control"] == "ACM.1" and days() == 20
    assert api.describe_action_targets(ActionTargetArns=[out["Action"]])["ActionTargets"][0]["Name"] == "send"
    assert out["Hub"] == api.describe_hub()["HubArn"] and api.list_tags_for_resource(ResourceArn=out["Hub"])["Tags"] == {"a": "b"}
    assert [one["StandardsSubscriptionArn"] for one in api.get_enabled_standards()["StandardsSubscriptions"]] == [out["Standard"]]
    assert api.batch_get_security_controls(SecurityControlIds=["IAM.7"])["SecurityControls"][0]["SecurityControlStatus"] == "DISABLED"
    assert api.get_insights(InsightArns=[out["Insight"]])["Insights"][0]["Name"] == "i"
    del resources["Standard"]["Properties"]["DisabledStandardsControls"]
    resources["Insight"]["Properties"]["Name"] = "j"
    resources["Control"]["Properties"]["Parameters"]["daysToExpiration"]["Value"]["Integer"] = 60
    resources["Hub"]["Properties"]["Tags"] = {"c": "d"}
    stack(cloud, resources, action="update")
    assert days() == 60
    assert api.batch_get_security_controls(SecurityControlIds=["IAM.7"])["SecurityControls"][0]["SecurityControlStatus"] == "ENABLED"
    assert api.get_insights(InsightArns=[out["Insight"]])["Insights"][0]["Name"] == "j" and api.list_tags_for_resource(ResourceArn=out["Hub"])["Tags"] == {"c": "d"}
    drop(cloud)
    api.enable_security_hub(EnableDefaultStandards=False)
    assert api.get_insights()["Insights"] == []


def test_an_organizations_administrator_and_its_configuration(cloud):
    org = Org(cloud)
    boss = org.member("boss")
    stack(cloud, {"Admin": {"Type": "AWS::SecurityHub::DelegatedAdmin", "Properties": {"AdminAccountId": boss.account}}})
    stack(boss, {"Config": {"Type": "AWS::SecurityHub::OrganizationConfiguration", "Properties": {"AutoEnable": True, "AutoEnableStandards": "NONE", "ConfigurationType": "LOCAL"}}})
    api = boss.client("securityhub")
    assert api.describe_organization_configuration()["AutoEnable"] is True
    drop(boss)
    assert api.describe_organization_configuration()["AutoEnable"] is False
    drop(cloud)
    assert cloud.client("securityhub").list_organization_admin_accounts()["AdminAccounts"] == []
