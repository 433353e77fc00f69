"""Somebody's HTTP endpoint, wherever it is: an address of AWS means this very cloud, everything else the network.

An API that proxies another API, a function's URL or a bucket's site never leaves the machine.
"""
from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from cloche.engines.fetch import Fetched, Unreachable, fetch
from cloche.kernel import Call, Request

from .aws import whole

HOPS, DEEPEST = "x-cloche-hops", 10       # not among the headers as they came: no backend sees it
OURS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws", ".cloudfront.net")


async def reach(call: Call, method: str, url: str, headers: list[tuple[str, str]], body: bytes = b"", *, verify: bool = True, limit: int = 10 << 20,
                identity: tuple[str, str] | None = None) -> Fetched:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if not host.endswith(OURS):
        return await fetch(method, url, headers, body, verify=verify, limit=limit, identity=identity)
    before = call.request.headers.get(HOPS, "0") if call.request is not None else "0"
    hops = int(before) + 1 if before.isdigit() else 1
    if hops > DEEPEST:
        raise Unreachable("the APIs call each other in a circle")
    named = {"host": host, HOPS: str(hops)}
    for name, value in headers:
        if name.lower() not in ("host", "content-length", "transfer-encoding", "connection"):
            named[name.lower()] = f"{named[name.lower()]},{value}" if name.lower() in named else value
    if body:
        named["content-length"] = str(len(body))
    request = Request(method, (parts.path or "/") + ("?" + parts.query if parts.query else ""), named, body, None, True, "127.0.0.1")
    request.raw = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in [("Host", host), *headers] if name.lower() != "host"]
    request.raw.append((b"Host", host.encode()))
    answered = asyncio.get_running_loop().create_future()
    call.cloud.handle(request, lambda response: answered.done() or answered.set_result(response))
    response = await answered
    content = await whole(response.body)
    if len(content) > limit:
        raise Unreachable("the answer is too long")
    return Fetched(response.status, list(response.headers), content)
