"""What reaches S3 beside its API: web sites, browsers' preflights, and HTML forms that upload a file under a signed policy."""
from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import quote, unquote, urlencode

from cloche.iam.principal import ANONYMOUS
from cloche.kernel import AwsError, Call, Response, authenticate, authorize, presigned
from cloche.wire import codec, sigv4

from . import bodies, errors, website
from . import service as s3
from .buckets import Bucket
from .cors import headers_for, preflight
from .objects import draft, enter, may_put

MOST_BYTES = 100 << 20  # a form is collected; AWS takes 5 GB
MEMBERS = {"acl": "ACL", "cache-control": "CacheControl", "content-disposition": "ContentDisposition", "content-encoding": "ContentEncoding", "content-type": "ContentType",
           "content-language": "ContentLanguage", "expires": "Expires", "x-amz-storage-class": "StorageClass", "x-amz-website-redirect-location": "WebsiteRedirectLocation",
           "x-amz-server-side-encryption": "ServerSideEncryption", "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
           "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm", "x-amz-server-side-encryption-customer-key": "SSECustomerKey",
           "x-amz-server-side-encryption-customer-key-md5": "SSECustomerKeyMD5", "x-amz-server-side-encryption-context": "SSEKMSEncryptionContext",
           "x-amz-checksum-crc64nvme": "ChecksumCRC64NVME", "x-amz-checksum-crc32": "ChecksumCRC32", "x-amz-checksum-crc32c": "ChecksumCRC32C", "x-amz-checksum-sha1": "ChecksumSHA1", "x-amz-checksum-sha256": "ChecksumSHA256"}
UNNAMED = {"x-amz-signature", "signature", "awsaccesskeyid", "policy", "file", "submit"}  # fields that the policy need not mention


@s3.serve
async def serve(call: Call, request: Any, match: dict[str, str]) -> Response:
    if "bucket" in match:
        with call.step():
            return website.visit(call, request, match["bucket"])
    try:
        name = unquote(request.path[1:]).partition("/")[0]
        bucket = call.get(Bucket, name)
        if bucket is None:
            raise errors.no_such_bucket(name)
        if request.method == "OPTIONS":
            return preflight(call, bucket, request.headers)
        await request.read(MOST_BYTES)
        with call.step():
            return upload(call.at(bucket.owner, bucket.region), bucket, request)
    except AwsError as error:
        return codec.write_error(call.service.model, "rest-xml", error, call.request_id)


def read(request: Any) -> tuple[dict[str, str], str, bytes | None, str]:
    """The fields before the file (names in lower case), and the file: name, bytes, type. What comes after the file is ignored."""
    parsed = BytesParser(policy=HTTP).parsebytes(b"content-type: " + request.headers["content-type"].encode("latin-1") + b"\r\n\r\n" + request.body)
    if not parsed.is_multipart():
        raise AwsError("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
    fields: dict[str, str] = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True) or b""
        if name is None:
            continue
        if str(name).lower() == "file":
            filename = part.get_filename() or ""
            return fields, re.split(r"[/\\]", filename)[-1], content, part.get_content_type() if part["content-type"] else ""
        fields[str(name).lower()] = content.decode("utf-8", "replace")
    return fields, "", None, ""


def upload(call: Call, bucket: Bucket, request: Any) -> Response:
    fields, filename, content, _ = read(request)
    if content is None:
        raise errors.argument("POST requires exactly one file upload per request.", "file", "0")
    if "key" not in fields:
        raise errors.argument("Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.", "key", "")
    fields["key"] = fields["key"].replace("${filename}", filename)  # the policy's conditions are about the key that comes of it
    call = call.as_principal(_signer(call, fields))
    if "policy" in fields:
        date = fields.get("x-amz-date", "")
        signed = sigv4.moment(date) if re.fullmatch(r"\d{4}(0[1-9]|1[0-2])\d\dT\d{6}Z", date) else None

        def over(end: float) -> bool:
            begin = signed if signed is not None else presigned.signed_at(call.cloud, fields["policy"], end)
            return presigned.over(call.cloud, fields["policy"], begin, end - begin)

        check(json_of(fields["policy"]), fields, bucket.name, len(content), over)
    req: dict[str, Any] = {"Bucket": bucket.name, "Key": fields["key"]} | {member: fields[name] for name, member in MEMBERS.items() if name in fields}
    if meta := {name.removeprefix("x-amz-meta-"): value for name, value in fields.items() if name.startswith("x-amz-meta-")}:
        req["Metadata"] = meta
    if "tagging" in fields:
        req["Tagging"] = urlencode(re.findall(r"<Key>(.*?)</Key>\s*<Value>(.*?)</Value>", fields["tagging"], re.DOTALL))
    for question in may_put(call, req):
        authorize.require(call, question)
    promise = bodies.promised(call, {name: value for name, value in req.items() if name.startswith("Checksum")})
    v = draft(call, bucket, req)
    enter(call, bucket, v, bodies.kept(call, promise, content, v.cipher), "ObjectCreated:Post")
    return _answer(call, bucket, v, fields, request)


