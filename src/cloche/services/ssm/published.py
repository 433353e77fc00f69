"""Public parameters: what AWS publishes under /aws/service/, the same for every account of a region.

The images are EC2's; their ids are the same in every region, since Cloche boots them from the machine it runs on.
"""
from __future__ import annotations

PREFIX = "/aws/service/"

KERNEL_DEFAULT, MINIMAL, AMZN2, AMZN2_510 = (f"ami-0c10c8e000000000{n}" for n in (1, 2, 3, 8))
UBUNTU = {"20.04": "ami-0c10c8e0000000006", "22.04": "ami-0c10c8e0000000004", "24.04": "ami-0c10c8e0000000005"}
_LINUX = "/aws/service/ami-amazon-linux-latest/"

IMAGES = {
    **{f"{_LINUX}al2023-ami-kernel-{k}-{arch}": KERNEL_DEFAULT for k in ("default", "6.1", "6.12") for arch in ("x86_64", "arm64")},
    **{f"{_LINUX}al2023-ami-minimal-kernel-{k}-{arch}": MINIMAL for k in ("default", "6.1", "6.12") for arch in ("x86_64", "arm64")},
    **{f"{_LINUX}amzn2-ami-{kind}-{arch}-{disk}": image for kind, image in (("hvm", AMZN2), ("kernel-5.10-hvm", AMZN2_510)) for arch in ("x86_64", "arm64") for disk in ("gp2", "ebs")},
    **{f"/aws/service/canonical/ubuntu/server/{version}/stable/current/amd64/hvm/{disk}/ami-id": image for version, image in UBUNTU.items() for disk in ("ebs-gp2", "ebs-gp3")},
}
SINCE = 1_717_200_000.0  # when these versions were published: a moment before any cloud began


def value(name: str) -> str | None:
    return IMAGES.get(name)


def names(below: str) -> list[str]:
    return sorted(name for name in IMAGES if name.startswith(below))
