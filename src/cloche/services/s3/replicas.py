"""Replicas: new versions go to other buckets under the role of the configuration, each bucket's in the order in which they were made.

What is to go is a row of the same step that made the version; one worker a bucket carries the rows out. The replica has the version id of its
source, its moment, its metadata, tags and locks; what was there before the configuration, and what is a replica itself, does not go.
"""
from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call, authorize
from cloche.wire.http import FileBody

from . import bodies, encryption, rows
from . import service as s3
from .access import acls_count, need
from .buckets import Bucket
from .notifications import iso, tell
from .replication import prefix_of, tags_of
from .rows import About, Version

ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")

s3.table("CREATE TABLE IF NOT EXISTS s3_outgoing (n INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, id INTEGER NOT NULL, what TEXT NOT NULL, role TEXT NOT NULL, rule BLOB NOT NULL)")
s3.table("CREATE INDEX IF NOT EXISTS s3_outgoing_of ON s3_outgoing (bucket, n)")
s3.table("CREATE INDEX IF NOT EXISTS s3_outgoing_version ON s3_outgoing (id)")


class Refused(Exception):
    """Why a version does not arrive, in the words of S3's list of failure reasons."""


# --- what goes ----------------------------------------------------------------------------------------------------------------

def chosen(bucket: Bucket, v: Version) -> list[dict[str, Any]]:
    """The rules that a new version follows: for each destination the one of the highest priority."""
    about, best = v.about, {}
    if v.storage_class in ARCHIVED or about.replication == "REPLICA":
        return []
    for rule in bucket.settings["replication"]["Rules"]:
        if rule["Status"] != "Enabled" or not v.key.startswith(prefix_of(rule)):
            continue
        if v.marker:
            if (rule.get("DeleteMarkerReplication") or {"Status": "Enabled"})["Status"] != "Enabled":
                continue
        elif any(about.tags.get(tag["Key"]) != tag["Value"] for tag in tags_of(rule)) or (about.sse.startswith("aws:kms") and ((rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}).get("Status") != "Enabled"):
            continue
        before = best.get(rule["Destination"]["Bucket"])
        if before is None or rule.get("Priority", 0) > before.get("Priority", 0):
            best[rule["Destination"]["Bucket"]] = rule
    return list(best.values())


def send(call: Call, bucket: Bucket, v: Version, rules: list[dict[str, Any]], what: str) -> None:
    """Part of the step in which the version was made or changed."""
    for rule in rules:
        call.sql("INSERT INTO s3_outgoing (bucket, id, what, role, rule) VALUES (?,?,?,?,?)", bucket.name, v.id, what, bucket.settings["replication"]["Role"],
                 msgspec.msgpack.encode(rule))
    call.at(bucket.owner, bucket.region).wake(replicate, bucket.name)


def changed(call: Call, bucket: Bucket, v: Version) -> None:
    """Tags, ACL or lock of a version that has replicas were changed; a change of a replica goes back only if a rule says so."""
    if v.about.replication == "REPLICA":
        v = msgspec.structs.replace(v, about=msgspec.structs.replace(v.about, replication=""))
        rules = [rule for rule in chosen(bucket, v) if ((rule.get("SourceSelectionCriteria") or {}).get("ReplicaModifications") or {}).get("Status") == "Enabled"]
    else:
        rules = chosen(bucket, v) if v.about.replication else []
    if rules:
        send(call, bucket, v, rules, "change")


# --- how it goes --------------------------------------------------------------------------------------------------------------

