"""What other services ask of buckets behind the curtain: whose they are, and whom they let in. What `s3control` makes is kept here too."""
from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from cloche.iam.principal import canonical_id
from cloche.kernel import Call

from .access import ALL_USERS, SIGNED_USERS, acls_count
from .buckets import AccountBlock, Bucket, blocks, partition
from .cors import headers_for
from .points import ALL_BLOCKED, Alias, Point, attached
from .policies import lets_anybody_in
from .tagging import MOST_ON_BUCKET, checked, shown

__all__ = ["ALL_BLOCKED", "MOST_ON_BUCKET", "AccountBlock", "Alias", "Bucket", "Point", "about", "attached", "buckets", "checked", "cors_headers", "lets_anybody_in", "open_to", "partition", "place", "shown"]


def cors_headers(cloud: Any, request: Any) -> list[tuple[str, str]]:
    """What stands on an answer to a web page, of any operation."""
    bucket = cloud.internal(cloud.service("s3"), "", "").get(Bucket, unquote(request.path[1:]).partition("/")[0])
    return headers_for(bucket, request.headers["origin"], request.headers.get("access-control-request-method", request.method)) if bucket is not None else []


def place(call: Call, name: str) -> tuple[str, str] | None:
    """(account, region) of a bucket; None if there is none."""
    found = call.get(Bucket, name)
    return (found.owner, found.region) if found else None


def buckets(call: Call) -> list[Bucket]:
    """The account's buckets in the call's region."""
    return [one for one in call.all(Bucket) if one.owner == call.account and one.region == call.region]


def storage(call: Call, start: float, end: float) -> list[tuple[str, str, dict[str, str], float]]:
    """(bucket, region, tags, byte-seconds) between two moments, of the account's buckets and of what is still in them."""
    found = []
    for one in call.all(Bucket):
        if one.owner == call.account:
            total = call.row("SELECT SUM(size * (? - MAX(modified, ?))) FROM s3_object WHERE bucket=? AND marker=0 AND modified<?", end, start, one.name, end)[0]
            found.append((one.name, one.region, dict(one.tags), float(total or 0)))
    return found


def open_to(call: Call, name: str) -> str:
    """Whom policy and ACL let in, after Block Public Access: "anonymous" (everybody), "users" (of any account of AWS), or "" (nobody from outside)."""
    bucket = call.get(Bucket, name)
    if bucket is None:
        return ""
    if bucket.public and not blocks(call, bucket, "RestrictPublicBuckets"):
        return "anonymous"
    if not acls_count(bucket) or blocks(call, bucket, "IgnorePublicAcls"):
        return ""
    groups = {grant["Grantee"].get("URI") for grant in bucket.settings.get("acl") or ()}
    return "anonymous" if ALL_USERS in groups else "users" if SIGNED_USERS in groups else ""


def about(call: Call, name: str) -> dict[str, Any]:
    """A bucket as GuardDuty's findings show it."""
    bucket = call.get(Bucket, name)
    if bucket is None:
        return {}
    block = bucket.settings.get("public_access_block") or {}
    shut = {member: bool(block.get(member)) for member in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")}
    rule = ((bucket.settings.get("encryption") or {}).get("Rules") or [{}])[0].get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": "AES256"}
    return {
        "CreatedAt": bucket.created, "Owner": {"Id": canonical_id(bucket.owner)}, "Tags": [{"Key": k, "Value": v} for k, v in bucket.tags.items()],
        "DefaultServerSideEncryption": {"EncryptionType": rule["SSEAlgorithm"], **({"KmsMasterKeyArn": rule["KMSMasterKeyID"]} if rule.get("KMSMasterKeyID") else {})},
        "PublicAccess": {"EffectivePermission": "PUBLIC" if open_to(call, name) else "NOT_PUBLIC", "PermissionConfiguration": {"BucketLevelPermissions": {"BlockPublicAccess": shut}}}}



def admits(call: Call, name: str, action: str, key: str | None = None, context: dict[str, Any] | None = None) -> bool:
    """Would the bucket let this caller do this, to itself or to an object of this name? Nothing is done."""
    from cloche.kernel import authorize

    from .access import need
    bucket = call.get(Bucket, name)
    return bucket is not None and bool(authorize.decide(call, need(call, bucket, action, key, context)).allowed)


def takes_acls(call: Call, name: str) -> bool:
    """Is there such a bucket, and do its objects have ACLs? Some of AWS's log writers need them."""
    bucket = call.get(Bucket, name)
    return bucket is not None and acls_count(bucket)
