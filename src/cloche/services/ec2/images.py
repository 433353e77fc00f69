"""Images (AMIs): made of an instance or of a snapshot, copied, described, deregistered. Regional, and never edited but for who may use them and how they are called."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsEvent, Call

from . import describe, ebs_encryption, errors, image_records, instances, life, names, public_images, snapshots, tags, volumes
from . import errors_instances as refusals
from . import service as ec2
from .image_records import Image, Published
from .snapshots import Snapshot

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

NAME = re.compile(r"[a-zA-Z0-9()\[\] ./\-'@_]{3,128}")
PENDING_SECONDS = 6.0
GONE_SECONDS = 3600.0


def checked_name(call: Call, name: str) -> str:
    if not NAME.fullmatch(name):
        raise refusals.image_name_malformed()
    for one in call.all(Image):
        if one.name == name and one.state != "deregistered":
            raise refusals.image_name_taken(name, one.id)
    return name


def enter(call: Call, name: str, mappings: list[dict[str, Any]], **more: Any) -> Image:
    return image_records.publish(call, Image(call.id("ami-"), name, call.account, call.now, mappings=mappings, location=f"{call.account}/{name}", **more))


@ec2.timer
def image_ready(call: Call, id: str) -> None:
    """Available when its snapshots are complete."""
    one = call.get(Image, id)
    if one is None or one.state != "pending":
        return
    made = [found for id_ in one.snapshots if (found := call.get(Snapshot, id_))]
    if any(each.state == "pending" for each in made):
        call.after(1.0, image_ready, id, id=id)
        return
    image_records.publish(call, one.but(state="available"))
    call.emit(AwsEvent("aws.ec2", "EC2 AMI State Change", {"RequestId": "", "ImageId": id, "State": "available", "ErrorMessage": ""}, [names.arn(call, "image", id)]))


@ec2.op(**names.making("image", instance="InstanceId"), partly="the reboot that NoReboot leaves out comes after its disks were copied, as they are at the call")
def create_image(call: Call, req: t.CreateImageRequest) -> t.CreateImageResult:
    """Snapshots of all its volumes at one moment. User data is not part of it."""
    instance = instances.find(call, req["InstanceId"])
    if instance.state not in ("running", "stopped", "stopping", "pending"):
        raise refusals.wrong_state(instance.id, "imaged")
    name = checked_name(call, req["Name"])
    asked = {each.get("DeviceName"): each for each in req.get("BlockDeviceMappings") or ()}
    mappings: list[dict[str, Any]] = []
    made: list[str] = []
    for disk in instances.disks(call, instance):
        on = disk.on(instance.id)
        assert on
        over = asked.pop(on.device, {})
        if over.get("NoDevice") is not None:
            continue
        one = snapshots.take(call, disk, f"Created by CreateImage({instance.id}) for an image")
        made.append(one.id)
        ebs: dict[str, Any] = {"DeleteOnTermination": on.delete_on_termination or on.device == instance.root_device, "SnapshotId": one.id, "VolumeSize": disk.size, "VolumeType": disk.type,
                               "Encrypted": disk.encrypted}
        ebs |= {k: v for k, v in (("Iops", disk.iops), ("Throughput", disk.throughput)) if v and disk.type in ("gp3", "io1", "io2")}
        mappings.append({"DeviceName": on.device, "Ebs": ebs | {k: v for k, v in (over.get("Ebs") or {}).items() if k != "SnapshotId"}})
    mappings += [dict(each) for each in asked.values() if each.get("NoDevice") is None]
    source = image_records.anywhere(call, instance.image)
    image = enter(call, name, mappings, description=req.get("Description") or "", architecture=instance.architecture, root_device=instance.root_device, source_instance=instance.id,
                  imds_support=source.imds_support if source else "", boot_mode=source.boot_mode if source else "", user=instance.login, source_image=instance.image,
                  source_region=call.region)
    tags.take(call, req, "image", image.id, "snapshot")
    for id_ in made:
        tags.take(call, req, "snapshot", id_, "image")
    if not req.get("NoReboot") and instance.state == "running":
        call.put(instance.but(boots=instance.boots + 1))
        if not life.records_only(call):
            life.MACHINES["wake"](call, instances.find(call, instance.id))
    call.after(PENDING_SECONDS, image_ready, image.id, id=image.id)
    return {"ImageId": image.id}


@ec2.op(**names.making("image"), partly="images from S3 manifests (ImageLocation) and instance store")
def register_image(call: Call, req: t.RegisterImageRequest) -> t.RegisterImageResult:
    """An image of a snapshot that holds a root."""
    if req.get("ImageLocation"):
        raise errors.unsupported("Images in S3 (ImageLocation) are not built in Cloche: register a snapshot.")
    name, root = checked_name(call, req.get("Name") or ""), req.get("RootDeviceName")
    if not root:
        raise errors.missing("rootDeviceName")
    mappings: list[dict[str, Any]] = []
    for each in req.get("BlockDeviceMappings") or ():
        ebs: dict[str, Any] = dict(each.get("Ebs") or {})
        if id_ := ebs.get("SnapshotId"):
            found = snapshots.usable(call, id_)
            ebs = {"DeleteOnTermination": True, "VolumeType": "gp2", "VolumeSize": found.size, "Encrypted": bool(found.key_arn), **ebs}
        mappings.append({**each, **({"Ebs": ebs} if ebs else {})})
    if not any(each.get("DeviceName") == root and each.get("Ebs", {}).get("SnapshotId") for each in mappings):
        raise errors.AwsError("InvalidBlockDeviceMapping", "No root snapshot specified in device mapping.")
    image = enter(call, name, mappings, description=req.get("Description") or "", architecture=req.get("Architecture") or "i386", root_device=root, state="available",
                  imds_support=req.get("ImdsSupport") or "", boot_mode=req.get("BootMode") or "", tpm_support=req.get("TpmSupport") or "",
                  ena=bool(req.get("EnaSupport")), virtualization=req.get("VirtualizationType") or "paravirtual")
    tags.take(call, req, "image", image.id)
    return {"ImageId": image.id}


@ec2.op(**names.making("image"), partly="Outposts and Local Zones")
def copy_image(call: Call, req: t.CopyImageRequest) -> t.CopyImageResult:
    """Asked for where the copy is to be: a new id, snapshots of its own; encrypted if it was, or if it is to be."""
    from . import snapshot_copies
    source_region = req["SourceRegion"]
    there = call.at(call.account, source_region)
    source = image_records.anywhere(there, req["SourceImageId"])
    if source is None:
        raise refusals.image_malformed(req["SourceImageId"]) if image_records.malformed(req["SourceImageId"]) else refusals.no_image(req["SourceImageId"])
    if source.state != "available":
        raise errors.incorrect_state(f"The image {source.id} is not available (it is {source.state}).")
    if (token := req.get("ClientToken")) and (before := next((one for one in call.all(Image) if one.token == token), None)):
        return {"ImageId": before.id}
    name = checked_name(call, req["Name"])
    if req.get("Encrypted") is False and any(each.get("Ebs", {}).get("Encrypted") for each in source.mappings):
        raise ebs_encryption.refusals.stays_encrypted()
    mappings = []
    for each in source.mappings:
        ebs = dict(each.get("Ebs") or {})
        if id_ := ebs.get("SnapshotId"):
            one = snapshot_copies.copy(call, id_, source_region, req.get("Encrypted"), req.get("KmsKeyId"), f"Copied for DestinationAmi from SourceAmi {source.id} for SourceSnapshot {id_}.", source)
            if req.get("CopyImageTags"):
                tags.put(call, one.id, {k: v for k, v in tags.of(there, id_).items() if not k.startswith("aws:")})
            ebs |= {"SnapshotId": one.id, "Encrypted": bool(one.key_arn)}
            ebs.pop("KmsKeyId", None)
        mappings.append({**each, **({"Ebs": ebs} if ebs else {})})
    image = enter(call, name, mappings, description=req.get("Description") or f"[Copied {source.id} from {source_region}] {source.name}", architecture=source.architecture,
                  root_device=source.root_device, imds_support=source.imds_support, boot_mode=source.boot_mode, user=source.user, source_image=source.id, source_region=source_region,
                  token=req.get("ClientToken") or "")
    if req.get("CopyImageTags"):
        tags.put(call, image.id, {k: v for k, v in tags.of(there, source.id).items() if not k.startswith("aws:")})
    tags.take(call, req, "image", image.id, "snapshot")
    call.after(PENDING_SECONDS, image_ready, image.id, id=image.id)
    return {"ImageId": image.id}


# -- describing ----------------------------------------------------------------------------------------------------------------------------

def shown(call: Call, one: Image) -> t.Image:
    out: Any = {
        "ImageId": one.id, "ImageLocation": one.location, "State": one.state, "OwnerId": one.owner, "CreationDate": volumes.describe_time(one.made), "Public": one.public, "Architecture": one.architecture,
        "ImageType": "machine", "Name": one.name, "RootDeviceName": one.root_device, "RootDeviceType": "ebs", "VirtualizationType": one.virtualization, "Hypervisor": "xen", "EnaSupport": one.ena,
        "SriovNetSupport": one.sriov, "PlatformDetails": "Linux/UNIX", "UsageOperation": "RunInstances", "BlockDeviceMappings": one.mappings, "Tags": tags.shown(call, one.id),
        "DeregistrationProtection": one.deregistration_protection, "ImageAllowed": True}
    for member, value in (("Description", one.description), ("ImageOwnerAlias", one.alias), ("ImdsSupport", one.imds_support), ("BootMode", one.boot_mode), ("TpmSupport", one.tpm_support),
                          ("SourceInstanceId", one.source_instance), ("SourceImageId", one.source_image), ("SourceImageRegion", one.source_region)):
        if value:
            out[member] = value
    if one.deprecation:
        out["DeprecationTime"] = volumes.describe_time(one.deprecation)
    if one.reason:
        out["StateReason"] = {"Code": "Client.UserInitiated", "Message": one.reason}
    return out  # type: ignore[no-any-return]


def _ebs(member: str) -> Any:
    return lambda i: [each["Ebs"][member] for each in i.mappings if member in each.get("Ebs", {})]


FACETS: describe.Facets = {
    "image-id": lambda i: i.id, "name": lambda i: i.name, "state": lambda i: i.state, "architecture": lambda i: i.architecture, "owner-id": lambda i: i.owner, "owner-alias": lambda i: i.alias or None,
    "description": lambda i: i.description, "is-public": lambda i: i.public, "root-device-type": lambda i: "ebs", "root-device-name": lambda i: i.root_device, "image-type": lambda i: "machine",
    "virtualization-type": lambda i: i.virtualization, "hypervisor": lambda i: "xen", "ena-support": lambda i: i.ena, "platform": lambda i: i.platform or None, "platform-details": lambda i: "Linux/UNIX",
    "creation-date": lambda i: volumes.describe_time(i.made), "boot-mode": lambda i: i.boot_mode or None, "imds-support": lambda i: i.imds_support or None, "manifest-location": lambda i: i.location,
    "usage-operation": lambda i: "RunInstances", "source-instance-id": lambda i: i.source_instance or None, "source-image-id": lambda i: i.source_image or None,
    "source-image-region": lambda i: i.source_region or None, "image-allowed": lambda i: True, "free-tier-eligible": lambda i: True, "product-code": lambda i: None, "product-code.type": lambda i: None,
    "kernel-id": lambda i: None, "ramdisk-id": lambda i: None, "state-reason-code": lambda i: None, "state-reason-message": lambda i: i.reason or None, "sriov-net-support": lambda i: i.sriov,
    "block-device-mapping.device-name": lambda i: [each["DeviceName"] for each in i.mappings], "block-device-mapping.snapshot-id": _ebs("SnapshotId"),
    "block-device-mapping.volume-size": _ebs("VolumeSize"), "block-device-mapping.volume-type": _ebs("VolumeType"), "block-device-mapping.delete-on-termination": _ebs("DeleteOnTermination"),
    "block-device-mapping.encrypted": _ebs("Encrypted"),
}


@ec2.op(**names.LOOK)
def describe_images(call: Call, req: t.DescribeImagesRequest) -> t.DescribeImagesResult:
    """All that this account may launch, unless owners or users narrow it. Deprecated ones are shown to their owners, and to others who ask."""
    ids = req.get("ImageIds")
    if ids:
        if wrong := [id_ for id_ in ids if image_records.malformed(id_)]:
            raise refusals.image_malformed(wrong[0])
        if strays := [id_ for id_ in ids if image_records.anywhere(call, id_) is None]:
            raise refusals.no_image(strays)
        found = [one for id_ in dict.fromkeys(ids) if (one := image_records.anywhere(call, id_))]
    else:
        found = [one for one in call.all(Image) if one.state != "deregistered"]
        if req.get("Owners") != ["self"]:
            found += [one for there in call.all(Published) if there.account != call.account and (one := image_records.anywhere(call, there.id))]
            found += public_images.table(call.region).values()
    if owners := req.get("Owners"):
        found = [one for one in found if one.owner in owners or (one.alias in owners and one.alias) or ("self" in owners and one.owner == call.account)]
    if users := req.get("ExecutableUsers"):
        found = [one for one in found if ("all" in users and one.public) or any(p.get("UserId", "") in [call.account if u == "self" else u for u in users] for p in one.permitted)]
    if not ids and not req.get("IncludeDeprecated"):
        found = [one for one in found if not one.deprecation or one.deprecation > call.now or one.owner == call.account]
    if not ids and not req.get("IncludeDisabled"):
        found = [one for one in found if one.state != "disabled"]
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "Images", least=1)


# -- ending -------------------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.on("image", "ImageId"))
def deregister_image(call: Call, req: t.DeregisterImageRequest) -> t.DeregisterImageResult:
    """What runs from it runs on. Its snapshots stay, unless they are to go with it."""
    one = image_records.own(call, req["ImageId"])
    if one.deregistration_protection.startswith("enabled") or one.protected_until > call.now:
        raise errors.not_permitted(f"The image '{one.id}' is protected from deregistration.")
    image_records.publish(call, one.but(state="deregistered", public=False, permitted=[], gone=call.now))
    tags.drop(call, one.id)
    call.after(GONE_SECONDS, image_forgotten, one.id, id=one.id)
    out: list[Any] = []
    if req.get("DeleteAssociatedSnapshots"):
        for id_ in one.snapshots:
            if (found := call.get(Snapshot, id_)) and not image_records.links.users(call, id_, "ami-"):
                snapshots.remove(call, found)
                out.append({"SnapshotId": id_, "ReturnCode": "success"})
            else:
                out.append({"SnapshotId": id_, "ReturnCode": "skipped"})
    return {"Return": True, "DeleteSnapshotResults": out}


@ec2.timer
def image_forgotten(call: Call, id: str) -> None:
    if (one := call.get(Image, id)) and one.state == "deregistered":
        call.delete(one)
