"""A second evaluator of the policy language, slow and plain, written from the words of the documentation and sharing no code with the first.

It keeps to what the property test generates: JSON documents, one context of text lists, the steps of a decision one after the other.
"""
from __future__ import annotations

import re
from typing import Any


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def like(pattern: list[tuple[str, bool]], text: str) -> bool:
    """Wildcards by recursion over characters; each character says whether it may be wild."""
    if not pattern:
        return not text
    c, wild = pattern[0]
    if wild and c == "*":
        return like(pattern[1:], text) or (bool(text) and like(pattern, text[1:]))
    return bool(text) and ((wild and c == "?") or c == text[0]) and like(pattern[1:], text[1:])


class Unknown(Exception):
    pass


def fill(text: str, context: dict[str, list[str]], modern: bool) -> list[tuple[str, bool]]:
    out: list[tuple[str, bool]] = []
    at = 0
    while at < len(text):
        found = re.match(r"\$\{([^{}]*)\}", text[at:]) if modern else None
        if found is None:
            out.append((text[at], True))
            at += 1
            continue
        at += len(found[0])
        name, _, default = found[1].partition(",")
        name, default = name.strip(), default.strip()
        if name in ("*", "?", "$"):
            out.append((name, False))
            continue
        values = context.get(name.lower())
        if values and len(values) == 1:
            value = values[0]
        elif not values and default:
            value = default.strip("'")
        else:
            raise Unknown
        out.extend((c, False) for c in value)
    return out


def condition(operator: str, key: str, wanted: list[str], context: dict[str, list[str]], modern: bool) -> bool:
    prefix, _, name = operator.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    given = context.get(key.lower())
    if name == "Null":
        return any((value == "true") == (not given) for value in wanted)
    negated = "Not" in name
    name = name.replace("Not", "")
    if not given:
        if prefix == "ForAllValues":
            return True
        if prefix == "ForAnyValue":
            return optional
        if optional:
            return True
        if not negated:
            return False
    if prefix == "ForAllValues" and given == [""]:
        return True
    try:
        patterns = [fill(value, context, modern) for value in wanted]
    except Unknown:
        return False
    if not given:
        return True

    def one(value: str) -> bool:
        for pattern in patterns:
            plain = "".join(c for c, _ in pattern)
            if name == "StringEquals" and plain == value:
                return True
            if name == "StringEqualsIgnoreCase" and plain.lower() == value.lower():
                return True
            if name == "StringLike" and like(pattern, value):
                return True
            if name == "NumericLessThan" and value.isdigit() and plain.isdigit() and int(value) < int(plain):
                return True
            if name == "Bool" and plain.lower() == value.lower():
                return True
        return False
    results = [one(value) for value in given]
    if negated:
        results = [not result for result in results]
    if prefix == "ForAllValues" or (negated and prefix != "ForAnyValue"):
        return all(results)
    return any(results)


def names(raw: Any, who: dict[str, Any]) -> int:
    """0: not about the caller; 1: about its account; 2: about its role; 3: about itself."""
    if raw == "*":
        return 3
    best = 0
    for kind, values in raw.items():
        for value in listed(values):
            if kind == "Service":
                best = max(best, 3 if who["kind"] == "service" and value == who["service"] else 0)
            if kind != "AWS":
                continue
            if value == "*":
                best = 3
            elif who["kind"] in ("service", "anonymous"):
                continue
            elif value == who["arn"]:
                best = max(best, 1 if who["kind"] == "root" else 3)
            elif who["role"] and value == who["role"]:
                best = max(best, 2)
            elif value in (who["account"], f"arn:aws:iam::{who['account']}:root"):
                best = max(best, 1)
    return best


def matches(statement: dict[str, Any], action: str, resource: str, context: dict[str, list[str]], modern: bool) -> bool:
    def wild(text: str) -> list[tuple[str, bool]]:
        return [(c, True) for c in text]
    actions = listed(statement.get("Action", statement.get("NotAction")))
    if any(like(wild(one.lower()), action.lower()) for one in actions) == ("NotAction" in statement):
        return False
    field = "NotResource" if "NotResource" in statement else "Resource"
    if field in statement:
        hit = False
        for one in listed(statement[field]):
            try:
                hit = hit or like(fill(one, context, modern), resource)
            except Unknown:
                if field == "NotResource" and not any(safe(other, resource, context, modern) for other in listed(statement[field])):
                    return False
        if hit == (field == "NotResource"):
            return False
    return all(condition(operator, key, listed(values), context, modern)
               for operator, keys in statement.get("Condition", {}).items() for key, values in keys.items())


def safe(pattern: str, resource: str, context: dict[str, list[str]], modern: bool) -> bool:
    try:
        return like(fill(pattern, context, modern), resource)
    except Unknown:
        return False


def decide(who: dict[str, Any], action: str, resource: str, owner: str, context: dict[str, list[str]], identity: list[Any], boundary: Any, session: Any,
           on_resource: Any, scps: Any, rule: str) -> tuple[bool, bool]:
    """(allowed, by an explicit deny)."""
    def statements(policy: Any, effect: str) -> list[Any]:
        return [s for s in policy["Statement"] if s["Effect"] == effect and matches(s, action, resource, context, policy["Version"] == "2012-10-17")]

    def any_of(policies: list[Any], effect: str) -> bool:
        return any(statements(policy, effect) for policy in policies)

    def about(statement: Any) -> int:
        if "NotPrincipal" in statement:
            return 0 if names(statement["NotPrincipal"], who) else 3
        return names(statement["Principal"], who)
    own = who["kind"] not in ("service", "anonymous")
    levels = scps if scps is not None and own else []
    if any(any_of(level, "Deny") for level in levels) or any_of(identity, "Deny") or (boundary and any_of([boundary], "Deny")) or any_of(session or [], "Deny"):
        return False, True
    if on_resource and any(about(s) for s in statements(on_resource, "Deny")):
        return False, True
    if not all(any_of(level, "Allow") for level in levels):
        return False, False
    grade = max([about(s) for s in statements(on_resource, "Allow")] if on_resource else [], default=0)
    if not own:
        return grade > 0, False
    same = owner == who["account"]
    if same and grade == 3:
        return True, False
    if (not same or rule != "normal") and grade == 0:
        return False, False
    if who["kind"] != "root" and not (same and grade == 2) and not any_of(identity, "Allow"):
        return False, False
    if boundary and not any_of([boundary], "Allow"):
        return False, False
    return session is None or any_of(session, "Allow"), False
