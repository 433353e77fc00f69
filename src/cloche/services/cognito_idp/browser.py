"""The browser's way: the authorize endpoint, the login page, the return from a provider, and the way out. A code is a session row for five minutes."""
from __future__ import annotations

import html
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from cloche.kernel import AwsError, Call, Request, Response

from . import auth, branding, errors, federation, sessions, tokens, users
from .answers import Refused, go, page
from .challenges import Attempt
from .clients import Client
from .pools import Pool
from .users import User

CODE_SECONDS = 300


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
    try:
        one = federation.chosen(call, pool, client, query)
        if one is not None:
            return go(federation.away(call, client, one, query, federation.base(request, prefix)))
    except federation.Unwelcome as error:
        return back(query, client, error="invalid_request", error_description=str(error))
    return go(f"{prefix}/login?{request.query}")


async def login_page(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    client = asked(call, pool, query)
    if error := fault(client, query):
        return back(query, client, error=error)
    return front_page(call, client, prefix, query)


FIELDS = (("username", "text"), ("password", "password"))


def front_page(call: Call, client: Client, prefix: str, query: dict[str, str], said: str = "") -> Response:
    """A button for each provider, and the form if the pool's own people may sign in here."""
    names = client.values.get("SupportedIdentityProviders") or ["COGNITO"]
    links = {name: f"{prefix}/oauth2/authorize?{urlencode({**query, 'identity_provider': name})}" for name in names if name != "COGNITO"}
    buttons = "".join(f'<p><a class="idpButton-customizable" href="{html.escape(url)}">{html.escape(name)}</a>' for name, url in links.items())
    return login_form(call, client, said, *(FIELDS if "COGNITO" in names else ()), more=buttons)


def login_form(call: Call, client: Client, said: str, *fields: tuple[str, str], more: str = "", **hidden: str) -> Response:
    """It posts to its own address, so the question travels in the query."""
    rows = "".join(f'<p><label class="label-customizable">{name} <input class="inputField-customizable" name="{name}" type="{kind}" required></label>' for name, kind in fields)
    rows += "".join(f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in hidden.items())
    body = f'<form method="post">{rows}<p><button class="submitButton-customizable">Sign in</button></form>' if fields else ""
    return page("Sign in", f'{branding.head(call, client)}<p class="errorMessage-customizable">{html.escape(said)}{more}{body}')


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
            if "COGNITO" not in (client.values.get("SupportedIdentityProviders") or ["COGNITO"]):
                raise errors.wrong_password()
            user = users.resolve(call, pool, form.get("username", ""))
            if user is None:
                raise errors.wrong_password()
            said = await auth.with_password(attempt, user, form.get("password", ""))
    except AwsError as error:
        return front_page(call, client, prefix, query, error.message)
    if "User" not in said:
        if said["ChallengeName"] not in FORMS:
            return page("Sign in", f"<p>{html.escape(said['ChallengeName'])} cannot be answered on this page.", 501)
        return login_form(call, client, "", FORMS[said["ChallengeName"]], challenge=said["ChallengeName"], session=said["Session"])
    return await granted(call, pool, client, said["User"], query)


async def back_from_oidc(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    async def told(one: Any) -> dict[str, Any]:
        if "code" not in query:
            raise federation.Unwelcome(query.get("error_description") or query.get("error") or "No code")
        return await federation.oidc_claims(call, one, query["code"], federation.base(request, prefix))
    return await arrived(call, pool, query.get("state", ""), told)


async def back_from_saml(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    async def told(one: Any) -> dict[str, Any]:
        return federation.saml_claims(call, pool, one, form.get("SAMLResponse", ""), federation.base(request, prefix))
    return await arrived(call, pool, form.get("RelayState", ""), told)


async def arrived(call: Call, pool: Pool, state: str, told: Callable[[Any], Awaitable[dict[str, Any]]]) -> Response:
    """From a provider: the person it vouches for goes on to the application with a code; or the application hears why not."""
    try:
        client, one, query = federation.returned(call, pool, state)
    except federation.Unwelcome as error:
        raise Refused("invalid_request", about=str(error)) from None
    try:
        user = await federation.entered(call, pool, client, one, await told(one))
    except federation.Unwelcome as error:
        return back(query, client, error="invalid_request", error_description=str(error))
    return await granted(call, pool, client, user, query)



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
