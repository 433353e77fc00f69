"""File systems: creating -> available -> deleting. What is in one is a directory below the data directory; its size is what lies there."""
from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.services.ec2 import public as ec2
from cloche.services.kms import public as kms

from . import errors
from . import service as efs

if TYPE_CHECKING:
    from cloche.shapes import efs as t

CREATING_SECONDS = 1.0
SMALLEST = 6144     # bytes that an empty file system is metered with
DEFAULT_KEY = "alias/aws/elasticfilesystem"


class FileSystem(Record, frozen=True):
    kind = "efs.file-system"

    id: str
    token: str
    made: float
    performance: str = "generalPurpose"
    throughput: str = "bursting"
    provisioned: float = 0
    encrypted: bool = False
    key_id: str = ""
    zone: str = ""
    state: str = "creating"
    backup: str = "DISABLED"
    protection: str = "ENABLED"
    lifecycle: list[dict[str, str]] = []
    policy: str = ""
    tags: dict[str, str] = {}

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


# -- finding -------------------------------------------------------------------------------------------------------------------------

def arn(call: Call, id_: str) -> str:
    return id_ if id_.startswith("arn:") else call.arn(f"file-system/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req["FileSystemId"])


def policy_of(call: Call, resource: str) -> str | None:
    """A file system's own policy, for who decides."""
    found = call.get(FileSystem, resource.rpartition("/")[2])
    return found.policy or None if found else None


def find(call: Call, id_: str) -> FileSystem:
    if (found := call.get(FileSystem, id_.rpartition("/")[2])) is None:
        raise errors.no_file_system(id_)
    return found


def available(call: Call, id_: str) -> FileSystem:
    found = find(call, id_)
    if found.state != "available":
        raise errors.wrong_state(found.id, found.state)
    return found


def place(call: Call, id_: str) -> Path:
    """Where its files are."""
    return Path(call.cloud.data) / "efs" / id_


def size(call: Call, one: FileSystem) -> int:
    """What lies there; metered now and then on AWS, here when it is asked."""
    total = 0
    for directory, _, files in os.walk(place(call, one.id)):
        total += sum(os.lstat(os.path.join(directory, name)).st_size for name in files)
    return max(SMALLEST, total)


def shown(call: Call, one: FileSystem) -> Any:
    from . import mount_targets
    out: dict[str, Any] = {
        "OwnerId": call.account, "CreationToken": one.token, "FileSystemId": one.id, "FileSystemArn": arn(call, one.id), "CreationTime": one.made, "LifeCycleState": one.state,
        "NumberOfMountTargets": len(mount_targets.of(call, one.id)), "SizeInBytes": {"Value": (bytes_ := size(call, one)), "ValueInIA": 0, "ValueInStandard": bytes_, "ValueInArchive": 0},
        "PerformanceMode": one.performance, "Encrypted": one.encrypted, "ThroughputMode": one.throughput, "Tags": [{"Key": k, "Value": v} for k, v in one.tags.items()],
        "FileSystemProtection": {"ReplicationOverwriteProtection": one.protection},
    }
    for member, value in (("Name", one.tags.get("Name")), ("KmsKeyId", one.key_id), ("ProvisionedThroughputInMibps", one.provisioned), ("AvailabilityZoneName", one.zone)):
        if value:
            out[member] = value
    if one.zone:
        out["AvailabilityZoneId"] = ec2.zone_id(call, one.zone)
    return out


# -- operations ----------------------------------------------------------------------------------------------------------------------

def tagging(call: Call, req: Any) -> dict[str, Any]:
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}


@efs.op(ANY, context=lambda call, req: tagging(call, req) | {"elasticfilesystem:Encrypted": str(bool(req.get("Encrypted"))).lower()},
        partly="bytes on disk are not encrypted with the key, whose use is checked; throughput is not throttled")
