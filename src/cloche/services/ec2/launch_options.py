"""RunInstances' smaller options, as fields of the record: what may be said, with what, and what holds where nothing is said."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import account_defaults, errors, instances
from .image_records import Image
from .instance_types import InstanceType
from .subnets import Subnet


def fields(call: Call, req: Any, image: Image, kind: InstanceType, subnet: Subnet) -> dict[str, Any]:
    _refuse(req, kind)
    reservation = req.get("CapacityReservationSpecification") or {}
    return {
        "monitoring": "enabled" if (req.get("Monitoring") or {}).get("Enabled") else "disabled",
        "shutdown": req.get("InstanceInitiatedShutdownBehavior") or "stop",
        "protected": bool(req.get("DisableApiTermination")), "stop_protected": bool(req.get("DisableApiStop")),
        "ebs_optimized": bool(req.get("EbsOptimized")), "credits": credit(call, req.get("CreditSpecification"), kind),
        "metadata": metadata(call, req.get("MetadataOptions"), image), "names": host_names(req.get("PrivateDnsNameOptions"), subnet),
        "maintenance": {k: v for k, v in (req.get("MaintenanceOptions") or {}).items() if k == "AutoRecovery"},
        "capacity_preference": reservation.get("CapacityReservationPreference") or "open", "capacity_wanted": dict(reservation.get("CapacityReservationTarget") or {}),
        "bandwidth": (req.get("NetworkPerformanceOptions") or {}).get("BandwidthWeighting") or "", "operator": (req.get("Operator") or {}).get("Principal") or "",
        **cpu(req.get("CpuOptions"), kind), **placement(call, req.get("Placement"), kind, subnet),
    }


def _refuse(req: Any, kind: InstanceType) -> None:
    """What Cloche's machines have not, said in AWS's shape."""
    if (req.get("HibernationOptions") or {}).get("Configured"):
        raise errors.AwsError("UnsupportedHibernationConfiguration", f"Hibernation is not supported for the instance type '{kind.name}': a machine of Cloche's cannot be put to sleep and woken.")
    if (req.get("EnclaveOptions") or {}).get("Enabled"):
        raise errors.unsupported(f"The instance type '{kind.name}' does not support Nitro Enclaves here: Cloche has no hardware for them.")
    for member in ("ElasticGpuSpecification", "ElasticInferenceAccelerators", "LicenseSpecifications", "SecondaryInterfaces"):
        if req.get(member):
            raise errors.unsupported(f"{member} is not available: Cloche has nothing that could stand for it.")


def credit(call: Call, wanted: Any, kind: InstanceType) -> str:
    """T2 is standard, T3 and later unlimited, unless the account or the request says otherwise."""
    given = (wanted or {}).get("CpuCredits")
    if not kind.burst:
        if given:
            raise errors.invalid(f"The 'CreditSpecification' parameter is not supported for the instance type '{kind.name}'.")
        return ""
    if given and given not in ("standard", "unlimited"):
        raise errors.invalid(f"Invalid value '{given}' for CpuCredits: it must be 'standard' or 'unlimited'.")
    return given or account_defaults.of(call).credits.get(kind.family) or ("standard" if kind.family == "t2" else "unlimited")


def metadata(call: Call, wanted: Any, image: Image) -> dict[str, Any]:
    """What the request says, else the account, else the image (one made for v2 wants tokens, and lets a container in between), else the old ways."""
    found = dict(instances.METADATA)
    if image.imds_support == "v2.0":
        found |= {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    found |= account_defaults.of(call).metadata
    return checked_metadata(found, wanted)


def checked_metadata(before: dict[str, Any], wanted: Any) -> dict[str, Any]:
    given = {k: v for k, v in (wanted or {}).items() if k in instances.METADATA and v is not None}
    hops = given.get("HttpPutResponseHopLimit")
    if hops is not None and not 1 <= hops <= 64:
        raise errors.invalid(f"The value '{hops}' for HttpPutResponseHopLimit is invalid. It must be an integer between 1 and 64.")
    return before | given


def host_names(wanted: Any, subnet: Subnet) -> dict[str, Any]:
    given = wanted or {}
    return {"HostnameType": given.get("HostnameType") or subnet.hostname_type, "EnableResourceNameDnsARecord": given.get("EnableResourceNameDnsARecord", subnet.a_record),
            "EnableResourceNameDnsAAAARecord": given.get("EnableResourceNameDnsAAAARecord", subnet.aaaa_record)}


def cpu(wanted: Any, kind: InstanceType) -> dict[str, int]:
    cores, threads = max(1, kind.vcpus // kind.threads), kind.threads
    if not wanted:
        return {"cores": cores, "threads": threads}
    asked, each = wanted.get("CoreCount") or cores, wanted.get("ThreadsPerCore") or threads
    if wanted.get("AmdSevSnp") == "enabled":
        raise errors.unsupported(f"AMD SEV-SNP is not supported for the instance type '{kind.name}' here.")
    if not 1 <= asked <= cores or (asked > 1 and asked % 2 and asked != cores):
        raise errors.invalid(f"The CoreCount value ({asked}) is not valid for the instance type '{kind.name}'.")
    if not 1 <= each <= threads:
        raise errors.invalid(f"The ThreadsPerCore value ({each}) is not valid for the instance type '{kind.name}'.")
    return {"cores": asked, "threads": each}


def placement(call: Call, wanted: Any, kind: InstanceType, subnet: Subnet) -> dict[str, Any]:
    """Tenancy, host, group. A VPC of dedicated tenancy forces it."""
    from . import hosts, placement_groups, sharing
    given = wanted or {}
    tenancy = given.get("Tenancy") or ("host" if given.get("HostId") or given.get("HostResourceGroupArn") else "default")
    if tenancy not in ("default", "dedicated", "host"):
        raise errors.invalid_value(tenancy, "tenancy", "Valid values: default, dedicated, host")
    vpc = sharing.vpc_lived_in(call, subnet.vpc_id)
    if vpc and vpc.tenancy == "dedicated" and tenancy == "default":
        tenancy = "dedicated"
    if (tenancy != "default" and kind.family in ("t2", "t1")) or (tenancy == "host" and kind.family not in hosts.HOSTS):
        raise errors.unsupported(f"The requested configuration is currently not supported: instance type {kind.name} with tenancy {tenancy}.")
    out: dict[str, Any] = {"tenancy": tenancy}
    if host := given.get("HostId"):
        if tenancy != "host":
            raise errors.combination("HostId may only be given with tenancy host")
        hosts.fits(call, hosts.find(call, host), kind, subnet.zone)
        out |= {"host": host, "host_pinned": True}
    if affinity := given.get("Affinity"):
        out["affinity"] = affinity
    name, id_ = given.get("GroupName"), given.get("GroupId")
    if name and id_:
        raise errors.combination("The parameter GroupName may not be used in combination with GroupId")
    if name or id_:
        group = placement_groups.named(call, name) if name else placement_groups.find(call, id_ or "")
        out |= placement_groups.wanted(call, group, kind, subnet.zone, given.get("PartitionNumber"))
    elif given.get("PartitionNumber"):
        raise errors.combination("PartitionNumber may only be given with a partition placement group")
    return out
