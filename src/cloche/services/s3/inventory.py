"""Inventories: lists of a bucket's objects, delivered to another bucket at midnight, daily or on Sundays, in S3's own name.

One timer a configuration. What a report is made of are the files that AWS documents: packed CSV, a manifest with its checksum, and a list for Hive.
The destination's policy decides whether it comes; who is not let in delivers nothing, and tries again the next time.
"""
from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from cloche.kernel import AwsError, Call

from . import errors, rows
from . import service as s3
from .access import on_bucket, private
from .buckets import Bucket
from .configurations import forget, keep, listed, one
from .lifecycle import DAY, concerns, ends, midnight
from .listing import LAST, behind
from .notifications import iso
from .rows import Version

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

LARGEST_FILE = 1_000_000  # rows
SEALED = {"AES256": "SSE-S3", "aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS", "": "SSE-C"}
FIELDS = ("Size", "LastModifiedDate", "StorageClass", "ETag", "IsMultipartUploaded", "ReplicationStatus", "EncryptionStatus", "ObjectLockRetainUntilDate", "ObjectLockMode",
          "ObjectLockLegalHoldStatus", "IntelligentTieringAccessTier", "BucketKeyStatus", "ChecksumAlgorithm", "ObjectAccessControlList", "ObjectOwner", "LifecycleExpirationDate")


@s3.op(needs=on_bucket("s3:PutInventoryConfiguration"), partly="reports are CSV; ORC and Parquet are refused")
def put_bucket_inventory_configuration(call: Call, req: t.PutBucketInventoryConfigurationRequest) -> None:
    wanted = req["InventoryConfiguration"]
    destination = wanted["Destination"]["S3BucketDestination"]
    if destination["Format"] not in ("CSV", "ORC", "Parquet") or wanted["IncludedObjectVersions"] not in ("All", "Current") or wanted["Schedule"]["Frequency"] not in ("Daily", "Weekly"):
        raise errors.malformed_xml()
    if destination["Format"] != "CSV":
        raise errors.not_implemented("", f"Cloche does not write inventories as {destination['Format']} yet")
    if unknown := [field for field in wanted.get("OptionalFields") or () if field not in FIELDS]:
        raise errors.malformed_xml() if not unknown[0].startswith(("ObjectLockEvent", "IntelligentTieringR")) else errors.not_implemented("", f"Cloche has no {unknown[0]} in inventories yet")
    if not destination["Bucket"].startswith("arn:") or destination["Bucket"].split(":")[2:5] != ["s3", "", ""]:
        raise errors.argument("Invalid destination bucket ARN", "Bucket", destination["Bucket"])
    sealing = destination.get("Encryption") or {}
    if len(sealing) > 1:
        raise errors.malformed_xml()
    bucket, kept = keep(call, req, "inventory", "InventoryConfiguration")
    there = call.at(bucket.owner, bucket.region)
    if kept["IsEnabled"]:
        there.due(next_night(call.now, kept), report, name=f"{bucket.name}/{kept['Id']}", bucket=bucket.name, id=kept["Id"])
    else:
        there.cancel(report, f"{bucket.name}/{kept['Id']}")


@s3.op(needs=on_bucket("s3:GetInventoryConfiguration"))
def get_bucket_inventory_configuration(call: Call, req: t.GetBucketInventoryConfigurationRequest) -> t.GetBucketInventoryConfigurationOutput:
    return {"InventoryConfiguration": one(call, req, "inventory")}  # type: ignore[typeddict-item]


@s3.op(needs=on_bucket("s3:GetInventoryConfiguration"))
def list_bucket_inventory_configurations(call: Call, req: t.ListBucketInventoryConfigurationsRequest) -> t.ListBucketInventoryConfigurationsOutput:
    return listed(call, req, "inventory", "InventoryConfigurationList")  # type: ignore[return-value]


@s3.op(needs=on_bucket("s3:PutInventoryConfiguration"))
def delete_bucket_inventory_configuration(call: Call, req: t.DeleteBucketInventoryConfigurationRequest) -> None:
    bucket = forget(call, req, "inventory")
    call.at(bucket.owner, bucket.region).cancel(report, f"{bucket.name}/{req['Id']}")


# --- reports ------------------------------------------------------------------------------------------------------------------

