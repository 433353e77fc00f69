"""ElastiCache in templates: clusters and groups, which are done when they answer, and their groups of parameters and subnets."""
from __future__ import annotations

from collections.abc import Awaitable, Callable

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, tag_map

CLUSTER = ("AZMode", "AutoMinorVersionUpgrade", "CacheNodeType", "CacheParameterGroupName", "CacheSubnetGroupName", "Engine", "EngineVersion", "NumCacheNodes", "Port", "PreferredAvailabilityZone", "PreferredAvailabilityZones",
           "PreferredMaintenanceWindow", "SnapshotName", "SnapshotRetentionLimit", "TransitEncryptionEnabled")
GROUP = ("AtRestEncryptionEnabled", "AuthToken", "AutomaticFailoverEnabled", "CacheNodeType", "CacheParameterGroupName", "CacheSubnetGroupName", "Engine", "EngineVersion", "KmsKeyId", "MultiAZEnabled", "NumCacheClusters",
         "NumNodeGroups", "Port", "PreferredCacheClusterAZs", "PreferredMaintenanceWindow", "PrimaryClusterId", "ReplicasPerNodeGroup", "ReplicationGroupDescription", "SecurityGroupIds", "SnapshotName", "SnapshotRetentionLimit",
         "TransitEncryptionEnabled", "UserGroupIds", "ClusterMode")


def tags(r: Resource) -> list[dict[str, str]] | None:
    return [{"Key": key, "Value": value} for key, value in tag_map(r.get("Tags")).items()] or None


async def create_cluster(r: Resource) -> str:
    made = await r.do("elasticache", "CreateCacheCluster", CacheClusterId=r.properties["ClusterName"], SecurityGroupIds=r.get("VpcSecurityGroupIds"), Tags=tags(r), **{name: r.get(name) for name in CLUSTER})
    return made["CacheCluster"]["CacheClusterId"]


async def cluster_ready(r: Resource) -> bool:
    told = (await r.do("elasticache", "DescribeCacheClusters", CacheClusterId=r.physical, ShowCacheNodeInfo=True))["CacheClusters"][0]
    if told["CacheClusterStatus"] == "create-failed":
        raise AwsError("GeneralServiceException", f"The cluster {r.physical} has failed")
    if told["CacheClusterStatus"] != "available":
        return False
    kind, place = ("RedisEndpoint", told["CacheNodes"][0]["Endpoint"]) if "ConfigurationEndpoint" not in told else ("ConfigurationEndpoint", told["ConfigurationEndpoint"])
    r.attributes |= {f"{kind}.Address": place["Address"], f"{kind}.Port": str(place["Port"])}
    return True


async def update_cluster(r: Resource) -> None:
    given = {name: r.get(name) for name in ("CacheParameterGroupName", "NumCacheNodes", "PreferredMaintenanceWindow", "SnapshotRetentionLimit") if r.changed(name)}
    if given:
        await r.do("elasticache", "ModifyCacheCluster", CacheClusterId=r.physical, ApplyImmediately=True, **given)


async def create_group(r: Resource) -> str:
    made = await r.do("elasticache", "CreateReplicationGroup", ReplicationGroupId=r.properties["ReplicationGroupId"], Tags=tags(r), **{name: r.get(name) for name in GROUP})
    return made["ReplicationGroup"]["ReplicationGroupId"]


async def group_ready(r: Resource) -> bool:
    told = (await r.do("elasticache", "DescribeReplicationGroups", ReplicationGroupId=r.physical))["ReplicationGroups"][0]
    if told["Status"] != "available":
        return False
    shard = told["NodeGroups"][0]
    for kind, place in (("PrimaryEndPoint", shard["PrimaryEndpoint"]), ("ReaderEndPoint", shard["ReaderEndpoint"])):
        r.attributes |= {f"{kind}.Address": place["Address"], f"{kind}.Port": str(place["Port"])}
    return True


async def update_group(r: Resource) -> None:
    given = {name: r.get(name) for name in ("AutomaticFailoverEnabled", "CacheParameterGroupName", "MultiAZEnabled", "ReplicationGroupDescription", "SnapshotRetentionLimit") if r.changed(name)}
    if given:
        await r.do("elasticache", "ModifyReplicationGroup", ReplicationGroupId=r.physical, ApplyImmediately=True, **given)


