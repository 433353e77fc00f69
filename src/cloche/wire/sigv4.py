"""Signatures of requests: Signature Version 4 in a header or in the query, and the old version 2 that S3 still takes.

`parse` reads who claims to have signed (and refuses what cannot be a claim at all), `verify` says whether it is true. Neither
looks at a clock: how old `claim.stamp` may be, and when `claim.expires` (seconds after it) or `claim.until` (a moment) is over,
is for the caller to say. What a signature covers is on the request line, so the raw target is read, never a rewritten path.
"""
from __future__ import annotations

import calendar
import hmac
import re
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = sha256(b"").hexdigest()
ONE_WEEK = 604800
AS_SENT = {"s3", "s3-object-lambda", "s3-outposts", "s3express"}  # sign the path as it is on the wire; all others encode it once more
MOST_CACHED = 4096

# the parameters that belong to the resource in version 2, whatever their values
SUBRESOURCES = frozenset((
    "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "intelligent-tiering", "inventory", "legal-hold",
    "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "ownershipControls", "partNumber", "policy", "policyStatus",
    "publicAccessBlock", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
    "response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "retention",
    "select", "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"))

_clean_path = re.compile(r"(?:[A-Za-z0-9_.~/-]|%[0-9A-F]{2})*\Z").match
_clean_query = re.compile(r"(?:[A-Za-z0-9_.~&=-]|%[0-9A-F]{2})*\Z").match
_stamp = re.compile(r"[1-9]\d{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])[0-5]\d[0-6]\dZ\Z").match
_virtual_host = re.compile(r"(.+)\.s3[.-]").match


class Malformed(Exception):
    """Something that says it is a signature and cannot be one, in AWS's words."""

    def __init__(self, code: str, message: str, status: int = 400, **extra: str):
        super().__init__(message)
        self.code, self.message, self.status, self.extra = code, message, status, extra


class Claim(NamedTuple):
    kind: str                       # "header", "query"; version 2: "header-v2", "query-v2"
    access_key: str
    stamp: str                      # YYYYMMDDTHHMMSSZ; "" for query-v2
    scope: tuple[str, str, str]     # date, region, service
    signed_headers: tuple[str, ...]
    signature: str
    token: str | None = None
    expires: int | None = None      # query: seconds after the stamp
    until: int | None = None        # query-v2: seconds since the epoch
    payload: str | None = None      # what was signed in the place of the body's hash, where the client says so

    @property
    def date(self) -> str:
        return self.stamp

    @property
    def region(self) -> str:
        return self.scope[1]

    @property
    def service(self) -> str:
        return self.scope[2]

    @property
    def presigned(self) -> bool:
        return self.kind.startswith("query")


