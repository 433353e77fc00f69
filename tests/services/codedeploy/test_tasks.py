"""Deployments to ECS: a second task set, test traffic, production traffic in steps, and the way back."""
import json

import pytest

from cloche.testing.people import trusting
from tests.services.ecs.conftest import dock  # noqa: F401

from .shifting import HOOK, until

STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


class Swapping:
    """A service of one task behind a load balancer with a listener for production and one for tests, and a deployment group of it."""

    def __init__(self, dock):  # noqa: F811
        self.dock, self.cloud, self.api, self.elb = dock, dock.cloud, dock.client("codedeploy"), dock.client("elbv2")
        self.groups = [self.elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=dock.vpc, TargetType="ip", HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
                                                    HealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"] for name in ("blue", "green")]
        balancer = self.elb.create_load_balancer(Name="web", Subnets=dock.subnets[:2], SecurityGroups=[dock.group])["LoadBalancers"][0]["LoadBalancerArn"]
        self.listeners = [self.elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[{"Type": "forward", "TargetGroupArn": self.groups[0]}])["Listeners"][0]["ListenerArn"]
                          for port in (80, 8080)]
        self.definitions = [dock.define("web", dock.container("httpd", "-f", "-p", "80", "-h", "/www", portMappings=[{"containerPort": 80}], environment=[{"name": "WORD", "value": word}]))
                            for word in ("one", "two")]
        dock.ecs.create_service(cluster="c", serviceName="web", taskDefinition=self.definitions[0], desiredCount=1, launchType="FARGATE", networkConfiguration=dock.network,
                                deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=[{"targetGroupArn": self.groups[0], "containerName": "main", "containerPort": 80}])
        self.role = dock.role("deploys", "arn:aws:iam::aws:policy/AWSCodeDeployRoleForECS", trust=trusting({"Service": "codedeploy.amazonaws.com"}))
        self.api.create_application(applicationName="app", computePlatform="ECS")

    def group(self, name, minutes=10, ready=None, **more):
        return self.api.create_deployment_group(
            applicationName="app", deploymentGroupName=name, serviceRoleArn=self.role, deploymentStyle=STYLE, ecsServices=[{"clusterName": "c", "serviceName": "web"}],
            loadBalancerInfo={"targetGroupPairInfoList": [{"targetGroups": [{"name": "blue"}, {"name": "green"}], "prodTrafficRoute": {"listenerArns": self.listeners[:1]},
                                                           "testTrafficRoute": {"listenerArns": self.listeners[1:]}}]},
            blueGreenDeploymentConfiguration={"terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": minutes},
                                              "deploymentReadyOption": ready or {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}}, **more)

    def deploy(self, group, number, hooks=(), **more):
        content = {"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
            "TaskDefinition": self.dock.ecs.describe_task_definition(taskDefinition=self.definitions[number])["taskDefinition"]["taskDefinitionArn"],
            "LoadBalancerInfo": {"ContainerName": "main", "ContainerPort": 80}}}}], "Hooks": [{event: function} for event, function in hooks]}
        return self.api.create_deployment(applicationName="app", deploymentGroupName=group, **more,
                                          revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}})["deploymentId"]

    def info(self, id_):
        return self.api.get_deployment(deploymentId=id_)["deploymentInfo"]

    def over(self, id_, status):
        found = self.pushed(lambda: (now := self.info(id_))["status"] in ("Succeeded", "Failed", "Stopped") and now)
        assert found["status"] == status, (found, self.target(id_))
        return found

    def pushed(self, true):
        return until(lambda: (self.cloud.advance(5), true())[1])

    def target(self, id_):
        return self.api.get_deployment_target(deploymentId=id_, targetId="c:web")["deploymentTarget"]["ecsTarget"]

    def events(self, id_):
        return {one["lifecycleEventName"]: one["status"] for one in self.target(id_)["lifecycleEvents"]}

    def weights(self, listener):
        action = self.elb.describe_listeners(ListenerArns=[self.listeners[listener]])["Listeners"][0]["DefaultActions"][0]
        return {"blue" if each["TargetGroupArn"] == self.groups[0] else "green": each.get("Weight", 1) for each in action.get("ForwardConfig", {}).get("TargetGroups") or [action]}

    def sets(self):
        return self.dock.service("web")["taskSets"]


@pytest.fixture(scope="module")
def it(dock):  # noqa: F811
    return Swapping(dock)


def test_a_second_task_set_takes_the_traffic_over_in_steps_and_the_first_is_ended_after_its_minutes(it):
    it.group("canary", deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes")
    until(lambda: it.dock.service("web")["runningCount"] == 1)
    id_ = it.deploy("canary", 1)

    def halfway():
        assert it.info(id_)["status"] in ("Created", "InProgress"), it.info(id_)["errorInformation"]
        return it.info(id_)["status"] == "InProgress" and it.api.list_deployment_targets(deploymentId=id_)["targetIds"] and it.events(id_)["AllowTraffic"] == "InProgress"

    it.pushed(halfway)
    assert list(it.events(id_)) == ["BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]
    assert it.weights(1) == {"green": 100, "blue": 0} and it.weights(0) == {"blue": 90, "green": 10}
    shown = {one["taskSetLabel"]: one for one in it.target(id_)["taskSetsInfo"]}
    assert (shown["Blue"]["trafficWeight"], shown["Green"]["trafficWeight"], shown["Green"]["runningCount"], shown["Green"]["targetGroup"]) == (90.0, 10.0, 1, {"name": "green"})
    it.cloud.advance(minutes=5, seconds=5)
    until(lambda: it.info(id_)["instanceTerminationWaitTimeStarted"])
    assert it.weights(0) == {"green": 100, "blue": 0} and len(it.sets()) == 2 and {one["status"] for one in it.sets()} == {"PRIMARY", "ACTIVE"} and it.info(id_)["status"] == "InProgress"
    it.cloud.advance(minutes=11)
    it.over(id_, "Succeeded")
    it.pushed(lambda: len(it.sets()) == 1)
    assert it.sets()[0]["externalId"] == id_ and it.sets()[0]["status"] == "PRIMARY"
    it.api.delete_deployment_group(applicationName="app", deploymentGroupName="canary")


def test_a_hook_that_fails_after_the_traffic_went_over_brings_the_first_task_set_back(it):
    from tests.services.lambda_.conftest import Bench
    Bench(it.cloud).deploy("hook", HOOK.format(status="Failed"), {"Effect": "Allow", "Action": "codedeploy:PutLifecycleEventHookExecutionStatus", "Resource": "*"})
    it.group("back", ready={"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60}, autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    (first,) = it.sets()
    before = it.weights(0)
    id_ = it.deploy("back", 0, hooks=[("AfterAllowTraffic", "hook")])
    it.pushed(lambda: it.info(id_)["status"] == "Ready")
    assert it.weights(0) == before and it.events(id_)["AfterAllowTestTraffic"] == "Succeeded" and it.events(id_)["BeforeAllowTraffic"] == "Pending"
    it.api.continue_deployment(deploymentId=id_)
    told = it.over(id_, "Failed")
    assert told["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    back = it.over(told["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
    assert back["creator"] == "codeDeployRollback" and it.weights(0) == before
    it.pushed(lambda: len(it.sets()) == 1)
    assert it.sets()[0]["id"] == first["id"] and it.sets()[0]["status"] == "PRIMARY"
