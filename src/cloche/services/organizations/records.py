"""The tree as it is kept: one root, units, accounts, and the policies that hang on them.

All of it lies in the management account; a small index of the whole cloud says for each account whose organization it is in. A
target (root, unit, account) holds the ids of its policies, so that what binds an account is read along one path upwards.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import Call, Need, Record

from . import errors

HOME = "us-east-1"
FULL, FULL_RCP = "p-FullAWSAccess", "p-RCPFullAWSAccess"


class Membership(Record, frozen=True):
    """Which organization an account is in, by the account that manages it."""

    kind = "organizations.membership"
    scope = "cloud"

    account: str
    management: str

    @property
    def key(self) -> str:
        return self.account


class Address(Record, frozen=True):
    """Whose an e-mail address is; no two accounts have the same."""

    kind = "organizations.address"
    scope = "cloud"

    email: str
    account: str

    @property
    def key(self) -> str:
        return self.email.lower()


class Organization(Record, frozen=True):
    kind = "organizations.organization"
    scope = "account"

    id: str
    management: str
    features: str
    root: str
    created: float
    services: dict[str, float] = {}                    # trusted service -> since when
    upgrade: str = ""                                  # the handshake under which all features are being enabled

    @property
    def key(self) -> str:
        return "organization"


class Root(Record, frozen=True):
    kind = "organizations.root"
    scope = "account"

    id: str
    types: tuple[str, ...] = ()                        # policy types enabled in it
    policies: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    parent: str = ""
    name: str = "Root"

    @property
    def key(self) -> str:
        return self.id


class Unit(Record, frozen=True):
    kind = "organizations.unit"
    scope = "account"

    id: str
    name: str
    parent: str
    policies: tuple[str, ...] = ()
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


class Account(Record, frozen=True):
    kind = "organizations.account"
    scope = "account"

    id: str
    name: str
    email: str
    parent: str
    joined: float
    method: str = "CREATED"
    state: str = "ACTIVE"
    policies: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    delegated: dict[str, float] = {}                   # service it administers -> since when

    @property
    def key(self) -> str:
        return self.id


class Policy(Record, frozen=True):
    kind = "organizations.policy"
    scope = "account"

    id: str
    name: str
    type: str
    description: str
    content: str
    targets: tuple[str, ...] = ()
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


class ResourcePolicy(Record, frozen=True):
    """What the management account lets members do in its place."""

    kind = "organizations.resource-policy"
    scope = "account"

    id: str
    content: str
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return "resource-policy"


Node = Root | Unit | Account

# What a resource policy can hand over ("Supported actions for delegated administrators" in the user guide)
DELEGABLE = frozenset((
    "AttachPolicy", "CreatePolicy", "DeletePolicy", "DescribeAccount", "DescribeCreateAccountStatus", "DescribeEffectivePolicy", "DescribeHandshake", "DescribeOrganization",
    "DescribeOrganizationalUnit", "DescribePolicy", "DescribeResourcePolicy", "DetachPolicy", "DisablePolicyType", "EnablePolicyType", "ListAccounts", "ListAccountsForParent",
    "ListAWSServiceAccessForOrganization", "ListChildren", "ListCreateAccountStatus", "ListDelegatedAdministrators", "ListDelegatedServicesForAccount", "ListHandshakesForAccount",
    "ListHandshakesForOrganization", "ListOrganizationalUnitsForParent", "ListParents", "ListPolicies", "ListPoliciesForTarget", "ListRoots", "ListTagsForResource",
    "ListTargetsForPolicy", "TagResource", "UntagResource", "UpdatePolicy",
))
# of these, a member needs no leave for what concerns itself
OWN = frozenset(("DescribeOrganization", "DescribeHandshake", "ListHandshakesForAccount", "DescribeEffectivePolicy"))


# -- whose organization ---------------------------------------------------------------------------------------------------

def home(call: Call) -> tuple[Call, Organization]:
    """The management account's records and the organization, for an account in one."""
    member = call.get(Membership, call.account)
    if member is None:
        raise errors.not_in_use()
    there = call.at(member.management, HOME)
    found = there.get(Organization, "organization")
    assert found is not None, "an account is in an organization that is not there"
    return there, found


def managing(call: Call) -> tuple[Call, Organization]:
    """For what the management account alone may do."""
    there, found = home(call)
    if found.management != call.account and handed_over(call, found.management) is None:
        raise errors.no_permission()
    return there, found


def handed_over(call: Call, management: str) -> str | None:
    """The resource policy, where the operation is of those it can hand over: then `about` has asked it already, about this very request."""
    if call.op not in DELEGABLE or call.op in OWN:
        return None
    policy = call.at(management, HOME).get(ResourcePolicy, "resource-policy")
    return policy.content if policy else None


