"""Instances: the record of a machine, how it is found and shown. How it comes to be is in `launch`, what becomes of it in `life`.

What an instance has is asked of what it has: interfaces and volumes say which instance they are attached to.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import addresses, describe, names, network_interfaces, security_groups, sharing, tags, volumes, zones
from . import errors_instances as errors
from . import service as ec2
from .network_interfaces import NetworkInterface
from .volumes import Volume, describe_time

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
HERE = ("pending", "running", "stopping", "stopped", "shutting-down")
METADATA: dict[str, Any] = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled", "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled"}


class Instance(Record, frozen=True):
    kind = "ec2.instance"

    id: str
    image: str
    type: str
    launched: float
    reservation: str
    vpc: str
    subnet: str
    zone: str
    index: int = 0
    state: str = "pending"                # pending, running, stopping, stopped, shutting-down, terminated
    reason_code: str = ""                 # StateReason
    reason: str = ""
    transition: str = ""                  # StateTransitionReason
    boots: int = 1                        # how often it was to be booted: one more by every start and reboot
    key_name: str = ""
    user_data: bytes = b""
    profile: str = ""                     # the instance profile's ARN
    association: str = ""                 # iip-assoc-...
    associated: float = 0
    architecture: str = "x86_64"
    root_device: str = "/dev/xvda"
    platform: str = ""
    login: str = "ec2-user"               # whose authorized_keys the key pair goes to
    tenancy: str = "default"
    host: str = ""                        # h-..., of tenancy host
    host_pinned: bool = False             # it was asked for, or the affinity is `host`
    affinity: str = "default"
    group: str = ""                       # placement group's id
    partition: int = 0
    rack: int = 0                         # of a spread group: which hardware
    monitoring: str = "disabled"
    shutdown: str = "stop"                # InstanceInitiatedShutdownBehavior
    protected: bool = False               # DisableApiTermination
    stop_protected: bool = False
    ebs_optimized: bool = False
    lifecycle: str = ""                   # "spot"
    spot_request: str = ""
    spot_action: dict[str, str] = {}      # what IMDS says at spot/instance-action: {"action", "time"}
    credits: str = ""                     # standard, unlimited
    cores: int = 0
    threads: int = 0
    metadata: dict[str, Any] = {}         # MetadataOptions, whole
    names: dict[str, Any] = {}            # PrivateDnsNameOptions
    maintenance: dict[str, str] = {}
    capacity_preference: str = "open"
    capacity_wanted: dict[str, str] = {}
    capacity_reservation: str = ""
    bandwidth: str = ""
    operator: str = ""
    token: str = ""
    template: str = ""                    # "lt-.../3"
    spawned_by: str = ""                  # a fleet, a scaling group
    ended: float = 0
    stopped: float = 0

    @property
    def key(self) -> str:
        return self.id


def malformed(id_: str) -> bool:
    rest = id_.removeprefix("i-")
    return rest == id_ or len(rest) not in (8, 17) or any(letter not in "0123456789abcdef" for letter in rest)


def find(call: Call, id_: str) -> Instance:
    if (found := call.get(Instance, id_)) is None:
        raise errors.instance_malformed(id_) if malformed(id_) else errors.no_instance(id_)
    return found


tags.FINDERS["i"] = find


def several(call: Call, ids: Any) -> list[Instance]:
    """All with these ids, or a refusal that names those that are not there."""
    for id_ in ids or ():
        if malformed(id_):
            raise errors.instance_malformed(id_)
    if absent := [id_ for id_ in ids or () if call.get(Instance, id_) is None]:
        raise errors.no_instance(absent)
    return [find(call, id_) for id_ in dict.fromkeys(ids)]


def interfaces(call: Call, instance: Instance) -> list[NetworkInterface]:
    """Its interfaces, eth0 first."""
    return sorted(network_interfaces.of(call, instance.id), key=lambda one: one.attachment.device if one.attachment else 0)


def disks(call: Call, instance: Instance) -> list[Volume]:
    """Its volumes, the root first."""
    return volumes.of_instance(call, instance.id)


def arn(call: Call, id_: str) -> str:
    return names.arn(call, "instance", id_)


# -- what answers say ------------------------------------------------------------------------------------------------------------

def state(name: str) -> t.InstanceState:
    return {"Code": CODES[name], "Name": name}  # type: ignore[typeddict-item]


def shown_interface(call: Call, one: NetworkInterface) -> t.InstanceNetworkInterface:
    out: Any = network_interfaces.shown(call, one)
    keep = ("Association", "Description", "Groups", "Ipv6Addresses", "MacAddress", "NetworkInterfaceId", "OwnerId", "PrivateDnsName", "PrivateIpAddress", "PrivateIpAddresses", "SourceDestCheck",
            "Status", "SubnetId", "VpcId", "InterfaceType", "Ipv4Prefixes", "Ipv6Prefixes", "Operator")
    found: Any = {name: out[name] for name in keep if name in out}
    if one.attachment:
        found["Attachment"] = {k: v for k, v in out["Attachment"].items() if k not in ("InstanceId", "InstanceOwnerId")}
    return found  # type: ignore[no-any-return]


def profile_id(call: Call, arn_: str) -> str:
    from cloche.services.iam import public as iam
    found = iam.instance_profile(call, arn_)
    return found.id if found else ""


def shown(call: Call, one: Instance) -> t.Instance:
    from . import instance_types
    kind = instance_types.get(one.type)
    plugs = interfaces(call, one)
    vpc = sharing.vpc_lived_in(call, one.vpc)
    out: Any = {
        "InstanceId": one.id, "ImageId": one.image, "InstanceType": one.type, "State": state(one.state), "LaunchTime": one.launched, "AmiLaunchIndex": one.index,
        "Architecture": one.architecture, "Hypervisor": "xen", "VirtualizationType": "hvm", "RootDeviceType": "ebs", "RootDeviceName": one.root_device, "EnaSupport": True,
        "EbsOptimized": one.ebs_optimized, "Monitoring": {"State": "pending" if one.monitoring == "enabled" and one.state == "pending" else one.monitoring}, "ProductCodes": [], "StateTransitionReason": one.transition,
        "PlatformDetails": "Linux/UNIX", "UsageOperation": "RunInstances", "UsageOperationUpdateTime": one.launched, "ClientToken": one.token,
        "Placement": {"AvailabilityZone": one.zone, "AvailabilityZoneId": zones.id_of(call.account, one.zone), "Tenancy": one.tenancy, **_group(call, one)},
        "PrivateDnsName": "", "PublicDnsName": "", "BlockDeviceMappings": [], "NetworkInterfaces": [], "SecurityGroups": [], "Tags": tags.shown(call, one.id),
        "CpuOptions": {"CoreCount": one.cores, "ThreadsPerCore": one.threads}, "CapacityReservationSpecification": {"CapacityReservationPreference": one.capacity_preference},
        "HibernationOptions": {"Configured": False}, "EnclaveOptions": {"Enabled": False}, "BootMode": "uefi-preferred", "CurrentInstanceBootMode": "uefi" if kind and kind.nitro else "legacy-bios",
        "MetadataOptions": {"State": "applied", **one.metadata}, "MaintenanceOptions": {"AutoRecovery": "default", "RebootMigration": "default", **one.maintenance},
        "PrivateDnsNameOptions": one.names, "NetworkPerformanceOptions": {"BandwidthWeighting": one.bandwidth or "default"}, "Operator": {"Managed": bool(one.operator)},
    }
    if one.operator:
        out["Operator"]["Principal"] = one.operator
    if one.reason_code:
        out["StateReason"] = {"Code": one.reason_code, "Message": one.reason}
    if one.host:
        out["Placement"] |= {"HostId": one.host, "Affinity": one.affinity}
    for member, value in (("KeyName", one.key_name), ("InstanceLifecycle", one.lifecycle), ("SpotInstanceRequestId", one.spot_request), ("Platform", one.platform),
                          ("CapacityReservationId", one.capacity_reservation)):
        if value:
            out[member] = value
    if one.capacity_wanted:
        out["CapacityReservationSpecification"] = {"CapacityReservationTarget": one.capacity_wanted}
    if one.profile:
        out["IamInstanceProfile"] = {"Arn": one.profile, "Id": profile_id(call, one.profile)}
    if one.state == "terminated":
        for gone in ("PrivateDnsNameOptions", "CapacityReservationId"):
            out.pop(gone, None)
        return out  # type: ignore[no-any-return]
    out |= {"VpcId": one.vpc, "SubnetId": one.subnet}
    if plugs:
        first = plugs[0]
        out |= {"NetworkInterfaces": [shown_interface(call, plug) for plug in plugs], "SecurityGroups": network_interfaces.shown_groups(call, first), "SourceDestCheck": first.source_dest_check}
        if first.addresses:
            out |= {"PrivateIpAddress": first.private, "PrivateDnsName": private_name(call, one, first)}
        if first.addresses6:
            out["Ipv6Address"] = first.addresses6[0]
        if first.addresses and (public := first.addresses[0].public):
            out["PublicIpAddress"] = public
            if vpc and vpc.dns_hostnames and vpc.dns_support:
                out["PublicDnsName"] = addresses.public_name(call.region, public)
    for volume in disks(call, one):
        if on := volume.on(one.id):
            out["BlockDeviceMappings"].append({"DeviceName": on.device, "Ebs": {"AttachTime": on.at, "DeleteOnTermination": on.delete_on_termination, "Status": on.state, "VolumeId": volume.id}})
    return out  # type: ignore[no-any-return]


def private_name(call: Call, one: Instance, first: NetworkInterface) -> str:
    if one.names.get("HostnameType") == "resource-name":
        return f"{one.id}.{'ec2.internal' if call.region == 'us-east-1' else call.region + '.compute.internal'}"
    return addresses.private_name(call.region, first.private)


def _group(call: Call, one: Instance) -> dict[str, Any]:
    if not one.group:
        return {"GroupName": ""}
    from . import placement_groups
    group = call.get(placement_groups.PlacementGroup, one.group)
    return {"GroupName": group.name if group else "", "GroupId": one.group, **({"PartitionNumber": one.partition} if one.partition else {})}


def reservations(call: Call, found: list[Instance]) -> list[Any]:
    """Instances as they were launched together."""
    out: dict[str, Any] = {}
    for one in found:
        out.setdefault(one.reservation, {"ReservationId": one.reservation, "OwnerId": call.account, "Groups": [], "Instances": []})["Instances"].append(shown(call, one))
    return list(out.values())


# -- operations ---------------------------------------------------------------------------------------------------------------------

def _plugs(read: Any) -> Any:
    return lambda call, i: [read(call, plug) for plug in interfaces(call, i)]


def _addresses(read: Any) -> Any:
    return lambda call, i: [read(each) for plug in interfaces(call, i) for each in plug.addresses]


def _first(member: str) -> Any:
    return lambda call, i: shown(call, i).get(member)


def _on(read: Any) -> Any:
    return lambda call, i: [read(v, on) for v in disks(call, i) if (on := v.on(i.id))]


FACETS: describe.Facets = {
    "instance-id": lambda i: i.id, "instance-state-name": lambda i: i.state, "instance-state-code": lambda i: CODES[i.state], "instance-type": lambda i: i.type, "image-id": lambda i: i.image,
    "availability-zone": lambda i: i.zone, "availability-zone-id": lambda call, i: zones.id_of(call.account, i.zone), "vpc-id": lambda i: None if i.state == "terminated" else i.vpc,
    "subnet-id": lambda i: None if i.state == "terminated" else i.subnet, "key-name": lambda i: i.key_name, "launch-index": lambda i: i.index, "launch-time": lambda i: describe_time(i.launched),
    "reservation-id": lambda i: i.reservation, "owner-id": lambda call, i: call.account, "architecture": lambda i: i.architecture, "hypervisor": lambda i: "xen", "client-token": lambda i: i.token,
    "root-device-type": lambda i: "ebs", "root-device-name": lambda i: i.root_device, "virtualization-type": lambda i: "hvm", "monitoring-state": lambda i: i.monitoring,
    "tenancy": lambda i: i.tenancy, "host-id": lambda i: i.host, "affinity": lambda i: i.affinity if i.host else None, "placement-group-name": lambda call, i: _group(call, i)["GroupName"],
    "placement-group-id": lambda i: i.group, "placement-partition-number": lambda i: i.partition or None, "instance-lifecycle": lambda i: i.lifecycle or None, "platform": lambda i: i.platform or None,
    "spot-instance-request-id": lambda i: i.spot_request or None, "capacity-reservation-id": lambda i: i.capacity_reservation or None, "platform-details": lambda i: "Linux/UNIX",
    "usage-operation": lambda i: "RunInstances", "ebs-optimized": lambda i: i.ebs_optimized, "ena-support": lambda i: True, "hibernation-options.configured": lambda i: False,
    "enclave-options.enabled": lambda i: False, "state-reason-code": lambda i: i.reason_code or None, "reason": lambda i: i.transition or None, "boot-mode": lambda i: "uefi-preferred",
    "iam-instance-profile.arn": lambda i: i.profile or None, "iam-instance-profile.id": lambda call, i: profile_id(call, i.profile) if i.profile else None,
    "iam-instance-profile.name": lambda i: i.profile.rpartition("/")[2] or None, "instance.group-id": lambda call, i: [g for plug in interfaces(call, i)[:1] for g in plug.groups],
    "instance.group-name": lambda call, i: [security_groups.find(call, g).name for plug in interfaces(call, i)[:1] for g in plug.groups],
    "group-id": lambda call, i: [g for plug in interfaces(call, i)[:1] for g in plug.groups], "group-name": lambda call, i: [security_groups.find(call, g).name for plug in interfaces(call, i)[:1] for g in plug.groups],
    "private-ip-address": _first("PrivateIpAddress"), "ip-address": _first("PublicIpAddress"), "dns-name": _first("PublicDnsName"), "private-dns-name": _first("PrivateDnsName"),
    "source-dest-check": _first("SourceDestCheck"), "ipv6-address": _first("Ipv6Address"), "operator.managed": lambda i: bool(i.operator), "operator.principal": lambda i: i.operator or None,
    "metadata-options.http-tokens": lambda i: i.metadata["HttpTokens"], "metadata-options.http-endpoint": lambda i: i.metadata["HttpEndpoint"],
    "metadata-options.http-put-response-hop-limit": lambda i: i.metadata["HttpPutResponseHopLimit"], "metadata-options.http-protocol-ipv4": lambda i: i.metadata["HttpEndpoint"],
    "metadata-options.http-protocol-ipv6": lambda i: i.metadata["HttpProtocolIpv6"], "metadata-options.instance-metadata-tags": lambda i: i.metadata["InstanceMetadataTags"],
    "maintenance-options.auto-recovery": lambda i: i.maintenance.get("AutoRecovery", "default"), "current-instance-boot-mode": _first("CurrentInstanceBootMode"),
    "block-device-mapping.volume-id": _on(lambda v, on: v.id), "block-device-mapping.device-name": _on(lambda v, on: on.device), "block-device-mapping.status": _on(lambda v, on: on.state),
    "block-device-mapping.delete-on-termination": _on(lambda v, on: on.delete_on_termination), "block-device-mapping.attach-time": _on(lambda v, on: describe_time(on.at)),
    "network-interface.network-interface-id": _plugs(lambda call, p: p.id), "network-interface.subnet-id": _plugs(lambda call, p: p.subnet_id), "network-interface.vpc-id": _plugs(lambda call, p: p.vpc_id),
    "network-interface.mac-address": _plugs(lambda call, p: p.mac), "network-interface.description": _plugs(lambda call, p: p.description), "network-interface.group-id": _plugs(lambda call, p: p.groups),
    "network-interface.group-name": _plugs(lambda call, p: [security_groups.find(call, g).name for g in p.groups]), "network-interface.availability-zone": _plugs(lambda call, p: p.zone),
    "network-interface.source-dest-check": _plugs(lambda call, p: p.source_dest_check), "network-interface.owner-id": _plugs(lambda call, p: call.account),
    "network-interface.status": _plugs(lambda call, p: "in-use"), "network-interface.attachment.attachment-id": _plugs(lambda call, p: p.attachment.id),
    "network-interface.attachment.device-index": _plugs(lambda call, p: p.attachment.device), "network-interface.attachment.instance-id": lambda i: i.id,
    "network-interface.attachment.delete-on-termination": _plugs(lambda call, p: p.attachment.delete_on_termination), "network-interface.attachment.status": _plugs(lambda call, p: "attached"),
    "network-interface.addresses.private-ip-address": _addresses(lambda a: a.private), "network-interface.addresses.association.public-ip": _addresses(lambda a: a.public or None),
    "network-interface.association.public-ip": _addresses(lambda a: a.public or None), "network-interface.association.allocation-id": _addresses(lambda a: a.allocation or None),
    "network-interface.association.association-id": _addresses(lambda a: a.association or None), "network-interface.ipv6-addresses.ipv6-address": _plugs(lambda call, p: p.addresses6),
    "network-interface.private-ip-address": _addresses(lambda a: a.private), "network-interface.private-dns-name": _addresses(lambda a: None),
}


@ec2.op(**names.LOOK)
def describe_instances(call: Call, req: t.DescribeInstancesRequest) -> t.DescribeInstancesResult:
    ids = req.get("InstanceIds")
    found = several(call, ids) if ids else call.all(Instance)
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    answer = describe.page(req, found, "Reservations", ids=ids)
    return {**answer, "Reservations": reservations(call, answer["Reservations"])}


STATUS: describe.Facets = {
    "availability-zone": lambda i: i.zone, "availability-zone-id": FACETS["availability-zone-id"], "instance-state-code": FACETS["instance-state-code"],
    "instance-state-name": FACETS["instance-state-name"], "instance-status.status": lambda call, i: status(call, i)[0], "system-status.status": lambda call, i: status(call, i)[0],
    "instance-status.reachability": lambda call, i: status(call, i)[1], "system-status.reachability": lambda call, i: status(call, i)[1],
    "attached-ebs-status.status": lambda call, i: status(call, i)[0], "operator.managed": FACETS["operator.managed"], "operator.principal": FACETS["operator.principal"],
    "event.code": lambda i: None, "event.description": lambda i: None, "event.instance-event-id": lambda i: None, "event.not-after": lambda i: None, "event.not-before": lambda i: None,
}
CHECKS_SECONDS = 10.0    # until the status checks of a machine that came up have passed (minutes on AWS)


def status(call: Call, one: Instance) -> tuple[str, str]:
    """(status, reachability) of the checks."""
    if one.state != "running":
        return "not-applicable", ""
    if one.reason_code == "Cloche.RecordOnly":
        return "insufficient-data", "insufficient-data"  # nothing there that could be checked
    return ("ok", "passed") if call.now >= one.launched + CHECKS_SECONDS else ("initializing", "initializing")


@ec2.op(**names.LOOK)
def describe_instance_status(call: Call, req: t.DescribeInstanceStatusRequest) -> t.DescribeInstanceStatusResult:
    """Only those that run, unless all are asked for."""
    ids = req.get("InstanceIds")
    found = several(call, ids) if ids else call.all(Instance)
    if not req.get("IncludeAllInstances"):
        found = [one for one in found if one.state == "running"]
    found = describe.matching(call, found, req.get("Filters"), STATUS)
    rows = []
    for one in found:
        text, reachable = status(call, one)
        detail: Any = {"Status": text, **({"Details": [{"Name": "reachability", "Status": reachable}]} if reachable else {})}
        rows.append({"InstanceId": one.id, "AvailabilityZone": one.zone, "AvailabilityZoneId": zones.id_of(call.account, one.zone), "InstanceState": state(one.state), "Events": [],
                     "InstanceStatus": detail, "SystemStatus": detail, "AttachedEbsStatus": detail, "Operator": {"Managed": bool(one.operator)}})
    return describe.page(req, rows, "InstanceStatuses", ids=ids)
