"""What tests of Lambda deployments share: a function with two versions and an alias on the first, an application and a group of it, and people who wait."""
import json
import time

from cloche.testing.people import allow, document, trusting
from tests.services.lambda_.conftest import Bench, zipped

CODE = "def handler(event, context):\n    return {text!r}\n"
HOOK = """
import boto3

def handler(event, context):
    print('asked', sorted(event))
    boto3.client('codedeploy').put_lifecycle_event_hook_execution_status(
        deploymentId=event['DeploymentId'], lifecycleEventHookExecutionId=event['LifecycleEventHookExecutionId'], status={status!r})
"""
SILENT = "def handler(event, context):\n    return None\n"
ROLE = (allow(["lambda:GetAlias", "lambda:UpdateAlias"]), allow("lambda:InvokeFunction"), allow("cloudwatch:DescribeAlarms"), allow("sns:Publish"), allow("s3:GetObject*"))
LAMBDA = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
    return found


class Shifting:
    def __init__(self, cloud, config="CodeDeployDefault.LambdaAllAtOnce", role=ROLE, **group):
        self.cloud, self.api, self.functions, self.iam, self.bench = cloud, cloud.client("codedeploy"), cloud.client("lambda"), cloud.client("iam"), Bench(cloud)
        self.bench.deploy("f", CODE.format(text="one"), Publish=True)
        self.functions.update_function_code(FunctionName="f", ZipFile=zipped(CODE.format(text="two")), Publish=True)
        self.functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
        self.role = self.iam.create_role(RoleName="deploys", AssumeRolePolicyDocument=trusting({"Service": "codedeploy.amazonaws.com"}))["Role"]["Arn"]
        self.iam.put_role_policy(RoleName="deploys", PolicyName="p", PolicyDocument=document(*role))
        self.api.create_application(applicationName="app", computePlatform="Lambda")
        self.api.create_deployment_group(applicationName="app", deploymentGroupName="dg", deploymentConfigName=config, serviceRoleArn=self.role, deploymentStyle=LAMBDA, **group)

    def hook(self, name, status="Succeeded", code=None):
        self.bench.deploy(name, code or HOOK.format(status=status), allow("codedeploy:PutLifecycleEventHookExecutionStatus", f"arn:aws:codedeploy:us-east-1:{self.cloud.account}:deploymentgroup:app/*"))

    def spec(self, current="1", target="2", hooks=(), **more):
        properties = {"Name": "f", "Alias": "live", "CurrentVersion": current, "TargetVersion": target, **more}
        return json.dumps({"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}], "Hooks": [{event: function} for event, function in hooks]})

    def deploy(self, current="1", target="2", hooks=(), content=None, **more):
        return self.api.create_deployment(applicationName="app", deploymentGroupName="dg", **more,
                                          revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content or self.spec(current, target, hooks)}})["deploymentId"]

    def info(self, id_):
        return self.api.get_deployment(deploymentId=id_)["deploymentInfo"]

    def over(self, id_, status=None):
        found = until(lambda: (now := self.info(id_))["status"] in ("Succeeded", "Failed", "Stopped") and now)
        assert status in (None, found["status"]), found
        return found

    def alias(self):
        found = self.functions.get_alias(FunctionName="f", Name="live")
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def target(self, id_):
        (name,) = self.api.list_deployment_targets(deploymentId=id_)["targetIds"]
        return self.api.get_deployment_target(deploymentId=id_, targetId=name)["deploymentTarget"]["lambdaTarget"]

    def events(self, id_):
        return {one["lifecycleEventName"]: one["status"] for one in self.target(id_)["lifecycleEvents"]}
