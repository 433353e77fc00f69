"""What can be changed of an instance: some of it any time, its type, user data and disks' optimization only while it is stopped."""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors, image_records, instance_types, instances, launch, launch_options, life, names, network_interfaces, security_groups, volumes
from . import errors_instances as refusals
from . import service as ec2
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

ON = names.on("instance", "InstanceId")


def _alive(call: Call, id_: str) -> Instance:
    one = instances.find(call, id_)
    if one.state in ("terminated", "shutting-down"):
        raise refusals.terminated_instance(id_)
    return one


@ec2.op(**ON)
def describe_instance_attribute(call: Call, req: t.DescribeInstanceAttributeRequest) -> t.InstanceAttribute:
    one, name = instances.find(call, req["InstanceId"]), req["Attribute"]
    shown: Any = instances.shown(call, one)
    values: dict[str, tuple[str, Any]] = {
        "instanceType": ("InstanceType", {"Value": one.type}), "disableApiTermination": ("DisableApiTermination", {"Value": one.protected}),
        "disableApiStop": ("DisableApiStop", {"Value": one.stop_protected}), "instanceInitiatedShutdownBehavior": ("InstanceInitiatedShutdownBehavior", {"Value": one.shutdown}),
        "rootDeviceName": ("RootDeviceName", {"Value": one.root_device}), "blockDeviceMapping": ("BlockDeviceMappings", shown["BlockDeviceMappings"]), "productCodes": ("ProductCodes", []),
        "sourceDestCheck": ("SourceDestCheck", {"Value": shown.get("SourceDestCheck", True)}), "groupSet": ("Groups", shown["SecurityGroups"]), "ebsOptimized": ("EbsOptimized", {"Value": one.ebs_optimized}),
        "sriovNetSupport": ("SriovNetSupport", {"Value": "simple"}), "enaSupport": ("EnaSupport", {"Value": True}), "enclaveOptions": ("EnclaveOptions", {"Enabled": False}),
        "userData": ("UserData", {"Value": base64.b64encode(one.user_data).decode()} if one.user_data else {}), "kernel": ("KernelId", {}), "ramdisk": ("RamdiskId", {}),
    }
    member, value = values[name]
    return {"InstanceId": one.id, member: value}  # type: ignore[return-value,misc]


STOPPED = {"InstanceType": "instanceType", "UserData": "userData", "EbsOptimized": "ebsOptimized", "Kernel": "kernel", "Ramdisk": "ramdisk", "EnaSupport": "enaSupport", "SriovNetSupport": "sriovNetSupport"}


def _asked(req: Any) -> dict[str, Any]:
    """The one attribute of a request, whether it was said by name and value or in a member of its own."""
    found: dict[str, Any] = {}
    for member in ("SourceDestCheck", "DisableApiStop", "DisableApiTermination", "InstanceType", "Kernel", "Ramdisk", "UserData", "InstanceInitiatedShutdownBehavior", "EbsOptimized", "SriovNetSupport",
                   "EnaSupport"):
        if req.get(member) is not None:
            found[member] = req[member].get("Value")
    for member in ("Groups", "BlockDeviceMappings"):
        if req.get(member):
            found[member] = req[member]
    if (name := req.get("Attribute")) and name not in ("blockDeviceMapping", "groupSet"):
        value: Any = req.get("Value")
        if name in ("disableApiTermination", "sourceDestCheck", "ebsOptimized", "disableApiStop", "enaSupport"):
            value = str(value).lower() == "true"
        found[name[0].upper() + name[1:]] = value
    return found


