"""Mount targets: an interface in a subnet, one per file system and Availability Zone, at which instances find it on TCP 2049."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need, Record
from cloche.services.ec2 import public as ec2

from . import errors, file_systems
from . import service as efs

if TYPE_CHECKING:
    from cloche.shapes import efs as t

CREATING_SECONDS = 2.0
MOST_GROUPS = 5


class MountTarget(Record, frozen=True):
    kind = "efs.mount-target"

    id: str
    file_system: str
    subnet: str
    zone: str
    vpc: str
    interface: str
    address: str
    state: str = "creating"

    @property
    def key(self) -> str:
        return self.id


class Index(Record, frozen=True):
    """The mount targets of a file system."""
    kind = "efs.mount-targets-of"

    file_system: str
    ids: list[str]

    @property
    def key(self) -> str:
        return self.file_system


def of(call: Call, file_system: str) -> list[MountTarget]:
    found = call.get(Index, file_system)
    return [one for id_ in found.ids if (one := call.get(MountTarget, id_))] if found else []


def find(call: Call, id_: str) -> MountTarget:
    if (found := call.get(MountTarget, id_)) is None:
        raise errors.no_mount_target(id_)
    return found


def _needs(call: Call, req: Any) -> list[Need]:
    """A mount target is asked for where its file system is."""
    one = call.get(MountTarget, req.get("MountTargetId", ""))
    id_ = one.file_system if one else req.get("FileSystemId", "")
    return [Need(f"elasticfilesystem:{call.op}", file_systems.arn(call, id_) if id_ else "*")]


def shown(call: Call, one: MountTarget) -> Any:
    return {"OwnerId": call.account, "MountTargetId": one.id, "FileSystemId": one.file_system, "SubnetId": one.subnet, "LifeCycleState": one.state, "IpAddress": one.address,
            "NetworkInterfaceId": one.interface, "AvailabilityZoneId": ec2.zone_id(call, one.zone), "AvailabilityZoneName": one.zone, "VpcId": one.vpc}


@efs.op(needs=_needs, partly="IPv6 addresses of mount targets are not built")
def create_mount_target(call: Call, req: t.CreateMountTargetRequest) -> t.MountTargetDescription:
    one = file_systems.available(call, req["FileSystemId"])
    try:
        subnet = ec2.subnet(call, req["SubnetId"])
    except AwsError:
        raise errors.no_subnet(req["SubnetId"]) from None
    if one.zone and one.zone != subnet.zone:
        raise errors.other_zone(one.id)
    there = of(call, one.id)
    if any(each.vpc != subnet.vpc_id for each in there):
        raise errors.one_vpc()
    if any(each.zone == subnet.zone for each in there):
        raise errors.one_per_zone()
    groups = req.get("SecurityGroups")
    if groups and len(groups) > MOST_GROUPS:
        raise errors.too_many_groups()
    id_ = call.id("fsmt-")
    try:
        plug = ec2.make_interface(call, subnet.id, groups or None, "efs", f"EFS mount target for {one.id} ({id_})", owner=id_, private=req.get("IpAddress", ""), requester="amazon-elasticfilesystem")
    except AwsError as error:
        if error.code == "InvalidIPAddress.InUse":
            raise errors.address_taken(req.get("IpAddress", "")) from None
        if error.code == "InsufficientFreeAddressesInSubnet":
            raise errors.no_addresses() from None
        if error.code.startswith(("InvalidGroup", "InvalidSecurityGroup")):
            raise errors.no_group(error.message) from None
        raise errors.bad(error.message) from None
    made = MountTarget(id_, one.id, subnet.id, subnet.zone, subnet.vpc_id, plug.id, plug.private)
    call.put(made)
    call.put(Index(one.id, [*(each.id for each in there), id_]))
    call.after(CREATING_SECONDS, mount_target_ready, id_, id=id_)
    from .mounting import attend
    attend(call)
    return shown(call, made)  # type: ignore[no-any-return]


@efs.timer
def mount_target_ready(call: Call, id: str) -> None:
    if (one := call.get(MountTarget, id)) and one.state == "creating":
        call.put(one.but(state="available"))


@efs.op(needs=_needs)
def describe_mount_targets(call: Call, req: t.DescribeMountTargetsRequest) -> t.DescribeMountTargetsResponse:
    from . import access_points
    if len([1 for name in ("FileSystemId", "MountTargetId", "AccessPointId") if req.get(name)]) != 1:  # type: ignore[misc]
        raise errors.bad("Exactly one of FileSystemId, MountTargetId and AccessPointId must be specified.")
    if id_ := req.get("MountTargetId"):
        found = [find(call, id_)]
    elif point := req.get("AccessPointId"):
        found = of(call, access_points.find(call, point).file_system)
    else:
        found = of(call, file_systems.find(call, req["FileSystemId"]).id)
    return file_systems.page(req, [shown(call, one) for one in found], "MountTargets")  # type: ignore[no-any-return]


@efs.op(needs=_needs)
def delete_mount_target(call: Call, req: t.DeleteMountTargetRequest) -> None:
    one = find(call, req["MountTargetId"])
    rest = [each.id for each in of(call, one.file_system) if each.id != one.id]
    call.delete(one)
    index = Index(one.file_system, rest)
    call.put(index) if rest else call.delete(call.get(Index, one.file_system) or index)
    ec2.release_interface(call, one.interface)


@efs.op(needs=_needs)
def describe_mount_target_security_groups(call: Call, req: t.DescribeMountTargetSecurityGroupsRequest) -> t.DescribeMountTargetSecurityGroupsResponse:
    return {"SecurityGroups": list(ec2.interface(call, find(call, req["MountTargetId"]).interface).groups)}


@efs.op(needs=_needs)
def modify_mount_target_security_groups(call: Call, req: t.ModifyMountTargetSecurityGroupsRequest) -> None:
    one, groups = find(call, req["MountTargetId"]), req.get("SecurityGroups") or []
    if len(groups) > MOST_GROUPS:
        raise errors.too_many_groups()
    try:
        ec2.change_interface(call, one.interface, groups)
    except AwsError as error:
        raise errors.no_group(error.message) from None


