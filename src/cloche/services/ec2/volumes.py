"""EBS volumes: creating -> available -> in-use. What is in one is a file of the machine (`disk_files`); a root volume's is the instance's own tree."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import describe, disk_files, ebs_encryption, errors, links, names, tags, volume_types, zones
from . import errors_volumes as refusals
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

CREATING_SECONDS = 2.0
DEFAULT_TYPE = "gp2"      # of CreateVolume; the console's is gp3


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True):
    instance_id: str
    device: str
    at: float
    state: str = "attaching"          # attaching, attached, detaching, busy
    delete_on_termination: bool = False
    index: int = 0                    # /dev/nvme<index>n1 in the machine


class Modification(msgspec.Struct, frozen=True, omit_defaults=True):
    began: float
    before: dict[str, Any]
    after: dict[str, Any]


class Volume(Record, frozen=True):
    kind = "ec2.volume"

    id: str
    zone: str
    size: int
    type: str
    made: float
    state: str = "creating"           # creating, available, in-use, deleting, error
    iops: int = 0
    throughput: int = 0
    snapshot_id: str = ""
    image_id: str = ""                # a root volume: the image whose tree it began with
    key_arn: str = ""
    sealed: bytes = b""
    multi_attach: bool = False
    attachments: list[Attachment] = []
    fast_restored: bool = False
    modification: Modification | None = None
    modified: list[float] = []        # when modifications began, of the last day
    auto_enable_io: bool = False
    token: str = ""
    tree: bool = False                # a root volume's content is a directory, not a block device's file
    origin: str = ""                  # account/region of the snapshot
    filled: bool = True               # False while its snapshot's content is on its way: no machine may have it yet

    @property
    def key(self) -> str:
        return self.id

    @property
    def encrypted(self) -> bool:
        return bool(self.key_arn)

    def on(self, instance_id: str) -> Attachment | None:
        return next((one for one in self.attachments if one.instance_id == instance_id), None)


def find(call: Call, id_: str) -> Volume:
    if (found := call.get(Volume, id_)) is None:
        raise refusals.volume_malformed(id_) if not id_.startswith("vol-") else refusals.no_volume(id_)
    return found


tags.FINDERS["vol"] = find


def of_instance(call: Call, instance_id: str) -> list[Volume]:
    """Those attached to it, the root first, then by the name of the device."""
    found = [find(call, id_) for id_ in links.users(call, instance_id, "vol-")]
    return sorted(found, key=lambda one: (on.index, on.device) if (on := one.on(instance_id)) else (0, ""))


def put(call: Call, one: Volume) -> Volume:
    from . import metering
    links.tie(call, one.id, *(at.instance_id for at in one.attachments), one.snapshot_id)
    metering.volume(call, one)
    return call.put(one)


def arn(call: Call, one: Volume) -> str:
    return names.arn(call, "volume", one.id)


# -- making and ending -------------------------------------------------------------------------------------------------------------

def make(call: Call, zone: str, ebs: Any, *, root: bool = False, tree: bool = False, image: Any = None, **more: Any) -> Volume:
    """A volume as an `Ebs` (of a block device mapping) or a CreateVolume request describes it. Its file is made by `disk_files`, its key asked of KMS."""
    from . import snapshots
    snapshot = snapshots.usable(call, ebs["SnapshotId"], image) if ebs.get("SnapshotId") else None
    size = ebs.get("VolumeSize") or ebs.get("Size") or (snapshot.size if snapshot else None)
    if size is None:
        raise errors.missing("size/snapshot")
    if snapshot and size < snapshot.size:
        raise refusals.smaller_than_snapshot(size, snapshot.id, snapshot.size)
    kind = ebs.get("VolumeType") or DEFAULT_TYPE
    iops, throughput = volume_types.chosen(kind, size, ebs.get("Iops"), ebs.get("Throughput"), root=root)
    key = ebs_encryption.key_for(call, ebs.get("Encrypted"), ebs.get("KmsKeyId"), bool(snapshot and snapshot.key_arn), snapshot.key_arn if snapshot else "")
    id_ = call.id("vol-")
    if snapshot and snapshot.key_arn:
        ebs_encryption.open_(call.at(snapshot.owner, snapshot.region), snapshot.key_arn, snapshot.disk, snapshot.sealed)
    one = Volume(id_, zone, size, kind, call.now, iops=iops, throughput=throughput, snapshot_id=snapshot.id if snapshot else "", key_arn=key,
                 sealed=ebs_encryption.seal(call, key, id_), tree=tree or bool(snapshot and snapshot.tree), image_id=image.id if image and root else snapshot.image_id if snapshot else "", **more)
    if snapshot and snapshots.is_fast(call, snapshot.id, zone):
        one = one.but(fast_restored=True)
    if snapshot and not snapshot.published:
        one = one.but(filled=False, origin=f"{snapshot.owner}/{snapshot.region}")
        call.wake(disk_files.fill, one.id)
    return put(call, one)


@ec2.timer
def volume_ready(call: Call, id: str) -> None:
    if (one := call.get(Volume, id)) and one.state == "creating":
        if not one.filled:
            call.after(CREATING_SECONDS, volume_ready, one.id, id=one.id)
            return
        put(call, one.but(state="available"))
        _told(call, one, "createVolume", "available")


def _told(call: Call, one: Volume, event: str, result: str) -> None:
    from cloche.kernel import AwsEvent
    call.emit(AwsEvent("aws.ec2", "EBS Volume Notification", {"event": event, "result": result, "cause": "", "request-id": call.request_id}, [arn(call, one)]))


def end(call: Call, one: Volume) -> None:
    """Gone, with what is in it; a recycle bin's rule may keep snapshots, never this."""
    from . import metering
    disk_files.remove(call, one)
    metering.ended(call, one.id)
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
    _told(call, one, "deleteVolume", "deleted")


