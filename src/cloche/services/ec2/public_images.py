"""The images that Amazon and Canonical publish, as every account sees them, each under another id in every region. Cloche boots them from the machine it runs on.

The parameters below `/aws/service/` (services/ssm/published.py) name some of them, by the same numbers. One for another processor than this machine's is there
to be described; it does not boot.
"""
from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from typing import Any

from cloche.kernel import Call

from .image_records import Image

AMAZON, CANONICAL, CONTAINERS = "137112412989", "099720109477", "591542846629"
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
DEB = {"x86_64": "amd64", "arm64": "arm64"}
MADE = 1_717_200_000.0

# number, name, owner, root device, GiB, volume type, instance metadata of v2 alone, who logs in
_TABLE: list[tuple[int, str, str, str, int, str, bool, str]] = [
    (1, "al2023-ami-2023.6.20240601.0-kernel-6.1-{arch}", AMAZON, "/dev/xvda", 8, "gp3", True, "ec2-user"),
    (2, "al2023-ami-minimal-2023.6.20240601.0-kernel-6.1-{arch}", AMAZON, "/dev/xvda", 2, "gp3", True, "ec2-user"),
    (3, "amzn2-ami-hvm-2.0.20240601.0-{arch}-gp2", AMAZON, "/dev/xvda", 8, "gp2", False, "ec2-user"),
    (4, "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{deb}-server-20240601", CANONICAL, "/dev/sda1", 8, "gp2", False, "ubuntu"),
    (5, "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{deb}-server-20240601", CANONICAL, "/dev/sda1", 8, "gp3", True, "ubuntu"),
    (6, "ubuntu/images/hvm-ssd/ubuntu-focal-20.04-{deb}-server-20240601", CANONICAL, "/dev/sda1", 8, "gp2", False, "ubuntu"),
    (7, "al2023-ami-2023.6.20240601.0-kernel-6.12-{arch}", AMAZON, "/dev/xvda", 8, "gp3", True, "ec2-user"),
    (8, "amzn2-ami-kernel-5.10-hvm-2.0.20240601.0-{arch}-gp2", AMAZON, "/dev/xvda", 8, "gp2", False, "ec2-user"),
    (9, "al2023-ami-ecs-hvm-2023.0.20240604-kernel-6.1-{arch}", CONTAINERS, "/dev/xvda", 30, "gp3", True, "ec2-user"),
    (10, "amzn2-ami-ecs-hvm-2.0.20240604-{arch}-ebs", CONTAINERS, "/dev/xvda", 30, "gp2", False, "ec2-user"),
]


def id_of(region: str, number: int, architecture: str) -> str:
    """us-east-1's are the plain numbers."""
    middle = "00000" if region == "us-east-1" else hashlib.sha256(region.encode()).hexdigest()[:5]
    return f"ami-0c10c8e0{middle}{number + (1000 if architecture == 'arm64' else 0):04d}"


@lru_cache(64)
def table(region: str) -> dict[str, Image]:
    out = {}
    for number, name, owner, root, gib, kind, v2, user in _TABLE:
        for architecture, deb in DEB.items():
            id_ = id_of(region, number, architecture)
            title = name.format(arch=architecture, deb=deb)
            ebs: dict[str, Any] = {"DeleteOnTermination": True, "SnapshotId": "snap-" + id_[4:], "VolumeSize": gib, "VolumeType": kind, "Encrypted": False}
            if kind == "gp3":
                ebs |= {"Iops": 3000, "Throughput": 125}
            out[id_] = Image(id_, title, owner, MADE, architecture=architecture, root_device=root, mappings=[{"DeviceName": root, "Ebs": ebs}], public=True, state="available",
                             alias="amazon", description=("Amazon Linux" if owner in (AMAZON, CONTAINERS) else "Canonical, Ubuntu") + f": {title}", imds_support="v2.0" if v2 else "", user=user,
                             boot_mode="uefi" if architecture == "arm64" else "uefi-preferred" if v2 else "", location=f"amazon/{title}")
    return out


def get(call: Call, id_: str) -> Image | None:
    return table(call.region).get(id_)


def snapshot(region: str, id_: str) -> Image | None:
    """The image whose root's snapshot this is."""
    return table(region).get("ami-" + id_.removeprefix("snap-"))
