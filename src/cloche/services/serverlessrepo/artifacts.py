"""What a version is made of besides its template: copied, when it is published, into a bucket of the repository's own.

On AWS the URLs of these copies are pre-signed; here a key nobody can guess is part of each, and whoever was told it may read.
"""
from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

from cloche.kernel import AwsError, Call
from cloche.services.cloudformation.public import whole

from . import errors
from . import service as serverlessrepo

KEEPER = "888800000001"  # the repository's own account
LIMIT = 50 << 20
# the properties that name a file, by type
PLACES = {
    "AWS::Serverless::Function": ("CodeUri",), "AWS::Serverless::LayerVersion": ("ContentUri",), "AWS::Serverless::Api": ("DefinitionUri",), "AWS::Serverless::HttpApi": ("DefinitionUri",),
    "AWS::Serverless::StateMachine": ("DefinitionUri",), "AWS::Serverless::GraphQLApi": ("SchemaUri",), "AWS::Serverless::Application": ("Location",),
    "AWS::Lambda::Function": ("Code",), "AWS::Lambda::LayerVersion": ("Content",), "AWS::ApiGateway::RestApi": ("BodyS3Location",), "AWS::CloudFormation::Stack": ("TemplateURL",),
}


def place(value: Any, where: str) -> tuple[str, str, str] | None:
    """Bucket, key and version; None where nothing is named (inline code, an application of the repository)."""
    if isinstance(value, dict):
        bucket, key = value.get("Bucket", value.get("S3Bucket")), value.get("Key", value.get("S3Key"))
        if isinstance(bucket, str) and isinstance(key, str):
            return bucket, key, str(value.get("Version", value.get("S3ObjectVersion", "")))
        return None
    if not isinstance(value, str):
        return None
    parts = urlsplit(value)
    path = unquote(parts.path).lstrip("/")
    if parts.scheme == "s3" and parts.netloc and path:
        return parts.netloc, path, ""
    if parts.scheme in ("http", "https") and path:
        host, _, rest = (parts.hostname or "").partition(".s3")
        if rest:
            return host, path, ""
        bucket, _, key = path.partition("/")
        if key:
            return bucket, key, ""
    raise errors.bad_uri(value, where)


async def fetch(call: Call, arn: str, url: Any, where: str) -> bytes:
    """A publisher's object, read in the repository's own name: the bucket's policy must let it."""
    found = place(url, where)
    if found is None:
        raise errors.bad_uri(str(url), where)
    bucket, key, version = found
    asking = call.as_service("serverlessrepo.amazonaws.com", source_arn=arn)
    try:
        answer = asking.do("s3", "GetObject", Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
        answer = await answer if hasattr(answer, "__await__") else answer
        body = await whole(answer["Body"], LIMIT)
    except AwsError as error:
        raise (errors.unreadable if error.status == 403 else errors.no_object)(bucket, key) from None
    if body is None:
        raise errors.bad(f"The object s3://{bucket}/{key} is larger than {LIMIT >> 20} MB")
    return body


def bucket_of(call: Call) -> str:
    return f"awsserverlessrepo-applications-{call.region}"


async def keep(call: Call, key: str, body: bytes) -> str:
    """Put it into the repository's bucket; its URL."""
    there, bucket = call.at(KEEPER, call.region).as_root(), bucket_of(call)
    try:
        await done(there.do("s3", "HeadBucket", Bucket=bucket))
    except AwsError:
        await done(there.do("s3", "CreateBucket", Bucket=bucket, **({} if call.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": call.region}})))
        await done(there.do("s3", "DeletePublicAccessBlock", Bucket=bucket))
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        await done(there.do("s3", "PutBucketPolicy", Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})))
    await done(there.do("s3", "PutObject", Bucket=bucket, Key=key, Body=body))
    return f"https://{bucket}.s3.{call.region}.amazonaws.com/{key}"


async def done(answer: Any) -> Any:
    return await answer if hasattr(answer, "__await__") else answer


def check(template: dict[str, Any]) -> None:
    """Every file is in S3 already, where `sam package` has put it."""
    for name, one in (template.get("Resources") or {}).items():
        if isinstance(one, dict) and isinstance(one.get("Properties"), dict):
            for prop in PLACES.get(one.get("Type", ""), ()):
                place(one["Properties"].get(prop), f"{name}.{prop}")


async def copied(call: Call, arn: str, template: dict[str, Any], folder: str) -> dict[str, Any]:
    """The template with every file it names copied, and named where it is now."""
    resources = dict(template["Resources"])
    defaults = template.get("Globals", {}).get("Function", {}).get("CodeUri") if isinstance(template.get("Globals"), dict) else None
    if defaults is not None:
        template = template | {"Globals": template["Globals"] | {"Function": template["Globals"]["Function"] | {"CodeUri": await moved(call, arn, defaults, folder, "Globals")}}}
    for name, one in resources.items():
        if not isinstance(one, dict):
            continue
        for prop in PLACES.get(one.get("Type", ""), ()):
            value = (one.get("Properties") or {}).get(prop)
            if value is not None:
                one = resources[name] = one | {"Properties": one["Properties"] | {prop: await moved(call, arn, value, folder, f"{name}.{prop}")}}
    return template | {"Resources": resources}


async def moved(call: Call, arn: str, value: Any, folder: str, where: str) -> Any:
    found = place(value, where)
    if found is None:
        return value
    url = await keep(call, f"{folder}/{call.uuid()}", await fetch(call, arn, value, where))
    bucket, key = bucket_of(call), urlsplit(url).path.lstrip("/")
    if isinstance(value, dict):
        s3 = "S3Bucket" in value
        return {"S3Bucket" if s3 else "Bucket": bucket, "S3Key" if s3 else "Key": key}
    return url if value.startswith("http") else f"s3://{bucket}/{key}"


@serverlessrepo.worker
async def sweep(call: Call, key: str) -> None:
    """An application is gone: so are the copies."""
    there, bucket = call.at(KEEPER, call.region).as_root(), bucket_of(call)
    while True:
        try:
            answer = await done(there.do("s3", "ListObjectsV2", Bucket=bucket, Prefix=key))
        except AwsError:
            return
        for one in answer.get("Contents", ()):
            await done(there.do("s3", "DeleteObject", Bucket=bucket, Key=one["Key"]))
        if not answer.get("IsTruncated"):
            return
