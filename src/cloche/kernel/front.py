"""The front door: which service is meant, in which protocol. Signing name, target, action, host, path, in that order.

Data planes (an API's host, a function's URL) are recognised by the templates that services declare. Everything else that carries no
signature and names no action is somebody at S3's door.
"""
from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from .. import _index
from ..iam import principal as principals
from ..wire import sigv4
from ..wire.codec.xml import escape
from ..wire.http import Request, Response, TooLarge, inflated
from . import doors, hosts
from .errors import AwsError

if TYPE_CHECKING:
    from .cloud import Cloud

_FIELD = re.compile(r"\\\{(\w+)(\\\+)?\\\}")


def _compile(template: str, host: bool) -> re.Pattern[str]:
    one = "[^.:/]+" if host else "[^/]+"
    pattern = _FIELD.sub(lambda m: f"(?P<{m[1]}>{'.*' if m[2] else one})", re.escape(template).replace(r"\-", "-"))
    return re.compile(pattern + r"(?::\d+)?$" if host else pattern + r"$", re.S)


_HOSTS = [(_compile(t, True), name) for name, kind, t in _index.FRONTS if kind == "host"]
_PATHS = [(_compile(t.partition("?")[0], False), t.partition("?")[0].split("{")[0], name, t.partition("?")[2]) for name, kind, t in _index.FRONTS if kind == "path"]  # "?x=y": only with this in the query
_PREFIXES = tuple(prefix for _, prefix, _, _ in _PATHS if prefix != "/")
_SUFFIXES = tuple(t.rpartition("}")[2] for _, kind, t in _index.FRONTS if kind == "path" and t.startswith("/{"))  # a template that begins with a field is told by its end
_seen_hosts: dict[str, tuple[str, dict[str, str]] | None] = {}


def by_host(host: str) -> tuple[str, dict[str, str]] | None:
    if host in _seen_hosts:
        return _seen_hosts[host]
    found = next(((name, m.groupdict()) for pattern, name in _HOSTS if (m := pattern.match(host))), None)
    if len(_seen_hosts) > 2000:
        _seen_hosts.clear()
    _seen_hosts[host] = found
    return found


def find(cloud: Cloud, request: Request) -> Coroutine[Any, Any, Response] | None:
    """What answers a request that is not an API call: the control API, or a service's data plane."""
    path = request.path
    if path.startswith("/_cloche"):
        from . import control
        return control.answer(cloud, request)
    match = by_host(request.host)
    if match is None and (host := hosts.find(cloud, request.host)) is not None:
        match = host.service, {"host": host.name, "account": host.account, "region": host.region}
    if match is None:
        if len(path) == 1:
            return None
        # what begins with a field could be a bucket, unless it has an underscore, which no bucket's name has
        if path.startswith(_PREFIXES) or (_SUFFIXES and path.endswith(_SUFFIXES) and "_" in path.split("/", 2)[1]):
            match = next(((name, m.groupdict()) for pattern, prefix, name, query in _PATHS if path.startswith(prefix) and query in request.query and (m := pattern.match(path))), None)
        if match is None:
            if request.method == "OPTIONS" or (
                    request.method == "POST" and request.headers.get("content-type", "").startswith("multipart/form-data") and "authorization" not in request.headers):
                path_style(request)  # a browser's question before it calls, or an HTML form: both are S3's, and neither is in its model
                return _serve(cloud, request, "s3", {})
            return None
    return _serve(cloud, request, *match)


async def _serve(cloud: Cloud, request: Request, name: str, match: dict[str, str]) -> Response:
    from .call import Call
    service = cloud.service(name)
    call = Call(cloud, service, "", match.get("region") or "", principals.ANONYMOUS, cloud.new_id(), request)
    if service.front is None:
        raise RuntimeError(f"{name} declares hosts or paths, but no @serve")
    return await service.front(call, request, match)  # type: ignore[no-any-return]


def identify(request: Request, claim: sigv4.Claim | None) -> tuple[str, str]:
    """(botocore's name of the service, protocol of this request)."""
    headers = request.headers
    signing = claim.scope[2] if claim is not None and claim.scope else ""
    target = headers.get("x-amz-target", "")
    if target:
        name = _index.TARGETS.get(target.rpartition(".")[0])
        if name is None:
            raise AwsError("UnknownOperationException", f"No service has the target {target}.")
        return name, "json"
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        parts = request.path.split("/")                # /service/NAME/operation/NAME
        return _index.identify(signing, parts[2] if len(parts) > 2 and not signing else "", request.path, "") or _unknown(signing), "rpc-v2-cbor"
    if signing in _PLAIN:
        return _PLAIN[signing] if not request.path.startswith("/v20180820/") else _v20180820(headers)
    action = has_action(request)
    version = version_of(request) if action else ""
    if not signing and action:
        signing = next((s for s, v in _VERSIONS if v == version), "")
    if not signing and (host := _ENDPOINT.match(request.host)) and (host[1] in _index.SIGNING or host[1] in _index.PROTOCOLS):
        signing = host[1]
    if not signing and (name := _unsigned(request)):
        return name, "rest-json"
    if not signing or signing == "s3":
        return ("s3", "rest-xml") if not request.path.startswith("/v20180820/") else _v20180820(headers)
    name = _index.identify(signing, "", request.path, version) or _unknown(signing)
    protocols = _index.PROTOCOLS[name]
    if action:
        for protocol in ("query", "ec2"):
            if protocol in protocols:
                return name, protocol
    return name, next((p for p in protocols if p.startswith("rest")), protocols[0])


