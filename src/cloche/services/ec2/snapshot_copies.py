"""Snapshots beyond the first: copies between regions and under other keys, who may use one, fast restore, locks and tiers."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import disk_files, ebs_encryption, errors, names, snapshots, tags, zones
from . import errors_volumes as refusals
from . import service as ec2
from .snapshots import Snapshot

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


def copy(call: Call, source_id: str, source_region: str, encrypted: bool | None, key_id: str | None, description: str = "", image: Any = None) -> Snapshot:
    """A copy here of a snapshot there (Encrypted left out keeps the state, true encrypts; nothing makes an unencrypted copy of an encrypted one)."""
    source = snapshots.usable(call, source_id, image, source_region)
    keep = source.key_arn if source.region == call.region else ""  # keys are regional: a copy elsewhere takes the default one there
    key = ebs_encryption.key_for(call, encrypted, key_id, bool(source.key_arn), keep)
    ebs_encryption.open_(call.at(call.account, source.region), source.key_arn, source.disk, source.sealed)
    id_ = call.id("snap-")
    one = snapshots.put(call, Snapshot(
        id_, "vol-ffffffff", source.size, call.now, call.account, call.region, description=description, key_arn=key, sealed=ebs_encryption.seal(call, key, id_), disk=id_, tree=source.tree,
        image_id=source.image_id, copying=not source.published, source=f"{source.owner}/{source.region}/{source.id}", published_source=source.published))
    if not source.published:
        call.wake(duplicate, id_)
    call.after(snapshots.PENDING_SECONDS, snapshots.snapshot_done, id_, id=id_)
    return one


@ec2.worker
async def duplicate(call: Call, key: str) -> None:
    """The content of the copy."""
    one = call.get(Snapshot, key)
    if one is None or not one.copying:
        return
    account, region, id_ = one.source.split("/")
    await disk_files.copy(disk_files.path(call.at(account, region), id_), disk_files.path(call, key))
    with call.step():
        if one := call.get(Snapshot, key):
            snapshots.put(call, one.but(copying=False))


@ec2.op(**names.making("snapshot"), partly="Outposts, Local Zones and completion durations")
def copy_snapshot(call: Call, req: t.CopySnapshotRequest) -> t.CopySnapshotResult:
    """Asked for in the region where the copy is to be."""
    one = copy(call, req["SourceSnapshotId"], req["SourceRegion"], req.get("Encrypted"), req.get("KmsKeyId"), req.get("Description") or "")
    tags.take(call, req, "snapshot", one.id)
    return {"SnapshotId": one.id, "Tags": tags.shown(call, one.id)}


# -- permissions -----------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.on("snapshot", "SnapshotId"))
def describe_snapshot_attribute(call: Call, req: t.DescribeSnapshotAttributeRequest) -> t.DescribeSnapshotAttributeResult:
    one = snapshots.find(call, req["SnapshotId"])
    if req["Attribute"] == "productCodes":
        return {"SnapshotId": one.id, "ProductCodes": []}
    return {"SnapshotId": one.id, "CreateVolumePermissions": [{"Group": "all"} if each == "all" else {"UserId": each} for each in one.permitted]}


@ec2.op(**names.on("snapshot", "SnapshotId"))
def modify_snapshot_attribute(call: Call, req: t.ModifySnapshotAttributeRequest) -> None:
    one = snapshots.find(call, req["SnapshotId"])
    change: Any = req.get("CreateVolumePermission") or {}

    def named(pairs: Any) -> list[str]:
        return [pair.get("UserId") or pair.get("Group") for pair in pairs or ()]
    add, remove = named(change.get("Add")), named(change.get("Remove"))
    flat = [*(req.get("UserIds") or ()), *(req.get("GroupNames") or ())]
    if req.get("OperationType") == "remove":
        remove += flat
    else:
        add += flat
    if not add and not remove:
        raise errors.missing("createVolumePermission")
    if add and one.key_arn:
        if "all" in add:
            raise refusals.encrypted_not_public(one.id)
        if one.key_arn == ebs_encryption.kms.key_arn(call, ebs_encryption.AWS_KEY):
            raise refusals.shares_default_key(one.id)
    if "all" in add and ebs_encryption.defaults(call).block_public != "unblocked":
        raise refusals.block_public()
    for each in add:
        if each != "all" and not (each.isdigit() and len(each) == 12):
            raise errors.AwsError("InvalidUserID.Malformed", f"Invalid user id: \"{each}\"")
    permitted = [each for each in dict.fromkeys([*one.permitted, *add]) if each not in remove]
    snapshots.put(call, one.but(permitted=permitted))


@ec2.op(**names.on("snapshot", "SnapshotId"))
def reset_snapshot_attribute(call: Call, req: t.ResetSnapshotAttributeRequest) -> None:
    snapshots.put(call, snapshots.find(call, req["SnapshotId"]).but(permitted=[]))


# -- fast restore ------------------------------------------------------------------------------------------------------------------------

def _fast(call: Call, one: Snapshot, zone: str, state: str) -> Any:
    return {"SnapshotId": one.id, "AvailabilityZone": zone, "AvailabilityZoneId": zones.id_of(call.account, zone), "State": state, "StateTransitionReason": "Client.UserInitiated",
            "OwnerId": call.account, "EnablingTime": call.now}


def _zones_of(call: Call, req: Any) -> list[str]:
    wanted = list(req.get("AvailabilityZones") or ())
    wanted += [zone for id_ in req.get("AvailabilityZoneIds") or () if (zone := zones.by_id(call.account, call.region, id_))]
    if not wanted:
        raise errors.missing("AvailabilityZones")
    return wanted


@ec2.op(**names.on("snapshot", "SourceSnapshotIds"))
def enable_fast_snapshot_restores(call: Call, req: t.EnableFastSnapshotRestoresRequest) -> t.EnableFastSnapshotRestoresResult:
    done: list[Any] = []
    failed: list[Any] = []
    for id_ in req["SourceSnapshotIds"]:
        one = snapshots.find(call, id_)
        for zone in _zones_of(call, req):
            if zone not in zones.of(call.region):
                failed.append({"SnapshotId": id_, "FastSnapshotRestoreStateErrors": [{"AvailabilityZone": zone, "Error": {"Code": "InvalidZone.NotFound", "Message": f"The zone '{zone}' does not exist."}}]})
                continue
            one = snapshots.put(call, one.but(fast=list(dict.fromkeys([*one.fast, zone]))))
            done.append(_fast(call, one, zone, "enabling"))
    return {"Successful": done, "Unsuccessful": failed}


@ec2.op(**names.on("snapshot", "SourceSnapshotIds"))
def disable_fast_snapshot_restores(call: Call, req: t.DisableFastSnapshotRestoresRequest) -> t.DisableFastSnapshotRestoresResult:
    done: list[Any] = []
    for id_ in req["SourceSnapshotIds"]:
        one = snapshots.find(call, id_)
        for zone in _zones_of(call, req):
            if zone in one.fast:
                one = snapshots.put(call, one.but(fast=[each for each in one.fast if each != zone]))
                done.append(_fast(call, one, zone, "disabling"))
    return {"Successful": done, "Unsuccessful": []}


@ec2.op(**names.LOOK)
def describe_fast_snapshot_restores(call: Call, req: t.DescribeFastSnapshotRestoresRequest) -> t.DescribeFastSnapshotRestoresResult:
    from . import describe
    rows = [_fast(call, one, zone, "enabled") for one in call.all(Snapshot) for zone in one.fast]
    rows = describe.matching(call, rows, req.get("Filters"), {
        "availability-zone": lambda row: row["AvailabilityZone"], "availability-zone-id": lambda row: row["AvailabilityZoneId"], "owner-id": lambda row: row["OwnerId"],
        "snapshot-id": lambda row: row["SnapshotId"], "state": lambda row: row["State"]})
    return describe.page(req, rows, "FastSnapshotRestores", least=1, most=200)


# -- locks ---------------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.on("snapshot", "SnapshotId"))
def lock_snapshot(call: Call, req: t.LockSnapshotRequest) -> t.LockSnapshotResult:
    """Nobody deletes it before the lock is over; in compliance mode nobody ends the lock, either, once the cooling-off is over."""
    one = snapshots.find(call, req["SnapshotId"])
    days, date = req.get("LockDuration"), req.get("ExpirationDate")
    if bool(days) == bool(date):
        raise errors.combination("You must specify either LockDuration or ExpirationDate, but not both")
    until = float(date) if date else call.now + 86400 * (days or 0)
    cool = call.now + 3600 * (req.get("CoolOffPeriod") or 0)
    lock = {"mode": req["LockMode"], "until": until, "made": call.now, "cool": cool if req["LockMode"] == "compliance" else 0.0}
    snapshots.put(call, one.but(locked=lock))
    return {"SnapshotId": one.id, **_lock(call, lock)}  # type: ignore[typeddict-item]


def _lock(call: Call, lock: dict[str, Any]) -> dict[str, Any]:
    if lock["until"] <= call.now:
        return {"LockState": "expired"}
    state = lock["mode"] if lock["mode"] == "governance" or call.now >= lock["cool"] else "compliance-cooloff"
    out = {"LockState": state, "LockCreatedOn": lock["made"], "LockExpiresOn": lock["until"], "LockDuration": round((lock["until"] - lock["made"]) / 86400), "LockDurationStartTime": lock["made"]}
    if lock["cool"] > lock["made"]:
        out |= {"CoolOffPeriod": round((lock["cool"] - lock["made"]) / 3600), "CoolOffPeriodExpiresOn": lock["cool"]}
    return out


@ec2.op(**names.on("snapshot", "SnapshotId"))
def unlock_snapshot(call: Call, req: t.UnlockSnapshotRequest) -> t.UnlockSnapshotResult:
    one = snapshots.find(call, req["SnapshotId"])
    if one.locked and one.locked["mode"] == "compliance" and call.now >= one.locked["cool"]:
        raise errors.not_permitted(f"Snapshot {one.id} is locked in compliance mode; its cooling-off period is over.")
    snapshots.put(call, one.but(locked={}))
    return {"SnapshotId": one.id}


@ec2.op(**names.LOOK)
def describe_locked_snapshots(call: Call, req: t.DescribeLockedSnapshotsRequest) -> t.DescribeLockedSnapshotsResult:
    from . import describe
    found = [snapshots.find(call, id_) for id_ in req["SnapshotIds"]] if req.get("SnapshotIds") else call.all(Snapshot)
    rows = [{"OwnerId": one.owner, "SnapshotId": one.id, **_lock(call, one.locked)} for one in found if one.locked]
    rows = describe.matching(call, rows, req.get("Filters"), {"lock-state": lambda row: row["LockState"]})
    return describe.page(req, rows, "Snapshots")
