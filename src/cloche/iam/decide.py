"""May this principal do this to that? One function, used for every operation of every service.

Order: an explicit deny anywhere, then service and resource control policies, the resource's policy, identity policies, the permissions boundary,
session policies. The first that decides wins. A resource policy that names the caller itself needs no identity policy in the same account;
one that names its account only delegates.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from .conditions import Context, Lowered
from .policy import ACCOUNT, EXACT, ROLE, Bundle, Counted, Named, Policy
from .principal import Principal

KINDS = {
    "identity": ("an identity-based policy", "identity-based policy"), "boundary": ("a permissions boundary", "permissions boundary"),
    "session": ("a session policy", "session policy"), "scp": ("a service control policy", "service control policy"),
    "rcp": ("a resource control policy", "resource control policy"), "resource": ("a resource-based policy", "resource-based policy"),
    "endpoint": ("a VPC endpoint policy", "VPC endpoint policy"),
}


NAMED = frozenset(("identity", "boundary", "session", "scp", "rcp"))   # kinds whose policy AWS names in its messages


class Question(msgspec.Struct, kw_only=True):
    principal: Principal
    action: str
    resource: str = "*"
    resource_account: str = ""                         # whose the resource is; empty: the caller's own
    context: Mapping[str, Any] | Context | Callable[[], Mapping[str, Any]] | None = None
    now: float | None = None                           # fills aws:CurrentTime, aws:EpochTime
    identity: Sequence[Named] = ()
    boundary: Named | None = None
    session: Sequence[Named] | None = None             # None: the session carries no policies; (): it carries none and may do nothing
    resource_policy: tuple[str, Policy] | None = None  # (name, policy)
    rule: str = "normal"                               # "kms", "trust": without an allow in the resource's policy, nothing
    scps: Sequence[Sequence[Named]] | None = None      # a list of policies for each level, root first
    rcps: Sequence[Sequence[Named]] | None = None
    endpoint: Named | None = None                      # policy of the VPC endpoint the request came through


class Decision(msgspec.Struct):
    allowed: bool
    explicit: bool
    reason: str                                        # which kind of policy decided: a key of KINDS, or "root"
    counted: tuple[Counted, ...] = ()
    action: str = ""
    resource: str = ""
    story: list[dict[str, Any]] | None = None          # of a denial: what each policy said (`explain.story`)
    abroad: str = ""                                   # whose the thing is that another account's principal was let to

    def message(self, principal: Principal, action: str, resource: str, *, named: bool = False) -> str:
        """AWS's sentence for the caller. `named`: with the denying policy's ARN, where it has one; strangers are not told."""
        sentence = f"User: {principal.label} is not authorized to perform: {action} on resource: {resource}"
        if self.explicit:
            which = self.counted[0][0] if named and self.counted and self.reason in NAMED else ""
            return f"{sentence} with an explicit deny in {KINDS[self.reason][0]}{f': {which}' if which.startswith('arn:') else ''}"
        if self.reason == "trust":
            return sentence
        return f"{sentence} because no {KINDS[self.reason][1]} allows the {action} action"


ROOT_DECISION = Decision(True, False, "root")


def decide(q: Question) -> Decision:
    p = q.principal
    same = not q.resource_account or q.resource_account == p.account
    if p.kind == "root" and same and q.rule == "normal" and not (
        q.resource_policy or q.scps is not None or q.rcps is not None or q.endpoint or q.session is not None or q.boundary or q.identity
    ):
        return ROOT_DECISION
    found = _decide(q)
    found.action, found.resource = q.action, q.resource
    if not same and found.allowed and p.account:
        found.abroad = q.resource_account
    return found


def _decide(q: Question) -> Decision:
    p = q.principal
    same = not q.resource_account or q.resource_account == p.account
    action, resource, context = q.action.lower(), q.resource, context_of(q)
    own = q.resource_policy[1].alone(q.resource_policy[0]) if q.resource_policy is not None else None
    gates = _gates(q)

    # 1. an explicit deny anywhere
    for reason, policies, by_principal in gates:
        if hit := _first(policies, 0, action, resource, context, p if by_principal else None):
            return Decision(False, True, reason, (hit,))
    if own is not None and (hit := _first(own, 0, action, resource, context, p)):
        return Decision(False, True, "resource", (hit,))
    if q.identity and (hit := _first(q.identity, 0, action, resource, context)):
        return Decision(False, True, "identity", (hit,))
    if q.boundary is not None and (hit := _first((q.boundary,), 0, action, resource, context)):
        return Decision(False, True, "boundary", (hit,))
    if q.session and (hit := _first(q.session, 0, action, resource, context)):
        return Decision(False, True, "session", (hit,))

    # 2. what the organization, and the way the request came, let through
    counted: list[Counted] = []
    for reason, policies, by_principal in gates:
        if not (found := _first(policies, 1, action, resource, context, p if by_principal else None)):
            return Decision(False, False, reason, tuple(counted))
        counted.append(found)

    # 3. the resource's own policy
    grade = 0
    if own is not None:
        grade, found = _closest(own, action, resource, context, p)
        if found is not None:
            counted.append(found)
    if p.outsider or (p.provider and not p.account):
        return Decision(grade > 0, False, "resource" if grade or q.rule != "trust" else "trust", tuple(counted))
    if grade == EXACT and same:
        return Decision(True, False, "resource", tuple(counted))
    if not grade and (not same or q.rule != "normal"):
        return Decision(False, False, "trust" if q.rule == "trust" else "resource", tuple(counted))

    # 4. the caller's own policies
    if not (same and grade == ROLE) and p.kind != "root":
        if not (found := _first(q.identity, 1, action, resource, context)):
            return Decision(False, False, "identity", tuple(counted))
        counted.append(found)
    if q.boundary is not None:
        if not (found := _first((q.boundary,), 1, action, resource, context)):
            return Decision(False, False, "boundary", tuple(counted))
        counted.append(found)
    if q.session is not None:
        if not (found := _first(q.session, 1, action, resource, context)):
            return Decision(False, False, "session", tuple(counted))
        counted.append(found)
    return Decision(True, False, "resource" if grade > ACCOUNT and same else "root" if p.kind == "root" else "identity", tuple(counted))


def _gates(q: Question) -> list[tuple[str, Sequence[Named], bool]]:
    """Policies that allow nothing by themselves but must let the request through: (kind, policies of one level, do they name principals)."""
    gates: list[tuple[str, Sequence[Named], bool]] = []
    if q.scps is not None and not q.principal.service_linked and not q.principal.outsider:
        gates += [("scp", level, False) for level in q.scps]
    if q.rcps is not None and not q.principal.service_linked:
        gates += [("rcp", level, True) for level in q.rcps]
    if q.endpoint is not None:
        gates.append(("endpoint", (q.endpoint,), True))
    return gates


def _first(policies: Sequence[Named], effect: int, action: str, resource: str, context: Context, principal: Principal | None = None) -> Counted | None:
    """The first statement of this effect (0 deny, 1 allow) that holds; with a principal, of those that name it."""
    about = policies.about if isinstance(policies, Bundle) else Bundle(policies).about
    return about(action)[effect].first(resource, context, principal)


def _closest(own: Bundle, action: str, resource: str, context: Context, p: Principal) -> tuple[int, Counted | None]:
    """The allowance of a resource's policy that names the caller most closely."""
    grade, chosen = 0, None
    for name, s in own.about(action)[1].statements:
        close = s.names(p)
        if close > grade and s.holds(resource, context):
            grade, chosen = close, (name, s.name, "Allow")
            if grade == EXACT:
                break
    return grade, chosen


