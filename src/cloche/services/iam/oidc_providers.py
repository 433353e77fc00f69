"""OpenID Connect providers: an issuer, the audiences it may name, and the thumbprints of its certificate."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cloche.kernel import ANY, Call, Record

from . import errors, providers, tags
from . import service as iam
from .names import moment

if TYPE_CHECKING:
    from cloche.shapes import iam as t

MOST_CLIENTS, MOST_THUMBPRINTS = 100, 5


class OidcProvider(Record, frozen=True):
    kind = "iam.oidc"
    scope = "account"

    url: str                                           # without https://
    created: float
    clients: list[str] = []
    thumbprints: list[str] = []
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.url


def arn(call: Call, url: str) -> str:
    return call.arn(f"oidc-provider/{url}", service="iam", region="")


def bare(url: str) -> str:
    return url.removeprefix("https://").rstrip("/")


def by_arn(call: Call, req: Any) -> str:
    return req["OpenIDConnectProviderArn"]


def find(call: Call, provider_arn: str) -> OidcProvider:
    return providers.find(call, OidcProvider, "oidc-provider", provider_arn, "OpenIDConnect Provider")


@iam.op(resource=lambda call, req: arn(call, bare(req["Url"])), action=tags.action("CreateOpenIDConnectProvider", "TagOpenIDConnectProvider"), context=tags.request, partly="a missing thumbprint is not fetched from the issuer; no context providers")
def create_open_id_connect_provider(call: Call, req: t.CreateOpenIDConnectProviderRequest) -> t.CreateOpenIDConnectProviderResponse:
    parts = urlsplit(req["Url"])
    if parts.scheme != "https" or not parts.hostname or parts.query:
        raise errors.validation("Invalid Open ID Connect Provider URL")
    url, thumbprints = bare(req["Url"]), req.get("ThumbprintList", [])
    if call.get(OidcProvider, url):
        raise errors.provider_exists(req["Url"])
    if len(thumbprints) > MOST_THUMBPRINTS:
        raise errors.invalid("Thumbprint list must contain fewer than 5 entries.")
    if len(req.get("ClientIDList", [])) > MOST_CLIENTS:
        raise errors.too_many("ClientIdsPerOpenIdConnectProvider", MOST_CLIENTS)
    made = call.put(OidcProvider(url, moment(call), list(dict.fromkeys(req.get("ClientIDList", []))), thumbprints, tags.given(call, req)))
    answer: t.CreateOpenIDConnectProviderResponse = {"OpenIDConnectProviderArn": arn(call, url)}
    if made.tags:
        answer["Tags"] = tags.pairs(made.tags)
    return answer


@iam.op(resource=by_arn)
def get_open_id_connect_provider(call: Call, req: t.GetOpenIDConnectProviderRequest) -> t.GetOpenIDConnectProviderResponse:
    found = find(call, req["OpenIDConnectProviderArn"])
    return {"Url": found.url, "ClientIDList": found.clients, "ThumbprintList": found.thumbprints, "CreateDate": found.created, "Tags": tags.pairs(found.tags)}


@iam.op(resource=ANY)
def list_open_id_connect_providers(call: Call, req: t.ListOpenIDConnectProvidersRequest) -> t.ListOpenIDConnectProvidersResponse:
    return {"OpenIDConnectProviderList": [{"Arn": arn(call, one.url)} for one in sorted(call.all(OidcProvider), key=lambda one: one.url)]}


@iam.op(resource=by_arn)
def update_open_id_connect_provider_thumbprint(call: Call, req: t.UpdateOpenIDConnectProviderThumbprintRequest) -> None:
    found = find(call, req["OpenIDConnectProviderArn"])
    if len(req["ThumbprintList"]) > MOST_THUMBPRINTS:
        raise errors.invalid("Thumbprint list must contain fewer than 5 entries.")
    call.put(found.but(thumbprints=req["ThumbprintList"]))


@iam.op(resource=by_arn)
def add_client_id_to_open_id_connect_provider(call: Call, req: t.AddClientIDToOpenIDConnectProviderRequest) -> None:
    found = find(call, req["OpenIDConnectProviderArn"])
    if req["ClientID"] not in found.clients:
        if len(found.clients) >= MOST_CLIENTS:
            raise errors.too_many("ClientIdsPerOpenIdConnectProvider", MOST_CLIENTS)
        call.put(found.but(clients=[*found.clients, req["ClientID"]]))


@iam.op(resource=by_arn)
def remove_client_id_from_open_id_connect_provider(call: Call, req: t.RemoveClientIDFromOpenIDConnectProviderRequest) -> None:
    found = find(call, req["OpenIDConnectProviderArn"])
    call.put(found.but(clients=[one for one in found.clients if one != req["ClientID"]]))


@iam.op(resource=by_arn)
def delete_open_id_connect_provider(call: Call, req: t.DeleteOpenIDConnectProviderRequest) -> None:
    call.delete(find(call, req["OpenIDConnectProviderArn"]))


@iam.op(resource=by_arn, context=tags.request)
def tag_open_id_connect_provider(call: Call, req: t.TagOpenIDConnectProviderRequest) -> None:
    tags.add(call, find(call, req["OpenIDConnectProviderArn"]), req)


@iam.op(resource=by_arn, context=tags.request)
def untag_open_id_connect_provider(call: Call, req: t.UntagOpenIDConnectProviderRequest) -> None:
    tags.remove(call, find(call, req["OpenIDConnectProviderArn"]), req)


@iam.op(resource=by_arn)
def list_open_id_connect_provider_tags(call: Call, req: t.ListOpenIDConnectProviderTagsRequest) -> t.ListOpenIDConnectProviderTagsResponse:
    return tags.listed(req, find(call, req["OpenIDConnectProviderArn"]).tags)
