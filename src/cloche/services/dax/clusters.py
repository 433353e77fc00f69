"""Clusters and their nodes. A cluster is available when somebody listens at its address, and not before.

Each node has an address of its own on the loopback (127.0.0.2 and so on, at DAX's port); what a cluster has cached is known to all its nodes.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record
from cloche.kernel.pages import page
from cloche.services.iam import public as iam

from . import errors, parameter_groups, subnet_groups
from . import service as dax

if TYPE_CHECKING:
    from cloche.shapes import dax as t

NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?!-)){0,18}[a-z0-9]|[a-z]")
NODE_TYPE = re.compile(r"dax\.[a-z][0-9][a-z]*\.[a-z0-9]+")
MOST_NODES, MOST_TAGS, MOST = 11, 50, 100
SERVICE = "dax.amazonaws.com"
REBOOT_SECONDS = 60


class Node(msgspec.Struct, frozen=True):
    id: str
    zone: str
    created: float
    address: str = ""  # once somebody listens there
    status: str = "creating"


class Cluster(Record, frozen=True):
    kind = "dax.cluster"

    name: str
    arn: str
    node_type: str
    role: str
    nodes: list[Node]
    created: float
    number: str  # of this cluster, and no later one of its name
    status: str = "creating"
    description: str = ""
    parameters: str = parameter_groups.DEFAULT
    subnets: str = subnet_groups.DEFAULT
    groups: list[str] = []
    window: str = "thu:13:00-thu:14:00"
    topic: str = ""
    encrypted: bool = False  # on disk: there is no disk, items lie in memory
    tls: bool = False
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def port(self) -> int:
        return 9111 if self.tls else 8111

    def node(self, id_: str, **changes: Any) -> Cluster:
        return self.but(nodes=[msgspec.structs.replace(n, **changes) if n.id == id_ else n for n in self.nodes])


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"cache/{req['ClusterName'].lower()}")


def look(call: Call, name: str) -> Cluster:
    found = call.get(Cluster, name.lower())
    if found is None:
        raise errors.no_cluster(name)
    return found


def ready(cluster: Cluster) -> Cluster:
    if cluster.status != "available":
        raise errors.cluster_state(cluster.name, cluster.status)
    return cluster


def endpoint(cluster: Cluster, address: str) -> dict[str, Any]:
    return {"Address": address, "Port": cluster.port, "URL": f"{'daxs' if cluster.tls else 'dax'}://{address}:{cluster.port}"}


def describe(cluster: Cluster) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ClusterName": cluster.name, "ClusterArn": cluster.arn, "Description": cluster.description, "NodeType": cluster.node_type, "Status": cluster.status, "IamRoleArn": cluster.role,
        "TotalNodes": len(cluster.nodes), "ActiveNodes": sum(n.status == "available" for n in cluster.nodes), "PreferredMaintenanceWindow": cluster.window, "SubnetGroup": cluster.subnets,
        "SecurityGroups": [{"SecurityGroupIdentifier": g, "Status": "active"} for g in cluster.groups], "NetworkType": "ipv4",
        "ParameterGroup": {"ParameterGroupName": cluster.parameters, "ParameterApplyStatus": "in-sync", "NodeIdsToReboot": []},
        "SSEDescription": {"Status": "ENABLED" if cluster.encrypted else "DISABLED"}, "ClusterEndpointEncryptionType": "TLS" if cluster.tls else "NONE",
        "Nodes": [{"NodeId": n.id, "NodeCreateTime": n.created, "AvailabilityZone": n.zone, "NodeStatus": n.status, "ParameterGroupStatus": "in-sync"}
                  | ({"Endpoint": endpoint(cluster, n.address)} if n.address else {}) for n in cluster.nodes]}
    if first := next((n.address for n in cluster.nodes if n.address), ""):
        out["ClusterDiscoveryEndpoint"] = endpoint(cluster, first)
    if cluster.topic:
        out["NotificationConfiguration"] = {"TopicArn": cluster.topic, "TopicStatus": "active"}
    return out


def new_nodes(call: Call, name: str, have: list[Node], count: int, zones: list[str], subnets: subnet_groups.SubnetGroup) -> list[Node]:
    where = zones or [zone for _, zone in subnets.subnets]
    letters = [chr(ord("a") + n) for n in range(MOST_NODES + 1)]
    free = [x for x in letters if f"{name}-{x}" not in {n.id for n in have}]
    return [Node(f"{name}-{free[n]}", where[(len(have) + n) % len(where)], call.now) for n in range(count)]


@dax.op(resource=by_name, partly="notifications are kept and not sent; events of clusters are not kept; nodes are named by addresses of the loopback, not by host names")
def create_cluster(call: Call, req: t.CreateClusterRequest) -> t.CreateClusterResponse:
    name, count, zones = req["ClusterName"].lower(), req["ReplicationFactor"], req.get("AvailabilityZones") or []
    if not NAME.fullmatch(name):
        raise errors.parameter("The cluster's name must have 1 to 20 letters, digits and hyphens, begin with a letter, and neither end with a hyphen nor have two in a row")
    if call.get(Cluster, name):
        raise errors.cluster_exists(name)
    if not NODE_TYPE.fullmatch(req["NodeType"]):
        raise errors.parameter(f"Invalid node type: {req['NodeType']}")
    if count < 1:
        raise errors.parameter("ReplicationFactor must be at least 1")
    if count > MOST_NODES:
        raise errors.too_many_nodes(MOST_NODES)
    if zones and len(zones) != count:
        raise errors.combination("AvailabilityZones must name as many zones as there are nodes")
    if iam.role(call, req["IamRoleArn"]) is None:
        raise errors.parameter(f"No permission to assume role: {req['IamRoleArn']}")
    call.pass_role(req["IamRoleArn"], SERVICE)
    group = parameter_groups.find(call, req.get("ParameterGroupName", parameter_groups.DEFAULT).lower())
    subnets = subnet_groups.find(call, req.get("SubnetGroupName", subnet_groups.DEFAULT).lower())
    tls = req.get("ClusterEndpointEncryptionType") == "TLS"
    tags = {one["Key"]: one.get("Value", "") for one in req.get("Tags") or []}
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    cluster = Cluster(
        name, call.arn(f"cache/{name}"), req["NodeType"], req["IamRoleArn"], new_nodes(call, name, [], count, zones, subnets), call.now, call.id(), description=req.get("Description", ""),
        parameters=group.name, subnets=subnets.name, groups=req.get("SecurityGroupIds") or [], window=req.get("PreferredMaintenanceWindow") or "thu:13:00-thu:14:00",
        topic=req.get("NotificationTopicArn", ""), encrypted=bool((req.get("SSESpecification") or {}).get("Enabled")), tls=tls, tags=tags)
    call.put(cluster)
    wake(call, name)
    return {"Cluster": describe(cluster)}


def wake(call: Call, name: str) -> None:
    from .listening import settle
    call.wake(settle, name)


@dax.op(resource=lambda call, req: [call.arn(f"cache/{n.lower()}") for n in req.get("ClusterNames") or ["*"]])
def describe_clusters(call: Call, req: t.DescribeClustersRequest) -> t.DescribeClustersResponse:
    if names := req.get("ClusterNames"):
        return {"Clusters": [describe(look(call, name)) for name in names]}
    chosen, token = page(sorted(call.all(Cluster), key=lambda c: c.name), req, lambda c: c.name, MOST, errors.next_token)
    return {"Clusters": [describe(c) for c in chosen], **token}


@dax.op(resource=by_name)
def update_cluster(call: Call, req: t.UpdateClusterRequest) -> t.UpdateClusterResponse:
    cluster = ready(look(call, req["ClusterName"]))
    changes: dict[str, Any] = {ours: req[theirs] for theirs, ours in (
        ("Description", "description"), ("PreferredMaintenanceWindow", "window"), ("NotificationTopicArn", "topic"), ("SecurityGroupIds", "groups")) if theirs in req}
    if "ParameterGroupName" in req:
        changes["parameters"] = parameter_groups.find(call, req["ParameterGroupName"].lower()).name
    return {"Cluster": describe(call.put(cluster.but(**changes)))}


@dax.op(resource=by_name)
def increase_replication_factor(call: Call, req: t.IncreaseReplicationFactorRequest) -> t.IncreaseReplicationFactorResponse:
    cluster, wanted = ready(look(call, req["ClusterName"])), req["NewReplicationFactor"]
    if wanted <= len(cluster.nodes):
        raise errors.parameter("NewReplicationFactor must be greater than the number of nodes")
    if wanted > MOST_NODES:
        raise errors.too_many_nodes(MOST_NODES)
    more = new_nodes(call, cluster.name, cluster.nodes, wanted - len(cluster.nodes), req.get("AvailabilityZones") or [], subnet_groups.find(call, cluster.subnets))
    cluster = call.put(cluster.but(nodes=[*cluster.nodes, *more], status="modifying"))
    wake(call, cluster.name)
    return {"Cluster": describe(cluster)}


@dax.op(resource=by_name)
def decrease_replication_factor(call: Call, req: t.DecreaseReplicationFactorRequest) -> t.DecreaseReplicationFactorResponse:
    cluster, wanted = ready(look(call, req["ClusterName"])), req["NewReplicationFactor"]
    if not 1 <= wanted < len(cluster.nodes):
        raise errors.parameter("NewReplicationFactor must be at least 1 and less than the number of nodes")
    gone = req.get("NodeIdsToRemove") or [n.id for n in cluster.nodes[wanted:]]
    for id_ in gone:
        if id_ not in {n.id for n in cluster.nodes}:
            raise errors.no_node(id_)
    if len(gone) != len(cluster.nodes) - wanted:
        raise errors.combination("NodeIdsToRemove must name as many nodes as are to go")
    cluster = call.put(cluster.but(nodes=[n for n in cluster.nodes if n.id not in gone], status="modifying"))
    wake(call, cluster.name)
    return {"Cluster": describe(cluster)}


@dax.op(resource=by_name)
def reboot_node(call: Call, req: t.RebootNodeRequest) -> t.RebootNodeResponse:
    """What was cached is forgotten."""
    from . import caching
    cluster = ready(look(call, req["ClusterName"]))
    if req["NodeId"] not in {n.id for n in cluster.nodes}:
        raise errors.no_node(req["NodeId"])
    caching.forget(call, cluster)
    cluster = call.put(cluster.node(req["NodeId"], status="rebooting"))
    call.after(REBOOT_SECONDS, rebooted, name=f"{cluster.name}/{req['NodeId']}", cluster=cluster.name, node=req["NodeId"])
    return {"Cluster": describe(cluster)}


@dax.timer
def rebooted(call: Call, cluster: str, node: str) -> None:
    found = call.get(Cluster, cluster)
    if found is not None:
        call.put(found.node(node, status="available"))


@dax.op(resource=by_name)
def delete_cluster(call: Call, req: t.DeleteClusterRequest) -> t.DeleteClusterResponse:
    cluster = ready(look(call, req["ClusterName"]))
    cluster = call.put(cluster.but(status="deleting"))
    wake(call, cluster.name)
    return {"Cluster": describe(cluster)}
