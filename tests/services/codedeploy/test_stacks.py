"""CodeDeploy in templates: its own types, an alias that CloudFormation moves by a deployment, and SAM's DeploymentPreference."""
import json

from tests.services.cloudformation.templates import outputs, reasons, status
from tests.services.cloudformation.test_types import deploy, gone

from .shifting import until

SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      AutoPublishAlias: live
      InlineCode: "def handler(event, context): return 'WORD'"
      DeploymentPreference:
        Type: Canary10Percent10Minutes
        Alarms: [!Ref Errors]
        Hooks: {PreTraffic: !Ref Before}
  Before:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "CodeDeployHook_${AWS::StackName}"
      Runtime: python3.11
      Handler: index.handler
      DeploymentPreference: {Enabled: false}
      Policies:
        - Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: codedeploy:PutLifecycleEventHookExecutionStatus, Resource: !Sub "arn:aws:codedeploy:${AWS::Region}:${AWS::AccountId}:deploymentgroup:${ServerlessDeploymentApplication}/*"}
      InlineCode: |
        import boto3
        def handler(event, context):
            boto3.client('codedeploy').put_lifecycle_event_hook_execution_status(
                deploymentId=event['DeploymentId'], lifecycleEventHookExecutionId=event['LifecycleEventHookExecutionId'], status='Succeeded')
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties: {Namespace: AWS/Lambda, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 0, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching,
                 Dimensions: [{Name: FunctionName, Value: !Ref Fn}]}
Outputs:
  Function: {Value: !Ref Fn}
  Application: {Value: !Ref ServerlessDeploymentApplication}
  Group: {Value: !Ref FnDeploymentGroup}
"""


def alias(cloud, function):
    found = cloud.client("lambda").get_alias(FunctionName=function, Name="live")
    return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


def update(cfn, name, template):
    cfn.update_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"])


def test_a_deployment_preference_moves_the_alias_by_a_canary_after_its_hook_and_back_on_an_alarm(cloud):
    cfn, api = cloud.client("cloudformation"), cloud.client("codedeploy")
    made = deploy(cfn, "sam", SAM.replace("WORD", "one"))
    assert {"ServerlessDeploymentApplication", "FnDeploymentGroup", "CodeDeployServiceRole", "FnAliaslive"} <= set(made)
    out = outputs(cfn, "sam")
    function = out["Function"]
    group = api.get_deployment_group(applicationName=out["Application"], deploymentGroupName=out["Group"])["deploymentGroupInfo"]
    assert group["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes" and group["alarmConfiguration"]["enabled"] is True
    assert group["autoRollbackConfiguration"]["events"] == ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
    assert alias(cloud, function) == ("1", {}) and api.list_deployments()["deployments"] == []
    update(cfn, "sam", SAM.replace("WORD", "two"))
    until(lambda: alias(cloud, function) == ("1", {"2": 0.1}))
    assert status(cfn, "sam") == "UPDATE_IN_PROGRESS"
    (id_,) = api.list_deployments(applicationName=out["Application"], deploymentGroupName=out["Group"])["deployments"]
    told = api.get_deployment(deploymentId=id_)["deploymentInfo"]
    assert told["creator"] == "CloudFormation" and told["status"] == "InProgress"
    cloud.advance(minutes=10, seconds=5)
    until(lambda: (cloud.advance(2), status(cfn, "sam") == "UPDATE_COMPLETE")[1])
    assert alias(cloud, function) == ("2", {}) and api.get_deployment(deploymentId=id_)["deploymentInfo"]["status"] == "Succeeded"
    update(cfn, "sam", SAM.replace("WORD", "three"))
    until(lambda: alias(cloud, function) == ("2", {"3": 0.1}))
    cloud.client("cloudwatch").set_alarm_state(AlarmName=made["Errors"], StateValue="ALARM", StateReason="tried")
    until(lambda: (cloud.advance(2), status(cfn, "sam") == "UPDATE_ROLLBACK_COMPLETE")[1])
    assert alias(cloud, function) == ("2", {})
    assert "ALARM_ACTIVE" in reasons(cfn, "sam")


TYPES = {"Resources": {
    "Role": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRole"], "AssumeRolePolicyDocument": {
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "codedeploy.amazonaws.com"}}]}}},
    "App": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Server", "Tags": [{"Key": "team", "Value": "a"}]}},
    "Config": {"Type": "AWS::CodeDeploy::DeploymentConfig", "Properties": {"DeploymentConfigName": "most", "MinimumHealthyHosts": {"Type": "FLEET_PERCENT", "Value": 75}}},
    "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {
        "ApplicationName": {"Ref": "App"}, "DeploymentGroupName": "machines", "DeploymentConfigName": {"Ref": "Config"}, "ServiceRoleArn": {"Fn::GetAtt": "Role.Arn"},
        "Ec2TagFilters": [{"Key": "app", "Value": "x", "Type": "KEY_AND_VALUE"}], "AutoRollbackConfiguration": {"Enabled": True, "Events": ["DEPLOYMENT_FAILURE"]},
        "OnPremisesTagSet": {"OnPremisesTagSetList": [{"OnPremisesTagGroup": [{"Key": "a", "Type": "KEY_ONLY"}]}]}, "Tags": [{"Key": "k", "Value": "v"}]}},
}, "Outputs": {"App": {"Value": {"Ref": "App"}}}}


def test_applications_configurations_and_groups_are_resources(cloud):
    cfn, api = cloud.client("cloudformation"), cloud.client("codedeploy")
    made = deploy(cfn, "types", json.dumps(TYPES))
    app = made["App"]
    assert app == outputs(cfn, "types")["App"] and made["Group"] == "machines" and made["Config"] == "most"
    assert api.get_application(applicationName=app)["application"]["computePlatform"] == "Server"
    group = api.get_deployment_group(applicationName=app, deploymentGroupName="machines")["deploymentGroupInfo"]
    assert group["ec2TagFilters"] == [{"Key": "app", "Value": "x", "Type": "KEY_AND_VALUE"}] and group["deploymentConfigName"] == "most"
    assert group["onPremisesTagSet"] == {"onPremisesTagSetList": [[{"Key": "a", "Type": "KEY_ONLY"}]]}
    arn = f"arn:aws:codedeploy:us-east-1:{cloud.account}:"
    tags = {one["Key"]: one["Value"] for one in api.list_tags_for_resource(ResourceArn=f"{arn}deploymentgroup:{app}/machines")["Tags"]}
    assert tags["k"] == "v"
    changed = json.loads(json.dumps(TYPES))
    changed["Resources"]["Group"]["Properties"] |= {"DeploymentConfigName": "CodeDeployDefault.AllAtOnce", "Tags": [{"Key": "k", "Value": "w"}]}
    del changed["Resources"]["Group"]["Properties"]["AutoRollbackConfiguration"]
    deploy(cfn, "types", json.dumps(changed))
    group = api.get_deployment_group(applicationName=app, deploymentGroupName="machines")["deploymentGroupInfo"]
    assert group["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce" and group["autoRollbackConfiguration"]["enabled"] is False
    tags = {one["Key"]: one["Value"] for one in api.list_tags_for_resource(ResourceArn=f"{arn}deploymentgroup:{app}/machines")["Tags"]}
    assert tags["k"] == "w"
    gone(cfn, "types")
    assert api.list_applications()["applications"] == [] and "most" not in api.list_deployment_configs()["deploymentConfigsList"]
