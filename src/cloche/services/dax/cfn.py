"""DAX in templates: Cluster, which is done when somebody listens, ParameterGroup, SubnetGroup."""
from __future__ import annotations

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, tag_map

SENT = ("AvailabilityZones", "ClusterEndpointEncryptionType", "Description", "IAMRoleARN", "NodeType", "NotificationTopicARN", "ParameterGroupName", "PreferredMaintenanceWindow", "ReplicationFactor",
        "SSESpecification", "SecurityGroupIds", "SubnetGroupName", "NetworkType")
NAMES = {"IAMRoleARN": "IamRoleArn", "NotificationTopicARN": "NotificationTopicArn"}


async def look(r: Resource) -> dict:
    return (await r.do("dax", "DescribeClusters", ClusterNames=[r.physical]))["Clusters"][0]


async def create(r: Resource) -> str:
    given = {NAMES.get(name, name): r.get(name) for name in SENT}
    given["Tags"] = [{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()] or None
    made = await r.do("dax", "CreateCluster", ClusterName=r.properties["ClusterName"], **given)
    r.attributes["Arn"] = made["Cluster"]["ClusterArn"]
    return made["Cluster"]["ClusterName"]


async def ready(r: Resource) -> bool:
    told = await look(r)
    if told["Status"] != "available":
        return False
    endpoint = told["ClusterDiscoveryEndpoint"]
    r.attributes |= {"Arn": told["ClusterArn"], "ClusterDiscoveryEndpoint": f"{endpoint['Address']}:{endpoint['Port']}", "ClusterDiscoveryEndpointURL": endpoint["URL"]}
    return True


async def update(r: Resource) -> None:
    if r.changed("Description", "NotificationTopicARN", "ParameterGroupName", "PreferredMaintenanceWindow", "SecurityGroupIds"):
        await r.do("dax", "UpdateCluster", ClusterName=r.physical, **{
            NAMES.get(name, name): r.get(name) for name in ("Description", "NotificationTopicARN", "ParameterGroupName", "PreferredMaintenanceWindow", "SecurityGroupIds")})
    if r.changed("ReplicationFactor"):
        before, after = int(r.old["ReplicationFactor"]), int(r.properties["ReplicationFactor"])
        await r.do("dax", "IncreaseReplicationFactor" if after > before else "DecreaseReplicationFactor", ClusterName=r.physical, NewReplicationFactor=after)


async def delete(r: Resource) -> None:
    try:
        if (await look(r))["Status"] != "deleting":
            await r.do("dax", "DeleteCluster", ClusterName=r.physical)
    except AwsError as error:
        if error.code == "ClusterNotFoundFault":
            return
        raise
    r.not_yet()


async def set_parameters(r: Resource) -> None:
    values = [{"ParameterName": k, "ParameterValue": str(v)} for k, v in (r.get("ParameterNameValues") or {}).items()]
    if values:
        await r.do("dax", "UpdateParameterGroup", ParameterGroupName=r.physical, ParameterNameValues=values)


async def create_parameters(r: Resource) -> str:
    made = await r.do("dax", "CreateParameterGroup", ParameterGroupName=r.properties["ParameterGroupName"], Description=r.get("Description"))
    r.physical = made["ParameterGroup"]["ParameterGroupName"]
    await set_parameters(r)
    return r.physical


TYPES = {
    "AWS::DAX::Cluster": Type(
        name="ClusterName", limit=20, lower=True, create=create, ready=ready, update=update, delete=delete, gone=("ClusterNotFoundFault",), attributes=("ClusterDiscoveryEndpointURL",),
        replaces=("ClusterName", "NodeType", "AvailabilityZones", "ClusterEndpointEncryptionType", "IAMRoleARN", "SSESpecification", "SubnetGroupName", "NetworkType")),
    "AWS::DAX::ParameterGroup": Type(
        name="ParameterGroupName", lower=True, create=create_parameters, update=set_parameters, delete=op("dax", "DeleteParameterGroup", ParameterGroupName="{id}"),
        replaces=("ParameterGroupName", "Description"), gone=("ParameterGroupNotFoundFault",)),
    "AWS::DAX::SubnetGroup": Type(
        name="SubnetGroupName", lower=True, create=op("dax", "CreateSubnetGroup", send=True, physical="SubnetGroup.SubnetGroupName"),
        update=op("dax", "UpdateSubnetGroup", send=("Description", "SubnetIds"), SubnetGroupName="{id}"), delete=op("dax", "DeleteSubnetGroup", SubnetGroupName="{id}"),
        replaces=("SubnetGroupName",), gone=("SubnetGroupNotFoundFault",)),
}