def create_file_system(call: Call, req: t.CreateFileSystemRequest) -> t.FileSystemDescription:
    if before := call.get(Token, req["CreationToken"]):
        raise errors.exists(before.id)
    mode, provisioned = req.get("ThroughputMode", "bursting"), req.get("ProvisionedThroughputInMibps") or 0
    if (mode == "provisioned") != bool(provisioned):
        raise errors.bad("ProvisionedThroughputInMibps is required for throughput mode 'provisioned', and only for it.")
    zone = req.get("AvailabilityZoneName", "")
    if zone and not ec2.zone_id(call, zone):
        raise errors.no_zone(zone)
    performance = req.get("PerformanceMode", "generalPurpose")
    if performance == "maxIO" and (zone or mode == "elastic"):
        raise errors.bad("Max I/O performance mode is not supported for One Zone file systems and elastic throughput.")
    key = ""
    if req.get("KmsKeyId") and not req.get("Encrypted"):
        raise errors.bad("KmsKeyId can only be specified for an encrypted file system.")
    if req.get("Encrypted"):
        key = kms.key_arn(call, req.get("KmsKeyId") or DEFAULT_KEY) or ""
        if not key:
            raise errors.bad(f"The KMS key '{req.get('KmsKeyId')}' does not exist.")
    made = FileSystem(call.id("fs-"), req["CreationToken"], call.now, performance, mode, provisioned, bool(req.get("Encrypted")), key, zone,
                      backup="ENABLED" if req.get("Backup", bool(zone)) else "DISABLED", tags={tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()})
    call.put(made)
    call.put(Token(made.token, made.id))
    call.after(CREATING_SECONDS, file_system_ready, made.id, id=made.id)
    return shown(call, made)  # type: ignore[no-any-return]


@efs.timer
def file_system_ready(call: Call, id: str) -> None:
    if (one := call.get(FileSystem, id)) and one.state == "creating":
        call.put(one.but(state="available"))


@efs.op(lambda call, req: arn(call, req["FileSystemId"]) if req.get("FileSystemId") else "*")
def describe_file_systems(call: Call, req: t.DescribeFileSystemsRequest) -> t.DescribeFileSystemsResponse:
    if req.get("FileSystemId") and req.get("CreationToken"):
        raise errors.bad("Only one of FileSystemId and CreationToken can be specified.")
    if req.get("FileSystemId"):
        found = [find(call, req["FileSystemId"])]
    elif token := req.get("CreationToken"):
        there = call.get(Token, token)
        found = [find(call, there.id)] if there else []
    else:
        found = sorted(call.all(FileSystem), key=lambda one: (one.made, one.id))
    return page(req, [shown(call, one) for one in found], "FileSystems")  # type: ignore[no-any-return]


def page(req: Any, rows: list[Any], member: str, *, limit: str = "MaxItems", token: str = "Marker", following: str = "NextMarker") -> Any:
    start, count = int(req.get(token) or 0), req.get(limit) or 100
    out: Any = {member: rows[start:start + count]}
    if req.get(token):
        out[token] = req[token]
    if start + count < len(rows):
        out[following] = str(start + count)
    return out


@efs.op(by_id)
def update_file_system(call: Call, req: t.UpdateFileSystemRequest) -> t.FileSystemDescription:
    one = available(call, req["FileSystemId"])
    mode, provisioned = req.get("ThroughputMode") or one.throughput, req.get("ProvisionedThroughputInMibps") or 0
    if mode == "provisioned" and not (provisioned or one.provisioned):
        raise errors.bad("ProvisionedThroughputInMibps is required for throughput mode 'provisioned'.")
    if mode != "provisioned" and provisioned:
        raise errors.bad("ProvisionedThroughputInMibps is only for throughput mode 'provisioned'.")
    one = one.but(throughput=mode, provisioned=(provisioned or one.provisioned) if mode == "provisioned" else 0)
    call.put(one)
    return shown(call, one)  # type: ignore[no-any-return]


@efs.op(by_id)
def update_file_system_protection(call: Call, req: t.UpdateFileSystemProtectionRequest) -> t.FileSystemProtectionDescription:
    one = available(call, req["FileSystemId"])
    if wanted := req.get("ReplicationOverwriteProtection"):
        one = one.but(protection=wanted)
        call.put(one)
    return {"ReplicationOverwriteProtection": one.protection}  # type: ignore[typeddict-item]


@efs.op(by_id)
def delete_file_system(call: Call, req: t.DeleteFileSystemRequest) -> None:
    from . import access_points, mount_targets
    one = find(call, req["FileSystemId"])
    if mount_targets.of(call, one.id):
        raise errors.in_use(one.id)
    for point in access_points.of(call, one.id):
        call.delete(point)
    call.delete(one)
    if there := call.get(Token, one.token):
        call.delete(there)
    call.cloud.store.then(_emptied, call, place(call, one.id))


def _emptied(call: Call, path: Path) -> None:
    call.spawn(asyncio.to_thread(shutil.rmtree, path, True))
