"""What is changed on the way: headers added for the target, transforms of rules, redirects filled in, pages for what goes wrong. Pure."""
from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote

import regex

from .matching import Asked

SERVER = "awselb/2.0"
TITLES = {
    301: "301 Moved Permanently", 302: "302 Found", 400: "400 Bad Request", 401: "401 Authorization Required", 403: "403 Forbidden", 405: "405 Not Allowed", 408: "408 Request Time-out",
    413: "413 Request Entity Too Large", 414: "414 Request-URI Too Large", 460: "460", 463: "463", 464: "464", 500: "500 Internal Server Error", 501: "501 Not Implemented",
    502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out", 561: "561 Authentication Error",
}
HOP = {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "http2-settings"}
MOST_FORWARDED = 30
VALID_NAME = re.compile(r"[A-Za-z0-9-]+")
_CAPTURE = re.compile(r"\$(\d)")


class Door(NamedTuple):
    """Where a request came in."""

    protocol: str                       # http | https
    port: int
    host: str                           # as the Host header says it
    client: str
    client_port: int = 0


def page(status: int) -> tuple[list[tuple[str, str]], bytes]:
    title = TITLES.get(status, str(status))
    body = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    return [("server", SERVER), ("content-type", "text/html")], body.encode()


def redirect(config: Any, asked: Asked, door: Door) -> str:
    """The Location of a redirect: always with its port."""
    words = {"protocol": door.protocol.upper(), "host": asked.host, "port": str(door.port), "path": asked.path.lstrip("/"), "query": asked.query}
    filled = {name: _fill(config[name], words) for name in ("Protocol", "Host", "Port", "Path", "Query")}
    query = f"?{filled['Query']}" if filled["Query"] else ""
    return quote(f"{filled['Protocol'].lower()}://{filled['Host']}:{filled['Port']}{filled['Path']}{query}", safe="%/:?#[]@!$&'()*+,;=~-._")


def _fill(template: str, words: dict[str, str]) -> str:
    return re.sub(r"#\{(\w+)\}", lambda m: words.get(m[1], m[0]), template)


def transformed(transforms: list[Any], host: str, target: str) -> tuple[str, str]:
    """Host header and path with query, after a rule's transforms."""
    for one in transforms:
        config = one.get("HostHeaderRewriteConfig") or one.get("UrlRewriteConfig")
        rewrite = config["Rewrites"][0]
        replace = _CAPTURE.sub(r"\\g<\1>", rewrite["Replace"].replace("\\", "\\\\"))
        try:
            if one["Type"] == "host-header-rewrite":
                host = regex.sub(rewrite["Regex"], replace, host, count=1, timeout=0.1)
            else:
                target = regex.sub(rewrite["Regex"], replace, target, count=1, timeout=0.1)
        except (TimeoutError, regex.error, IndexError):
            continue
    return host, target


def trace_id(given: str, now: float, fresh: str) -> str:
    """The load balancer's own mark goes before a root that somebody else has set."""
    mark = f"1-{int(now):08x}-{fresh}"
    if not given:
        return f"Root={mark}"
    fields = [part for part in given.split(";") if part.strip() and not part.strip().startswith("Self=")]
    if not any(part.strip().startswith("Root=") for part in fields):
        return ";".join([f"Root={mark}", *fields])
    return ";".join([f"Self={mark}", *fields])


def forwarded(raw: list[tuple[str, str]], door: Door, trace: str, *, mode: str = "append", with_port: bool = False, drop_invalid: bool = False) -> list[tuple[str, str]]:
    """The headers a target sees. Names that came twice stay twice."""
    named = {part.strip().lower() for name, value in raw if name.lower() == "connection" for part in value.split(",")}
    out, before = [], []
    for name, value in raw:
        low = name.lower()
        if low in HOP or low in named or low in ("x-amzn-trace-id", "x-forwarded-proto", "x-forwarded-port", "content-length", "expect"):
            continue
        if low == "x-forwarded-for":
            before.append(value)
            if mode == "append":
                continue
            if mode == "remove":
                continue
        if drop_invalid and not VALID_NAME.fullmatch(name):
            continue
        out.append((name, value))
    if mode == "append":
        client = (f"[{door.client}]" if ":" in door.client else door.client) + f":{door.client_port}" if with_port else door.client
        out.append(("X-Forwarded-For", ", ".join([*before, client])))
    out += [("X-Forwarded-Proto", door.protocol), ("X-Forwarded-Port", str(door.port)), ("X-Amzn-Trace-Id", trace)]
    return out


def too_many_forwarders(raw: list[tuple[str, str]]) -> bool:
    return sum(len(value.split(",")) for name, value in raw if name.lower() == "x-forwarded-for") > MOST_FORWARDED


def answered(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A target's headers as the client may see them."""
    named = {part.strip().lower() for name, value in headers if name.lower() == "connection" for part in value.split(",")}
    return [(name, value) for name, value in headers if name.lower() not in HOP and name.lower() not in named]
