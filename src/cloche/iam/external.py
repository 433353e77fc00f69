"""Whom a resource's policy lets in from outside: each allowance that names somebody beyond the zone of trust, and under which conditions. Pure.

Service principals are not outsiders: what a service does, it does for somebody whom its own checks know.
"""
from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from .conditions import split
from .policy import Policy, texts

# keys that tie a request to somebody in particular: under them even `*` is not everybody
TYING = frozenset((
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceowner",
    "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip", "aws:userid", "aws:username", "kms:calleraccount", "s3:dataaccesspointaccount", "s3:dataaccesspointarn", "lambda:functionurlauthtype",
))
POSITIVE = frozenset(("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"))


class Opening(msgspec.Struct, frozen=True):
    """One outsider in one statement."""

    principal: dict[str, str]                          # {"AWS": "*" | account | ARN} | {"Federated": ...} | {"CanonicalUser": ...}
    actions: tuple[str, ...]
    condition: dict[str, str]
    public: bool

    @property
    def name(self) -> str:
        """The same opening has the same name at every look."""
        return hashlib.sha256(json.dumps([self.principal, sorted(self.actions), self.condition], sort_keys=True).encode()).hexdigest()


def openings(policy: Policy, trusted: frozenset[str], organization: str = "") -> list[Opening]:
    """`trusted`: the accounts of the zone; `organization`: its id, where it is one."""
    found = []
    for statement in policy.statements:
        raw = statement.raw
        if not statement.allows or ("Principal" not in raw and "NotPrincipal" not in raw):
            continue
        tied, condition, inside = _conditions(raw.get("Condition") or {}, trusted, organization)
        if inside:
            continue
        actions = tuple(texts(raw["Action"])) if "Action" in raw else ("*",)
        for kind, value in _outsiders(raw, trusted):
            everybody = value == "*"
            found.append(Opening({kind: value}, actions, condition, everybody and not tied))
    return found


def _outsiders(raw: Any, trusted: frozenset[str]) -> list[tuple[str, str]]:
    if "NotPrincipal" in raw or raw["Principal"] == "*":
        return [("AWS", "*")]
    found = []
    for kind, values in raw["Principal"].items():
        for value in texts(values):
            if kind == "Service" or (kind == "AWS" and value != "*" and account(value) in trusted):
                continue
            found.append((kind, value))
    return found


def account(principal: str) -> str:
    """The account a principal is of; "" for ids, which outlive their names."""
    return principal if len(principal) == 12 and principal.isdigit() else principal.split(":")[4] if principal.count(":") >= 5 else ""


def _conditions(block: Any, trusted: frozenset[str], organization: str) -> tuple[bool, dict[str, str], bool]:
    """(is a request under it tied to somebody, the condition as findings show it, can only the zone's own meet it)"""
    tied, shown, inside = False, {}, False
    for operator, keys in block.items():
        parts = split(operator)
        for key, values in keys.items():
            listed = [str(one) for one in (values if isinstance(values, list) else [values])]
            shown[key] = ",".join(listed)
            lower = key.lower()
            if parts is None or parts[1] not in POSITIVE or parts[2] or lower not in TYING or "*" in listed or (lower == "aws:sourceip" and {"0.0.0.0/0", "::/0"} & set(listed)):
                continue
            tied = True
            if (lower in ("aws:principalaccount", "aws:sourceaccount", "kms:calleraccount", "aws:sourceowner") and set(listed) <= trusted) or (
                    lower == "aws:principalorgid" and set(listed) == {organization}) or (lower in ("aws:principalarn", "aws:sourcearn") and all(account(one) in trusted for one in listed)):
                inside = True
    return tied, shown, inside