@ec2.op(**ON, partly="kernel, ramdisk, sriovNetSupport and enclaves are not there to be changed")
def modify_instance_attribute(call: Call, req: t.ModifyInstanceAttributeRequest) -> None:
    one = _alive(call, req["InstanceId"])
    asked = _asked(req)
    if not asked:
        raise errors.missing("attribute")
    if len(asked) > 1:
        raise errors.combination("Fields for multiple attribute types specified: " + ", ".join(sorted(asked)))
    (member, value), = asked.items()
    if member in STOPPED and one.state != "stopped":
        raise refusals.must_be_stopped(one.id, f"Its attribute {STOPPED[member]} cannot be changed.")
    if member in ("Kernel", "Ramdisk", "SriovNetSupport"):
        raise errors.unsupported(f"The attribute {STOPPED[member]} cannot be changed: Cloche's machines run on the host's kernel.")
    if member == "InstanceType":
        kind = instance_types.find(value)
        if one.architecture not in kind.architectures:
            raise refusals.architecture(",".join(kind.architectures), one.architecture)
        if len(instances.interfaces(call, one)) > kind.interfaces:
            raise errors.combination(f"The instance type '{kind.name}' does not support as many network interfaces as the instance '{one.id}' has.")
        call.put(one.but(type=kind.name, credits=launch_options.credit(call, None, kind), **launch_options.cpu(None, kind)))
    elif member == "UserData":
        call.put(one.but(user_data=_bytes(value)))
    elif member in ("DisableApiTermination", "DisableApiStop", "EbsOptimized"):
        if member == "DisableApiTermination" and one.lifecycle == "spot":
            raise errors.unsupported("The disableApiTermination attribute can't be modified for Spot Instances.")
        call.put(one.but(**{{"DisableApiTermination": "protected", "DisableApiStop": "stop_protected", "EbsOptimized": "ebs_optimized"}[member]: bool(value)}))
    elif member == "InstanceInitiatedShutdownBehavior":
        if value not in ("stop", "terminate"):
            raise errors.invalid_value(value, "instanceInitiatedShutdownBehavior", "Valid values: stop, terminate")
        call.put(one.but(shutdown=value))
    elif member == "BlockDeviceMappings":
        _disks(call, one, value)
    elif member in ("SourceDestCheck", "Groups"):
        _plug(call, one, member, value)


def _bytes(value: Any) -> bytes:
    """The blob is as it is meant; by Attribute and Value it is base64 text."""
    return launch.user_data(value if isinstance(value, bytes) or not value else str(value))


def _disks(call: Call, one: Instance, mappings: Any) -> None:
    for each in mappings:
        ebs = each.get("Ebs") or {}
        found = next((disk for disk in instances.disks(call, one) if (on := disk.on(one.id)) and on.device == each.get("DeviceName")), None)
        if found is None:
            raise errors.invalid(f"No device is currently mapped at {each.get('DeviceName')}")
        if ebs.get("DeleteOnTermination") is not None:
            volumes.put(call, found.but(attachments=[msgspec.structs.replace(at, delete_on_termination=ebs["DeleteOnTermination"]) if at.instance_id == one.id else at for at in found.attachments]))


def _plug(call: Call, one: Instance, member: str, value: Any) -> None:
    plugs = instances.interfaces(call, one)
    if len(plugs) > 1:
        raise errors.AwsError("InvalidInstanceID", f"There are multiple interfaces attached to instance '{one.id}'. Please specify an interface ID for the operation instead.")
    if member == "SourceDestCheck":
        network_interfaces.put(call, plugs[0].but(source_dest_check=bool(value)))
    else:
        network_interfaces.put(call, plugs[0].but(groups=security_groups.for_interface(call, plugs[0].vpc_id, list(value))))


@ec2.op(**ON)
def reset_instance_attribute(call: Call, req: t.ResetInstanceAttributeRequest) -> None:
    one = _alive(call, req["InstanceId"])
    if req["Attribute"] != "sourceDestCheck":
        raise errors.unsupported(f"The attribute {req['Attribute']} cannot be reset.")
    _plug(call, one, "SourceDestCheck", True)


# -- metadata, monitoring, credits, maintenance, names -----------------------------------------------------------------------------------