@s3.worker
async def replicate(call: Call, key: str) -> None:
    while row := call.row("SELECT n, id, what, role, rule FROM s3_outgoing WHERE bucket=? ORDER BY n LIMIT 1", key):
        n, id_, what, role, packed = row
        rule = msgspec.msgpack.decode(packed)
        source = call.get(Bucket, key)
        v = rows.read(call.row(f"SELECT {rows.COLUMNS}, body FROM s3_object WHERE id=?", id_))
        refused, stored, replica = "", None, None
        if source is not None and v is not None and v.bucket == key:
            try:
                there, target = _admitted(call, source, v, role, rule, what)
                if what == "object" and rows.numbered(call, target.name, v.key, v.version) is None:
                    replica, stored = await _carried(call, there, source, target, v, rule)
            except Refused as reason:
                refused = str(reason)
        try:
            with call.step():
                call.sql("DELETE FROM s3_outgoing WHERE n=?", n)
                now = rows.read(call.row(f"SELECT {rows.COLUMNS} FROM s3_object WHERE id=?", id_))
                if source is None or now is None or v is None or (now.bucket, now.key, now.version) != (v.bucket, v.key, v.version):
                    raise LookupError  # it is gone, and nobody misses its replica
                if not refused:
                    _arrived(call, target, now, replica, what)
                _settle(call, source, now, rule, refused)
        except BaseException as error:
            if stored is not None:
                bodies.discard(stored)
            if not isinstance(error, LookupError):
                raise
            with call.step():
                call.sql("DELETE FROM s3_outgoing WHERE n=?", n)


