"""Buckets: made, found, listed, deleted. A name belongs to the whole cloud; owner and region are in the record.

What is configured on a bucket is kept as it came over the wire, under one word each in `settings`; a neighbour module owns each word.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.iam.principal import account_of, canonical_id
from cloche.kernel import Call, Need, Record

from . import errors
from . import service as s3

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

__all__ = ["Bucket", "account_of", "canonical_id", "find", "owner_of"]

MOST_BUCKETS = 10_000
REGIONS = re.compile(r"(af|ap|ca|cn|eu|il|me|mx|sa|us)(-[a-z]+)+-\d\Z")
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
IP = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
RESERVED = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
ALL_BLOCKED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
NEW = {"public_access_block": ALL_BLOCKED, "ownership": "BucketOwnerEnforced"}  # since April 2023


class AccountBlock(Record, frozen=True):
    """Block Public Access of a whole account, over that of its buckets."""

    kind = "s3.account_block"
    scope = "cloud"

    account: str
    block: dict[str, bool]

    @property
    def key(self) -> str:
        return self.account


class Bucket(Record, frozen=True):
    kind = "s3.bucket"
    scope = "cloud"

    name: str
    owner: str
    region: str
    created: float
    versioning: str = ""  # "", Enabled, Suspended
    policy: str | None = None
    public: bool = False  # whether that policy lets anybody in
    settings: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return f"arn:{partition(self.region)}:s3:::{self.name}"

    @property
    def tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.settings.get("tagging", ())}

    def having(self, **settings: Any) -> Bucket:
        """The bucket with some settings changed; None takes one away."""
        merged = {**self.settings, **settings}
        return self.but(settings={word: value for word, value in merged.items() if value is not None})


def partition(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def owner_of(account: str) -> dict[str, str]:
    return {"ID": canonical_id(account)}


def find(call: Call, name: str, req: Any = None) -> Bucket:
    """The bucket a request is about: it exists, is in this region, and belongs to who was expected. An access point stands for its bucket."""
    bucket = call.get(Bucket, name)
    if bucket is None:
        from .points import through
        bucket = through(call, name, req)
    if bucket.region != call.region and call.wire and call.principal.kind != "anonymous":
        raise errors.elsewhere(name, bucket.region, call.region)
    if "payer" in bucket.settings:
        check_payer(call, bucket, req)
    if req is not None and (expected := req.get("ExpectedBucketOwner")) is not None and expected != bucket.owner:
        raise errors.access_denied()
    return bucket


def pays(call: Call, bucket: Bucket) -> bool:
    """Is the request at the cost of who makes it?"""
    return bucket.settings.get("payer") == "Requester" and call.wire and call.principal.kind != "service" and call.principal.account != bucket.owner


def check_payer(call: Call, bucket: Bucket, req: Any) -> None:
    """Where requesters pay, all but the owner must say that they know, and be somebody."""
    if pays(call, bucket) and (call.principal.kind == "anonymous" or (req or {}).get("RequestPayer") != "requester"):
        said = call.request.headers.get("x-amz-request-payer") == "requester" or "x-amz-request-payer=requester" in call.request.query
        if call.principal.kind == "anonymous" or not said:
            raise errors.access_denied("Bucket is a requester pays bucket" if call.principal.kind == "anonymous" else "Access Denied")


def about_bucket(action: str) -> Any:
    """Asks IAM for one action on the bucket itself."""
    def needs(call: Call, req: Any) -> list[Need]:
        bucket = find(call, req["Bucket"], req)
        return [Need(action, bucket.arn, policy=policy_for(call, bucket), account=bucket.owner)]
    needs.action = action  # type: ignore[attr-defined]
    return needs


def policy_for(call: Call, bucket: Bucket) -> str | None:
    """The bucket's policy as it counts for this caller: RestrictPublicBuckets lets a public one count only at home and for services."""
    if bucket.public and call.principal.account != bucket.owner and call.principal.kind != "service" and blocks(call, bucket, "RestrictPublicBuckets"):
        return None
    return bucket.policy


def blocks(call: Call, bucket: Bucket, what: str) -> bool:
    """One of the four settings of Block Public Access, of the bucket or of its owner's account."""
    if (bucket.settings.get("public_access_block") or {}).get(what):
        return True
    above = call.get(AccountBlock, bucket.owner)
    return above is not None and bool(above.block.get(what))


def check_name(name: str) -> None:
    if not NAME.match(name) or ".." in name or ".-" in name or "-." in name or IP.match(name) or name.startswith(RESERVED) or name.endswith(RESERVED_ENDS):
        raise errors.bad_bucket_name(name)


def may_create(call: Call, req: t.CreateBucketRequest) -> list[Need]:
    check_name(req["Bucket"])
    place = (req.get("CreateBucketConfiguration") or {}).get("LocationConstraint") or call.region
    arn = f"arn:{partition(call.region)}:s3:::{req['Bucket']}"
    needs = [Need("s3:CreateBucket", arn, {"s3:locationconstraint": place} | ({"s3:x-amz-acl": req["ACL"]} if "ACL" in req else {}))]
    if req.get("ObjectLockEnabledForBucket"):
        needs += [Need("s3:PutBucketVersioning", arn), Need("s3:PutBucketObjectLockConfiguration", arn)]
    if req.get("ObjectOwnership"):
        needs.append(Need("s3:PutBucketOwnershipControls", arn))
    if (req.get("CreateBucketConfiguration") or {}).get("Tags"):
        needs.append(Need("s3:TagResource", arn))
    return needs


