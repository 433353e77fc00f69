"""One request at an API's door, and everything known about it: what `$context`, `$input.params()` and events are made of.

Header names keep the case they came in; a name or parameter that came twice keeps all its values, and the last one counts.
"""
from __future__ import annotations

import base64
import ipaddress
import json
import ssl
import time
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from cloche.kernel import Call, Request

Multi = dict[str, list[str]]


class Exchange:
    __slots__ = ("api", "based", "body", "call", "caller", "context", "headers", "host", "live", "method", "params", "path", "plan", "prefixed", "query", "request", "resource", "spec", "stage", "started",
                 "status", "traced", "variables", "warnings")

    def __init__(self, call: Call, request: Request, api: str, path: str) -> None:
        self.call, self.request, self.api, self.path = call, request, api, path
        self.caller = call           # whoever signed, once that is known; the timeline shows it with the decision
        self.method, self.body = request.method, request.body
        self.headers, self.query = headers_of(request), query_of(request.query)
        self.host = request.host.rpartition(":")[0] or request.host
        self.params: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.live: Any = None        # the compiled deployment
        self.stage: Any = None
        self.resource: Any = None
        self.spec: Any = None        # the Method
        self.plan: Any = None        # usage plan of the key that came with it
        self.based = ""              # the base path of a custom domain, which proxy events show in `path`
        self.prefixed = ""           # what stood before the path: /stage
        self.warnings: list[str] = []    # what the answer's Warning headers say
        self.traced: Any = None      # where the stage is traced (tracing.py)
        self.status = 0
        self.started = call.now
        self.context: dict[str, Any] = {}

    def header(self, name: str) -> str | None:
        """The last value of a header, whatever the case of its name."""
        return last(self.headers, name)

    @property
    def media(self) -> str:
        """The content type without its parameters; JSON where none is given."""
        return (self.request.headers.get("content-type") or "application/json").partition(";")[0].strip().lower()

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def packed(self, binary: bool) -> tuple[str | None, bool]:
        """The body as an event carries it."""
        if not self.body:
            return None, False
        return (base64.b64encode(self.body).decode(), True) if binary else (self.text(), False)


def headers_of(request: Request) -> Multi:
    found: Multi = {}
    spelling: dict[str, str] = {}
    pairs = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.raw] or [(n.title(), v) for n, v in request.headers.items()]
    for name, value in pairs:
        if name.lower() == "host":
            value = value.partition(":")[0] if value.count(":") == 1 else value
        found.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return found


def query_of(query: str) -> Multi:
    found: Multi = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def read_json(text: str | bytes) -> Any:
    """JSON that somebody sent: nested too deeply is as bad as malformed."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def last(multi: Multi, name: str) -> str | None:
    """Of headers: the case does not count."""
    if name in multi:
        return multi[name][-1]
    wanted = name.lower()
    return next((values[-1] for key, values in multi.items() if key.lower() == wanted), None)


def clf(moment: float) -> str:
    """`09/Apr/2015:12:34:56 +0000`, the common log format."""
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(moment))


def client_certificate(request: Request) -> dict[str, Any] | None:
    """What a client showed in the TLS handshake of a domain that asks for it."""
    if request.tls is None or not (shown := request.tls.getpeercert()):
        return None
    pem = ssl.DER_cert_to_PEM_cert(request.tls.getpeercert(True))
    names = {key: ",".join(f"{SHORT.get(n, n)}={v}" for part in reversed(shown[key]) for n, v in part) for key in ("subject", "issuer")}
    return {"clientCertPem": pem, "subjectDN": names["subject"], "issuerDN": names["issuer"], "serialNumber": ":".join(shown["serialNumber"][i:i + 2].lower() for i in range(0, len(shown["serialNumber"]), 2)),
            "validity": {"notBefore": shown["notBefore"], "notAfter": shown["notAfter"]}}


SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C", "stateOrProvinceName": "ST", "localityName": "L"}


def source_ip(request: Request) -> str:
    return address(request.peer or "127.0.0.1")


@lru_cache(maxsize=1024)
def address(peer: str) -> str:
    try:
        return str(ipaddress.ip_address(peer))
    except ValueError:
        return "127.0.0.1"


def forwarded(x: Exchange) -> dict[str, str]:
    """What the door adds: an API is always https, whatever the local socket is."""
    before = x.header("x-forwarded-for")
    ip = source_ip(x.request)
    return {"X-Forwarded-For": f"{before}, {ip}" if before else ip, "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https", "X-Amzn-Trace-Id": trace(x)}


def trace(x: Exchange) -> str:
    if x.traced is not None:
        return str(x.traced.header)
    given = x.header("x-amzn-trace-id")
    return given or f"Root=1-{int(x.call.now):08x}-{x.call.request_id.replace('-', '')[:24]}"


def decoded(segment: str) -> str:
    return unquote(segment)
