"""Block device mappings: an image's, with what the request says over them, as the volumes that a new instance gets."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call

from . import errors, volumes
from . import errors_volumes as refusals
from .image_records import Image
from .volumes import Attachment, Volume

ROOT = re.compile(r"/dev/(xvda|sda1|sda|nvme0n1)$")
DEVICE = re.compile(r"/dev/(sd[a-z][0-9]{0,2}|xvd[a-z]{1,2}[0-9]{0,2}|hd[a-z][0-9]{0,2}|nvme[0-9]+n1)$|xvd[a-z]{1,2}$|sd[a-z][0-9]{0,2}$")


def merged(image: Image, asked: Any) -> list[dict[str, Any]]:
    """The image's mappings, changed, taken away (`NoDevice`) and added to by the request's."""
    found = {each["DeviceName"]: dict(each) for each in image.mappings}
    seen = set()
    for each in asked or ():
        name = each.get("DeviceName")
        if not name:
            raise errors.missing("deviceName")
        if name in seen:
            raise errors.AwsError("InvalidBlockDeviceMapping", f"Duplicate device name {name} in block device mapping")
        seen.add(name)
        if each.get("NoDevice") is not None:
            if name == image.root_device:
                raise errors.AwsError("InvalidBlockDeviceMapping", "The root device cannot be suppressed")
            found.pop(name, None)
        elif each.get("VirtualName"):
            found[name] = {"DeviceName": name, "VirtualName": each["VirtualName"]}
        else:
            if not DEVICE.match(name):
                raise refusals.bad_device(name)
            before = dict(found.get(name, {}).get("Ebs", {}))
            given = dict(each.get("Ebs") or {})
            if "SnapshotId" in given and name == image.root_device and given["SnapshotId"] != before.get("SnapshotId"):
                raise errors.AwsError("InvalidBlockDeviceMapping", "snapshotId cannot be modified on root device")
            if before and given.get("VolumeSize") and given["VolumeSize"] < before.get("VolumeSize", 0):
                raise refusals.smaller_than_image(given["VolumeSize"], before["VolumeSize"])
            if given.get("VolumeType") and given["VolumeType"] != before.get("VolumeType"):
                before = {k: v for k, v in before.items() if k not in ("Iops", "Throughput")}
            if before.get("Encrypted") is False and "Encrypted" not in given:
                before.pop("Encrypted")  # the image only says how its snapshot is
            found[name] = {"DeviceName": name, "Ebs": {"DeleteOnTermination": True, **before, **given}}
    return list(found.values())


def checked(image: Image, mappings: list[dict[str, Any]]) -> None:
    for each in mappings:
        if (ebs := each.get("Ebs")) and not ebs.get("VolumeSize") and not ebs.get("SnapshotId"):
            raise errors.missing("size/snapshot")


def make(call: Call, image: Image, mappings: list[dict[str, Any]], instance_id: str, zone: str) -> list[Volume]:
    """The volumes, attached: the root is device 0, the others follow in the order of their names. In them from the first moment, before the machine boots."""
    made = []
    ordered = sorted((each for each in mappings if "Ebs" in each), key=lambda each: (each["DeviceName"] != image.root_device, each["DeviceName"]))
    for index, each in enumerate(ordered):
        ebs = {k: v for k, v in each["Ebs"].items() if not (k == "Encrypted" and v is False)}
        root = each["DeviceName"] == image.root_device
        one = volumes.make(call, zone, ebs, root=root, tree=root, image=image)
        on = Attachment(instance_id, each["DeviceName"], call.now, "attached", bool(ebs.get("DeleteOnTermination", True)), index)
        made.append(volumes.put(call, one.but(state="in-use", attachments=[on])))
    return made
