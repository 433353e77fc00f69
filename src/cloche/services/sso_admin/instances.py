"""Instances. An organization has one, in the region in which its management account asked first; an account outside of it, or a member, may make an account instance.

The organization's instance is enabled on AWS's console, for which there is no API: here the management account's first ListInstances enables it. An account
instance knows people, and no permission sets.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages
from cloche.services.identitystore import public as identities
from cloche.services.organizations import public as organizations

from . import errors
from . import service as sso

if TYPE_CHECKING:
    from cloche.shapes import sso_admin as t

PRINCIPAL = "sso.amazonaws.com"
HEX = "0123456789abcdef"


class Instance(Record, frozen=True):
    kind = "sso.instance"
    scope = "cloud"

    id: str                                            # ssoins-...
    owner: str
    region: str
    store: str                                         # d-...
    created: float
    of_organization: bool = False
    name: str = ""
    tags: dict[str, str] = {}
    attributes: list[dict[str, Any]] | None = None     # for access control: what of a user becomes a session's tags

    @property
    def key(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return f"arn:aws:sso:::instance/{self.id}"


class Place(Record, frozen=True):
    """Which instance an owner has: an organization's by its management account, an account's by account and region."""

    kind = "sso.place"
    scope = "cloud"

    owner: str
    id: str

    @property
    def key(self) -> str:
        return self.owner


def lookup(call: Call, arn: str) -> tuple[Call, Instance]:
    """The instance and where its things are kept, for its owner and for who administers it."""
    found = call.get(Instance, arn.rpartition("/")[2])
    if found is None or found.region != call.region:
        raise errors.not_found("Instance", arn)
    if found.owner != call.account and not (found.of_organization and organizations.administers(call.cloud, call.account, PRINCIPAL) == found.owner):
        raise errors.denied()
    return call.at(found.owner, found.region), found


def find(call: Call, req: Any) -> tuple[Call, Instance]:
    return lookup(call, req["InstanceArn"])


def of_organization(call: Call, req: Any) -> tuple[Call, Instance]:
    """For what only an organization's instance has: permission sets and assignments."""
    there, found = find(call, req)
    if not found.of_organization:
        raise errors.account_instance()
    return there, found


def by_arn(call: Call, req: Any) -> str:
    return str(req["InstanceArn"])


def make(call: Call, of_organization: bool, name: str = "", tags: dict[str, str] | None = None) -> Instance:
    store = f"d-{call.pick(HEX, 10)}"
    found = call.put(Instance(f"ssoins-{call.pick(HEX, 16)}", call.account, call.region, store, call.now, of_organization, name, tags or {}))
    call.put(Place(call.account if of_organization else f"{call.account}/{call.region}", found.id))
    identities.found(call.of("identitystore"), store)
    return found


def visible(call: Call) -> list[Instance]:
    """The instances an account sees in this region: its organization's, and its own."""
    found: list[Instance] = []
    above = organizations.management(call.cloud, call.account)
    for owner in ([above[0]] if above else []) + [f"{call.account}/{call.region}"]:
        place = call.get(Place, owner)
        one = call.get(Instance, place.id) if place else None
        if one is not None and one.region == call.region:
            found.append(one)
    return found


def view(instance: Instance) -> Any:
    found = {"InstanceArn": instance.arn, "IdentityStoreId": instance.store, "OwnerAccountId": instance.owner, "CreatedDate": instance.created, "Status": "ACTIVE",
             "IdentityStoreArn": f"arn:aws:identitystore::{instance.owner}:identitystore/{instance.store}", "PrimaryRegion": instance.region}
    return found | ({"Name": instance.name} if instance.name else {})


@sso.op(resource=lambda call, req: "arn:aws:sso:::instance/*")
def create_instance(call: Call, req: t.CreateInstanceRequest) -> t.CreateInstanceResponse:
    above = organizations.management(call.cloud, call.account)
    if above is not None and above[0] == call.account:
        raise errors.in_management()
    if call.get(Place, f"{call.account}/{call.region}"):
        raise errors.conflict("An account instance exists in this account already.")
    return {"InstanceArn": make(call, False, req.get("Name", ""), {tag["Key"]: tag["Value"] for tag in req.get("Tags", [])}).arn}


