"""The OAuth endpoints and the login page of a domain. A code is a session row for five minutes; PKCE is checked when it is spent."""
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cloche.kernel import AwsError, Call, Request, Response

from . import auth, clients, errors, keys, resource_servers, sessions, tokens, users
from .challenges import Attempt
from .clients import Client
from .pools import Pool
from .users import User

CODE_SECONDS = 300


class Refused(Exception):
    """An OAuth error, with its status."""

    def __init__(self, error: str, status: int = 400, about: str = "") -> None:
        self.error, self.status, self.about = error, status, about


def say(status: int, value: Any, *headers: tuple[str, str]) -> Response:
    return Response(status, [("content-type", "application/json;charset=UTF-8"), ("cache-control", "no-store"), *headers], json.dumps(value).encode())


def go(url: str) -> Response:
    return Response(302, [("location", url), ("cache-control", "no-store")], b"")


def page(title: str, body: str, status: int = 200) -> Response:
    text = f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>{body}'
    return Response(status, [("content-type", "text/html;charset=UTF-8"), ("cache-control", "no-store")], text.encode())


async def serve(call: Call, pool: Pool, request: Request, prefix: str, path: str) -> Response:
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    form = dict(parse_qsl((await request.read(1 << 20)).decode("utf-8", "replace"), keep_blank_values=True)) if request.method == "POST" else {}
    door = DOORS.get((request.method, path))
    if door is None:
        return say(404, {"message": "Not Found"})
    try:
        return await door(call, pool, request, prefix, query, form)  # type: ignore[no-any-return]
    except Refused as refused:
        said = {"error": refused.error} | ({"error_description": refused.about} if refused.about else {})
        return say(refused.status, said, *([("www-authenticate", f'Bearer error="{refused.error}", error_description="{refused.about}"')] if refused.status == 401 else []))


# -- the browser's way ------------------------------------------------------------------------------------------------------------------

def asked(call: Call, pool: Pool, query: dict[str, str]) -> Client:
    """Who asks, if the request may be answered by a redirect at all."""
    client = call.get(Client, query.get("client_id", ""))
    if client is None or client.pool != pool.id:
        raise Refused("invalid_request", about="Client does not exist")
    if query.get("redirect_uri", client.values.get("DefaultRedirectURI")) not in (client.values.get("CallbackURLs") or []):
        raise Refused("redirect_mismatch")
    return client


def back(query: dict[str, str], client: Client, fragment: bool = False, **more: str) -> Response:
    uri = query.get("redirect_uri") or client.values["DefaultRedirectURI"]
    if query.get("state"):
        more["state"] = query["state"]
    return go(f"{uri}{'#' if fragment else '&' if '?' in uri else '?'}{urlencode(more)}")


def scopes_for(client: Client, text: str) -> list[str]:
    allowed = client.values.get("AllowedOAuthScopes") or []
    wanted = text.split() or allowed
    if any(scope not in allowed for scope in wanted):
        raise Refused("invalid_scope")
    return wanted


def fault(client: Client, query: dict[str, str]) -> str:
    values = client.values
    kind = query.get("response_type", "")
    if kind not in ("code", "token"):
        return "invalid_request"
    if not values["AllowedOAuthFlowsUserPoolClient"] or {"code": "code", "token": "implicit"}[kind] not in (values.get("AllowedOAuthFlows") or []):
        return "unauthorized_client"
    if query.get("code_challenge") and query.get("code_challenge_method", "") != "S256":
        return "invalid_request"
    try:
        scopes_for(client, query.get("scope", ""))
    except Refused as refused:
        return refused.error
    return ""


