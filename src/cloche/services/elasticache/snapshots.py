"""Snapshots of Redis: the file that a new server begins with."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.kernel.pages import page

from . import clusters, errors, names
from . import service as elasticache
from .clusters import Cluster

if TYPE_CHECKING:
    from cloche.shapes import elasticache as t


class Snapshot(Record, frozen=True):
    kind = "elasticache.snapshot"

    name: str
    created: float
    of: Cluster               # as it was
    group: str = ""
    status: str = "creating"
    files: str = ""           # below the data directory, once it is taken
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def find(call: Call, name: str) -> Snapshot:
    one = call.get(Snapshot, name.lower())
    if one is None:
        raise errors.no_snapshot(name)
    return one


def files(call: Call, name: str) -> str:
    one = find(call, name)
    if one.status != "available":
        raise errors.value(f"The snapshot {name} is not available")
    return one.files


def begin(call: Call, one: Cluster, name: str, tags: dict[str, str], group: str = "") -> Snapshot:
    """The cluster's worker takes it."""
    if not one.redis:
        raise errors.no_snapshots_of(one.engine)
    if call.get(Snapshot, name.lower()):
        raise errors.snapshot_exists(name)
    return call.put(Snapshot(name.lower(), call.now, one, group or one.group, tags=tags))


def shown(call: Call, one: Snapshot) -> Any:
    of = one.of
    told: dict[str, Any] = {
        "SnapshotName": one.name, "SnapshotStatus": one.status, "SnapshotSource": "manual", "CacheNodeType": of.type, "Engine": of.engine, "EngineVersion": of.version, "NumCacheNodes": 1,
        "CacheClusterCreateTime": of.created, "PreferredMaintenanceWindow": of.window, "Port": of.port, "CacheParameterGroupName": of.parameters, "CacheSubnetGroupName": of.subnets, "ARN": names.arn(call, "snapshot", one.name),
        "NodeSnapshots": [{"CacheNodeId": "0001", "CacheNodeCreateTime": of.created, "SnapshotCreateTime": one.created}]}
    return told | ({"ReplicationGroupId": one.group} if one.group else {"CacheClusterId": of.name, "PreferredAvailabilityZone": of.nodes[0].zone})


BY_NAME = names.named("snapshot", "SnapshotName")


@elasticache.op(BY_NAME, context=names.tags_asked)
def create_snapshot(call: Call, req: t.CreateSnapshotMessage) -> t.CreateSnapshotResult:
    from . import replication_groups, running
    if ("CacheClusterId" in req) == ("ReplicationGroupId" in req):
        raise errors.combination("Exactly one of CacheClusterId and ReplicationGroupId must be specified")
    if "ReplicationGroupId" in req:
        source = clusters.find(call, replication_groups.available(replication_groups.find(call, req["ReplicationGroupId"])).primary)
    else:
        source = clusters.available(clusters.find(call, req["CacheClusterId"]))
    one = begin(call, source, req["SnapshotName"], names.tags_given(req), req.get("ReplicationGroupId", ""))
    running.wake(call, source.name)
    return {"Snapshot": shown(call, one)}


@elasticache.op(BY_NAME)
def describe_snapshots(call: Call, req: t.DescribeSnapshotsMessage) -> t.DescribeSnapshotsListMessage:
    if "SnapshotName" in req:
        return {"Snapshots": [shown(call, find(call, req["SnapshotName"]))]}
    every = sorted((one for one in call.all(Snapshot) if req.get("CacheClusterId", one.of.name) == one.of.name and req.get("ReplicationGroupId", one.group) == one.group), key=lambda one: one.name)
    found, more = page(every, req, lambda one: one.name, 50, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"Snapshots": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@elasticache.op(names.named("snapshot", "SourceSnapshotName"), context=names.tags_asked, partly="not into a bucket")
def copy_snapshot(call: Call, req: t.CopySnapshotMessage) -> t.CopySnapshotResult:
    if req.get("TargetBucket"):
        raise errors.combination("Snapshots are not exported to buckets in Cloche")
    source = find(call, req["SourceSnapshotName"])
    if call.get(Snapshot, req["TargetSnapshotName"].lower()):
        raise errors.snapshot_exists(req["TargetSnapshotName"])
    return {"Snapshot": shown(call, call.put(source.but(name=req["TargetSnapshotName"].lower(), created=call.now, tags=names.tags_given(req))))}


@elasticache.op(BY_NAME)
def delete_snapshot(call: Call, req: t.DeleteSnapshotMessage) -> t.DeleteSnapshotResult:
    one = find(call, req["SnapshotName"])
    call.delete(one)
    return {"Snapshot": shown(call, one.but(status="deleting"))}
