"""The organization itself, and its root."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.iam import public as iam

from . import errors, pages
from . import service as organizations
from .public import Moved
from .records import LETTERS, Account, Address, Membership, Organization, Policy, ResourcePolicy, Root, Unit, about, account, arn, home, managing, reading, root

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

LINKED = "organizations.amazonaws.com"


def address(account_id: str) -> str:
    """The address of an account that was never given one: its number stands for it."""
    return f"{account_id}@accounts.cloche.local"


def view(there: Call, organization: Organization) -> t.Organization:
    return {
        "Id": organization.id, "Arn": arn(organization, organization.id), "FeatureSet": organization.features,  # type: ignore[typeddict-item]
        "MasterAccountArn": arn(organization, organization.management), "MasterAccountId": organization.management,
        "MasterAccountEmail": account(there, organization.management).email,
        # of no use ("We recommend to use ListRoots"), but there since the first days
        "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}] if organization.features == "ALL" else [],
    }


@organizations.op(needs=about())
def create_organization(call: Call, req: t.CreateOrganizationRequest) -> t.CreateOrganizationResponse:
    if call.get(Membership, call.account):
        raise errors.already_in()
    features = req.get("FeatureSet", "ALL")
    top = call.put(Root(f"r-{call.pick(LETTERS, 4)}"))
    made = call.put(Organization(f"o-{call.pick(LETTERS, 10)}", call.account, features, top.id, call.now))
    email = address(call.account)
    call.put(Account(call.account, "management", email, top.id, call.now, "INVITED"))
    enter(call, call.account, call.account)
    call.put(Address(email, call.account))
    if features == "ALL":
        linked(call, call.account)
    return {"Organization": view(call, made)}


def enter(call: Call, account_id: str, management: str) -> None:
    call.put(Membership(account_id, management))
    if account_id != management:
        call.emit(Moved(account_id, management))


def linked(call: Call, account_id: str) -> None:
    """The role by which trusted services come into an account."""
    iam.ensure_linked(call.of("iam", account_id), LINKED)


@organizations.op(needs=about())
def describe_organization(call: Call, req: Any) -> t.DescribeOrganizationResponse:
    there, found = home(call)
    return {"Organization": view(there, found)}


@organizations.op(needs=about())
def delete_organization(call: Call, req: Any) -> None:
    there, found = managing(call)
    if len(there.all(Account)) > 1:
        raise errors.not_empty()
    for kind in (Root, Unit, Policy, Account, ResourcePolicy):
        for record in there.all(kind):
            there.delete(record)
    there.delete(found)
    there.delete(Membership(call.account, call.account))


# -- the root ---------------------------------------------------------------------------------------------------------------

def show_root(organization: Organization, top: Root) -> t.Root:
    return {"Id": top.id, "Arn": arn(organization, top.id), "Name": top.name, "PolicyTypes": [{"Type": x, "Status": "ENABLED"} for x in top.types]}  # type: ignore[typeddict-item]


@organizations.op(needs=about())
def list_roots(call: Call, req: t.ListRootsRequest) -> t.ListRootsResponse:
    there, found = reading(call)
    shown, more = pages.page(req, [root(there, found.root)], key=lambda top: top.id)
    return {"Roots": [show_root(found, top) for top in shown], **more}  # type: ignore[typeddict-item]
