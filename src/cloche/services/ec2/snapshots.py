"""Snapshots: a volume as it was at the moment of the call. Regional, whole for whoever looks, and usable in every zone."""
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsEvent, Call, Record

from . import describe, disk_files, ebs_encryption, errors, links, names, public_images, tags
from . import errors_volumes as refusals
from . import service as ec2
from .volumes import Volume, describe_time
from .volumes import find as find_volume

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

PENDING_SECONDS = 5.0
MOST_PENDING = 5       # of one volume at once (gp2, gp3, io1, io2)


class Snapshot(Record, frozen=True):
    kind = "ec2.snapshot"

    id: str
    volume_id: str
    size: int
    began: float
    owner: str
    region: str
    state: str = "pending"            # pending, completed, error, recoverable
    message: str = ""
    description: str = ""
    key_arn: str = ""
    sealed: bytes = b""
    disk: str = ""                    # whose data key `sealed` is
    image_id: str = ""
    tree: bool = False
    permitted: list[str] = []         # accounts, and "all"
    fast: list[str] = []              # zones with fast restore
    locked: dict[str, Any] = {}
    tier: str = "standard"
    completed: float = 0
    copying: bool = False
    published: bool = False           # of a public image: its content is the host itself
    published_source: bool = False    # a copy of such a one: it has no content of its own, either
    source: str = ""

    @property
    def key(self) -> str:
        return self.id


class Shared(Record, frozen=True):
    """Where a snapshot is that its owner lets others use."""
    kind = "ec2.snapshot-shared"
    scope = "cloud"

    id: str
    account: str
    region: str

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> Snapshot:
    """One of this account's."""
    if (found := call.get(Snapshot, id_)) and found.state != "recoverable":
        return found
    if not id_.startswith("snap-"):
        raise refusals.snapshot_malformed(id_)
    if anywhere(call, id_):
        raise refusals.not_your_snapshot(id_)
    raise refusals.no_snapshot(id_)


tags.FINDERS["snap"] = find


def anywhere(call: Call, id_: str, region: str = "") -> Snapshot | None:
    """This account's, one that another shares with it, or a public image's."""
    there = call.at(call.account, region or call.region)
    if found := there.get(Snapshot, id_):
        return found if found.state != "recoverable" else None
    if image := public_images.snapshot(there.region, id_):
        root = image.root
        return Snapshot(id_, "vol-ffffffff", root["VolumeSize"], image.made, image.owner, there.region, "completed", description=f"Created for {image.id}", permitted=["all"],
                        completed=image.made, tree=True, published=True, image_id=image.id)
    shared = call.get(Shared, id_)
    found = call.at(shared.account, shared.region).get(Snapshot, id_) if shared and shared.region == there.region else None
    return found if found and ("all" in found.permitted or call.account in found.permitted) else None


def usable(call: Call, id_: str, image: Any = None, region: str = "") -> Snapshot:
    """To make a volume of. Raises InvalidSnapshot.NotFound, IncorrectState. Who may launch an image may use its snapshots for that."""
    found = anywhere(call, id_, region)
    if found is None and image is not None and id_ in image.snapshots:
        found = call.at(image.owner, region or call.region).get(Snapshot, id_)
    if found is None:
        raise refusals.no_snapshot(id_) if id_.startswith("snap-") else refusals.snapshot_malformed(id_)
    if found.state == "pending":
        raise refusals.snapshot_pending(id_)
    return found


def put(call: Call, one: Snapshot) -> Snapshot:
    links.tie(call, one.id, one.volume_id)
    shared = call.get(Shared, one.id)
    if one.permitted and not shared:
        call.put(Shared(one.id, call.account, call.region))
    elif shared and not one.permitted:
        call.delete(shared)
    return call.put(one)


def is_fast(call: Call, id_: str, zone: str) -> bool:
    return bool((found := call.get(Snapshot, id_)) and zone in found.fast)


# -- making ----------------------------------------------------------------------------------------------------------------------

def take(call: Call, volume: Volume, description: str = "", **more: Any) -> Snapshot:
    """A snapshot of a volume, pending. Its content is copied at once by the caller (who waits) or by `copied`."""
    ebs_encryption.open_(call, volume.key_arn, volume.id, volume.sealed)
    one = Snapshot(call.id("snap-"), volume.id, volume.size, call.now, call.account, call.region, description=description, key_arn=volume.key_arn, sealed=volume.sealed,
                   disk=volume.id, tree=volume.tree, image_id=volume.image_id, copying=True, **more)
    put(call, one)
    call.wake(capture, one.id)
    call.after(PENDING_SECONDS, snapshot_done, one.id, id=one.id)
    return one


@ec2.worker
async def capture(call: Call, key: str) -> None:
    """The content, in the moment of the call: begun as soon as the snapshot is on record."""
    one = call.get(Snapshot, key)
    if one is None or not one.copying:
        return
    await disk_files.copy(disk_files.path(call, one.volume_id), disk_files.path(call, one.id))
    with call.step():
        if one := call.get(Snapshot, key):
            put(call, one.but(copying=False))
            call.signal(f"ec2.snapshot.{one.id}")


@ec2.timer
def snapshot_done(call: Call, id: str) -> None:
    one = call.get(Snapshot, id)
    if one is None or one.state != "pending":
        return
    if one.copying:
        call.after(1.0, snapshot_done, one.id, id=one.id)
        return
    put(call, one.but(state="completed", completed=call.now))
    event = "copySnapshot" if one.source else "createSnapshot"
    call.emit(AwsEvent("aws.ec2", "EBS Snapshot Notification", {
        "event": event, "result": "succeeded", "cause": "", "request-id": "", "snapshot_id": names.arn(call, "snapshot", one.id),
        "source": one.source or f"arn:aws:ec2::{call.region}:volume/{one.volume_id}", "startTime": describe_time(one.began), "endTime": describe_time(call.now)},
        [names.arn(call, "snapshot", one.id)]))
    call.signal(f"ec2.snapshot.{one.id}")


