"""The bucket's own policy, Block Public Access, and who owns what others write here."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need, Response
from cloche.wire.codec.rest_xml import host_id

from . import errors
from . import service as s3
from .access import is_public as acl_is_public
from .access import need, on_bucket, private
from .buckets import Bucket, blocks, find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

MOST_BYTES = 20 * 1024
# conditions on one of these, with fixed values, leave a policy with Principal * not public
NARROWING = {"aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:userid", "aws:principalorgid", "aws:principalorgpaths",
             "aws:principalarn", "aws:principalaccount", "aws:sourceip", "aws:vpcsourceip", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointarn",
             "s3:dataaccesspointaccount"}


def parsed(bucket: Bucket, text: str) -> dict[str, Any]:
    if len(text.encode()) > MOST_BYTES:
        raise errors.malformed_policy("Policy exceeds the maximum allowed document size.")
    try:
        document = json.loads(text)
    except ValueError:
        raise errors.malformed_policy("This policy contains invalid Json") from None
    if not isinstance(document, dict) or "Statement" not in document:
        raise errors.malformed_policy("Missing required field Statement")
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise errors.malformed_policy("The policy must contain a valid version string")
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        _check(bucket, statement)
    return document


def _check(bucket: Bucket, statement: Any) -> None:
    if not isinstance(statement, dict):
        raise errors.malformed_policy("Could not parse the policy: Statement is empty!")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise errors.malformed_policy("Missing required field Effect" if "Effect" not in statement else f"Invalid effect: {statement['Effect']}")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise errors.malformed_policy("Missing required field Principal")
    if "NotPrincipal" in statement and statement["Effect"] == "Allow":
        raise errors.malformed_policy("Allow with NotPrincipal is not allowed.")
    if "Action" not in statement and "NotAction" not in statement:
        raise errors.malformed_policy("Missing required field Action")
    if "Resource" not in statement and "NotResource" not in statement:
        raise errors.malformed_policy("Missing required field Resource")
    for action in _list(statement.get("Action", [])):
        if action != "*" and not action.lower().startswith(("s3:", "s3express:")):
            raise errors.malformed_policy("Policy has invalid action")
    for resource in _list(statement.get("Resource", [])):
        if resource != "*" and resource.split("/")[0] != bucket.arn and not (resource.startswith(bucket.arn) and resource.endswith("*")):
            raise errors.malformed_policy("Policy has invalid resource")
    principal = statement.get("Principal", "*")
    if principal != "*" and (not isinstance(principal, dict) or not principal):
        raise errors.malformed_policy("Invalid policy syntax.")
    for value in _list(principal.get("AWS", [])) if isinstance(principal, dict) else ():
        if value != "*" and not (isinstance(value, str) and ((value.isdigit() and len(value) == 12) or value.startswith(("arn:", "AIDA", "AROA")))):
            raise errors.malformed_policy("Invalid principal in policy")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def lets_anybody_in(document: dict[str, Any]) -> bool:
    return any(_public(statement) for statement in _list(document["Statement"]))


def _public(statement: dict[str, Any]) -> bool:
    if statement["Effect"] != "Allow":
        return False
    principal = statement.get("Principal", "*")
    everybody = principal == "*" or "NotPrincipal" in statement or (isinstance(principal, dict) and any("*" in _list(value) for value in principal.values()))
    if not everybody:
        return False
    for operator, keys in (statement.get("Condition") or {}).items():
        plain = operator.removeprefix("ForAnyValue:")
        for key, values in keys.items():
            fixed = all(isinstance(v, str) and "*" not in v and "?" not in v and v not in ("0.0.0.0/0", "::/0") for v in _list(values))
            arn = key.lower() in ("aws:sourcearn", "aws:principalarn") and all(v.split(":")[4:5] and "*" not in v.split(":")[4] for v in _list(values))
            if key.lower() in NARROWING and plain in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress", "StringEqualsIgnoreCase") and (fixed or arn):
                return False
    return True


def on_policy(action: str) -> Any:
    """Root of the owner reaches the policy itself, whatever the policy says: nobody locks himself out for good."""
    def needs(call: Call, req: Any) -> list[Need]:
        bucket = find(call, req["Bucket"], req)
        if call.principal.kind == "root" and call.principal.account == bucket.owner:
            return [Need(action, bucket.arn, account=bucket.owner)]
        return [need(call, bucket, action, None)]
    needs.action = action  # type: ignore[attr-defined]
    return needs


@s3.op(needs=on_policy("s3:PutBucketPolicy"))
def put_bucket_policy(call: Call, req: t.PutBucketPolicyRequest) -> Response | None:
    bucket = find(call, req["Bucket"], req)
    document = parsed(bucket, req["Policy"])
    public = lets_anybody_in(document)
    if public and blocks(call, bucket, "BlockPublicPolicy"):
        raise errors.access_denied(f"User: {call.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: \"{bucket.arn}\" "
                                   "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.")
    call.put(bucket.but(policy=req["Policy"], public=public))
    # 204, which the model does not say
    return Response(204, [("x-amz-request-id", call.request_id), ("x-amz-id-2", host_id(call.request_id))]) if call.wire else None


@s3.op(needs=on_policy("s3:GetBucketPolicy"))
def get_bucket_policy(call: Call, req: t.GetBucketPolicyRequest) -> t.GetBucketPolicyOutput:
    bucket = find(call, req["Bucket"], req)
    if bucket.policy is None:
        raise errors.lacking("NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name)
    return {"Policy": bucket.policy}


@s3.op(needs=on_policy("s3:DeleteBucketPolicy"))
def delete_bucket_policy(call: Call, req: t.DeleteBucketPolicyRequest) -> Any:
    call.put(find(call, req["Bucket"], req).but(policy=None, public=False))
    return None


@s3.op(needs=on_bucket("s3:GetBucketPolicyStatus"))
def get_bucket_policy_status(call: Call, req: t.GetBucketPolicyStatusRequest) -> t.GetBucketPolicyStatusOutput:
    bucket = find(call, req["Bucket"], req)
    if bucket.policy is None:
        raise errors.lacking("NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name)
    return {"PolicyStatus": {"IsPublic": bucket.public or acl_is_public(bucket.settings.get("acl") or [])}}


# --- Block Public Access ------------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutBucketPublicAccessBlock"))
def put_public_access_block(call: Call, req: t.PutPublicAccessBlockRequest) -> None:
    bucket, wanted = find(call, req["Bucket"], req), req["PublicAccessBlockConfiguration"]
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    call.put(bucket.having(public_access_block={name: bool(wanted.get(name)) for name in names}))


@s3.op(needs=on_bucket("s3:GetBucketPublicAccessBlock"))
def get_public_access_block(call: Call, req: t.GetPublicAccessBlockRequest) -> t.GetPublicAccessBlockOutput:
    bucket = find(call, req["Bucket"], req)
    if "public_access_block" not in bucket.settings:
        raise errors.lacking("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", bucket.name)
    return {"PublicAccessBlockConfiguration": bucket.settings["public_access_block"]}


@s3.op(needs=on_bucket("s3:PutBucketPublicAccessBlock"))
def delete_public_access_block(call: Call, req: t.DeletePublicAccessBlockRequest) -> None:
    call.put(find(call, req["Bucket"], req).having(public_access_block=None))


# --- ownership ----------------------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutBucketOwnershipControls"))
def put_bucket_ownership_controls(call: Call, req: t.PutBucketOwnershipControlsRequest) -> None:
    bucket, rules = find(call, req["Bucket"], req), req["OwnershipControls"]["Rules"]
    if len(rules) != 1 or rules[0]["ObjectOwnership"] not in ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"):
        raise errors.malformed_xml()
    ownership = rules[0]["ObjectOwnership"]
    if ownership == "BucketOwnerEnforced" and any(grant not in private(bucket.owner) for grant in bucket.settings.get("acl") or []):
        raise AwsError("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
    call.put(bucket.having(ownership=ownership))


@s3.op(needs=on_bucket("s3:GetBucketOwnershipControls"))
def get_bucket_ownership_controls(call: Call, req: t.GetBucketOwnershipControlsRequest) -> t.GetBucketOwnershipControlsOutput:
    bucket = find(call, req["Bucket"], req)
    if "ownership" not in bucket.settings:
        raise errors.lacking("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", bucket.name)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.settings["ownership"]}]}}


@s3.op(needs=on_bucket("s3:PutBucketOwnershipControls"))
def delete_bucket_ownership_controls(call: Call, req: t.DeleteBucketOwnershipControlsRequest) -> None:
    call.put(find(call, req["Bucket"], req).having(ownership=None))


