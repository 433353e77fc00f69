"""ACLs on the wire: read always (an owner with full control, where ACLs are off), written only where they are on."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import errors, rows
from . import service as s3
from .access import PERMISSIONS, acl_given, acls_count, checked, is_public, on_bucket, on_object, private
from .buckets import Bucket, account_of, blocks, find, owner_of

if TYPE_CHECKING:
    from cloche.shapes import s3 as t


def _read(req: Any, owner: str) -> list[dict[str, Any]] | None:
    """The AccessControlPolicy in the body."""
    policy = req.get("AccessControlPolicy")
    if policy is None:
        return None
    if "Grants" not in policy or account_of((policy.get("Owner") or {}).get("ID", "")) is None:
        raise errors.malformed_xml()
    if account_of(policy["Owner"]["ID"]) != owner:
        raise errors.access_denied()
    grants = []
    for grant in policy["Grants"]:
        if grant.get("Permission") not in PERMISSIONS or not grant.get("Grantee"):
            raise errors.malformed_xml()
        grants.append({"Grantee": checked(grant["Grantee"]), "Permission": grant["Permission"]})
    return grants


def _wanted(call: Call, bucket: Bucket, req: Any, owner: str) -> list[dict[str, Any]]:
    given = acl_given(call, req, owner, bucket.owner)
    written = _read(req, owner)
    if given is not None and written is not None:
        raise AwsError("UnexpectedContent", "This request does not support content")
    wanted = given if given is not None else written
    if wanted is None:
        raise AwsError("MissingSecurityHeader", "Your request was missing a required header", extra={"MissingHeaderName": "x-amz-acl"})
    if not acls_count(bucket):
        raise errors.no_acls()
    if is_public(wanted) and blocks(call, bucket, "BlockPublicAcls"):
        raise errors.access_denied()
    return wanted


@s3.op(needs=on_bucket("s3:PutBucketAcl"))
def put_bucket_acl(call: Call, req: t.PutBucketAclRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    call.put(bucket.having(acl=_wanted(call, bucket, req, bucket.owner)))


@s3.op(needs=on_bucket("s3:GetBucketAcl"))
def get_bucket_acl(call: Call, req: t.GetBucketAclRequest) -> t.GetBucketAclOutput:
    bucket = find(call, req["Bucket"], req)
    return {"Owner": owner_of(bucket.owner), "Grants": bucket.settings["acl"] if "acl" in bucket.settings else private(bucket.owner)}


@s3.op(needs=on_object("s3:PutObjectAcl", "s3:PutObjectVersionAcl"))
def put_object_acl(call: Call, req: t.PutObjectAclRequest) -> t.PutObjectAclOutput:
    from .objects import seek
    bucket = find(call, req["Bucket"], req)
    v = seek(call, bucket, req)
    v.about.acl = _wanted(call, bucket, req, v.owner)
    rows.describe(call, v)
    if "replication" in bucket.settings:
        from . import replicas
        replicas.changed(call, bucket, v)
    return {}


@s3.op(needs=on_object("s3:GetObjectAcl", "s3:GetObjectVersionAcl"))
def get_object_acl(call: Call, req: t.GetObjectAclRequest) -> t.GetObjectAclOutput:
    from .objects import seek
    bucket = find(call, req["Bucket"], req)
    v = seek(call, bucket, req)
    if not acls_count(bucket):
        return {"Owner": owner_of(bucket.owner), "Grants": private(bucket.owner)}
    return {"Owner": owner_of(v.owner), "Grants": private(v.owner) if v.about.acl is None else v.about.acl}
