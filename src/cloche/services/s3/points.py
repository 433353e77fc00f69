"""Access points: other names of a bucket, each with a policy of its own. `s3control` makes them; here they are kept, and requests come through them.

A request that names an access point (by alias, ARN or host) is asked the point's own question first; from then on it is a request to the bucket, whose
policy is asked as ever, with `s3:DataAccessPointArn` and its like among the keys of its conditions.
"""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call, Need, Record, authorize

from . import errors
from .buckets import Bucket, partition

FAST_MARK = "--S3AC"
HOST_MARK = "--S3AP"  # what the front door puts behind NAME-ACCOUNT of a host: no bucket's name has capitals
BY_NAME = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{1,48}[a-z0-9])-(?P<account>\d{12})\Z")
BY_ARN = re.compile(r"arn:aws[a-z-]*:s3:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):accesspoint[/:](?P<name>[a-z0-9-]+)\Z")
ALL_BLOCKED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
# operations that an access point has, and what they are asked as; a second action is that of a named version
OBJECT = {
    "AbortMultipartUpload": ("s3:AbortMultipartUpload",), "CompleteMultipartUpload": ("s3:PutObject",), "CopyObject": ("s3:PutObject",), "CreateMultipartUpload": ("s3:PutObject",),
    "DeleteObject": ("s3:DeleteObject", "s3:DeleteObjectVersion"), "DeleteObjectTagging": ("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
    "GetObject": ("s3:GetObject", "s3:GetObjectVersion"), "GetObjectAcl": ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"), "GetObjectAttributes": ("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"),
    "GetObjectLegalHold": ("s3:GetObjectLegalHold",), "GetObjectRetention": ("s3:GetObjectRetention",), "GetObjectTagging": ("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    "HeadObject": ("s3:GetObject", "s3:GetObjectVersion"), "ListParts": ("s3:ListMultipartUploadParts",), "PutObject": ("s3:PutObject",), "PutObjectAcl": ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
    "PutObjectLegalHold": ("s3:PutObjectLegalHold",), "PutObjectRetention": ("s3:PutObjectRetention",), "PutObjectTagging": ("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
    "RestoreObject": ("s3:RestoreObject",), "SelectObjectContent": ("s3:GetObject",), "UploadPart": ("s3:PutObject",), "UploadPartCopy": ("s3:PutObject",), "DeleteObjects": ("s3:DeleteObject",)}
BUCKET = {
    "GetBucketAcl": "s3:GetBucketAcl", "GetBucketCors": "s3:GetBucketCORS", "GetBucketLocation": "s3:GetBucketLocation", "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "GetBucketPolicy": "s3:GetBucketPolicy", "HeadBucket": "s3:ListBucket", "ListMultipartUploads": "s3:ListBucketMultipartUploads", "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket", "ListObjectVersions": "s3:ListBucketVersions"}


class Point(Record, frozen=True):
    kind = "s3.access_point"
    scope = "cloud"

    account: str
    region: str
    name: str
    bucket: str
    bucket_account: str
    alias: str
    created: float
    block: dict[str, bool]
    vpc: str = ""
    policy: str | None = None
    public: bool = False
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.account}/{self.region}/{self.name}"

    @property
    def arn(self) -> str:
        return f"arn:{partition(self.region)}:s3:{self.region}:{self.account}:accesspoint/{self.name}"


class Alias(Record, frozen=True):
    kind = "s3.access_point_alias"
    scope = "cloud"

    alias: str
    point: str

    @property
    def key(self) -> str:
        return self.alias


def resolve(call: Call, text: str) -> Point | None:
    """The access point that stands where a bucket is named."""
    if text.endswith("-s3alias"):
        alias = call.get(Alias, text)
        return call.get(Point, alias.point) if alias is not None else None
    found = BY_ARN.match(text)
    if found is not None:
        return call.get(Point, f"{found['account']}/{found['region']}/{found['name']}")
    found = BY_NAME.match(text.removesuffix(HOST_MARK))
    return call.get(Point, f"{found['account']}/{call.region}/{found['name']}") if found is not None else None


def attached(call: Call, bucket: str) -> bool:
    return any(point.bucket == bucket for point in call.all(Point))


def through(call: Call, text: str, req: Any) -> Bucket:
    """The bucket behind an access point, if the point lets the request through; from here on the request names the bucket."""
    if text.endswith(FAST_MARK):
        return _accelerated(call, text.removesuffix(FAST_MARK), req)
    point = resolve(call, text)
    if point is None:
        raise errors.no_such_bucket(text)
    bucket = enter(call, point, call.op, (req or {}).get("Key"), (req or {}).get("VersionId"))
    if req is not None:
        req["Bucket"] = bucket.name
    return bucket


def _accelerated(call: Call, name: str, req: Any) -> Bucket:
    """A bucket by the host of Transfer Acceleration, which must be switched on for it."""
    bucket = call.get(Bucket, name)
    if bucket is None:
        raise errors.no_such_bucket(name)
    if (status := bucket.settings.get("accelerate")) != "Enabled":
        raise errors.invalid("S3 Transfer Acceleration is disabled on this bucket" if status else "S3 Transfer Acceleration is not configured on this bucket")
    if call.op in ("CreateBucket", "DeleteBucket"):
        raise errors.method_not_allowed(call.request.method, "BUCKET")
    if req is not None:
        req["Bucket"] = name
    return bucket


def enter(call: Call, point: Point, operation: str, key: str | None, version: str | None) -> Bucket:
    if operation in BUCKET:
        action, resource = BUCKET[operation], point.arn
    elif operation in OBJECT:
        actions = OBJECT[operation]
        action, resource = actions[-1 if version is not None else 0], f"{point.arn}/object/{'*' if key is None else key}"
    else:
        raise errors.method_not_allowed(call.request.method if call.request is not None else "", "ACCESSPOINT")
    bucket = call.get(Bucket, point.bucket)
    if bucket is None or bucket.owner != point.bucket_account:
        raise errors.no_such_bucket(point.bucket)
    keys = {"s3:DataAccessPointArn": point.arn, "s3:DataAccessPointAccount": point.account, "s3:AccessPointNetworkOrigin": "VPC" if point.vpc else "Internet"}
    if call.request is not None:
        if point.vpc and call.request.via.get("aws:SourceVpc") != point.vpc:
            raise errors.access_denied()
        call.request.via.update(keys)
    shut = point.public and point.block.get("RestrictPublicBuckets") and call.principal.account != point.account
    authorize.require(call, Need(action, resource, keys, None if shut else point.policy, account=point.account))
    return bucket
