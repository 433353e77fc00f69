"""AWS's rule groups against threats: bots, taken-over accounts, fraudulent accounts, floods. They look at more than one request, and must be told about the application.

Such a group first *senses*: it leaves labels and says which of its rules match; then its rules act in their order like any group's. Rules that need what only
Amazon knows (addresses of data centres, verified crawlers, leaked passwords, models of traffic, fingerprints of TLS) are here by name and never match.
Where AWS does not publish a threshold, it is Cloche's own, and stands in this package as a constant.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import regex

from . import token

TEN_MINUTES, HALF_HOUR = 600, 1800


class Sensed(NamedTuple):
    labels: set[str]
    rules: set[str]          # those that match


Sense = Callable[[Any, dict[str, Any], Any, str], Sensed]


class Group(NamedTuple):
    namespace: str
    description: str
    needs: str               # the member of ManagedRuleGroupConfig that must be there; "" if none
    rules: tuple[tuple[str, str, tuple[str, ...]], ...]   # name, action, labels
    more_labels: tuple[str, ...]                          # those that no rule leaves
    sense: Sense


def config(group: str, configs: list[dict[str, Any]]) -> dict[str, Any]:
    """The group's own part of ManagedRuleGroupConfigs."""
    return next((one[group] for one in configs if group in one), {})


def token_labels(asked: Any) -> set[str]:
    state, why = asked.token.status(asked.now, asked.immunity)
    found = {f"awswaf:managed:token:{state}"}
    if why:
        found.add(f"awswaf:managed:token:{state}:{why}")
    if asked.token.session:
        found.add(f"awswaf:managed:token:id:{asked.token.session}")
    return found


def has_token(asked: Any) -> bool:
    return bool(asked.token.status(asked.now, asked.immunity)[0] == token.ACCEPTED)


def agent(asked: Any) -> str:
    return next((value for name, value in asked.headers if name.lower() == "user-agent"), "")


def at_path(asked: Any, path: str, by_pattern: bool) -> bool:
    return path_matches(asked.path, path, by_pattern)


def path_matches(asked: str, path: str, by_pattern: bool) -> bool:
    if not by_pattern:
        return asked.startswith(path)
    try:
        return regex.search(path, asked, timeout=0.05) is not None
    except (regex.error, TimeoutError):
        return False


def level(prefix: str, count: int, steps: tuple[int, int, int]) -> set[str]:
    """The label of a volume: low, medium or high where there is more than each."""
    low, medium, high = steps
    word = "high" if count > high else "medium" if count > medium else "low" if count > low else ""
    return {f"{prefix}:{word}"} if word else set()


class Said(NamedTuple):
    body: bytes


class Fields:
    """The fields of a body, as the application says where they are."""

    def __init__(self, asked: Any, inspection: dict[str, Any]) -> None:
        self.json = inspection.get("PayloadType") == "JSON"
        self.body: Any = None
        if self.json:
            try:
                self.body = json.loads(asked.body)
            except ValueError:
                self.body = None
        else:
            self.body = dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))

    @classmethod
    def of_json(cls, body: bytes) -> Fields:
        return cls(Said(body), {"PayloadType": "JSON"})

    def get(self, field: dict[str, Any] | None) -> str:
        if not field:
            return ""
        name, found = field["Identifier"], self.body
        if not self.json:
            return str(found.get(name, ""))
        for part in name.strip("/").split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, dict):
                found = found.get(part)
            else:
                return ""
        return "" if found is None or isinstance(found, dict | list) else json.dumps(found) if isinstance(found, bool) else str(found)

    def together(self, fields: list[dict[str, Any]] | None) -> str:
        """Several fields as one value: a telephone number in parts, an address."""
        parts = [self.get(one) for one in fields or ()]
        return "\0".join(parts) if any(parts) else ""
