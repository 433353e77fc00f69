"""What others ask of user pools: is this token one of theirs, and by which keys are an issuer's tokens verified."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call

from . import keys, pools

ISSUER = re.compile(r"(?:https://)?cognito-idp\.([a-z0-9-]+)\.amazonaws\.com/([\w-]+_\w+)")


async def jwks(call: Call, issuer: str) -> list[dict[str, Any]] | None:
    """The keys of an issuer that is a pool of this cloud; None of any other."""
    named = ISSUER.fullmatch(issuer.rstrip("/"))
    if named is None:
        return None
    here = call.of("cognito-idp")
    found = pools.home(here, named[2])
    if found is None:
        return None
    pair = await keys.of(found[0], found[1].id)
    return [pair[use].jwk for use in keys.USES]


async def claims(call: Call, text: str, pool_arns: list[str] | None = None) -> dict[str, Any] | None:
    """The claims of a token of one of these pools (any pool, if none are named) that is signed, and alive now; else None."""
    from cloche.languages import jwt
    try:
        token = jwt.read(text)
    except jwt.Invalid:
        return None
    issuer = str(token.claims.get("iss", ""))
    pool_id = issuer.rpartition("/")[2]
    if pool_arns is not None and pool_id not in {arn.rpartition("/")[2] for arn in pool_arns}:
        return None
    found = await jwks(call, issuer)
    key = jwt.key_for(token, found) if found else None
    if key is None:
        return None
    try:
        jwt.verify(token, key)
    except jwt.Invalid:
        return None
    return token.claims if call.now < token.claims.get("exp", 0) and token.claims.get("token_use") in ("id", "access") else None


def client_of(call: Call, client_id: str) -> bool:
    return pools.home(call.of("cognito-idp"), client_id) is not None


def fresh_key() -> bytes:
    """A new signing key; it takes a while, so in a thread."""
    return keys.made_key()


def read_key(kid: str, der: bytes) -> keys.Key:
    from cryptography.hazmat.primitives.serialization import load_der_private_key
    return keys.Key("id", kid, load_der_private_key(der, None))  # type: ignore[arg-type]
