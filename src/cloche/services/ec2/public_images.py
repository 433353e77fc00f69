"""The images that Amazon and Canonical publish, as every account sees them. Cloche boots them all from the machine it runs on; the ids are the same in every region.

The parameters below `/aws/service/ami-amazon-linux-latest/` (services/ssm/published.py) name some of them.
"""
from __future__ import annotations

import platform
from functools import cache
from typing import Any

from cloche.kernel import Call

from .image_records import Image

AMAZON, CANONICAL = "137112412989", "099720109477"
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
MADE = 1_717_200_000.0

# id, name, owner, root device, GiB, volume type, instance metadata of v2 alone, who logs in
_TABLE: list[tuple[str, str, str, str, int, str, bool, str]] = [
    ("ami-0c10c8e0000000001", "al2023-ami-2023.6.20240601.0-kernel-6.1-{arch}", AMAZON, "/dev/xvda", 8, "gp3", True, "ec2-user"),
    ("ami-0c10c8e0000000002", "al2023-ami-minimal-2023.6.20240601.0-kernel-6.1-{arch}", AMAZON, "/dev/xvda", 2, "gp3", True, "ec2-user"),
    ("ami-0c10c8e0000000003", "amzn2-ami-hvm-2.0.20240601.0-{arch}-gp2", AMAZON, "/dev/xvda", 8, "gp2", False, "ec2-user"),
    ("ami-0c10c8e0000000004", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{deb}-server-20240601", CANONICAL, "/dev/sda1", 8, "gp2", False, "ubuntu"),
    ("ami-0c10c8e0000000005", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{deb}-server-20240601", CANONICAL, "/dev/sda1", 8, "gp3", True, "ubuntu"),
    ("ami-0c10c8e0000000006", "ubuntu/images/hvm-ssd/ubuntu-focal-20.04-{deb}-server-20240601", CANONICAL, "/dev/sda1", 8, "gp2", False, "ubuntu"),
    ("ami-0c10c8e0000000007", "al2023-ami-2023.6.20240601.0-kernel-6.12-{arch}", AMAZON, "/dev/xvda", 8, "gp3", True, "ec2-user"),
    ("ami-0c10c8e0000000008", "amzn2-ami-kernel-5.10-hvm-2.0.20240601.0-{arch}-gp2", AMAZON, "/dev/xvda", 8, "gp2", False, "ec2-user"),
]


@cache
def table() -> dict[str, Image]:
    out = {}
    for id_, name, owner, root, gib, kind, v2, user in _TABLE:
        title = name.format(arch=ARCHITECTURE, deb={"x86_64": "amd64"}.get(ARCHITECTURE, ARCHITECTURE))
        ebs: dict[str, Any] = {"DeleteOnTermination": True, "SnapshotId": "snap-" + id_[4:], "VolumeSize": gib, "VolumeType": kind, "Encrypted": False}
        if kind == "gp3":
            ebs |= {"Iops": 3000, "Throughput": 125}
        out[id_] = Image(id_, title, owner, MADE, architecture=ARCHITECTURE, root_device=root, mappings=[{"DeviceName": root, "Ebs": ebs}], public=True, state="available",
                         alias="amazon", description=("Amazon Linux" if owner == AMAZON else "Canonical, Ubuntu") + f": {title}", imds_support="v2.0" if v2 else "", user=user,
                         boot_mode="uefi-preferred" if v2 else "", location=f"amazon/{title}")
    return out


def get(call: Call, id_: str) -> Image | None:
    return table().get(id_)


def snapshot(call: Call, id_: str) -> Image | None:
    """The image whose root's snapshot this is."""
    return table().get("ami-" + id_.removeprefix("snap-"))
