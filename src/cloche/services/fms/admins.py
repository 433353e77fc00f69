"""Who administers: the default administrator, named by the organization's management account (it may be that account itself), and others with a scope of their own.

A scope says over which accounts, units, Regions and types of policy somebody administers; the default administrator's is everything.
"""
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


class Scoped(Record, frozen=True):
    """Another administrator of an organization. `scope` as PutAdminAccount has it."""

    kind = "fms.scoped-admin"
    scope = "cloud"

    management: str
    account: str
    within: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return f"{self.management}/{self.account}"


MOST_ADMINS = 10
WHOLE: dict[str, Any] = {"AccountScope": {"Accounts": [], "AllAccountsEnabled": True, "ExcludeSpecifiedAccounts": False}, "RegionScope": {"Regions": [], "AllRegionsEnabled": True},
                         "OrganizationalUnitScope": {"OrganizationalUnits": [], "AllOrganizationalUnitsEnabled": True, "ExcludeSpecifiedOrganizationalUnits": False},
                         "PolicyTypeScope": {"PolicyTypes": [], "AllPolicyTypesEnabled": True}}


def scoped(call: Call, management: str, account: str) -> Scoped | None:
    return call.get(Scoped, f"{management}/{account}")


def every_scoped(call: Call, management: str) -> list[Scoped]:
    return sorted((one for one in call.all(Scoped) if one.management == management), key=lambda one: one.account)


def reaches(call: Call, one: Scoped, account: str) -> bool:
    """Is the account in the scope: by its number, or by its unit?"""
    by_number, by_unit = one.within["AccountScope"], one.within["OrganizationalUnitScope"]
    named, controls = account in (by_number.get("Accounts") or ()), organizations.controls(call.cloud, account)
    placed = any(unit in (controls.path.split("/") if controls else ()) for unit in by_unit.get("OrganizationalUnits") or ())
    if by_number.get("AllAccountsEnabled") or by_unit.get("AllOrganizationalUnitsEnabled"):
        return True
    if (by_number.get("ExcludeSpecifiedAccounts") and named) or (by_unit.get("ExcludeSpecifiedOrganizationalUnits") and placed):
        return False
    return bool(named or placed or by_number.get("ExcludeSpecifiedAccounts") or by_unit.get("ExcludeSpecifiedOrganizationalUnits"))


def may(call: Call, kind: str) -> None:
    """May this administrator make a policy of the type, in this Region?"""
    found = organizations.management(call.cloud, call.account)
    one = scoped(call, found[0], call.account) if found else None
    if one is None:
        return
    types, regions = one.within["PolicyTypeScope"], one.within["RegionScope"]
    if not types.get("AllPolicyTypesEnabled") and kind not in (types.get("PolicyTypes") or ()):
        raise errors.operation(f"The administrator {call.account} may not manage policies of the type {kind}.")
    if not regions.get("AllRegionsEnabled") and call.region not in (regions.get("Regions") or ()):
        raise errors.operation(f"The administrator {call.account} may not manage policies in the Region {call.region}.")


def of(call: Call) -> Admin | None:
    found = organizations.management(call.cloud, call.account)
    return call.get(Admin, found[0]) if found else None


def required(call: Call, name: str) -> Admin:
    """This account, if it is the administrator."""
    one = of(call)
    if one is None:
        raise errors.not_delegated(call.account)
    if one.account != call.account:
        if scoped(call, one.management, call.account) is None:
            raise errors.not_admin(name)
        return Admin(one.management, call.account)
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
    """Said by the administrator itself. Its policies go with it; what they made stays. The default administrator is the first to come and the last to go."""
    one = required(call, "DisassociateAdminAccount")
    further = scoped(call, one.management, call.account)
    if further is None and every_scoped(call, one.management):
        raise errors.operation("The default administrator cannot be disassociated while the organization has other administrators.")
    from .policies import forget_all
    forget_all(call)
    if one.account != one.management:
        try:
            call.at(one.management, HOME).as_root().do("organizations", "DeregisterDelegatedAdministrator", AccountId=one.account, ServicePrincipal=PRINCIPAL)
        except AwsError as error:
            if error.code != "AccountNotRegisteredException":
                raise
    call.delete(further or one)