async def authorize(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    client = asked(call, pool, query)
    if error := fault(client, query):
        return back(query, client, error=error)
    return go(f"{prefix}/login?{request.query}")


async def login_page(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    client = asked(call, pool, query)
    if error := fault(client, query):
        return back(query, client, error=error)
    return login_form("", *FIELDS)


FIELDS = (("username", "text"), ("password", "password"))


def login_form(said: str, *fields: tuple[str, str], **hidden: str) -> Response:
    """It posts to its own address, so the question travels in the query."""
    rows = "".join(f'<p><label>{name} <input name="{name}" type="{kind}" required></label>' for name, kind in fields)
    rows += "".join(f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in hidden.items())
    return page("Sign in", f'<p>{html.escape(said)}<form method="post">{rows}<p><button>Sign in</button></form>', 200)


FORMS = {"NEW_PASSWORD_REQUIRED": ("NEW_PASSWORD", "password"), "SOFTWARE_TOKEN_MFA": ("SOFTWARE_TOKEN_MFA_CODE", "text"), "SMS_MFA": ("SMS_MFA_CODE", "text"),
         "EMAIL_OTP": ("EMAIL_OTP_CODE", "text")}


async def login(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    client = asked(call, pool, query)
    if error := fault(client, query):
        return back(query, client, error=error)
    attempt = Attempt(call, pool, client, hosted=True)
    try:
        if "challenge" in form:
            from .challenges import ANSWERS
            if form["challenge"] not in FORMS:
                raise errors.bad_session()
            body = sessions.look(call, client, form.get("session", ""), form["challenge"])
            user = users.get(call, pool, body["key"])
            if user is None:
                raise errors.no_user()
            said = await ANSWERS[form["challenge"]](attempt, user, form, form["session"], body)
        else:
            user = users.resolve(call, pool, form.get("username", ""))
            if user is None:
                raise errors.wrong_password()
            said = await auth.with_password(attempt, user, form.get("password", ""))
    except AwsError as error:
        return login_form(error.message, *FIELDS)
    if "User" not in said:
        if said["ChallengeName"] not in FORMS:
            return page("Sign in", f"<p>{html.escape(said['ChallengeName'])} cannot be answered on this page.", 501)
        return login_form("", FORMS[said["ChallengeName"]], challenge=said["ChallengeName"], session=said["Session"])
    return await granted(call, pool, client, said["User"], query)


async def granted(call: Call, pool: Pool, client: Client, user: User, query: dict[str, str]) -> Response:
    scopes = " ".join(scopes_for(client, query.get("scope", "")))
    if query["response_type"] == "code":
        with call.step():
            code = sessions.begin(call, client, "code", user.key, CODE_SECONDS, token=call.uuid(), scopes=scopes, uri=query.get("redirect_uri") or client.values["DefaultRedirectURI"],
                                  challenge=query.get("code_challenge", ""), nonce=query.get("nonce", ""))
        return back(query, client, code=code)
    with call.step():
        entry, _ = tokens.begin(call, client, user, scopes)
    made = await tokens.issue(call, pool, client, user, entry, "HostedAuth", nonce=query.get("nonce", ""))
    return back(query, client, fragment=True, **{name: str(made[key]) for name, key in (
        ("id_token", "IdToken"), ("access_token", "AccessToken"), ("expires_in", "ExpiresIn"), ("token_type", "TokenType")) if key in made})


async def logout(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    client = call.get(Client, query.get("client_id", ""))
    if client is None or client.pool != pool.id:
        raise Refused("invalid_request", about="Client does not exist")
    if "logout_uri" in query:
        if query["logout_uri"] not in (client.values.get("LogoutURLs") or []):
            raise Refused("redirect_mismatch")
        return go(query["logout_uri"])
    return go(f"{prefix}/login?{request.query}")


# -- the application's way --------------------------------------------------------------------------------------------------------------

def proven(call: Call, pool: Pool, request: Request, form: dict[str, str]) -> Client:
    """The client, by its secret in the header or in the form."""
    id_, secret = form.get("client_id", ""), form.get("client_secret")
    header = request.headers.get("authorization", "")
    if header[:6].lower() == "basic ":
        try:
            id_, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refused("invalid_client") from None
    client = call.get(Client, id_)
    if client is None or client.pool != pool.id or not clients.knows_secret(client, secret):
        raise Refused("invalid_client")
    return client


async def token(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    client = proven(call, pool, request, form)
    values = client.values
    flows = (values.get("AllowedOAuthFlows") or []) if values["AllowedOAuthFlowsUserPoolClient"] else []
    match form.get("grant_type"):
        case "authorization_code":
            if "code" not in flows:
                raise Refused("unauthorized_client")
            return await spent(call, pool, client, form)
        case "refresh_token":
            try:
                entry, user = tokens.usable(call, pool, client, form.get("refresh_token", ""))
            except AwsError:
                raise Refused("invalid_grant") from None
            return shown(await tokens.refreshed(call, pool, client, user, entry))
        case "client_credentials":
            if "client_credentials" not in flows:
                raise Refused("unauthorized_client")
            return await machine(call, pool, client, form)
        case None:
            raise Refused("invalid_request")
    raise Refused("unsupported_grant_type")


async def spent(call: Call, pool: Pool, client: Client, form: dict[str, str]) -> Response:
    try:
        body = sessions.look(call, client, form.get("code", ""), "code")
    except AwsError:
        raise Refused("invalid_grant") from None
    user = users.get(call, pool, body["key"])
    proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
    right = user is not None and user.enabled and form.get("redirect_uri") == body["uri"] and (not body["challenge"] or hmac.compare_digest(proof, body["challenge"]))
    with call.step():
        sessions.end(call, form["code"])                    # whatever comes of it
    if not right or user is None:
        raise Refused("invalid_grant")
    with call.step():
        entry, refresh = tokens.begin(call, client, user, body["scopes"])
    made = await tokens.issue(call, pool, client, user, entry, "HostedAuth", nonce=body["nonce"])
    return shown(made | {"RefreshToken": refresh})


def shown(made: dict[str, Any]) -> Response:
    names = (("id_token", "IdToken"), ("access_token", "AccessToken"), ("refresh_token", "RefreshToken"), ("expires_in", "ExpiresIn"), ("token_type", "TokenType"))
    return say(200, {name: made[key] for name, key in names if key in made})


async def machine(call: Call, pool: Pool, client: Client, form: dict[str, str]) -> Response:
    known = resource_servers.scopes_of(call, pool.id)
    scopes = [s for s in scopes_for(client, form.get("scope", "")) if s in known]
    pair = await keys.of(call, pool.id)
    now, seconds = int(call.now), client.seconds("AccessToken")
    claims = {"sub": client.id, "token_use": "access", "scope": " ".join(scopes), "auth_time": now, "iss": pool.issuer, "exp": now + seconds, "iat": now, "version": 2,
              "jti": call.uuid(), "client_id": client.id}
    from cloche.languages import jwt
    return say(200, {"access_token": jwt.sign(claims, pair["access"].private, pair["access"].kid), "expires_in": seconds, "token_type": "Bearer"})


async def user_info(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    header = request.headers.get("authorization", "")
    try:
        _, there, client, user, claims = tokens.enter(call, header[7:] if header[:7].lower() == "bearer " else header, scope="openid")
    except AwsError as error:
        raise Refused("invalid_token", 401, error.message) from None
    if there.id != pool.id:
        raise Refused("invalid_token", 401, "Access token is of another pool")
    seen = tokens.visible(client, user, str(claims["scope"]).split())
    return say(200, {"sub": user.sub, **{k: str(v).lower() if isinstance(v, bool) else v for k, v in seen.items()}, "username": user.name})


async def revoke(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    client = proven(call, pool, request, form)
    try:
        with call.step():
            tokens.revoke(call, client, form.get("token", ""))
    except AwsError:
        raise Refused("unsupported_token_type") from None
    return Response(200, [("cache-control", "no-store")], b"")


DOORS: dict[tuple[str, str], Callable[..., Any]] = {
    ("GET", "/oauth2/authorize"): authorize, ("GET", "/login"): login_page, ("POST", "/login"): login, ("GET", "/logout"): logout, ("POST", "/oauth2/token"): token,
    ("GET", "/oauth2/userInfo"): user_info, ("POST", "/oauth2/userInfo"): user_info, ("POST", "/oauth2/revoke"): revoke,
}
