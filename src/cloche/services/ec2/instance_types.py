"""Instance types: what a machine of each is, and where it can be had. The numbers are in `instance_type_table`."""
from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cloche.kernel import AwsError, Call

from . import describe, errors, names, zones
from . import service as ec2
from .instance_type_table import FAMILIES, GPUS, HOSTS, NITRO_SLOTS, XEN_VOLUMES

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


class InstanceType(Struct, frozen=True):
    name: str
    family: str
    size: str
    vcpus: int
    mib: int
    interfaces: int
    addresses: int                   # IPv4 (and IPv6) addresses of one interface
    architectures: tuple[str, ...]
    maker: str
    clock: float
    nitro: bool
    burst: bool
    current: bool
    disks: int = 0
    disk_gb: int = 0
    gpus: int = 0

    @property
    def metal(self) -> bool:
        return self.size.startswith("metal")

    @property
    def threads(self) -> int:
        """Graviton's, T2's and the oldest types' cores have one thread each."""
        return 1 if self.vcpus == 1 or self.maker == "AWS" or self.family == "t2" else 2

    @property
    def volumes(self) -> int:
        """How many volumes can be attached beside the interfaces."""
        return NITRO_SLOTS - 1 if self.nitro else XEN_VOLUMES

    @property
    def spread(self) -> bool:
        return self.family != "t1"

    @property
    def cluster(self) -> bool:
        """Cluster placement groups want types that are neither burstable nor old (User Guide, "Cluster placement groups")."""
        return self.current and not self.burst


@cache
def table() -> dict[str, InstanceType]:
    out = {}
    for family, (facts, sizes) in FAMILIES.items():
        architectures, maker, *marks = facts.split()
        clock = next((float(mark[1:]) for mark in marks if mark[0] == "@"), 2.5)
        for text in sizes.split():
            size, vcpus, gib, plugs, *more = text.split(":")
            interfaces, addresses = plugs.split("x")
            disks, disk_gb = more[0].split("x") if more and more[0] else (0, 0)
            metal = size.startswith("metal")
            out[f"{family}.{size}"] = InstanceType(
                f"{family}.{size}", family, size, int(vcpus), int(float(gib) * 1024), int(interfaces), int(addresses), tuple(architectures.split(",")), maker, clock,
                nitro="xen" not in marks or metal, burst="burst" in marks, current="old" not in marks, disks=int(disks), disk_gb=int(disk_gb), gpus=int(more[1]) if len(more) > 1 else 0)
    return out


def get(name: str) -> InstanceType | None:
    return table().get(name)


def find(name: str) -> InstanceType:
    """The type, or what RunInstances says of one that there is not."""
    if (found := get(name)) is None:
        raise errors.invalid(f"Invalid value '{name}' for InstanceType.")
    return found


def shown(one: InstanceType) -> t.InstanceTypeInfo:
    nvme = "required" if one.nitro else "unsupported"
    cores = max(1, one.vcpus // one.threads)
    out: Any = {
        "InstanceType": one.name, "CurrentGeneration": one.current, "FreeTierEligible": one.name in ("t2.micro", "t3.micro"), "SupportedUsageClasses": ["on-demand", "spot"],
        "SupportedRootDeviceTypes": ["ebs"], "SupportedVirtualizationTypes": ["hvm"], "BareMetal": one.metal,
        "ProcessorInfo": {"SupportedArchitectures": list(one.architectures), "SustainedClockSpeedInGhz": one.clock, "Manufacturer": one.maker},
        "VCpuInfo": {"DefaultVCpus": one.vcpus, "DefaultCores": cores, "DefaultThreadsPerCore": one.threads,
                     "ValidCores": list(range(2, cores + 1, 2)) or [1], "ValidThreadsPerCore": list(range(1, one.threads + 1))},
        "MemoryInfo": {"SizeInMiB": one.mib}, "InstanceStorageSupported": bool(one.disks),
        "EbsInfo": {"EbsOptimizedSupport": "default" if one.nitro else "unsupported" if one.family in ("t1", "t2") else "default", "EncryptionSupport": "supported", "NvmeSupport": nvme,
                    "MaximumEbsAttachments": one.volumes, "AttachmentLimitType": "shared" if one.nitro else "dedicated"},
        "NetworkInfo": {"MaximumNetworkInterfaces": one.interfaces, "MaximumNetworkCards": 1, "DefaultNetworkCardIndex": 0, "Ipv4AddressesPerInterface": one.addresses,
                        "Ipv6AddressesPerInterface": 0 if one.family == "t1" else one.addresses, "Ipv6Supported": one.family != "t1",
                        "EnaSupport": "required" if one.nitro else "unsupported" if one.family in ("t1", "t2") else "supported", "EfaSupported": False,
                        "EncryptionInTransitSupported": one.nitro and not one.burst,
                        "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": one.interfaces}]},
        "PlacementGroupInfo": {"SupportedStrategies": [*(["cluster"] if one.cluster else []), "partition", "spread"]},
        "HibernationSupported": False,  # a machine of Cloche's cannot be put to sleep and woken
        "BurstablePerformanceSupported": one.burst, "DedicatedHostsSupported": one.family in HOSTS, "AutoRecoverySupported": not one.metal and not one.disks,
        "SupportedBootModes": ["uefi"] if "arm64" in one.architectures else ["legacy-bios", "uefi"] if one.nitro else ["legacy-bios"],
        "NitroEnclavesSupport": "unsupported", "NitroTpmSupport": "unsupported",
    }
    if not one.metal:
        out["Hypervisor"] = "nitro" if one.nitro else "xen"
    if one.disks:
        out["InstanceStorageInfo"] = {"TotalSizeInGB": one.disks * one.disk_gb, "Disks": [{"SizeInGB": one.disk_gb, "Count": one.disks, "Type": "ssd"}], "NvmeSupport": nvme,
                                      "EncryptionSupport": "required" if one.nitro else "unsupported"}
    if one.gpus:
        name, maker, mib = GPUS[one.family]
        out["GpuInfo"] = {"Gpus": [{"Name": name, "Manufacturer": maker, "Count": one.gpus, "MemoryInfo": {"SizeInMiB": mib}}], "TotalGpuMemoryInMiB": one.gpus * mib}
    return out