def _signer(call: Call, fields: dict[str, str]) -> Any:
    """Who signed the policy of the form."""
    if "policy" not in fields:
        if "x-amz-signature" in fields or "signature" in fields:
            raise errors.argument("Bucket POST must contain a field named 'policy'.", "policy", "")
        return ANONYMOUS
    model = call.service.model
    if "x-amz-algorithm" in fields:
        scope = fields.get("x-amz-credential", "").rsplit("/", 4)
        if len(scope) != 5 or fields["x-amz-algorithm"] != "AWS4-HMAC-SHA256":
            raise errors.argument("Bucket POST must contain a field named 'X-Amz-Credential'.", "X-Amz-Credential", fields.get("x-amz-credential", ""))
        secret, principal, token, expires = authenticate.known(call.cloud, scope[0], model)
        good = sigv4.sign(secret, (scope[1], scope[2], scope[3]), fields["policy"].encode()) == fields.get("x-amz-signature")
    else:
        if "awsaccesskeyid" not in fields or "signature" not in fields:
            raise errors.argument("Bucket POST must contain a field named 'AWSAccessKeyId'.  If it is specified, please check the order of the fields.", "AWSAccessKeyId", "")
        import hmac
        secret, principal, token, expires = authenticate.known(call.cloud, fields["awsaccesskeyid"], model)
        good = hmac.compare_digest(b64encode(hmac.digest(secret.encode(), fields["policy"].encode(), "sha1")), fields["signature"].strip().encode())
    if token is not None and fields.get("x-amz-security-token") != token:
        raise authenticate.refuse("token", model)
    if not good:
        raise authenticate.refuse("signature", model)
    if expires is not None and call.now >= expires:
        raise authenticate.refuse("expired", model)
    return principal


def json_of(text: str) -> dict[str, Any]:
    try:
        document = json.loads(b64decode(text))
        if not isinstance(document, dict):
            raise ValueError
        return document
    except ValueError:
        raise AwsError("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from None


def check(policy: dict[str, Any], fields: dict[str, str], bucket: str, size: int, over: Callable[[float], bool]) -> None:
    """The policy must be in time, every condition must hold, and every field must be in a condition."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", policy["expiration"]):
            raise ValueError
        end = datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00")).timestamp()
    except (KeyError, ValueError, TypeError):
        raise AwsError("InvalidPolicyDocument", "Invalid Policy: Invalid 'expiration' value.") from None
    if over(end):
        raise errors.access_denied("Invalid according to Policy: Policy expired.")
    if not isinstance(policy.get("conditions"), list):
        raise AwsError("InvalidPolicyDocument", "Invalid Policy: Policy Conditions must be an array")
    values = {**fields, "bucket": bucket}
    named = set()
    for condition in policy["conditions"]:
        if isinstance(condition, dict) and len(condition) == 1:
            [(name, value)] = condition.items()
            operator = "eq"
        elif isinstance(condition, list) and len(condition) == 3:
            operator, name, value = condition
        else:
            raise AwsError("InvalidPolicyDocument", "Invalid Policy: Invalid Condition")
        if str(operator).lower() == "content-length-range":
            if size < int(name):
                raise errors.too_small(size, int(name))
            if size > int(value):
                raise errors.too_large(size, int(value))
            continue
        name = str(name).removeprefix("$").lower()
        named.add(name)
        given = values.get(name, "")
        kept = given == value if operator.lower() == "eq" else all(one.strip().startswith(value) for one in (given.split(",") if name == "content-type" else [given]))
        if operator.lower() not in ("eq", "starts-with"):
            raise AwsError("InvalidPolicyDocument", f"Invalid Policy: Unknown operation {operator}")
        if not kept:
            raise errors.access_denied(f"Invalid according to Policy: Policy Condition failed: {json.dumps([operator, '$' + name, value])}")
    for name in fields:
        if name not in named and name not in UNNAMED and not name.startswith("x-ignore-"):
            raise errors.access_denied(f"Invalid according to Policy: Extra input fields: {name}")


def _answer(call: Call, bucket: Bucket, v: Any, fields: dict[str, str], request: Any) -> Response:
    location = f"http://{call.host}/{bucket.name}/{quote(v.key)}"
    headers = [("x-amz-request-id", call.request_id), ("ETag", f'"{v.etag}"'), ("Location", location)]
    if bucket.versioning:
        headers.append(("x-amz-version-id", v.version))
    if origin := request.headers.get("origin"):
        headers += headers_for(bucket, origin, "POST")
    if (target := fields.get("success_action_redirect") or fields.get("redirect")) and target.startswith(("http://", "https://")):
        mark = "&" if "?" in target else "?"
        headers[2] = ("Location", target + mark + urlencode({"bucket": bucket.name, "key": v.key, "etag": f'"{v.etag}"'}))
        return Response(303, headers, b"")
    status = {"200": 200, "201": 201}.get(fields.get("success_action_status", ""), 204)
    if status != 201:
        return Response(status, headers, b"")
    from cloche.wire.codec.xml import escape
    body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse><Location>{escape(location)}</Location><Bucket>{bucket.name}</Bucket><Key>{escape(v.key)}</Key>'
            f"<ETag>&quot;{v.etag}&quot;</ETag></PostResponse>")
    return Response(201, [*headers, ("content-type", "application/xml")], body.encode())