@sso.op(resource=by_arn)
def describe_instance(call: Call, req: t.DescribeInstanceRequest) -> t.DescribeInstanceResponse:
    found = call.get(Instance, req["InstanceArn"].rpartition("/")[2])
    if found is None or found not in visible(call):
        raise errors.not_found("Instance", req["InstanceArn"])
    return view(found) | {"EncryptionConfigurationDetails": {"KeyType": "AWS_OWNED_KMS_KEY", "EncryptionStatus": "ENABLED"}, "PermissionSetsEnabled": found.of_organization}  # type: ignore[no-any-return]


@sso.op(resource=ANY)
def list_instances(call: Call, req: t.ListInstancesRequest) -> t.ListInstancesResponse:
    above = organizations.management(call.cloud, call.account)
    if above is not None and above[0] == call.account and above[1].features == "ALL" and call.get(Place, call.account) is None:
        make(call, True)
    found, more = pages.page(sorted(visible(call), key=lambda one: one.id), req, lambda one: one.id, 100, errors.bad_token)
    return {"Instances": [view(one) for one in found], **more}


@sso.op(resource=by_arn, partly="only the name; keys of customers and network rules are refused")
def update_instance(call: Call, req: t.UpdateInstanceRequest) -> t.UpdateInstanceResponse:
    _, found = find(call, req)
    if req.keys() - {"InstanceArn", "Name"}:
        raise errors.invalid("Cloche changes nothing of an instance but its name.")
    call.put(found.but(name=req.get("Name", found.name)))
    return {}


@sso.op(resource=by_arn)
def delete_instance(call: Call, req: t.DeleteInstanceRequest) -> t.DeleteInstanceResponse:
    there, found = find(call, req)
    if found.of_organization:
        raise errors.invalid("The instance of an organization can not be deleted through the API.")
    from .applications import Application
    from .token_issuers import Issuer
    for one in (*there.all(Application), *there.all(Issuer)):
        if one.instance == found.id:
            there.delete(one)
    identities.remove(there.of("identitystore"), found.store)
    call.delete(Place(f"{found.owner}/{found.region}", found.id))
    call.delete(found)
    return {}


# -- attributes for access control ----------------------------------------------------------------------------------------

@sso.op(resource=by_arn)
def create_instance_access_control_attribute_configuration(
    call: Call, req: t.CreateInstanceAccessControlAttributeConfigurationRequest,
) -> t.CreateInstanceAccessControlAttributeConfigurationResponse:
    _, found = of_organization(call, req)
    if found.attributes is not None:
        raise errors.conflict("The instance has attributes for access control already.")
    call.put(found.but(attributes=configured(req)))
    return {}


def configured(req: Any) -> list[dict[str, Any]]:
    given = req["InstanceAccessControlAttributeConfiguration"]["AccessControlAttributes"]
    if len({one["Key"] for one in given}) < len(given):
        raise errors.invalid("Keys of attributes must be unique.")
    return given  # type: ignore[no-any-return]


@sso.op(resource=by_arn)
def describe_instance_access_control_attribute_configuration(
    call: Call, req: t.DescribeInstanceAccessControlAttributeConfigurationRequest,
) -> t.DescribeInstanceAccessControlAttributeConfigurationResponse:
    _, found = of_organization(call, req)
    if found.attributes is None:
        raise errors.not_found("InstanceAccessControlAttributeConfiguration", found.arn)
    return {"Status": "ENABLED", "InstanceAccessControlAttributeConfiguration": {"AccessControlAttributes": found.attributes}}  # type: ignore[typeddict-item]


@sso.op(resource=by_arn)
def update_instance_access_control_attribute_configuration(
    call: Call, req: t.UpdateInstanceAccessControlAttributeConfigurationRequest,
) -> t.UpdateInstanceAccessControlAttributeConfigurationResponse:
    _, found = of_organization(call, req)
    if found.attributes is None:
        raise errors.not_found("InstanceAccessControlAttributeConfiguration", found.arn)
    call.put(found.but(attributes=configured(req)))
    return {}


@sso.op(resource=by_arn)
def delete_instance_access_control_attribute_configuration(
    call: Call, req: t.DeleteInstanceAccessControlAttributeConfigurationRequest,
) -> t.DeleteInstanceAccessControlAttributeConfigurationResponse:
    _, found = of_organization(call, req)
    if found.attributes is None:
        raise errors.not_found("InstanceAccessControlAttributeConfiguration", found.arn)
    call.put(found.but(attributes=None))
    return {}
