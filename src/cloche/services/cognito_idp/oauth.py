"""The OAuth endpoints of a domain, as applications ask them; what browsers see is `browser.py`. PKCE is checked when a code is spent."""
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from cloche.kernel import AwsError, Call, Request, Response

from . import branding, browser, clients, keys, resource_servers, sessions, tokens, users
from .answers import Refused, say
from .clients import Client
from .pools import Pool


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
    scopes = [s for s in browser.scopes_for(client, form.get("scope", "")) if s in known]
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
    ("GET", "/oauth2/authorize"): browser.authorize, ("GET", "/login"): browser.login_page, ("POST", "/login"): browser.login, ("GET", "/logout"): browser.logout,
    ("GET", "/oauth2/idpresponse"): browser.back_from_oidc, ("POST", "/saml2/idpresponse"): browser.back_from_saml, ("POST", "/oauth2/token"): token, ("GET", branding.LOGO): branding.logo,
    ("GET", "/oauth2/userInfo"): user_info, ("POST", "/oauth2/userInfo"): user_info, ("POST", "/oauth2/revoke"): revoke,
}