def parse(request) -> Claim | None:
    """The claim that a request makes; None when it makes none. Raises Malformed."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        if authorization.startswith("AWS4-HMAC-SHA256"):
            return _header(request, authorization)
        if authorization.startswith("AWS ") and ":" in authorization:
            return _header_v2(request, authorization)
        return None  # Bearer, Basic: a data plane's own business
    query = request.query
    if "X-Amz-Signature=" in query or "X-Amz-Algorithm=" in query:
        return _query(request, query)
    if "Signature=" in query and "AWSAccessKeyId=" in query:
        return _query_v2(request, query)
    return None


def needs_body(request, claim: Claim) -> bool:
    """Whether `verify` must see the whole body: always, but for S3, which says beforehand what it is going to send."""
    return claim.scope[2] not in AS_SENT and not (claim.payload or "").startswith("STREAMING-") and claim.payload != UNSIGNED


def verify(request, claim: Claim, secret: str) -> bool:
    """Whether the owner of `secret` signed this request. Raises Malformed for what AWS refuses with a sentence of its own."""
    if claim.kind.endswith("v2"):
        return verify_v2(request, claim, secret)
    service = claim.scope[2]
    s3 = service in AS_SENT
    payload = _payload(request, claim, s3)
    if s3:
        _all_signed(request, claim)
    tail = _canonical_headers(request.headers, claim.signed_headers)
    if tail is None:
        return False
    path, _, query = request.target.partition("?")
    if not path.startswith("/"):  # absolute form, as to a proxy
        path = "/" + path.split("/", 3)[-1] if path.count("/") > 2 else "/"
    scope = "AWS4-HMAC-SHA256\n" + claim.stamp + "\n" + "/".join(claim.scope) + "/aws4_request\n"
    signature = claim.signature.encode("latin-1", "replace")
    for canonical_path in _paths(path, s3):
        for canonical_query in _queries(query, claim.kind == "query"):
            for hashed in payload:
                text = request.method + "\n" + canonical_path + "\n" + canonical_query + "\n" + tail + hashed
                digest = sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
                if hmac.compare_digest(sign(secret, claim.scope, (scope + digest).encode()).encode(), signature):
                    if s3:
                        _body_as_said(request, claim)
                    return True
    return False


_seals: dict[tuple, tuple] = {}
_INNER, _OUTER = bytes(x ^ 0x36 for x in range(256)), bytes(x ^ 0x5C for x in range(256))


def sign(secret: str, scope: tuple[str, str, str], text: bytes) -> str:
    """The signature of a text under a scope: of requests, POST policies, chunks of a streamed body."""
    seal = _seals.get((secret, scope))
    inner, outer = seal if seal is not None else _seal(secret, scope)
    # HMAC by hand from two prepared hashes: a third of what hmac.digest costs
    digest, mac = inner.copy(), outer.copy()
    digest.update(text)
    mac.update(digest.digest())
    return mac.hexdigest()


def authorization(method: str, target: str, headers: dict[str, str], body: bytes, keys: dict[str, str], scope: tuple[str, str, str], stamp: str) -> dict[str, str]:
    """The headers that sign a request which Cloche itself sends. `keys` as STS gives them, `headers` in lower case, the host among them."""
    signed = {**headers, "x-amz-date": stamp, "x-amz-security-token": keys["SessionToken"]}
    names = ";".join(sorted(signed))
    path, _, query = target.partition("?")
    canonical = "\n".join([method, _paths(path, False)[0], _queries(query, False)[0], *(f"{name}:{signed[name].strip()}" for name in sorted(signed)), "", names, sha256(body).hexdigest()])
    whole = "/".join(scope) + "/aws4_request"
    signature = sign(keys["SecretAccessKey"], scope, f"AWS4-HMAC-SHA256\n{stamp}\n{whole}\n{sha256(canonical.encode()).hexdigest()}".encode())
    return {"x-amz-date": stamp, "x-amz-security-token": keys["SessionToken"], "authorization": f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{whole}, SignedHeaders={names}, Signature={signature}"}


def _seal(secret: str, scope: tuple[str, str, str]) -> tuple:
    if len(_seals) >= MOST_CACHED:
        _seals.clear()
    key = ("AWS4" + secret).encode()
    for step in (*scope, "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    block = key.ljust(64, b"\0")
    _seals[secret, scope] = seal = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))
    return seal


# --- reading claims -----------------------------------------------------------------------------------------------------------

_heads: dict[str, tuple] = {}


def _header(request, text: str) -> Claim:
    head, found, signature = text.rpartition("Signature=")
    known = _heads.get(head)
    if known is None or "," in signature:
        access_key, scope, signed, signature = _read_header(text)
        if found and "," not in signature and head + "Signature=" + signature == text:
            if len(_heads) >= MOST_CACHED:
                _heads.clear()
            _heads[head] = access_key, scope, signed
    else:
        access_key, scope, signed = known
    headers = request.headers
    stamp = headers.get("x-amz-date")
    if stamp is None or not _stamp(stamp):
        stamp = _http_stamp(stamp or headers.get("date"), text)
    if not stamp.startswith(scope[0]):
        raise Malformed("SignatureDoesNotMatch" if scope[2] not in AS_SENT else "AuthorizationHeaderMalformed",
                        f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope[0]}' != '{stamp[:8]}', from '{stamp}'.")
    return Claim("header", access_key, stamp, scope, signed, signature, headers.get("x-amz-security-token"), None, None,
                 headers.get("x-amz-content-sha256"))


def _read_header(text: str) -> tuple[str, tuple[str, str, str], tuple[str, ...], str]:
    parts: dict[str, str] = {}
    for part in text[len("AWS4-HMAC-SHA256"):].replace(" ", ",").split(","):
        if part:
            name, found, value = part.partition("=")
            if not found:
                raise Malformed("IncompleteSignature", f"'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{text}'.")
            parts[name] = value
    lacking = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if lacking:
        sentence = " ".join(f"Authorization header requires '{name}' parameter." for name in lacking)
        raise Malformed("IncompleteSignature", f"{sentence} Authorization={text.split(' ')[0]}")
    access_key, scope = _credential(parts["Credential"], "AuthorizationHeaderMalformed")
    return access_key, scope, _names(parts["SignedHeaders"]), parts["Signature"]


def _credential(text: str, code: str) -> tuple[str, tuple[str, str, str]]:
    fields = text.rsplit("/", 4)
    if len(fields) != 5 or not fields[0]:
        raise Malformed("IncompleteSignature" if code != "AuthorizationQueryParametersError" else code,
                        f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'")
    access_key, date, region, service, term = fields
    if term != "aws4_request":
        raise Malformed(code if service in AS_SENT else "SignatureDoesNotMatch",
                        f"Credential should be scoped with a valid terminator: 'aws4_request', not '{term}'.")
    if len(date) != 8 or not date.isdigit():
        raise Malformed(code if service in AS_SENT else "SignatureDoesNotMatch",
                        f"incorrect date format \"{date}\". This date in the credential must be in the format \"yyyyMMdd\".")
    return access_key, (date, region, service)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.lower().split(";"))
    if "host" not in names and ":authority" not in names:
        raise Malformed("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.", 403)
    return names


def _http_stamp(text: str | None, authorization: str) -> str:
    if text is None:
        raise Malformed("IncompleteSignature", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
                                               f"Authorization={authorization.split(' ')[0]}")
    if _stamp(text):
        return text
    from email.utils import parsedate  # for clients that say their date in words; 10 ms that others need not spend

    when = parsedate(text)
    if when is None:
        raise Malformed("IncompleteSignature", f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601")
    return "{:04}{:02}{:02}T{:02}{:02}{:02}Z".format(*when)


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(unquote(name), unquote(value))
    return found


def _query(request, query: str) -> Claim:
    code = "AuthorizationQueryParametersError"
    given = _parameters(query)
    for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders"):
        if not given.get(name):
            raise Malformed(code, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
                                  "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
    if given["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256":
        raise Malformed(code, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"")
    access_key, scope = _credential(given["X-Amz-Credential"], code)
    stamp = given["X-Amz-Date"]
    if not _stamp(stamp):
        raise Malformed(code, 'X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd\'T\'HHmmss\'Z\'"')
    if not stamp.startswith(scope[0]):
        raise Malformed(code, f"Invalid credential date \"{scope[0]}\". This date is not the same as X-Amz-Date: \"{stamp[:8]}\".")
    expires = _expires(given, scope[2])
    payload = given.get("X-Amz-Content-Sha256") or given.get("X-Amz-Content-SHA256")
    return Claim("query", access_key, stamp, scope, _names(given["X-Amz-SignedHeaders"]), given["X-Amz-Signature"],
                 given.get("X-Amz-Security-Token") or request.headers.get("x-amz-security-token"), expires, None,
                 payload or (request.headers.get("x-amz-content-sha256") if "x-amz-content-sha256" in given["X-Amz-SignedHeaders"] else None))


def _expires(given: dict[str, str], service: str) -> int | None:
    code = "AuthorizationQueryParametersError"
    text = given.get("X-Amz-Expires")
    if text is None:
        if service in AS_SENT:
            raise Malformed(code, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
                                  "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
        return None
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise Malformed(code, "X-Amz-Expires should be a number")
    if int(text) < 0:
        raise Malformed(code, "X-Amz-Expires must be non-negative")
    if int(text) > ONE_WEEK:
        raise Malformed(code, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
    return int(text)


# --- the canonical request ----------------------------------------------------------------------------------------------------

@lru_cache(MOST_CACHED)
def _signed(names: tuple[str, ...]) -> tuple[Callable[[dict[str, str]], Any], str]:
    """What picks the signed headers of a request, and where they stand in its canonical form."""
    template = "".join([name.replace("%", "%%") + ":%s\n" for name in names])
    return itemgetter(*names), template + "\n" + ";".join(names).replace("%", "%%") + "\n"


def _canonical_headers(headers: dict[str, str], names: tuple[str, ...]) -> str | None:
    """The signed headers and their names; None if one is missing."""
    pick, template = _signed(names)
    try:
        text: str = template % pick(headers)
        if text.isascii() and "  " not in text and ": " not in text and " \n" not in text and "\t" not in text:
            return text
    except KeyError:
        pass  # missing, unless it is HTTP/2's name for the host
    values = []
    for name in names:
        value = headers.get(name)
        if value is None and (name != ":authority" or (value := headers.get("host")) is None):
            return None
        values.append(_text(" ".join(value.split()) if "  " in value or value != value.strip() or "\t" in value else value))
    return template % (*values,)


def _text(value: str) -> str:
    """Header bytes come decoded as latin-1, clients sign them as UTF-8 text."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value