def reading(call: Call) -> tuple[Call, Organization]:
    """For what delegated administrators may see too."""
    there, found = home(call)
    if found.management != call.account and not account(there, call.account).delegated and handed_over(call, found.management) is None:
        raise errors.no_permission()
    return there, found


# -- finders ------------------------------------------------------------------------------------------------------------------

def root(there: Call, id_: str) -> Root:
    found = there.get(Root, id_)
    if found is None:
        raise errors.no_root()
    return found


def unit(there: Call, id_: str) -> Unit:
    found = there.get(Unit, id_)
    if found is None:
        raise errors.no_unit()
    return found


def account(there: Call, id_: str) -> Account:
    found = there.get(Account, id_)
    if found is None:
        raise errors.no_account()
    return found


def node(there: Call, id_: str) -> Node | None:
    return there.get(Root if id_.startswith("r-") else Unit if id_.startswith("ou-") else Account, id_)


def parent(there: Call, id_: str, kind: str = "") -> Root | Unit:
    """A root or a unit; `kind` as in `errors.no_parent`."""
    found = node(there, id_)
    if not isinstance(found, Root | Unit):
        raise errors.no_parent(kind)
    return found


def path(there: Call, organization: Organization, below: Node) -> str:
    """`o-.../r-.../ou-.../`: the way from the organization down to the node, as conditions on PrincipalOrgPaths have it."""
    names = [below.id]
    while below.parent:
        below = node(there, below.parent)  # type: ignore[assignment]
        names.append(below.id)
    return "/".join([organization.id, *reversed(names)]) + "/"


# -- names ----------------------------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def arn(organization: Organization, id_: str, type_: str = "") -> str:
    """The ARN of anything in the organization, from its id; `type_` is a policy's type or a handshake's action."""
    kind, _, _ = id_.partition("-")
    whose = organization.management
    if kind == "p" and id_ in (FULL, FULL_RCP):
        return f"arn:aws:organizations::aws:policy/{type_.lower()}/{id_}"
    rest = {"o": id_, "r": f"root/{organization.id}/{id_}", "ou": f"ou/{organization.id}/{id_}", "p": f"policy/{organization.id}/{type_.lower()}/{id_}",
            "h": f"handshake/{organization.id}/{type_.lower()}/{id_}"}.get(kind, f"account/{organization.id}/{id_}")
    return f"arn:aws:organizations::{whose}:{'organization/' if kind == 'o' else ''}{rest}"


def about(*members: str) -> Callable[[Call, Any], list[Need]]:
    """What IAM is asked: the operation, about the things that these members of the request name.

    Whatever the management account owns is asked about as the caller's own, unless a member acts in its place: then the two accounts must agree.
    """
    def needs(call: Call, req: Any) -> list[Need]:
        action, policy, owner = f"organizations:{call.op}", None, call.account
        member = call.get(Membership, call.account)
        if member and member.management != call.account:
            one = call.at(member.management, HOME).get(Account, call.account)
            reads = call.op.startswith(("Describe", "List")) and one is not None and one.delegated
            policy = None if reads else handed_over(call, member.management)
            owner = member.management if policy else owner
        return [Need(action, named(call, req[x]) if x in req else "*", context(call, req), policy, owner) for x in members or ("",)]
    return needs


def named(call: Call, id_: str) -> str:
    member = call.get(Membership, call.account)
    found = call.at(member.management, HOME).get(Organization, "organization") if member else None
    if found is None:
        return "*"
    if not id_.startswith("p-"):
        return arn(found, id_, "invite")
    policy = call.at(found.management, HOME).get(Policy, id_)
    type_ = policy.type if policy else "RESOURCE_CONTROL_POLICY" if id_ == FULL_RCP else "SERVICE_CONTROL_POLICY"
    return arn(found, id_, type_)


def type_of(call: Call, req: Any) -> str | None:
    """The kind of policy a request is about."""
    if (id_ := req.get("PolicyId")) and (member := call.get(Membership, call.account)):
        found = call.at(member.management, HOME).get(Policy, id_)
        return found.type if found else "RESOURCE_CONTROL_POLICY" if id_ == FULL_RCP else "SERVICE_CONTROL_POLICY" if id_ == FULL else None
    for name in ("PolicyType", "Type", "Filter"):
        if isinstance(req.get(name), str):
            return str(req[name])
    return None


def context(call: Call, req: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if tags := req.get("Tags"):
        out |= {"aws:TagKeys": [one["Key"] for one in tags], **{f"aws:RequestTag/{one['Key']}": one["Value"] for one in tags}}
    if keys := req.get("TagKeys"):
        out["aws:TagKeys"] = list(keys)
    if "ServicePrincipal" in req:
        out["organizations:ServicePrincipal"] = req["ServicePrincipal"]
    if type_ := type_of(call, req):
        out["organizations:PolicyType"] = type_
    return out
