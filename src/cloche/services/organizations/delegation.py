"""Trusted services, and the members that administer them for the whole organization."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, pages
from . import service as organizations
from .accounts import view
from .records import Account, Organization, about, account, managing, reading

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com")


def principal(req: Any) -> str:
    name = req["ServicePrincipal"]
    if not _SERVICE.fullmatch(name):
        raise errors.unknown_service()
    return str(name)


def _needs_all(organization: Organization) -> None:
    if organization.features != "ALL":
        raise errors.needs_all_features()


@organizations.op(needs=about())
def enable_aws_service_access(call: Call, req: t.EnableAWSServiceAccessRequest) -> None:
    there, organization = managing(call)
    _needs_all(organization)
    there.put(organization.but(services={principal(req): call.now} | organization.services))


@organizations.op(needs=about())
def disable_aws_service_access(call: Call, req: t.DisableAWSServiceAccessRequest) -> None:
    there, organization = managing(call)
    name = principal(req)
    if any(name in one.delegated for one in there.all(Account)):
        raise errors.delegates_exist()
    there.put(organization.but(services={k: v for k, v in organization.services.items() if k != name}))


@organizations.op(needs=about())
def list_aws_service_access_for_organization(call: Call, req: t.ListAWSServiceAccessForOrganizationRequest) -> t.ListAWSServiceAccessForOrganizationResponse:
    _, organization = reading(call)
    shown, more = pages.page(req, organization.services.items(), key=lambda pair: pair[0])
    return {"EnabledServicePrincipals": [{"ServicePrincipal": name, "DateEnabled": since} for name, since in shown], **more}  # type: ignore[typeddict-item]


@organizations.op(needs=about("AccountId"))
def register_delegated_administrator(call: Call, req: t.RegisterDelegatedAdministratorRequest) -> None:
    there, organization = managing(call)
    _needs_all(organization)
    one, name = account(there, req["AccountId"]), principal(req)
    if one.id == organization.management:
        raise errors.management_cannot_delegate()
    if one.state != "ACTIVE":
        raise errors.suspended_cannot_delegate()
    if name not in organization.services:
        raise errors.access_not_enabled()
    if name in one.delegated:
        raise errors.delegated_already()
    there.put(one.but(delegated=one.delegated | {name: call.now}))


@organizations.op(needs=about("AccountId"))
def deregister_delegated_administrator(call: Call, req: t.DeregisterDelegatedAdministratorRequest) -> None:
    there, _ = managing(call)
    one, name = account(there, req["AccountId"]), principal(req)
    if name not in one.delegated:
        raise errors.not_delegated()
    there.put(one.but(delegated={k: v for k, v in one.delegated.items() if k != name}))


@organizations.op(needs=about())
def list_delegated_administrators(call: Call, req: t.ListDelegatedAdministratorsRequest) -> t.ListDelegatedAdministratorsResponse:
    there, organization = reading(call)
    name = req.get("ServicePrincipal")
    shown, more = pages.page(req, (one for one in there.all(Account) if (name in one.delegated if name else one.delegated)), key=lambda one: one.id)
    found = []
    for one in shown:
        told: Any = view(there, organization, one)
        del told["Paths"]
        found.append(told | {"DelegationEnabledDate": min(one.delegated.values())})
    return {"DelegatedAdministrators": found, **more}  # type: ignore[typeddict-item]


@organizations.op(needs=about("AccountId"))
def list_delegated_services_for_account(call: Call, req: t.ListDelegatedServicesForAccountRequest) -> t.ListDelegatedServicesForAccountResponse:
    there, _ = reading(call)
    one = account(there, req["AccountId"])
    if not one.delegated:
        raise errors.not_delegated()
    shown, more = pages.page(req, one.delegated.items(), key=lambda pair: pair[0])
    return {"DelegatedServices": [{"ServicePrincipal": name, "DelegationEnabledDate": since} for name, since in shown], **more}  # type: ignore[typeddict-item]
