"""Instance types as AWS's documentation has them ("Amazon EC2 instance types by family"): a line a family, a word a size.

A size is `name:vCPU:GiB:interfaces x addresses[:disks x GB][:GPUs]`. A family is `architectures maker [marks]`; the marks: xen (else Nitro), burst (T types),
old (not of the current generation), clock in GHz as `@3.1`.
"""
from __future__ import annotations

_GRAVITON = "medium:1:{0}:2x4 large:2:{1}:3x10 xlarge:4:{2}:4x15 2xlarge:8:{3}:4x15 4xlarge:16:{4}:8x30 8xlarge:32:{5}:8x30 12xlarge:48:{6}:8x30 16xlarge:64:{7}:15x50 metal:64:{7}:15x50"
_FIFTH = "large:2:{0}:3x10 xlarge:4:{1}:4x15 2xlarge:8:{2}:4x15 4xlarge:16:{3}:8x30 8xlarge:32:{4}:8x30 12xlarge:48:{5}:8x30 16xlarge:64:{6}:15x50 24xlarge:96:{7}:15x50"
_M = ("8", "16", "32", "64", "128", "192", "256", "384")
_C = ("4", "8", "16", "32", "64", "96", "128", "192")
_R = ("16", "32", "64", "128", "256", "384", "512", "768")
_BURST = "nano:2:0.5:2x2 micro:2:1:2x2 small:2:2:3x4 medium:2:4:3x6 large:2:8:3x12 xlarge:4:16:4x15 2xlarge:8:32:4x15"


def _with(text: str, sizes: tuple[str, ...], *more: str) -> str:
    return " ".join((text.format(*sizes), *more))


