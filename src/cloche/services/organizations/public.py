"""What the kernel asks Organizations behind the curtain: which control policies bind an account, and where in its organization it is.

An answer is remembered with the records it was made from, and is good as long as those are the same objects (as in `iam.public`).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.iam import Bundle, parse
from cloche.iam.policy import Named
from cloche.kernel import Event

from .records import FULL, FULL_RCP, Account, Membership, Organization, Policy, Root, Unit, arn
from .types import MANAGED

if TYPE_CHECKING:
    from cloche.kernel import Cloud

# "AWS services that support RCPs", by the prefix of their actions
RCP_SERVICES = frozenset(("s3", "sts", "kms", "sqs", "secretsmanager", "dynamodb", "ecr", "logs", "cognito-idp", "cognito-identity", "aoss"))


class Moved(Event, frozen=True):
    """An account has come into the organization, is in another unit than before, or in none. Listeners look for themselves."""

    kind = "organizations.moved"

    account: str
    management: str


class Controls(msgspec.Struct, frozen=True):
    """`scps` and `rcps`: levels from the root to the account; None where nothing but AWS's allow-all binds it."""

    organization: str
    path: str                                          # o-.../r-.../ou-.../: the way to the account, without the account
    scps: tuple[Bundle, ...] | None
    rcps: tuple[Bundle, ...] | None
    levels: tuple[tuple[Named, ...], ...] = ()         # all service control policies, for the simulator; empty for who is bound by none


def controls(cloud: Cloud, account: str) -> Controls | None:
    """What an account's organization says; None if it is in none."""
    store = cloud.store
    members = store.table(Membership, "", "")
    if account not in members:
        return None
    memo = cloud.memory.setdefault("organizations.controls", {})
    found = memo.get(account)
    version = store.version
    if found is not None:
        if found[0] == version:
            return found[2]  # type: ignore[no-any-return]
        if all(table.get(key) is record for table, key, record in found[1]):
            memo[account] = (version, found[1], found[2])
            return found[2]  # type: ignore[no-any-return]
    if len(memo) > 4096:
        memo.clear()
    seen: list[tuple[dict[str, Any], str, Any]] = []
    made = _gather(cloud, account, seen)
    memo[account] = (version, seen, made)
    return made


def _gather(cloud: Cloud, account: str, seen: list[tuple[dict[str, Any], str, Any]]) -> Controls:
    def get(kind: Any, scope: str, key: str) -> Any:
        table = cloud.store.table(kind, scope, "")
        record = table.get(key)
        seen.append((table, key, record))
        return record

    management = get(Membership, "", account).management
    organization = get(Organization, management, "organization")
    one = get(Account, management, account)
    way = [one]
    while way[-1].parent:
        above = way[-1].parent
        way.append(get(Root if above.startswith("r-") else Unit, management, above))
    way.reverse()
    path = "/".join([organization.id, *(x.id for x in way[:-1])]) + "/"
    if account == management:
        return Controls(organization.id, path, None, None)
    levels: dict[str, list[tuple[Named, ...]]] = {"SERVICE_CONTROL_POLICY": [], "RESOURCE_CONTROL_POLICY": []}
    for each in way:
        held = [MANAGED.get(id_) or get(Policy, management, id_) for id_ in each.policies]
        for type_, found in levels.items():
            if type_ in way[0].types:
                found.append(tuple((arn(organization, policy.id, type_), "organizations", parse(policy.content)) for policy in held if policy.type == type_))
    scps, rcps = levels["SERVICE_CONTROL_POLICY"], levels["RESOURCE_CONTROL_POLICY"]
    return Controls(organization.id, path, _binding(scps, FULL), _binding(rcps, FULL_RCP), tuple(scps))


def _binding(levels: list[tuple[Named, ...]], everything: str) -> tuple[Bundle, ...] | None:
    """The levels that could refuse something; of one with AWS's allow-all, only the others' denials count."""
    found = tuple(Bundle(level) for level in levels if [name.rpartition("/")[2] for name, _, _ in level] != [everything])
    return found or None


def over_resource(above: Controls, action: str) -> tuple[Bundle, ...] | None:
    """The resource control policies that an action on a resource of the account must pass; None for services they do not reach."""
    service, _, name = action.partition(":")
    return above.rcps if service in RCP_SERVICES and name != "RetireGrant" else None


def management(cloud: Cloud, account: str) -> tuple[str, Organization] | None:
    """The account that manages the organization of this one, and the organization; None outside of any."""
    member = cloud.store.table(Membership, "", "").get(account)
    if member is None:
        return None
    return member.management, cloud.store.table(Organization, member.management, "")["organization"]


def members(cloud: Cloud, manager: str) -> dict[str, Account]:
    """The accounts of the organization that an account manages, by their numbers."""
    return cloud.store.table(Account, manager, "")


def administers(cloud: Cloud, account: str, service: str) -> str | None:
    """The account in whose place this one administers a service: its own, where it manages the organization, or that which delegated it."""
    found = management(cloud, account)
    if found is None:
        return None
    manager, _ = found
    return manager if account == manager or service in members(cloud, manager)[account].delegated else None


def place(cloud: Cloud, manager: str, path: str) -> tuple[list[list[Named]], dict[str, str]] | None:
    """A place in the tree by its path `o-.../r-.../ou-.../ACCOUNT`: the service control policies on the way to it, and the accounts there and below with their paths."""
    def get(kind: Any, key: str) -> Any:
        return cloud.store.table(kind, manager, "").get(key)
    first, *way = path.rstrip("/").split("/")
    organization = get(Organization, "organization")
    if organization is None or first != organization.id or not way or way[0] != organization.root:
        return None
    nodes = [get(Root, way[0])]
    for id_ in way[1:]:
        one = get(Unit if id_.startswith("ou-") else Account, id_)
        if one is None or one.parent != nodes[-1].id:
            return None
        nodes.append(one)
    kind = "SERVICE_CONTROL_POLICY"
    levels: list[list[Named]] = []
    if kind in nodes[0].types:
        for node in nodes:
            held = [MANAGED.get(id_) or get(Policy, id_) for id_ in node.policies]
            levels.append([(arn(organization, policy.id, kind), "organizations", parse(policy.content)) for policy in held if policy.type == kind])
    accounts: dict[str, str] = {}
    for account in members(cloud, manager):
        above = controls(cloud, account)
        whole = f"{above.path}{account}" if above else ""
        if f"{whole}/".startswith(path.rstrip("/") + "/"):
            accounts[account] = whole
    return levels, accounts
