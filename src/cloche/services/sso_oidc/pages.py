"""The pages on which a person says who it is: behind a user code, or on a browser's way to a program that waits on loopback."""
from __future__ import annotations

import hmac
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

from cloche.kernel import Call, Request, Response
from cloche.services.identitystore import public as identities
from cloche.services.sso_admin import public as center

from . import service as oidc
from .clients import Client, hashed
from .tokens import CODE_SECONDS, Code, Device, UserCode, forget


def page(status: int, title: str, body: str) -> Response:
    text = f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}"
    return Response(status, [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store"), ("x-frame-options", "DENY")], text.encode())


@oidc.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    if call.cloud.token and not hmac.compare_digest(request.headers.get("authorization", ""), f"Bearer {call.cloud.token}"):
        return page(401, "Not from here", "<p>This Cloche can be reached from other machines: signing in needs Authorization: Bearer TOKEN.</p>")
    given = {name: values[-1] for name, values in parse_qs(request.query).items()}
    if request.method == "POST":
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            return page(403, "Not from here", "<p>The form came from another site.</p>")
        given |= {name: values[-1] for name, values in parse_qs((await request.read(1 << 16)).decode("utf-8", "replace")).items()}
    with call.step():
        return authorize(call, request, given) if "store" not in match else device(call, request, match["store"], given)


def people(call: Call, store: str) -> Call | None:
    """Where the store's users are."""
    found = identities.store(call, store)
    return call.at(found.account, found.region) if found is not None and center.instance(call, store) is not None else None


def choose(there: Call, hidden: dict[str, str], what: str) -> str:
    fields = "".join(f"<input type=hidden name={escape(name)} value='{escape(value)}'>" for name, value in hidden.items())
    buttons = "".join(f"<p><button name=user value='{escape(name)}'>{escape(name)}</button>" for name in identities.names(there)) or "<p>There is no user yet."
    return f"<p>{escape(what)}</p><form method=post>{fields}{buttons}</form>"


def device(call: Call, request: Request, store: str, given: dict[str, str]) -> Response:
    there = people(call, store)
    if there is None:
        return page(404, "Unknown", "<p>No Identity Center lives here.</p>")
    code = given.get("user_code", "").upper()
    known = call.get(UserCode, code)
    waiting = call.get(Device, known.device) if known else None
    if waiting is None or waiting.store != store or call.now >= waiting.expires:
        return page(400 if code else 200, "Sign in", "<p>Which code does the program show?</p><form><input name=user_code><button>Go on</button></form>")
    if request.method != "POST":
        return page(200, "Sign in", choose(there, {"user_code": code}, f"A program that shows the code {code} wants to act for you. Who are you?"))
    user = identities.by_name(there, given.get("user", ""))
    if user is None:
        return page(400, "Unknown", "<p>There is no such user.</p>")
    call.put(waiting.but(user=user.id))
    return page(200, "Signed in", "<p>The program goes on as you; close this page.</p>")


def authorize(call: Call, request: Request, given: dict[str, str]) -> Response:
    client = call.get(Client, given.get("client_id", ""))
    redirect = given.get("redirect_uri", "")
    if client is None or not _registered(client, redirect):
        return page(400, "Unknown", "<p>This program, or where it wants you to be sent, is not registered.</p>")
    if given.get("code_challenge_method") != "S256" or not given.get("code_challenge"):
        return _back(redirect, {"error": "invalid_request", "error_description": "a code challenge by S256 is required", "state": given.get("state", "")})
    there = people(call, client.store)
    if there is None:
        return _back(redirect, {"error": "invalid_request", "error_description": "the issuer URL means no Identity Center", "state": given.get("state", "")})
    if request.method != "POST":
        return page(200, "Sign in", choose(there, given, f"{client.name} wants to act for you. Who are you?"))
    user = identities.by_name(there, given.get("user", ""))
    if user is None:
        return page(400, "Unknown", "<p>There is no such user.</p>")
    code = call.secret(40)
    call.put(Code(hashed(code), client.id, client.store, user.id, redirect, given["code_challenge"], call.now + CODE_SECONDS))
    call.of("sso-oidc").after(CODE_SECONDS, forget, name=hashed(code), kind="code", key=hashed(code))
    return _back(redirect, {"code": code, "state": given.get("state", "")})


def _registered(client: Client, redirect: str) -> bool:
    """A program on loopback may come back on any port (RFC 8252)."""
    def without_port(url: str) -> str:
        head, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{head}://{host.rpartition(':')[0] if host.rpartition(':')[2].isdigit() else host}{slash}{path}"
    return any(redirect == one or (one.startswith("http://127.0.0.1") and without_port(one) == without_port(redirect)) for one in client.redirects)


def _back(redirect: str, query: dict[str, Any]) -> Response:
    return Response(302, [("location", f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(query)}"), ("cache-control", "no-store")])
