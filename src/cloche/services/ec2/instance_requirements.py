"""Instance types by what they must have (attribute-based selection): the cheapest first."""
from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import describe, errors, instance_types, names, prices
from . import service as ec2
from .instance_types import InstanceType

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MAKERS = {"Intel": "intel", "AMD": "amd", "AWS": "amazon-web-services"}
BUILT = {"VCpuCount", "MemoryMiB", "MemoryGiBPerVCpu", "CpuManufacturers", "ExcludedInstanceTypes", "AllowedInstanceTypes", "InstanceGenerations", "BareMetal", "BurstablePerformance", "LocalStorage",
         "LocalStorageTypes", "TotalLocalStorageGB", "NetworkInterfaceCount", "AcceleratorCount", "AcceleratorManufacturers", "AcceleratorNames", "AcceleratorTypes", "AcceleratorTotalMemoryMiB",
         "SpotMaxPricePercentageOverLowestPrice", "OnDemandMaxPricePercentageOverLowestPrice", "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice", "RequireHibernateSupport"}


def _within(value: float, span: Any) -> bool:
    return not span or ((span.get("Min") or 0) <= value and (span.get("Max") is None or value <= span["Max"]))


def _choice(has: bool, wanted: str) -> bool:
    """included, excluded or required."""
    return wanted == "included" or has is (wanted == "required")


def _fits(kind: InstanceType, wanted: Any) -> bool:
    if not _within(kind.vcpus, wanted.get("VCpuCount")) or not _within(kind.mib, wanted.get("MemoryMiB")) or not _within(kind.mib / 1024 / kind.vcpus, wanted.get("MemoryGiBPerVCpu")):
        return False
    if wanted.get("CpuManufacturers") and MAKERS[kind.maker] not in wanted["CpuManufacturers"]:
        return False
    if any(fnmatch.fnmatchcase(kind.name, each) for each in wanted.get("ExcludedInstanceTypes") or ()):
        return False
    if wanted.get("AllowedInstanceTypes") and not any(fnmatch.fnmatchcase(kind.name, each) for each in wanted["AllowedInstanceTypes"]):
        return False
    if wanted.get("InstanceGenerations") and ("current" if kind.current else "previous") not in wanted["InstanceGenerations"]:
        return False
    if not _choice(kind.metal, wanted.get("BareMetal") or "excluded") or not _choice(kind.burst, wanted.get("BurstablePerformance") or "excluded"):
        return False
    if not _choice(bool(kind.disks), wanted.get("LocalStorage") or "included") or not _within(kind.interfaces, wanted.get("NetworkInterfaceCount")):
        return False
    accelerated = wanted.get("AcceleratorCount") or wanted.get("AcceleratorNames") or wanted.get("AcceleratorManufacturers") or wanted.get("AcceleratorTypes")
    return _within(kind.gpus, wanted.get("AcceleratorCount")) if accelerated and kind.gpus else not accelerated or (wanted.get("AcceleratorCount") or {}).get("Max") == 0


def matching(wanted: Any, architectures: Any = ("x86_64",)) -> list[InstanceType]:
    """Those that fit, the cheapest first. Refuses a requirement that nothing here would look at."""
    if strays := [name for name in wanted if name not in BUILT and wanted[name]]:
        raise errors.unsupported(f"The requirement {strays[0]} is not looked at by Cloche.")
    return sorted((kind for kind in instance_types.table().values() if _fits(kind, wanted) and set(kind.architectures) & set(architectures)), key=lambda kind: (prices.on_demand(kind), kind.name))


@ec2.op(**names.LOOK)
def get_instance_types_from_instance_requirements(call: Call, req: t.GetInstanceTypesFromInstanceRequirementsRequest) -> t.GetInstanceTypesFromInstanceRequirementsResult:
    if "hvm" not in req["VirtualizationTypes"]:
        return {"InstanceTypes": []}
    rows = [{"InstanceType": kind.name} for kind in matching(req["InstanceRequirements"], req["ArchitectureTypes"])]
    return describe.page(req, rows, "InstanceTypes", least=1)
