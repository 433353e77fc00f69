"""Calling an API from within, as Step Functions, EventBridge and others do: through the door, with or without the signature of whoever calls."""
from __future__ import annotations

import time
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from cloche.kernel import AwsError, Call, Request
from cloche.kernel import front as door
from cloche.services.sts import public as sts
from cloche.wire import sigv4

from .invoke.aws import whole


class Said(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def call_api(call: Call, host: str, method: str, path: str, query: dict[str, Any], headers: dict[str, str], body: bytes, signed: bool = False) -> Said:
    """`signed`: as this call's principal, for methods that ask for AWS_IAM."""
    text = urlencode({name: query[name] for name in sorted(query)}, doseq=True, quote_via=quote)
    given = {name.lower(): value for name, value in headers.items()} | {"host": host, "content-length": str(len(body))}
    target = f"{path}?{text}" if text else path
    if signed:
        with call.step():
            keys = sts.credentials(call)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(call.now))
        region = host.split(".")[2] if host.count(".") > 3 else call.region
        given |= sigv4.authorization(method, target, {"host": host}, body, keys, (stamp[:8], region, "execute-api"), stamp)
    request = Request(method, target, given, body, None, True, "127.0.0.1")
    request.raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in given.items()]
    answer = door.find(call.cloud, request)
    if answer is None:
        raise AwsError("NotFoundException", f"There is no API at {host}")
    response = await answer
    return Said(response.status, response.headers, await whole(response.body))
