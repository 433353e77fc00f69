"""EFS in templates: FileSystem, MountTarget, AccessPoint."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, tag_map


def tags(r: Resource, name: str) -> list[dict[str, str]] | None:
    return [{"Key": k, "Value": v} for k, v in tag_map(r.get(name)).items()] or None


def retag(name: str) -> Any:
    async def run(r: Resource) -> None:
        old, new = tag_map(r.old.get(name)), tag_map(r.get(name))
        if gone := [key for key in old if key not in new]:
            await r.do("efs", "UntagResource", ResourceId=r.physical, TagKeys=gone)
        if fresh := [{"Key": k, "Value": v} for k, v in new.items() if old.get(k) != v]:
            await r.do("efs", "TagResource", ResourceId=r.physical, Tags=fresh)
    return run


async def create(r: Resource) -> str:
    if r.get("ReplicationConfiguration"):
        raise AwsError("ValidationError", "Replication of file systems is not built in Cloche.")
    answer = await r.do("efs", "CreateFileSystem", CreationToken=r.token or r.call.uuid(), PerformanceMode=r.get("PerformanceMode"), Encrypted=r.get("Encrypted"), KmsKeyId=r.get("KmsKeyId"),
                        ThroughputMode=r.get("ThroughputMode"), ProvisionedThroughputInMibps=r.get("ProvisionedThroughputInMibps"), AvailabilityZoneName=r.get("AvailabilityZoneName"),
                        Tags=tags(r, "FileSystemTags"))
    r.attributes |= {"FileSystemId": answer["FileSystemId"], "Arn": answer["FileSystemArn"]}
    return str(answer["FileSystemId"])


async def ready(r: Resource) -> bool:
    """Its settings can be made once it is available."""
    there = (await r.do("efs", "DescribeFileSystems", FileSystemId=r.physical))["FileSystems"][0]
    if there["LifeCycleState"] != "available":
        return False
    if not r.old:
        await settle(r)
    return True


async def settle(r: Resource) -> None:
    if r.changed("LifecyclePolicies"):
        await r.do("efs", "PutLifecycleConfiguration", FileSystemId=r.physical, LifecyclePolicies=r.get("LifecyclePolicies", []))
    if r.changed("BackupPolicy"):
        await r.do("efs", "PutBackupPolicy", FileSystemId=r.physical, BackupPolicy=r.get("BackupPolicy", {"Status": "DISABLED"}))
    if r.changed("FileSystemPolicy"):
        if r.get("FileSystemPolicy"):
            await r.do("efs", "PutFileSystemPolicy", FileSystemId=r.physical, Policy=r.get("FileSystemPolicy"))
        else:
            await r.do("efs", "DeleteFileSystemPolicy", FileSystemId=r.physical)
    if r.changed("FileSystemProtection") and r.get("FileSystemProtection"):
        await r.do("efs", "UpdateFileSystemProtection", FileSystemId=r.physical, **r.get("FileSystemProtection"))


async def update(r: Resource) -> None:
    if r.changed("ThroughputMode", "ProvisionedThroughputInMibps"):
        await r.do("efs", "UpdateFileSystem", FileSystemId=r.physical, ThroughputMode=r.get("ThroughputMode", "bursting"), ProvisionedThroughputInMibps=r.get("ProvisionedThroughputInMibps"))
    await settle(r)
    await retag("FileSystemTags")(r)


async def delete(r: Resource) -> None:
    await r.do("efs", "DeleteFileSystem", FileSystemId=r.physical)
    r.not_yet("deleting")


async def create_target(r: Resource) -> str:
    answer = await r.do("efs", "CreateMountTarget", FileSystemId=r.properties["FileSystemId"], SubnetId=r.properties["SubnetId"], SecurityGroups=r.get("SecurityGroups"),
                        IpAddress=r.get("IpAddress"), IpAddressType=r.get("IpAddressType"), Ipv6Address=r.get("Ipv6Address"))
    r.attributes |= {"Id": answer["MountTargetId"], "IpAddress": answer["IpAddress"]}
    return str(answer["MountTargetId"])


async def target_ready(r: Resource) -> bool:
    return bool((await r.do("efs", "DescribeMountTargets", MountTargetId=r.physical))["MountTargets"][0]["LifeCycleState"] == "available")


async def update_target(r: Resource) -> None:
    await r.do("efs", "ModifyMountTargetSecurityGroups", MountTargetId=r.physical, SecurityGroups=r.get("SecurityGroups"))


async def delete_target(r: Resource) -> None:
    await r.do("efs", "DeleteMountTarget", MountTargetId=r.physical)
    r.not_yet("deleting")


async def create_point(r: Resource) -> str:
    answer = await r.do("efs", "CreateAccessPoint", ClientToken=r.get("ClientToken") or r.token or r.call.uuid(), FileSystemId=r.properties["FileSystemId"], PosixUser=r.get("PosixUser"),
                        RootDirectory=r.get("RootDirectory"), Tags=tags(r, "AccessPointTags"))
    r.attributes |= {"AccessPointId": answer["AccessPointId"], "Arn": answer["AccessPointArn"]}
    return str(answer["AccessPointId"])


async def delete_point(r: Resource) -> None:
    await r.do("efs", "DeleteAccessPoint", AccessPointId=r.physical)


TYPES = {
    "AWS::EFS::FileSystem": Type(create=create, ready=ready, update=update, delete=delete, gone=("FileSystemNotFound",)),
    "AWS::EFS::MountTarget": Type(create=create_target, ready=target_ready, update=update_target, delete=delete_target, attributes=("IpAddress",), gone=("MountTargetNotFound",)),
    "AWS::EFS::AccessPoint": Type(create=create_point, update=retag("AccessPointTags"), delete=delete_point, gone=("AccessPointNotFound",)),
}
