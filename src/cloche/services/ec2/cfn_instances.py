"""Instances and what belongs to them in templates: Instance, LaunchTemplate, KeyPair, Volume, VolumeAttachment, PlacementGroup, Host, CapacityReservation, fleets."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Type, await_signals, op, steps

from .cfn_shared import looks, makes, only, retag, specification, true

# -- Instance --------------------------------------------------------------------------------------------------------------------------------

PLACES = {"AvailabilityZone": "AvailabilityZone", "Affinity": "Affinity", "HostId": "HostId", "HostResourceGroupArn": "HostResourceGroupArn", "PlacementGroupName": "GroupName", "Tenancy": "Tenancy"}
AS_THEY_ARE = ("BlockDeviceMappings", "CpuOptions", "DisableApiTermination", "EbsOptimized", "EnclaveOptions", "HibernationOptions", "ImageId", "InstanceInitiatedShutdownBehavior",
               "InstanceType", "Ipv6AddressCount", "Ipv6Addresses", "KeyName", "LaunchTemplate", "MetadataOptions", "NetworkInterfaces", "PrivateDnsNameOptions", "PrivateIpAddress", "SecurityGroupIds",
               "SecurityGroups", "SubnetId", "UserData")
LATER = ("SourceDestCheck", "Volumes", "Monitoring", "CreditSpecification", "IamInstanceProfile", "PropagateTagsToVolumeOnCreation", "AdditionalInfo")
_instance = looks("DescribeInstances", "InstanceIds", "Reservations")


async def _there(r: Resource) -> Any:
    return (await _instance(r))["Instances"][0]


async def create_instance(r: Resource) -> str:
    only(r, *AS_THEY_ARE, *LATER, *PLACES)
    what = {name: r.properties[name] for name in AS_THEY_ARE if name in r.properties}
    if place := {member: r.properties[name] for name, member in PLACES.items() if name in r.properties}:
        what["Placement"] = place
    if profile := r.get("IamInstanceProfile"):
        what["IamInstanceProfile"] = {"Name": profile}
    if r.get("Monitoring") is not None:
        what["Monitoring"] = {"Enabled": r.get("Monitoring")}
    if credit := (r.get("CreditSpecification") or {}).get("CPUCredits"):
        what["CreditSpecification"] = {"CpuCredits": credit}
    kinds = ["instance", *(["volume"] if true(r.get("PropagateTagsToVolumeOnCreation")) else [])]
    tags = [{"ResourceType": kind, "Tags": tags["Tags"]} for tags in specification(r, "instance") or () for kind in kinds]
    answer = await r.do("ec2", "RunInstances", MinCount=1, MaxCount=1, TagSpecifications=tags or None, **what)
    r.physical = str(answer["Instances"][0]["InstanceId"])
    if r.get("SourceDestCheck") is not None and not true(r.get("SourceDestCheck")):
        await r.do("ec2", "ModifyInstanceAttribute", InstanceId=r.physical, SourceDestCheck={"Value": False})
    await_signals(r)
    return r.physical


async def instance_ready(r: Resource) -> bool:
    """It runs; and then what is attached to running instances is attached."""
    there = await _there(r)
    state = there["State"]["Name"]
    if r.stage == "stopping":  # an update that needs it to be stopped
        if state == "stopped":
            await _change_stopped(r)
            r.stage = ""
        return False
    if state in ("shutting-down", "terminated", "stopping", "stopped"):
        raise AwsError("InternalFailure", f"The instance {r.physical} did not come to run: {(there.get('StateReason') or {}).get('Message', state)}")
    if state != "running":
        return False
    attached = {each["Ebs"]["VolumeId"] for each in there["BlockDeviceMappings"]}
    for each in r.get("Volumes") or ():
        if each["VolumeId"] not in attached:
            await r.do("ec2", "AttachVolume", VolumeId=each["VolumeId"], InstanceId=r.physical, Device=each["Device"])
    return True


async def read_instance(r: Resource) -> None:
    there = await _there(r)
    r.attributes |= {
        "InstanceId": r.physical, "AvailabilityZone": there["Placement"]["AvailabilityZone"], "PrivateDnsName": there["PrivateDnsName"], "PublicDnsName": there["PublicDnsName"],
        "PrivateIp": there.get("PrivateIpAddress", ""), "PublicIp": there.get("PublicIpAddress", ""), "VpcId": there.get("VpcId", "")}


STOPPED = ("InstanceType", "UserData", "EbsOptimized")


async def update_instance(r: Resource) -> None:
    """What changes while it runs is changed; for the rest it is stopped, changed and started."""
    for name in ("DisableApiTermination", "InstanceInitiatedShutdownBehavior", "SourceDestCheck"):
        if r.changed(name):
            default: Any = {"InstanceInitiatedShutdownBehavior": "stop", "SourceDestCheck": True}.get(name, False)
            await r.do("ec2", "ModifyInstanceAttribute", InstanceId=r.physical, **{name: {"Value": r.get(name, default)}})
    if r.changed("SecurityGroupIds") and r.get("SecurityGroupIds"):
        await r.do("ec2", "ModifyInstanceAttribute", InstanceId=r.physical, Groups=r.get("SecurityGroupIds"))
    if r.changed("Monitoring"):
        await r.do("ec2", "MonitorInstances" if true(r.get("Monitoring")) else "UnmonitorInstances", InstanceIds=[r.physical])
    if r.changed("CreditSpecification") and (credit := (r.get("CreditSpecification") or {}).get("CPUCredits")):
        await r.do("ec2", "ModifyInstanceCreditSpecification", InstanceCreditSpecifications=[{"InstanceId": r.physical, "CpuCredits": credit}])
    if r.changed("MetadataOptions") and r.get("MetadataOptions"):
        await r.do("ec2", "ModifyInstanceMetadataOptions", InstanceId=r.physical, **r.get("MetadataOptions"))
    if r.changed("IamInstanceProfile"):
        await _profile(r)
    if r.changed("Volumes"):
        for gone in [each for each in r.old.get("Volumes") or () if each not in (r.get("Volumes") or ())]:
            await r.do("ec2", "DetachVolume", VolumeId=gone["VolumeId"], InstanceId=r.physical)
    await retag(r)
    if any(r.changed(name) for name in STOPPED):
        r.stage = "stopping"
        if (await _there(r))["State"]["Name"] == "running":
            await r.do("ec2", "StopInstances", InstanceIds=[r.physical])


async def _change_stopped(r: Resource) -> None:
    for name in [name for name in STOPPED if r.changed(name)]:
        value: Any = r.get(name)
        if name == "UserData":
            await r.do("ec2", "ModifyInstanceAttribute", InstanceId=r.physical, Attribute="userData", Value=value or "")
        else:
            await r.do("ec2", "ModifyInstanceAttribute", InstanceId=r.physical, **{name: {"Value": value if value is not None else "m1.small" if name == "InstanceType" else False}})
    await r.do("ec2", "StartInstances", InstanceIds=[r.physical])


async def _profile(r: Resource) -> None:
    there = (await r.do("ec2", "DescribeIamInstanceProfileAssociations", Filters=[{"Name": "instance-id", "Values": [r.physical]}]))["IamInstanceProfileAssociations"]
    wanted = r.get("IamInstanceProfile")
    if there and wanted:
        await r.do("ec2", "ReplaceIamInstanceProfileAssociation", AssociationId=there[0]["AssociationId"], IamInstanceProfile={"Name": wanted})
    elif there:
        await r.do("ec2", "DisassociateIamInstanceProfile", AssociationId=there[0]["AssociationId"])
    elif wanted:
        await r.do("ec2", "AssociateIamInstanceProfile", InstanceId=r.physical, IamInstanceProfile={"Name": wanted})


async def delete_instance(r: Resource) -> None:
    """Gone when it is terminated: until then its interfaces hold the subnet."""
    state = (await _there(r))["State"]["Name"]
    if state == "terminated":
        return
    if state != "shutting-down":
        await r.do("ec2", "TerminateInstances", InstanceIds=[r.physical])
    r.not_yet("terminating")


# -- LaunchTemplate -----------------------------------------------------------------------------------------------------------------------------

def _template(r: Resource) -> dict[str, Any]:
    return dict(r.properties["LaunchTemplateData"])


async def create_template(r: Resource) -> str:
    name = r.get("LaunchTemplateName") or f"{r.logical}_{r.call.pick(LETTERS, 12)}"
    answer = await r.do("ec2", "CreateLaunchTemplate", LaunchTemplateName=name, LaunchTemplateData=_template(r), VersionDescription=r.get("VersionDescription"),
                        TagSpecifications=r.get("TagSpecifications"))
    return str(answer["LaunchTemplate"]["LaunchTemplateId"])


async def update_template(r: Resource) -> None:
    """A change is a new version; the default stays where it is."""
    if r.changed("LaunchTemplateData", "VersionDescription"):
        await r.do("ec2", "CreateLaunchTemplateVersion", LaunchTemplateId=r.physical, LaunchTemplateData=_template(r), VersionDescription=r.get("VersionDescription"))


async def read_template(r: Resource) -> None:
    there = (await r.do("ec2", "DescribeLaunchTemplates", LaunchTemplateIds=[r.physical]))["LaunchTemplates"][0]
    r.attributes |= {"LaunchTemplateId": r.physical, "DefaultVersionNumber": str(there["DefaultVersionNumber"]), "LatestVersionNumber": str(there["LatestVersionNumber"])}


# -- KeyPair ----------------------------------------------------------------------------------------------------------------------------------------

async def create_key(r: Resource) -> str:
    """One that is made here has its private half in the parameter store, as CloudFormation does it: /ec2/keypair/KEY-ID."""
    name = r.properties["KeyName"]
    if material := r.get("PublicKeyMaterial"):
        answer = await r.do("ec2", "ImportKeyPair", KeyName=name, PublicKeyMaterial=material.encode(), TagSpecifications=specification(r, "key-pair"))
    else:
        answer = await r.do("ec2", "CreateKeyPair", KeyName=name, KeyType=r.get("KeyType"), KeyFormat=r.get("KeyFormat"), TagSpecifications=specification(r, "key-pair"))
        await r.do("ssm", "PutParameter", Name=f"/ec2/keypair/{answer['KeyPairId']}", Type="SecureString", Value=answer["KeyMaterial"])
    r.attributes |= {"KeyPairId": answer["KeyPairId"], "KeyFingerprint": answer["KeyFingerprint"]}
    return str(name)


async def delete_key(r: Resource) -> None:
    await r.do("ec2", "DeleteKeyPair", KeyName=r.physical)
    if not r.get("PublicKeyMaterial") and (id_ := r.attributes.get("KeyPairId")):
        try:
            await r.do("ssm", "DeleteParameter", Name=f"/ec2/keypair/{id_}")
        except AwsError as error:
            if error.code != "ParameterNotFound":
                raise


# -- volumes -----------------------------------------------------------------------------------------------------------------------------------------

VOLUME = ("AvailabilityZone", "AvailabilityZoneId", "Encrypted", "Iops", "KmsKeyId", "MultiAttachEnabled", "Size", "SnapshotId", "Throughput", "VolumeType")
_volume = looks("DescribeVolumes", "VolumeIds", "Volumes")


async def snapshot_volume(r: Resource) -> bool:
    """DeletionPolicy Snapshot: what is on the volume stays, under the stack's tags."""
    made = r.stage.partition(":")[2]
    if not made:
        answer = await r.do("ec2", "CreateSnapshot", VolumeId=r.physical, Description=f"Created by CloudFormation stack {r.stack_name} for {r.logical}")
        made, r.stage = answer["SnapshotId"], f"snapshot:{answer['SnapshotId']}"
    found = await r.do("ec2", "DescribeSnapshots", SnapshotIds=[made])
    return bool(found["Snapshots"][0]["State"] != "pending")


