"""Security Hub for an organization: its management account names the administrator, who may take in new accounts by themselves."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call, Record
from cloche.services.organizations import public as organizations

from . import errors, hub
from . import service as securityhub
from .members import PRINCIPAL, Member, enroll

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t


class Administrator(Record, frozen=True):
    """Named once for the whole organization and all Regions."""

    kind = "securityhub.administrator"
    scope = "cloud"

    management: str
    account: str

    @property
    def key(self) -> str:
        return self.management


class Configuration(Record, frozen=True):
    """Of the administrator, in a Region."""

    kind = "securityhub.configuration"

    automatic: bool = False
    standards: bool = True

    @property
    def key(self) -> str:
        return "organization"


def configuration(call: Call) -> Configuration:
    return call.get(Configuration, "organization") or Configuration()


def managing(call: Call) -> str:
    found = organizations.management(call.cloud, call.account)
    if found is None or found[0] != call.account or found[1].features != "ALL":
        raise errors.no_access("The request was rejected because the account is not the management account of an organization with all features.")
    return found[0]


def _classic(req: t.EnableOrganizationAdminAccountRequest | t.DisableOrganizationAdminAccountRequest | t.ListOrganizationAdminAccountsRequest) -> None:
    if req.get("Feature", "SecurityHub") != "SecurityHub":
        raise errors.invalid("Invalid parameter Feature: SecurityHubV2 is not built in Cloche.")


@securityhub.op(hub.arn)
def enable_organization_admin_account(call: Call, req: t.EnableOrganizationAdminAccountRequest) -> t.EnableOrganizationAdminAccountResponse:
    """It becomes a delegated administrator in Organizations; Security Hub is enabled in it, unless it is the management account."""
    _classic(req)
    manager, account = managing(call), req["AdminAccountId"]
    if account not in organizations.members(call.cloud, manager):
        raise errors.invalid(f"Account {account} is not a member of the organization.")
    old = call.get(Administrator, manager)
    if old and old.account != account:
        raise errors.invalid(f"The organization already has the Security Hub administrator account {old.account}.")
    inside = call.as_root()
    inside.do("organizations", "EnableAWSServiceAccess", ServicePrincipal=PRINCIPAL)
    if account != manager and PRINCIPAL not in organizations.members(call.cloud, manager)[account].delegated:
        inside.do("organizations", "RegisterDelegatedAdministrator", AccountId=account, ServicePrincipal=PRINCIPAL)
    call.put(Administrator(manager, account))
    there = call.at(account, call.region)
    if account != manager and there.get(hub.Hub, "default") is None:
        hub.make(there, True)
    return {"AdminAccountId": account, "Feature": "SecurityHub"}


@securityhub.op(hub.arn)
def disable_organization_admin_account(call: Call, req: t.DisableOrganizationAdminAccountRequest) -> t.DisableOrganizationAdminAccountResponse:
    _classic(req)
    manager, account = managing(call), req["AdminAccountId"]
    old = call.get(Administrator, manager)
    if old is None or old.account != account:
        raise errors.invalid(f"The account {account} is not the Security Hub administrator account.")
    call.delete(old)
    for owner, region in call.cloud.store.scopes(Member.kind):
        there = call.at(owner, region)
        for one in there.all(Member) if owner == account else ():
            if one.organization:
                from .members import Invitation
                below = there.at(one.account, region)
                if bond := below.get(Invitation, account):
                    below.delete(bond)
                there.delete(one)
    if account != manager and PRINCIPAL in organizations.members(call.cloud, manager)[account].delegated:
        call.as_root().do("organizations", "DeregisterDelegatedAdministrator", AccountId=account, ServicePrincipal=PRINCIPAL)
    return {}


@securityhub.op(hub.arn)
def list_organization_admin_accounts(call: Call, req: t.ListOrganizationAdminAccountsRequest) -> t.ListOrganizationAdminAccountsResponse:
    _classic(req)
    one = call.get(Administrator, managing(call))
    return {"AdminAccounts": [{"AccountId": one.account, "Status": "ENABLED"}] if one else [], "Feature": "SecurityHub"}


def _required(call: Call) -> None:
    from .members import delegated
    hub.find(call)
    if not delegated(call):
        raise errors.no_access(f"Account {call.account} is not an administrator for this organization")


@securityhub.op(hub.arn)
def describe_organization_configuration(call: Call, req: t.DescribeOrganizationConfigurationRequest) -> t.DescribeOrganizationConfigurationResponse:
    _required(call)
    one = configuration(call)
    return {"AutoEnable": one.automatic, "MemberAccountLimitReached": False, "AutoEnableStandards": "DEFAULT" if one.standards else "NONE", "OrganizationConfiguration": {"ConfigurationType": "LOCAL"}}


@securityhub.op(hub.arn, partly="local configuration; no central configuration policies")
def update_organization_configuration(call: Call, req: t.UpdateOrganizationConfigurationRequest) -> t.UpdateOrganizationConfigurationResponse:
    """New accounts are members from then on, with the default standards or none."""
    _required(call)
    if req.get("OrganizationConfiguration", {}).get("ConfigurationType", "LOCAL") != "LOCAL":
        raise errors.invalid("Invalid parameter OrganizationConfiguration: central configuration is not built in Cloche.")
    call.put(Configuration(req["AutoEnable"], req.get("AutoEnableStandards", "DEFAULT") == "DEFAULT"))
    return {}


@securityhub.on(organizations.Moved)
def moved(call: Call, event: organizations.Moved) -> None:
    """An account that has joined the organization is a member in the Regions whose configuration says so; one that has left is none."""
    named = call.get(Administrator, event.management)
    if named is None:
        return
    found = organizations.members(call.cloud, event.management).get(event.account)
    for owner, region in call.cloud.store.scopes(Configuration.kind):
        there = call.at(owner, region)
        if owner == named.account and found is not None and configuration(there).automatic and there.get(Member, event.account) is None and event.account not in (owner, event.management):
            enroll(there, event.account, found.email, configuration(there).standards)
    if found is None:
        from .members import Invitation
        for owner, region in call.cloud.store.scopes(Member.kind):
            there = call.at(owner, region)
            if owner == named.account and (member := there.get(Member, event.account)) and member.organization:
                there.delete(member)
                below = there.at(event.account, region)
                if bond := below.get(Invitation, owner):
                    below.delete(bond)