def _bytes(path: str) -> bytes:
    try:
        return path.encode("latin-1")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape")


def _paths(path: str, s3: bool) -> tuple[str, ...]:
    if path == "/":
        return ("/",)
    if s3:
        if _clean_path(path):
            return (path,)
        # sent less (or otherwise) encoded than it was signed; or signed as it was sent
        return quote(unquote_to_bytes(_bytes(path)), safe="/~"), _text(path)
    raw = _bytes(path)
    return (quote(_without_dots(raw), safe="/~"),)


def _without_dots(path: bytes) -> bytes:
    if b"//" not in path and b"/." not in path:
        return path
    kept: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            if kept:
                kept.pop()
        elif part and part != b".":
            kept.append(part)
    return b"/" + b"/".join(kept) + (b"/" if kept and path.endswith(b"/") else b"")


def _queries(query: str, presigned: bool) -> tuple[str, ...]:
    if not query:
        return ("",)
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    if presigned:
        pairs = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
    if _clean_query(query) and query.count("=") <= query.count("&") + 1:
        return (_join(pairs),)
    if "+" not in query:
        return _join([(_again(n), _again(v)) for n, v in pairs]), _join([(_text(n), _text(v)) for n, v in pairs])
    # a plus is a space to a form and a plus to RFC 3986; signers differ
    return (_join([(_again(n.replace("+", "%20")), _again(v.replace("+", "%20"))) for n, v in pairs]), _join([(_again(n), _again(v)) for n, v in pairs]),
            _join([(_text(n), _text(v)) for n, v in pairs]))