async def volume_ready(r: Resource) -> bool:
    r.attributes["VolumeId"] = r.physical
    return (await _volume(r))["State"] in ("available", "in-use")


async def volume_settings(r: Resource) -> None:
    if r.changed("AutoEnableIO"):
        await r.do("ec2", "ModifyVolumeAttribute", VolumeId=r.physical, AutoEnableIO={"Value": r.get("AutoEnableIO", False)})


async def update_volume(r: Resource) -> None:
    if changes := {name: r.get(name) for name in ("Size", "VolumeType", "Iops", "Throughput", "MultiAttachEnabled") if r.changed(name) and r.get(name) is not None}:
        await r.do("ec2", "ModifyVolume", VolumeId=r.physical, **changes)
    await volume_settings(r)
    await retag(r)


async def attach(r: Resource) -> str:
    """Ref is the volume's id; a volume or an instance that is not ready yet is waited for."""
    there = (await r.do("ec2", "DescribeInstances", InstanceIds=[r.properties["InstanceId"]]))["Reservations"][0]["Instances"][0]
    device = r.get("Device") or next(name for letter in "fghijklmnop" if (name := f"/dev/sd{letter}") not in {each["DeviceName"] for each in there["BlockDeviceMappings"]})
    await r.do("ec2", "AttachVolume", VolumeId=r.properties["VolumeId"], InstanceId=r.properties["InstanceId"], Device=device)
    return f"{r.properties['VolumeId']}|{r.properties['InstanceId']}"


