"""File systems: creating -> available -> deleting; one for each creation token, and none goes while it has mount targets."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need, Record
from cloche.services.ec2 import public as ec2
from cloche.services.kms import public as kms

from . import errors
from . import service as efs

if TYPE_CHECKING:
    from cloche.shapes import efs as t

MOST = 1000
MAKING_SECONDS, ENDING_SECONDS = 2.0, 1.0
EMPTY_BYTES = 6144          # what an empty one is metered as
DAY = 86400.0


class FileSystem(Record, frozen=True):
    kind = "efs.file-system"

    id: str
    token: str
    made: float
    state: str = "creating"             # creating, available, updating, deleting
    performance: str = "generalPurpose"
    throughput: str = "bursting"
    provisioned: float = 0
    zone: str = ""                      # of a One Zone one
    key_arn: str = ""                   # "": not encrypted
    tags: dict[str, str] = {}
    lifecycle: list[dict[str, str]] = []
    policy: str = ""
    backup: str = "DISABLED"
    overwrite: str = "ENABLED"          # ReplicationOverwriteProtection
    slowed: float = 0                   # when its throughput was last changed downwards or in mode
    size: int = EMPTY_BYTES
    measured: float = 0

    @property
    def key(self) -> str:
        return self.id


class Token(Record, frozen=True):
    kind = "efs.token"

    token: str
    id: str

    @property
    def key(self) -> str:
        return self.token


def arn(call: Call, id_: str) -> str:
    return id_ if id_.startswith("arn:") else call.arn(f"file-system/{id_}", service="elasticfilesystem")


def bare(id_: str) -> str:
    """The id in an ARN, or the id."""
    return id_.rpartition("/")[2]


def find(call: Call, id_: str) -> FileSystem:
    found = call.get(FileSystem, bare(id_))
    if found is None:
        raise errors.no_file_system(id_)
    return found


def usable(call: Call, id_: str) -> FileSystem:
    found = find(call, id_)
    if found.state != "available":
        raise errors.file_system_state(found.id, found.state)
    return found


def by_id(call: Call, req: Any) -> str:
    """IAM is asked about the file system that a request names."""
    return arn(call, bare(req.get("FileSystemId") or "") or "*")


def context(call: Call, req: Any) -> dict[str, Any]:
    found = call.get(FileSystem, bare(req.get("FileSystemId") or ""))
    return {f"aws:ResourceTag/{k}": v for k, v in found.tags.items()} if found else {}


def checked_tags(call: Call, pairs: Any) -> dict[str, str]:
    found = {pair["Key"]: pair["Value"] for pair in pairs or ()}
    if call.reserves(found):
        raise errors.bad("Tag keys that begin with aws: are reserved.")
    if len(found) > 50:
        raise errors.bad("A resource can have at most 50 tags.")
    return found


def making(call: Call, req: Any) -> list[Need]:
    tags = {pair["Key"]: pair["Value"] for pair in req.get("Tags") or ()}
    about: dict[str, Any] = {"elasticfilesystem:Encrypted": bool(req.get("Encrypted"))}
    if tags:
        about |= {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}}
    needs = [Need("elasticfilesystem:CreateFileSystem", arn(call, "*"), about)]
    if tags:
        needs.append(Need("elasticfilesystem:TagResource", arn(call, "*"), about | {"elasticfilesystem:CreateAction": "CreateFileSystem"}))
    return needs


def shown(call: Call, one: FileSystem) -> t.FileSystemDescription:
    from . import mount_targets
    out: Any = {
        "OwnerId": call.account, "CreationToken": one.token, "FileSystemId": one.id, "FileSystemArn": arn(call, one.id), "CreationTime": one.made, "LifeCycleState": one.state,
        "NumberOfMountTargets": len(mount_targets.of(call, one.id)), "PerformanceMode": one.performance, "Encrypted": bool(one.key_arn), "ThroughputMode": one.throughput,
        "SizeInBytes": {"Value": one.size, "ValueInIA": 0, "ValueInStandard": one.size, "ValueInArchive": 0, **({"Timestamp": one.measured} if one.measured else {})},
        "Tags": [{"Key": k, "Value": v} for k, v in one.tags.items()], "FileSystemProtection": {"ReplicationOverwriteProtection": one.overwrite},
    }
    if name := one.tags.get("Name"):
        out["Name"] = name
    if one.key_arn:
        out["KmsKeyId"] = one.key_arn
    if one.provisioned:
        out["ProvisionedThroughputInMibps"] = one.provisioned
    if one.zone:
        out |= {"AvailabilityZoneName": one.zone, "AvailabilityZoneId": ec2.zone_id(call, one.zone)}
    return out  # type: ignore[no-any-return]


@efs.op(needs=making)
def create_file_system(call: Call, req: t.CreateFileSystemRequest) -> t.FileSystemDescription:
    token = req["CreationToken"]
    if there := call.get(Token, token):
        raise errors.file_system_exists(there.id, token)
    if len(call.all(FileSystem)) >= MOST:
        raise errors.file_system_limit()
    mode, provisioned, zone = req.get("ThroughputMode") or "bursting", req.get("ProvisionedThroughputInMibps") or 0.0, req.get("AvailabilityZoneName") or ""
    _throughput(mode, provisioned)
    performance = req.get("PerformanceMode") or "generalPurpose"
    if performance == "maxIO" and (zone or mode == "elastic"):
        raise errors.bad("maxIO is supported neither for One Zone file systems nor with elastic throughput.")
    if zone and zone not in ec2.zones_of(call):
        raise errors.unsupported_zone(zone)
    key = ""
    if req.get("KmsKeyId") and not req.get("Encrypted"):
        raise errors.bad("KmsKeyId requires Encrypted.")
    if req.get("Encrypted"):
        key = kms.find(call, req.get("KmsKeyId") or "alias/aws/elasticfilesystem").arn
    one = call.put(FileSystem(call.id("fs-"), token, call.now, performance=performance, throughput=mode, provisioned=provisioned, zone=zone, key_arn=key, tags=checked_tags(call, req.get("Tags")),
                              backup="ENABLED" if (req["Backup"] if req.get("Backup") is not None else bool(zone)) else "DISABLED"))
    call.put(Token(token, one.id))
    call.after(MAKING_SECONDS, file_system_made, one.id, id=one.id)
    return shown(call, one)


def _throughput(mode: str, provisioned: float) -> None:
    if mode == "provisioned" and not provisioned:
        raise errors.bad("ProvisionedThroughputInMibps is required where the throughput mode is provisioned.")
    if mode != "provisioned" and provisioned:
        raise errors.bad("ProvisionedThroughputInMibps may only be given where the throughput mode is provisioned.")


@efs.timer
def file_system_made(call: Call, id: str) -> None:
    if (one := call.get(FileSystem, id)) and one.state == "creating":
        call.put(one.but(state="available"))


def paged(req: Any, rows: list[Any], member: str) -> dict[str, Any]:
    """By Marker and MaxItems, as EFS does it."""
    start, size = 0, req.get("MaxItems") or 100
    if marker := req.get("Marker"):
        if not marker.isdigit():
            raise errors.bad("invalid marker")
        start = int(marker)
    out: dict[str, Any] = {member: rows[start:start + size]}
    if req.get("Marker"):
        out["Marker"] = req["Marker"]
    if start + size < len(rows):
        out["NextMarker"] = str(start + size)
    return out


@efs.op(by_id, context=context)
def describe_file_systems(call: Call, req: t.DescribeFileSystemsRequest) -> t.DescribeFileSystemsResponse:
    token, id_ = req.get("CreationToken"), req.get("FileSystemId")
    if token and id_:
        raise errors.bad("Either CreationToken or FileSystemId may be given, not both.")
    if id_:
        found = [find(call, id_)]
    elif token:
        found = [find(call, there.id)] if (there := call.get(Token, token)) else []
    else:
        found = call.all(FileSystem)
    return paged(req, [shown(call, one) for one in found], "FileSystems")  # type: ignore[return-value]


@efs.op(by_id, context=context)
def update_file_system(call: Call, req: t.UpdateFileSystemRequest) -> t.FileSystemDescription:
    """The mode, or less throughput, once a day; more at any time."""
    one = usable(call, req["FileSystemId"])
    mode = req.get("ThroughputMode") or one.throughput
    provisioned = req.get("ProvisionedThroughputInMibps") or (one.provisioned if mode == "provisioned" else 0.0)
    _throughput(mode, provisioned)
    slower = mode != one.throughput or provisioned < one.provisioned
    if slower and call.now - one.slowed < DAY:
        raise errors.too_soon()
    one = call.put(one.but(throughput=mode, provisioned=provisioned, slowed=call.now if slower else one.slowed))
    return shown(call, one)


@efs.op(by_id, context=context)
def update_file_system_protection(call: Call, req: t.UpdateFileSystemProtectionRequest) -> t.FileSystemProtectionDescription:
    one = usable(call, req["FileSystemId"])
    if value := req.get("ReplicationOverwriteProtection"):
        if value == "REPLICATING":
            raise errors.bad("REPLICATING is not for you to set.")
        one = call.put(one.but(overwrite=value))
    return {"ReplicationOverwriteProtection": one.overwrite}  # type: ignore[typeddict-item]


@efs.op(by_id, context=context)
def delete_file_system(call: Call, req: t.DeleteFileSystemRequest) -> None:
    """With all that is in it and its access points."""
    from . import mount_targets
    one = find(call, req["FileSystemId"])
    if mount_targets.of(call, one.id):
        raise errors.file_system_in_use(one.id)
    if one.state != "deleting":
        call.put(one.but(state="deleting"))
        call.after(ENDING_SECONDS, file_system_gone, one.id, id=one.id)


@efs.timer
def file_system_gone(call: Call, id: str) -> None:
    from . import access_points, public
    if one := call.get(FileSystem, id):
        for point in access_points.of(call, id):
            call.delete(point)
        call.delete(one)
        if there := call.get(Token, one.token):
            call.delete(there)
        public.removed(call, id)
