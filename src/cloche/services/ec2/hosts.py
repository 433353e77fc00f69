"""Dedicated Hosts: a whole machine for one account, with visible sockets and cores. What runs on one takes of its vCPUs; a full one takes no more."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import describe, errors, instance_types, links, names, tags, zones
from . import errors_instances as refusals
from . import service as ec2
from .instance_type_table import HOSTS
from .instance_types import InstanceType

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

    from .instances import Instance

MOST = 2                          # On-Demand Dedicated Hosts of a family and region, until a quota is raised
RELEASED_SECONDS = 3600.0


class Host(Record, frozen=True):
    kind = "ec2.host"

    id: str
    zone: str
    made: float
    type: str = ""                # one type alone, or
    family: str = ""              # all of a family
    auto: str = "off"             # AutoPlacement
    recovery: str = "off"
    maintenance: str = "off"
    state: str = "available"      # available, released
    released: float = 0
    token: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def kind_of(self) -> str:
        return self.family or self.type.partition(".")[0]


def find(call: Call, id_: str) -> Host:
    if (found := call.get(Host, id_)) is None:
        raise AwsError("InvalidHostID.Malformed" if not id_.startswith("h-") else "InvalidHostID.NotFound", f"The specified Dedicated Host ID '{id_}' does not exist.")
    return found


tags.FINDERS["h"] = find


def inside(call: Call, host: Host) -> list[Instance]:
    from .instances import Instance
    return [one for id_ in links.users(call, host.id, "i-") if (one := call.get(Instance, id_)) and one.state not in ("terminated", "stopped")]


def pinned(call: Call, host: Host) -> list[Instance]:
    """Those that would come back to it: stopped ones with affinity, too."""
    from .instances import Instance
    return [one for id_ in links.users(call, host.id, "i-") if (one := call.get(Instance, id_)) and one.state != "terminated" and (one.state != "stopped" or one.affinity == "host")]


def free(call: Call, host: Host) -> int:
    """vCPUs that nobody uses."""
    return HOSTS[host.kind_of][2] - sum(instance_types.find(one.type).vcpus for one in inside(call, host))


def fits(call: Call, host: Host, kind: InstanceType, zone: str) -> None:
    """Raises unless an instance of this type can be put onto the host."""
    if host.state != "available":
        raise AwsError("InvalidHostState", f"The Dedicated Host '{host.id}' is not in the available state.")
    if host.zone != zone:
        raise errors.invalid(f"The Dedicated Host '{host.id}' is in {host.zone}, not in {zone}.")
    if kind.name != host.type if host.type else kind.family != host.family:
        raise errors.invalid(f"The instance type '{kind.name}' is not supported by the Dedicated Host '{host.id}'.")
    if free(call, host) < kind.vcpus:
        raise AwsError("InsufficientHostCapacity", f"The Dedicated Host '{host.id}' has no room for another {kind.name}.", 500)


def place(call: Call, kind: InstanceType, zone: str, host_id: str) -> str:
    """The host for an instance of tenancy host."""
    if host_id:
        fits(call, find(call, host_id), kind, zone)
        return host_id
    for host in call.all(Host):
        if host.auto == "on" and host.zone == zone and host.state == "available" and (host.type == kind.name or (not host.type and host.family == kind.family)) and free(call, host) >= kind.vcpus:
            return host.id
    raise AwsError("InsufficientHostCapacity", f"You do not have a Dedicated Host in {zone} that has capacity for {kind.name} and takes instances automatically.", 500)


def again(call: Call, one: Instance) -> Instance:
    """A stopped instance is about to run again: is there still hardware for it?"""
    from . import placement_groups
    kind = instance_types.find(one.type)
    if one.tenancy == "host":
        keep = one.host if one.affinity == "host" or one.host_pinned else ""
        host = place(call, kind, one.zone, keep)
        one = call.put(one.but(host=host))
        tie(call, one)
    if one.group:
        more = placement_groups.place(call, one.group, one.zone, one.partition, one.type)
        one = call.put(one.but(**more))
    return one


def tie(call: Call, one: Instance) -> None:
    links.tie(call, one.id, one.group, one.host, one.capacity_reservation, one.spot_request, one.spawned_by)


def shown(call: Call, host: Host) -> t.Host:
    sockets, cores, vcpus = HOSTS[host.kind_of]
    left = free(call, host)
    sizes = [one for one in instance_types.table().values() if (one.name == host.type if host.type else one.family == host.family and not one.metal)]
    out: Any = {
        "HostId": host.id, "AvailabilityZone": host.zone, "AvailabilityZoneId": zones.id_of(call.account, host.zone), "State": host.state, "AutoPlacement": host.auto, "HostRecovery": host.recovery,
        "HostMaintenance": host.maintenance, "AllocationTime": host.made, "OwnerId": call.account, "AllowsMultipleInstanceTypes": "off" if host.type else "on", "Tags": tags.shown(call, host.id),
        "HostProperties": {"Sockets": sockets, "Cores": cores, "TotalVCpus": vcpus, **({"InstanceType": host.type} if host.type else {"InstanceFamily": host.family})},
        "AvailableCapacity": {"AvailableVCpus": left, "AvailableInstanceCapacity": [
            {"InstanceType": one.name, "TotalCapacity": vcpus // one.vcpus, "AvailableCapacity": left // one.vcpus} for one in sizes if one.vcpus <= vcpus]},
        "Instances": [{"InstanceId": one.id, "InstanceType": one.type, "OwnerId": call.account} for one in inside(call, host)],
    }
    if host.released:
        out["ReleaseTime"] = host.released
    return out  # type: ignore[no-any-return]


@ec2.op(**names.making("dedicated-host"), partly="Outposts; resource groups; no reservations of hosts")
def allocate_hosts(call: Call, req: t.AllocateHostsRequest) -> t.AllocateHostsResult:
    from .volumes import zone_of
    zone, kind, family = zone_of(call, req), req.get("InstanceType"), req.get("InstanceFamily")
    if bool(kind) == bool(family):
        raise errors.combination("You must specify either InstanceType or InstanceFamily, and not both")
    if kind:
        instance_types.find(kind)
    of = family or kind.partition(".")[0]  # type: ignore[union-attr]
    if of not in HOSTS:
        raise AwsError("InvalidParameterValue", f"Dedicated Hosts are not supported for '{kind or family}'.")
    count = req.get("Quantity") or 1
    if (token := req.get("ClientToken")) and (before := [one.id for one in call.all(Host) if one.token == token]):
        return {"HostIds": before}
    if sum(one.kind_of == of and one.state == "available" for one in call.all(Host)) + count > MOST:
        raise AwsError("HostLimitExceeded", f"You've reached the limit on the number of Dedicated Hosts ({MOST}) of the family {of} that you can allocate.")
    made = []
    for _ in range(count):
        one = call.put(Host(call.id("h-"), zone, call.now, kind or "", family or "", req.get("AutoPlacement") or "on", req.get("HostRecovery") or "off", req.get("HostMaintenance") or "off",
                            token=token or ""))
        tags.take(call, req, "dedicated-host", one.id)
        made.append(one.id)
    return {"HostIds": made}


@ec2.op(**names.LOOK)
def describe_hosts(call: Call, req: t.DescribeHostsRequest) -> t.DescribeHostsResult:
    ids = req.get("HostIds")
    found = [find(call, id_) for id_ in ids] if ids else call.all(Host)
    found = describe.matching(call, found, req.get("Filter"), {
        "auto-placement": lambda h: h.auto, "availability-zone": lambda h: h.zone, "client-token": lambda h: h.token, "host-reservation-id": lambda h: None, "instance-type": lambda h: h.type,
        "state": lambda h: h.state})
    return describe.page(req, [shown(call, one) for one in found], "Hosts", ids=ids)


@ec2.op(**names.on("dedicated-host", "HostIds"))
def modify_hosts(call: Call, req: t.ModifyHostsRequest) -> t.ModifyHostsResult:
    done = []
    for id_ in req["HostIds"]:
        host = find(call, id_)
        change: dict[str, Any] = {}
        for member, field in (("AutoPlacement", "auto"), ("HostRecovery", "recovery"), ("HostMaintenance", "maintenance")):
            if req.get(member):
                change[field] = req[member]  # type: ignore[literal-required]
        if kind := req.get("InstanceType"):
            instance_types.find(kind)
            change |= {"type": kind, "family": ""}
        if family := req.get("InstanceFamily"):
            change |= {"family": family, "type": ""}
        if ("type" in change or "family" in change) and inside(call, host):
            raise AwsError("InvalidHostState", f"The Dedicated Host '{id_}' has running instances: its instance type cannot be changed.")
        call.put(host.but(**change))
        done.append(id_)
    return {"Successful": done, "Unsuccessful": []}


@ec2.op(**names.on("dedicated-host", "HostIds"))
def release_hosts(call: Call, req: t.ReleaseHostsRequest) -> t.ReleaseHostsResult:
    done: list[Any] = []
    failed: list[Any] = []
    for id_ in req["HostIds"]:
        host = call.get(Host, id_)
        if host is None or host.state != "available":
            failed.append({"ResourceId": id_, "Error": {"Code": "Client.InvalidHost.NotFound", "Message": "The specified host is not found."}})
        elif pinned(call, host):
            failed.append({"ResourceId": id_, "Error": {"Code": "Client.InvalidHost.Occupied", "Message": "Dedicated host cannot be released as it is occupied by instances."}})
        else:
            call.put(host.but(state="released", released=call.now))
            call.after(RELEASED_SECONDS, host_forgotten, id_, id=id_)
            done.append(id_)
    return {"Successful": done, "Unsuccessful": failed}


@ec2.timer
def host_forgotten(call: Call, id: str) -> None:
    if host := call.get(Host, id):
        call.delete(host)
        tags.drop(call, id)


@ec2.op(**names.on("instance", "InstanceId"))
def modify_instance_placement(call: Call, req: t.ModifyInstancePlacementRequest) -> t.ModifyInstancePlacementResult:
    """Of a stopped instance: host, affinity, tenancy between dedicated and host, group, partition."""
    from . import instances, placement_groups
    one = instances.find(call, req["InstanceId"])
    if one.state != "stopped" and any(req.get(member) is not None for member in ("HostId", "Tenancy", "GroupName", "GroupId", "PartitionNumber")):
        raise refusals.must_be_stopped(one.id, "Its placement cannot be changed.")
    kind = instance_types.find(one.type)
    change: dict[str, Any] = {}
    if tenancy := req.get("Tenancy"):
        if "default" in (tenancy, one.tenancy) and tenancy != one.tenancy:
            raise errors.invalid(f"The tenancy of the instance '{one.id}' cannot be changed from {one.tenancy} to {tenancy}.")
        change["tenancy"] = tenancy
    if host := req.get("HostId"):
        if change.get("tenancy", one.tenancy) != "host":
            raise errors.combination("HostId may only be given with tenancy host")
        fits(call, find(call, host), kind, one.zone)
        change |= {"host": host, "host_pinned": True}
    if affinity := req.get("Affinity"):
        change["affinity"] = affinity
    if req.get("GroupName") is not None or req.get("GroupId"):
        name = req.get("GroupName")
        if name == "":
            change |= {"group": "", "partition": 0, "rack": 0}
        else:
            group = placement_groups.named(call, name) if name else placement_groups.find(call, req["GroupId"])
            change |= placement_groups.wanted(call, group, kind, one.zone, req.get("PartitionNumber"))
    one = call.put(one.but(**change))
    tie(call, one)
    return {"Return": True}
