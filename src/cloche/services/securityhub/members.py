"""An administrator and its member accounts: by invitation, or of one organization without. The administrator sees the members' findings and works on them as on its own."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages
from cloche.services.organizations import public as organizations

from . import errors, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

PRINCIPAL = "securityhub.amazonaws.com"
MOST = 1000                                            # by invitation


class Member(Record, frozen=True):
    """In the administrator's account."""

    kind = "securityhub.member"

    account: str
    email: str
    status: str                                        # Created, Invited, Enabled, Removed, Resigned
    updated: float
    invited: float = 0.0
    organization: bool = False

    @property
    def key(self) -> str:
        return self.account


class Invitation(Record, frozen=True):
    """In the member's account: from whom, and whether it was accepted."""

    kind = "securityhub.invitation"

    administrator: str
    id: str
    status: str                                        # Invited, Enabled
    when: float
    organization: bool = False

    @property
    def key(self) -> str:
        return self.administrator


def associated(call: Call) -> list[str]:
    """The accounts whose findings this one sees."""
    return sorted(one.account for one in call.all(Member) if one.status == "Enabled")


def administrator(call: Call) -> Invitation | None:
    return next((one for one in call.all(Invitation) if one.status == "Enabled"), None)


def leave(call: Call) -> None:
    """The hub is disabled: so is the bond."""
    if one := administrator(call):
        part(call, one, "Resigned")


def part(call: Call, one: Invitation, status: str) -> None:
    """`call` stands in the member's account."""
    call.delete(one)
    there = call.at(one.administrator, call.region)
    if member := there.get(Member, call.account):
        there.put(member.but(status=status, updated=call.now))


def delegated(call: Call) -> bool:
    """Is the account the organization's administrator of Security Hub?"""
    from .organization import Administrator
    found = organizations.management(call.cloud, call.account)
    named = call.get(Administrator, found[0]) if found else None
    return named is not None and named.account == call.account


def enroll(call: Call, account: str, email: str, standards: bool) -> None:
    """An account of the organization becomes a member without being asked, and has a hub. `call` stands in the administrator's."""
    there = call.at(account, call.region)
    if there.get(hub.Hub, "default") is None:
        hub.make(there, standards)
    for one in there.all(Invitation):
        there.delete(one)
    there.put(Invitation(call.account, call.id(digits=32), "Enabled", call.now, True))
    call.put(Member(account, email, "Enabled", call.now, call.now, True))


def _within(call: Call, account: str) -> Any:
    found = organizations.management(call.cloud, call.account)
    return organizations.members(call.cloud, found[0]).get(account) if found else None


def _lost(account: str, why: str) -> Any:
    return {"AccountId": account, "ProcessingResult": why}


@securityhub.op(hub.arn)
def create_members(call: Call, req: t.CreateMembersRequest) -> t.CreateMembersResponse:
    hub.find(call)
    if administrator(call):
        raise errors.no_access("The account is a member account, and cannot have members of its own.")
    lost = []
    whole = delegated(call)
    for asked in req["AccountDetails"]:
        account = asked["AccountId"]
        old = call.get(Member, account)
        if account == call.account:
            lost.append(_lost(account, "The administrator account cannot be its own member."))
        elif whole and (one := _within(call, account)):
            if not (old and old.status == "Enabled"):
                from .organization import configuration
                enroll(call, account, one.email, configuration(call).standards)
        elif old and old.status in ("Created", "Invited", "Enabled"):
            continue
        elif not asked.get("Email"):
            lost.append(_lost(account, "An email address is required for an account outside of the organization."))
        elif len(call.all(Member)) >= MOST:
            raise errors.limit("members")
        else:
            call.put(Member(account, asked["Email"], "Created", call.now))
    return {"UnprocessedAccounts": lost}


def _each(call: Call, req: Any) -> tuple[list[Member], list[Any]]:
    hub.find(call)
    found = [call.get(Member, account) for account in req["AccountIds"]]
    return [one for one in found if one], [_lost(account, "The account is not a member.") for account, one in zip(req["AccountIds"], found, strict=True) if one is None]


def view(call: Call, one: Member) -> Any:
    return {"AccountId": one.account, "Email": one.email, "MasterId": call.account, "AdministratorId": call.account, "MemberStatus": one.status, "UpdatedAt": one.updated,
            **({"InvitedAt": one.invited} if one.invited else {})}


@securityhub.op(hub.arn)
def get_members(call: Call, req: t.GetMembersRequest) -> t.GetMembersResponse:
    found, lost = _each(call, req)
    return {"Members": [view(call, one) for one in found], "UnprocessedAccounts": lost}