def shown(call: Call, one: Snapshot) -> t.Snapshot:
    out: Any = {
        "SnapshotId": one.id, "VolumeId": one.volume_id, "State": one.state, "StartTime": one.began, "Progress": "100%" if one.state == "completed" else "", "OwnerId": one.owner,
        "Description": one.description, "VolumeSize": one.size, "Encrypted": bool(one.key_arn), "StorageTier": one.tier, "Tags": tags.shown(call, one.id)}
    if one.key_arn:
        out |= {"KmsKeyId": one.key_arn, "SseType": "sse-kms", "DataEncryptionKeyId": _data_key_id(one)}
    if one.published:
        out["OwnerAlias"] = "amazon"
    if one.completed:
        out["CompletionTime"] = one.completed
    return out  # type: ignore[no-any-return]


def _data_key_id(one: Snapshot) -> str:
    """The same for volumes and snapshots that share a data key."""
    digest = hashlib.sha256(one.sealed).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


@ec2.op(**names.making("snapshot", volume="VolumeId"), partly="Outposts and Local Zones")
def create_snapshot(call: Call, req: t.CreateSnapshotRequest) -> t.Snapshot:
    volume = find_volume(call, req["VolumeId"])
    pending = [one for id_ in links.users(call, volume.id, "snap-") if (one := call.get(Snapshot, id_)) and one.state == "pending"]
    if len(pending) >= MOST_PENDING:
        raise refusals.concurrent_snapshots(volume.id)
    one = take(call, volume, req.get("Description") or "")
    tags.take(call, req, "snapshot", one.id)
    return {**shown(call, one), "Progress": ""}


@ec2.op(**names.making("snapshot", instance="InstanceSpecification.InstanceId"))
def create_snapshots(call: Call, req: t.CreateSnapshotsRequest) -> t.CreateSnapshotsResult:
    """All of an instance's volumes at one moment."""
    from . import instances, volumes
    wanted = req["InstanceSpecification"]
    instance = instances.find(call, wanted["InstanceId"])
    excluded, made = set(wanted.get("ExcludeDataVolumeIds") or ()), []
    for volume in volumes.of_instance(call, instance.id):
        on = volume.on(instance.id)
        root = on is not None and on.device == instance.root_device
        if (root and wanted.get("ExcludeBootVolume")) or volume.id in excluded:
            continue
        one = take(call, volume, req.get("Description") or "")
        tags.take(call, req, "snapshot", one.id)
        if req.get("CopyTagsFromSource") == "volume":
            tags.put(call, one.id, {k: v for k, v in tags.of(call, volume.id).items() if not k.startswith("aws:")})
        made.append({"SnapshotId": one.id, "VolumeId": one.volume_id, "VolumeSize": one.size, "State": one.state, "StartTime": one.began, "OwnerId": one.owner, "Progress": "",
                     "Encrypted": bool(one.key_arn), "Description": one.description, "Tags": tags.shown(call, one.id)})
    return {"Snapshots": made}  # type: ignore[typeddict-item]


FACETS: describe.Facets = {
    "snapshot-id": lambda s: s.id, "volume-id": lambda s: s.volume_id, "volume-size": lambda s: s.size, "status": lambda s: s.state, "owner-id": lambda s: s.owner,
    "owner-alias": lambda s: "amazon" if s.published else None, "description": lambda s: s.description, "encrypted": lambda s: bool(s.key_arn), "progress": lambda s: "100%" if s.state == "completed" else "",
    "start-time": lambda s: describe_time(s.began), "storage-tier": lambda s: s.tier, "transfer-type": lambda s: None,
}


@ec2.op(**names.LOOK)
def describe_snapshots(call: Call, req: t.DescribeSnapshotsRequest) -> t.DescribeSnapshotsResult:
    ids = req.get("SnapshotIds")
    if ids:
        if strays := [id_ for id_ in ids if anywhere(call, id_) is None]:
            raise refusals.no_snapshot(strays)
        found = [one for id_ in dict.fromkeys(ids) if (one := anywhere(call, id_))]
    else:
        found = [one for one in call.all(Snapshot) if one.state != "recoverable"]
        found += [one for shared in call.all(Shared) if shared.account != call.account and (one := anywhere(call, shared.id))]
        found += [one for image in public_images.table(call.region).values() if (one := anywhere(call, image.snapshots[0]))]
    if owners := req.get("OwnerIds"):
        found = [one for one in found if one.owner in owners or ("self" in owners and one.owner == call.account) or ("amazon" in owners and one.published)]
    if users := req.get("RestorableByUserIds"):
        found = [one for one in found if ("all" in users and "all" in one.permitted) or ("self" in users and (one.owner == call.account or call.account in one.permitted))
                 or any(user in one.permitted for user in users if user not in ("self", "all"))]
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "Snapshots", ids=ids)


@ec2.op(**names.on("snapshot", "SnapshotId"))
def delete_snapshot(call: Call, req: t.DeleteSnapshotRequest) -> None:
    one = find(call, req["SnapshotId"])
    for image in links.users(call, one.id, "ami-"):
        raise refusals.snapshot_in_use(one.id, image)
    if one.locked and one.locked.get("until", 0) > call.now:
        raise errors.not_permitted(f"Snapshot {one.id} is locked and can't be deleted.")
    remove(call, one)


def remove(call: Call, one: Snapshot) -> None:
    if shared := call.get(Shared, one.id):
        call.delete(shared)
    disk_files.remove(call, one)
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
