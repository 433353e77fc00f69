"""Handshakes: invitations into an organization, and the consent of its members to all features.

A handshake lies in the management account that began it; whoever is asked has a note where to find it. That it has expired nobody
writes down: it is a comparison.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, pages, tags
from . import service as organizations
from .organization import address, enter, linked
from .records import HOME, Account, Address, Membership, Organization, about, account, arn, managing
from .types import default_policies

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

DAY = 86400
OPEN_DAYS = {"INVITE": 15, "ENABLE_ALL_FEATURES": 90, "APPROVE_ALL_FEATURES": 90}
SHOWN_DAYS = 30                                        # after it is over
NEXT = {"REQUESTED": ("CANCELED",), "OPEN": ("ACCEPTED", "DECLINED", "CANCELED")}


class Handshake(Record, frozen=True):
    kind = "organizations.handshake"
    scope = "account"

    id: str
    action: str
    party: str                                         # the account or e-mail address that is asked; "" for the organization itself
    party_type: str
    requested: float
    expires: float
    state: str = "OPEN"
    changed: float = 0.0
    notes: str = ""
    parent: str = ""
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id

    def state_at(self, now: float) -> str:
        return "EXPIRED" if self.state in NEXT and now >= self.expires else self.state


class Invitation(Record, frozen=True):
    """In the account that is asked: where the handshake is."""

    kind = "organizations.invitation"
    scope = "account"

    id: str
    management: str

    @property
    def key(self) -> str:
        return self.id


def view(there: Call, organization: Organization, one: Handshake) -> t.Handshake:
    master = account(there, organization.management)
    inside = [{"Type": "MASTER_EMAIL", "Value": master.email}, {"Type": "MASTER_NAME", "Value": master.name}, {"Type": "ORGANIZATION_FEATURE_SET", "Value": organization.features}]
    resources: list[Any] = [{"Type": "ORGANIZATION", "Value": organization.id, "Resources": inside} if one.action == "INVITE" else {"Type": "ORGANIZATION", "Value": organization.id}]
    parties = [{"Id": organization.id[2:], "Type": "ORGANIZATION"}]
    if one.party:
        parties.append({"Id": one.party, "Type": one.party_type})
        resources.append({"Type": one.party_type, "Value": one.party})
    if one.notes:
        resources.append({"Type": "NOTES", "Value": one.notes})
    if one.parent:
        resources.append({"Type": "PARENT_HANDSHAKE", "Value": one.parent})
    return {"Id": one.id, "Arn": arn(organization, one.id, one.action), "Parties": parties, "State": one.state_at(there.now), "RequestedTimestamp": one.requested,  # type: ignore[typeddict-item]
            "ExpirationTimestamp": one.expires, "Action": one.action, "Resources": resources}


def begin(there: Call, action: str, party: str = "", party_type: str = "", whose: str = "", **more: Any) -> Handshake:
    made = there.put(Handshake(f"h-{there.id(digits=32)}", action, party, party_type, there.now, there.now + OPEN_DAYS[action] * DAY, **more))
    if whose:
        there.at(whose, HOME).put(Invitation(made.id, there.account))
    return made


# -- invitations ----------------------------------------------------------------------------------------------------------------

@organizations.op(needs=about())
def invite_account_to_organization(call: Call, req: t.InviteAccountToOrganizationRequest) -> t.InviteAccountToOrganizationResponse:
    there, organization = managing(call)
    party, kind = req["Target"]["Id"], req["Target"]["Type"]
    if kind == "ORGANIZATION":
        raise errors.invalid("INVALID_PARTY_TYPE_TARGET", "You specified the wrong type of entity (account, organization, or email) as a party.")
    whose = _account_of(call, party, kind)
    if organization.upgrade:
        raise errors.no_invitations_now()
    if whose and call.get(Membership, whose):
        raise errors.invitee_in_organization()
    if any(one.party == party and one.action == "INVITE" and one.state_at(call.now) == "OPEN" for one in there.all(Handshake)):
        raise errors.invited_already()
    made = begin(there, "INVITE", party, kind, whose, notes=req.get("Notes", ""), tags=tags.given(call, req))
    return {"Handshake": view(there, organization, made)}


def _account_of(call: Call, party: str, kind: str) -> str:
    if kind == "ACCOUNT":
        if len(party) != 12 or not party.isdigit():
            raise errors.invalid("INVALID_PATTERN_TARGET_ID", "You specified a policy target ID that doesn't match the required pattern.")
        return party
    if "@" not in party:
        raise errors.invalid("INVALID_EMAIL_ADDRESS_TARGET", "You specified an invalid email address for the invited account owner.")
    found = call.get(Address, party.lower())
    number = party.partition("@")[0]
    return found.account if found else number if party == address(number) and len(number) == 12 else ""


def received(call: Call, id_: str) -> tuple[Call, Organization, Handshake]:
    """A handshake the caller was asked for, or began."""
    note = call.get(Invitation, id_)
    there = call.at(note.management, HOME) if note else call.at(call.account, HOME)
    found, organization = there.get(Handshake, id_), there.get(Organization, "organization")
    if found is None or organization is None:
        raise errors.no_handshake()
    return there, organization, found


def change(there: Call, one: Handshake, state: str) -> Handshake:
    now = one.state_at(there.now)
    if now == state:
        raise errors.in_state_already(state)
    if state not in NEXT.get(now, ()):
        raise errors.no_transition(now, state)
    return there.put(one.but(state=state, changed=there.now))


@organizations.op(needs=about("HandshakeId"))
def accept_handshake(call: Call, req: t.AcceptHandshakeRequest) -> t.AcceptHandshakeResponse:
    there, organization, found = received(call, req["HandshakeId"])
    invited = call.get(Invitation, found.id) is not None
    if not invited and found.action != "ENABLE_ALL_FEATURES":
        raise errors.no_permission()
    if found.action == "INVITE" and found.state_at(call.now) == "OPEN" and call.get(Membership, call.account):
        raise errors.invitee_in_organization()
    found = change(there, found, "ACCEPTED")
    if found.action == "INVITE":
        _join(call, there, organization, found)
    elif found.action == "APPROVE_ALL_FEATURES":
        _agreed(there, found.parent)
    else:
        organization = there.put(organization.but(features="ALL", upgrade=""))
        for one in there.all(Account):
            linked(there, one.id)
    return {"Handshake": view(there, organization, found)}


def _join(call: Call, there: Call, organization: Organization, found: Handshake) -> None:
    number = call.account
    old = next((x for x in (found.party,) if "@" in x), address(number))
    there.put(Account(number, f"account {number}", old, organization.root, call.now, "INVITED", "ACTIVE", default_policies(there, organization), found.tags))
    call.put(Address(old, number))
    enter(call, number, organization.management)
    if organization.features == "ALL":
        linked(call, number)


def _agreed(there: Call, parent: str) -> None:
    """When all members have agreed, the management account may finish it."""
    whole = there.get(Handshake, parent)
    if whole and whole.state == "REQUESTED" and all(one.state == "ACCEPTED" for one in there.all(Handshake) if one.parent == parent):
        there.put(whole.but(state="OPEN"))


@organizations.op(needs=about("HandshakeId"))
def decline_handshake(call: Call, req: t.DeclineHandshakeRequest) -> t.DeclineHandshakeResponse:
    there, organization, found = received(call, req["HandshakeId"])
    if call.get(Invitation, found.id) is None:
        raise errors.no_permission()
    return {"Handshake": view(there, organization, change(there, found, "DECLINED"))}


@organizations.op(needs=about("HandshakeId"))
def cancel_handshake(call: Call, req: t.CancelHandshakeRequest) -> t.CancelHandshakeResponse:
    there, organization, found = received(call, req["HandshakeId"])
    if there.account != call.account:
        raise errors.no_permission()
    found = change(there, found, "CANCELED")
    if found.action == "ENABLE_ALL_FEATURES":
        organization = there.put(organization.but(upgrade=""))
    return {"Handshake": view(there, organization, found)}


@organizations.op(needs=about("HandshakeId"))
def describe_handshake(call: Call, req: t.DescribeHandshakeRequest) -> t.DescribeHandshakeResponse:
    there, organization, found = received(call, req["HandshakeId"])
    return {"Handshake": view(there, organization, found)}


def _shown(one: Handshake, req: Any, now: float) -> bool:
    wanted = req.get("Filter") or {}
    over = one.changed or one.expires
    return (one.state_at(now) in NEXT or now < over + SHOWN_DAYS * DAY) and wanted.get("ActionType", one.action) == one.action and wanted.get("ParentHandshakeId", one.parent) == one.parent


@organizations.op(needs=about())
def list_handshakes_for_account(call: Call, req: t.ListHandshakesForAccountRequest) -> t.ListHandshakesForAccountResponse:
    found = []
    for note in call.all(Invitation):
        there = call.at(note.management, HOME)
        one, organization = there.get(Handshake, note.id), there.get(Organization, "organization")
        if one and organization and _shown(one, req, call.now):
            found.append(view(there, organization, one))
    shown, more = pages.page(req, found, key=lambda one: one["Id"])
    return {"Handshakes": shown, **more}  # type: ignore[typeddict-item]


@organizations.op(needs=about())
def list_handshakes_for_organization(call: Call, req: t.ListHandshakesForOrganizationRequest) -> t.ListHandshakesForOrganizationResponse:
    there, organization = managing(call)
    shown, more = pages.page(req, (one for one in there.all(Handshake) if _shown(one, req, call.now)), key=lambda one: one.id)
    return {"Handshakes": [view(there, organization, one) for one in shown], **more}  # type: ignore[typeddict-item]


# -- all features ---------------------------------------------------------------------------------------------------------------

@organizations.op(needs=about())
def enable_all_features(call: Call, req: Any) -> t.EnableAllFeaturesResponse:
    """Members who were invited are asked; when they have agreed, the management account accepts the handshake that this answers with."""
    there, organization = managing(call)
    if organization.features == "ALL":
        raise errors.all_features_already()
    pending = there.get(Handshake, organization.upgrade) if organization.upgrade else None
    if pending and pending.state_at(call.now) in NEXT:
        raise errors.all_features_pending()
    invited = [one.id for one in there.all(Account) if one.method == "INVITED" and one.id != organization.management]
    made = begin(there, "ENABLE_ALL_FEATURES", state="REQUESTED" if invited else "OPEN")
    for number in invited:
        begin(there, "APPROVE_ALL_FEATURES", number, "ACCOUNT", number, parent=made.id)
    organization = there.put(organization.but(upgrade=made.id))
    return {"Handshake": view(there, organization, made)}