@s3.op(needs=may_create)
def create_bucket(call: Call, req: t.CreateBucketRequest) -> t.CreateBucketOutput:
    if req.get("ACL") in ("bucket-owner-read", "bucket-owner-full-control"):  # they are for objects
        req = {name: value for name, value in req.items() if name != "ACL"}  # type: ignore[assignment]
    name, configuration = req["Bucket"], req.get("CreateBucketConfiguration") or {}
    place = configuration.get("LocationConstraint") or ""
    region = "eu-west-1" if place == "EU" else place or call.region
    if place and not REGIONS.match(region):
        raise errors.bad_location(place)
    if call.region != "us-east-1" and place != call.region and not (place == "EU" and call.region == "eu-west-1"):
        raise errors.wrong_location(place)
    if region == "us-east-1" and place:
        raise errors.bad_location(place)
    if call.principal.kind == "anonymous":
        raise errors.access_denied()
    if bucket := call.get(Bucket, name):
        if bucket.owner != call.account:
            raise errors.bucket_exists(name)
        if bucket.region == region == "us-east-1":  # as it always was there: making it again is fine, and puts its ACL back
            from .access import acl_given, acls_count
            if acls_count(bucket):
                call.put(bucket.having(acl=acl_given(call, req, call.account, call.account)))
            return {"Location": f"/{name}"}
        raise errors.bucket_is_yours(name)
    if sum(b.owner == call.account for b in call.all(Bucket)) >= MOST_BUCKETS:
        raise errors.AwsError("TooManyBuckets", "You have attempted to create more buckets than allowed")
    from .access import acl_given, private
    settings: dict[str, Any] = dict(NEW)
    ownership = req.get("ObjectOwnership") or settings["ownership"]
    settings["ownership"] = ownership
    acl = acl_given(call, req, call.account, call.account)
    if acl is not None:
        if ownership == "BucketOwnerEnforced" and acl != private(call.account):  # `private` says what is so anyway; rclone sends it
            raise errors.AwsError("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
        settings["acl"] = acl
    if configuration.get("Tags"):
        settings["tagging"] = configuration["Tags"]
    lock = bool(req.get("ObjectLockEnabledForBucket"))
    if lock:
        settings["object_lock"] = {"ObjectLockEnabled": "Enabled"}
    call.put(Bucket(name, call.account, region, call.now, "Enabled" if lock else "", settings=settings))
    return {"Location": f"/{name}" if region == "us-east-1" else f"http://{name}.s3.amazonaws.com/", "BucketArn": f"arn:{partition(region)}:s3:::{name}"}


@s3.op(needs=about_bucket("s3:ListBucket"))
def head_bucket(call: Call, req: t.HeadBucketRequest) -> t.HeadBucketOutput:
    bucket = find(call, req["Bucket"], req)
    return {"BucketRegion": bucket.region, "AccessPointAlias": call.request is not None and "s3:DataAccessPointArn" in call.request.via, "BucketArn": bucket.arn}


@s3.op(needs=about_bucket("s3:GetBucketLocation"))
def get_bucket_location(call: Call, req: t.GetBucketLocationRequest) -> t.GetBucketLocationOutput:
    region = find(call, req["Bucket"], req).region
    return {"LocationConstraint": "" if region == "us-east-1" else region}


# policies name all buckets here, as "arn:aws:s3:::*" or as "*"
@s3.op(resource=lambda call, req: f"arn:{partition(call.region)}:s3:::*", action="s3:ListAllMyBuckets")
def list_buckets(call: Call, req: t.ListBucketsRequest) -> t.ListBucketsOutput:
    if call.principal.kind == "anonymous":
        raise errors.access_denied()
    most, after, prefix = req.get("MaxBuckets"), _page(req), req.get("Prefix", "")
    if most is not None and not 1 <= most <= 10000:
        raise errors.argument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", most)
    region = req.get("BucketRegion")
    if region is not None and not REGIONS.match(region):
        raise errors.argument(f"Argument value {region} is not a valid AWS Region", "bucket-region", region)
    mine = sorted((b for b in call.all(Bucket) if b.owner == call.account and b.name.startswith(prefix) and b.name > after
                   and region in (None, b.region)), key=lambda b: b.name)
    page = mine if most is None else mine[:most]
    paged = most is not None or region is not None or "Prefix" in req
    result: dict[str, Any] = {"Owner": owner_of(call.account), "Buckets": [
        {"Name": b.name, "CreationDate": float(int(b.created)), "BucketArn": b.arn} | ({"BucketRegion": b.region} if paged else {}) for b in page]}
    if len(page) < len(mine):
        result["ContinuationToken"] = page[-1].name.encode().hex()
    if "Prefix" in req:
        result["Prefix"] = prefix
    return result


def _page(req: Any) -> str:
    token = req.get("ContinuationToken", "")
    try:
        return bytes.fromhex(token).decode()
    except ValueError:
        raise errors.argument("The continuation token provided is incorrect", "continuation-token", token) from None


@s3.op(needs=about_bucket("s3:DeleteBucket"))
def delete_bucket(call: Call, req: t.DeleteBucketRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    if call.row("SELECT 1 FROM s3_object WHERE bucket=? AND current=1 LIMIT 1", bucket.name):
        raise errors.versions_left(bucket.name) if bucket.versioning else errors.bucket_not_empty(bucket.name)
    if call.row("SELECT 1 FROM s3_object WHERE bucket=? AND current=0 LIMIT 1", bucket.name):
        raise errors.versions_left(bucket.name)
    from .points import attached
    from .uploads import forget_all
    if attached(call, bucket.name):
        raise errors.points_left(bucket.name)
    forget_all(call, bucket.name)
    call.delete(bucket)