def _under(*path: str) -> Any:
    def look(row: Any) -> Any:
        for name in path:
            row = row.get(name) if isinstance(row, dict) else None
        return row
    return look


FACETS: describe.Facets = {
    "instance-type": _under("InstanceType"), "current-generation": _under("CurrentGeneration"), "free-tier-eligible": _under("FreeTierEligible"), "bare-metal": _under("BareMetal"),
    "burstable-performance-supported": _under("BurstablePerformanceSupported"), "dedicated-hosts-supported": _under("DedicatedHostsSupported"),
    "auto-recovery-supported": _under("AutoRecoverySupported"), "hibernation-supported": _under("HibernationSupported"), "hypervisor": _under("Hypervisor"),
    "instance-storage-supported": _under("InstanceStorageSupported"), "supported-usage-class": _under("SupportedUsageClasses"), "supported-root-device-type": _under("SupportedRootDeviceTypes"),
    "supported-virtualization-type": _under("SupportedVirtualizationTypes"), "supported-boot-mode": _under("SupportedBootModes"), "memory-info.size-in-mib": _under("MemoryInfo", "SizeInMiB"),
    "vcpu-info.default-vcpus": _under("VCpuInfo", "DefaultVCpus"), "vcpu-info.default-cores": _under("VCpuInfo", "DefaultCores"),
    "vcpu-info.default-threads-per-core": _under("VCpuInfo", "DefaultThreadsPerCore"), "vcpu-info.valid-cores": _under("VCpuInfo", "ValidCores"),
    "vcpu-info.valid-threads-per-core": _under("VCpuInfo", "ValidThreadsPerCore"), "processor-info.supported-architecture": _under("ProcessorInfo", "SupportedArchitectures"),
    "processor-info.sustained-clock-speed-in-ghz": _under("ProcessorInfo", "SustainedClockSpeedInGhz"), "ebs-info.ebs-optimized-support": _under("EbsInfo", "EbsOptimizedSupport"),
    "ebs-info.encryption-support": _under("EbsInfo", "EncryptionSupport"), "ebs-info.nvme-support": _under("EbsInfo", "NvmeSupport"), "network-info.ena-support": _under("NetworkInfo", "EnaSupport"),
    "network-info.efa-supported": _under("NetworkInfo", "EfaSupported"), "network-info.ipv6-supported": _under("NetworkInfo", "Ipv6Supported"),
    "network-info.ipv4-addresses-per-interface": _under("NetworkInfo", "Ipv4AddressesPerInterface"), "network-info.ipv6-addresses-per-interface": _under("NetworkInfo", "Ipv6AddressesPerInterface"),
    "network-info.maximum-network-interfaces": _under("NetworkInfo", "MaximumNetworkInterfaces"), "network-info.encryption-in-transit-supported": _under("NetworkInfo", "EncryptionInTransitSupported"),
    "network-info.maximum-network-cards": _under("NetworkInfo", "MaximumNetworkCards"), "placement-group-info.supported-strategies": _under("PlacementGroupInfo", "SupportedStrategies"),
    "instance-storage-info.total-size-in-gb": _under("InstanceStorageInfo", "TotalSizeInGB"), "instance-storage-info.nvme-support": _under("InstanceStorageInfo", "NvmeSupport"),
    "nitro-enclaves-support": _under("NitroEnclavesSupport"), "nitro-tpm-support": _under("NitroTpmSupport"),
}


@ec2.op(**names.LOOK)
def describe_instance_types(call: Call, req: t.DescribeInstanceTypesRequest) -> t.DescribeInstanceTypesResult:
    wanted = req.get("InstanceTypes")
    if strays := [name for name in wanted or () if name not in table()]:
        raise AwsError("InvalidInstanceType", f"The following supplied instance types do not exist: [{', '.join(strays)}]")
    rows = describe.matching(call, [shown(one) for name, one in table().items() if not wanted or name in wanted], req.get("Filters"), FACETS)
    return describe.page(req, rows, "InstanceTypes", default=100, most=100, ids=wanted)


@ec2.op(**names.LOOK)
def describe_instance_type_offerings(call: Call, req: t.DescribeInstanceTypeOfferingsRequest) -> t.DescribeInstanceTypeOfferingsResult:
    """Cloche offers every type everywhere."""
    kind = req.get("LocationType", "region")
    if kind == "outpost":
        places: list[str] = []
    else:
        places = {"region": [call.region], "availability-zone": zones.of(call.region),
                  "availability-zone-id": [zones.id_of(call.account, zone) for zone in zones.of(call.region)]}[kind]
    rows = [{"InstanceType": name, "LocationType": kind, "Location": place} for place in places for name in table()]
    rows = describe.matching(call, rows, req.get("Filters"), {"instance-type": lambda row: row["InstanceType"], "location": lambda row: row["Location"]})
    return describe.page(req, rows, "InstanceTypeOfferings", default=1000)
