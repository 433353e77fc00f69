"""Identity providers of a pool: SAML, OpenID Connect, and the social ones by name. What they say of people becomes attributes by a mapping.

An OpenID Connect provider is asked for its endpoints when it is entered, as on AWS; AWS insists on https, here an issuer on this machine may speak http.
"""
from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from cloche.engines.fetch import Unreachable, fetch
from cloche.kernel import Call, Record, Sealed, pages

from . import errors, pools
from . import service as cognito
from .pools import Pool, by_id

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

SOCIAL = {"Facebook": "id", "Google": "sub", "LoginWithAmazon": "user_id", "SignInWithApple": "sub"}  # and what names a person there
NEEDS = {"OIDC": ("client_id", "attributes_request_method", "oidc_issuer", "authorize_scopes"), "SAML": (), **dict.fromkeys(SOCIAL, ("client_id", "authorize_scopes"))}
ENDPOINTS = {"authorize_url": "authorization_endpoint", "token_url": "token_endpoint", "attributes_url": "userinfo_endpoint", "jwks_uri": "jwks_uri"}
FETCH_SECONDS, MOST = 10, 300
LACKS = "Social providers are kept, but nobody can sign in by them: no network leaves this machine. SAML requests are not signed, assertions not encrypted, and there is no single logout."


class IdentityProvider(Record, frozen=True):
    kind = "cognito-idp.provider"

    pool: str
    name: str
    type: str
    details: dict[str, str]
    mapping: dict[str, str]
    identifiers: list[str]
    created: float
    modified: float
    secret: Sealed = Sealed("")

    @property
    def key(self) -> str:
        return f"{self.pool}/{self.name}"

    @property
    def subject(self) -> str:
        """The claim that names a person."""
        return self.mapping.get("username") or SOCIAL.get(self.type, "sub")


def of(call: Call, pool_id: str) -> list[IdentityProvider]:
    return sorted((one for one in call.all(IdentityProvider) if one.pool == pool_id), key=lambda one: one.name)


def find(call: Call, pool_id: str, name: str) -> IdentityProvider:
    pools.find(call, pool_id)
    if one := call.get(IdentityProvider, f"{pool_id}/{name}"):
        return one
    raise errors.missing(f"Identity provider {name} does not exist.")


def by_identifier(call: Call, pool_id: str, text: str) -> IdentityProvider | None:
    return next((one for one in of(call, pool_id) if text in one.identifiers), None)


def shown(one: IdentityProvider) -> Any:
    details = one.details | ({"client_secret": str(one.secret)} if one.secret else {})
    return {"UserPoolId": one.pool, "ProviderName": one.name, "ProviderType": one.type, "ProviderDetails": details, "AttributeMapping": one.mapping, "IdpIdentifiers": one.identifiers,
            "CreationDate": one.created, "LastModifiedDate": one.modified}


@cognito.op(resource=by_id, partly=LACKS)
async def create_identity_provider(call: Call, req: t.CreateIdentityProviderRequest) -> t.CreateIdentityProviderResponse:
    pool, name, kind = pools.find(call, req["UserPoolId"]), req["ProviderName"], req["ProviderType"]
    if name == "COGNITO" or (kind in SOCIAL) != (name in SOCIAL) or (kind in SOCIAL and name != kind):
        raise errors.parameter(f"Provider name {name} is not valid for the provider type {kind}.")
    if len(of(call, pool.id)) >= MOST:
        raise errors.too_many_tries()
    details, secret = await settled(kind, req["ProviderDetails"])
    with call.step():
        if call.get(IdentityProvider, f"{pool.id}/{name}"):
            raise errors.provider_exists(name)
        one = IdentityProvider(pool.id, name, kind, details, mapped(pool, kind, req.get("AttributeMapping")), identified(call, pool, name, req.get("IdpIdentifiers")), call.now, call.now, secret)
        call.put(one)
    return {"IdentityProvider": shown(one)}


@cognito.op(resource=by_id)
def describe_identity_provider(call: Call, req: t.DescribeIdentityProviderRequest) -> t.DescribeIdentityProviderResponse:
    return {"IdentityProvider": shown(find(call, req["UserPoolId"], req["ProviderName"]))}


@cognito.op(resource=by_id)
def get_identity_provider_by_identifier(call: Call, req: t.GetIdentityProviderByIdentifierRequest) -> t.GetIdentityProviderByIdentifierResponse:
    one = by_identifier(call, pools.find(call, req["UserPoolId"]).id, req["IdpIdentifier"])
    if one is None:
        raise errors.missing(f"Identity provider {req['IdpIdentifier']} does not exist.")
    return {"IdentityProvider": shown(one)}


@cognito.op(resource=by_id)
def list_identity_providers(call: Call, req: t.ListIdentityProvidersRequest) -> t.ListIdentityProvidersResponse:
    found, more = pages.page(of(call, pools.find(call, req["UserPoolId"]).id), req, lambda one: one.name, 60, errors.bad_page)
    rows = [{"ProviderName": one.name, "ProviderType": one.type, "CreationDate": one.created, "LastModifiedDate": one.modified} for one in found]
    return {"Providers": rows, **more}  # type: ignore[typeddict-item]


