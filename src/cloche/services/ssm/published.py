"""Public parameters: what AWS publishes under /aws/service/, the same for every account of a region.

The images are EC2's (services/ec2/public_images.py has the same numbers); as on AWS an image's id is another in every region.
"""
from __future__ import annotations

import json

from cloche.services.ec2 import public as ec2

PREFIX = "/aws/service/"

KERNEL_DEFAULT, MINIMAL, AMZN2, AMZN2_510, KERNEL_612 = 1, 2, 3, 8, 7
UBUNTU = {"20.04": 6, "22.04": 4, "24.04": 5}
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
_LINUX = "/aws/service/ami-amazon-linux-latest/"

IMAGES = {  # name -> (number of the image, architecture)
    **{f"{_LINUX}al2023-ami-kernel-{k}-{arch}": (KERNEL_612 if k == "6.12" else KERNEL_DEFAULT, arch) for k in ("default", "6.1", "6.12") for arch in ARCHITECTURES},
    **{f"{_LINUX}al2023-ami-minimal-kernel-{k}-{arch}": (MINIMAL, arch) for k in ("default", "6.1", "6.12") for arch in ARCHITECTURES},
    **{f"{_LINUX}amzn2-ami-{kind}-{arch}-{disk}": (image, arch) for kind, image in (("hvm", AMZN2), ("kernel-5.10-hvm", AMZN2_510)) for arch in ARCHITECTURES for disk in ("gp2", "ebs")},
    **{f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{deb}/hvm/{disk}/ami-id": (image, arch)
       for version, image in UBUNTU.items() for arch, deb in ARCHITECTURES.items() for disk in ("ebs-gp2", "ebs-gp3")},
}
_ECS = "/aws/service/ecs/optimized-ami/"
ECS_IMAGES = {  # folder -> (number of the image, architecture, operating system, its name)
    f"{_ECS}{system}{'/arm64' if arch == 'arm64' else ''}/recommended": (image, arch, title, pattern.format(arch=arch))
    for system, image, title, pattern in (("amazon-linux-2023", 9, "Amazon Linux 2023", "al2023-ami-ecs-hvm-2023.0.20240604-kernel-6.1-{arch}"),
                                          ("amazon-linux-2", 10, "Amazon Linux 2", "amzn2-ami-ecs-hvm-2.0.20240604-{arch}-ebs"))
    for arch in ARCHITECTURES}
ECS_PARTS = ("", "/image_id", "/image_name", "/image_version", "/ecs_agent_version", "/ecs_runtime_version", "/os", "/schema_version", "/source_image_name")
SINCE = 1_717_200_000.0  # when these versions were published: a moment before any cloud began


def value(name: str, region: str) -> str | None:
    if found := IMAGES.get(name):
        return ec2.image_id(region, *found)
    return of_ecs(name, region) if name.startswith(_ECS) else None


def of_ecs(name: str, region: str) -> str | None:
    """The ECS-optimized image: all of it as JSON, or one thing about it."""
    folder, _, part = name.partition("/recommended")
    found = ECS_IMAGES.get(folder + "/recommended")
    if found is None or (part and part not in ECS_PARTS):
        return None
    number, architecture, system, title = found
    about = {"ecs_agent_version": "1.86.3", "ecs_runtime_version": "Docker version 25.0.6", "image_id": ec2.image_id(region, number, architecture), "image_name": title,
             "image_version": "2023.0.20240604" if "2023" in system else "2.0.20240604", "os": system, "schema_version": 1, "source_image_name": title.replace("-ecs-hvm", "")}
    return str(about[part[1:]]) if part else json.dumps(about)


def names(below: str) -> list[str]:
    return sorted(name for name in (*IMAGES, *(folder + part for folder in ECS_IMAGES for part in ECS_PARTS)) if name.startswith(below))