@fms.op(resource=ANY)
def list_admin_accounts_for_organization(call: Call, req: t.ListAdminAccountsForOrganizationRequest) -> t.ListAdminAccountsForOrganizationResponse:
    manager, one = managing(call), of(call)
    rows = [{"AdminAccount": one.account, "DefaultAdmin": True, "Status": "ONBOARDING_COMPLETE"}] if one else []
    rows += [{"AdminAccount": each.account, "DefaultAdmin": False, "Status": "ONBOARDING_COMPLETE"} for each in every_scoped(call, manager)]
    found, more = pages.page(rows, req, lambda row: str(row["AdminAccount"]), 100, errors.bad_token)
    return {"AdminAccounts": found, **more}  # type: ignore[typeddict-item]


@fms.op(resource=ANY)
def list_admins_managing_account(call: Call, req: t.ListAdminsManagingAccountRequest) -> t.ListAdminsManagingAccountResponse:
    one = of(call)
    found, more = pages.page([one.account, *(each.account for each in every_scoped(call, one.management) if reaches(call, each, call.account))] if one else [], req, str, 100, errors.bad_token)
    return {"AdminAccounts": found, **more}  # type: ignore[typeddict-item]


@fms.op(resource=ANY)
def get_admin_scope(call: Call, req: t.GetAdminScopeRequest) -> t.GetAdminScopeResponse:
    """Asked by the administrator, by the default one, or by the management account."""
    one, asked = of(call), req["AdminAccount"]
    further = scoped(call, one.management, asked) if one else None
    if one is None or (one.account != asked and further is None):
        raise errors.missing(f"Account {asked} is not a Firewall Manager administrator.")
    if call.account not in (asked, one.account, one.management):
        raise errors.not_admin("GetAdminScope")
    return {"AdminScope": further.within if further else WHOLE, "Status": "ONBOARDING_COMPLETE"}  # type: ignore[typeddict-item]


@fms.op(resource=ANY)
def put_admin_account(call: Call, req: t.PutAdminAccountRequest) -> None:
    """Another administrator, or another scope for one; without a scope, everything."""
    if call.region != HOME:
        raise errors.operation(f"PutAdminAccount is available in {HOME} only.")
    manager, account = managing(call), req["AdminAccount"]
    one = call.get(Admin, manager)
    if one is None:
        raise errors.operation("The organization has no default administrator yet: associate it first.")
    if account not in organizations.members(call.cloud, manager):
        raise errors.invalid(f"Account {account} is not a member of the organization.")
    if account == one.account:
        raise errors.operation(f"The account {account} is the default administrator, whose scope is everything.")
    there = scoped(call, manager, account)
    if there is None and len(every_scoped(call, manager)) + 1 >= MOST_ADMINS:
        raise errors.limit("administrators")
    given: Any = req.get("AdminScope") or {}
    within = {name: {**({key: [] if isinstance(value, list) else False for key, value in whole.items()} if name in given else whole), **given.get(name, {})} for name, whole in WHOLE.items()}
    inside = call.as_root()
    if account != manager and PRINCIPAL not in organizations.members(call.cloud, manager)[account].delegated:
        inside.do("organizations", "RegisterDelegatedAdministrator", AccountId=account, ServicePrincipal=PRINCIPAL)
    linked(call, account)
    call.put(Scoped(manager, account, within))


@fms.op(resource=ANY)
def list_member_accounts(call: Call, req: t.ListMemberAccountsRequest) -> t.ListMemberAccountsResponse:
    one = required(call, "ListMemberAccounts")
    found, more = pages.page(under(call, one.management), req, str, 100, errors.bad_token)
    return {"MemberAccounts": found, **more}  # type: ignore[typeddict-item]


def accounts(call: Call, manager: str) -> list[str]:
    """All that are active, the management account among them."""
    return sorted(one.id for one in organizations.members(call.cloud, manager).values() if one.state == "ACTIVE")


def under(call: Call, manager: str) -> list[str]:
    """Those that this account administers."""
    one = scoped(call, manager, call.account)
    return [account for account in accounts(call, manager) if one is None or reaches(call, one, account)]


def within(call: Call, manager: str, include: dict[str, list[str]], exclude: dict[str, list[str]]) -> list[str]:
    """The accounts a policy is about: those included by number or unit (with all below), or all but the excluded. Where something is included, nothing is excluded."""
    def said(account: str, given: dict[str, list[str]]) -> bool:
        controls = organizations.controls(call.cloud, account)
        above = controls.path.split("/") if controls else []
        return account in (given.get("ACCOUNT") or ()) or any(unit in above for unit in given.get("ORG_UNIT") or ())
    every = under(call, manager)
    if any(include.values()):
        return [one for one in every if said(one, include)]
    return [one for one in every if not said(one, exclude)]
