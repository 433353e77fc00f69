"""Policy types, enabled root by root. Where control policies are enabled, everything carries the one that lets everything through, so that nothing changes at first."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call

from . import errors
from . import service as organizations
from .records import FULL, FULL_RCP, Account, Node, Organization, Policy, Root, Unit, about, managing, root

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

ANYTHING = '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Allow",\n      "Action": "*",\n      "Resource": "*"\n    }\n  ]\n}'
ANYBODY = '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Allow",\n      "Principal": "*",\n      "Action": "*",\n      "Resource": "*"\n    }\n  ]\n}'

# AWS's own, attached to everything where their type is enabled.
MANAGED = {
    FULL: Policy(FULL, "FullAWSAccess", "SERVICE_CONTROL_POLICY", "Allows access to every operation", ANYTHING),
    FULL_RCP: Policy(FULL_RCP, "RCPFullAWSAccess", "RESOURCE_CONTROL_POLICY", "Allows access to every resource", ANYBODY),
}
OF_TYPE = {policy.type: policy.id for policy in MANAGED.values()}


def nodes(there: Call) -> list[Node]:
    return [*there.all(Root), *there.all(Unit), *there.all(Account)]


def default_policies(there: Call, organization: Organization) -> tuple[str, ...]:
    """What a new target carries."""
    return tuple(OF_TYPE[type_] for type_ in root(there, organization.root).types if type_ in OF_TYPE)


def type_of(there: Call, id_: str) -> str:
    policy = MANAGED.get(id_) or there.get(Policy, id_)
    return policy.type if policy else ""


def let_go(there: Call, one: Node) -> None:
    """A target goes: its policies know it no longer."""
    for id_ in one.policies:
        if policy := there.get(Policy, id_):
            there.put(policy.but(targets=tuple(x for x in policy.targets if x != one.id)))


@organizations.op(needs=about("RootId"))
def enable_policy_type(call: Call, req: t.EnablePolicyTypeRequest) -> t.EnablePolicyTypeResponse:
    from .organization import show_root
    there, organization = managing(call)
    top, type_ = root(there, req["RootId"]), req["PolicyType"]
    if organization.features != "ALL":
        raise errors.type_unavailable()
    if type_ in top.types:
        raise errors.type_enabled()
    top = there.put(top.but(types=(*top.types, type_)))
    if type_ in OF_TYPE:
        for one in nodes(there):
            there.put(one.but(policies=(OF_TYPE[type_], *one.policies)))
    return {"Root": show_root(organization, root(there, top.id))}


@organizations.op(needs=about("RootId"))
def disable_policy_type(call: Call, req: t.DisablePolicyTypeRequest) -> t.DisablePolicyTypeResponse:
    """All policies of the type are detached; enabled again, it begins from nothing but the default."""
    from .organization import show_root
    there, organization = managing(call)
    top, type_ = root(there, req["RootId"]), req["PolicyType"]
    if type_ not in top.types:
        raise errors.type_not_enabled()
    there.put(top.but(types=tuple(x for x in top.types if x != type_)))
    for one in nodes(there):
        kept = tuple(id_ for id_ in one.policies if type_of(there, id_) != type_)
        if kept != one.policies:
            there.put(one.but(policies=kept))
    for policy in there.all(Policy):
        if policy.type == type_ and policy.targets:
            there.put(policy.but(targets=()))
    return {"Root": show_root(organization, root(there, top.id))}
