"""AssumeRoleWithWebIdentity: a token of an OpenID Connect issuer that the account knows and the role trusts, instead of a signature.

The issuer's keys are had the way AWS has them, from its `.well-known/openid-configuration`, and kept for two hours of virtual time.
"""
from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.engines.fetch import Unreachable, fetch
from cloche.iam import Principal, Question, decide
from cloche.kernel import Call, authorize

from ..iam import public as iam
from . import carried, errors, public, sessions
from . import service as sts

if TYPE_CHECKING:
    from cloche.languages.jwt import Token
    from cloche.shapes import sts as t

KEYS_SECONDS, FETCH_SECONDS, HOUR = 7200, 10, 3600
TAGS, SOURCE_IDENTITY = "https://aws.amazon.com/tags", "https://aws.amazon.com/source_identity"


@sts.op(unsigned=True)
async def assume_role_with_web_identity(call: Call, req: t.AssumeRoleWithWebIdentityRequest) -> t.AssumeRoleWithWebIdentityResponse:
    from cloche.languages import jwt  # cryptography takes time and memory to import; few accounts have a provider
    arn = req["RoleArn"]
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    try:
        token = jwt.read(req["WebIdentityToken"])
    except jwt.Invalid:
        raise errors.no_identity("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)") from None
    claims = token.claims
    for name in ("iss", "sub", "aud", "exp", "iat"):
        if not claims.get(name):
            raise errors.no_identity(f"Missing a required claim: {name}")
    if claims["iss"] == "https://cognito-identity.amazonaws.com":          # AWS's own: no provider of the account's
        from cloche.services.cognito_identity import public as identities
        if await identities.claims(call.of("cognito-identity"), req["WebIdentityToken"]) is None:
            raise errors.token_expired() if call.now >= float(claims["exp"]) else errors.no_keys()
        with call.step():
            return opened(call, req, identities.ISSUER, identities.ISSUER, claims, str(claims["aud"]))
    known = iam.oidc_provider(call, account, str(claims["iss"]))
    if known is None:
        raise errors.no_identity(f"No OpenIDConnect provider found in your account for {claims['iss']}")
    provider_arn, provider = known
    await verified(call, provider, token)
    audience = of_now(call, provider, claims)
    with call.step():
        return opened(call, req, provider_arn, provider.url, claims, audience)


async def verified(call: Call, provider: Any, token: Token) -> None:
    from cloche.languages import jwt
    kept = call.cloud.memory.setdefault("sts.issuers", {})
    name = (provider.url, tuple(provider.thumbprints))       # whom one account trusts is nothing to another
    found = kept.get(name)
    key = jwt.key_for(token, found[1]) if found and found[0] > call.now else None
    if key is None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                keys = await own_keys(call, provider.url) or await keys_of(provider)
        except (Unreachable, TimeoutError, ValueError, KeyError, TypeError):
            raise errors.no_keys() from None
        kept[name] = (call.now + KEYS_SECONDS, keys)
        key = jwt.key_for(token, keys)
    if key is None:
        raise errors.no_keys()
    try:
        jwt.verify(token, key)
    except jwt.Invalid:
        raise errors.no_identity("The ID Token provided could not be validated: its signature does not match") from None


async def keys_at(call: Call, url: str) -> list[Any]:
    """Of an issuer that no provider of IAM stands for."""
    class Anybody(NamedTuple):
        url: str
        thumbprints: tuple[str, ...] = ()
    host = url.removeprefix("https://").rstrip("/")
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await own_keys(call.of("sts"), host) or await keys_of(Anybody(host))
    except (Unreachable, TimeoutError, ValueError, KeyError, TypeError):
        raise errors.no_keys() from None


async def own_keys(call: Call, url: str) -> list[Any] | None:
    """The keys of a user pool or of an account of this very cloud, which no network reaches."""
    if url.endswith(".tokens.sts.global.api.aws"):
        from . import outbound
        return await outbound.jwks(call, url)
    if not url.startswith("cognito-idp."):
        return None
    from cloche.services.cognito_idp import public as user_pools
    return await user_pools.jwks(call, url)


