"""EFS's door for others: where a file system's content is, what its name means in a VPC, and which mount targets there are.

    public.directory(call, "fs-...")               -> Path of what is in it (made if it is not there)
    public.resolve(call, vpc, zone, "fs-....efs.us-east-1.amazonaws.com") -> addresses of the mount target in the asker's zone
"""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from cloche.kernel import Call

from . import access_points, file_systems, mount_targets
from .access_points import AccessPoint
from .mount_targets import MountTarget


def directory(call: Call, id_: str) -> Path:
    """The tree of a file system. Raises FileSystemNotFound."""
    here = call.of("efs")
    found = Path(call.cloud.data) / "efs" / call.account / call.region / file_systems.find(here, id_).id
    found.mkdir(parents=True, exist_ok=True)
    return found


def access_point(call: Call, id_: str) -> AccessPoint:
    """`.user` (Uid, Gid, SecondaryGids) and `.root` (Path, CreationInfo) say who one is and where. Raises AccessPointNotFound."""
    return access_points.find(call.of("efs"), id_)


def targets(call: Call, id_: str) -> list[MountTarget]:
    """Those of a file system that can be mounted from."""
    return [one for one in mount_targets.of(call.of("efs"), id_) if one.state == "available"]


def by_interface(call: Call, interface: str) -> MountTarget | None:
    return next((one for one in call.of("efs").all(MountTarget) if one.interface == interface), None)


class Way(NamedTuple):
    """How a workload that is no instance gets at an access point: a directory, whose it is there, and where the network must let it through."""

    directory: Path
    uid: int | None                                    # as who the access point says; None: whoever one is
    gid: int | None
    read_only: bool
    address: str
    port: int
    shift: int                                         # what ids on disk are above those


def missing_zones(call: Call, id_: str, zones: set[str], vpc: str) -> set[str]:
    """Of these zones, those in which a file system has no mount target in the VPC."""
    return zones - {one.zone for one in mount_targets.of(call.of("efs"), id_) if one.vpc == vpc}


async def way(call: Call, access_point_id: str, vpc: str, zone: str, role: Call) -> Way:
    """Raises PermissionError where the file system's policy says no to the role, LookupError where there is nothing to mount (or no way)."""
    from . import mounting
    return await mounting.way(call.of("efs"), access_point_id, vpc, zone, role)


def resolve(call: Call, vpc: str, zone: str, name: str) -> list[str]:
    """`fs-1.efs.REGION.amazonaws.com` is the mount target in the asker's zone, `ZONE.fs-1.efs...` that of a zone; nothing outside the VPC."""
    head, dot, tail = name.rstrip(".").partition(".efs.")
    if not dot or tail != f"{call.region}.amazonaws.com":
        return []
    where, _, id_ = head.rpartition(".")
    return [one.address for one in targets(call, id_) if one.vpc == vpc and one.zone == (where or zone)]


def removed(call: Call, id_: str) -> None:
    """The file system is gone, and what was in it once that is on disk."""
    call.cloud.store.then(shutil.rmtree, Path(call.cloud.data) / "efs" / call.account / call.region / id_, True)
