"""Signing in: docker's password stands for whoever asked for it, for twelve hours."""
from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from cloche.iam.principal import Principal
from cloche.kernel import ANY, Call

from . import errors, tickets
from . import service as ecr
from .repositories import host

if TYPE_CHECKING:
    from cloche.shapes import ecr as t

HOURS = 12


@ecr.op(ANY)
def get_authorization_token(call: Call, req: t.GetAuthorizationTokenRequest) -> t.GetAuthorizationTokenResponse:
    until = call.now + HOURS * 3600
    token = base64.b64encode(f"AWS:{tickets.make(call, 'password', call.principal, until)}".encode()).decode()
    return {"authorizationData": [{"authorizationToken": token, "expiresAt": until, "proxyEndpoint": f"http://{host(call, account, call.region)}"}
                                  for account in req.get("registryIds") or [call.account]]}


def signed_in(call: Call, request: Any) -> Call:
    """The call of whoever the password was given to."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":") if kind.lower() == "basic" else ("", "", "")
    except (binascii.Error, UnicodeDecodeError):
        raise errors.not_signed_in() from None
    found = tickets.read(call, "password", password, Principal) if user == "AWS" else None
    if found is None:
        raise errors.not_signed_in()
    if found[0] <= call.now:
        raise errors.token_expired()
    return call.as_principal(found[1])
