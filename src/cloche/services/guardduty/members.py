"""An administrator and its member accounts: by invitation, or of one organization without. The administrator sees the members' findings, and hears of them."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages
from cloche.services.organizations import public as organizations

from . import detectors, errors, network
from . import service as guardduty
from .detectors import Detector, by_id, find, stamp

if TYPE_CHECKING:
    from cloche.shapes import guardduty as t

MOST = 5000
BOUND = ("Enabled", "Disabled")                        # associated; Disabled: monitoring is stopped


class Member(Record, frozen=True):
    """In the administrator's account."""

    kind = "guardduty.member"

    account: str
    email: str
    status: str                                        # Created, Invited, Enabled, Disabled, Removed, Resigned
    updated: float
    invited: float = 0.0
    organization: bool = False

    @property
    def key(self) -> str:
        return self.account


class Invitation(Record, frozen=True):
    """In the member's account: from whom, and whether it was accepted."""

    kind = "guardduty.invitation"

    administrator: str
    id: str
    status: str                                        # Invited, Enabled
    when: float
    organization: bool = False

    @property
    def key(self) -> str:
        return self.administrator


def associated(call: Call) -> list[str]:
    return sorted(one.account for one in call.all(Member) if one.status in BOUND)


def places(call: Call) -> list[tuple[Call, Detector]]:
    """The account itself and its members, each with its detector."""
    every = [call, *(call.at(account, call.region) for account in associated(call))]
    return [(there, one) for there in every for one in there.all(Detector)]


def administrator(call: Call) -> Invitation | None:
    return next((one for one in call.all(Invitation) if one.status == "Enabled"), None)


def detector_of(call: Call) -> Detector | None:
    return next(iter(call.all(Detector)), None)


def enroll(call: Call, account: str, email: str) -> None:
    """An account of the organization becomes a member without being asked, and has a detector that looks. `call` stands in the administrator's."""
    from .organization import configuration
    there = call.at(account, call.region)
    one = detector_of(there) or detectors.make(there, {"Enable": True, "Features": [{"Name": name, "Status": "ENABLED" if mode in ("NEW", "ALL") else "DISABLED"}
                                                                                    for name, mode in configuration(call).features.items()]})
    if not one.enabled:
        there.put(one.but(enabled=True, changed=call.now))
        network.look(there, True)
    for old in there.all(Invitation):
        there.delete(old)
    there.put(Invitation(call.account, call.id(digits=32), "Enabled", call.now, True))
    call.put(Member(account, email, "Enabled", call.now, call.now, True))


def _lost(account: str, why: str) -> Any:
    return {"AccountId": account, "Result": why}


NOT_A_MEMBER = "The request is rejected because the given account ID is not an associated member of account the current account."


@guardduty.op(by_id)
def create_members(call: Call, req: t.CreateMembersRequest) -> t.CreateMembersResponse:
    from .organization import delegated
    find(call, req["DetectorId"])
    if administrator(call):
        raise errors.bad("The request is rejected because the current account is already a member of another GuardDuty administrator account.")
    within, lost = organizations.management(call.cloud, call.account), []
    for asked in req["AccountDetails"]:
        account, old = asked["AccountId"], call.get(Member, asked["AccountId"])
        if account == call.account:
            lost.append(_lost(account, "The request is rejected because an account cannot be a member of itself."))
        elif old and old.status in ("Created", "Invited", *BOUND):
            lost.append(_lost(account, "The request is rejected because the given account ID is already a member of the current account."))
        elif delegated(call) and within and account in organizations.members(call.cloud, within[0]):
            enroll(call, account, asked["Email"])
        elif len(call.all(Member)) >= MOST:
            lost.append(_lost(account, "The request is rejected because the maximum number of members has been reached."))
        else:
            call.put(Member(account, asked["Email"], "Created", call.now))
    return {"UnprocessedAccounts": lost}


def _each(call: Call, req: Any) -> tuple[list[Member], list[Any]]:
    find(call, req["DetectorId"])
    found = [call.get(Member, account) for account in req["AccountIds"]]
    return [one for one in found if one], [_lost(account, NOT_A_MEMBER) for account, one in zip(req["AccountIds"], found, strict=True) if one is None]


def view(call: Call, one: Member) -> Any:
    there = detector_of(call.at(one.account, call.region))
    return {"AccountId": one.account, "MasterId": call.account, "AdministratorId": call.account, "Email": one.email, "RelationshipStatus": one.status, "UpdatedAt": stamp(one.updated),
            **({"InvitedAt": stamp(one.invited)} if one.invited else {}), **({"DetectorId": there.id} if there and one.status in BOUND else {})}