@ec2.op(**ON)
def modify_instance_metadata_options(call: Call, req: t.ModifyInstanceMetadataOptionsRequest) -> t.ModifyInstanceMetadataOptionsResult:
    """In force at once. While the endpoint is off, the other options cannot be changed."""
    one = _alive(call, req["InstanceId"])
    endpoint = req.get("HttpEndpoint") or one.metadata["HttpEndpoint"]
    if endpoint == "disabled" and any(req.get(member) is not None for member in ("HttpTokens", "HttpPutResponseHopLimit")):
        raise errors.combination("You must enable the HTTP endpoint to modify the token state or the hop limit")
    one = call.put(one.but(metadata=launch_options.checked_metadata(one.metadata, req)))
    return {"InstanceId": one.id, "InstanceMetadataOptions": {"State": "pending", **one.metadata}}  # type: ignore[typeddict-item]


@ec2.op(**names.on("instance", "InstanceIds"))
def monitor_instances(call: Call, req: t.MonitorInstancesRequest) -> t.MonitorInstancesResult:
    """Detailed: a datapoint a minute, each at a price."""
    found = instances.several(call, req["InstanceIds"])
    for one in found:
        call.put(one.but(monitoring="enabled"))
    return {"InstanceMonitorings": [{"InstanceId": one.id, "Monitoring": {"State": "enabled" if one.monitoring == "enabled" else "pending"}} for one in found]}


@ec2.op(**names.on("instance", "InstanceIds"))
def unmonitor_instances(call: Call, req: t.UnmonitorInstancesRequest) -> t.UnmonitorInstancesResult:
    """Basic: a datapoint every five minutes; status checks are told every minute all the same."""
    found = instances.several(call, req["InstanceIds"])
    for one in found:
        call.put(one.but(monitoring="disabled"))
    return {"InstanceMonitorings": [{"InstanceId": one.id, "Monitoring": {"State": "disabled" if one.monitoring == "disabled" else "disabling"}} for one in found]}


@ec2.op(**names.LOOK)
def describe_instance_credit_specifications(call: Call, req: t.DescribeInstanceCreditSpecificationsRequest) -> t.DescribeInstanceCreditSpecificationsResult:
    from . import describe
    ids = req.get("InstanceIds")
    found = instances.several(call, ids) if ids else [one for one in call.all(Instance) if one.credits == "unlimited" and one.state != "terminated"]
    for one in found:
        if not one.credits:
            raise errors.AwsError("InvalidInstanceCreditSpecification.NotSupported", f"The instance '{one.id}' is not a burstable performance instance")
    found = describe.matching(call, found, req.get("Filters"), {"instance-id": lambda i: i.id})
    return describe.page(req, [{"InstanceId": one.id, "CpuCredits": one.credits} for one in found], "InstanceCreditSpecifications", ids=ids)


@ec2.op(**names.LOOK)
def modify_instance_credit_specification(call: Call, req: t.ModifyInstanceCreditSpecificationRequest) -> t.ModifyInstanceCreditSpecificationResult:
    done: list[Any] = []
    failed: list[Any] = []
    for each in req["InstanceCreditSpecifications"]:
        one, wanted = call.get(Instance, each.get("InstanceId", "")), each.get("CpuCredits")
        if one is None:
            failed.append({"InstanceId": each.get("InstanceId"), "Error": {"Code": "InvalidInstanceID.NotFound", "Message": f"The instance ID '{each.get('InstanceId')}' does not exist"}})
        elif not one.credits or wanted not in ("standard", "unlimited"):
            failed.append({"InstanceId": one.id, "Error": {"Code": "InstanceCreditSpecification.NotSupported", "Message": "The instance or the value does not support CPU credits"}})
        else:
            call.put(one.but(credits=wanted))
            done.append({"InstanceId": one.id})
    return {"SuccessfulInstanceCreditSpecifications": done, "UnsuccessfulInstanceCreditSpecifications": failed}


@ec2.op(**ON)
def modify_instance_maintenance_options(call: Call, req: t.ModifyInstanceMaintenanceOptionsRequest) -> t.ModifyInstanceMaintenanceOptionsResult:
    one = _alive(call, req["InstanceId"])
    one = call.put(one.but(maintenance=one.maintenance | {k: req[k] for k in ("AutoRecovery", "RebootMigration") if req.get(k)}))  # type: ignore[literal-required]
    return {"InstanceId": one.id, "AutoRecovery": one.maintenance.get("AutoRecovery", "default"), "RebootMigration": one.maintenance.get("RebootMigration", "default")}  # type: ignore[typeddict-item]


