"""What 169.254.169.254 answers an instance: version 2 with a token of the instance's own, version 1 where that is allowed; the tree is in `metadata_tree`.

    PUT /latest/api/token (X-aws-ec2-metadata-token-ttl-seconds: 1..21600) -> a token, in packets whose TTL is the hop limit
    GET /latest/meta-data/... (X-aws-ec2-metadata-token: ...)

Nothing between the instance and this service filters: no security group, no network ACL, no route.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from typing import Any
from urllib.parse import unquote

from cloche.engines.net.small_http import Answer, Asked
from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from . import metadata_tree
from .instances import Instance

TOKEN, TTL = "x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds"
LONGEST_SECONDS = 21600
VERSIONS = ("1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05",
            "2015-10-20", "2016-04-19", "2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03", "2021-03-23", "2021-07-15", "2022-07-09",
            "2022-09-24", "2024-04-11", "latest")
PAGE = """<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
\t"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>{0} - {1}</title>
 </head>
 <body>
  <h1>{0} - {1}</h1>
 </body>
</html>
"""
TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


def refusal(status: int) -> Answer:
    return Answer(status, PAGE.format(status, TITLES[status]).encode(), (("Content-Type", "text/html"), ("Server", "EC2ws")))


def text(body: str | bytes, *more: tuple[str, str], kind: str = "text/plain", ttl: int = 64) -> Answer:
    return Answer(200, body.encode() if isinstance(body, str) else body, (("Content-Type", kind), ("Server", "EC2ws"), ("Accept-Ranges", "none"), *more), ttl)


# -- tokens ----------------------------------------------------------------------------------------------------------------------

def _secret(call: Call) -> bytes:
    """Forgotten with the process, as the tokens of a machine are with its boot."""
    found: bytes = call.cloud.memory.setdefault("ec2.metadata", call.secret(32).encode())
    return found


def token(call: Call, instance: Instance, seconds: int) -> str:
    until = struct.pack(">d", call.now + seconds)
    return base64.urlsafe_b64encode(until + hmac.digest(_secret(call), until + instance.id.encode(), hashlib.sha256)).decode()


def good(call: Call, instance: Instance, value: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(value)
    except ValueError:
        return False
    until, mac = raw[:8], raw[8:]
    return len(raw) == 40 and hmac.compare_digest(mac, hmac.digest(_secret(call), until + instance.id.encode(), hashlib.sha256)) and struct.unpack(">d", until)[0] > call.now


# -- requests ----------------------------------------------------------------------------------------------------------------------

async def answer(call: Call, instance: Instance, asked: Asked) -> Answer:
    options, path = instance.metadata, unquote(asked.path.split("?", 1)[0])
    if options["HttpEndpoint"] == "disabled":
        return refusal(403)
    if path.rstrip("/") == "/latest/api/token":
        return _token(call, instance, asked) if asked.method == "PUT" else refusal(405)
    if asked.method not in ("GET", "HEAD"):
        return refusal(405)
    if TOKEN in asked.headers:
        if not good(call, instance, asked.headers[TOKEN]):
            return refusal(401)
    elif options["HttpTokens"] == "required":
        return refusal(401)
    else:
        _count(call, instance)
    parts = [part for part in path.split("/") if part]
    if not parts:
        return text("\n".join(VERSIONS))
    if parts[0] not in VERSIONS:
        return refusal(404)
    return await _below(call, instance, parts[1:], path.endswith("/"))


def _token(call: Call, instance: Instance, asked: Asked) -> Answer:
    if "x-forwarded-for" in asked.headers:
        return refusal(403)
    seconds = asked.headers.get(TTL, "")
    if not seconds.isdigit() or not 1 <= int(seconds) <= LONGEST_SECONDS:
        return refusal(400)
    return text(token(call, instance, int(seconds)), ("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", seconds), ttl=int(instance.metadata["HttpPutResponseHopLimit"]))


def _count(call: Call, instance: Instance) -> None:
    """Version 1 was used: one can see by this metric whether anything still needs it."""
    cloudwatch.put(call, "AWS/EC2", "MetadataNoToken", (("InstanceId", instance.id),), 1, "Count")


async def _below(call: Call, instance: Instance, parts: list[str], slash: bool) -> Answer:
    if not parts:
        return text("\n".join(["dynamic", "meta-data", *(["user-data"] if instance.user_data else [])]))
    if parts == ["user-data"]:
        return text(instance.user_data, kind="application/octet-stream") if instance.user_data else refusal(404)
    if parts[0] == "dynamic":
        from . import metadata_identity
        place: Any = await metadata_identity.tree(call, instance, parts[1:])
    elif parts[0] == "meta-data":
        place = metadata_tree.tree(call, instance)
    else:
        return refusal(404)
    for part in parts[1:]:
        place = metadata_tree.opened(place).get(part) if not isinstance(place := metadata_tree.opened(place), str) else None
        if place is None:
            return refusal(404)
    place = metadata_tree.opened(place)
    if isinstance(place, str):
        return text(place)
    return text("\n".join(metadata_tree.listed(place)))