def context_of(q: Question) -> Context:
    """The request's keys over those that follow from who asks."""
    given = q.context
    return Context((lambda: Lowered(given.items())) if isinstance(given, Context) else given, beneath=Derived(q))


class Derived:
    """The global keys that follow from the principal, the resource's account and the time; each is made when somebody asks for it."""

    __slots__ = ("q",)

    def __init__(self, q: Question) -> None:
        self.q = q

    def get(self, key: str) -> Any:
        """The value of a lower-cased key, None if the request has none."""
        if (make := KEYS.get(key)) is not None:
            return make(self.q, self.q.principal)
        if key.startswith(TAG):
            for name, value in self.q.principal.tags.items():
                if name.lower() == key[len(TAG):]:
                    return value
            return None
        return self.q.principal.claims.get(key)

    def names(self) -> list[str]:
        return [*KEYS, *(TAG + name.lower() for name in self.q.principal.tags), *self.q.principal.claims]


TAG = "aws:principaltag/"


def _of(*kinds: str) -> Callable[[Callable[[Question, Principal], Any]], Callable[[Question, Principal], Any]]:
    """A key that only principals of these kinds have."""
    return lambda make: lambda q, p: make(q, p) if p.kind in kinds else None


PEOPLE = _of("root", "user", "role", "federated")
SERVICES = _of("service")
KEYS: dict[str, Callable[[Question, Principal], Any]] = {
    "aws:principalisawsservice": lambda q, p: p.kind == "service",
    "aws:viaawsservice": lambda q, p: bool(p.via),
    "aws:epochtime": lambda q, p: None if q.now is None else str(int(q.now)),
    "aws:currenttime": lambda q, p: None if q.now is None else iso(q.now),
    "aws:resourceaccount": lambda q, p: q.resource_account or p.account or None,
    "aws:principalservicename": SERVICES(lambda q, p: p.service),
    "aws:principalservicenameslist": SERVICES(lambda q, p: [p.service]),
    "aws:sourcearn": SERVICES(lambda q, p: p.source_arn or None),
    "aws:sourceaccount": SERVICES(lambda q, p: p.source_account or None),
    "aws:userid": lambda q, p: p.id or None if p.kind != "service" else None,
    "aws:principaltype": lambda q, p: TYPES.get(p.kind),
    "aws:principalarn": PEOPLE(lambda q, p: p.role_arn if p.kind == "role" else p.arn),
    "aws:principalaccount": PEOPLE(lambda q, p: p.account),
    "aws:username": _of("user")(lambda q, p: p.name),
    "aws:tokenissuetime": PEOPLE(lambda q, p: iso(p.issued) if p.issued else None),
    "aws:multifactorauthpresent": PEOPLE(lambda q, p: p.mfa),
    "aws:multifactorauthage": PEOPLE(lambda q, p: str(int(q.now - (p.mfa_time or p.issued))) if p.mfa and q.now is not None else None),
    "aws:sourceidentity": PEOPLE(lambda q, p: p.source_identity or None),
    "sts:sourceidentity": PEOPLE(lambda q, p: p.source_identity or None),
    "aws:federatedprovider": PEOPLE(lambda q, p: p.provider or None),
    "aws:calledvia": PEOPLE(lambda q, p: list(p.via) if p.via else None),
    "aws:calledviafirst": PEOPLE(lambda q, p: p.via[0] if p.via else None),
    "aws:calledvialast": PEOPLE(lambda q, p: p.via[-1] if p.via else None),
}


TYPES = {"root": "Account", "user": "User", "role": "AssumedRole", "federated": "FederatedUser", "anonymous": "Anonymous"}


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
