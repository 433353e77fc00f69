"""Between a viewer and the origin: an answer that is kept, asked for once however many want it at a time, asked about again when it has grown old."""
from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Any

from cloche.kernel import Response
from cloche.wire.http import FileBody

from ..things import items
from . import cache, choosing, compressing, sending
from .cache import Cached
from .exchange import Exchange
from .origins import Answer, Trouble


async def through(x: Exchange) -> Response:
    """The answer, kept or fresh; raises Trouble."""
    key, path = choosing.key(x.rules, "OPTIONS" if x.method == "OPTIONS" else "GET", x.uri, x.query, x.headers, x.own)
    flying = x.call.cloud.memory.setdefault("cloudfront.flying", {})
    place = (x.distribution.id, key)
    while True:
        found = cache.find(x.call, x.distribution.id, key)
        if found is not None and x.call.now < found.expires:
            return await told(x, found, "Hit")
        if x.method != "GET" or place not in flying:
            break
        if not await asyncio.shield(flying[place]):           # somebody is asking; what comes of it is everybody's if it is kept
            break
    if x.method != "GET":
        return await asked(x, key, path, found)
    own: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    mine = place not in flying
    if mine:
        flying[place] = own
    try:
        return await asked(x, key, path, found)
    finally:
        if mine:
            kept = cache.find(x.call, x.distribution.id, key)
            own.set_result(kept is not None and x.call.now < kept.expires)
            del flying[place]


async def asked(x: Exchange, key: str, path: str, old: Cached | None) -> Response:
    conditions: list[tuple[str, str]] = []
    good = old is not None and old.status < 400
    if good and x.method == "GET":
        assert old is not None
        if etag := old.header("etag"):
            conditions.append(("if-none-match", etag))
        if modified := old.header("last-modified"):
            conditions.append(("if-modified-since", modified))
    try:
        said = await sending.ask(x, True, conditions)
    except Trouble as trouble:
        if good and old is not None and usable(old):
            return await told(x, old, "Hit")
        said = Answer(trouble.status, [("x-cloche-trouble", trouble.why)], b"")
        if (seconds := life(x, said)) > 0:
            with x.call.step():
                cache.keep(x.call, x.distribution.id, key, path, said.status, said.headers, b"", None, 0, x.call.now + seconds)
        raise
    if said.status == 304 and conditions and old is not None:
        names = {name for name, _ in said.headers}
        headers = [(name, value) for name, value in old.headers if name not in names or name in ("content-length", "content-encoding", "etag")]
        headers += [(name, value) for name, value in said.headers if name not in ("content-length", "content-encoding", "etag")]
        with x.call.step():
            old = cache.renew(x.call, old, headers, x.call.now + life(x, Answer(old.status, headers, b"")))
        return await told(x, old, "RefreshHit")
    if said.status >= 500 and good and old is not None and usable(old):
        return await told(x, old, "Hit")
    headers = said.headers
    if x.rules.legacy and x.rules.cookies.how == "none":
        headers = [(name, value) for name, value in headers if name != "set-cookie"]
    said = said._replace(headers=headers)
    seconds = life(x, said)
    x.result = "Error" if said.status >= 400 else "Miss"
    encodings = choosing.encodings(x.headers, x.rules.gzip, x.rules.brotli) if x.behaviour["Compress"] else ""
    if x.method == "HEAD":
        return Response(said.status, list(said.headers), said.body)
    if seconds <= 0:
        said = await small(x, said, encodings)
        response = Response(said.status, list(said.headers), said.body)
        return ranged(x, response) if isinstance(said.body, bytes | FileBody) else response
    body, file, size = await collected(x, said.body)
    if body is not None and (how := compressing.wanted(said.status, said.headers, encodings, size)):
        said = said._replace(headers=(made := await compressing.compressed(how, said.headers, body))[0])
        body, file, size = await collected(x, made[1])
    elif file is not None and (how := compressing.wanted(said.status, said.headers, encodings, size)):
        whole = await asyncio.to_thread(FileBody(str(file), 0, size).read, size)
        file.unlink()
        said = said._replace(headers=(made := await compressing.compressed(how, said.headers, whole))[0])
        body, file, size = await collected(x, made[1])
    with x.call.step():
        cache.keep(x.call, x.distribution.id, key, path, said.status, said.headers, body, str(file) if file is not None else None, size, x.call.now + seconds)
    kept = cache.find(x.call, x.distribution.id, key)
    assert kept is not None
    return await told(x, kept, x.result)


