"""Signing in by somebody else's word: to the provider with a state, back with a code (OpenID Connect) or a signed assertion (SAML), and then it is a person of the pool.

The first time makes a profile `Provider_subject` in the state EXTERNAL_PROVIDER, unless an administrator has linked the subject to a person (`links.py`).
"""
from __future__ import annotations

import asyncio
import base64
import html
import json
import zlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from cloche.engines.fetch import Unreachable, fetch
from cloche.kernel import AwsError, Call, Request

from . import groups, links, providers, schema, sessions, triggers, users
from .clients import Client
from .pools import Pool
from .providers import IdentityProvider
from .users import User

STATE_SECONDS, SLACK = 300, 300


class Unwelcome(Exception):
    """The provider, or what it said, is not believed; the text goes to the application as error_description."""


def base(request: Request, prefix: str) -> str:
    """Where the browser reached this domain."""
    host = request.headers.get("host", "")
    return f"{'https' if request.secure or host.endswith('.amazoncognito.com') else 'http'}://{host}{prefix}"


def chosen(call: Call, pool: Pool, client: Client, query: dict[str, str]) -> IdentityProvider | None:
    """The provider that the request names, of those the client supports; the only one if there is no other way in."""
    supported = client.values.get("SupportedIdentityProviders") or []
    if text := query.get("idp_identifier"):
        one = providers.by_identifier(call, pool.id, text)
    elif name := query.get("identity_provider"):
        if name == "COGNITO":
            return None
        one = call.get(IdentityProvider, f"{pool.id}/{name}")
    elif len(supported) == 1 and supported != ["COGNITO"]:
        one = call.get(IdentityProvider, f"{pool.id}/{supported[0]}")
    else:
        return None
    if one is None or one.name not in supported:
        raise Unwelcome("Identity provider is not supported by the client")
    return one


def away(call: Call, client: Client, one: IdentityProvider, query: dict[str, str], here: str) -> str:
    """The provider's own page."""
    with call.step():
        state = sessions.begin(call, client, "federated", "", STATE_SECONDS, provider=one.name, query=query)
    if one.type == "SAML":
        id_ = "_" + call.uuid()
        now = datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = one.details["SSORedirectBindingURI"]
        text = (f'<saml2p:AuthnRequest xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol" AssertionConsumerServiceURL="{html.escape(here)}/saml2/idpresponse" Destination="{html.escape(place)}" '
                f'ID="{id_}" IssueInstant="{now}" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Version="2.0">'
                f'<saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">urn:amazon:cognito:sp:{one.pool}</saml2:Issuer></saml2p:AuthnRequest>')
        packed = base64.b64encode(zlib.compress(text.encode(), wbits=-15)).decode()
        return f"{place}{'&' if '?' in place else '?'}{urlencode({'SAMLRequest': packed, 'RelayState': state})}"
    place = one.details.get("authorize_url")
    if not place:
        raise Unwelcome(f"{one.name} cannot be reached from this machine")
    asked = {"client_id": one.details["client_id"], "redirect_uri": f"{here}/oauth2/idpresponse", "scope": one.details["authorize_scopes"], "response_type": "code", "state": state}
    if hint := query.get("login_hint"):
        asked["login_hint"] = hint
    return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"


# -- what comes back ------------------------------------------------------------------------------------------------------------------

def returned(call: Call, pool: Pool, state: str) -> tuple[Client, IdentityProvider, dict[str, str]]:
    """Whose sign-in this is; a state is good once."""
    row = call.row("SELECT body FROM cognito_session WHERE token = ?", state)
    import msgspec
    client = call.get(Client, msgspec.msgpack.decode(row[0])["client"]) if row else None
    if client is None or client.pool != pool.id:
        raise Unwelcome("Invalid state")
    try:
        body = sessions.look(call, client, state, "federated")
    except AwsError:
        raise Unwelcome("Invalid state") from None
    with call.step():
        sessions.end(call, state)
    one = call.get(IdentityProvider, f"{pool.id}/{body['provider']}")
    if one is None:
        raise Unwelcome("Identity provider does not exist")
    return client, one, body["query"]