async def attached(r: Resource) -> bool:
    there = (await r.do("ec2", "DescribeVolumes", VolumeIds=[r.properties["VolumeId"]]))["Volumes"][0]
    return any(each["InstanceId"] == r.properties["InstanceId"] and each["State"] == "attached" for each in there["Attachments"])


async def detach(r: Resource) -> None:
    there = (await r.do("ec2", "DescribeVolumes", VolumeIds=[r.properties["VolumeId"]]))["Volumes"][0]
    states = [each["State"] for each in there["Attachments"] if each["InstanceId"] == r.properties["InstanceId"]]
    if not states:
        return
    if states[0] != "detaching":
        await r.do("ec2", "DetachVolume", VolumeId=r.properties["VolumeId"], InstanceId=r.properties["InstanceId"])
    r.not_yet("detaching")


# -- places ---------------------------------------------------------------------------------------------------------------------------------------------

async def create_group(r: Resource) -> str:
    name = f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"
    answer = await r.do("ec2", "CreatePlacementGroup", GroupName=name, Strategy=r.get("Strategy"), PartitionCount=r.get("PartitionCount"), SpreadLevel=r.get("SpreadLevel"),
                        TagSpecifications=specification(r, "placement-group"))
    r.attributes |= {"GroupName": name, "GroupId": answer["PlacementGroup"]["GroupId"]}
    return name


