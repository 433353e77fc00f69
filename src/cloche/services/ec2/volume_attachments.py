"""Volumes on instances: attached, detached, made larger while they are used. A running machine is told and answers when it is done; else the clock says so."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import block_devices, describe, ebs_encryption, errors, instance_types, instances, life, names, volume_types, volumes
from . import errors_volumes as refusals
from . import service as ec2
from .instances import Instance
from .volumes import Attachment, Modification, Volume

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOMENT = 0.5
MULTI_ATTACH_MOST = 16
MOST_A_DAY = 4


def _now(call: Call, one: Volume, instance_id: str, **more: Any) -> Volume:
    return volumes.put(call, one.but(attachments=[msgspec.structs.replace(at, **more) if at.instance_id == instance_id else at for at in one.attachments]))


def attached(call: Call, volume_id: str, instance_id: str) -> None:
    """The machine has it."""
    one = call.get(Volume, volume_id)
    if one and (on := one.on(instance_id)) and on.state == "attaching":
        _now(call, one, instance_id, state="attached")


def detached(call: Call, volume_id: str, instance_id: str) -> None:
    """The machine let it go."""
    one = call.get(Volume, volume_id)
    if one and one.on(instance_id):
        rest = [at for at in one.attachments if at.instance_id != instance_id]
        volumes.put(call, one.but(attachments=rest, state="in-use" if rest else "available"))


@ec2.timer
def volume_attached(call: Call, id: str, instance: str) -> None:
    attached(call, id, instance)


@ec2.timer
def volume_detached(call: Call, id: str, instance: str) -> None:
    detached(call, id, instance)


def _tell(call: Call, what: str, instance: Instance, one: Volume, timer: Any) -> None:
    if instance.state == "running" and not life.records_only(call) and what in life.MACHINES:
        life.MACHINES[what](call, instance, one)
    else:
        call.after(MOMENT, timer, f"{one.id}/{instance.id}", id=one.id, instance=instance.id)


@ec2.op(**names.on("volume", "VolumeId", instance="InstanceId"))
def attach_volume(call: Call, req: t.AttachVolumeRequest) -> t.VolumeAttachment:
    one, instance, device = volumes.find(call, req["VolumeId"]), instances.find(call, req["InstanceId"]), req["Device"]
    if instance.state not in ("running", "stopped"):
        raise errors.incorrect_state(f"Instance '{instance.id}' is not 'running'.")
    if one.on(instance.id):
        raise refusals.attached_here(one.id, instance.id)
    if one.zone != instance.zone:
        raise refusals.zone_mismatch(one.id, instance.id)
    if one.state == "creating":
        raise refusals.volume_not_available(one.id, one.state)
    kind = instance_types.find(instance.type)
    if one.attachments:
        if not one.multi_attach:
            raise refusals.already_attached(one.id, device)
        if len(one.attachments) >= MULTI_ATTACH_MOST:
            raise refusals.attachments_full(instance.id)
    if one.multi_attach and not kind.nitro:
        raise errors.invalid(f"The instance type '{kind.name}' does not support Multi-Attach enabled volumes.")
    if not block_devices.DEVICE.match(device):
        raise refusals.bad_device(device)
    there = [on for disk in instances.disks(call, instance) if (on := disk.on(instance.id))]
    if any(on.device == device for on in there):
        raise refusals.device_taken(device)
    if len(there) + (len(instances.interfaces(call, instance)) if kind.nitro else 0) >= (kind.volumes + 1):
        raise refusals.attachments_full(instance.id)
    ebs_encryption.open_(call, one.key_arn, one.id, one.sealed)
    root = device == instance.root_device
    taken = {on.index for on in there}
    index = 0 if root else next(number for number in range(1, 200) if number not in taken)
    one = volumes.put(call, one.but(state="in-use", attachments=[*one.attachments, Attachment(instance.id, device, call.now, "attaching", False, index)]))
    _tell(call, "attach", instance, one, volume_attached)
    return volumes.shown_attachment(one, one.on(instance.id))  # type: ignore[arg-type]


@ec2.op(**names.on("volume", "VolumeId", instance="InstanceId"))
def detach_volume(call: Call, req: t.DetachVolumeRequest) -> t.VolumeAttachment:
    one = volumes.find(call, req["VolumeId"])
    if not one.attachments:
        raise refusals.not_attached(one.id)
    wanted = req.get("InstanceId")
    if wanted:
        instances.find(call, wanted)
    elif len(one.attachments) > 1:
        raise errors.missing("instanceId")
    on = one.on(wanted) if wanted else one.attachments[0]
    if on is None or (req.get("Device") and req["Device"] != on.device):
        raise refusals.not_attached_to(one.id, wanted or "")
    instance = instances.find(call, on.instance_id)
    if on.device == instance.root_device and instance.state != "stopped":
        raise refusals.root_attached(one.id, instance.id)
    one = _now(call, one, instance.id, state="detaching")
    _tell(call, "detach", instance, one, volume_detached)
    return volumes.shown_attachment(one, one.on(instance.id))  # type: ignore[arg-type]


# -- modification -------------------------------------------------------------------------------------------------------------------

def _values(one: Volume) -> dict[str, Any]:
    return {"size": one.size, "type": one.type, "iops": one.iops, "throughput": one.throughput, "multi_attach": one.multi_attach}


@ec2.op(**names.on("volume", "VolumeId"))
def modify_volume(call: Call, req: t.ModifyVolumeRequest) -> t.ModifyVolumeResult:
    """Grows, changes type and speed; never shrinks. One after the other, four a day."""
    one = volumes.find(call, req["VolumeId"])
    if one.state not in ("available", "in-use"):
        raise refusals.volume_not_available(one.id, one.state)
    if all(req.get(member) is None for member in ("Size", "VolumeType", "Iops", "Throughput", "MultiAttachEnabled")):
        raise errors.missing("size, volumeType, iops, throughput or multiAttachEnabled")
    if one.modification and _state(call, one)[0] != "completed":
        raise refusals.modifying(one.id)
    lately = [moment for moment in one.modified if moment > call.now - 86400]
    if len(lately) >= MOST_A_DAY:
        raise refusals.modified_lately(one.id)
    size, kind = req.get("Size") or one.size, req.get("VolumeType") or one.type
    if size < one.size:
        raise refusals.shrinks()
    iops = req.get("Iops") or (one.iops if kind == one.type and kind in ("io1", "io2", "gp3") else max(one.iops, 3000) if kind in ("gp3",) and one.type in ("io1", "io2") else None)
    throughput = req.get("Throughput") or (one.throughput if kind == one.type == "gp3" else None)
    root = any(on.index == 0 for on in one.attachments)
    iops, throughput = volume_types.chosen(kind, size, iops, throughput, root=root)
    multi = one.multi_attach if req.get("MultiAttachEnabled") is None else bool(req["MultiAttachEnabled"])
    if multi and kind not in ("io1", "io2"):
        raise errors.invalid("The parameter MultiAttachEnabled is only supported for io1 and io2 volumes.")
    after = {"size": size, "type": kind, "iops": iops, "throughput": throughput, "multi_attach": multi}
    one = volumes.put(call, one.but(modification=Modification(call.now, _values(one), after), modified=[*lately, call.now]))
    call.after(MODIFYING_SECONDS, volume_modified, one.id, id=one.id)
    return {"VolumeModification": shown_modification(call, one)}


MODIFYING_SECONDS, OPTIMIZING_SECONDS = 2.0, 60.0


@ec2.timer
def volume_modified(call: Call, id: str) -> None:
    """It has its new size from now on; a machine that uses it sees it."""
    one = call.get(Volume, id)
    if one is None or one.modification is None:
        return
    one = volumes.put(call, one.but(**one.modification.after))
    for on in one.attachments:
        instance = call.get(Instance, on.instance_id)
        if instance and instance.state == "running" and not life.records_only(call) and "grow" in life.MACHINES:
            life.MACHINES["grow"](call, one)


def _state(call: Call, one: Volume) -> tuple[str, int]:
    """(ModificationState, Progress): a question of time."""
    assert one.modification
    since = call.now - one.modification.began
    if since < MODIFYING_SECONDS:
        return "modifying", 0
    if since < MODIFYING_SECONDS + OPTIMIZING_SECONDS:
        return "optimizing", int(100 * (since - MODIFYING_SECONDS) / OPTIMIZING_SECONDS)
    return "completed", 100


def shown_modification(call: Call, one: Volume) -> t.VolumeModification:
    assert one.modification
    state, progress = _state(call, one)
    out: Any = {"VolumeId": one.id, "ModificationState": state, "Progress": progress, "StartTime": one.modification.began}
    for prefix, values in (("Original", one.modification.before), ("Target", one.modification.after)):
        out |= {f"{prefix}Size": values["size"], f"{prefix}VolumeType": values["type"], f"{prefix}MultiAttachEnabled": values["multi_attach"]}
        out |= {f"{prefix}{name}": values[name.lower()] for name in ("Iops", "Throughput") if values[name.lower()]}
    if state == "completed":
        out["EndTime"] = one.modification.began + MODIFYING_SECONDS + OPTIMIZING_SECONDS
    return out  # type: ignore[no-any-return]


@ec2.op(**names.LOOK)
def describe_volumes_modifications(call: Call, req: t.DescribeVolumesModificationsRequest) -> t.DescribeVolumesModificationsResult:
    ids = req.get("VolumeIds")
    found = [volumes.find(call, id_) for id_ in ids] if ids else call.all(Volume)
    for one in found if ids else ():
        if one.modification is None:
            raise refusals.modification_not_found(one.id)
    rows = [shown_modification(call, one) for one in found if one.modification]

    def of(member: str) -> Any:
        return lambda row: row.get(member)
    rows = describe.matching(call, rows, req.get("Filters"), {
        "modification-state": of("ModificationState"), "original-iops": of("OriginalIops"), "original-size": of("OriginalSize"), "original-volume-type": of("OriginalVolumeType"),
        "target-iops": of("TargetIops"), "target-size": of("TargetSize"), "target-volume-type": of("TargetVolumeType"), "volume-id": of("VolumeId"),
        "start-time": lambda row: volumes.describe_time(row["StartTime"]), "originalMultiAttachEnabled": of("OriginalMultiAttachEnabled"), "targetMultiAttachEnabled": of("TargetMultiAttachEnabled")})
    return describe.page(req, rows, "VolumesModifications", most=500, ids=ids)
