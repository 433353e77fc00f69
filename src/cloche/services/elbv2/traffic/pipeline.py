"""One request, once through a load balancer: rule, actions, target, answer, a line in the log.

    socket -> rule by priority -> (authenticate) -> forward | redirect | fixed response -> what the client sees
"""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from cloche.kernel import Call, Request, Response

from .. import attributes
from ..balancers import LoadBalancer
from ..index import index
from ..listeners import Listener
from . import access_logs, authenticating, forwarding, matching, metrics, rewriting
from .entry import Entry
from .rewriting import Door


async def answer(call: Call, balancer: LoadBalancer, listener: Listener, request: Request, door: Door, node: Any) -> Response:
    entry = Entry(call, balancer, listener, request, door, node)
    response = await _act(call, balancer, listener, request, entry)
    response.headers = decorated(listener, response.headers)
    entry.status = response.status
    if isinstance(response.body, bytes):
        entry.sent = 0 if request.method == "HEAD" else len(response.body)
        finish(call, entry)
    else:
        response.body = counted(call, entry, response.body)
    return response


async def _act(call: Call, balancer: LoadBalancer, listener: Listener, request: Request, entry: Entry) -> Response:
    raw = entry.headers
    if request.method == "TRACE":
        return refused(entry, 405)
    if rewriting.too_many_forwarders(raw):
        return refused(entry, 463)
    if (blocked := await inspected(call, balancer, request, entry)) is not None:
        return blocked
    if (back := await authenticating.returned(call, listener, request, entry)) is not None:
        return back
    asked = matching.Asked(request.method, hostname(request.host), request.path, request.query, [(name.lower(), value) for name, value in raw], entry.door.client)
    rule = matching.first(index(call).rules.get(listener.arn, ()), asked)
    entry.priority = str(rule.priority) if rule else "0"
    for action in rule.actions if rule else listener.actions:
        kind = action["Type"]
        if kind in ("authenticate-oidc", "authenticate-cognito"):
            said = await authenticating.answer(call, listener, action, request, asked, entry)
            if said is not None:
                return said
            entry.done.append("authenticate")
        elif kind == "fixed-response":
            entry.done.append("fixed-response")
            return fixed(action["FixedResponseConfig"])
        elif kind == "redirect":
            entry.done.append("redirect")
            return redirected(action["RedirectConfig"], asked, entry)
        else:
            entry.done.append("forward")
            return await forwarding.forward(call, balancer, listener, action["ForwardConfig"], rule.transforms if rule else [], request, entry)
    raise RuntimeError(f"{listener.arn} has no final action")


async def inspected(call: Call, balancer: LoadBalancer, request: Request, entry: Entry) -> Response | None:
    """WAF's door: a web ACL associated with this load balancer sees the request before any target does. `inspect` answers None to let it pass."""
    from cloche.services.wafv2 import public as wafv2
    said, insert = await wafv2.inspect(call, balancer.arn, request, entry.door.client)
    if insert:
        entry.headers = wafv2.placed(entry.headers, insert)
    if said is not None:
        entry.done.append("waf")
        entry.status = said.status
    return said


def hostname(host: str) -> str:
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def refused(entry: Entry, status: int, reason: str = "") -> Response:
    entry.own, entry.error = True, reason
    return Response(status, *rewriting.page(status))


def fixed(config: Any) -> Response:
    kind = [("content-type", config.get("ContentType") or "text/plain")]
    return Response(int(config["StatusCode"]), [("server", rewriting.SERVER), *kind], (config.get("MessageBody") or "").encode())


def redirected(config: Any, asked: matching.Asked, entry: Entry) -> Response:
    status = int(config["StatusCode"][-3:])
    headers, body = rewriting.page(status)
    entry.redirect = rewriting.redirect(config, asked, entry.door)
    return Response(status, [*headers, ("location", entry.redirect)], body)


def decorated(listener: Listener, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What the listener's attributes say about every answer: headers set, the Server header left out."""
    if not listener.attributes:
        return headers
    fresh = {attributes.RESPONSE_HEADERS[key]: value for key, value in listener.attributes.items() if key in attributes.RESPONSE_HEADERS and value}
    hidden = set(fresh) | ({"server"} if listener.attributes.get("routing.http.response.server.enabled") == "false" else set())
    kept = [(name, value) for name, value in headers if name.lower() not in hidden or (name.lower() == "server" and value != rewriting.SERVER)]
    return kept + list(fresh.items())


async def counted(call: Call, entry: Entry, body: Any) -> AsyncIterator[bytes]:
    try:
        async for part in body:
            entry.sent += len(part)
            yield part
    finally:
        finish(call, entry)


def finish(call: Call, entry: Entry) -> None:
    entry.ended = asyncio.get_running_loop().time()
    access_logs.add(call, entry)
    metrics.count(call, entry)
