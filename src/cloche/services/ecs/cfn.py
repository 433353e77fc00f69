"""ECS in templates: clusters, task definitions, services (stable before the stack goes on), capacity providers, task sets."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, retag, steps

SERVICE = ("DesiredCount", "TaskDefinition", "CapacityProviderStrategy", "DeploymentConfiguration", "AvailabilityZoneRebalancing", "NetworkConfiguration", "PlacementConstraints", "PlatformVersion",
           "HealthCheckGracePeriodSeconds", "EnableExecuteCommand", "EnableECSManagedTags", "LoadBalancers", "PropagateTags", "ServiceRegistries", "ServiceConnectConfiguration")
DEFINITION = ("ContainerDefinitions", "Cpu", "Memory", "ExecutionRoleArn", "TaskRoleArn", "NetworkMode", "PlacementConstraints", "RequiresCompatibilities", "Volumes", "Tags", "PidMode", "IpcMode",
              "ProxyConfiguration", "InferenceAccelerators", "EphemeralStorage", "RuntimePlatform", "EnableFaultInjection")


# -- clusters -----------------------------------------------------------------------------------------------------------------

async def change_cluster(r: Resource) -> None:
    if r.changed("ClusterSettings", "Configuration", "ServiceConnectDefaults"):
        await r.do("ecs", "UpdateCluster", cluster=r.physical, settings=r.get("ClusterSettings"), configuration=r.get("Configuration"), serviceConnectDefaults=r.get("ServiceConnectDefaults"))
    if r.changed("CapacityProviders", "DefaultCapacityProviderStrategy"):
        await r.do("ecs", "PutClusterCapacityProviders", cluster=r.physical, capacityProviders=r.get("CapacityProviders") or [], defaultCapacityProviderStrategy=r.get("DefaultCapacityProviderStrategy") or [])


async def associate(r: Resource) -> str:
    name = str(r.properties["Cluster"])
    await r.do("ecs", "PutClusterCapacityProviders", cluster=name, capacityProviders=r.properties["CapacityProviders"], defaultCapacityProviderStrategy=r.properties["DefaultCapacityProviderStrategy"])
    r.physical = name
    return name


async def dissociate(r: Resource) -> None:
    await r.do("ecs", "PutClusterCapacityProviders", cluster=r.physical, capacityProviders=[], defaultCapacityProviderStrategy=[])


# -- task definitions -----------------------------------------------------------------------------------------------------------

async def register(r: Resource) -> str:
    family = r.get("Family") or f"{r.stack_name}{r.logical}{r.call.pick(LETTERS, 8)}".replace("-", "")
    known(r, (*DEFINITION, "Family"))
    made = await r.do("ecs", "RegisterTaskDefinition", family=family, **{name[:1].lower() + name[1:]: r.get(name) for name in DEFINITION})
    r.physical = made["taskDefinition"]["taskDefinitionArn"]
    r.attributes["TaskDefinitionArn"] = r.physical
    return r.physical


def known(r: Resource, names: tuple[str, ...]) -> None:
    for name in r.properties:
        if name not in names:
            raise AwsError("NotImplemented", f"Cloche does not build the property {name} of {r.type} yet")


# -- services ---------------------------------------------------------------------------------------------------------------------

async def create_service(r: Resource) -> str:
    known(r, (*SERVICE, "Cluster", "ServiceName", "LaunchType", "SchedulingStrategy", "DeploymentController", "PlacementStrategies", "Role", "Tags", "ForceNewDeployment"))
    daemon = r.get("SchedulingStrategy") == "DAEMON"
    count = r.get("DesiredCount", None if daemon else 1)
    made = (await r.do("ecs", "CreateService", serviceName=r.properties["ServiceName"], cluster=r.get("Cluster"), launchType=r.get("LaunchType"), schedulingStrategy=r.get("SchedulingStrategy"),
                       deploymentController=r.get("DeploymentController"), placementStrategy=r.get("PlacementStrategies"), role=r.get("Role"), tags=r.get("Tags"), desiredCount=count,
                       **{name[:1].lower() + name[1:]: r.get(name) for name in SERVICE if name != "DesiredCount"}))["service"]
    r.physical = made["serviceArn"]
    r.attributes |= {"ServiceArn": made["serviceArn"], "Name": made["serviceName"]}
    return r.physical


async def update_service(r: Resource) -> None:
    change: dict[str, Any] = {name[:1].lower() + name[1:]: r.get(name) for name in SERVICE if r.changed(name) and r.get(name) is not None}
    if r.changed("PlacementStrategies"):
        change["placementStrategy"] = r.get("PlacementStrategies") or []
    if change or r.changed("ForceNewDeployment"):
        await r.do("ecs", "UpdateService", service=r.physical, cluster=r.get("Cluster"), forceNewDeployment=r.changed("ForceNewDeployment") or None, **change)


async def stable(r: Resource) -> bool:
    """As many tasks as are wanted, of the newest deployment alone. A deployment that was given up fails the resource."""
    found = (await r.do("ecs", "DescribeServices", services=[r.physical], cluster=r.get("Cluster")))["services"]
    if not found or found[0]["status"] != "ACTIVE":
        raise AwsError("ValidationError", "The service is not ACTIVE.")
    one = found[0]
    if one["deploymentController"]["type"] != "ECS":
        return True
    failed = next((each for each in one["deployments"] if each["rolloutState"] == "FAILED"), None)
    if failed or any("rolling back" in each.get("rolloutStateReason", "") for each in one["deployments"]):
        raise AwsError("GeneralServiceException", "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.")
    return len(one["deployments"]) == 1 and one["runningCount"] == one["desiredCount"] and one["deployments"][0]["rolloutState"] == "COMPLETED"


async def delete_service(r: Resource) -> None:
    found = (await r.do("ecs", "DescribeServices", services=[r.physical], cluster=r.get("Cluster")))["services"]
    if not found or found[0]["status"] == "INACTIVE":
        return
    if found[0]["status"] == "ACTIVE":
        await r.do("ecs", "DeleteService", service=r.physical, cluster=r.get("Cluster"), force=True)
    r.not_yet()


# -- task sets ----------------------------------------------------------------------------------------------------------------------

async def create_task_set(r: Resource) -> str:
    made = (await r.do("ecs", "CreateTaskSet", **{name[:1].lower() + name[1:]: value for name, value in r.properties.items()}))["taskSet"]
    r.physical = made["taskSetArn"]
    r.attributes["Id"] = made["id"]
    return r.physical


async def update_task_set(r: Resource) -> None:
    if r.changed("Scale"):
        await r.do("ecs", "UpdateTaskSet", cluster=r.properties["Cluster"], service=r.properties["Service"], taskSet=r.attributes["Id"], scale=r.properties["Scale"])


async def delete_task_set(r: Resource) -> None:
    await r.do("ecs", "DeleteTaskSet", cluster=r.properties["Cluster"], service=r.properties["Service"], taskSet=r.attributes["Id"], force=True)


async def make_primary(r: Resource) -> str:
    await r.do("ecs", "UpdateServicePrimaryTaskSet", cluster=r.properties["Cluster"], service=r.properties["Service"], primaryTaskSet=r.properties["TaskSetId"])
    r.physical = f"{r.properties['Cluster']}|{r.properties['Service']}"
    return r.physical


RETAG = {"keys": "tagKeys", "tags": "tags"}
TYPES = {
    "AWS::ECS::Cluster": Type(
        create=op("ecs", "CreateCluster", send=True, rename={"ClusterSettings": "settings"}, physical="cluster.clusterName", attributes={"Arn": "cluster.clusterArn"}),
        update=steps(change_cluster, retag("ecs", "TagResource", "UntagResource", resourceArn="{.Arn}", **RETAG)), delete=op("ecs", "DeleteCluster", cluster="{id}"), name="ClusterName", limit=255,
        gone=("ClusterNotFoundException",)),
    "AWS::ECS::ClusterCapacityProviderAssociations": Type(create=associate, update=associate, delete=dissociate, gone=("ClusterNotFoundException",)),
    "AWS::ECS::TaskDefinition": Type(create=register, delete=op("ecs", "DeregisterTaskDefinition", taskDefinition="{id}"), update=retag("ecs", "TagResource", "UntagResource", resourceArn="{id}", **RETAG),
                                     replaces=tuple(name for name in (*DEFINITION, "Family") if name != "Tags")),
    "AWS::ECS::Service": Type(
        create=create_service, update=steps(update_service, retag("ecs", "TagResource", "UntagResource", resourceArn="{id}", **RETAG)), delete=delete_service, ready=stable, name="ServiceName", limit=255,
        gone=("ServiceNotFoundException", "ClusterNotFoundException", "ServiceNotActiveException")),
    "AWS::ECS::CapacityProvider": Type(
        create=op("ecs", "CreateCapacityProvider", send=True, physical="capacityProvider.name"),
        update=steps(op("ecs", "UpdateCapacityProvider", name="{id}", send=("AutoScalingGroupProvider",)), retag("ecs", "TagResource", "UntagResource", resourceArn="{.Arn}", **RETAG)),
        delete=op("ecs", "DeleteCapacityProvider", capacityProvider="{id}"), name="Name", limit=255),
    "AWS::ECS::TaskSet": Type(create=create_task_set, update=update_task_set, delete=delete_task_set, gone=("TaskSetNotFoundException", "ServiceNotFoundException")),
    "AWS::ECS::PrimaryTaskSet": Type(create=make_primary, update=make_primary),
}