@guardduty.op(by_id)
def get_members(call: Call, req: t.GetMembersRequest) -> t.GetMembersResponse:
    found, lost = _each(call, req)
    return {"Members": [view(call, one) for one in found], "UnprocessedAccounts": lost}


@guardduty.op(by_id)
def list_members(call: Call, req: t.ListMembersRequest) -> t.ListMembersResponse:
    find(call, req["DetectorId"])
    only = str(req.get("OnlyAssociated", "true")).lower() == "true"
    those = [one for one in sorted(call.all(Member), key=lambda one: one.account) if not only or one.status in ("Invited", *BOUND)]
    found, more = pages.page(those, req, lambda one: one.account, 50, errors.bad_token)
    return {"Members": [view(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@guardduty.op(by_id)
def invite_members(call: Call, req: t.InviteMembersRequest) -> t.InviteMembersResponse:
    from cloche.kernel import mail
    found, lost = _each(call, req)
    for one in found:
        if one.status in BOUND:
            continue
        call.at(one.account, call.region).put(Invitation(call.account, call.id(digits=32), "Invited", call.now))
        call.put(one.but(status="Invited", invited=call.now, updated=call.now))
        if not req.get("DisableEmailNotification"):
            mail.post(call, "EMAIL", one.email, "Amazon GuardDuty invitation", req.get("Message") or f"The account {call.account} invites you to share your GuardDuty findings.")
    return {"UnprocessedAccounts": lost}


def _part(call: Call, one: Member) -> None:
    there = call.at(one.account, call.region)
    if bond := there.get(Invitation, call.account):
        there.delete(bond)


@guardduty.op(by_id)
def disassociate_members(call: Call, req: t.DisassociateMembersRequest) -> t.DisassociateMembersResponse:
    from .organization import configuration, delegated
    found, lost = _each(call, req)
    for one in found:
        if one.organization and delegated(call) and configuration(call).members == "ALL":
            lost.append(_lost(one.account, "The request is rejected because autoEnableOrganizationMembers is ALL: members cannot be disassociated."))
            continue
        _part(call, one)
        call.put(one.but(status="Removed", updated=call.now))
    return {"UnprocessedAccounts": lost}


@guardduty.op(by_id)
def delete_members(call: Call, req: t.DeleteMembersRequest) -> t.DeleteMembersResponse:
    found, lost = _each(call, req)
    for one in found:
        if one.status in BOUND:
            lost.append(_lost(one.account, "The request is rejected because the given account ID is associated: disassociate it first."))
            continue
        _part(call, one)
        call.delete(one)
    return {"UnprocessedAccounts": lost}


def _monitoring(call: Call, req: Any, on: bool) -> list[Any]:
    found, lost = _each(call, req)
    for one in found:
        there = call.at(one.account, call.region)
        detector = detector_of(there)
        if one.status not in BOUND or detector is None:
            lost.append(_lost(one.account, NOT_A_MEMBER))
            continue
        there.put(detector.but(enabled=on, changed=call.now))
        network.look(there, on)
        call.put(one.but(status="Enabled" if on else "Disabled", updated=call.now))
    return lost


@guardduty.op(by_id)
def start_monitoring_members(call: Call, req: t.StartMonitoringMembersRequest) -> t.StartMonitoringMembersResponse:
    return {"UnprocessedAccounts": _monitoring(call, req, True)}


@guardduty.op(by_id)
def stop_monitoring_members(call: Call, req: t.StopMonitoringMembersRequest) -> t.StopMonitoringMembersResponse:
    return {"UnprocessedAccounts": _monitoring(call, req, False)}


@guardduty.op(by_id)
def get_member_detectors(call: Call, req: t.GetMemberDetectorsRequest) -> t.GetMemberDetectorsResponse:
    found, lost = _each(call, req)
    out = []
    for one in found:
        if detector := detector_of(call.at(one.account, call.region)):
            out.append({"AccountId": one.account, **detectors.sources(detector)})
    return {"MemberDataSourceConfigurations": out, "UnprocessedAccounts": lost}  # type: ignore[typeddict-item]


@guardduty.op(by_id)
def update_member_detectors(call: Call, req: t.UpdateMemberDetectorsRequest) -> t.UpdateMemberDetectorsResponse:
    found, lost = _each(call, req)
    for one in found:
        there = call.at(one.account, call.region)
        if detector := detector_of(there):
            there.put(detector.but(features=detectors.asked(req, detector.features), changed=call.now))
    return {"UnprocessedAccounts": lost}


# -- the member's side ---------------------------------------------------------------------------------------------------------

def _accept(call: Call, req: Any, account: str) -> None:
    find(call, req["DetectorId"])
    one = call.get(Invitation, account)
    if one is None or one.id != req["InvitationId"] or one.status != "Invited":
        raise errors.bad("The request is rejected because the current account cannot accept the invitation: there is none of the given ID.")
    if administrator(call) or associated(call):
        raise errors.bad("The request is rejected because the current account already is a member or an administrator account.")
    call.put(one.but(status="Enabled"))
    there = call.at(account, call.region)
    if member := there.get(Member, call.account):
        there.put(member.but(status="Enabled", updated=call.now))


@guardduty.op(by_id)
def accept_administrator_invitation(call: Call, req: t.AcceptAdministratorInvitationRequest) -> None:
    _accept(call, req, req["AdministratorId"])


@guardduty.op(by_id)
def accept_invitation(call: Call, req: t.AcceptInvitationRequest) -> None:
    _accept(call, req, req["MasterId"])


def invitation(one: Invitation) -> Any:
    return {"AccountId": one.administrator, "InvitationId": one.id, "InvitedAt": stamp(one.when), "RelationshipStatus": one.status}


@guardduty.op(ANY)
def list_invitations(call: Call, req: t.ListInvitationsRequest) -> t.ListInvitationsResponse:
    those = sorted((one for one in call.all(Invitation) if not one.organization), key=lambda one: one.administrator)
    found, more = pages.page(those, req, lambda one: one.administrator, 50, errors.bad_token)
    return {"Invitations": [invitation(one) for one in found], **more}  # type: ignore[typeddict-item]


@guardduty.op(ANY)
def get_invitations_count(call: Call, req: t.GetInvitationsCountRequest) -> t.GetInvitationsCountResponse:
    """"Not including the currently accepted invitation"."""
    return {"InvitationsCount": sum(one.status == "Invited" for one in call.all(Invitation))}


def _refuse(call: Call, req: Any) -> list[Any]:
    lost = []
    for account in req["AccountIds"]:
        one = call.get(Invitation, account)
        if one is None or one.status == "Enabled":
            lost.append(_lost(account, "The request is rejected because there is no invitation of the given account ID that is not accepted."))
            continue
        call.delete(one)
        there = call.at(account, call.region)
        if member := there.get(Member, call.account):
            there.put(member.but(status="Created", updated=call.now))
    return lost


@guardduty.op(ANY)
def decline_invitations(call: Call, req: t.DeclineInvitationsRequest) -> t.DeclineInvitationsResponse:
    return {"UnprocessedAccounts": _refuse(call, req)}


@guardduty.op(ANY)
def delete_invitations(call: Call, req: t.DeleteInvitationsRequest) -> t.DeleteInvitationsResponse:
    return {"UnprocessedAccounts": _refuse(call, req)}


@guardduty.op(by_id)
def get_administrator_account(call: Call, req: t.GetAdministratorAccountRequest) -> t.GetAdministratorAccountResponse:
    find(call, req["DetectorId"])
    one = administrator(call)
    return {"Administrator": invitation(one) if one else {}}


@guardduty.op(by_id)
def get_master_account(call: Call, req: t.GetMasterAccountRequest) -> t.GetMasterAccountResponse:
    find(call, req["DetectorId"])
    one = administrator(call)
    return {"Master": invitation(one) if one else {}}


def _away(call: Call, req: Any) -> None:
    find(call, req["DetectorId"])
    one = administrator(call)
    if one is None:
        raise errors.bad("The request is rejected because the current account is not associated with an administrator account.")
    if one.organization:
        raise errors.bad("The request is rejected because the current account is a member of the organization's administrator account.")
    call.delete(one)
    there = call.at(one.administrator, call.region)
    if member := there.get(Member, call.account):
        there.put(member.but(status="Resigned", updated=call.now))


@guardduty.op(by_id)
def disassociate_from_administrator_account(call: Call, req: t.DisassociateFromAdministratorAccountRequest) -> None:
    _away(call, req)


@guardduty.op(by_id)
def disassociate_from_master_account(call: Call, req: t.DisassociateFromMasterAccountRequest) -> None:
    _away(call, req)