HOST = ("AvailabilityZone", "AutoPlacement", "HostRecovery", "HostMaintenance", "InstanceType", "InstanceFamily")


async def create_host(r: Resource) -> str:
    only(r, *HOST)
    answer = await r.do("ec2", "AllocateHosts", Quantity=1, TagSpecifications=specification(r, "dedicated-host"), **{name: r.get(name) for name in HOST})
    r.attributes["HostId"] = answer["HostIds"][0]
    return str(answer["HostIds"][0])


async def update_host(r: Resource) -> None:
    if changes := {name: r.get(name) for name in ("AutoPlacement", "HostRecovery", "HostMaintenance") if r.changed(name)}:
        await r.do("ec2", "ModifyHosts", HostIds=[r.physical], **changes)
    await retag(r)


async def delete_host(r: Resource) -> None:
    answer = await r.do("ec2", "ReleaseHosts", HostIds=[r.physical])
    for failed in answer.get("Unsuccessful") or ():
        if "NotFound" not in failed["Error"]["Code"]:
            raise AwsError(failed["Error"]["Code"], failed["Error"]["Message"])


RESERVATION = ("AvailabilityZone", "AvailabilityZoneId", "EbsOptimized", "EndDate", "EndDateType", "InstanceCount", "InstanceMatchCriteria", "InstancePlatform", "InstanceType", "Tenancy")


async def create_fleet(r: Resource) -> str:
    answer = await r.do("ec2", "CreateFleet", **{name: value for name, value in r.properties.items() if name != STACK_TAGS})
    r.attributes["FleetId"] = answer["FleetId"]
    return str(answer["FleetId"])


async def update_fleet(r: Resource) -> None:
    await r.do("ec2", "ModifyFleet", FleetId=r.physical, TargetCapacitySpecification=r.get("TargetCapacitySpecification"), ExcessCapacityTerminationPolicy=r.get("ExcessCapacityTerminationPolicy"))


