"""CodeDeploy in templates: applications, configurations, deployment groups. A group's properties begin with capitals, and a few have other names in the API."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

RENAMED = {"Ec2TagFilters": "ec2TagFilters", "Ec2TagSet": "ec2TagSet", "ECSServices": "ecsServices", "LoadBalancerInfo": "loadBalancerInfo", "OnPremisesInstanceTagFilters": "onPremisesInstanceTagFilters",
           "ServiceRoleArn": "serviceRoleArn", "EC2TagFilters": "ec2TagFilters", "EC2TagSet": "ec2TagSet"}
EMPTY: dict[str, Any] = {"Ec2TagFilters": [], "OnPremisesInstanceTagFilters": [], "AutoScalingGroups": [], "TriggerConfigurations": [], "AlarmConfiguration": {"enabled": False, "alarms": []},
                         "AutoRollbackConfiguration": {"enabled": False, "events": []}}


def members(r: Resource, *skip: str) -> dict[str, Any]:
    """The properties in the API's spelling."""
    return {RENAMED.get(name, name[0].lower() + name[1:]): shaped(name, value) for name, value in r.properties.items() if name not in skip}


def shaped(name: str, value: Any) -> Any:
    """Tag sets are lists of groups, each an object with its list; the API wants lists of lists."""
    if name in ("Ec2TagSet", "OnPremisesTagSet") and isinstance(value, dict):
        member, inner = ("ec2TagSetList", "Ec2TagGroup") if name == "Ec2TagSet" else ("onPremisesTagSetList", "OnPremisesTagGroup")
        return {member: [group.get(inner, []) for group in value.get(member[0].upper() + member[1:], [])]}
    return value


async def create_group(r: Resource) -> str:
    await r.do("codedeploy", "CreateDeploymentGroup", **members(r, "Deployment", "Tags"), tags=r.get("Tags"))
    r.physical = r.properties["DeploymentGroupName"]
    await deploy(r)
    return r.physical


async def update_group(r: Resource) -> None:
    gone = {RENAMED.get(name, name[0].lower() + name[1:]): EMPTY[name] for name in EMPTY if name in r.old and name not in r.properties}
    await r.do("codedeploy", "UpdateDeploymentGroup", currentDeploymentGroupName=r.physical, **{**gone, **members(r, "Deployment", "Tags", "DeploymentGroupName")})
    if r.changed("Deployment"):
        await deploy(r)


async def deploy(r: Resource) -> None:
    """A group may be born with its first deployment; the resource is made when that has gone well (`ready`)."""
    wanted = r.get("Deployment")
    if not wanted:
        return
    answer = await r.do("codedeploy", "CreateDeployment", applicationName=r.properties["ApplicationName"], deploymentGroupName=r.physical, revision=wanted["Revision"],
                        description=wanted.get("Description"), ignoreApplicationStopFailures=wanted.get("IgnoreApplicationStopFailures"))
    r.stage = "deployment " + answer["deploymentId"]


async def ready(r: Resource) -> bool:
    from .public import came_to_an_end
    return await came_to_an_end(r)


def arn(kind: str) -> Any:
    """The resource's ARN, for its tags."""
    async def known(r: Resource) -> None:
        name = f"{r.properties['ApplicationName']}/{r.physical}" if kind == "deploymentgroup" else r.physical
        r.attributes["Arn"] = r.call.arn(f"{kind}:{name}", service="codedeploy")

    return known


APPLICATION = {"ApplicationName": "applicationName", "ComputePlatform": "computePlatform", "Tags": "tags"}
CONFIG = {"DeploymentConfigName": "deploymentConfigName", "ComputePlatform": "computePlatform", "MinimumHealthyHosts": "minimumHealthyHosts", "TrafficRoutingConfig": "trafficRoutingConfig",
          "ZonalConfig": "zonalConfig"}
TYPES = {
    "AWS::CodeDeploy::Application": Type(
        name="ApplicationName", limit=100, create=steps(op("codedeploy", "CreateApplication", send=True, rename=APPLICATION, physical="{ApplicationName}")), read=arn("application"),
        update=retag("codedeploy", "TagResource", "UntagResource", ResourceArn="{.Arn}"), delete=op("codedeploy", "DeleteApplication", applicationName="{id}")),
    "AWS::CodeDeploy::DeploymentConfig": Type(
        name="DeploymentConfigName", limit=100, create=op("codedeploy", "CreateDeploymentConfig", send=True, rename=CONFIG, physical="{DeploymentConfigName}"),
        delete=op("codedeploy", "DeleteDeploymentConfig", deploymentConfigName="{id}")),
    "AWS::CodeDeploy::DeploymentGroup": Type(
        name="DeploymentGroupName", limit=100, create=create_group, read=arn("deploymentgroup"), ready=ready,
        update=steps(update_group, retag("codedeploy", "TagResource", "UntagResource", ResourceArn="{.Arn}")),
        delete=op("codedeploy", "DeleteDeploymentGroup", applicationName="{ApplicationName}", deploymentGroupName="{id}")),
}
