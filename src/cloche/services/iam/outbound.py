"""Outbound identity federation: switched on, an account is an OpenID Connect issuer, and STS gives its principals tokens for services elsewhere.

The issuer's name stays the account's own whatever the switch; tokens given before it was turned off remain good.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors
from . import service as iam

if TYPE_CHECKING:
    from cloche.shapes import iam as t

HOST = "tokens.sts.global.api.aws"


class Outbound(Record, frozen=True):
    kind = "iam.outbound"
    scope = "account"

    issuer: str                                        # the first label of its host
    enabled: bool

    @property
    def key(self) -> str:
        return "outbound"


class Issuer(Record, frozen=True):
    """Whose an issuer is."""

    kind = "iam.issuer"
    scope = "cloud"

    id: str
    account: str

    @property
    def key(self) -> str:
        return self.id


def url(id_: str) -> str:
    return f"https://{id_}.{HOST}"


@iam.op(resource=ANY)
def enable_outbound_web_identity_federation(call: Call, req: Any) -> t.EnableOutboundWebIdentityFederationResponse:
    found = call.get(Outbound, "outbound")
    if found and found.enabled:
        raise errors.already_enabled()
    issuer = found.issuer if found else call.uuid()
    call.put(Outbound(issuer, True))
    call.put(Issuer(issuer, call.account))
    return {"IssuerIdentifier": url(issuer)}


@iam.op(resource=ANY)
def disable_outbound_web_identity_federation(call: Call, req: Any) -> None:
    found = call.get(Outbound, "outbound")
    if found is None or not found.enabled:
        raise errors.already_disabled()
    call.put(found.but(enabled=False))


@iam.op(resource=ANY)
def get_outbound_web_identity_federation_info(call: Call, req: Any) -> t.GetOutboundWebIdentityFederationInfoResponse:
    found = call.get(Outbound, "outbound")
    if found is None or not found.enabled:
        raise errors.already_disabled()
    return {"IssuerIdentifier": url(found.issuer), "JwtVendingEnabled": True}
