"""When an answer leaves: its line in the logs, and what it counts. All that the fields of both kinds of log say is made here, once."""
from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from cloche.kernel import Response

from .. import monitoring, realtime_logs, standard_logs
from .exchange import Exchange


def done(x: Exchange, response: Response) -> None:
    x.received = len(x.request.body or b"") if x.request.stream is None else 0
    size = x.sent = size_of(response)
    monitoring.count(x, response.status, size)
    standard, realtime = x.config["Logging"]["Enabled"], x.behaviour.get("RealtimeLogConfigArn")
    if not standard and not realtime:
        return
    values = fields(x, response, size)
    with x.call.step():
        if standard:
            told = values | ({} if x.config["Logging"]["IncludeCookies"] else {"cs(Cookie)": "-"})
            standard_logs.keep(x.call, x.distribution.id, "\t".join(told.get(name, "-") or "-" for name in standard_logs.FIELDS))
        if realtime:
            realtime_logs.keep(x.call, realtime, values)


def size_of(response: Response) -> int:
    body: Any = response.body
    if isinstance(body, bytes):
        return len(body)
    if hasattr(body, "length"):
        return int(body.length)
    length = next((value for name, value in response.headers if name.lower() == "content-length"), "0")
    return int(length) if length.isdigit() else 0


def quiet(text: str) -> str:
    """As in AWS's logs: what could end a field is written as its number."""
    return quote(text, safe="!#$&'()*+,/:;=?@[]-._~%") if text else ""


def fields(x: Exchange, response: Response, size: int) -> dict[str, str]:
    """By the names of both: standard logs write `cs(Host)`, real-time logs `cs-host`."""
    request, said = x.request, {name.lower(): value for name, value in response.headers}
    moment, path, _, query = time.gmtime(x.moment), *request.target.partition("?")
    taken = f"{max(0.001, x.origin_seconds):.3f}"
    tls = request.tls.version() if request.tls is not None and request.secure else ""
    cipher = request.tls.cipher()[0] if request.tls is not None and request.secure and request.tls.cipher() else ""
    detail = x.result if x.result in ("Hit", "RefreshHit", "Redirect") or x.result.startswith(("Lambda", "Function")) else x.detail or x.result
    start, end = said.get("content-range", "").removeprefix("bytes ").partition("/")[0].partition("-")[::2] if "content-range" in said else ("", "")
    out = {
        "date": time.strftime("%Y-%m-%d", moment), "time": time.strftime("%H:%M:%S", moment), "timestamp": f"{x.moment:.3f}", "x-edge-location": "IAD89-C1", "sc-bytes": str(size + 300), "c-ip": x.client,
        "cs-method": request.method, "cs(Host)": x.distribution.domain, "cs-host": x.distribution.domain, "cs-uri-stem": quiet(path), "sc-status": str(response.status),
        "cs(Referer)": quiet(request.headers.get("referer", "")), "cs(User-Agent)": quiet(request.headers.get("user-agent", "")), "cs-uri-query": quiet(query),
        "cs(Cookie)": quiet(request.headers.get("cookie", "")), "x-edge-result-type": word(x.result), "x-edge-request-id": x.id, "x-host-header": request.headers.get("host", "").partition(":")[0],
        "cs-protocol": x.scheme, "cs-bytes": str(x.received + len(request.target) + sum(len(k) + len(v) + 4 for k, v in request.headers.items())), "time-taken": taken,
        "x-forwarded-for": request.headers.get("x-forwarded-for", ""), "ssl-protocol": tls or "", "ssl-cipher": cipher, "x-edge-response-result-type": word(x.result), "cs-protocol-version": "HTTP/1.1",
        "fle-status": x.fle[0], "fle-encrypted-fields": str(x.fle[1]) if x.fle[0] != "-" else "-", "c-port": str(x.port), "time-to-first-byte": taken, "x-edge-detailed-result-type": quiet(detail),
        "sc-content-type": quiet(said.get("content-type", "")), "sc-content-len": said.get("content-length", str(size) if size else ""), "sc-range-start": start, "sc-range-end": end,
        "c-ip-version": "IPv6" if ":" in x.client else "IPv4", "cs-accept-encoding": quiet(request.headers.get("accept-encoding", "")), "cs-accept": quiet(request.headers.get("accept", "")),
        "cache-behavior-path-pattern": x.behaviour.get("PathPattern", "*"), "cs-header-names": quiet("\n".join(request.headers)), "cs-headers-count": str(len(request.headers)),
        "cs-headers": quiet("\n".join(f"{k}:{v}" for k, v in request.headers.items())), "origin-fbl": taken if x.origin_seconds else "", "origin-lbl": taken if x.origin_seconds else "",
        "primary-distribution-id": x.distribution.primary or x.distribution.id, "primary-distribution-dns-name": x.distribution.domain}
    return out | {"cs-user-agent": out["cs(User-Agent)"], "cs-referer": out["cs(Referer)"], "cs-cookie": out["cs(Cookie)"]}


def word(result: str) -> str:
    return result if result in ("Hit", "RefreshHit", "Miss", "LimitExceeded", "CapacityExceeded", "Error", "Redirect") or result.endswith("GeneratedResponse") else "Error"
