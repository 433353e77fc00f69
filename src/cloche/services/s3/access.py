"""Who may: the questions to IAM for each kind of request, and ACLs, which count as statements of the bucket's policy where they count at all.

Buckets made since April 2023 have ACLs switched off (BucketOwnerEnforced): then nothing here but the policy is asked.
"""
from __future__ import annotations

import json
from typing import Any

import msgspec

from cloche.kernel import Call, Need

from . import errors
from .buckets import Bucket, account_of, blocks, canonical_id, find, policy_for

Grants = list[dict[str, Any]]
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
PERMISSIONS = ("FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP")
CANNED = {
    "private": [], "public-read": [(ALL_USERS, "READ")], "public-read-write": [(ALL_USERS, "READ"), (ALL_USERS, "WRITE")],
    "authenticated-read": [(SIGNED_USERS, "READ")], "aws-exec-read": [], "log-delivery-write": [(LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")],
    "bucket-owner-read": [("bucket owner", "READ")], "bucket-owner-full-control": [("bucket owner", "FULL_CONTROL")],
}
BY_HEADER = {"GrantFullControl": "FULL_CONTROL", "GrantRead": "READ", "GrantReadACP": "READ_ACP", "GrantWrite": "WRITE", "GrantWriteACP": "WRITE_ACP"}
BUCKET_ACTIONS = {
    "READ": ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"], "READ_ACP": ["s3:GetBucketAcl"], "WRITE_ACP": ["s3:PutBucketAcl"], "WRITE": []}
WITH_A_WRITE = ("s3:PutObjectAcl", "s3:PutObjectTagging")  # who may write by an ACL may say these along with an object, though not of one that is there
OBJECT_ACTIONS = {
    "READ": ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"], "READ_ACP": ["s3:GetObjectAcl", "s3:GetObjectVersionAcl"],
    "WRITE_ACP": ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"]}


# --- questions ----------------------------------------------------------------------------------------------------------------

def acls_count(bucket: Bucket) -> bool:
    return bucket.settings.get("ownership", "ObjectWriter") != "BucketOwnerEnforced"


def policy(call: Call, bucket: Bucket, version: Any = None, writing: bool = False) -> str | None:
    """The bucket's policy for this caller, with the statements that ACLs amount to."""
    text = policy_for(call, bucket)
    if not acls_count(bucket):
        return text
    grants = bucket.settings.get("acl", ())
    statements = _as_statements(call, bucket, grants, bucket.arn, BUCKET_ACTIONS)
    statements += _as_statements(call, bucket, grants, bucket.arn + "/*", {"WRITE": ["s3:PutObject", "s3:DeleteObject", *(WITH_A_WRITE if writing else ())]})
    if version is not None and not version.marker:
        statements += _as_statements(call, bucket, private(version.owner) if version.about.acl is None else version.about.acl, f"{bucket.arn}/{version.key}", OBJECT_ACTIONS)
    if not statements:
        return text
    document = json.loads(text) if text else {"Version": "2012-10-17", "Statement": []}
    own = document["Statement"]
    return json.dumps(document | {"Statement": (own if isinstance(own, list) else [own]) + statements})


def _as_statements(call: Call, bucket: Bucket, grants: Any, resource: str, actions: dict[str, list[str]]) -> list[dict[str, Any]]:
    ignored = is_public(grants) and blocks(call, bucket, "IgnorePublicAcls")
    out: list[dict[str, Any]] = []
    for grant in grants:
        grantee, permission = grant["Grantee"], grant["Permission"]
        granted = [one for some in actions.values() for one in some] if permission == "FULL_CONTROL" else actions.get(permission, [])
        if not granted:
            continue
        statement: dict[str, Any] = {"Effect": "Allow", "Action": granted, "Resource": resource}
        if grantee["Type"] == "CanonicalUser":
            account = account_of(grantee["ID"])
            if account is None or account == bucket.owner:
                continue
            out.append(statement | {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}})
        elif grantee["URI"] in (ALL_USERS, SIGNED_USERS) and not ignored:
            statement["Principal"] = "*"
            if grantee["URI"] == SIGNED_USERS:
                statement["Condition"] = {"StringLike": {"aws:PrincipalAccount": "*"}}
            out.append(statement)
    return out


def object_arn(bucket: Bucket, key: str) -> str:
    return f"{bucket.arn}/{key}"


def need(call: Call, bucket: Bucket, action: str, key: str | None, context: dict[str, Any] | None = None, version: Any = None, writing: bool = False) -> Need:
    """One question; what only conditions look at is not gathered for an owner whom no policy concerns."""
    text = policy(call, bucket, version, writing) if bucket.policy is not None or acls_count(bucket) else None
    arn = bucket.arn if key is None else f"{bucket.arn}/{key}"
    if text is None and call.principal.kind == "root":
        return Need(action, arn, account=bucket.owner)
    return Need(action, arn, _common(call, bucket) | (context or {}), text, account=bucket.owner)


def admitting(question: Need, principals: list[str]) -> Need:
    """The same question, with some let in as if the bucket's policy said so."""
    document = json.loads(question.policy) if question.policy else {"Version": "2012-10-17", "Statement": []}
    own = document["Statement"]
    more = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": question.action, "Resource": question.resource}
    return msgspec.structs.replace(question, policy=json.dumps(document | {"Statement": [*(own if isinstance(own, list) else [own]), more]}))


def _common(call: Call, bucket: Bucket) -> dict[str, Any]:
    keys: dict[str, Any] = {"s3:ResourceAccount": bucket.owner}
    if call.request is not None and call.wire:
        request = call.request
        if "authorization" in request.headers:
            keys["s3:authType"] = "REST-HEADER"
        elif "Signature=" in request.query:
            keys["s3:authType"] = "REST-QUERY-STRING"
        keys["s3:signatureversion"] = "AWS4-HMAC-SHA256" if "AWS4" in request.headers.get("authorization", "AWS4") else "AWS"
        for header, key in HEADER_KEYS.items():
            if (value := request.headers.get(header)) is not None:
                keys[key] = value
    return keys


HEADER_KEYS = {name: f"s3:{name}" for name in (
    "x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-server-side-encryption", "x-amz-storage-class",
    "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm", "x-amz-website-redirect-location",
    "x-amz-grant-read", "x-amz-grant-write", "x-amz-grant-read-acp", "x-amz-grant-write-acp", "x-amz-grant-full-control")}
HEADER_KEYS |= {"x-amz-object-lock-mode": "s3:object-lock-mode", "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
                "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date"}


def on_bucket(action: str) -> Any:
    """`needs` for an operation on the bucket itself."""
    def needs(call: Call, req: Any) -> list[Need]:
        return [need(call, find(call, req["Bucket"], req), action, None)]
    needs.action = action  # type: ignore[attr-defined]
    return needs


def on_object(action: str, versioned: str = "") -> Any:
    """`needs` for an operation on an object; `versioned` is the action when a version is named."""
    def needs(call: Call, req: Any) -> list[Need]:
        bucket = find(call, req["Bucket"], req)
        return [about_object(call, bucket, versioned if versioned and req.get("VersionId") is not None else action, req["Key"], req.get("VersionId"))]
    needs.action = action  # type: ignore[attr-defined]
    return needs


def about_object(call: Call, bucket: Bucket, action: str, key: str, version_id: str | None = None, context: dict[str, Any] | None = None) -> Need:
    """Asks about an object that may exist: its tags are keys of conditions, its ACL may allow."""
    if bucket.policy is None and call.principal.kind == "root" and not acls_count(bucket):
        return Need(action, f"{bucket.arn}/{key}", account=bucket.owner)
    from . import rows
    version = rows.current(call, bucket.name, key) if version_id is None else rows.numbered(call, bucket.name, key, version_id)
    keys = dict(context or {})
    if version is not None:
        keys |= {f"s3:ExistingObjectTag/{name}": value for name, value in version.about.tags.items()}
    if version_id is not None:
        keys["s3:versionid"] = version_id
    return need(call, bucket, action, key, keys, version)


# --- ACLs ---------------------------------------------------------------------------------------------------------------------

def private(account: str) -> Grants:
    return [{"Grantee": {"Type": "CanonicalUser", "ID": canonical_id(account)}, "Permission": "FULL_CONTROL"}]


def acl_given(call: Call, req: Any, owner: str, bucket_owner: str) -> Grants | None:
    """The grants that a request asks for in its headers, if any."""
    headers = [member for member in BY_HEADER if member in req]
    if canned := req.get("ACL"):
        if headers:
            raise errors.invalid("Specifying both Canned ACLs and Header Grants is not allowed")
        if canned not in CANNED:
            raise errors.argument("", "x-amz-acl", canned)
        grants = private(owner)
        for who, permission in CANNED[canned]:
            if who == "bucket owner":
                if bucket_owner != owner:
                    grants.append({"Grantee": {"Type": "CanonicalUser", "ID": canonical_id(bucket_owner)}, "Permission": permission})
            else:
                grants.append({"Grantee": {"Type": "Group", "URI": who}, "Permission": permission})
        return grants
    if not headers:
        return None
    return [{"Grantee": grantee, "Permission": BY_HEADER[member]} for member in headers for grantee in _grantees(req[member])]


def _grantees(text: str) -> list[dict[str, str]]:
    out = []
    for part in text.split(","):
        kind, _, value = part.strip().partition("=")
        value = value.strip().strip('"')
        if kind == "id":
            out.append(checked({"Type": "CanonicalUser", "ID": value}))
        elif kind == "uri":
            out.append(checked({"Type": "Group", "URI": value}))
        elif kind == "emailAddress":
            out.append(checked({"Type": "AmazonCustomerByEmail", "EmailAddress": value}))
        else:
            raise errors.argument("Argument format not recognized", "x-amz-grant", text)
    return out


def checked(grantee: dict[str, Any]) -> dict[str, str]:
    match grantee.get("Type"):
        case "CanonicalUser":
            if account_of(grantee.get("ID", "")) is None:
                raise errors.argument("Invalid id", "CanonicalUser/ID", grantee.get("ID", ""))
            return {"Type": "CanonicalUser", "ID": grantee["ID"]}
        case "Group":
            if grantee.get("URI") not in (ALL_USERS, SIGNED_USERS, LOG_DELIVERY):
                raise errors.argument("Invalid group uri", "uri", grantee.get("URI", ""))
            return {"Type": "Group", "URI": grantee["URI"]}
        case "AmazonCustomerByEmail":
            raise errors.method_not_allowed("PUT", "ACL")  # grants to e-mail addresses ended on 1 October 2025
    raise errors.malformed_xml()


def is_public(grants: Grants) -> bool:
    return any(grant["Grantee"].get("URI") in (ALL_USERS, SIGNED_USERS) for grant in grants)


def admit_acl(call: Call, bucket: Bucket, req: Any, grants: Grants | None) -> Grants | None:
    """An ACL for an object of this bucket: refused where ACLs are off or public ones are blocked."""
    if grants is None:
        return None
    if not acls_count(bucket):
        if req.get("ACL") == "bucket-owner-full-control" or (grants == private(bucket.owner) and "ACL" not in req):
            return None
        raise errors.no_acls()
    if is_public(grants) and blocks(call, bucket, "BlockPublicAcls"):
        raise errors.access_denied()
    return grants


def object_owner(call: Call, bucket: Bucket, req: Any) -> str:
    """Whose an object is that this call writes."""
    ownership = bucket.settings.get("ownership", "ObjectWriter")
    if ownership == "BucketOwnerEnforced" or call.principal.kind in ("anonymous", "service"):
        return bucket.owner
    if ownership == "BucketOwnerPreferred" and req.get("ACL") == "bucket-owner-full-control":
        return bucket.owner
    return call.principal.account or bucket.owner
