"""Why: a decision as data and as sentences. `story` is told of denials only, at the moment they happen; it names what nearly counted."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .conditions import Context
from .decide import KINDS, Decision, Question, context_of
from .policy import Named, Policy, Statement
from .principal import Principal

WORDS = {"identity": "identity-based policies", "boundary": "the permissions boundary", "session": "session policies", "scp": "a service control policy",
         "rcp": "a resource control policy", "resource": "the resource's policy", "endpoint": "the VPC endpoint's policy"}


def story(q: Question) -> list[dict[str, Any]]:
    """What each policy that was asked has to say: its statements about the action, and what each lacked."""
    action, context = q.action.lower(), context_of(q)
    told = []
    for kind, name, policy, principal in _asked(q):
        statements = [{"statement": s.name, "effect": "Allow" if s.allows else "Deny", **_judged(s, q.resource, context, principal)}
                      for s in policy.statements if s.matches_action(action)]
        told.append({"kind": kind, "policy": name, "statements": statements})
    return told


def _asked(q: Question) -> Iterator[tuple[str, str, Policy, Principal | None]]:
    def of(kind: str, policies: Any, principal: Principal | None = None) -> Iterator[tuple[str, str, Policy, Principal | None]]:
        named: Named
        for named in policies:
            yield kind, named[0], named[2], principal
    for level in q.scps or ():
        yield from of("scp", level)
    for level in q.rcps or ():
        yield from of("rcp", level, q.principal)
    if q.endpoint is not None:
        yield from of("endpoint", (q.endpoint,), q.principal)
    if q.resource_policy is not None:
        yield "resource", q.resource_policy[0], q.resource_policy[1], q.principal
    yield from of("identity", q.identity)
    if q.boundary is not None:
        yield from of("boundary", (q.boundary,))
    yield from of("session", q.session or ())


def _judged(s: Statement, resource: str, context: Context, principal: Principal | None) -> dict[str, Any]:
    if principal is not None and not s.names(principal):
        return {"holds": False, "lacks": "it names other principals"}
    if not s.matches_resource(resource, context):
        return {"holds": False, "lacks": "it is about other resources: " + ", ".join(s.resources[:5]) + (", ..." if len(s.resources) > 5 else "")}
    for condition in s.conditions:
        if not condition.holds(context):
            given = context.get(condition.key.lower())
            have = "is missing" if given is None else "is " + ", ".join(given)
            return {"holds": False, "lacks": f"its condition {condition.operator} {condition.key} {', '.join(condition.values)} does not hold: the key {have}"}
    return {"holds": True}


def plain(decision: Decision) -> dict[str, Any]:
    """A decision as data; `text` is for people."""
    found: dict[str, Any] = {
        "allowed": decision.allowed, "explicit": decision.explicit, "reason": decision.reason, "action": decision.action, "resource": decision.resource,
        "statements": [{"policy": name, "statement": sid, "effect": effect} for name, sid, effect in decision.counted], "text": text(decision),
    }
    if decision.story is not None:
        found["story"] = decision.story
    return found


def text(decision: Decision) -> str:
    lines = [_verdict(decision)]
    for name, sid, effect in decision.counted:
        lines.append(f"  {effect}: statement {sid} of {name}")
    for told in decision.story or ():
        for one in told["statements"]:
            if not one["holds"]:
                lines.append(f"  {told['policy']} ({told['kind']}): statement {one['statement']} ({one['effect']}) does not count, {one['lacks']}")
        if not told["statements"]:
            lines.append(f"  {told['policy']} ({told['kind']}): says nothing about {decision.action}")
    return "\n".join(lines)


def _verdict(decision: Decision) -> str:
    what = f"{decision.action} on {decision.resource}" if decision.action else "the request"
    if decision.allowed:
        return f"Allowed {what}: the account's root user may" if decision.reason == "root" else f"Allowed {what} by {WORDS[decision.reason]}"
    if decision.explicit:
        return f"Denied {what}: an explicit deny in {KINDS[decision.reason][0]}"
    if decision.reason == "trust":
        return f"Denied {what}: the role's trust policy does not allow it"
    return f"Denied {what}: no {KINDS[decision.reason][1]} allows it"