# -- what answers say --------------------------------------------------------------------------------------------------------------

def shown_attachment(one: Volume, at: Attachment) -> t.VolumeAttachment:
    return {"VolumeId": one.id, "InstanceId": at.instance_id, "Device": at.device, "State": at.state, "AttachTime": at.at,  # type: ignore[typeddict-item]
            "DeleteOnTermination": at.delete_on_termination}


def shown(call: Call, one: Volume) -> t.Volume:
    out: Any = {
        "VolumeId": one.id, "Size": one.size, "SnapshotId": one.snapshot_id, "AvailabilityZone": one.zone, "AvailabilityZoneId": zones.id_of(call.account, one.zone), "State": one.state,
        "CreateTime": one.made, "Attachments": [shown_attachment(one, at) for at in one.attachments], "VolumeType": one.type, "Encrypted": one.encrypted,
        "MultiAttachEnabled": one.multi_attach, "Tags": tags.shown(call, one.id), "Operator": {"Managed": False}, "VolumeArn": arn(call, one), "OwnerId": call.account,
        **volume_types.shown(one.type, one.iops, one.throughput),
    }
    if one.encrypted:
        out |= {"KmsKeyId": one.key_arn, "SseType": "sse-kms"}
    if one.fast_restored:
        out["FastRestored"] = True
    return out  # type: ignore[no-any-return]


FACETS: describe.Facets = {
    "volume-id": lambda v: v.id, "size": lambda v: v.size, "status": lambda v: v.state, "volume-type": lambda v: v.type, "snapshot-id": lambda v: v.snapshot_id,
    "availability-zone": lambda v: v.zone, "availability-zone-id": lambda call, v: zones.id_of(call.account, v.zone), "encrypted": lambda v: v.encrypted,
    "multi-attach-enabled": lambda v: v.multi_attach, "fast-restored": lambda v: v.fast_restored, "create-time": lambda v: describe_time(v.made), "iops": lambda v: v.iops or None,
    "attachment.instance-id": lambda v: [at.instance_id for at in v.attachments], "attachment.device": lambda v: [at.device for at in v.attachments],
    "attachment.status": lambda v: [at.state for at in v.attachments], "attachment.delete-on-termination": lambda v: [at.delete_on_termination for at in v.attachments],
    "attachment.attach-time": lambda v: [describe_time(at.at) for at in v.attachments], "operator.managed": lambda v: False,
}