def ending(describe: str, list_: str, status: str, delete: str, member: str, gone: str) -> Callable[[Resource], Awaitable[None]]:
    """Delete it, and wait until it is told of no more."""
    async def end(r: Resource) -> None:
        try:
            if (await r.do("elasticache", describe, **{member: r.physical}))[list_][0][status] != "deleting":
                await r.do("elasticache", delete, **{member: r.physical})
        except AwsError as error:
            if error.code == gone:
                return
            raise
        r.not_yet()
    return end


async def set_parameters(r: Resource) -> None:
    values = [{"ParameterName": name, "ParameterValue": str(value)} for name, value in (r.get("Properties") or {}).items()]
    if values:
        await r.do("elasticache", "ModifyCacheParameterGroup", CacheParameterGroupName=r.physical, ParameterNameValues=values)


async def create_parameters(r: Resource) -> str:
    made = await r.do("elasticache", "CreateCacheParameterGroup", CacheParameterGroupName=r.properties["CacheParameterGroupName"],
                      CacheParameterGroupFamily=r.get("CacheParameterGroupFamily"), Description=r.get("Description"), Tags=tags(r))
    r.physical = made["CacheParameterGroup"]["CacheParameterGroupName"]
    await set_parameters(r)
    return r.physical


async def create_subnets(r: Resource) -> str:
    made = await r.do("elasticache", "CreateCacheSubnetGroup", CacheSubnetGroupName=r.properties["CacheSubnetGroupName"], CacheSubnetGroupDescription=r.get("Description"), SubnetIds=r.get("SubnetIds"), Tags=tags(r))
    return made["CacheSubnetGroup"]["CacheSubnetGroupName"]


TYPES = {
    "AWS::ElastiCache::CacheCluster": Type(
        name="ClusterName", limit=50, lower=True, create=create_cluster, ready=cluster_ready, update=update_cluster, gone=("CacheClusterNotFound",),
        delete=ending("DescribeCacheClusters", "CacheClusters", "CacheClusterStatus", "DeleteCacheCluster", "CacheClusterId", "CacheClusterNotFound"),
        attributes=("RedisEndpoint.Address", "RedisEndpoint.Port", "ConfigurationEndpoint.Address", "ConfigurationEndpoint.Port"),
        replaces=("ClusterName", "Engine", "CacheNodeType", "CacheSubnetGroupName", "Port", "SnapshotName", "TransitEncryptionEnabled")),
    "AWS::ElastiCache::ReplicationGroup": Type(
        name="ReplicationGroupId", limit=40, lower=True, create=create_group, ready=group_ready, update=update_group, gone=("ReplicationGroupNotFoundFault",),
        delete=ending("DescribeReplicationGroups", "ReplicationGroups", "Status", "DeleteReplicationGroup", "ReplicationGroupId", "ReplicationGroupNotFoundFault"),
        attributes=("PrimaryEndPoint.Address", "PrimaryEndPoint.Port", "ReaderEndPoint.Address", "ReaderEndPoint.Port"),
        replaces=("ReplicationGroupId", "AtRestEncryptionEnabled", "AuthToken", "CacheNodeType", "CacheSubnetGroupName", "Engine", "KmsKeyId", "NumCacheClusters", "Port", "TransitEncryptionEnabled")),
    "AWS::ElastiCache::ParameterGroup": Type(
        name="CacheParameterGroupName", lower=True, create=create_parameters, update=set_parameters, delete=op("elasticache", "DeleteCacheParameterGroup", CacheParameterGroupName="{id}"),
        replaces=("CacheParameterGroupFamily",), gone=("CacheParameterGroupNotFound",)),
    "AWS::ElastiCache::SubnetGroup": Type(
        name="CacheSubnetGroupName", lower=True, create=create_subnets, delete=op("elasticache", "DeleteCacheSubnetGroup", CacheSubnetGroupName="{id}"), replaces=("CacheSubnetGroupName",),
        gone=("CacheSubnetGroupNotFoundFault",)),
}
