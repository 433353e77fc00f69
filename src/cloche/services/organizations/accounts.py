"""Accounts of an organization. A new one is a fresh number in the same cloud; the role in it, that the management account may assume, is made in IAM like any other."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, pages, tags
from . import service as organizations
from .organization import enter, linked
from .public import Moved
from .records import HOME, Account, Address, Membership, Organization, about, account, arn, home, managing, parent, path, reading
from .types import default_policies, let_go

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

DAY = 86400
STAYS_DAYS, CLOSED_DAYS = 4, 90                        # before a created account may leave; between closing and the end
STATUS = {"ACTIVE": "ACTIVE", "PENDING_CLOSURE": "PENDING_CLOSURE", "SUSPENDED": "SUSPENDED", "CLOSED": "SUSPENDED"}


class Creation(Record, frozen=True):
    """A wish for an account, and what came of it."""

    kind = "organizations.creation"
    scope = "account"

    id: str
    name: str
    email: str
    role: str
    tags: dict[str, str]
    requested: float
    state: str = "IN_PROGRESS"
    completed: float = 0.0
    account: str = ""
    reason: str = ""

    @property
    def key(self) -> str:
        return self.id


def view(there: Call, organization: Organization, one: Account) -> t.Account:
    return {"Id": one.id, "Arn": arn(organization, one.id), "Email": one.email, "Name": one.name, "Status": STATUS[one.state], "State": one.state,  # type: ignore[typeddict-item]
            "Paths": [path(there, organization, one)], "JoinedMethod": one.method, "JoinedTimestamp": one.joined}


# -- made -----------------------------------------------------------------------------------------------------------------------

def status(one: Creation) -> t.CreateAccountStatus:
    found: Any = {"Id": one.id, "AccountName": one.name, "State": one.state, "RequestedTimestamp": one.requested}
    if one.completed:
        found["CompletedTimestamp"] = one.completed
    if one.account:
        found["AccountId"] = one.account
    if one.reason:
        found["FailureReason"] = one.reason
    return found  # type: ignore[no-any-return]


@organizations.op(needs=about())
def create_account(call: Call, req: t.CreateAccountRequest) -> t.CreateAccountResponse:
    there, _ = managing(call)
    made = there.put(Creation(f"car-{call.id(digits=32)}", req["AccountName"], req["Email"], req.get("RoleName", "OrganizationAccountAccessRole"), tags.given(call, req), call.now))
    there.wake(build, made.id)
    return {"CreateAccountStatus": status(made)}


@organizations.worker
async def build(call: Call, key: str) -> None:
    """Bring an account into being: a number, a role for the management account, a place in the tree."""
    with call.step():
        wish = call.get(Creation, key)
        organization = call.get(Organization, "organization")
        if wish is None or organization is None or wish.state != "IN_PROGRESS":
            return
        if call.get(Address, wish.email.lower()):
            call.put(wish.but(state="FAILED", completed=call.now, reason="EMAIL_ALREADY_EXISTS"))
            return
        number = fresh(call)
        furnish(call, number, wish.role)
        if organization.features == "ALL":
            linked(call, number)
        call.put(Account(number, wish.name, wish.email, organization.root, call.now, "CREATED", "ACTIVE", default_policies(call, organization), wish.tags))
        call.put(Address(wish.email, number))
        enter(call, number, organization.management)
        call.put(wish.but(state="SUCCEEDED", completed=call.now, account=number))


def fresh(call: Call) -> str:
    """A number that no account of an organization has ever had."""
    while True:
        number = call.pick("23456789", 1) + call.pick("0123456789", 11)
        if not call.get(Membership, number):
            return number


def furnish(call: Call, number: str, role: str) -> None:
    """The role with which the management account enters."""
    inside = call.at(number, HOME).as_root()
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{call.account}:root"}, "Action": "sts:AssumeRole"}]}
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    inside.do("iam", "CreateRole", RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    inside.do("iam", "PutRolePolicy", RoleName=role, PolicyName="AdministratorAccess", PolicyDocument=json.dumps(anything))


@organizations.op(needs=about())
def describe_create_account_status(call: Call, req: t.DescribeCreateAccountStatusRequest) -> t.DescribeCreateAccountStatusResponse:
    there, _ = reading(call)
    found = there.get(Creation, req["CreateAccountRequestId"])
    if found is None:
        raise errors.no_status()
    return {"CreateAccountStatus": status(found)}


@organizations.op(needs=about())
def list_create_account_status(call: Call, req: t.ListCreateAccountStatusRequest) -> t.ListCreateAccountStatusResponse:
    there, _ = reading(call)
    states = req.get("States")
    shown, more = pages.page(req, (one for one in there.all(Creation) if not states or one.state in states), key=lambda one: one.id)
    return {"CreateAccountStatuses": [status(one) for one in shown], **more}  # type: ignore[typeddict-item]


# -- told -----------------------------------------------------------------------------------------------------------------------

@organizations.op(needs=about("AccountId"))
def describe_account(call: Call, req: t.DescribeAccountRequest) -> t.DescribeAccountResponse:
    there, organization = reading(call)
    return {"Account": view(there, organization, account(there, req["AccountId"]))}


@organizations.op(needs=about())
def list_accounts(call: Call, req: t.ListAccountsRequest) -> t.ListAccountsResponse:
    there, organization = reading(call)
    shown, more = pages.page(req, there.all(Account), key=lambda one: one.id)
    return {"Accounts": [view(there, organization, one) for one in shown], **more}  # type: ignore[typeddict-item]


@organizations.op(needs=about("ParentId"))
def list_accounts_for_parent(call: Call, req: t.ListAccountsForParentRequest) -> t.ListAccountsForParentResponse:
    there, organization = reading(call)
    above = parent(there, req["ParentId"])
    shown, more = pages.page(req, (one for one in there.all(Account) if one.parent == above.id), key=lambda one: one.id)
    return {"Accounts": [view(there, organization, one) for one in shown], **more}  # type: ignore[typeddict-item]


# -- moved, and gone --------------------------------------------------------------------------------------------------------------

@organizations.op(needs=about("AccountId", "SourceParentId", "DestinationParentId"))
def move_account(call: Call, req: t.MoveAccountRequest) -> None:
    there, _ = managing(call)
    one = account(there, req["AccountId"])
    source, destination = parent(there, req["SourceParentId"], "Source"), parent(there, req["DestinationParentId"], "Destination")
    if one.parent == destination.id:
        raise errors.already_there()
    if one.parent != source.id:
        raise errors.no_parent("Source")
    there.put(one.but(parent=destination.id))
    there.emit(Moved(one.id, there.account))


def depart(there: Call, one: Account) -> None:
    let_go(there, one)
    there.delete(one)
    there.delete(Membership(one.id, there.account))
    there.emit(Moved(one.id, there.account))


def may_depart(call: Call, organization: Organization, one: Account) -> None:
    if one.id == organization.management:
        raise errors.management_stays()
    if one.delegated:
        raise errors.is_delegated()
    if one.method == "CREATED" and call.now < one.joined + STAYS_DAYS * DAY:
        raise errors.waiting()


@organizations.op(needs=about("AccountId"))
def remove_account_from_organization(call: Call, req: t.RemoveAccountFromOrganizationRequest) -> None:
    there, organization = managing(call)
    one = account(there, req["AccountId"])
    may_depart(call, organization, one)
    depart(there, one)


@organizations.op(needs=about())
def leave_organization(call: Call, req: Any) -> None:
    there, organization = home(call)
    one = account(there, call.account)
    may_depart(call, organization, one)
    depart(there, one)


@organizations.op(needs=about("AccountId"), partly="keys of a closed account go on working until it is gone from the organization")
def close_account(call: Call, req: t.CloseAccountRequest) -> None:
    there, organization = managing(call)
    one = account(there, req["AccountId"])
    if one.id == organization.management:
        raise errors.cannot_close_management()
    if one.state != "ACTIVE":
        raise errors.already_closed()
    there.put(one.but(state="PENDING_CLOSURE"))
    there.after(0, suspend, one.id, number=one.id)


@organizations.timer
def suspend(call: Call, number: str) -> None:
    if one := call.get(Account, number):
        call.put(one.but(state="SUSPENDED"))
        call.after(CLOSED_DAYS * DAY, bury, number, number=number)


@organizations.timer
def bury(call: Call, number: str) -> None:
    """Closed for good."""
    if one := call.get(Account, number):
        depart(call, one)
