"""Which web pages may read a bucket: the configuration, the answer to a browser's preflight, and the headers on what follows."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Response

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import Bucket, find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")


@s3.op(needs=on_bucket("s3:PutBucketCORS"))
def put_bucket_cors(call: Call, req: t.PutBucketCorsRequest) -> None:
    bucket, rules = find(call, req["Bucket"], req), req["CORSConfiguration"]["CORSRules"]
    if not 1 <= len(rules) <= 100:
        raise errors.malformed_xml()
    for rule in rules:
        for method in rule["AllowedMethods"]:
            if method not in METHODS:
                raise errors.invalid(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
        for name, values in (("AllowedOrigin", rule["AllowedOrigins"]), ("AllowedHeader", rule.get("AllowedHeaders") or [])):
            if wrong := [value for value in values if value.count("*") > 1]:
                raise errors.invalid(f'{name} "{wrong[0]}" can not have more than one wildcard.')
        if wrong := [value for value in rule.get("ExposeHeaders") or [] if "*" in value]:
            raise errors.invalid(f'ExposeHeader "{wrong[0]}" contains wildcard. We currently do not support wildcard for ExposeHeader.')
    call.put(bucket.having(cors=list(rules)))


@s3.op(needs=on_bucket("s3:GetBucketCORS"))
def get_bucket_cors(call: Call, req: t.GetBucketCorsRequest) -> t.GetBucketCorsOutput:
    bucket = find(call, req["Bucket"], req)
    if "cors" not in bucket.settings:
        raise errors.lacking("NoSuchCORSConfiguration", "The CORS configuration does not exist", bucket.name)
    return {"CORSRules": bucket.settings["cors"]}


@s3.op(needs=on_bucket("s3:PutBucketCORS"))
def delete_bucket_cors(call: Call, req: t.DeleteBucketCorsRequest) -> None:
    call.put(find(call, req["Bucket"], req).having(cors=None))


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.IGNORECASE) is not None


def _rule(bucket: Bucket, origin: str, method: str, headers: list[str]) -> dict[str, Any] | None:
    for rule in bucket.settings.get("cors", ()):
        if method in rule["AllowedMethods"] and any(_like(allowed, origin) for allowed in rule["AllowedOrigins"]) \
                and all(any(_like(allowed, header) for allowed in rule.get("AllowedHeaders") or ()) for header in headers):
            return rule  # type: ignore[no-any-return]
    return None


def headers_for(bucket: Bucket, origin: str, method: str, headers: list[str] | None = None) -> list[tuple[str, str]]:
    """What stands on an answer to a page of this origin; nothing if no rule is for it."""
    rule = _rule(bucket, origin, method, headers or [])
    if rule is None:
        return []
    anybody = "*" in rule["AllowedOrigins"]
    out = [("Access-Control-Allow-Origin", "*" if anybody else origin), ("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"]))]
    if rule.get("ExposeHeaders"):
        out.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    if "MaxAgeSeconds" in rule:
        out.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    if not anybody:
        out.append(("Access-Control-Allow-Credentials", "true"))
    return [*out, ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")]


def preflight(call: Call, bucket: Bucket, headers: dict[str, str]) -> Response:
    """The answer to OPTIONS, which no signature comes with."""
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if origin is None:
        raise AwsError("BadRequest", "Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise AwsError("BadRequest", f"Invalid Access-Control-Request-Method: {method or 'null'}")
    asked = [name.strip().lower() for name in headers.get("access-control-request-headers", "").split(",") if name.strip()]
    if "cors" not in bucket.settings:
        raise AwsError("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.", 403, extra={"Method": method, "ResourceType": "BUCKET"})
    found = headers_for(bucket, origin, method, asked)
    if not found:
        raise AwsError("AccessForbidden", "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
                       "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.", 403,
                       extra={"Method": method, "ResourceType": "OBJECT"})
    if asked:
        found.insert(1, ("Access-Control-Allow-Headers", ", ".join(asked)))
    return Response(200, found, b"")
