"""Applications of one's own: programs outside AWS that know people through Identity Center, and may ask for tokens in their name (trusted identity propagation).

One record holds an application with everything that is put to it: who is assigned, how it may get tokens, who may ask as it, and at whom its tokens may be aimed.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors, instances
from . import service as sso
from .instances import HEX, Instance

if TYPE_CHECKING:
    from cloche.shapes import sso_admin as t

CUSTOM, SAML = "arn:aws:sso::aws:applicationProvider/custom", "arn:aws:sso::aws:applicationProvider/custom-saml"
PROVIDERS = {
    CUSTOM: {"FederationProtocol": "OAUTH", "DisplayData": {"DisplayName": "Custom application", "Description": "An application of the customer's that speaks OAuth 2.0"}},
    SAML: {"FederationProtocol": "SAML", "DisplayData": {"DisplayName": "Custom SAML 2.0 application", "Description": "An application of the customer's that speaks SAML 2.0"}},
}
MOST = 500


class Application(Record, frozen=True):
    """Kept with its instance's owner."""

    kind = "sso.application"

    id: str                                            # apl-...
    instance: str
    owner: str
    name: str
    created: float
    description: str = ""
    status: str = "ENABLED"
    portal: dict[str, Any] = {}
    tags: dict[str, str] = {}
    token: str = ""
    assignment_required: bool = True
    assigned: list[tuple[str, str]] = []               # (USER or GROUP, id)
    actor_policy: dict[str, Any] = {}
    grants: dict[str, dict[str, Any]] = {}
    scopes: dict[str, list[str]] = {}                  # scope -> ARNs of the applications at which it is aimed
    background: str = "DISABLED"

    @property
    def key(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return f"arn:aws:sso::{self.owner}:application/{self.instance}/{self.id}"


def by_arn(call: Call, req: Any) -> str:
    return str(req["ApplicationArn"])


def lookup(call: Call, arn: str) -> tuple[Call, Instance, Application]:
    """The application, its instance, and where both are kept."""
    parts = arn.split("/")
    if len(parts) != 3 or not parts[0].endswith(":application"):
        raise errors.invalid(f"{arn} is not the ARN of an application.")
    there, instance = instances.lookup(call, f"arn:aws:sso:::instance/{parts[1]}")
    found = there.get(Application, parts[2])
    if found is None or found.arn != arn:
        raise errors.not_found("Application", arn)
    return there, instance, found


def find(call: Call, req: Any) -> tuple[Call, Instance, Application]:
    return lookup(call, req["ApplicationArn"])


def view(instance: Instance, one: Application) -> Any:
    found = {"ApplicationArn": one.arn, "ApplicationProviderArn": CUSTOM, "Name": one.name, "ApplicationAccount": one.owner, "InstanceArn": instance.arn, "Status": one.status,
             "IdentityStoreArn": f"arn:aws:identitystore::{instance.owner}:identitystore/{instance.store}", "PortalOptions": one.portal, "CreatedDate": one.created, "CreatedFrom": instance.region}
    return found | ({"Description": one.description} if one.description else {})


def options(given: Any) -> dict[str, Any]:
    found = {"Visibility": "ENABLED"} | (given or {})
    origin = found.get("SignInOptions", {}).get("Origin")
    if origin == "APPLICATION" and not found["SignInOptions"].get("ApplicationUrl"):
        raise errors.invalid("An ApplicationUrl is required where the Origin is APPLICATION.")
    if origin == "IDENTITY_CENTER" and found["SignInOptions"].get("ApplicationUrl"):
        raise errors.invalid("An ApplicationUrl is taken only where the Origin is APPLICATION.")
    return found


@sso.op(resource=lambda call, req: [str(req["InstanceArn"]), str(req["ApplicationProviderArn"])],
        context=lambda call, req: {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in req.get("Tags", [])},
        partly="applications of one's own that speak OAuth; those of SAML and of AWS's catalogue are made on the console, as on AWS")
def create_application(call: Call, req: t.CreateApplicationRequest) -> t.CreateApplicationResponse:
    there, instance = instances.find(call, req)
    if req["ApplicationProviderArn"] != CUSTOM:
        raise errors.invalid("Applications of this provider cannot be created through the API.")
    token = req.get("ClientToken", "")
    known = there.all(Application)
    same = next((one for one in known if token and one.token == token and one.instance == instance.id), None)
    if same is None:
        if any(one.name == req["Name"] and one.instance == instance.id for one in known):
            raise errors.conflict(f"An application with the name {req['Name']} exists already.")
        if len(known) >= MOST:
            raise errors.quota("applications", MOST)
        same = there.put(Application(f"apl-{call.pick(HEX, 16)}", instance.id, instance.owner, req["Name"], call.now, req.get("Description", ""), req.get("Status", "ENABLED"),
                                     options(req.get("PortalOptions")), {tag["Key"]: tag["Value"] for tag in req.get("Tags", [])}, token))
    return {"ApplicationArn": same.arn}


@sso.op(resource=by_arn)
def describe_application(call: Call, req: t.DescribeApplicationRequest) -> t.DescribeApplicationResponse:
    _, instance, one = find(call, req)
    return view(instance, one)  # type: ignore[no-any-return]


@sso.op(resource=instances.by_arn)
def list_applications(call: Call, req: t.ListApplicationsRequest) -> t.ListApplicationsResponse:
    there, instance = instances.find(call, req)
    chosen = req.get("Filter", {})
    those = sorted((one for one in there.all(Application) if one.instance == instance.id and chosen.get("ApplicationAccount", one.owner) == one.owner
                    and chosen.get("ApplicationProvider", CUSTOM) == CUSTOM), key=lambda one: one.id)
    found, more = pages.page(those, req, lambda one: one.id, 100, errors.bad_token)
    return {"Applications": [view(instance, one) for one in found], **more}


@sso.op(resource=by_arn)
def update_application(call: Call, req: t.UpdateApplicationRequest) -> Any:
    there, _, one = find(call, req)
    if "Name" in req and any(other.name == req["Name"] and other.instance == one.instance and other.id != one.id for other in there.all(Application)):
        raise errors.conflict(f"An application with the name {req['Name']} exists already.")
    portal = one.portal | ({"SignInOptions": req["PortalOptions"]["SignInOptions"]} if req.get("PortalOptions", {}).get("SignInOptions") else {})
    there.put(one.but(name=req.get("Name", one.name), description=req.get("Description", one.description), status=req.get("Status", one.status), portal=options(portal)))
    return {}


@sso.op(resource=by_arn)
def delete_application(call: Call, req: t.DeleteApplicationRequest) -> Any:
    there, _, one = find(call, req)
    there.delete(one)
    return {}


def provider(arn: str) -> Any:
    return {"ApplicationProviderArn": arn, **PROVIDERS[arn]}


@sso.op(resource=lambda call, req: str(req["ApplicationProviderArn"]))
def describe_application_provider(call: Call, req: t.DescribeApplicationProviderRequest) -> t.DescribeApplicationProviderResponse:
    if req["ApplicationProviderArn"] not in PROVIDERS:
        raise errors.not_found("ApplicationProvider", req["ApplicationProviderArn"])
    return provider(req["ApplicationProviderArn"])  # type: ignore[no-any-return]


@sso.op(resource=ANY, partly="the two kinds of applications of one's own; AWS's catalogue is not there")
def list_application_providers(call: Call, req: t.ListApplicationProvidersRequest) -> t.ListApplicationProvidersResponse:
    found, more = pages.page(sorted(PROVIDERS), req, str, 100, errors.bad_token)
    return {"ApplicationProviders": [provider(arn) for arn in found], **more}
