"""`/_cloche/*`: what a person or a test may ask of the cloud itself. Bound to loopback with the rest."""
from __future__ import annotations

import calendar
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import msgspec

from .. import __version__
from ..wire.http import Request, Response
from . import faults, ledger, snapshots
from . import mail as letters

if TYPE_CHECKING:
    from .cloud import Cloud


class Bad(Exception):
    """What the caller sent cannot be done; the text says why."""


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, [("content-type", "application/json")], msgspec.json.encode(value) + b"\n")


async def answer(cloud: Cloud, request: Request) -> Response:
    if cloud.token and not hmac.compare_digest(request.headers.get("authorization", ""), f"Bearer {cloud.token}"):
        return _json({"error": "this cloud is bound to more than loopback: /_cloche needs Authorization: Bearer TOKEN"}, 401)
    path = unquote(request.path).removeprefix("/_cloche").strip("/")
    noun, _, rest = path.partition("/")
    handler = NOUNS.get(noun)
    if handler is None:
        return _json({"error": f"/_cloche/{path} is not known", "known": sorted(f"/_cloche/{n}" for n in NOUNS if n)}, 404)
    try:
        body = await request.read(1 << 20)
        value = msgspec.json.decode(body) if body.strip() else {}
        if not isinstance(value, dict):
            raise Bad("the body is a JSON object")
        result = await handler(cloud, request.method, rest, value, {k: v[-1] for k, v in parse_qs(request.query).items()})
    except (Bad, snapshots.Unknown) as error:
        return _json({"error": str(error)}, 400 if isinstance(error, Bad) else 404)
    except msgspec.DecodeError as error:
        return _json({"error": f"not JSON: {error}"}, 400)
    return result if isinstance(result, Response) else _json(result)


async def health(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    return {"status": "ok", "version": __version__, "now": iso(cloud.clock.now()), "services": sorted(cloud.services)}


async def clock(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    """GET; POST {"advance_seconds": n} | {"set": "2030-01-01T00:00:00Z"} | {"freeze": true|false} | {"forget": "ACCOUNT" or a list}.

    `forget` cancels whatever is planned for an account or several, for who is done with them: their schedules need not run through every later advance."""
    if method == "POST":
        if unknown := value.keys() - {"advance_seconds", "set", "freeze", "forget"}:
            raise Bad(f"unknown: {', '.join(sorted(unknown))}; a clock takes advance_seconds, set, freeze, forget")
        if "forget" in value:
            cloud.clock.forget([str(one) for one in value["forget"]] if isinstance(value["forget"], list) else [str(value["forget"])])
        if "freeze" in value:
            if not isinstance(value["freeze"], bool):
                raise Bad("freeze is true or false")
            await cloud.clock.freeze(value["freeze"])
        seconds = value.get("advance_seconds")
        if "set" in value:
            seconds = _moment(value["set"]) - cloud.clock.now()
        if seconds is not None:
            if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= 100 * 366 * 86400:
                raise Bad("time moves forward only, by at most a hundred years")
            await cloud.clock.advance(float(seconds))
    now = cloud.clock.now()
    return {"now": iso(now), "now_seconds": now, "offset_seconds": now - cloud.clock.real(), "frozen": cloud.clock.frozen is not None}


async def reset(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    if method != "POST":
        raise Bad("reset is a POST")
    await snapshots.reset(cloud)
    return {"status": "empty"}


async def shots(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    """GET: the list. POST /snapshots/NAME: take one. POST /snapshots/NAME/restore: go back to it. DELETE: forget it.
    POST /snapshots/NAME/fork {"directory": path}: a data directory of its own, for another `cloche up`."""
    name, _, verb = rest.partition("/")
    if method == "GET" and not name:
        return {"snapshots": snapshots.listing(cloud)}
    if name and not snapshots.NAME.match(name):
        raise Bad("a snapshot's name is letters, digits, '-', '_' and '.', at most 64")
    if method == "DELETE" and name and not verb:
        snapshots.delete(cloud, name)
        return {"deleted": name}
    if method == "POST" and name:
        if verb == "restore":
            await snapshots.restore(cloud, name)
            return {"restored": name}
        if verb == "":
            return snapshots.take(cloud, name)
    if method == "POST" and not name and "fork" in value:
        return snapshots.fork(cloud, str(value["fork"]))
    raise Bad(f"{method} /_cloche/snapshots/{rest} is not known")


async def requests(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    limit = query.get("limit", "100")
    if not limit.isdigit():
        raise Bad("limit is a number")
    return {"requests": cloud.timeline.latest(int(limit))}


async def why(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    found = cloud.timeline.find(rest)
    if found is None:
        return _json({"error": f"no request {rest} among the last {len(cloud.timeline.lines)}"}, 404)
    return found


async def packet(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    """GET ?from=i-1&to=10.0.2.5&port=443[&protocol=tcp]: would it arrive, by what way, and what stops it."""
    from . import doors
    try:
        return doors.packet(cloud.internal(cloud.service("ec2"), "", ""), query)
    except ValueError as error:
        raise Bad(str(error)) from None


async def show_ledger(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    return ledger.all_services() if not rest else ledger.one(rest) or _json({"error": f"no service {rest}"}, 404)


async def mail(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    """GET ?to=ADDRESS&account=ID&limit=N: mails and text messages that services would have sent, the latest first."""
    limit = query.get("limit", "100")
    if not limit.isdigit():
        raise Bad("limit is a number")
    return {"mail": letters.listing(cloud, query.get("to", ""), query.get("account", ""), int(limit))}


async def trouble(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    """GET: the rules that stand. POST {"service": "lambda", "operation": "Invoke", "code": "ServiceException", "times": 2}: answer so, so often. DELETE [/ID] [?account=]: forget them."""
    if method == "GET":
        return {"faults": [rule.told() for rule in faults.rules(cloud)]}
    if method == "DELETE":
        return {"deleted": faults.forget(cloud, rest, query.get("account", ""))}
    if method != "POST" or rest:
        raise Bad("faults are listed by GET, made by POST, forgotten by DELETE")
    try:
        return faults.add(cloud, value).told()
    except ValueError as error:
        raise Bad(str(error)) from None


async def quotas(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    """GET ?account=&region=: what an account may have. POST {"account", "region", "service": "lambda", "quota": "L-2ACBD22F", "value": 1}: less or more of it, at once."""
    from . import doors
    if method == "POST" and "value" not in value:
        raise Bad("a quota takes account, region, service, quota and value")
    try:
        return {"quotas": doors.set_quota(cloud.internal(cloud.service("service-quotas"), "", ""), value or query)}
    except ValueError as error:
        raise Bad(str(error)) from None


async def console(cloud: Cloud, method: str, rest: str, value: dict[str, Any], query: dict[str, str]) -> Any:
    from ..console import pages
    return pages.page(rest)


NOUNS: dict[str, Callable[..., Awaitable[Any]]] = {
    "health": health, "clock": clock, "reset": reset, "snapshots": shots, "requests": requests, "why": why, "packet": packet, "ledger": show_ledger, "mail": mail, "faults": trouble, "quotas": quotas, "console": console,
}


def iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"


def _moment(text: Any) -> float:
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d"):
        try:
            return float(calendar.timegm(time.strptime(str(text), form)))
        except ValueError:
            continue
    raise Bad("set takes a moment such as 2030-01-31T12:00:00Z")
