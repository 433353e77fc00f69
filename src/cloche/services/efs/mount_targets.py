"""Mount targets: a file system's address in one zone, an interface with security groups in a subnet. One a zone, all in one VPC; NFS on TCP 2049."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.services.ec2 import public as ec2

from . import errors, file_systems
from . import service as efs

if TYPE_CHECKING:
    from cloche.shapes import efs as t

MAKING_SECONDS = 2.0
MOST_GROUPS = 5

efs.table("CREATE TABLE IF NOT EXISTS efs_target (account TEXT, region TEXT, fs TEXT, id TEXT, PRIMARY KEY (account, region, fs, id)) WITHOUT ROWID")


class MountTarget(Record, frozen=True):
    kind = "efs.mount-target"

    id: str
    file_system: str
    subnet: str
    vpc: str
    zone: str
    interface: str
    address: str
    state: str = "creating"          # creating, available, deleting

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> MountTarget:
    found = call.get(MountTarget, id_)
    if found is None:
        raise errors.no_mount_target(id_)
    return found


def of(call: Call, file_system: str) -> list[MountTarget]:
    rows = call.sql("SELECT id FROM efs_target WHERE account=? AND region=? AND fs=?", call.account, call.region, file_system)
    return [one for (id_,) in rows if (one := call.get(MountTarget, id_))]


def by_target(call: Call, req: Any) -> str:
    """IAM is asked about the file system of a mount target."""
    found = call.get(MountTarget, req.get("MountTargetId") or "")
    return file_systems.arn(call, found.file_system if found else "*")


def by_any(call: Call, req: Any) -> str:
    if req.get("MountTargetId"):
        return by_target(call, req)
    return file_systems.by_id(call, req)


def shown(call: Call, one: MountTarget) -> t.MountTargetDescription:
    return {"OwnerId": call.account, "MountTargetId": one.id, "FileSystemId": one.file_system, "SubnetId": one.subnet, "LifeCycleState": one.state, "IpAddress": one.address,  # type: ignore[typeddict-item]
            "NetworkInterfaceId": one.interface, "AvailabilityZoneId": ec2.zone_id(call, one.zone), "AvailabilityZoneName": one.zone, "VpcId": one.vpc}


def _groups(call: Call, vpc: str, ids: list[str] | None) -> None:
    if len(ids or ()) > MOST_GROUPS:
        raise errors.groups_limit()
    for id_ in ids or ():
        try:
            found = ec2.group(call, id_)
        except AwsError:
            raise errors.no_group(id_) from None
        if found.vpc_id != vpc:
            raise errors.no_group(id_)


@efs.op(file_systems.by_id, context=file_systems.context, partly="IPv6")
def create_mount_target(call: Call, req: t.CreateMountTargetRequest) -> t.MountTargetDescription:
    fs = file_systems.usable(call, req["FileSystemId"])
    if req.get("Ipv6Address") or req.get("IpAddressType") in ("IPV6_ONLY", "DUAL_STACK"):
        raise errors.bad("Mount targets have IPv4 addresses only in Cloche.")
    try:
        subnet = ec2.subnet(call, req["SubnetId"])
    except AwsError:
        raise errors.no_subnet(req["SubnetId"]) from None
    if fs.zone and subnet.zone != fs.zone:
        raise errors.other_zone(fs.zone)
    for there in of(call, fs.id):
        if there.vpc != subnet.vpc_id:
            raise errors.mount_target_vpc(there.vpc)
        if there.zone == subnet.zone:
            raise errors.mount_target_there(subnet.zone)
    _groups(call, subnet.vpc_id, req.get("SecurityGroups"))
    id_ = call.id("fsmt-")
    try:
        plug = ec2.make_interface(call, subnet.id, req.get("SecurityGroups") or None, "efs", f"EFS mount target for {fs.id} ({id_})", owner=id_, private=req.get("IpAddress") or "")
    except AwsError as refused:
        if refused.code == "InvalidIPAddress.InUse":
            raise errors.address_in_use(req.get("IpAddress") or "") from None
        if refused.code == "InsufficientFreeAddressesInSubnet":
            raise errors.subnet_full(subnet.id) from None
        if refused.code in ("InvalidParameterValue", "InvalidIPAddress.Malformed"):
            raise errors.bad(refused.message) from None
        raise
    one = call.put(MountTarget(id_, fs.id, subnet.id, subnet.vpc_id, subnet.zone, plug.id, plug.private))
    call.sql("INSERT INTO efs_target VALUES (?,?,?,?)", call.account, call.region, fs.id, id_)
    call.after(MAKING_SECONDS, mount_target_made, id_, id=id_)
    return shown(call, one)


@efs.timer
def mount_target_made(call: Call, id: str) -> None:
    if (one := call.get(MountTarget, id)) and one.state == "creating":
        call.put(one.but(state="available"))
        call.signal("efs.targets")


@efs.op(by_any)
def describe_mount_targets(call: Call, req: t.DescribeMountTargetsRequest) -> t.DescribeMountTargetsResponse:
    from . import access_points
    given = [name for name in ("FileSystemId", "MountTargetId", "AccessPointId") if req.get(name)]
    if len(given) != 1:
        raise errors.bad("Exactly one of FileSystemId, MountTargetId and AccessPointId must be given.")
    if given == ["MountTargetId"]:
        found = [find(call, req["MountTargetId"])]
    elif given == ["AccessPointId"]:
        found = of(call, access_points.find(call, req["AccessPointId"]).file_system)
    else:
        found = of(call, file_systems.find(call, req["FileSystemId"]).id)
    return file_systems.paged(req, [shown(call, one) for one in found], "MountTargets")  # type: ignore[return-value]


@efs.op(by_target)
def describe_mount_target_security_groups(call: Call, req: t.DescribeMountTargetSecurityGroupsRequest) -> t.DescribeMountTargetSecurityGroupsResponse:
    return {"SecurityGroups": list(ec2.interface(call, find(call, req["MountTargetId"]).interface).groups)}


@efs.op(by_target)
def modify_mount_target_security_groups(call: Call, req: t.ModifyMountTargetSecurityGroupsRequest) -> None:
    one = find(call, req["MountTargetId"])
    wanted = req.get("SecurityGroups")
    _groups(call, one.vpc, wanted)
    ec2.change_interface(call, one.interface, wanted or [])


@efs.op(by_target)
def delete_mount_target(call: Call, req: t.DeleteMountTargetRequest) -> None:
    """Its interface goes with it; what was mounted through it stands still."""
    one = find(call, req["MountTargetId"])
    if one.state == "deleting":
        return
    call.put(one.but(state="deleting"))
    call.after(1.0, mount_target_gone, one.id, id=one.id)


@efs.timer
def mount_target_gone(call: Call, id: str) -> None:
    if one := call.get(MountTarget, id):
        ec2.release_interface(call, one.interface)
        call.sql("DELETE FROM efs_target WHERE account=? AND region=? AND fs=? AND id=?", call.account, call.region, one.file_system, id)
        call.delete(one)
        call.signal("efs.targets")
