"""What the portal asks about a bearer token."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.services.identitystore import public as identities
from cloche.services.sso_admin import public as center

from .clients import hashed
from .tokens import Token


def bearer(call: Call, text: str) -> tuple[Any, Any] | None:
    """(instance, user) behind an access token that is still good."""
    token = call.get(Token, hashed(text))
    if token is None or token.use != "access" or call.now >= token.expires:
        return None
    one = center.instance(call, token.store)
    user = identities.user(call.at(one.owner, one.region), token.user) if one else None
    return (one, user) if one is not None and user is not None else None


def revoke(call: Call, text: str) -> None:
    """The token, and the one that would bring the next."""
    token = call.get(Token, hashed(text))
    for each in (token, call.get(Token, token.pair) if token else None):
        if each is not None:
            call.delete(each)
