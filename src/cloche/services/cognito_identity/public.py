"""What STS asks: the keys of the issuer `cognito-identity.amazonaws.com`; and what Cognito Sync asks: is there such a pool, such an identity."""
from __future__ import annotations

from cloche.kernel import Call

from .identities import ISSUER
from .keys import claims
from .pools import IdentityPool

__all__ = ["ISSUER", "claims", "has_identity", "has_pool", "pools"]


def has_pool(call: Call, id: str) -> bool:
    return call.get(IdentityPool, id) is not None


def pools(call: Call) -> list[str]:
    return sorted(pool.id for pool in call.all(IdentityPool))


def has_identity(call: Call, pool: str, id: str) -> bool:
    return call.of("cognito-identity").row("SELECT 1 FROM cognito_identity WHERE pool = ? AND id = ?", pool, id) is not None
