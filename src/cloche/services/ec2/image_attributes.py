"""What can be changed of an image: who may launch it, its description, IMDS support, deprecation, whether it is disabled or protected. Nothing of what is in it."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import account_defaults, errors, image_records, names
from . import errors_instances as refusals
from . import service as ec2
from .image_records import Image

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


@ec2.op(**names.on("image", "ImageId"))
def describe_image_attribute(call: Call, req: t.DescribeImageAttributeRequest) -> t.ImageAttribute:
    one, name = image_records.own(call, req["ImageId"]), req["Attribute"]
    out: Any = {"ImageId": one.id}
    if name == "launchPermission":
        out["LaunchPermissions"] = [*([{"Group": "all"}] if one.public else []), *one.permitted]
    elif name == "description":
        out["Description"] = {"Value": one.description} if one.description else {}
    elif name == "blockDeviceMapping":
        out["BlockDeviceMappings"] = one.mappings
    elif name == "bootMode":
        out["BootMode"] = {"Value": one.boot_mode}
    elif name == "imdsSupport":
        out["ImdsSupport"] = {"Value": one.imds_support} if one.imds_support else {}
    elif name == "deregistrationProtection":
        out["DeregistrationProtection"] = {"Value": one.deregistration_protection}
    elif name == "sriovNetSupport":
        out["SriovNetSupport"] = {"Value": one.sriov}
    elif name == "productCodes":
        out["ProductCodes"] = []
    return out  # type: ignore[no-any-return]


@ec2.op(**names.on("image", "ImageId"))
def modify_image_attribute(call: Call, req: t.ModifyImageAttributeRequest) -> None:
    one = image_records.own(call, req["ImageId"])
    change: dict[str, Any] = {}
    kind, value = req.get("Attribute"), req.get("Value")
    if "Description" in req:
        change["description"] = (req["Description"] or {}).get("Value") or ""
    elif kind == "description":
        change["description"] = value or ""
    if "ImdsSupport" in req:
        if (req["ImdsSupport"] or {}).get("Value") != "v2.0":
            raise errors.invalid("The only value of imdsSupport is v2.0")
        change["imds_support"] = "v2.0"
    grants: Any = req.get("LaunchPermission") or {}
    if grants or kind == "launchPermission" or req.get("UserIds") or req.get("UserGroups"):
        add, remove = list(grants.get("Add") or ()), list(grants.get("Remove") or ())
        flat: list[Any] = [{"UserId": each} for each in req.get("UserIds") or ()] + [{"Group": each} for each in req.get("UserGroups") or ()]
        flat += [{"OrganizationArn": each} for each in req.get("OrganizationArns") or ()] + [{"OrganizationalUnitArn": each} for each in req.get("OrganizationalUnitArns") or ()]
        (remove if req.get("OperationType") == "remove" else add).extend(flat)
        change |= _permissions(call, one, add, remove)
    if not change:
        raise errors.missing("launchPermission, description or imdsSupport")
    image_records.publish(call, one.but(**change))


def _permissions(call: Call, one: Image, add: list[Any], remove: list[Any]) -> dict[str, Any]:
    public, permitted = one.public, list(one.permitted)
    for each in add:
        if "Group" in each:
            if each["Group"] != "all":
                raise errors.invalid_value(each["Group"], "group", "The only group is 'all'")
            if account_defaults.of(call).block_public_images:
                raise errors.not_permitted("You can't publicly share this image because block public access for AMIs is enabled for this account and Region.")
            if any(mapping.get("Ebs", {}).get("Encrypted") for mapping in one.mappings):
                raise errors.AwsError("InvalidParameter", f"Image {one.id} has encrypted snapshots and cannot be made public.")
            public = True
        else:
            if "UserId" in each and not re.fullmatch(r"\d{12}", each["UserId"]):
                raise errors.AwsError("InvalidAMIAttributeItemValue", f"Invalid attribute item value \"{each['UserId']}\" for userId item type.")
            if each not in permitted:
                permitted.append(each)
    for each in remove:
        if each.get("Group") == "all":
            public = False
        elif each in permitted:
            permitted.remove(each)
    return {"public": public, "permitted": permitted}


@ec2.op(**names.on("image", "ImageId"))
def reset_image_attribute(call: Call, req: t.ResetImageAttributeRequest) -> None:
    image_records.publish(call, image_records.own(call, req["ImageId"]).but(public=False, permitted=[]))


@ec2.op(**names.on("image", "ImageId"))
def cancel_image_launch_permission(call: Call, req: t.CancelImageLaunchPermissionRequest) -> t.CancelImageLaunchPermissionResult:
    """One to whom an image was given gives it back."""
    found = image_records.find(call, req["ImageId"])
    there = call.at(found.owner, call.region)
    mine = {"UserId": call.account}
    if mine not in found.permitted:
        raise refusals.not_authorized_image(found.id)
    image_records.publish(there, found.but(permitted=[each for each in found.permitted if each != mine]))
    return {"Return": True}


@ec2.op(**names.on("image", "ImageId"))
def disable_image(call: Call, req: t.DisableImageRequest) -> t.DisableImageResult:
    """Nobody launches it until it is enabled again; others lose it."""
    one = image_records.own(call, req["ImageId"])
    if one.state not in ("available", "disabled"):
        raise errors.incorrect_state(f"The image {one.id} is {one.state}.")
    image_records.publish(call, one.but(state="disabled", public=False, permitted=[]))
    return {"Return": True}


@ec2.op(**names.on("image", "ImageId"))
def enable_image(call: Call, req: t.EnableImageRequest) -> t.EnableImageResult:
    image_records.publish(call, image_records.own(call, req["ImageId"]).but(state="available"))
    return {"Return": True}


@ec2.op(**names.on("image", "ImageId"))
def enable_image_deprecation(call: Call, req: t.EnableImageDeprecationRequest) -> t.EnableImageDeprecationResult:
    if req["DeprecateAt"] <= call.now:
        raise errors.invalid("The deprecation date must be in the future")
    image_records.publish(call, image_records.own(call, req["ImageId"]).but(deprecation=req["DeprecateAt"]))
    return {"Return": True}


@ec2.op(**names.on("image", "ImageId"))
def disable_image_deprecation(call: Call, req: t.DisableImageDeprecationRequest) -> t.DisableImageDeprecationResult:
    image_records.publish(call, image_records.own(call, req["ImageId"]).but(deprecation=0))
    return {"Return": True}


@ec2.op(**names.on("image", "ImageId"))
def enable_image_deregistration_protection(call: Call, req: t.EnableImageDeregistrationProtectionRequest) -> t.EnableImageDeregistrationProtectionResult:
    one = image_records.own(call, req["ImageId"])
    state = "enabled-with-cooldown" if req.get("WithCooldown") else "enabled-without-cooldown"
    image_records.publish(call, one.but(deregistration_protection=state))
    return {"Return": state}


@ec2.op(**names.on("image", "ImageId"))
def disable_image_deregistration_protection(call: Call, req: t.DisableImageDeregistrationProtectionRequest) -> t.DisableImageDeregistrationProtectionResult:
    """With a cooldown it stays protected for a day."""
    one = image_records.own(call, req["ImageId"])
    until = call.now + 86400 if one.deregistration_protection == "enabled-with-cooldown" else 0.0
    image_records.publish(call, one.but(deregistration_protection="disabled", protected_until=until))
    return {"Return": "disabled"}
