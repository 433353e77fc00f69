"""EFS in templates: FileSystem, MountTarget, AccessPoint. Ref gives the id."""
from __future__ import annotations

import json
from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, tag_map


def tags(r: Resource, member: str) -> list[dict[str, str]] | None:
    """Without CloudFormation's own, which EFS's model does not let anybody give."""
    return [{"Key": k, "Value": v} for k, v in tag_map(r.get(member)).items() if not k.startswith("aws:")] or None


async def make_file_system(r: Resource) -> str:
    keep = ("PerformanceMode", "Encrypted", "KmsKeyId", "ThroughputMode", "ProvisionedThroughputInMibps", "AvailabilityZoneName")
    answer = await r.do("efs", "CreateFileSystem", CreationToken=f"{r.call.uuid()}", Tags=tags(r, "FileSystemTags"), Backup=(r.get("BackupPolicy") or {}).get("Status") == "ENABLED" or None,
                        **{name: r.properties[name] for name in keep if name in r.properties})
    return str(answer["FileSystemId"])


async def file_system_ready(r: Resource) -> bool:
    found = (await r.do("efs", "DescribeFileSystems", FileSystemId=r.physical))["FileSystems"][0]
    if found["LifeCycleState"] != "available":
        return False
    await settings(r)
    return True


async def settings(r: Resource) -> None:
    """What can only be said of a file system that is there."""
    if policies := r.get("LifecyclePolicies"):
        await r.do("efs", "PutLifecycleConfiguration", FileSystemId=r.physical, LifecyclePolicies=policies)
    if policy := r.get("FileSystemPolicy"):

        await r.do("efs", "PutFileSystemPolicy", FileSystemId=r.physical, Policy=policy if isinstance(policy, str) else json.dumps(policy))
    if protection := (r.get("FileSystemProtection") or {}).get("ReplicationOverwriteProtection"):
        await r.do("efs", "UpdateFileSystemProtection", FileSystemId=r.physical, ReplicationOverwriteProtection=protection)


async def change_file_system(r: Resource) -> None:
    wanted: dict[str, Any] = {name: r.properties[name] for name in ("ThroughputMode", "ProvisionedThroughputInMibps") if name in r.properties}
    if wanted:
        await r.do("efs", "UpdateFileSystem", FileSystemId=r.physical, **wanted)
    if backup := (r.get("BackupPolicy") or {}).get("Status"):
        await r.do("efs", "PutBackupPolicy", FileSystemId=r.physical, BackupPolicy={"Status": backup})
    await settings(r)


async def read_file_system(r: Resource) -> None:
    found = (await r.do("efs", "DescribeFileSystems", FileSystemId=r.physical))["FileSystems"][0]
    r.attributes |= {"FileSystemId": r.physical, "Arn": found["FileSystemArn"]}


async def make_mount_target(r: Resource) -> str:
    answer = await r.do("efs", "CreateMountTarget", FileSystemId=r.properties["FileSystemId"], SubnetId=r.properties["SubnetId"], SecurityGroups=r.get("SecurityGroups"), IpAddress=r.get("IpAddress"))
    return str(answer["MountTargetId"])


async def mount_target_ready(r: Resource) -> bool:
    return bool((await r.do("efs", "DescribeMountTargets", MountTargetId=r.physical))["MountTargets"][0]["LifeCycleState"] == "available")


async def read_mount_target(r: Resource) -> None:
    found = (await r.do("efs", "DescribeMountTargets", MountTargetId=r.physical))["MountTargets"][0]
    r.attributes |= {"Id": r.physical, "IpAddress": found["IpAddress"]}


async def make_access_point(r: Resource) -> str:
    answer = await r.do("efs", "CreateAccessPoint", ClientToken=r.get("ClientToken") or f"{r.call.uuid()}", FileSystemId=r.properties["FileSystemId"], PosixUser=r.get("PosixUser"),
                        RootDirectory=r.get("RootDirectory"), Tags=tags(r, "AccessPointTags"))
    return str(answer["AccessPointId"])


async def read_access_point(r: Resource) -> None:
    found = (await r.do("efs", "DescribeAccessPoints", AccessPointId=r.physical))["AccessPoints"][0]
    r.attributes |= {"AccessPointId": r.physical, "Arn": found["AccessPointArn"]}


TYPES = {
    "AWS::EFS::FileSystem": Type(create=make_file_system, ready=file_system_ready, read=read_file_system, delete=op("efs", "DeleteFileSystem", FileSystemId="{id}"),
                                 update=steps(change_file_system, retag("efs", "TagResource", "UntagResource", prop="FileSystemTags", ResourceId="{id}"))),
    "AWS::EFS::MountTarget": Type(create=make_mount_target, ready=mount_target_ready, read=read_mount_target, attributes=("IpAddress",), delete=op("efs", "DeleteMountTarget", MountTargetId="{id}"),
                                  update=op("efs", "ModifyMountTargetSecurityGroups", MountTargetId="{id}", send=("SecurityGroups",))),
    "AWS::EFS::AccessPoint": Type(create=make_access_point, read=read_access_point, delete=op("efs", "DeleteAccessPoint", AccessPointId="{id}"),
                                  update=retag("efs", "TagResource", "UntagResource", prop="AccessPointTags", ResourceId="{id}")),
}
