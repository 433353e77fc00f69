"""The issuer `cognito-identity.amazonaws.com`: one key for the whole cloud, made at its first token."""
from __future__ import annotations

import asyncio
from typing import Any

from cloche.kernel import Call
from cloche.services.cognito_idp import public as user_pools

META, KID = "cognito-identity.key", "identity"


async def key_of(call: Call) -> Any:
    found = call.cloud.memory.get(META)
    if found is None:
        der = call.cloud.store.meta(META)
        if der is None:
            made = await asyncio.to_thread(user_pools.fresh_key)
            der = call.cloud.store.meta(META)               # somebody else may have been faster
            if der is None:
                with call.step():
                    call.cloud.store.set_meta(META, made)
                der = made
        found = call.cloud.memory[META] = user_pools.read_key(KID, der)
    return found


async def signed(call: Call, claims: dict[str, Any]) -> str:
    from cloche.languages import jwt
    key = await key_of(call)
    return jwt.sign(claims, key.private, KID, typ="JWS")


async def claims(call: Call, text: str) -> dict[str, Any] | None:
    """Of a token that is ours and alive."""
    from cloche.languages import jwt
    try:
        token = jwt.read(text)
        jwt.verify(token, (await key_of(call)).jwk)
    except jwt.Invalid:
        return None
    return token.claims if call.now < token.claims.get("exp", 0) else None