def describe_time(moment: float) -> str:
    """As a filter has it: 2026-01-02T03:04:05.000Z."""
    from datetime import UTC, datetime
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@ec2.op(**names.making("volume", snapshot="SnapshotId"), partly="Outposts; SourceVolumeId copies are refused")
def create_volume(call: Call, req: t.CreateVolumeRequest) -> t.Volume:
    if (token := req.get("ClientToken")) and (before := next((one for one in call.all(Volume) if one.token == token), None)):
        if (before.zone, req.get("Size") or before.size, req.get("VolumeType") or before.type) != (zone_of(call, req), before.size, before.type):
            raise errors.token_reused()
        return shown(call, before)
    if req.get("MultiAttachEnabled") and req.get("VolumeType") not in ("io1", "io2"):
        raise errors.invalid("The parameter MultiAttachEnabled is only supported for io1 and io2 volumes.")
    one = make(call, zone_of(call, req), req, multi_attach=bool(req.get("MultiAttachEnabled")), token=token or "")
    tags.take(call, req, "volume", one.id)
    call.after(CREATING_SECONDS, volume_ready, one.id, id=one.id)
    return shown(call, one)


def zone_of(call: Call, req: Any) -> str:
    if zone := req.get("AvailabilityZone"):
        if zone not in zones.of(call.region):
            raise errors.AwsError("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
        return zone  # type: ignore[no-any-return]
    if zone_id := req.get("AvailabilityZoneId"):
        if zone := zones.by_id(call.account, call.region, zone_id):
            return zone
        raise errors.AwsError("InvalidZone.NotFound", f"The zone '{zone_id}' does not exist.")
    raise errors.missing("availabilityZone")


@ec2.op(**names.LOOK)
def describe_volumes(call: Call, req: t.DescribeVolumesRequest) -> t.DescribeVolumesResult:
    ids = req.get("VolumeIds")
    if strays := [id_ for id_ in ids or () if call.get(Volume, id_) is None]:
        raise refusals.no_volume(strays)
    found = [find(call, id_) for id_ in dict.fromkeys(ids)] if ids else call.all(Volume)
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "Volumes", ids=ids)


@ec2.op(**names.on("volume", "VolumeId"))
def delete_volume(call: Call, req: t.DeleteVolumeRequest) -> None:
    one = find(call, req["VolumeId"])
    if one.attachments:
        raise refusals.volume_in_use(one.id, f"Volume {one.id} is currently attached to {one.attachments[0].instance_id}")
    if one.state not in ("available", "error"):
        raise refusals.volume_not_available(one.id, one.state)
    end(call, one)


@ec2.op(**names.LOOK)
def describe_volume_status(call: Call, req: t.DescribeVolumeStatusRequest) -> t.DescribeVolumeStatusResult:
    ids = req.get("VolumeIds")
    found = [find(call, id_) for id_ in ids] if ids else call.all(Volume)
    found = describe.matching(call, found, req.get("Filters"), {
        "availability-zone": lambda v: v.zone, "volume-status.status": lambda v: "ok", "volume-status.details-name": lambda v: ["io-enabled", "io-performance"],
        "volume-status.details-status": lambda v: "passed", "action.code": lambda v: None, "event.event-type": lambda v: None})
    rows = [{"VolumeId": v.id, "AvailabilityZone": v.zone, "Actions": [], "Events": [],
             "VolumeStatus": {"Status": "ok" if v.state in ("available", "in-use") else "insufficient-data", "Details": [{"Name": "io-enabled", "Status": "passed"}]}} for v in found]
    return describe.page(req, rows, "VolumeStatuses", ids=ids)


@ec2.op(**names.LOOK)
def describe_volume_attribute(call: Call, req: t.DescribeVolumeAttributeRequest) -> t.DescribeVolumeAttributeResult:
    one = find(call, req["VolumeId"])
    if req["Attribute"] == "autoEnableIO":
        return {"VolumeId": one.id, "AutoEnableIO": {"Value": one.auto_enable_io}}
    return {"VolumeId": one.id, "ProductCodes": []}


@ec2.op(**names.on("volume", "VolumeId"))
def modify_volume_attribute(call: Call, req: t.ModifyVolumeAttributeRequest) -> None:
    put(call, find(call, req["VolumeId"]).but(auto_enable_io=bool((req.get("AutoEnableIO") or {}).get("Value"))))


@ec2.op(**names.on("volume", "VolumeId"))
def enable_volume_io(call: Call, req: t.EnableVolumeIORequest) -> None:
    find(call, req["VolumeId"])