def usable(old: Cached) -> bool:
    """May an old answer stand in while the origin is in trouble?"""
    said = cache.directives(old.headers)
    return not said.keys() & {"must-revalidate", "proxy-revalidate", "no-cache"} and said.get("stale-if-error") != "0"


def life(x: Exchange, said: Answer) -> float:
    configured = next((one for one in items(x.config["CustomErrorResponses"]) if one["ErrorCode"] == said.status), None)
    return cache.life(said.status, said.headers, x.rules.ttls, configured.get("ErrorCachingMinTTL", 10) if configured else None, x.call.now)


async def small(x: Exchange, said: Answer, encodings: str) -> Answer:
    """What is not kept is made shorter too, if it came whole."""
    if not isinstance(said.body, bytes) or not (how := compressing.wanted(said.status, said.headers, encodings, len(said.body))):
        return said
    headers, body = await compressing.compressed(how, said.headers, said.body)
    return Answer(said.status, headers, body)


async def collected(x: Exchange, body: Any) -> tuple[bytes | None, Any, int]:
    """(body, None, size), or (None, file, size) of a longer one. An answer that breaks off raises Trouble."""
    if isinstance(body, bytes) and len(body) <= cache.SMALL:
        return body, None, len(body)
    taken, file, size, path = b"", None, 0, None
    try:
        async for part in pieces(body):
            size += len(part)
            if file is None and size <= cache.SMALL:
                taken += part
                continue
            if file is None:
                path = x.call.file("cloudfront")
                file = await asyncio.to_thread(open, path, "wb")
                await asyncio.to_thread(file.write, taken)
            await asyncio.to_thread(file.write, part)
    except ConnectionError as error:
        if path is not None:
            path.unlink(missing_ok=True)
        raise Trouble(502, str(error)) from None
    finally:
        if file is not None:
            file.close()
    return (taken, None, size) if file is None else (None, path, size)


async def pieces(body: Any) -> Any:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, FileBody):
        opened = body.pieces()
        while (piece := await asyncio.to_thread(next, opened, None)) is not None:
            yield piece
    else:
        async for part in body:
            yield part


# -- to the viewer ----------------------------------------------------------------------------------------------------------------

async def told(x: Exchange, found: Cached, result: str) -> Response:
    if trouble := found.header("x-cloche-trouble"):
        raise Trouble(found.status, trouble)
    x.result = "Error" if found.status >= 400 else result
    cache.touch(x.call, found)
    headers = list(found.headers)
    if result != "Miss":
        headers.append(("age", str(max(0, int(x.call.now - found.stored)))))
    if found.status == 200 and unchanged(x, found):
        return Response(304, [(name, value) for name, value in headers if name not in ("content-length", "content-type", "content-encoding")], b"")
    response = Response(found.status, headers, found.content())
    if x.method == "HEAD":
        response.headers = [*((name, value) for name, value in headers if name != "content-length"), ("content-length", str(found.size))]
        response.body = b""
        return response
    return ranged(x, response)


def unchanged(x: Exchange, found: Cached) -> bool:
    if said := x.header("if-none-match"):
        plain = lambda text: text.strip().removeprefix("W/")
        return said.strip() == "*" or plain(found.header("etag")) in [plain(one) for one in said.split(",")]
    since, modified = x.header("if-modified-since"), found.header("last-modified")
    try:
        return bool(since and modified) and parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def ranged(x: Exchange, response: Response) -> Response:
    """The stretch that was asked for, of a whole answer."""
    wanted = x.header("range")
    if not wanted.startswith("bytes=") or response.status != 200 or x.method != "GET":
        return response
    if (unless := x.header("if-range")) and unless not in (value for name, value in response.headers if name in ("etag", "last-modified")):
        return response
    body: Any = response.body
    size = len(body) if isinstance(body, bytes) else body.length
    first, dash, last = wanted.removeprefix("bytes=").partition("-")
    if "," in wanted or not dash or not (first.isdigit() or last.isdigit()) or (first and not first.isdigit()) or (last and not last.isdigit()):
        return response
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    headers = [(name, value) for name, value in response.headers if name != "content-length"]
    if start >= size or start > end or (not first and last == "0"):
        x.result = "Error"
        return Response(416, [*((name, value) for name, value in headers if name not in ("content-type", "content-encoding", "etag", "last-modified")), ("content-range", f"bytes */{size}")], b"")
    part = body[start:end + 1] if isinstance(body, bytes) else body._replace(offset=body.offset + start, length=end + 1 - start)
    return Response(206, [*headers, ("content-range", f"bytes {start}-{end}/{size}")], part)