def next_night(now: float, wanted: dict[str, Any]) -> float:
    """Midnight; of a weekly report the one with which a Sunday begins (the epoch was a Thursday)."""
    night = midnight(now + 1)
    return night if wanted["Schedule"]["Frequency"] == "Daily" else night + (3 - int(night // DAY) % 7) % 7 * DAY


@s3.timer
def report(call: Call, bucket: str, id: str) -> None:
    record = call.get(Bucket, bucket)
    wanted = record.settings.get("inventory", {}).get(id) if record is not None else None
    if record is None or wanted is None or not wanted["IsEnabled"]:
        return
    call.due(next_night(call.now, wanted), report, name=f"{bucket}/{id}", bucket=bucket, id=id)
    try:
        deliver(call, record, wanted)
    except AwsError:
        return


def deliver(call: Call, bucket: Bucket, wanted: dict[str, Any]) -> None:
    destination = wanted["Destination"]["S3BucketDestination"]
    folder = "/".join([part for part in (destination.get("Prefix", ""), bucket.name, wanted["Id"]) if part])
    every = wanted["IncludedObjectVersions"] == "All"
    fields = [field for field in FIELDS if field in (wanted.get("OptionalFields") or ())]
    schema = ["Bucket", "Key", *(("VersionId", "IsLatest", "IsDeleteMarker") if every else ()), *fields]
    moment = datetime.fromtimestamp(call.now, UTC)
    files = []
    for page in pages(lines(call, bucket, wanted, schema)):
        data = gzip.compress("".join(page).encode(), mtime=0)
        files.append({"key": f"{folder}/data/{call.uuid()}.csv.gz", "size": len(data), "MD5checksum": hashlib.md5(data, usedforsecurity=False).hexdigest()})
        put(call, bucket, destination, files[-1]["key"], data)
    manifest = json.dumps({
        "sourceBucket": bucket.name, "destinationBucket": destination["Bucket"], "version": "2016-11-30", "creationTimestamp": str(int(call.now * 1000)), "fileFormat": "CSV",
        "fileSchema": ", ".join(schema), "files": files}, indent=2).encode()
    name = destination["Bucket"].rpartition(":")[2]
    at = f"{folder}/{moment:%Y-%m-%dT%H-%MZ}"
    put(call, bucket, destination, f"{folder}/hive/dt={moment:%Y-%m-%d-%H-%M}/symlink.txt", "\n".join(f"s3://{name}/{file['key']}" for file in files).encode())
    put(call, bucket, destination, f"{at}/manifest.json", manifest)
    put(call, bucket, destination, f"{at}/manifest.checksum", hashlib.md5(manifest, usedforsecurity=False).hexdigest().encode())


def put(call: Call, bucket: Bucket, destination: dict[str, Any], key: str, data: bytes) -> None:
    """In S3's name, for this bucket: the destination's policy must let it."""
    name, sealing = destination["Bucket"].rpartition(":")[2], destination.get("Encryption") or {}
    target = call.get(Bucket, name)
    if target is None or destination.get("AccountId") not in (None, target.owner):
        raise errors.no_such_bucket(name)
    how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": sealing["SSEKMS"]["KeyId"]} if "SSEKMS" in sealing else {"ServerSideEncryption": "AES256"} if "SSES3" in sealing else {}
    there = call.at(target.owner, target.region).as_service("s3.amazonaws.com", bucket.arn, bucket.owner)
    there.do("s3", "PutObject", Bucket=name, Key=key, Body=data, ACL="bucket-owner-full-control", **how)


def pages(found: Iterator[str]) -> Iterator[list[str]]:
    page: list[str] = []
    for line in found:
        page.append(line)
        if len(page) == LARGEST_FILE:
            yield page
            page = []
    yield page


def lines(call: Call, bucket: Bucket, wanted: dict[str, Any], schema: list[str]) -> Iterator[str]:
    prefix = (wanted.get("Filter") or {}).get("Prefix") or ""
    current = "" if wanted["IncludedObjectVersions"] == "All" else " AND current=1 AND marker=0"
    for row in call.each(f"SELECT {rows.COLUMNS} FROM s3_object WHERE bucket=? AND key>=? AND key<?{current} ORDER BY key, current DESC, id DESC",
                         bucket.name, prefix, behind(prefix) if prefix else LAST):
        v = rows.read(row)
        yield ",".join('"' + value(bucket, v, field).replace('"', '""') + '"' for field in schema) + "\n"  # type: ignore[arg-type]


def value(bucket: Bucket, v: Version, field: str) -> str:
    about = v.about
    match field:
        case "Bucket":
            return bucket.name
        case "Key":
            return quote_plus(v.key, safe="/")
        case "VersionId":
            return v.version if bucket.versioning else ""
        case "IsLatest":
            return str(bool(v.current)).lower()
        case "IsDeleteMarker":
            return str(bool(v.marker)).lower()
        case "LastModifiedDate":
            return iso(float(int(v.modified)))
        case "ObjectOwner":
            return v.owner
        case "ReplicationStatus":
            return about.replication
    if v.marker:
        return ""
    match field:
        case "Size":
            return str(v.size)
        case "StorageClass":
            return v.storage_class
        case "ETag":
            return v.etag
        case "IsMultipartUploaded":
            return str(bool(about.parts)).lower()
        case "EncryptionStatus":
            return SEALED["" if about.customer else about.sse]
        case "ObjectLockRetainUntilDate":
            return iso(about.lock_until) if about.lock_mode else ""
        case "ObjectLockMode":
            return about.lock_mode
        case "ObjectLockLegalHoldStatus":
            return about.hold
        case "BucketKeyStatus":
            return ("ENABLED" if about.bucket_key else "DISABLED") if about.sse.startswith("aws:kms") else ""
        case "ChecksumAlgorithm":
            return v.summed.partition(" ")[0]
        case "IntelligentTieringAccessTier":
            return "FREQUENT" if v.storage_class == "INTELLIGENT_TIERING" else ""
        case "ObjectAccessControlList":
            return _acl(v)
        case "LifecycleExpirationDate":
            found = [end for rule in (bucket.settings.get("lifecycle") or {"Rules": ()})["Rules"] if v.current and concerns(rule, v) and (end := ends(rule, v)) is not None]
            return iso(min(found)) if found else ""
    return ""


def _acl(v: Version) -> str:
    """Base64 of the list as JSON, as inventories have it."""
    grants = [{"canonicalId": grant["Grantee"].get("ID", ""), "type": grant["Grantee"]["Type"], "permission": grant["Permission"]} | (
        {"uri": grant["Grantee"]["URI"]} if "URI" in grant["Grantee"] else {}) for grant in (private(v.owner) if v.about.acl is None else v.about.acl)]
    return b64encode(json.dumps({"version": "2022-11-10", "status": "AVAILABLE", "grants": grants}).encode()).decode()