_PLAIN = {"s3": ("s3", "rest-xml"), "lambda": ("lambda", "rest-json")}  # one name, one protocol: nothing to look for


def _v20180820(headers: dict[str, str]) -> tuple[str, str]:
    """S3 Control, which says whose account it is about; or a bucket of that name."""
    return ("s3control" if "x-amz-account-id" in headers else "s3"), "rest-xml"


# Unsigned calls in the query protocol, told by their version: STS's federation calls, SNS's confirmation links, anonymous SQS.
_VERSIONS = [("sts", "2011-06-15"), ("sns", "2010-03-31"), ("sqs", "2012-11-05"), ("iam", "2010-05-08")]


def _unsigned(request: Request) -> str | None:
    """The portal of Identity Center and its token service, which are called without signatures: by the bearer's header, or as JSON on three paths."""
    if "x-amz-sso_bearer_token" in request.headers:
        return "sso"
    if request.method == "POST" and request.path in ("/token", "/client/register", "/device_authorization") and "json" in request.headers.get("content-type", "json"):
        return "sso-oidc"
    return None


# An unsigned call that says by its host which of AWS's endpoints it is for.
_ENDPOINT = re.compile(r"([a-z0-9-]+)(?:\.[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com(?::\d+)?$")


def _unknown(signing: str) -> str:
    raise AwsError("UnrecognizedClientException", f"No service signs as '{signing}'.")


def compressed(request: Request) -> bool:
    """CloudWatch's clients compress long requests. The signature covers what was sent, so the body is opened after it was checked."""
    return request.headers.get("content-encoding") == "gzip" and request.stream is None


def unpack(request: Request, service: str) -> None:
    if service != "s3" and compressed(request):  # for S3 it is a property of the object
        try:
            request.body = inflated(request.body)
        except TooLarge:
            raise AwsError("RequestEntityTooLargeException", "The request is too large once it is decompressed.", 413) from None
        except ValueError as error:
            raise AwsError("SerializationException", f"The request body is not gzip: {error}") from None
        del request.headers["content-encoding"]


def _form(request: Request) -> bytes:
    """The body as a form may be looked for in it; of a compressed one its beginning, since nobody has been asked yet who sent it."""
    if not compressed(request):
        return request.body
    try:
        return zlib.decompressobj(31).decompress(request.body, 65536)
    except zlib.error:
        return b""


def has_action(request: Request) -> bool:
    """Does the query protocol speak, in body or query string?"""
    if "Action=" in request.query:
        return True
    if request.method != "POST" or b"Action=" not in _form(request):
        return False
    kind = request.headers.get("content-type", "")
    return not kind or kind.startswith("application/x-www-form-urlencoded")


_VERSION = re.compile(r"(?:^|&)Version=([0-9-]+)")
_VERSION_BYTES = re.compile(rb"(?:^|&)Version=([0-9-]+)")


def version_of(request: Request) -> str:
    if found := _VERSION_BYTES.search(_form(request)):
        return found[1].decode()
    found2 = _VERSION.search(request.query)
    return found2[1] if found2 else ""


_BUCKET_HOST = re.compile(r"(?P<bucket>.+)\.s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.(?:amazonaws\.com(?:\.cn)?|localhost)(?::\d+)?$")


_FAST_HOST = re.compile(r"(?P<bucket>.+)\.s3-accelerate(?:\.dualstack)?\.amazonaws\.com(?::\d+)?$")
# NAME-ACCOUNT.s3-accesspoint.REGION.amazonaws.com, or before an endpoint of one's own
_POINT_HOST = re.compile(r"([a-z0-9][a-z0-9-]{1,48}[a-z0-9]-\d{12})\.(?:s3-accesspoint(?:-fips)?(?:\.dualstack)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|localhost|127\.0\.0\.1)(?::\d+)?$")


def path_style(request: Request) -> None:
    """`BUCKET.s3.amazonaws.com/KEY` becomes `/BUCKET/KEY`. After the signature, which covers what was sent."""
    host = request.host
    if "-" in host and (point := _POINT_HOST.match(host)):
        request.path = f"/{point[1]}--S3AP{request.target.partition('?')[0]}"
        return
    if ".s3" not in host:
        return
    match = _BUCKET_HOST.match(host) or _FAST_HOST.match(host)
    if match:
        request.path = f"/{match['bucket']}{'--S3AC' if match.re is _FAST_HOST else ''}{request.target.partition('?')[0]}"


def shared(cloud: Cloud, request: Request, send: Callable[[Response], None]) -> Callable[[Response], None]:
    """An answer of S3 to a web page, a refusal too, says which pages may read it."""
    def answered(response: Response) -> None:
        path_style(request)
        response.headers += doors.cors_headers(cloud, request)
        send(response)
    return answered


def region_of(request: Request) -> str:
    """The region that a request without signature speaks to."""
    match = re.search(r"[.-]((?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-[a-z]+)+-\d)\.", request.host)
    return match[1] if match else "us-east-1"


def plain_error(request: Request, error: AwsError | sigv4.Malformed, request_id: str) -> Response:
    """An answer where no service, and so no protocol, is known: as JSON to who spoke JSON, as XML to others."""
    if "x-amz-target" in request.headers or "json" in request.headers.get("content-type", ""):
        body = msgspec.json.encode({"__type": error.code, "message": error.message})
        return Response(error.status, [("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", request_id)], body)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message><RequestId>{request_id}</RequestId></Error>'
    return Response(error.status, [("content-type", "application/xml"), ("x-amzn-requestid", request_id)], text.encode())


