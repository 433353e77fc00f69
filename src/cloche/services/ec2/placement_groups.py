"""Placement groups: close together in one zone (cluster), each on hardware of its own (spread), or in partitions that share none.

Hardware is counted: seven running instances of a spread group a zone have seven racks, an eighth has none.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import describe, errors, links, names, tags
from . import service as ec2
from .instance_types import InstanceType

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

RACKS, PARTITIONS = 7, 7      # a zone
ALIVE = ("pending", "running", "stopping", "shutting-down")


class PlacementGroup(Record, frozen=True):
    kind = "ec2.placement-group"

    id: str
    name: str
    strategy: str
    partitions: int = 0
    level: str = ""               # rack or host, of a spread group

    @property
    def key(self) -> str:
        return self.id


class Name(Record, frozen=True):
    kind = "ec2.placement-group-name"

    name: str
    id: str

    @property
    def key(self) -> str:
        return self.name


def find(call: Call, id_: str) -> PlacementGroup:
    if (found := call.get(PlacementGroup, id_)) is None:
        raise AwsError("InvalidPlacementGroupId.Malformed" if not id_.startswith("pg-") else "InvalidPlacementGroup.Unknown", f"The placement group '{id_}' is unknown.")
    return found


def named(call: Call, name: str) -> PlacementGroup:
    if (there := call.get(Name, name)) is None:
        raise AwsError("InvalidPlacementGroup.Unknown", f"The placement group '{name}' is unknown.")
    return find(call, there.id)


tags.FINDERS["pg"] = find


def members(call: Call, group: PlacementGroup) -> list[Any]:
    """Instances in the group that are not terminated."""
    from .instances import Instance
    return [one for id_ in links.users(call, group.id, "i-") if (one := call.get(Instance, id_)) and one.state != "terminated"]


def wanted(call: Call, group: PlacementGroup, kind: InstanceType, zone: str, partition: int | None) -> dict[str, Any]:
    """The fields of an instance that is to be in the group; raises if it cannot be."""
    if group.strategy == "cluster":
        if not kind.cluster:
            raise errors.combination(f"Placement groups may not be used with instances of type '{kind.name}'.")
        if any(one.zone != zone for one in members(call, group)):
            raise AwsError("InvalidPlacementGroup.InUse", f"The placement group '{group.name}' is in use in another availability zone.")
    if partition is not None:
        if group.strategy != "partition":
            raise errors.combination("PartitionNumber may only be given with a partition placement group")
        if not 1 <= partition <= group.partitions:
            raise errors.invalid(f"Invalid value '{partition}' for PartitionNumber. The placement group '{group.name}' has {group.partitions} partitions.")
    return {"group": group.id, "partition": partition or 0}


def place(call: Call, id_: str, zone: str, partition: int, type_: str) -> dict[str, Any]:
    """The hardware for one more instance."""
    group = find(call, id_)
    if group.strategy == "spread":
        taken = {one.rack for one in members(call, group) if one.zone == zone and one.state in ALIVE}
        free = [rack for rack in range(1, RACKS + 1) if rack not in taken]
        if not free:
            raise AwsError("InsufficientInstanceCapacity", f"The spread placement group '{group.name}' has {RACKS} running instances in {zone} already: there is no distinct hardware for another.", 500)
        return {"rack": free[0]}
    if group.strategy == "partition" and not partition:  # evenly, as AWS tries to
        counts = {number: 0 for number in range(1, group.partitions + 1)}
        for one in members(call, group):
            if one.zone == zone and one.partition in counts:
                counts[one.partition] += 1
        return {"partition": min(counts, key=lambda number: (counts[number], number))}
    return {}


def shown(call: Call, one: PlacementGroup) -> t.PlacementGroup:
    out: Any = {"GroupName": one.name, "GroupId": one.id, "GroupArn": names.arn(call, "placement-group", one.name), "State": "available", "Strategy": one.strategy, "Tags": tags.shown(call, one.id)}
    if one.partitions:
        out["PartitionCount"] = one.partitions
    if one.level:
        out["SpreadLevel"] = one.level
    return out  # type: ignore[no-any-return]


@ec2.op(**names.making("placement-group"), partly="spread level host (Outposts)")
def create_placement_group(call: Call, req: t.CreatePlacementGroupRequest) -> t.CreatePlacementGroupResult:
    name, strategy, partitions = req.get("GroupName"), req.get("Strategy") or "cluster", req.get("PartitionCount")
    if not name:
        raise errors.missing("groupName")
    if len(name) > 255:
        raise errors.invalid_value(name, "groupName", "Up to 255 characters")
    if call.get(Name, name):
        raise AwsError("InvalidPlacementGroup.Duplicate", f"The placement group '{name}' already exists.")
    if partitions is not None:
        if strategy != "partition":
            raise errors.combination("PartitionCount may only be given with the partition strategy")
        if not 1 <= partitions <= PARTITIONS:
            raise errors.invalid(f"The partition count '{partitions}' is not valid. It must be between 1 and {PARTITIONS}.")
    if req.get("SpreadLevel"):
        if strategy != "spread":
            raise errors.combination("SpreadLevel may only be given with the spread strategy")
        if req["SpreadLevel"] == "host":
            raise errors.unsupported("A spread level of host is for Outposts; Cloche has none.")
    group = call.put(PlacementGroup(call.id("pg-"), name, strategy, (partitions or 2) if strategy == "partition" else 0, "rack" if strategy == "spread" else ""))
    call.put(Name(name, group.id))
    tags.take(call, req, "placement-group", group.id)
    return {"PlacementGroup": shown(call, group)}


@ec2.op(**names.LOOK)
def describe_placement_groups(call: Call, req: t.DescribePlacementGroupsRequest) -> t.DescribePlacementGroupsResult:
    found = [named(call, name) for name in req.get("GroupNames") or ()] + [find(call, id_) for id_ in req.get("GroupIds") or ()]
    if not req.get("GroupNames") and not req.get("GroupIds"):
        found = call.all(PlacementGroup)
    found = describe.matching(call, found, req.get("Filters"), {
        "group-name": lambda g: g.name, "group-arn": lambda call, g: names.arn(call, "placement-group", g.name), "state": lambda g: "available", "strategy": lambda g: g.strategy,
        "spread-level": lambda g: g.level or None})
    return {"PlacementGroups": [shown(call, one) for one in found]}


def _needs(call: Call, req: Any) -> str:
    return names.arn(call, "placement-group", req["GroupName"])


@ec2.op(resource=_needs)
def delete_placement_group(call: Call, req: t.DeletePlacementGroupRequest) -> None:
    name = req["GroupName"]
    group = find(call, name) if name.startswith("pg-") and call.get(PlacementGroup, name) else named(call, name)
    if members(call, group):
        raise AwsError("InvalidPlacementGroup.InUse", f"The placement group '{group.name}' is in use and may not be deleted.")
    call.delete(group)
    if there := call.get(Name, group.name):
        call.delete(there)
    tags.drop(call, group.id)
