"""SAML identity providers: the metadata document of each, whose certificates verify what it signs."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record

from . import errors, providers, tags
from . import service as iam
from .names import moment

if TYPE_CHECKING:
    from cloche.languages import saml
    from cloche.shapes import iam as t


class SamlProvider(Record, frozen=True):
    kind = "iam.saml"
    scope = "account"

    name: str
    document: str
    created: float
    valid_until: float
    uuid: str
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def arn(call: Call, name: str) -> str:
    return call.arn(f"saml-provider/{name}", service="iam", region="")


def by_arn(call: Call, req: Any) -> str:
    return req["SAMLProviderArn"]


def find(call: Call, provider_arn: str) -> SamlProvider:
    return providers.find(call, SamlProvider, "saml-provider", provider_arn, "Manifest")


def checked(document: str) -> saml.Metadata:
    from cloche.languages import saml  # certificates take time and memory to import; few accounts have a provider
    try:
        return saml.metadata(document.encode())
    except saml.Invalid:
        raise errors.invalid("Could not parse metadata") from None


def valid_until(found: saml.Metadata) -> float:
    """The metadata's own end, or that of its last certificate."""
    return found.valid_until or max(one.not_valid_after_utc.timestamp() for one in found.certificates)


@iam.op(resource=lambda call, req: arn(call, req["Name"]), action=tags.action("CreateSAMLProvider", "TagSAMLProvider"), context=tags.request, partly="no encrypted assertions, no context providers")
def create_saml_provider(call: Call, req: t.CreateSAMLProviderRequest) -> t.CreateSAMLProviderResponse:
    name, found = req["Name"], checked(req["SAMLMetadataDocument"])
    if call.get(SamlProvider, name):
        raise AwsError("EntityAlreadyExists", f"SAMLProvider {arn(call, name)} already exists.", 409)
    made = call.put(SamlProvider(name, req["SAMLMetadataDocument"], moment(call), valid_until(found), call.uuid(), tags.given(call, req)))
    answer: t.CreateSAMLProviderResponse = {"SAMLProviderArn": arn(call, name)}
    if made.tags:
        answer["Tags"] = tags.pairs(made.tags)
    return answer


@iam.op(resource=by_arn)
def get_saml_provider(call: Call, req: t.GetSAMLProviderRequest) -> t.GetSAMLProviderResponse:
    found = find(call, req["SAMLProviderArn"])
    return {"SAMLProviderUUID": found.uuid, "SAMLMetadataDocument": found.document, "CreateDate": found.created, "ValidUntil": found.valid_until, "Tags": tags.pairs(found.tags)}


@iam.op(resource=ANY)
def list_saml_providers(call: Call, req: t.ListSAMLProvidersRequest) -> t.ListSAMLProvidersResponse:
    return {"SAMLProviderList": [
        {"Arn": arn(call, one.name), "ValidUntil": one.valid_until, "CreateDate": one.created} for one in sorted(call.all(SamlProvider), key=lambda one: one.name)]}


@iam.op(resource=by_arn, partly="no encrypted assertions, no context providers")
def update_saml_provider(call: Call, req: t.UpdateSAMLProviderRequest) -> t.UpdateSAMLProviderResponse:
    found = find(call, req["SAMLProviderArn"])
    if "SAMLMetadataDocument" in req:
        call.put(found.but(document=req["SAMLMetadataDocument"], valid_until=valid_until(checked(req["SAMLMetadataDocument"]))))
    return {"SAMLProviderArn": req["SAMLProviderArn"]}


@iam.op(resource=by_arn)
def delete_saml_provider(call: Call, req: t.DeleteSAMLProviderRequest) -> None:
    call.delete(find(call, req["SAMLProviderArn"]))


@iam.op(resource=by_arn, context=tags.request)
def tag_saml_provider(call: Call, req: t.TagSAMLProviderRequest) -> None:
    tags.add(call, find(call, req["SAMLProviderArn"]), req)


@iam.op(resource=by_arn, context=tags.request)
def untag_saml_provider(call: Call, req: t.UntagSAMLProviderRequest) -> None:
    tags.remove(call, find(call, req["SAMLProviderArn"]), req)


@iam.op(resource=by_arn)
def list_saml_provider_tags(call: Call, req: t.ListSAMLProviderTagsRequest) -> t.ListSAMLProviderTagsResponse:
    return tags.listed(req, find(call, req["SAMLProviderArn"]).tags)