async def oidc_claims(call: Call, one: IdentityProvider, code: str, here: str) -> dict[str, Any]:
    """Code for tokens, the ID token verified by the provider's keys, and what its userinfo adds."""
    details = one.details
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{here}/oauth2/idpresponse", "client_id": details["client_id"]}
    if one.secret:
        form["client_secret"] = str(one.secret)
    try:
        async with asyncio.timeout(providers.FETCH_SECONDS):
            got = await fetch("POST", details["token_url"], [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")], urlencode(form).encode(), limit=1 << 20)
        made = json.loads(got.body)
        if got.status != 200:
            raise Unwelcome(f"{one.name} Error - {got.status} error getting token")
        claims = await verified(call, one, made["id_token"])
        if details.get("attributes_url") and made.get("access_token"):
            method, bearer = details.get("attributes_request_method", "GET"), [("Authorization", f"Bearer {made['access_token']}")]
            async with asyncio.timeout(providers.FETCH_SECONDS):
                more = await fetch(method, details["attributes_url"], bearer, limit=1 << 20)
            found = json.loads(more.body) if more.status == 200 else {}
            if found.get("sub", claims["sub"]) == claims["sub"]:
                claims = {**found, **claims}
    except (Unreachable, TimeoutError):
        raise Unwelcome(f"Unable to contact {one.name}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unwelcome(f"{one.name} Error - response could not be read") from None
    return claims


async def verified(call: Call, one: IdentityProvider, text: str) -> dict[str, Any]:
    from cloche.languages import jwt
    try:
        token = jwt.read(text)
        key = jwt.key_for(token, json.loads(await providers.document(one.details["jwks_uri"]))["keys"])
        if key is None:
            raise jwt.Invalid("no key")
        jwt.verify(token, key)
    except (jwt.Invalid, AwsError):
        raise Unwelcome(f"Bad id_token: {one.name}'s signature could not be verified") from None
    claims = token.claims
    audience = claims.get("aud") if isinstance(claims.get("aud"), list) else [claims.get("aud")]
    if str(claims.get("iss", "")).rstrip("/") != one.details["oidc_issuer"].rstrip("/") or one.details["client_id"] not in (audience or []):
        raise Unwelcome("Bad id_token issuer or audience")
    if call.now >= float(claims["exp"]) or call.now < float(claims.get("nbf", 0)) - SLACK:
        raise Unwelcome("Bad id_token: it is expired")
    return claims


def saml_claims(call: Call, pool: Pool, one: IdentityProvider, text: str, here: str) -> dict[str, Any]:
    from cloche.languages import saml
    about = saml.metadata(providers.metadata_text(one).encode())
    try:
        found = saml.response(base64.b64decode(text, validate=True), about.certificates)
    except (ValueError, saml.Invalid, saml.Rejected) as error:
        raise Unwelcome(f"Error in SAML response processing: {error}") from None
    if found.issuer != about.entity:
        raise Unwelcome("Error in SAML response processing: Issuer mismatch")
    if f"urn:amazon:cognito:sp:{pool.id}" not in found.audiences:
        raise Unwelcome("Error in SAML response processing: Audience restriction was not met")
    if found.recipient != f"{here}/saml2/idpresponse":
        raise Unwelcome("Error in SAML response processing: Recipient mismatch")
    if call.now >= (found.not_on_or_after or call.now + 1) or (found.not_before is not None and call.now < found.not_before - 60):
        raise Unwelcome("Error in SAML response processing: Assertion is not of this time")
    return {"sub": found.subject} | {name: values[0] if len(values) == 1 else values for name, values in found.attributes.items() if values}


# -- whose profile it is --------------------------------------------------------------------------------------------------------------

def texts(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


async def entered(call: Call, pool: Pool, client: Client, one: IdentityProvider, claims: dict[str, Any]) -> User:
    """The person; made at the first time, and at every further one as the provider says today."""
    subject = texts(claims.get(one.subject if one.type != "SAML" else "sub") or "")
    if not subject:
        raise Unwelcome(f"{one.subject} is missing in what {one.name} says")
    given = {name: texts(claims[theirs]) for name, theirs in one.mapping.items() if name != "username" and theirs in claims and claims[theirs] is not None}
    linked = links.target(call, pool, one.name, {**{name: texts(value) for name, value in claims.items()}, links.SUBJECT: subject})
    user = linked or users.get(call, pool, pool.fold(f"{one.name}_{subject}"))
    if user is None:
        return await made(call, pool, client, one, subject, given)
    if not user.enabled:
        raise Unwelcome("User is not enabled")
    allowed = {name: value for name, value in given.items() if pool.schema[name]["Mutable"] and client.may("WriteAttributes", name)}
    with call.step():
        changed = user.but(attributes={**user.attributes, **allowed})
        if changed != user:
            user = users.change(call, changed)
    await triggers.tell(call, pool, "PostAuthentication", "Authentication", user, client.id, newDeviceUsed=False)
    return user


async def made(call: Call, pool: Pool, client: Client, one: IdentityProvider, subject: str, given: dict[str, str]) -> User:
    name = pool.fold(f"{one.name}_{subject}")
    for attribute, rule in pool.schema.items():
        if rule["Required"] and attribute != "sub" and not given.get(attribute):
            raise Unwelcome(f"attributes required: [{attribute}]")
    try:
        for attribute, value in given.items():
            schema.check_value(pool.schema[attribute], attribute, value)
        await triggers.run(call, pool, "PreSignUp", "ExternalProvider", name, client.id, {"userAttributes": {**given, "cognito:user_status": "EXTERNAL_PROVIDER"}, "validationData": {}})
    except AwsError as error:
        raise Unwelcome(error.message) from None
    identity = {"userId": subject, "providerName": one.name, "providerType": one.type, "issuer": one.details.get("oidc_issuer"), "primary": True, "dateCreated": int(call.now * 1000)}
    attributes = {"sub": call.uuid(), "identities": json.dumps([identity]), **given}
    for kind in ("email", "phone_number"):
        if kind in attributes:
            attributes.setdefault(f"{kind}_verified", "false")
    user = User(pool=pool.id, key=name, name=name, attributes=attributes, created=call.now, modified=call.now, status="EXTERNAL_PROVIDER")
    with call.step():
        users.put(call, user)
        groups.join(call, pool, f"{pool.id}_{one.name}", f"Autogenerated group for users who sign in using {one.name}", user)
    await triggers.tell(call, pool, "PostConfirmation", "ConfirmSignUp", user, client.id)
    return user
