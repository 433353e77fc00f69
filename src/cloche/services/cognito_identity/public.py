"""What STS asks: the keys of the issuer `cognito-identity.amazonaws.com`."""
from __future__ import annotations

from .identities import ISSUER
from .keys import claims

__all__ = ["ISSUER", "claims"]
