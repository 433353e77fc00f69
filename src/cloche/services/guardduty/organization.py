"""GuardDuty for an organization: its management account names the administrator in each Region, who says which accounts are taken in, and with which features."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.services.organizations import public as organizations

from . import detectors, errors
from . import service as guardduty
from .detectors import OPTIONAL, by_id, find
from .members import Invitation, Member, detector_of, enroll

if TYPE_CHECKING:
    from cloche.shapes import guardduty as t

PRINCIPAL = "guardduty.amazonaws.com"


class Administrator(Record, frozen=True):
    """In the management account, for a Region."""

    kind = "guardduty.administrator"

    account: str

    @property
    def key(self) -> str:
        return "administrator"


class Configuration(Record, frozen=True):
    """Of the administrator, in a Region."""

    kind = "guardduty.organization"

    members: str = "NONE"                              # NEW, ALL, NONE
    features: dict[str, str] = {}                      # feature -> NEW, ALL, NONE

    @property
    def key(self) -> str:
        return "organization"


def configuration(call: Call) -> Configuration:
    return call.get(Configuration, "organization") or Configuration()


def delegated(call: Call) -> bool:
    found = organizations.management(call.cloud, call.account)
    named = call.at(found[0], call.region).get(Administrator, "administrator") if found else None
    return named is not None and named.account == call.account


def managing(call: Call) -> str:
    found = organizations.management(call.cloud, call.account)
    if found is None or found[0] != call.account or found[1].features != "ALL":
        raise errors.bad("The request failed because the caller is not the management account of an organization with all features.")
    return found[0]


@guardduty.op(ANY)
def enable_organization_admin_account(call: Call, req: t.EnableOrganizationAdminAccountRequest) -> t.EnableOrganizationAdminAccountResponse:
    """It becomes a delegated administrator in Organizations, and has a detector here."""
    manager, account = managing(call), req["AdminAccountId"]
    if account not in organizations.members(call.cloud, manager):
        raise errors.bad("The request failed because the given account is not a member of the organization.")
    old = call.get(Administrator, "administrator")
    if old is not None:
        raise errors.bad("The request failed because another account is already enabled as GuardDuty delegated administrator for the organization."
                         if old.account != account else "The request failed because the account is already enabled as the GuardDuty delegated administrator for the organization.")
    inside = call.as_root()
    inside.do("organizations", "EnableAWSServiceAccess", ServicePrincipal=PRINCIPAL)
    if account != manager and PRINCIPAL not in organizations.members(call.cloud, manager)[account].delegated:
        inside.do("organizations", "RegisterDelegatedAdministrator", AccountId=account, ServicePrincipal=PRINCIPAL)
    call.put(Administrator(account))
    there = call.at(account, call.region)
    if detector_of(there) is None:
        detectors.make(there, {"Enable": True})
    return {}


@guardduty.op(ANY)
def disable_organization_admin_account(call: Call, req: t.DisableOrganizationAdminAccountRequest) -> t.DisableOrganizationAdminAccountResponse:
    manager, account = managing(call), req["AdminAccountId"]
    old = call.get(Administrator, "administrator")
    if old is None or old.account != account:
        raise errors.bad("The request failed because the given account is not the GuardDuty delegated administrator of the organization.")
    call.delete(old)
    there = call.at(account, call.region)
    for one in there.all(Member):
        if one.organization:
            _let_go(there, one)
    named = any(call.at(manager, region).all(Administrator) for owner, region in call.cloud.store.scopes(Administrator.kind) if owner == manager)
    if not named and account != manager:
        call.as_root().do("organizations", "DeregisterDelegatedAdministrator", AccountId=account, ServicePrincipal=PRINCIPAL)
    return {}


def _let_go(there: Call, one: Member) -> None:
    below = there.at(one.account, there.region)
    if bond := below.get(Invitation, there.account):
        below.delete(bond)
    there.delete(one)


@guardduty.op(ANY)
def list_organization_admin_accounts(call: Call, req: t.ListOrganizationAdminAccountsRequest) -> t.ListOrganizationAdminAccountsResponse:
    managing(call)
    return {"AdminAccounts": [{"AdminAccountId": one.account, "AdminStatus": "ENABLED"} for one in call.all(Administrator)]}


def _required(call: Call, req: Any) -> None:
    find(call, req["DetectorId"])
    if not delegated(call):
        raise errors.bad("The request failed because the current account is not the GuardDuty delegated administrator for the organization.")


@guardduty.op(by_id)
def describe_organization_configuration(call: Call, req: t.DescribeOrganizationConfigurationRequest) -> t.DescribeOrganizationConfigurationResponse:
    _required(call, req)
    one = configuration(call)
    on = {name: one.features.get(name, "NONE") for name in OPTIONAL}
    return {"AutoEnable": one.members in ("NEW", "ALL"), "MemberAccountLimitReached": False, "AutoEnableOrganizationMembers": one.members,  # type: ignore[typeddict-item]
            "DataSources": {"S3Logs": {"AutoEnable": on["S3_DATA_EVENTS"] != "NONE"}, "Kubernetes": {"AuditLogs": {"AutoEnable": on["EKS_AUDIT_LOGS"] != "NONE"}},
                            "MalwareProtection": {"ScanEc2InstanceWithFindings": {"EbsVolumes": {"AutoEnable": on["EBS_MALWARE_PROTECTION"] != "NONE"}}}},
            "Features": [{"Name": name, "AutoEnable": mode} for name, mode in on.items()]}


@guardduty.op(by_id)
def update_organization_configuration(call: Call, req: t.UpdateOrganizationConfigurationRequest) -> t.UpdateOrganizationConfigurationResponse:
    """ALL takes in at once whom the organization has; NEW those that come from now on."""
    _required(call, req)
    if ("AutoEnable" in req) == ("AutoEnableOrganizationMembers" in req):
        raise errors.bad("The request is rejected because one of the parameters autoEnable and autoEnableOrganizationMembers, and only one, must be given.")
    old = configuration(call)
    members = req.get("AutoEnableOrganizationMembers") or ("NEW" if req["AutoEnable"] else "NONE")
    features = dict(old.features)
    for one in req.get("Features") or ():
        features[one["Name"]] = one["AutoEnable"]
    if "S3Logs" in (sources := req.get("DataSources") or {}):
        features["S3_DATA_EVENTS"] = "NEW" if sources["S3Logs"]["AutoEnable"] else "NONE"
    call.put(Configuration(members, features))
    found = organizations.management(call.cloud, call.account)
    assert found is not None
    every = organizations.members(call.cloud, found[0])
    for account, one in list(every.items()) if members == "ALL" else ():
        bond = call.get(Member, account)
        if account != call.account and not (bond and bond.status == "Enabled") and one.state == "ACTIVE":
            enroll(call, account, one.email)
    for account in [one.account for one in call.all(Member) if one.organization]:
        there = call.at(account, call.region)
        detector = detector_of(there)
        wanted = {name: True for name, mode in features.items() if mode == "ALL"}
        if detector and wanted:
            there.put(detector.but(features=detector.features | wanted, changed=call.now))
    return {}


@guardduty.on(organizations.Moved)
def moved(call: Call, event: organizations.Moved) -> None:
    """Who joins is a member where the administrator wants new ones; who leaves is none."""
    found = organizations.members(call.cloud, event.management).get(event.account)
    for owner, region in call.cloud.store.scopes(Administrator.kind):
        named = call.at(owner, region).get(Administrator, "administrator") if owner == event.management else None
        if named is None:
            continue
        there = call.at(named.account, region)
        bond = there.get(Member, event.account)
        if found is None:
            if bond and bond.organization:
                _let_go(there, bond)
        elif bond is None and configuration(there).members in ("NEW", "ALL") and event.account not in (named.account, event.management):
            enroll(there, event.account, found.email)