def _join(pairs: list[tuple[str, str]]) -> str:
    pairs.sort()
    return "&".join([name + "=" + value for name, value in pairs])


def _again(text: str) -> str:
    return quote(unquote_to_bytes(_bytes(text)), safe="~")


def _payload(request, claim: Claim, s3: bool) -> tuple[str, ...]:
    said = claim.payload
    if claim.kind == "query":
        if said is not None:
            return (said,)
        return (UNSIGNED,) if s3 else (sha256(request.body).hexdigest() if request.body else EMPTY, UNSIGNED)
    if s3:
        if said is None:
            raise Malformed("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        if len(said) != 64 and said != UNSIGNED and not said.startswith("STREAMING-"):
            raise Malformed("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
                            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                            ArgumentName="x-amz-content-sha256", ArgumentValue=said)
        return (said,)
    if said is not None and (said == UNSIGNED or said.startswith("STREAMING-")):
        return (said,)
    computed = sha256(request.body).hexdigest() if request.body else EMPTY
    # UNSIGNED: operations whose body the model leaves unsigned (auth type v4-unsigned-body) need not say so in a header
    return (computed, UNSIGNED) if said is None else (computed,)


def _body_as_said(request, claim: Claim) -> None:
    """S3 signs a promise about the body; here it is held against the body, unless that is still to come (`request.stream`)."""
    said = claim.payload
    if said is None or request.stream is not None or said == UNSIGNED or said.startswith("STREAMING-"):
        return
    computed = sha256(request.body).hexdigest()
    if said.lower() != computed:
        raise body_differs(said, computed)


def body_differs(said: str, computed: str) -> Malformed:
    return Malformed("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.",
                     ClientComputedContentSHA256=said, S3ComputedContentSHA256=computed)


def _all_signed(request, claim: Claim) -> None:
    """S3 takes no x-amz-* header that is not part of the signature: it would let anybody change what was signed."""
    signed = claim.signed_headers
    for name in request.headers:
        if name not in signed and name.startswith("x-amz-") and name != "x-amz-content-sha256":
            unsigned = ", ".join(sorted(n for n in request.headers if n.startswith("x-amz-") and n not in claim.signed_headers))
            raise Malformed("AccessDenied", "There were headers present in the request which were not signed", 403, HeadersNotSigned=unsigned)


# --- version 2, S3 only -------------------------------------------------------------------------------------------------------

def _header_v2(request, text: str) -> Claim:
    access_key, _, signature = text[4:].strip().partition(":")
    headers = request.headers
    try:
        stamp = _http_stamp(headers.get("x-amz-date", headers.get("date")), text)
    except Malformed:
        stamp = ""
    if stamp < "1970":
        raise Malformed("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 403)
    return Claim("header-v2", access_key, stamp, (stamp[:8], "", "s3"), (), signature, headers.get("x-amz-security-token"))


def _query_v2(request, query: str) -> Claim:
    given = _parameters(query)
    if not re.fullmatch(r"\d{1,12}", given.get("Expires", "")):
        raise Malformed("AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters", 403)
    return Claim("query-v2", given["AWSAccessKeyId"], "", ("", "", "s3"), (), given.get("Signature", ""),
                 given.get("x-amz-security-token") or request.headers.get("x-amz-security-token"), None, int(given["Expires"]))


def verify_v2(request, claim: Claim, secret: str) -> bool:
    headers = {name: value.strip() for name, value in request.headers.items()}
    path, _, query = request.target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    if claim.kind == "query-v2":
        date = str(claim.until)
        for name, _, value in pairs:  # a presigner without headers of its own puts them into the query
            if name.lower().startswith("x-amz-") or name.lower() in ("content-md5", "content-type"):
                headers.setdefault(name.lower(), unquote(value))
    else:
        date = "" if "x-amz-date" in headers else headers.get("date", "")
    wanted = sorted((name, found, unquote(value)) for name, found, value in pairs if unquote(name) in SUBRESOURCES)
    text = "\n".join((request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date)) + "\n"
    text += "".join([f"{name}:{_text(headers[name])}\n" for name in sorted(headers) if name.startswith("x-amz-")])
    resources = [path]
    if path.count("/") == 1 and len(path) > 1:  # boto signs a bucket by itself with the slash that it does not send
        resources.append(path + "/")
    if host := _virtual_host(headers.get("host", "")):
        resources.insert(0, "/" + host[1] + path)
    elif "host" in headers:
        resources.append("/" + headers["host"].partition(":")[0] + path)  # a bucket named like its domain
    tail = "?" + "&".join([name + found + value for name, found, value in wanted]) if wanted else ""
    for resource in resources:
        digest = hmac.digest(secret.encode(), (text + resource + tail).encode("utf-8", "surrogateescape"), "sha1")
        if hmac.compare_digest(b64encode(digest), claim.signature.encode("latin-1", "replace")):
            return True
    return False


@lru_cache(4096)
def moment(stamp: str) -> float:
    """YYYYMMDDTHHMMSSZ as seconds since the epoch."""
    year, month, day = int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8])
    return float(calendar.timegm((year, month, day, int(stamp[9:11]), int(stamp[11:13]), int(stamp[13:15]))))
