"""Trusted token issuers: OpenID Connect issuers elsewhere, and which claim of their tokens is which attribute of a user here."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, instances
from . import service as sso

if TYPE_CHECKING:
    from cloche.shapes import sso_admin as t

MOST = 10
ATTRIBUTES = ("userName", "emails.value", "externalIds.value")


class Issuer(Record, frozen=True):
    """Kept with its instance's owner."""

    kind = "sso.token-issuer"

    id: str                                            # tti-...
    instance: str
    owner: str
    name: str
    config: dict[str, str]                             # OidcJwtConfiguration
    tags: dict[str, str] = {}
    token: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return f"arn:aws:sso::{self.owner}:trustedTokenIssuer/{self.instance}/{self.id}"


def bare(arn: str) -> str:
    return arn.rpartition("/")[2]


def by_arn(call: Call, req: Any) -> str:
    return str(req["TrustedTokenIssuerArn"])


def lookup(call: Call, arn: str) -> tuple[Call, Issuer]:
    parts = arn.split("/")
    if len(parts) != 3 or not parts[0].endswith(":trustedTokenIssuer"):
        raise errors.invalid(f"{arn} is not the ARN of a trusted token issuer.")
    there, _ = instances.lookup(call, f"arn:aws:sso:::instance/{parts[1]}")
    found = there.get(Issuer, parts[2])
    if found is None or found.arn != arn:
        raise errors.not_found("TrustedTokenIssuer", arn)
    return there, found


def checked(config: dict[str, Any]) -> dict[str, Any]:
    if not str(config["IssuerUrl"]).startswith("https://"):
        raise errors.invalid("The IssuerUrl must begin with https://.")
    if config["IdentityStoreAttributePath"] not in ATTRIBUTES:
        raise errors.invalid(f"The IdentityStoreAttributePath is one of {', '.join(ATTRIBUTES)}.")
    return config


@sso.op(resource=instances.by_arn, context=lambda call, req: {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in req.get("Tags", [])})
def create_trusted_token_issuer(call: Call, req: t.CreateTrustedTokenIssuerRequest) -> t.CreateTrustedTokenIssuerResponse:
    there, instance = instances.find(call, req)
    config = checked(dict(req["TrustedTokenIssuerConfiguration"].get("OidcJwtConfiguration") or {}))
    known = [one for one in there.all(Issuer) if one.instance == instance.id]
    token = req.get("ClientToken", "")
    same = next((one for one in known if token and one.token == token), None)
    if same is None:
        if any(one.config["IssuerUrl"] == config["IssuerUrl"] for one in known):
            raise errors.conflict(f"A trusted token issuer with the IssuerUrl {config['IssuerUrl']} exists already.")
        if len(known) >= MOST:
            raise errors.quota("trusted token issuers", MOST)
        same = there.put(Issuer(f"tti-{call.uuid()}", instance.id, instance.owner, req["Name"], config, {tag["Key"]: tag["Value"] for tag in req.get("Tags", [])}, token))
    return {"TrustedTokenIssuerArn": same.arn}


def view(one: Issuer) -> Any:
    return {"TrustedTokenIssuerArn": one.arn, "Name": one.name, "TrustedTokenIssuerType": "OIDC_JWT"}


@sso.op(resource=by_arn)
def describe_trusted_token_issuer(call: Call, req: t.DescribeTrustedTokenIssuerRequest) -> t.DescribeTrustedTokenIssuerResponse:
    _, one = lookup(call, req["TrustedTokenIssuerArn"])
    return view(one) | {"TrustedTokenIssuerConfiguration": {"OidcJwtConfiguration": one.config}}  # type: ignore[no-any-return]


@sso.op(resource=instances.by_arn)
def list_trusted_token_issuers(call: Call, req: t.ListTrustedTokenIssuersRequest) -> t.ListTrustedTokenIssuersResponse:
    there, instance = instances.find(call, req)
    those = sorted((one for one in there.all(Issuer) if one.instance == instance.id), key=lambda one: one.id)
    found, more = pages.page(those, req, lambda one: one.id, 100, errors.bad_token)
    return {"TrustedTokenIssuers": [view(one) for one in found], **more}


@sso.op(resource=by_arn)
def update_trusted_token_issuer(call: Call, req: t.UpdateTrustedTokenIssuerRequest) -> Any:
    """Everything but whose tokens they are."""
    there, one = lookup(call, req["TrustedTokenIssuerArn"])
    new = req.get("TrustedTokenIssuerConfiguration", {}).get("OidcJwtConfiguration") or {}
    there.put(one.but(name=req.get("Name", one.name), config=checked(one.config | new)))
    return {}


@sso.op(resource=by_arn)
def delete_trusted_token_issuer(call: Call, req: t.DeleteTrustedTokenIssuerRequest) -> Any:
    there, one = lookup(call, req["TrustedTokenIssuerArn"])
    there.delete(one)
    return {}
