"""Buckets as web sites: their own host names, an index page for each folder, an error page, redirects. GET and HEAD, no signatures.

Every visitor is anonymous: the bucket's policy decides, and Block Public Access before it.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from cloche.kernel import AwsError, Call, Response, authorize
from cloche.wire.codec.rest_xml import host_id
from cloche.wire.codec.xml import escape

from . import errors, rows
from . import service as s3
from .access import about_object, on_bucket
from .buckets import Bucket, find
from .cors import headers_for
from .objects import check_readable, seek
from .reading import check_conditions, http_date, stretch

if TYPE_CHECKING:
    from cloche.shapes import s3 as t


@s3.op(needs=on_bucket("s3:PutBucketWebsite"))
def put_bucket_website(call: Call, req: t.PutBucketWebsiteRequest) -> None:
    bucket, wanted = find(call, req["Bucket"], req), req["WebsiteConfiguration"]
    if redirect := wanted.get("RedirectAllRequestsTo"):
        if len(wanted) > 1:
            raise errors.argument("RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.", "RedirectAllRequestsTo")
        if redirect.get("Protocol") not in (None, "http", "https"):
            raise errors.invalid("Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.")
    elif "IndexDocument" not in wanted:
        raise errors.argument("A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty", "IndexDocument", "null")
    elif "/" in wanted["IndexDocument"].get("Suffix", "") or not wanted["IndexDocument"].get("Suffix"):
        raise errors.argument("The IndexDocument Suffix is not well formed", "IndexDocument", wanted["IndexDocument"].get("Suffix", ""))
    for rule in wanted.get("RoutingRules") or ():
        if "ReplaceKeyWith" in rule["Redirect"] and "ReplaceKeyPrefixWith" in rule["Redirect"]:
            raise errors.invalid("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
        if not rule["Redirect"]:
            raise errors.malformed_xml()
    call.put(bucket.having(website=dict(wanted)))


@s3.op(needs=on_bucket("s3:GetBucketWebsite"))
def get_bucket_website(call: Call, req: t.GetBucketWebsiteRequest) -> t.GetBucketWebsiteOutput:
    bucket = find(call, req["Bucket"], req)
    if "website" not in bucket.settings:
        raise errors.lacking("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration", bucket.name)
    return bucket.settings["website"]  # type: ignore[no-any-return]


@s3.op(needs=on_bucket("s3:DeleteBucketWebsite"))
def delete_bucket_website(call: Call, req: t.DeleteBucketWebsiteRequest) -> None:
    call.put(find(call, req["Bucket"], req).having(website=None))


# --- visits -------------------------------------------------------------------------------------------------------------------

def visit(call: Call, request: Any, name: str) -> Response:
    """One request to the web site of a bucket."""
    try:
        bucket = call.get(Bucket, name)
        if bucket is None:
            raise errors.no_such_bucket(name)
        there = call.at(bucket.owner, bucket.region)
        if request.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed(request.method, "OBJECT")
        site = bucket.settings.get("website")
        if site is None:
            raise errors.lacking("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration", bucket.name)
        key = unquote(request.path[1:])
        if everything := site.get("RedirectAllRequestsTo"):
            return _moved(call, 301, everything.get("Protocol") or "http", everything["HostName"], key)
    except AwsError as error:
        return _page(call, error)
    if rule := _routed(site, key, None):
        return _redirected(call, request, rule, key)
    try:
        return _found(there, request, bucket, site, key)
    except AwsError as error:
        if error.status == 304:
            return Response(304, list(error.headers.items()), b"")
        if rule := _routed(site, key, error.status):
            return _redirected(call, request, rule, key)
        if document := (site.get("ErrorDocument") or {}).get("Key"):
            try:
                answer = _object(there, request, bucket, document)
            except AwsError:
                return _page(call, error)
            answer.status = error.status
            return answer
        return _page(call, error)


def _found(call: Call, request: Any, bucket: Bucket, site: Any, key: str) -> Response:
    suffix = site["IndexDocument"]["Suffix"]
    if not key or key.endswith("/"):
        return _object(call, request, bucket, key + suffix)
    try:
        return _object(call, request, bucket, key)
    except AwsError as error:
        # a folder named without its slash: the browser is told to add it
        if error.status in (403, 404) and _allowed(call, bucket, f"{key}/{suffix}") and rows.current(call, bucket.name, f"{key}/{suffix}") is not None:
            return Response(302, [("Location", "/" + quote(key) + "/"), *_ids(call)], b"")
        raise


def _allowed(call: Call, bucket: Bucket, key: str) -> bool:
    return bool(authorize.decide(call, about_object(call, bucket, "s3:GetObject", key)).allowed)


def _object(call: Call, request: Any, bucket: Bucket, key: str) -> Response:
    if not _allowed(call, bucket, key):
        raise errors.access_denied()
    v = seek(call, bucket, {"Bucket": bucket.name, "Key": key}, body=True)
    if v.about.customer or v.about.sealed:
        raise errors.access_denied()
    if v.about.redirect:
        return Response(301, [("Location", v.about.redirect), *_ids(call)], b"")
    headers = request.headers
    check_conditions(v, {"IfNoneMatch": headers.get("if-none-match"), "IfMatch": headers.get("if-match")})
    check_readable(call, v)
    found = stretch(headers.get("range"), v.size)
    offset, length = found or (0, v.size)
    out = [*_ids(call), ("Last-Modified", http_date(int(v.modified))), ("ETag", f'"{v.etag}"'), ("Accept-Ranges", "bytes"), *v.about.headers.items(),
           *[("x-amz-meta-" + name, value) for name, value in v.about.meta.items()]]
    if found is not None:
        out.append(("Content-Range", f"bytes {offset}-{offset + length - 1}/{v.size}"))
    if origin := request.headers.get("origin"):
        out += headers_for(bucket, origin, request.method)
    return Response(206 if found is not None else 200, out, rows.content(call, v, offset, length))


def _ids(call: Call) -> list[tuple[str, str]]:
    return [("x-amz-request-id", call.request_id), ("x-amz-id-2", host_id(call.request_id)), ("Server", "AmazonS3")]


def _routed(site: Any, key: str, status: int | None) -> Any:
    """The first routing rule that holds: by key before looking, by status after looking."""
    for rule in site.get("RoutingRules") or ():
        condition = rule.get("Condition") or {}
        code = condition.get("HttpErrorCodeReturnedEquals")
        if key.startswith(condition.get("KeyPrefixEquals", "")) and (int(code) == status if code is not None else status is None):
            return rule
    return None


def _redirected(call: Call, request: Any, rule: Any, key: str) -> Response:
    wanted, prefix = rule["Redirect"], (rule.get("Condition") or {}).get("KeyPrefixEquals", "")
    if "ReplaceKeyWith" in wanted:
        key = wanted["ReplaceKeyWith"]
    elif "ReplaceKeyPrefixWith" in wanted:
        key = wanted["ReplaceKeyPrefixWith"] + key[len(prefix):]
    return _moved(call, int(wanted.get("HttpRedirectCode", 301)), wanted.get("Protocol") or "http", wanted.get("HostName") or request.host, key)


def _moved(call: Call, status: int, protocol: str, host: str, key: str) -> Response:
    return Response(status, [("Location", f"{protocol}://{host}/{quote(key)}"), *_ids(call)], b"")


def _page(call: Call, error: AwsError) -> Response:
    """S3's own error page for people."""
    from http import HTTPStatus
    title = f"{error.status} {HTTPStatus(error.status).phrase}"
    lines = [("Code", error.code), ("Message", error.message), *error.extra.items(), ("RequestId", call.request_id), ("HostId", host_id(call.request_id))]
    body = f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n" + "".join(f"<li>{n}: {escape(str(v))}</li>\n" for n, v in lines) + \
        "</ul>\n<hr/>\n</body>\n</html>\n"
    return Response(error.status, [*_ids(call), ("x-amz-error-code", error.code), ("x-amz-error-message", error.message), ("content-type", "text/html; charset=utf-8")], body.encode())
