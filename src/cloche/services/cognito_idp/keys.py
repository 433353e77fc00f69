"""A pool's two signing keys: one for ID tokens, one for access tokens. They are made when the first token is wanted, off the loop."""
from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import service as cognito

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from cloche.kernel import Cloud

cognito.table("CREATE TABLE IF NOT EXISTS cognito_key (pool TEXT NOT NULL, use TEXT NOT NULL, kid TEXT NOT NULL, pem BLOB NOT NULL, PRIMARY KEY (pool, use)) WITHOUT ROWID;")

USES = ("id", "access")


class Key:
    __slots__ = ("kid", "private", "use")

    def __init__(self, use: str, kid: str, private: RSAPrivateKey) -> None:
        self.use, self.kid, self.private = use, kid, private

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        return {"alg": "RS256", "e": _text(numbers.e), "kid": self.kid, "kty": "RSA", "n": _text(numbers.n), "use": "sig"}


def _text(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")


def made_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def opened(cloud: Cloud, pool: str, kept: bytes) -> bytes:
    """A private key as it was made; one from before there were seals begins as DER does."""
    return kept if kept[:2] == b"\x30\x82" and len(kept) > 1000 and _is_der(kept) else cloud.store.seal.open(kept, pool.encode())


def _is_der(text: bytes) -> bool:
    return int.from_bytes(text[2:4], "big") == len(text) - 4


def kept(cloud: Cloud, pool: str) -> dict[str, Key] | None:
    """The keys if they have been made."""
    memory: dict[str, dict[str, Key]] = cloud.memory.setdefault("cognito.keys", {})
    if pool not in memory:
        from cryptography.hazmat.primitives.serialization import load_der_private_key
        cloud.service("cognito-idp")
        rows = cloud.store.run("SELECT use, kid, pem FROM cognito_key WHERE pool = ?", (pool,)).fetchall()
        if not rows:
            return None
        memory[pool] = {use: Key(use, kid, load_der_private_key(opened(cloud, pool, pem), None)) for use, kid, pem in rows}  # type: ignore[arg-type]
    return memory[pool]


async def of(call: Call, pool: str) -> dict[str, Key]:
    found = kept(call.cloud, pool)
    if found is None:
        made = await asyncio.gather(*(asyncio.to_thread(made_key) for _ in USES))
        found = kept(call.cloud, pool)                      # somebody else may have been faster
        if found is None:
            with call.step():
                for use, der in zip(USES, made, strict=True):
                    kid = base64.b64encode(hashlib.sha256(der).digest()).decode()
                    call.sql("INSERT INTO cognito_key VALUES (?,?,?,?)", pool, use, kid, call.cloud.store.seal.close(der, pool.encode()))
            found = kept(call.cloud, pool)
            assert found is not None
    return found


def documents(pool: str) -> dict[str, Any]:
    """The issuer's configuration, as AWS says it."""
    issuer = f"https://cognito-idp.{pool.partition('_')[0]}.amazonaws.com/{pool}"
    return {
        "id_token_signing_alg_values_supported": ["RS256"], "issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["code", "token"], "scopes_supported": ["openid", "email", "phone", "profile"], "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
