"""Who administers: one account, named by the organization's management account. It may be that account itself."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record, pages
from cloche.services.organizations import public as organizations

from . import errors
from . import service as fms

if TYPE_CHECKING:
    from cloche.shapes import fms as t

HOME, PRINCIPAL = "us-east-1", "fms.amazonaws.com"
LACKS = "AWS Config is not asked for: resources are looked at directly."


class Admin(Record, frozen=True):
    """Of an organization, by the account that manages it."""

    kind = "fms.admin"
    scope = "cloud"

    management: str
    account: str

    @property
    def key(self) -> str:
        return self.management


def of(call: Call) -> Admin | None:
    found = organizations.management(call.cloud, call.account)
    return call.get(Admin, found[0]) if found else None


def required(call: Call, name: str) -> Admin:
    """This account, if it is the administrator."""
    one = of(call)
    if one is None:
        raise errors.not_delegated(call.account)
    if one.account != call.account:
        raise errors.not_admin(name)
    return one


def managing(call: Call) -> str:
    """This account manages its organization, which has all features."""
    found = organizations.management(call.cloud, call.account)
    if found is None:
        raise errors.no_organization(call.account)
    if found[0] != call.account:
        raise errors.not_management(call.account, found[0])
    if found[1].features != "ALL":
        raise errors.no_organization(call.account)
    return found[0]


@fms.op(resource=ANY, partly=LACKS)
def associate_admin_account(call: Call, req: t.AssociateAdminAccountRequest) -> None:
    """It becomes a delegated administrator in Organizations, and has the service's linked role."""
    if call.region != HOME:
        raise errors.operation(f"AssociateAdminAccount is available in {HOME} only.")
    manager, account = managing(call), req["AdminAccount"]
    if account not in organizations.members(call.cloud, manager):
        raise errors.invalid(f"Account {account} is not a member of the organization.")
    old = call.get(Admin, manager)
    if old is not None and old.account != account:
        raise errors.operation(f"The organization has the administrator {old.account}; it must be disassociated first.")
    inside = call.as_root()
    inside.do("organizations", "EnableAWSServiceAccess", ServicePrincipal=PRINCIPAL)
    if account != manager and PRINCIPAL not in organizations.members(call.cloud, manager)[account].delegated:
        inside.do("organizations", "RegisterDelegatedAdministrator", AccountId=account, ServicePrincipal=PRINCIPAL)
    linked(call, account)
    call.put(Admin(manager, account))


def linked(call: Call, account: str) -> None:
    from cloche.services.iam import public as iam
    iam.ensure_linked(call.of("iam", account), PRINCIPAL)


@fms.op(resource=ANY)
def get_admin_account(call: Call, req: t.GetAdminAccountRequest) -> t.GetAdminAccountResponse:
    """Asked by the management account, or by the administrator."""
    one = of(call)
    if one is None:
        raise errors.missing(f"No default admin could be found for account {call.account}")
    if call.account not in (one.account, one.management):
        raise errors.not_admin("GetAdminAccount")
    return {"AdminAccount": one.account, "RoleStatus": "READY"}


@fms.op(resource=ANY)
def disassociate_admin_account(call: Call, req: t.DisassociateAdminAccountRequest) -> None:
    """Said by the administrator itself. Its policies go with it; what they made stays."""
    one = required(call, "DisassociateAdminAccount")
    from .policies import forget_all
    forget_all(call)
    if one.account != one.management:
        try:
            call.at(one.management, HOME).as_root().do("organizations", "DeregisterDelegatedAdministrator", AccountId=one.account, ServicePrincipal=PRINCIPAL)
        except AwsError as error:
            if error.code != "AccountNotRegisteredException":
                raise
    call.delete(one)


@fms.op(resource=ANY)
def list_admin_accounts_for_organization(call: Call, req: t.ListAdminAccountsForOrganizationRequest) -> t.ListAdminAccountsForOrganizationResponse:
    managing(call)
    one = of(call)
    return {"AdminAccounts": [{"AdminAccount": one.account, "DefaultAdmin": True, "Status": "ONBOARDING_COMPLETE"}] if one else []}


@fms.op(resource=ANY)
def list_admins_managing_account(call: Call, req: t.ListAdminsManagingAccountRequest) -> t.ListAdminsManagingAccountResponse:
    one = of(call)
    return {"AdminAccounts": [one.account] if one else []}


@fms.op(resource=ANY)
def get_admin_scope(call: Call, req: t.GetAdminScopeRequest) -> t.GetAdminScopeResponse:
    """The default administrator's is everything. (Further administrators, PutAdminAccount, are not built.)"""
    one = of(call)
    if one is None or one.account != req["AdminAccount"]:
        raise errors.missing(f"Account {req['AdminAccount']} is not a Firewall Manager administrator.")
    if call.account not in (one.account, one.management):
        raise errors.not_admin("GetAdminScope")
    whole: Any = {"AccountScope": {"Accounts": [], "AllAccountsEnabled": True, "ExcludeSpecifiedAccounts": False}, "RegionScope": {"Regions": [], "AllRegionsEnabled": True},
                  "OrganizationalUnitScope": {"OrganizationalUnits": [], "AllOrganizationalUnitsEnabled": True, "ExcludeSpecifiedOrganizationalUnits": False},
                  "PolicyTypeScope": {"PolicyTypes": [], "AllPolicyTypesEnabled": True}}
    return {"AdminScope": whole, "Status": "ONBOARDING_COMPLETE"}


@fms.op(resource=ANY)
def list_member_accounts(call: Call, req: t.ListMemberAccountsRequest) -> t.ListMemberAccountsResponse:
    one = required(call, "ListMemberAccounts")
    found, more = pages.page(accounts(call, one.management), req, str, 100, errors.bad_token)
    return {"MemberAccounts": found, **more}  # type: ignore[typeddict-item]


def accounts(call: Call, manager: str) -> list[str]:
    """All that are active, the management account among them."""
    return sorted(one.id for one in organizations.members(call.cloud, manager).values() if one.state == "ACTIVE")


def within(call: Call, manager: str, include: dict[str, list[str]], exclude: dict[str, list[str]]) -> list[str]:
    """The accounts a policy is about: those included by number or unit (with all below), or all but the excluded. Where something is included, nothing is excluded."""
    def said(account: str, given: dict[str, list[str]]) -> bool:
        controls = organizations.controls(call.cloud, account)
        above = controls.path.split("/") if controls else []
        return account in (given.get("ACCOUNT") or ()) or any(unit in above for unit in given.get("ORG_UNIT") or ())
    every = accounts(call, manager)
    if any(include.values()):
        return [one for one in every if said(one, include)]
    return [one for one in every if not said(one, exclude)]
