"""File systems of functions: an access point of EFS at a path below /mnt, for functions in a VPC that has the file system's mount targets.

What the network between them lets through is tried by each environment itself before it begins; whose its files are the access point says.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

from cloche.engines.run.invocation import Mount
from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2
from cloche.services.efs import public as efs

from . import errors
from .records import Version
from .roles import acting

PATIENCE_SECONDS = 3.0
UID, GID = 993, 990                                    # as who functions run


def config(call: Call, given: list[Any], vpc_config: dict[str, Any]) -> list[dict[str, str]]:
    """FileSystemConfigs as a configuration keeps them, checked."""
    for one in given:
        arn = one["Arn"]
        if not vpc_config.get("SubnetIds"):
            raise errors.vpc_needed_for(arn)
        try:
            point = efs.access_point(call, arn)
        except AwsError:
            raise errors.no_such_access_point(arn) from None
        zones = {ec2.subnet(call, subnet).zone for subnet in vpc_config["SubnetIds"]}
        if efs.missing_zones(call, point.file_system, zones, vpc_config["VpcId"]):
            raise errors.no_mount_targets(call.arn(f"file-system/{point.file_system}", service="elasticfilesystem"), arn)
    return [{"Arn": one["Arn"], "LocalMountPath": one["LocalMountPath"]} for one in given]


async def mounts(call: Call, version: Version, zone: str) -> tuple[Mount, ...]:
    out = []
    for one in version.config.get("FileSystemConfigs", ()):
        try:
            way = await efs.way(call, one["Arn"].rpartition("/")[2], version.config["VpcConfig"]["VpcId"], zone, acting(call, version.role, version.function))
        except PermissionError as error:
            raise errors.mount_refused(str(error)) from None
        except LookupError as error:
            raise errors.mount_failed(str(error)) from None
        source = way.directory.relative_to(shared(call.cloud))
        uid, gid = (UID if way.uid is None else way.uid), (GID if way.gid is None else way.gid)
        out.append(Mount(str(source), one["LocalMountPath"].rpartition("/")[2], way.address, way.port, PATIENCE_SECONDS, way.shift + uid, way.shift + gid, way.read_only))
    return tuple(out)


def shared(cloud: Any) -> Path:
    """Where EFS keeps what is in its file systems."""
    return Path(cloud.data) / "efs"