FAMILIES: dict[str, tuple[str, str]] = {
    "t1": ("i386,x86_64 Intel xen old", "micro:1:0.612:2x2"),
    "m1": ("i386,x86_64 Intel xen old @1.7", "small:1:1.7:2x4 medium:1:3.75:2x6 large:2:7.5:3x10 xlarge:4:15:4x15"),
    "t2": ("x86_64 Intel xen burst @3.3", "nano:1:0.5:2x2 micro:1:1:2x2 small:1:2:3x4 medium:2:4:3x6 large:2:8:3x12 xlarge:4:16:3x15 2xlarge:8:32:3x15"),
    "t3": ("x86_64 Intel burst @2.5", _BURST),
    "t3a": ("x86_64 AMD burst @2.2", _BURST.replace("small:2:2:3x4", "small:2:2:2x4")),
    "t4g": ("arm64 AWS burst @2.5", _BURST),
    "m4": ("x86_64 Intel xen @2.4", "large:2:8:2x10 xlarge:4:16:4x15 2xlarge:8:32:4x15 4xlarge:16:64:8x30 10xlarge:40:160:8x30 16xlarge:64:256:8x30"),
    "m5": ("x86_64 Intel @3.1", _with(_FIFTH, _M, "metal:96:384:15x50")),
    "m5a": ("x86_64 AMD @2.5", _with(_FIFTH, _M)),
    "m6i": ("x86_64 Intel @3.5", _with(_FIFTH, _M, "32xlarge:128:512:15x50 metal:128:512:15x50")),
    "m6a": ("x86_64 AMD @3.6", _with(_FIFTH, _M, "32xlarge:128:512:15x50 48xlarge:192:768:15x50 metal:192:768:15x50")),
    "m7i": ("x86_64 Intel @3.2", _with(_FIFTH, _M, "48xlarge:192:768:15x50 metal-24xl:96:384:15x50 metal-48xl:192:768:15x50")),
    "m6g": ("arm64 AWS @2.5", _GRAVITON.format("4", *_M)),
    "m7g": ("arm64 AWS @2.6", _GRAVITON.format("4", *_M)),
    "c4": ("x86_64 Intel xen @2.9", "large:2:3.75:3x10 xlarge:4:7.5:4x15 2xlarge:8:15:4x15 4xlarge:16:30:8x30 8xlarge:36:60:8x30"),
    "c5": ("x86_64 Intel @3.4", "large:2:4:3x10 xlarge:4:8:4x15 2xlarge:8:16:4x15 4xlarge:16:32:8x30 9xlarge:36:72:8x30 12xlarge:48:96:8x30 18xlarge:72:144:15x50 24xlarge:96:192:15x50 "
                                "metal:96:192:15x50"),
    "c6i": ("x86_64 Intel @3.5", _with(_FIFTH, _C, "32xlarge:128:256:15x50 metal:128:256:15x50")),
    "c7i": ("x86_64 Intel @3.2", _with(_FIFTH, _C, "48xlarge:192:384:15x50 metal-24xl:96:192:15x50 metal-48xl:192:384:15x50")),
    "c6g": ("arm64 AWS @2.5", _GRAVITON.format("2", *_C)),
    "c7g": ("arm64 AWS @2.6", _GRAVITON.format("2", *_C)),
    "r4": ("x86_64 Intel xen @2.3", "large:2:15.25:3x10 xlarge:4:30.5:4x15 2xlarge:8:61:4x15 4xlarge:16:122:8x30 8xlarge:32:244:8x30 16xlarge:64:488:15x50"),
    "r5": ("x86_64 Intel @3.1", _with(_FIFTH, _R, "metal:96:768:15x50")),
    "r6i": ("x86_64 Intel @3.5", _with(_FIFTH, _R, "32xlarge:128:1024:15x50 metal:128:1024:15x50")),
    "r7i": ("x86_64 Intel @3.2", _with(_FIFTH, _R, "48xlarge:192:1536:15x50 metal-24xl:96:768:15x50 metal-48xl:192:1536:15x50")),
    "r6g": ("arm64 AWS @2.5", _GRAVITON.format("8", *_R)),
    "r7g": ("arm64 AWS @2.6", _GRAVITON.format("8", *_R)),
    "m5d": ("x86_64 Intel @3.1", _with(_FIFTH, _M, "metal:96:384:15x50")),
    "m5n": ("x86_64 Intel @3.1", _with(_FIFTH, _M, "metal:96:384:15x50")),
    "c5a": ("x86_64 AMD @3.3", _with(_FIFTH, _C)),
    "c5n": ("x86_64 Intel @3.4", "large:2:5.25:3x10 xlarge:4:10.5:4x15 2xlarge:8:21:4x15 4xlarge:16:42:8x30 9xlarge:36:96:8x30 18xlarge:72:192:15x50 metal:72:192:15x50"),
    "c6a": ("x86_64 AMD @3.6", _with(_FIFTH, _C, "32xlarge:128:256:15x50 48xlarge:192:384:15x50 metal:192:384:15x50")),
    "r5a": ("x86_64 AMD @2.5", _with(_FIFTH, _R)),
    "r6a": ("x86_64 AMD @3.6", _with(_FIFTH, _R, "32xlarge:128:1024:15x50 48xlarge:192:1536:15x50 metal:192:1536:15x50")),
    "x1": ("x86_64 Intel xen @2.3", "16xlarge:64:976:8x30:1x1920 32xlarge:128:1952:8x30:2x1920"),
    "i3": ("x86_64 Intel xen @2.3", "large:2:15.25:3x10:1x475 xlarge:4:30.5:4x15:1x950 2xlarge:8:61:4x15:1x1900 4xlarge:16:122:8x30:2x1900 8xlarge:32:244:8x30:4x1900 "
                                    "16xlarge:64:488:15x50:8x1900 metal:72:512:15x50:8x1900"),
    "g4dn": ("x86_64 Intel @2.5", "xlarge:4:16:3x10:1x125:1 2xlarge:8:32:3x10:1x225:1 4xlarge:16:64:3x10:1x225:1 8xlarge:32:128:4x15:1x900:1 12xlarge:48:192:8x30:1x900:4 "
                                  "16xlarge:64:256:4x15:1x900:1 metal:96:384:15x50:2x900:8"),
    "g5": ("x86_64 AMD @3.3", "xlarge:4:16:4x15:1x250:1 2xlarge:8:32:4x15:1x450:1 4xlarge:16:64:8x30:1x600:1 8xlarge:32:128:8x30:1x900:1 12xlarge:48:192:15x50:1x3800:4 "
                              "16xlarge:64:256:8x30:1x1900:1 24xlarge:96:384:15x50:1x3800:4 48xlarge:192:768:7x50:2x3800:8"),
    "p3": ("x86_64 Intel xen @2.7", "2xlarge:8:61:4x15::1 8xlarge:32:244:8x30::4 16xlarge:64:488:8x30::8"),
}
GPUS = {"g4dn": ("T4", "NVIDIA", 16384), "g5": ("A10G", "NVIDIA", 24576), "p3": ("V100", "NVIDIA", 16384)}
# sockets and physical cores of a Dedicated Host (User Guide, "Dedicated Host instance capacity configurations"); the vCPUs that can be given out
HOSTS = {"t3": (2, 48, 192), "m4": (2, 20, 40), "m5": (2, 48, 96), "m5a": (2, 48, 96), "m6i": (2, 64, 128), "m6g": (1, 64, 64), "m7g": (1, 64, 64), "c4": (2, 20, 40), "c5": (2, 36, 72),
         "c6i": (2, 64, 128), "c6g": (1, 64, 64), "c7g": (1, 64, 64), "r4": (2, 36, 72), "r5": (2, 48, 96), "r6i": (2, 64, 128), "r6g": (1, 64, 64), "x1": (4, 72, 144),
         "i3": (2, 36, 72), "g4dn": (2, 48, 96), "p3": (2, 36, 72)}
# CPU credits an hour of the burstable sizes, and how many are kept at most
CREDITS = {"nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192}
# the largest number of interfaces is per network card 0; EBS volumes and interfaces of the older Nitro types share 28 places (User Guide, "Volume limits")
NITRO_SLOTS, XEN_VOLUMES = 28, 40