@cognito.op(resource=by_id, partly=LACKS)
async def update_identity_provider(call: Call, req: t.UpdateIdentityProviderRequest) -> t.UpdateIdentityProviderResponse:
    one, pool = find(call, req["UserPoolId"], req["ProviderName"]), pools.find(call, req["UserPoolId"])
    if "ProviderDetails" in req:
        details, secret = await settled(one.type, req["ProviderDetails"])
        one = one.but(details=details, secret=secret)
    if "AttributeMapping" in req:
        one = one.but(mapping=mapped(pool, one.type, req["AttributeMapping"]))
    if "IdpIdentifiers" in req:
        one = one.but(identifiers=identified(call, pool, one.name, req["IdpIdentifiers"]))
    with call.step():
        call.put(one.but(modified=call.now))
    return {"IdentityProvider": shown(one.but(modified=call.now))}


@cognito.op(resource=by_id)
def delete_identity_provider(call: Call, req: t.DeleteIdentityProviderRequest) -> None:
    one = find(call, req["UserPoolId"], req["ProviderName"])
    call.sql("DELETE FROM cognito_link WHERE pool = ? AND provider = ?", one.pool, one.name)
    call.delete(one)


# -- what may be said about one ---------------------------------------------------------------------------------------------------

def mapped(pool: Pool, kind: str, given: dict[str, str] | None) -> dict[str, str]:
    for name in given or {}:
        if name != "username" and name not in pool.schema:
            raise errors.parameter(f"Invalid user attribute {name} specified in the attribute mapping.")
    return ({} if kind == "SAML" else {"username": SOCIAL.get(kind, "sub")}) | (given or {})


def identified(call: Call, pool: Pool, name: str, given: list[str] | None) -> list[str]:
    for text in given or []:
        if (other := by_identifier(call, pool.id, text)) and other.name != name:
            raise errors.provider_exists(text)
    return list(given or [])


async def settled(kind: str, given: dict[str, str]) -> tuple[dict[str, str], Sealed]:
    """The details, what a provider publishes about itself among them, and the secret apart."""
    for name in NEEDS[kind]:
        if not given.get(name):
            raise errors.parameter(f"{name} is required for the provider type {kind}.")
    details = {k: v for k, v in given.items() if k != "client_secret"}
    if kind == "SAML":
        return await saml(details), Sealed("")
    if kind == "OIDC":
        details = await discovered(details)
    return details, Sealed(given.get("client_secret", ""))


def local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]"))


async def document(url: str, *headers: tuple[str, str]) -> bytes:
    if not (url.startswith("https://") or local(url)):
        raise errors.parameter(f"{url} must use https.")
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            got = await fetch("GET", url, [("Accept", "*/*"), *headers], limit=1 << 20)
    except (Unreachable, TimeoutError):
        raise errors.parameter(f"Unable to contact {url}.") from None
    if got.status != 200:
        raise errors.parameter(f"Unable to contact {url}.")
    return got.body


async def discovered(details: dict[str, str]) -> dict[str, str]:
    if all(details.get(name) for name in ENDPOINTS):
        return details
    issuer = details["oidc_issuer"].rstrip("/")
    try:
        about = json.loads(await document(f"{issuer}/.well-known/openid-configuration"))
        found = {name: str(about[theirs]) for name, theirs in ENDPOINTS.items() if theirs in about}
    except (ValueError, TypeError):
        raise errors.parameter(f"Unable to read the configuration of {issuer}.") from None
    return found | {"attributes_url_add_attributes": "false"} | {k: v for k, v in details.items() if v}


async def saml(details: dict[str, str]) -> dict[str, str]:
    from cloche.languages import saml as language
    if bool(details.get("MetadataFile")) == bool(details.get("MetadataURL")):
        raise errors.parameter("Either MetadataFile or MetadataURL is required for the provider type SAML.")
    text = details.get("MetadataFile") or (await document(details["MetadataURL"])).decode("utf-8", "replace")
    try:
        language.metadata(text.encode())
        place = sign_on(text)
    except language.Invalid as error:
        raise errors.parameter(f"Unable to parse the SAML metadata: {error}") from None
    return details | {"SSORedirectBindingURI": place, "ActiveEncryptionCertificate": ""} | ({"MetadataFile": text} if "MetadataFile" in details else {"Metadata": text})


def sign_on(text: str) -> str:
    """Where browsers are sent; the redirect binding if the provider has it."""
    from cloche.languages import saml as language
    found: dict[str, str] = {}
    for role in language.children(language.parsed(text.encode()), language.METADATA, "IDPSSODescriptor"):
        for one in language.children(role, language.METADATA, "SingleSignOnService"):
            found.setdefault(one.getAttribute("Binding").rpartition(":")[2], one.getAttribute("Location"))
    if not found:
        raise language.Invalid("no SingleSignOnService")
    return found.get("HTTP-Redirect") or next(iter(found.values()))


def metadata_text(one: IdentityProvider) -> str:
    return one.details.get("MetadataFile") or one.details["Metadata"]