@ec2.op(**ON)
def modify_private_dns_name_options(call: Call, req: t.ModifyPrivateDnsNameOptionsRequest) -> t.ModifyPrivateDnsNameOptionsResult:
    one = _alive(call, req["InstanceId"])
    if req.get("PrivateDnsHostnameType") and one.state != "stopped":
        raise refusals.must_be_stopped(one.id, "Its hostname type cannot be changed.")
    change = {"HostnameType": req.get("PrivateDnsHostnameType"), "EnableResourceNameDnsARecord": req.get("EnableResourceNameDnsARecord"),
              "EnableResourceNameDnsAAAARecord": req.get("EnableResourceNameDnsAAAARecord")}
    call.put(one.but(names=one.names | {k: v for k, v in change.items() if v is not None}))
    return {"Return": True}


@ec2.op(**ON)
def modify_instance_capacity_reservation_attributes(call: Call, req: t.ModifyInstanceCapacityReservationAttributesRequest) -> t.ModifyInstanceCapacityReservationAttributesResult:
    """In force at the next start."""
    from . import capacity_reservations
    one = _alive(call, req["InstanceId"])
    if one.state != "stopped":
        raise refusals.must_be_stopped(one.id, "Its capacity reservation settings cannot be changed.")
    wanted = req["CapacityReservationSpecification"]
    target = wanted.get("CapacityReservationTarget") or {}
    if id_ := target.get("CapacityReservationId"):
        capacity_reservations.find(call, id_)
    call.put(one.but(capacity_preference=wanted.get("CapacityReservationPreference") or "open", capacity_wanted=dict(target)))
    return {"Return": True}


# -- what it says ------------------------------------------------------------------------------------------------------------------------

@ec2.op(**ON)
def get_console_output(call: Call, req: t.GetConsoleOutputRequest) -> t.GetConsoleOutputResult:
    """The machine's console, 64 KB of it. A record has none."""
    one = instances.find(call, req["InstanceId"])
    text = b"" if life.records_only(call) or "console" not in life.MACHINES else life.MACHINES["console"](call, one.id)[-65536:]
    return {"InstanceId": one.id, "Timestamp": call.now, "Output": base64.b64encode(text).decode()} if text else {"InstanceId": one.id, "Timestamp": call.now}


@ec2.op(**ON)
def get_password_data(call: Call, req: t.GetPasswordDataRequest) -> t.GetPasswordDataResult:
    """Of Windows alone: what runs here is Linux, for which AWS answers with an empty one."""
    return {"InstanceId": instances.find(call, req["InstanceId"]).id, "Timestamp": call.now, "PasswordData": ""}


@ec2.op(**ON)
def get_instance_uefi_data(call: Call, req: t.GetInstanceUefiDataRequest) -> t.GetInstanceUefiDataResult:
    one = instances.find(call, req["InstanceId"])
    raise errors.unsupported(f"The instance '{one.id}' has no UEFI variable store: machines are booted by the host's kernel.")


@ec2.op(**ON, partly="only of images that Cloche knows")
def describe_instance_image_metadata(call: Call, req: t.DescribeInstanceImageMetadataRequest) -> t.DescribeInstanceImageMetadataResult:
    from . import describe
    ids = req.get("InstanceIds")
    found = instances.several(call, ids) if ids else call.all(Instance)
    found = describe.matching(call, found, req.get("Filters"), instances.FACETS)
    rows = []
    for one in found:
        image = image_records.anywhere(call, one.image)
        rows.append({"InstanceId": one.id, "InstanceType": one.type, "LaunchTime": one.launched, "AvailabilityZone": one.zone, "State": instances.state(one.state), "OwnerId": call.account,
                     "ImageMetadata": {"ImageId": one.image, **({"Name": image.name, "OwnerId": image.owner, "State": image.state, "CreationDate": volumes.describe_time(image.made),
                                                                  "IsPublic": image.public} if image else {})}})
    return describe.page(req, rows, "InstanceImageMetadata", ids=ids)
