"""Challenges and puzzles as they are answered, and the tokens that clients bring back. The mark on them is a secret of the cloud's, made when it is first needed."""
from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from cloche.kernel import Call, FileBody, Record, Request, Response, Sealed
from cloche.languages.waf import token
from cloche.languages.waf.token import Token

from .entities import Entity

ACTIONS = {"Captcha": 405, "Challenge": 202}

class Key(Record, frozen=True):
    kind = "wafv2.token-key"
    scope = "cloud"

    secret: Sealed

    @property
    def key(self) -> str:
        return ""

def immunity(acl: Entity) -> float:
    return float((acl.values.get("ChallengeConfig") or {}).get("ImmunityTimeProperty", {}).get("ImmunityTime", token.IMMUNITY_SECONDS))

def _host(request: Request) -> str:
    return request.host.rpartition(":")[0] or request.host

def brought(here: Call, acl: Entity, request: Request) -> Token:
    cookies = request.headers.get("cookie", "")
    if token.COOKIE not in cookies:
        return token.NONE
    value = next((text for name, _, text in (one.strip().partition("=") for one in cookies.split(";")) if name == token.COOKIE), "")
    secret = here.get(Key, "")
    return token.read(value, str(secret.secret).encode() if secret else b"", _host(request), acl.values.get("TokenDomains") or []) if value else token.NONE

def asked_for(here: Call, action: str, asked: Any, request: Request) -> Response:
    """The page with the task for a browser; for others the status says it."""
    head = [("x-amzn-waf-action", action.lower()), ("cache-control", "no-store, max-age=0"), ("content-type", "text/html; charset=utf-8")]
    body = ""
    if asked.method == "GET" and "text/html" in request.headers.get("accept", ""):
        secret = here.get(Key, "")
        if secret is None:
            with here.step():
                secret = here.put(Key(Sealed(here.secret(32))))
        session, since = (asked.token.session, asked.token.since) if asked.token.session else (here.uuid(), here.now)
        agent = request.headers.get("user-agent", "")
        about = (str(secret.secret).encode(), session, here.now, since, _host(request), agent)
        if action == "Challenge":
            body = token.challenge_page(token.set_task(*about))
        else:
            one, other = (int(here.id(digits=2), 16) % 50 for _ in range(2))
            body = token.puzzle_page(token.set_task(*about, answer=str(one + other)), f"How much is {one} + {other}?")
    return Response(ACTIONS[action], head, body.encode())


INSPECTED_BYTES = 65536


async def beginning(response: Response) -> bytes:
    """The first 64 KB of an answer, which stays whole for whom it is for."""
    body = response.body
    if isinstance(body, bytes):
        return body[:INSPECTED_BYTES]
    if not isinstance(body, AsyncIterator):
        return body.read(INSPECTED_BYTES) if isinstance(body, FileBody) else b""
    parts = b""
    async for part in body:
        parts += part
        if len(parts) >= INSPECTED_BYTES:
            break

    async def again() -> AsyncIterator[bytes]:
        if parts:
            yield parts
        async for part in body:
            yield part
    response.body = again()
    return parts[:INSPECTED_BYTES]
