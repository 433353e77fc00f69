"""Public parameters: what AWS publishes under /aws/service/, the same for every account of a region.

The images are EC2's (services/ec2/public_images.py has the same numbers); as on AWS an image's id is another in every region.
"""
from __future__ import annotations

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
SINCE = 1_717_200_000.0  # when these versions were published: a moment before any cloud began


def value(name: str, region: str) -> str | None:
    found = IMAGES.get(name)
    return ec2.image_id(region, *found) if found else None


def names(below: str) -> list[str]:
    return sorted(name for name in IMAGES if name.startswith(below))
