"""CreateTokenWithIAM: an application, known by its IAM role, exchanges what an issuer elsewhere said of a person (or another application's token) for a token of its own.

With each token comes the identity context: an assertion that STS takes as a ProvidedContext, so that a role session knows for whom it acts.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need, Record
from cloche.services.identitystore import public as identities
from cloche.services.sso_admin import public as center
from cloche.services.sts import public as sts

from . import errors
from . import service as oidc
from .clients import hashed
from .tokens import REFRESH_SECONDS, Token, forget, keep

if TYPE_CHECKING:
    from cloche.shapes import sso_oidc as t

ACCESS_SECONDS = 3600
BEARER, EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS, REFRESH = "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:refresh_token"
DEFAULT_SCOPES = ("aws", "openid", "sts:identity_context")


class Context(Record, frozen=True):
    """An identity context that was handed out; only its hash is kept."""

    kind = "sso-oidc.context"
    scope = "cloud"

    hash: str
    instance: str                                      # ARN
    application: str
    store: str                                         # ARN
    user: str
    expires: float

    @property
    def key(self) -> str:
        return self.hash


def _needs(call: Call, req: Any) -> list[Need]:
    """The actor policy of the application is asked first: nobody gets past it."""
    one = center.application(call, req["clientId"])
    if one is None:
        return [Need("sso-oauth:CreateTokenWithIAM", req["clientId"] if req["clientId"].startswith("arn:") else "*")]
    policy = json.dumps(one.actor_policy) if one.actor_policy else '{"Version":"2012-10-17","Statement":[]}'
    return [Need("sso-oauth:CreateTokenWithIAM", one.arn, {}, policy, one.owner, "kms")]


@oidc.op(needs=_needs, partly="the grants JWT bearer, refresh token and token exchange; no authorization codes and no ID tokens: the identity context comes in awsAdditionalDetails")
async def create_token_with_iam(call: Call, req: t.CreateTokenWithIAMRequest) -> t.CreateTokenWithIAMResponse:
    one, grant = center.application(call, req["clientId"]), req["grantType"]
    if one is None:
        raise errors.bad_client()
    instance = center.instance_of(call, one)
    if instance is None or one.status != "ENABLED":
        raise errors.unauthorized_client("The application is disabled")
    if grant not in (BEARER, EXCHANGE, "refresh_token", "authorization_code"):
        raise errors.unsupported_grant()
    if grant not in one.grants:
        raise errors.unauthorized_client(f"The application has no grant of the type {grant}")
    if grant == BEARER:
        user = await by_assertion(call, one, instance, req.get("assertion", ""))
    elif grant == EXCHANGE:
        user = by_token(call, one, instance, req)
    elif grant == "refresh_token":
        user = refreshed(call, one, instance, req.get("refreshToken", ""))
    else:
        raise errors.bad_grant("Invalid authorization code or redirect URI provided")
    assigned = {("USER", user.id), *(("GROUP", group) for group in user.groups)}
    if one.assignment_required and not assigned & set(map(tuple, one.assigned)):
        raise errors.no_access()
    known = {*DEFAULT_SCOPES, *one.scopes}
    scopes = list(req.get("scope") or sorted(known))
    if wrong := [scope for scope in scopes if scope not in known]:
        raise errors.bad_scope(wrong[0])
    wants_refresh = req.get("requestedTokenType") == REFRESH
    if wants_refresh and "refresh_token" not in one.grants:
        raise errors.bad_request("The application has no grant of the type refresh_token")
    with call.step():
        return issued(call, one, instance, user, scopes, REFRESH if wants_refresh else ACCESS)


def issued(call: Call, one: Any, instance: Any, user: Any, scopes: list[str], kind: str) -> Any:
    access, refresh, context = call.secret(120), call.secret(120) if "refresh_token" in one.grants else "", call.secret(90)
    keep(call, Token(hashed(access), "access", one.arn, instance.store, user.id, call.now + ACCESS_SECONDS, hashed(refresh) if refresh else ""))
    if refresh:
        keep(call, Token(hashed(refresh), "refresh", one.arn, instance.store, user.id, call.now + REFRESH_SECONDS))
    store = f"arn:aws:identitystore::{instance.owner}:identitystore/{instance.store}"
    call.put(Context(hashed(context), instance.arn, one.arn, store, user.id, call.now + ACCESS_SECONDS))
    call.after(ACCESS_SECONDS, forget_context, name=hashed(context), key=hashed(context))
    answer = {"accessToken": access, "tokenType": "Bearer", "expiresIn": ACCESS_SECONDS, "issuedTokenType": kind, "scope": scopes}
    return answer | ({"refreshToken": refresh} if refresh else {}) | ({"awsAdditionalDetails": {"identityContext": context}} if "sts:identity_context" in scopes else {})


@oidc.timer
def forget_context(call: Call, key: str) -> None:
    if found := call.get(Context, key):
        call.delete(found)


async def by_assertion(call: Call, one: Any, instance: Any, text: str) -> Any:
    """The person behind a token of a trusted issuer."""
    from cloche.languages import jwt
    try:
        token = jwt.read(text)
    except jwt.Invalid:
        raise errors.bad_request("Invalid assertion provided") from None
    allowed = {each["TrustedTokenIssuerArn"]: each.get("AuthorizedAudiences", []) for each in one.grants[BEARER]["JwtBearer"].get("AuthorizedTokenIssuers", [])}
    issuer = next((each for each in center.token_issuers(call, one) if each.arn in allowed and each.config["IssuerUrl"].rstrip("/") == str(token.claims.get("iss", "")).rstrip("/")), None)
    if issuer is None:
        raise errors.bad_grant("The issuer of the assertion is not trusted by the application")
    audience = token.claims.get("aud")
    if not set(audience if isinstance(audience, list) else [audience]) & set(allowed[issuer.arn]):
        raise errors.bad_grant("The audience of the assertion is not authorized")
    try:
        key = jwt.key_for(token, await sts.issuer_keys(call, issuer.config["IssuerUrl"]))
        if key is None:
            raise jwt.Invalid
        jwt.verify(token, key)
        expires = float(token.claims["exp"])
    except (jwt.Invalid, AwsError, KeyError, TypeError, ValueError):
        raise errors.bad_grant("The assertion could not be verified") from None
    if call.now >= expires:
        raise errors.bad_grant("The assertion has expired")
    value = claim(token.claims, issuer.config["ClaimAttributePath"])
    there = call.at(instance.owner, instance.region)
    user = identities.by_attribute(there, issuer.config["IdentityStoreAttributePath"], value) if value else None
    if user is None:
        raise errors.bad_grant("The assertion names no user of the identity store")
    return user


def claim(claims: Any, path: str) -> str:
    for part in path.split("."):
        claims = claims.get(part) if isinstance(claims, dict) else None
    return str(claims) if isinstance(claims, (str, int)) and not isinstance(claims, bool) else ""


def person(call: Call, instance: Any, token: Token) -> Any:
    user = identities.user(call.at(instance.owner, instance.region), token.user)
    if user is None:
        raise errors.bad_grant("The user does not exist any more")
    return user


def by_token(call: Call, one: Any, instance: Any, req: Any) -> Any:
    """The person behind another application's token that is aimed at this one."""
    if req.get("subjectTokenType", ACCESS) != ACCESS:
        raise errors.bad_request("Unsupported subject token type")
    token = call.get(Token, hashed(req.get("subjectToken", "")))
    if token is None or token.use != "access" or token.store != instance.store:
        raise errors.bad_grant("Invalid subject token provided")
    if call.now >= token.expires:
        raise errors.bad_grant("The subject token has expired")
    source = center.application(call, token.client)
    if source is None or not any(one.arn in targets for targets in source.scopes.values()):
        raise errors.bad_grant("The subject token is not aimed at the application")
    return person(call, instance, token)


def refreshed(call: Call, one: Any, instance: Any, text: str) -> Any:
    token = call.get(Token, hashed(text))
    if token is None or token.use != "refresh" or token.client != one.arn or call.now >= token.expires:
        raise errors.bad_grant("Invalid refresh token provided")
    user = person(call, instance, token)
    with call.step():                                  # the next one comes with the answer
        call.delete(token)
        call.cancel(forget, token.hash)
    return user