def _admitted(call: Call, source: Bucket, v: Version, role: str, rule: dict[str, Any], what: str) -> tuple[Call, Bucket]:
    """S3 under the role, where the destination is, if the role may read here and write there."""
    try:
        there = call.as_role(role, "s3-replication", "s3.amazonaws.com", source_arn=source.arn)
    except AwsError:
        raise Refused("AssumeRoleNotPermitted") from None
    wanted = rule["Destination"]
    target = call.get(Bucket, wanted["Bucket"].rpartition(":")[2])
    if target is None:
        raise Refused("DstBucketNotFound")
    if target.versioning != "Enabled":
        raise Refused("DstBucketUnversioned")
    if "object_lock" in source.settings and "object_lock" not in target.settings:
        raise Refused("DstBucketObjectLockConfigMissing")
    if "AccessControlTranslation" in wanted and wanted["Account"] != target.owner:
        raise Refused("DstBucketNotFound")

    def ask(bucket: Bucket, key: str | None, reason: str, *actions: str) -> None:
        for action in actions:
            if not authorize.decide(there, need(there, bucket, action, key, None, v if bucket is source else None)).allowed:
                raise Refused(reason)
    ask(source, None, "SrcBucketReplicationConfigMissing", "s3:GetReplicationConfiguration")
    about = v.about
    if v.marker:
        ask(source, None, "SrcBucketReplicationConfigMissing", "s3:ListBucket")
        ask(target, v.key, "DstDelObjNotPermitted", "s3:ReplicateDelete")
        return there, target
    ask(source, v.key, "SrcGetObjectNotPermitted", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl")
    if about.tags or what == "change":
        ask(source, v.key, "SrcGetTaggingNotPermitted", "s3:GetObjectVersionTagging")
        ask(target, v.key, "DstPutTaggingNotPermitted", "s3:ReplicateTags")
    if about.lock_mode:
        ask(source, v.key, "SrcGetObjectNotPermitted", "s3:GetObjectRetention")
    if about.hold:
        ask(source, v.key, "SrcGetObjectNotPermitted", "s3:GetObjectLegalHold")
    if what == "object":
        ask(target, v.key, "DstPutObjectNotPermitted", "s3:ReplicateObject")
        if "AccessControlTranslation" in wanted:
            ask(target, v.key, "DstPutObjectNotPermitted", "s3:ObjectOwnerOverrideToBucketOwner")
    return there, target


async def _carried(call: Call, there: Call, source: Bucket, target: Bucket, v: Version, rule: dict[str, Any]) -> tuple[Version, bodies.Stored]:
    """The replica, with its bytes in a file of its own (or in its row). Under KMS it is opened with one key and sealed with the other."""
    about: About = msgspec.structs.replace(v.about, replication="REPLICA", restored=0.0, restoring=0.0, restore_days=0)
    sealing: Any = None
    if about.sealed:
        from cloche.services.kms import public as kms
        try:
            v.cipher = encryption._cipher(kms.decrypt(there.at(source.owner, source.region), about.sealed, about.kms_context), v.about)
        except AwsError:
            raise Refused("SrcKmsKeyNotPermitted") from None
        key = urlsafe_b64decode(call.secret(32) + "=")
        far, wanted = there.at(target.owner, target.region), rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"]
        about.kms_context = {"aws:s3:arn": target.arn if about.bucket_key else f"{target.arn}/{v.key}"}
        try:
            about.sealed, about.kms_key = kms.encrypt(far, wanted, key, about.kms_context), kms.key_arn(far, wanted) or wanted
        except AwsError as error:
            raise Refused("DstKmsKeyNotFound" if error.code == "NotFoundException" else "DstKmsKeyInvalidState") from None
        about.nonce = encryption._nonce(call)
        sealing = encryption._cipher(key, about).reader(0)  # type: ignore[union-attr]
    content = rows.content(call, v)
    stored = bodies.Stored(v.size, b"")
    if isinstance(content, bytes):
        stored.body = content if sealing is None else sealing.update(content)
    else:
        stored.path = call.file("s3")
        stored.file = rows.name_of(call, stored.path)
        await asyncio.to_thread(_copied, content, stored.path, sealing)
    translated = "AccessControlTranslation" in rule["Destination"] or target.settings.get("ownership") == "BucketOwnerEnforced"
    if translated:
        about.acl = None
    owner = target.owner if translated else v.owner
    replica = Version(0, target.name, v.key, v.version, 1, 0, v.size, v.etag, v.modified, rule["Destination"].get("StorageClass", v.storage_class), v.summed, owner, about,
                      stored.file, stored.body)
    return replica, stored


def _copied(content: FileBody, path: Any, sealing: Any) -> None:
    """In a thread."""
    with path.open("wb", buffering=0) as out:
        for piece in content.pieces(1 << 20):
            out.write(piece if sealing is None else sealing.update(piece))


def _arrived(call: Call, target: Bucket, v: Version, replica: Version | None, what: str) -> None:
    if what == "change":
        there = rows.numbered(call, target.name, v.key, v.version)
        if there is None or there.marker:
            return
        for name in ("tags", "lock_mode", "lock_until", "hold"):
            setattr(there.about, name, getattr(v.about, name))
        if acls_count(target):
            there.about.acl = v.about.acl
        rows.describe(call, there)
        return
    if v.marker:
        replica = Version(0, target.name, v.key, v.version, 1, 1, 0, "", v.modified, "", "", target.owner, About(replication="REPLICA"), None)
    if replica is None or rows.numbered(call, target.name, v.key, v.version) is not None:
        return  # it had arrived before
    if not replica.about.lock_mode and not v.marker and "object_lock" in target.settings:
        from . import locks
        locks.describe(call, target, {}, replica.about)
    rows.add(call, "Enabled", replica, v.version)
    if "notification" in target.settings:
        tell(call, target, "ObjectRemoved:DeleteMarkerCreated" if v.marker else "ObjectCreated:Put", replica)


def _settle(call: Call, source: Bucket, v: Version, rule: dict[str, Any], refused: str) -> None:
    """What the source says of its replicas: completed when all have arrived, failed when one has not."""
    if v.about.replication == "REPLICA":
        return
    if refused:
        v.about.replication = "FAILED"
    elif v.about.replication == "PENDING" and not call.row("SELECT 1 FROM s3_outgoing WHERE id=? LIMIT 1", v.id):
        v.about.replication = "COMPLETED"
    rows.describe(call, v)
    watched = (rule["Destination"].get("Metrics") or {}).get("Status") == "Enabled"
    if refused and watched and "notification" in source.settings:
        tell(call, source, "Replication:OperationFailedReplication", v, {"replicationEventData": {
            "replicationRuleId": rule["ID"], "destinationBucket": rule["Destination"]["Bucket"], "s3Operation": "OBJECT_DELETE" if v.marker else "OBJECT_PUT",
            "requestTime": iso(v.modified), "failureReason": refused}})
