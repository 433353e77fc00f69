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
    if token is None or token.use != "access" or token.client.startswith("arn:") or call.now >= token.expires:  # an application's token is none for the portal
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


def identity_context(call: Call, assertion: str) -> dict[str, str] | None:
    """What a role session learns of the person for whom it acts, as condition keys; None if the assertion is not (or no longer) good."""
    from .applications import Context
    found = call.get(Context, hashed(assertion))
    if found is None or call.now >= found.expires:
        return None
    return {"identitystore:userid": found.user, "identitystore:identitystorearn": found.store, "identitycenter:instancearn": found.instance, "identitycenter:applicationarn": found.application}