async def keys_of(provider: Any) -> list[Any]:
    about = await document(provider, f"https://{provider.url}/.well-known/openid-configuration")
    if about["issuer"].removeprefix("https://").rstrip("/") != provider.url or not about["jwks_uri"].startswith("https://"):
        raise ValueError("another issuer")
    keys = (await document(provider, about["jwks_uri"]))["keys"]
    if not isinstance(keys, list):
        raise ValueError("no keys")
    return keys


async def document(provider: Any, url: str) -> Any:
    got = await fetch("GET", url, [("Accept", "application/json")], limit=1 << 20, thumbprints=frozenset(one.lower() for one in provider.thumbprints))
    if got.status != 200:
        raise ValueError(f"{url} answers {got.status}")
    return json.loads(got.body)


def of_now(call: Call, provider: Any, claims: dict[str, Any]) -> str:
    """The audience, if the token is for one of the provider's clients and for this moment."""
    given = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    audience = next((str(one) for one in [claims.get("azp"), *given] if one in provider.clients), None)
    if audience is None:
        raise errors.no_identity("Incorrect token audience")
    try:
        expires, begins = float(claims["exp"]), max(float(claims["iat"]), float(claims.get("nbf", 0)))
    except (TypeError, ValueError):
        raise errors.no_identity("The ID Token provided has no valid times") from None
    if call.now >= expires:
        raise errors.token_expired()
    if call.now < begins - 300:
        raise errors.no_identity("The ID Token provided is not valid yet")
    return audience


def opened(call: Call, req: Any, provider_arn: str, url: str, claims: dict[str, Any], audience: str) -> t.AssumeRoleWithWebIdentityResponse:
    arn, role = req["RoleArn"], iam.role(call, req["RoleArn"])
    account = arn.split(":")[4]
    if role is None:
        raise errors.not_authorized("sts:AssumeRoleWithWebIdentity")
    tags, transitive = tags_of(claims)
    context: dict[str, Any] = {f"{url}:{name}": value for name, value in claims.items() if isinstance(value, (str, int, bool)) or name == "amr"}
    context |= {f"{url}:aud": audience, "sts:RoleSessionName": req["RoleSessionName"]} | {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if tags:
        context["aws:TagKeys"] = list(tags)
    identity = str(claims.get(SOURCE_IDENTITY, ""))
    for action in ["sts:AssumeRoleWithWebIdentity", *(["sts:TagSession"] if tags else []), *(["sts:SetSourceIdentity"] if identity else [])]:
        decision = decide(Question(principal=Principal(kind="federated", arn=provider_arn, provider=provider_arn), action=action, resource=arn, resource_account=account,
                                   context=context, now=call.now, resource_policy=(arn, iam.trust_policy(role)), rule="trust", rcps=authorize.resource_controls(call, account, action)))
        if not decision.allowed:
            raise errors.not_authorized(action)
    seconds = req.get("DurationSeconds", HOUR)
    if seconds > role.max_session:
        raise errors.beyond_role()
    policies, packed = carried.policies(call, {**req, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}, account)
    stays = {f"{url}:sub": str(claims["sub"]), f"{url}:aud": audience} | ({f"{url}:amr": [str(one) for one in claims["amr"]]} if isinstance(claims.get("amr"), list) else {})
    session = public.session_of(call, role, arn, req["RoleSessionName"], claims={key.lower(): value for key, value in stays.items()}, tags=carried.over(role.tags, tags), session_policies=policies, provider=provider_arn,
                                source_identity=identity, transitive_tags=tuple(key for key in transitive if key in tags))
    credentials, principal = sessions.begin(call, session, seconds)
    answer: t.AssumeRoleWithWebIdentityResponse = {
        "Credentials": credentials, "AssumedRoleUser": {"AssumedRoleId": principal.id, "Arn": principal.arn}, "SubjectFromWebIdentityToken": str(claims["sub"]),
        "Provider": provider_arn, "Audience": audience,
    }
    if packed:
        answer["PackedPolicySize"] = packed
    if identity:
        answer["SourceIdentity"] = identity
    return answer


def tags_of(claims: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Session tags of the token: {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}."""
    said = claims.get(TAGS)
    if said is None:
        return {}, []
    try:
        tags = {str(key): str(values[0] if isinstance(values, list) else values) for key, values in said.get("principal_tags", {}).items()}
        return tags, [str(key) for key in said.get("transitive_tag_keys", [])]
    except (AttributeError, IndexError, TypeError):
        raise errors.no_identity("The tags of the ID Token are malformed") from None
