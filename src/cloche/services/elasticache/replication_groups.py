"""Replication groups: a primary, its replicas, and endpoints that stay where they are when another becomes the primary."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, Sealed
from cloche.kernel.pages import page
from cloche.services.kms import public as kms

from . import clusters, errors, names
from . import service as elasticache
from .clusters import Cluster

if TYPE_CHECKING:
    from cloche.shapes import elasticache as t

MOST = 6      # nodes of a group


class ReplicationGroup(Record, frozen=True):
    kind = "elasticache.group"

    name: str
    number: str
    description: str
    members: list[str]            # clusters, the primary first at the beginning
    primary: str
    created: float
    type: str
    port: int
    asked: dict[str, Any]         # what a further member is made of
    status: str = "creating"
    does: str = "make"
    failover: bool = False        # by itself
    multi_az: bool = False
    encrypted: bool = False
    key_arn: str = ""
    tls: bool = False
    auth: bool = False
    primary_address: str = ""
    reader_address: str = ""
    retention: int = 0
    next: int = 1                 # the number of the next member
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def find(call: Call, name: str) -> ReplicationGroup:
    one = call.get(ReplicationGroup, name.lower())
    if one is None:
        raise errors.no_group(name)
    return one


def available(one: ReplicationGroup) -> ReplicationGroup:
    if one.status != "available":
        raise errors.group_state(one.name, one.status)
    return one


def shown(call: Call, one: ReplicationGroup) -> Any:
    members = [member for name in one.members if (member := call.get(Cluster, name)) is not None]
    shard: dict[str, Any] = {"NodeGroupId": "0001", "Status": one.status, "NodeGroupMembers": [
        {"CacheClusterId": member.name, "CacheNodeId": "0001", "PreferredAvailabilityZone": member.nodes[0].zone, "CurrentRole": "primary" if member.name == one.primary else "replica"}
        | ({"ReadEndpoint": clusters.endpoint(member.nodes[0].address, member.port)} if member.nodes[0].address else {}) for member in members]}
    if one.primary_address:
        shard |= {"PrimaryEndpoint": clusters.endpoint(one.primary_address, one.port), "ReaderEndpoint": clusters.endpoint(one.reader_address, one.port)}
    told: dict[str, Any] = {
        "ReplicationGroupId": one.name, "Description": one.description, "Status": one.status, "PendingModifiedValues": {}, "MemberClusters": one.members, "NodeGroups": [shard], "AutomaticFailover": "enabled" if one.failover else "disabled",
        "MultiAZ": "enabled" if one.multi_az else "disabled", "SnapshotRetentionLimit": one.retention, "SnapshotWindow": "03:00-04:00", "ClusterEnabled": False, "CacheNodeType": one.type, "AuthTokenEnabled": one.auth,
        "TransitEncryptionEnabled": one.tls, "AtRestEncryptionEnabled": one.encrypted, "ARN": names.arn(call, "replicationgroup", one.name), "ReplicationGroupCreateTime": one.created, "DataTiering": "disabled",
        "AutoMinorVersionUpgrade": True, "NetworkType": "ipv4", "IpDiscovery": "ipv4", "ClusterMode": "disabled", "Engine": one.asked.get("Engine", "redis"), "UserGroupIds": []}
    return told | ({"KmsKeyId": one.key_arn} if one.key_arn else {})


BY_NAME = names.named("replicationgroup", "ReplicationGroupId")
KEPT = ("Engine", "EngineVersion", "CacheNodeType", "CacheParameterGroupName", "CacheSubnetGroupName", "SecurityGroupIds", "Port", "TransitEncryptionEnabled", "PreferredMaintenanceWindow")


@elasticache.op(BY_NAME, context=names.tags_asked, partly=clusters.PARTLY + "; user groups are not built; AtRestEncryption asks for the key, the files lie open")
def create_replication_group(call: Call, req: t.CreateReplicationGroupMessage) -> t.CreateReplicationGroupResult:
    from . import running
    name = req["ReplicationGroupId"].lower()
    if not clusters.NAME.fullmatch(name) or len(name) > 40:
        raise errors.value(f"The parameter ReplicationGroupId is not a valid identifier: {name}")
    if call.get(ReplicationGroup, name):
        raise errors.group_exists(name)
    if req.get("NumNodeGroups", 1) > 1 or req.get("ClusterMode") in ("enabled", "compatible") or req.get("NodeGroupConfiguration") or req.get("UserGroupIds") or req.get("GlobalReplicationGroupId"):
        raise errors.combination("Cluster mode, node group configurations, user groups and global groups are not built in Cloche")
    if req.get("Engine", "redis").lower() == "memcached":
        raise errors.value("Memcached has no replication groups")
    adopted = clusters.available(clusters.find(call, req["PrimaryClusterId"])) if "PrimaryClusterId" in req else None
    count = req.get("NumCacheClusters") or (1 + req.get("ReplicasPerNodeGroup", 0))
    if not 1 <= count <= MOST:
        raise errors.value(f"Invalid number of cache clusters: {count}. Must be between 1 and {MOST}")
    failover = req.get("AutomaticFailoverEnabled", False)
    if failover and count < 2:
        raise errors.combination("Automatic failover requires at least one replica")
    if req.get("MultiAZEnabled") and not failover:
        raise errors.combination("Multi-AZ requires automatic failover")
    key = ""
    if "KmsKeyId" in req:
        found = kms.key_arn(call, req["KmsKeyId"])
        if found is None or not kms.is_usable(call, found):
            raise errors.value(f"The KMS key {req['KmsKeyId']} cannot be used")
        key = found
    asked = {member: req[member] for member in KEPT if member in req}  # type: ignore[literal-required]
    subnets = clusters.groups.subnets(call, req.get("CacheSubnetGroupName", "default"))
    where = clusters.zones(call, {"PreferredAvailabilityZones": req.get("PreferredCacheClusterAZs"), "ReplicationGroupId": name}, subnets, count)
    secret = Sealed(call.id(digits=32))
    members = [adopted.name] if adopted else []
    if adopted:
        call.put(adopted.but(group=name, does="reboot", status="modifying"))
        secret = adopted.secret
        running.wake(call, adopted.name)
    for number in range(1, count + 1 - len(members)):
        member = clusters.named(call, f"{name}-{number:03d}")
        clusters.made(call, {**asked, "AuthToken": req.get("AuthToken", ""), "PreferredAvailabilityZone": where[number - 1], **({"SnapshotName": req["SnapshotName"]} if number == 1 and "SnapshotName" in req else {})}, member, 1,
                      group=name, secret=secret)
        members.append(member)
    primary = clusters.find(call, members[0])
    one = call.put(ReplicationGroup(name, call.id(), req["ReplicationGroupDescription"], members, members[0], call.now, primary.type, primary.port, asked, failover=failover, multi_az=req.get("MultiAZEnabled", False),
                                    encrypted=req.get("AtRestEncryptionEnabled", False), key_arn=key, tls=bool(req.get("TransitEncryptionEnabled")), auth=bool(req.get("AuthToken")), retention=req.get("SnapshotRetentionLimit", 0),
                                    next=count + 1, tags=names.tags_given(req)))
    running.wake_group(call, name)
    return {"ReplicationGroup": shown(call, one)}


@elasticache.op(BY_NAME)
def describe_replication_groups(call: Call, req: t.DescribeReplicationGroupsMessage) -> t.ReplicationGroupMessage:
    if "ReplicationGroupId" in req:
        return {"ReplicationGroups": [shown(call, find(call, req["ReplicationGroupId"]))]}
    found, more = page(sorted(call.all(ReplicationGroup), key=lambda one: one.name), req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"ReplicationGroups": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@elasticache.op(BY_NAME)
def modify_replication_group(call: Call, req: t.ModifyReplicationGroupMessage) -> t.ModifyReplicationGroupResult:
    from . import running
    one = available(find(call, req["ReplicationGroupId"]))
    changes: dict[str, Any] = {}
    for member, field in (("ReplicationGroupDescription", "description"), ("AutomaticFailoverEnabled", "failover"), ("MultiAZEnabled", "multi_az"), ("SnapshotRetentionLimit", "retention")):
        if member in req:
            changes[field] = req[member]  # type: ignore[literal-required]
    if changes.get("failover") and len(one.members) < 2:
        raise errors.combination("Automatic failover requires at least one replica")
    if "PrimaryClusterId" in req:
        if req["PrimaryClusterId"] not in one.members:
            raise errors.no_cluster(req["PrimaryClusterId"])
        changes |= {"primary": req["PrimaryClusterId"], "status": "modifying", "does": "change"}
    if "CacheParameterGroupName" in req:
        group = clusters.groups.parameters(call, req["CacheParameterGroupName"])
        for name in one.members:
            call.put(clusters.find(call, name).but(parameters=group.name))
        running.parameters_changed(call, group.name)
    if "AuthToken" in req:
        if not one.tls:
            raise errors.combination("The AUTH token is only supported when encryption-in-transit is enabled")
        token = Sealed(clusters.check_token({"AuthToken": req["AuthToken"], "TransitEncryptionEnabled": True}))
        for name in one.members:
            call.put(clusters.find(call, name).but(token=token, does="users"))
            running.wake(call, name)
        changes["auth"] = True
    one = call.put(one.but(**changes))
    running.wake_group(call, one.name)
    return {"ReplicationGroup": shown(call, one)}


def _more(call: Call, one: ReplicationGroup, name: str) -> None:
    first = clusters.find(call, one.primary)
    subnets = clusters.groups.subnets(call, first.subnets)
    where = clusters.zones(call, {"ReplicationGroupId": one.name}, subnets, len(one.members) + 1)[-1]
    clusters.made(call, {**one.asked, "AuthToken": str(first.token), "PreferredAvailabilityZone": where}, name, 1, group=one.name, secret=first.secret)


def joined(call: Call, req: Any, name: str) -> Cluster:
    """CreateCacheCluster with a group: one more replica of it."""
    from . import running
    one = available(find(call, req["ReplicationGroupId"]))
    if len(one.members) >= MOST:
        raise errors.combination(f"A replication group has at most {MOST} nodes")
    _more(call, one, name)
    call.put(one.but(members=[*one.members, name], status="modifying", does="change"))
    running.wake_group(call, one.name)
    return clusters.find(call, name)


def leave(call: Call, cluster: Cluster) -> None:
    one = call.get(ReplicationGroup, cluster.group)
    if one is None or one.status == "deleting":
        return
    if cluster.name == one.primary:
        raise errors.cluster_state(cluster.name, "serving as primary for a replication group and cannot be deleted")
    if one.failover and len(one.members) == 2:
        raise errors.combination("The last replica of a group with automatic failover cannot be deleted")
    call.put(one.but(members=[name for name in one.members if name != cluster.name]))


@elasticache.op(BY_NAME)
def increase_replica_count(call: Call, req: t.IncreaseReplicaCountMessage) -> t.IncreaseReplicaCountResult:
    from . import running
    one = available(find(call, req["ReplicationGroupId"]))
    wanted = req.get("NewReplicaCount", 0) + 1
    if not len(one.members) < wanted <= MOST:
        raise errors.value(f"NewReplicaCount must be above the present {len(one.members) - 1} and at most {MOST - 1}")
    names_ = [f"{one.name}-{number:03d}" for number in range(one.next, one.next + wanted - len(one.members))]
    for name in names_:
        _more(call, one, clusters.named(call, name))
    one = call.put(one.but(members=[*one.members, *names_], next=one.next + len(names_), status="modifying", does="change"))
    running.wake_group(call, one.name)
    return {"ReplicationGroup": shown(call, one)}


@elasticache.op(BY_NAME)
def decrease_replica_count(call: Call, req: t.DecreaseReplicaCountMessage) -> t.DecreaseReplicaCountResult:
    from . import running
    one = available(find(call, req["ReplicationGroupId"]))
    wanted = req["NewReplicaCount"] + 1 if "NewReplicaCount" in req else len(one.members) - len(req.get("ReplicasToRemove") or [])
    if not (2 if one.failover else 1) <= wanted < len(one.members):
        raise errors.value(f"NewReplicaCount must be below the present {len(one.members) - 1}")
    gone = req.get("ReplicasToRemove") or [name for name in one.members if name != one.primary][wanted - 1:]
    for name in gone:
        if name == one.primary or name not in one.members:
            raise errors.no_cluster(name)
        call.put(clusters.find(call, name).but(status="deleting", does="delete"))
        running.wake(call, name)
    one = call.put(one.but(members=[name for name in one.members if name not in gone], status="modifying", does="change"))
    running.wake_group(call, one.name)
    return {"ReplicationGroup": shown(call, one)}


@elasticache.op(BY_NAME)
def test_failover(call: Call, req: t.TestFailoverMessage) -> t.TestFailoverResult:
    """A replica becomes the primary; the endpoints stay."""
    from . import running
    one = available(find(call, req["ReplicationGroupId"]))
    if req["NodeGroupId"] not in ("0001", "1"):
        raise errors.no_node_group(req["NodeGroupId"])
    if not one.failover or len(one.members) < 2:
        raise errors.combination("TestFailover is allowed only for replication groups with automatic failover enabled")
    following = next(name for name in one.members if name != one.primary)
    one = call.put(one.but(primary=following, status="modifying", does="change"))
    running.wake_group(call, one.name)
    return {"ReplicationGroup": shown(call, one)}


@elasticache.op(BY_NAME)
def delete_replication_group(call: Call, req: t.DeleteReplicationGroupMessage) -> t.DeleteReplicationGroupResult:
    from . import running, snapshots
    one = find(call, req["ReplicationGroupId"])
    if one.status == "deleting":
        raise errors.group_state(one.name, one.status)
    if req.get("FinalSnapshotIdentifier"):
        snapshots.begin(call, clusters.find(call, one.primary), req["FinalSnapshotIdentifier"], {}, one.name)
    kept = one.primary if req.get("RetainPrimaryCluster") else ""
    for name in one.members:
        member = clusters.find(call, name)
        call.put(member.but(group="") if name == kept else member.but(status="deleting", does="delete"))
        running.wake(call, name)
    one = call.put(one.but(status="deleting", does="delete"))
    running.wake_group(call, one.name)
    return {"ReplicationGroup": shown(call, one)}
