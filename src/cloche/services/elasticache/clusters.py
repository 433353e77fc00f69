"""Clusters: one node of Redis, or up to sixty of Memcached that know nothing of each other."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record, Sealed
from cloche.kernel.pages import page

from . import errors, groups, names, offers
from . import service as elasticache

if TYPE_CHECKING:
    from cloche.shapes import elasticache as t

NAME = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,49}(?<!-)", re.ASCII)
MOST_NODES = 60
PARTLY = "nodes listen on the loopback, whatever their subnets and security groups; cluster mode, log delivery and data tiering are not built; valkey is answered by Redis's server; snapshots are taken when asked for alone"


class Node(msgspec.Struct, frozen=True):
    id: str
    zone: str
    created: float
    address: str = ""


class Cluster(Record, frozen=True):
    kind = "elasticache.cluster"

    name: str
    number: str                    # of this one, and no later one of its name
    engine: str
    version: str
    type: str
    port: int
    nodes: list[Node]
    parameters: str
    subnets: str
    created: float
    status: str = "creating"
    does: str = "make"
    secret: Sealed = Sealed("")    # what hides the withheld commands; a group's nodes share it
    token: Sealed = Sealed("")     # clients' password
    tls: bool = False
    groups: list[str] = []
    group: str = ""                # the replication group
    restored: str = ""             # a snapshot's files that it begins with
    window: str = "sun:05:00-sun:06:00"
    retention: int = 0
    changes: int = 1               # the version of the configuration
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def redis(self) -> bool:
        return self.engine != "memcached"


def find(call: Call, name: str) -> Cluster:
    one = call.get(Cluster, name.lower())
    if one is None:
        raise errors.no_cluster(name)
    return one


def available(one: Cluster) -> Cluster:
    if one.status != "available":
        raise errors.cluster_state(one.name, one.status)
    return one


def endpoint(address: str, port: int) -> dict[str, Any]:
    return {"Address": address, "Port": port}


def shown(call: Call, one: Cluster, nodes: bool = True) -> Any:
    told: dict[str, Any] = {
        "CacheClusterId": one.name, "CacheNodeType": one.type, "Engine": one.engine, "EngineVersion": one.version, "CacheClusterStatus": one.status, "NumCacheNodes": len(one.nodes),
        "PreferredAvailabilityZone": one.nodes[0].zone if len({node.zone for node in one.nodes}) == 1 else "Multiple", "CacheClusterCreateTime": one.created, "PreferredMaintenanceWindow": one.window, "PendingModifiedValues": {},
        "CacheSecurityGroups": [], "CacheParameterGroup": {"CacheParameterGroupName": one.parameters, "ParameterApplyStatus": "in-sync", "CacheNodeIdsToReboot": []}, "CacheSubnetGroupName": one.subnets,
        "AutoMinorVersionUpgrade": True, "SecurityGroups": [{"SecurityGroupId": id_, "Status": "active"} for id_ in one.groups], "AuthTokenEnabled": bool(str(one.token)), "TransitEncryptionEnabled": one.tls,
        "AtRestEncryptionEnabled": False, "ARN": names.arn(call, "cluster", one.name), "NetworkType": "ipv4", "IpDiscovery": "ipv4"}
    if one.redis:
        told |= {"SnapshotRetentionLimit": one.retention, "SnapshotWindow": "03:00-04:00"}
    if one.group:
        told["ReplicationGroupId"] = one.group
    if not one.redis and one.nodes[0].address:
        told["ConfigurationEndpoint"] = endpoint(one.nodes[0].address, one.port)
    if nodes:
        told["CacheNodes"] = [{"CacheNodeId": node.id, "CacheNodeStatus": "available" if node.address and one.status != "creating" else "creating", "CacheNodeCreateTime": node.created, "ParameterGroupStatus": "in-sync",
                               "CustomerAvailabilityZone": node.zone} | ({"Endpoint": endpoint(node.address, one.port)} if node.address else {}) for node in one.nodes]
    return told


def zones(call: Call, req: Any, subnets: groups.SubnetGroup, count: int) -> list[str]:
    there = sorted({zone for _, zone in subnets.subnets})
    wanted = req.get("PreferredAvailabilityZones") or ([req["PreferredAvailabilityZone"]] if "PreferredAvailabilityZone" in req else None)
    if wanted is None:
        wanted = [there[n % len(there)] for n in range(count)] if req.get("AZMode") == "cross-az" or req.get("ReplicationGroupId") else [there[0]] * count
    if any(zone not in there for zone in wanted):
        raise errors.value(f"The subnet group has no subnet in {', '.join(zone for zone in wanted if zone not in there)}")
    return [wanted[n % len(wanted)] for n in range(count)]


def named(call: Call, name: str) -> str:
    name = name.lower()
    if not NAME.fullmatch(name):
        raise errors.value(f"The parameter CacheClusterId is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens: {name}")
    if call.get(Cluster, name):
        raise errors.cluster_exists(name)
    return name


def new_nodes(call: Call, have: list[Node], where: list[str]) -> list[Node]:
    taken = {int(node.id) for node in have}
    free = [number for number in range(1, MOST_NODES + 1) if number not in taken]
    return [Node(f"{free[n]:04d}", zone, call.now) for n, zone in enumerate(where)]


def check_token(req: Any) -> str:
    token = req.get("AuthToken", "")
    if token and not req.get("TransitEncryptionEnabled"):
        raise errors.combination("The AUTH token is only supported when encryption-in-transit is enabled")
    if token and (not 16 <= len(token) <= 128 or any(char in '@"/ ' for char in token)):
        raise errors.value("Invalid AuthToken provided.")
    return str(token)


def made(call: Call, req: Any, name: str, count: int, **more: Any) -> Cluster:
    """A new one, as a request says it; its servers are set about."""
    from . import running, snapshots
    offer = offers.version(req.get("Engine", "redis"), req.get("EngineVersion"))
    subnets = groups.subnets(call, req.get("CacheSubnetGroupName", "default"))
    parameters = groups.parameters(call, req.get("CacheParameterGroupName", f"default.{offer.family}"))
    if parameters.family != offer.family:
        raise errors.combination(f"Expected a parameter group of family {offer.family} but found one of family {parameters.family}")
    if offer.engine == "memcached" and req.get("SnapshotName"):
        raise errors.no_snapshots_of("memcached")
    restored = snapshots.files(call, req["SnapshotName"]) if req.get("SnapshotName") else ""
    one = Cluster(name, call.id(), offer.engine, offer.number, offers.check_type(req.get("CacheNodeType", "cache.t3.micro")), req.get("Port", offer.port), new_nodes(call, [], zones(call, req, subnets, count)), parameters.name,
                  subnets.name, call.now, secret=Sealed(call.id(digits=32)), token=Sealed(check_token(req)), tls=bool(req.get("TransitEncryptionEnabled")), groups=req.get("SecurityGroupIds") or [], restored=restored,
                  window=req.get("PreferredMaintenanceWindow", "sun:05:00-sun:06:00"), retention=req.get("SnapshotRetentionLimit", 0), tags=names.tags_given(req))
    one = call.put(one.but(**more))
    running.wake(call, one.name)
    return one


BY_NAME = names.named("cluster", "CacheClusterId")


@elasticache.op(BY_NAME, context=names.tags_asked, partly=PARTLY)
def create_cache_cluster(call: Call, req: t.CreateCacheClusterMessage) -> t.CreateCacheClusterResult:
    if "ReplicationGroupId" in req:
        from . import replication_groups
        return {"CacheCluster": shown(call, replication_groups.joined(call, req, named(call, req["CacheClusterId"])))}
    name, engine, count = named(call, req["CacheClusterId"]), req.get("Engine", "redis").lower(), req.get("NumCacheNodes", 1)
    if engine != "memcached" and count != 1:
        raise errors.value(f"Cannot create a {engine} cluster with a NumCacheNodes parameter greater than 1.")
    if not 1 <= count <= MOST_NODES:
        raise errors.value(f"Invalid NumCacheNodes: {count}. Must be between 1 and {MOST_NODES}")
    if engine != "memcached" and req.get("AZMode") == "cross-az":
        raise errors.combination("cross-az is only supported for Memcached")
    return {"CacheCluster": shown(call, made(call, req, name, count))}


@elasticache.op(BY_NAME)
def describe_cache_clusters(call: Call, req: t.DescribeCacheClustersMessage) -> t.CacheClusterMessage:
    nodes = req.get("ShowCacheNodeInfo", False)
    if "CacheClusterId" in req:
        return {"CacheClusters": [shown(call, find(call, req["CacheClusterId"]), nodes)]}
    every = sorted((one for one in call.all(Cluster) if not (req.get("ShowCacheClustersNotInReplicationGroups") and one.group)), key=lambda one: one.name)
    found, more = page(every, req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"CacheClusters": [shown(call, one, nodes) for one in found], **more}  # type: ignore[typeddict-item]


@elasticache.op(BY_NAME)
def modify_cache_cluster(call: Call, req: t.ModifyCacheClusterMessage) -> t.ModifyCacheClusterResult:
    """More or fewer nodes of Memcached, another parameter group; done at once."""
    from . import running
    one = available(find(call, req["CacheClusterId"]))
    changes: dict[str, Any] = {}
    if "NumCacheNodes" in req and req["NumCacheNodes"] != len(one.nodes):
        count = req["NumCacheNodes"]
        if one.redis:
            raise errors.value("Cannot modify the number of nodes of a Redis cluster")
        if not 1 <= count <= MOST_NODES:
            raise errors.value(f"Invalid NumCacheNodes: {count}. Must be between 1 and {MOST_NODES}")
        if count > len(one.nodes):
            changes["nodes"] = [*one.nodes, *new_nodes(call, one.nodes, [one.nodes[0].zone] * (count - len(one.nodes)))]
        else:
            gone = req.get("CacheNodeIdsToRemove") or []
            if len(gone) != len(one.nodes) - count or not set(gone) <= {node.id for node in one.nodes}:
                raise errors.combination("CacheNodeIdsToRemove must name as many nodes as are to be removed")
            changes["nodes"] = [node for node in one.nodes if node.id not in gone]
        changes["changes"] = one.changes + 1
    if "CacheParameterGroupName" in req:
        changes["parameters"] = groups.parameters(call, req["CacheParameterGroupName"]).name
    for member, field in (("PreferredMaintenanceWindow", "window"), ("SnapshotRetentionLimit", "retention"), ("SecurityGroupIds", "groups")):
        if member in req:
            changes[field] = req[member]  # type: ignore[literal-required]
    one = call.put(one.but(**changes, status="modifying", does="change"))
    running.wake(call, one.name)
    return {"CacheCluster": shown(call, one)}


@elasticache.op(BY_NAME)
def reboot_cache_cluster(call: Call, req: t.RebootCacheClusterMessage) -> t.RebootCacheClusterResult:
    """Memcached's nodes begin empty; Redis's nodes have their log."""
    from . import running
    one = available(find(call, req["CacheClusterId"]))
    one = call.put(one.but(status="rebooting cluster nodes", does="reboot"))
    running.wake(call, one.name)
    return {"CacheCluster": shown(call, one)}


@elasticache.op(BY_NAME)
def delete_cache_cluster(call: Call, req: t.DeleteCacheClusterMessage) -> t.DeleteCacheClusterResult:
    from . import replication_groups, running, snapshots
    one = find(call, req["CacheClusterId"])
    if one.status == "deleting":
        raise errors.cluster_state(one.name, one.status)
    if one.group:
        replication_groups.leave(call, one)
    if req.get("FinalSnapshotIdentifier"):
        snapshots.begin(call, one, req["FinalSnapshotIdentifier"], {})
    one = call.put(one.but(status="deleting", does="delete"))
    running.wake(call, one.name)
    return {"CacheCluster": shown(call, one)}