async def create_spot_fleet(r: Resource) -> str:
    answer = await r.do("ec2", "RequestSpotFleet", SpotFleetRequestConfig=r.properties["SpotFleetRequestConfigData"])
    r.attributes["Id"] = answer["SpotFleetRequestId"]
    return str(answer["SpotFleetRequestId"])


async def update_spot_fleet(r: Resource) -> None:
    config = r.properties["SpotFleetRequestConfigData"]
    await r.do("ec2", "ModifySpotFleetRequest", SpotFleetRequestId=r.physical, TargetCapacity=config.get("TargetCapacity"), OnDemandTargetCapacity=config.get("OnDemandTargetCapacity"),
               ExcessCapacityTerminationPolicy=config.get("ExcessCapacityTerminationPolicy"))


STACK_TAGS = "TagSpecifications/*/Tags"  # where the registry says that this type's tags are: the stack's own come by that name


async def create_reservation(r: Resource) -> str:
    only(r, *RESERVATION, "TagSpecifications", STACK_TAGS)
    given = [pair for each in r.get("TagSpecifications") or () for pair in each.get("Tags") or ()] + list(r.get(STACK_TAGS) or ())
    tags = [{"ResourceType": "capacity-reservation", "Tags": given}] if given else None
    answer = await r.do("ec2", "CreateCapacityReservation", TagSpecifications=tags, **{name: r.get(name) for name in RESERVATION})
    made = answer["CapacityReservation"]
    r.attributes |= {"Id": made["CapacityReservationId"], "CapacityReservationArn": made["CapacityReservationArn"], "AvailableInstanceCount": made["AvailableInstanceCount"],
                     "TotalInstanceCount": made["TotalInstanceCount"]}
    return str(made["CapacityReservationId"])


async def update_reservation(r: Resource) -> None:
    await r.do("ec2", "ModifyCapacityReservation", CapacityReservationId=r.physical, InstanceCount=r.get("InstanceCount"), EndDate=r.get("EndDate"), EndDateType=r.get("EndDateType"),
               InstanceMatchCriteria=r.get("InstanceMatchCriteria"))


TYPES = {
    "AWS::EC2::Instance": Type(create=create_instance, ready=instance_ready, read=read_instance, update=update_instance, delete=delete_instance, attributes=("AvailabilityZone",),
                               gone=("InvalidInstanceID.NotFound",)),
    "AWS::EC2::LaunchTemplate": Type(create=create_template, read=read_template, update=update_template, delete=op("ec2", "DeleteLaunchTemplate", LaunchTemplateId="{id}"),
                                     gone=("InvalidLaunchTemplateId.NotFound",)),
    "AWS::EC2::KeyPair": Type(create=create_key, delete=delete_key),
    "AWS::EC2::Volume": Type(create=steps(makes("volume", "CreateVolume", "VolumeId", *VOLUME, also=("AutoEnableIO",)), volume_settings), ready=volume_ready, update=update_volume,
                             delete=op("ec2", "DeleteVolume", VolumeId="{id}"), snapshot=snapshot_volume, replaces=("AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId"), gone=("InvalidVolume.NotFound",)),
    "AWS::EC2::VolumeAttachment": Type(create=attach, ready=attached, delete=detach, gone=("InvalidVolume.NotFound", "InvalidInstanceID.NotFound", "IncorrectState")),
    "AWS::EC2::PlacementGroup": Type(create=create_group, delete=op("ec2", "DeletePlacementGroup", GroupName="{id}"), gone=("InvalidPlacementGroup.Unknown",)),
    "AWS::EC2::Host": Type(create=create_host, update=update_host, delete=delete_host),
    "AWS::EC2::EC2Fleet": Type(create=create_fleet, update=update_fleet, delete=op("ec2", "DeleteFleets", FleetIds="{id}", TerminateInstances=True)),
    "AWS::EC2::SpotFleet": Type(create=create_spot_fleet, update=update_spot_fleet, delete=op("ec2", "CancelSpotFleetRequests", SpotFleetRequestIds="{id}", TerminateInstances=True)),
    "AWS::EC2::CapacityReservation": Type(create=create_reservation, update=update_reservation, delete=op("ec2", "CancelCapacityReservation", CapacityReservationId="{id}"),
                                          gone=("InvalidCapacityReservationId.NotFound", "IncorrectState")),
}