@securityhub.op(hub.arn)
def list_members(call: Call, req: t.ListMembersRequest) -> t.ListMembersResponse:
    hub.find(call)
    those = [one for one in sorted(call.all(Member), key=lambda one: one.account) if not req.get("OnlyAssociated", True) or one.status == "Enabled"]
    found, more = pages.page(those, req, lambda one: one.account, 50, errors.bad_token)
    return {"Members": [view(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def invite_members(call: Call, req: t.InviteMembersRequest) -> t.InviteMembersResponse:
    found, lost = _each(call, req)
    for one in found:
        there = call.at(one.account, call.region)
        if one.status != "Enabled":
            there.put(Invitation(call.account, call.id(digits=32), "Invited", call.now))
            call.put(one.but(status="Invited", invited=call.now, updated=call.now))
    return {"UnprocessedAccounts": lost}


@securityhub.op(hub.arn)
def disassociate_members(call: Call, req: t.DisassociateMembersRequest) -> t.DisassociateMembersResponse:
    for one in _each(call, req)[0]:
        there = call.at(one.account, call.region)
        if bond := there.get(Invitation, call.account):
            there.delete(bond)
        call.put(one.but(status="Removed", updated=call.now))
    return {}


@securityhub.op(hub.arn)
def delete_members(call: Call, req: t.DeleteMembersRequest) -> t.DeleteMembersResponse:
    found, lost = _each(call, req)
    for one in found:
        if one.status == "Enabled":
            lost.append(_lost(one.account, "The member is associated: disassociate it first."))
            continue
        there = call.at(one.account, call.region)
        if bond := there.get(Invitation, call.account):
            there.delete(bond)
        call.delete(one)
    return {"UnprocessedAccounts": lost}


# -- the member's side ---------------------------------------------------------------------------------------------------------

def _accept(call: Call, account: str, id_: str) -> None:
    hub.find(call)
    one = call.get(Invitation, account)
    if one is None or one.id != id_ or one.status != "Invited":
        raise errors.missing(f"Invitation {id_} from account {account}")
    if administrator(call):
        raise errors.invalid("The account is a member of another administrator account.")
    if associated(call):
        raise errors.invalid("The account is an administrator account, and cannot be a member.")
    call.put(one.but(status="Enabled"))
    there = call.at(account, call.region)
    if member := there.get(Member, call.account):
        there.put(member.but(status="Enabled", updated=call.now))


@securityhub.op(hub.arn)
def accept_administrator_invitation(call: Call, req: t.AcceptAdministratorInvitationRequest) -> t.AcceptAdministratorInvitationResponse:
    _accept(call, req["AdministratorId"], req["InvitationId"])
    return {}


@securityhub.op(hub.arn)
def accept_invitation(call: Call, req: t.AcceptInvitationRequest) -> t.AcceptInvitationResponse:
    _accept(call, req["MasterId"], req["InvitationId"])
    return {}


def invitation(one: Invitation) -> Any:
    return {"AccountId": one.administrator, "InvitationId": one.id, "InvitedAt": one.when, "MemberStatus": one.status}


@securityhub.op(hub.arn)
def list_invitations(call: Call, req: t.ListInvitationsRequest) -> t.ListInvitationsResponse:
    those = sorted((one for one in call.all(Invitation) if not one.organization), key=lambda one: one.administrator)
    found, more = pages.page(those, req, lambda one: one.administrator, 50, errors.bad_token)
    return {"Invitations": [invitation(one) for one in found], **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def get_invitations_count(call: Call, req: t.GetInvitationsCountRequest) -> t.GetInvitationsCountResponse:
    """Those not accepted yet."""
    return {"InvitationsCount": sum(one.status == "Invited" for one in call.all(Invitation))}


def _refuse(call: Call, req: Any, keep_accepted: str) -> list[Any]:
    lost = []
    for account in req["AccountIds"]:
        one = call.get(Invitation, account)
        if one is None:
            lost.append(_lost(account, "There is no invitation of the account."))
        elif one.status == "Enabled":
            lost.append(_lost(account, keep_accepted))
        else:
            call.delete(one)
            there = call.at(account, call.region)
            if member := there.get(Member, call.account):
                there.put(member.but(status="Created", updated=call.now))
    return lost


@securityhub.op(hub.arn)
def decline_invitations(call: Call, req: t.DeclineInvitationsRequest) -> t.DeclineInvitationsResponse:
    return {"UnprocessedAccounts": _refuse(call, req, "The invitation has been accepted.")}


@securityhub.op(hub.arn)
def delete_invitations(call: Call, req: t.DeleteInvitationsRequest) -> t.DeleteInvitationsResponse:
    return {"UnprocessedAccounts": _refuse(call, req, "The account is associated: disassociate from it first.")}


@securityhub.op(hub.arn)
def get_administrator_account(call: Call, req: t.GetAdministratorAccountRequest) -> t.GetAdministratorAccountResponse:
    one = administrator(call)
    return {"Administrator": invitation(one)} if one else {}


@securityhub.op(hub.arn)
def get_master_account(call: Call, req: t.GetMasterAccountRequest) -> t.GetMasterAccountResponse:
    one = administrator(call)
    return {"Master": invitation(one)} if one else {}


def _away(call: Call) -> None:
    hub.find(call)
    one = administrator(call)
    if one is None:
        raise errors.missing(f"An administrator account of {call.account}")
    if one.organization:
        raise errors.no_access("A member account of the organization cannot disassociate from the administrator account.")
    part(call, one, "Resigned")


@securityhub.op(hub.arn)
def disassociate_from_administrator_account(call: Call, req: t.DisassociateFromAdministratorAccountRequest) -> t.DisassociateFromAdministratorAccountResponse:
    _away(call)
    return {}


@securityhub.op(hub.arn)
def disassociate_from_master_account(call: Call, req: t.DisassociateFromMasterAccountRequest) -> t.DisassociateFromMasterAccountResponse:
    _away(call)
    return {}
