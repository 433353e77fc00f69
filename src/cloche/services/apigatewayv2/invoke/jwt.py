"""JWT authorizers: the issuer's keys, the token's signature, and its claims against the virtual clock.

HTTP APIs take RSA signatures only. The keys of an issuer are fetched once and kept for two hours.
"""
from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloche.engines.fetch import Unreachable
from cloche.kernel import Call
from cloche.services.apigateway.public import reach, read_json

from .exchange import Exchange, Refused, internal

HASHES = {"RS256": hashes.SHA256, "RS384": hashes.SHA384, "RS512": hashes.SHA512}
KEYS_SECONDS = 7200


def denied(why: str) -> Refused:
    return Refused(401, "Unauthorized", [("www-authenticate", f'Bearer error="invalid_token" error_description="{why}"')], why)


async def check(x: Exchange, it: dict[str, Any], token: str) -> None:
    config = it["JwtConfiguration"]
    token = token[7:] if token[:7].lower() == "bearer " else token
    head, claims, signature, signed = read(token)
    if head.get("alg") not in HASHES:
        raise denied("signing method is not supported")
    key = await key_of(x, config["Issuer"], head.get("kid"))
    try:
        key.verify(signature, signed, padding.PKCS1v15(), HASHES[head["alg"]]())
    except InvalidSignature:
        raise denied("signature is invalid") from None
    check_claims(x, config, claims)
    scopes = str(claims.get("scope") or claims.get("scp") or "").split() if not isinstance(claims.get("scp"), list) else claims["scp"]
    wanted = x.route.get("AuthorizationScopes") or []
    if wanted and not set(wanted) & set(scopes):
        raise Refused(403, "Forbidden", [("www-authenticate", f'Bearer scope="{" ".join(wanted)}" error="insufficient_scope"')])
    shown = {name: value if isinstance(value, str) else listed(value) for name, value in claims.items()}
    x.authorizer = {"v2": {"jwt": {"claims": shown, "scopes": wanted or None}}, "v1": {"claims": shown, "scopes": wanted or None},
                    "flat": {"claims": shown, **{f"claims.{k}": v for k, v in shown.items()}}}


def listed(value: Any) -> str:
    """Claims that are no text are shown as text: `[a b]`, `true`, `1700000000`."""
    if isinstance(value, list):
        return "[" + " ".join(str(v) for v in value) + "]"
    return json.dumps(value)


def read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    try:
        first, second, third = token.split(".")
        head, claims = read_json(decoded(first)), read_json(decoded(second))
        if not isinstance(head, dict) or not isinstance(claims, dict):
            raise ValueError
        return head, claims, decoded(third), f"{first}.{second}".encode()
    except (ValueError, binascii.Error):
        raise Refused(401, "Unauthorized", [("www-authenticate", 'Bearer error="invalid_token"')], "not a token") from None


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_claims(x: Exchange, config: dict[str, Any], claims: dict[str, Any]) -> None:
    now = x.call.now
    if claims.get("iss") != config["Issuer"]:
        raise denied("invalid issuer")
    given = claims.get("aud", claims.get("client_id"))
    given = given if isinstance(given, list) else [given]
    if (config.get("Audience") or []) and not set(config["Audience"]) & {g for g in given if isinstance(g, str)}:
        raise denied("the token does not have a valid audience")
    try:
        if now >= float(claims["exp"]):
            raise denied("the token has expired")
        if now < float(claims.get("nbf", 0)) or now < float(claims.get("iat", 0)):
            raise denied("the token is not yet valid")
    except (KeyError, TypeError, ValueError):
        raise denied("the token has no valid expiry") from None


async def key_of(x: Exchange, issuer: str, kid: str | None) -> rsa.RSAPublicKey:
    kept = x.call.cloud.memory.setdefault("apigatewayv2.keys", {})
    found = kept.get(issuer)
    if found is None or found[0] <= x.call.now or kid not in found[1]:
        keys = await keys_of(x.call, issuer)
        found = kept[issuer] = (x.call.now + KEYS_SECONDS, keys)
    if kid not in found[1]:
        raise denied("the token's key is not the issuer's")
    return found[1][kid]


async def keys_of(call: Call, issuer: str) -> dict[str | None, rsa.RSAPublicKey]:
    try:
        if "://cognito-idp." in issuer:                     # a pool of this very cloud
            from cloche.services.cognito_idp import public as pools
            if (own := await pools.jwks(call, issuer)) is not None:
                return {k["kid"]: public(k) for k in own}
        about = await document(call, issuer.rstrip("/") + "/.well-known/openid-configuration")
        listed_keys = (await document(call, about["jwks_uri"]))["keys"]
        return {k.get("kid"): public(k) for k in listed_keys if k.get("kty") == "RSA"}
    except (Unreachable, ValueError, KeyError, TypeError) as error:
        raise internal(f"the issuer's keys cannot be had: {error}") from None


async def document(call: Call, url: str) -> Any:
    got = await reach(call, "GET", url, [("Accept", "application/json")], limit=1 << 20)
    if got.status != 200:
        raise ValueError(f"{url} answers {got.status}")
    return read_json(got.body)


def public(key: dict[str, Any]) -> rsa.RSAPublicKey:
    n, e = (int.from_bytes(decoded(key[name]), "big") for name in ("n", "e"))
    return rsa.RSAPublicNumbers(e, n).public_key()
