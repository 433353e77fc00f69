"""A web ACL asked about one request: rules by priority until one allows or blocks; else the default action.

A rule that counts goes on, leaving its labels for the rules after it. A rule group is a list of rules in the place of one, and its verdict counts as the rule's
unless OverrideAction says Count.
"""
from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import regex

from . import detect, fields, threats, transform
from .token import IMMUNITY_SECONDS, NONE, Token

SECONDS = 0.05   # the longest that one pattern may think


@dataclass(slots=True)
class Asked:
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    longer: bool = False       # there is more of the body than WAF is shown
    address: str = "127.0.0.1"
    labels: set[str] = field(default_factory=set)
    token: Token = NONE
    now: float = 0
    immunity: float = IMMUNITY_SECONDS
    user_pool: bool = False    # the request is for a user pool


@dataclass(slots=True)
class Verdict:
    action: str                             # Allow, Block, Captcha, Challenge
    settings: dict[str, Any]                # of the action: CustomResponse, CustomRequestHandling
    rule: str = "Default_Action"            # the rule that ended it
    within: str = ""                        # which rule of the rule's group
    counted: list[str] = field(default_factory=list)
    insert: list[tuple[str, str]] = field(default_factory=list)  # headers for the target
    bodies: dict[str, Any] = field(default_factory=dict)         # custom response bodies of whoever answers


class World(Protocol):
    """What an ACL refers to, and the memory of rate rules."""

    def addresses(self, arn: str) -> list[Any]: ...
    def patterns(self, arn: str) -> list[str]: ...
    def group(self, arn: str) -> dict[str, Any] | None: ...            # {"Rules", "LabelPrefix", "Bodies"}
    def managed(self, vendor: str, name: str) -> dict[str, Any] | None: ...
    def count(self, rule: str, key: str, window: int) -> int: ...      # this request and those of the window before it
    def seen(self, rule: str, key: str, window: int) -> int: ...       # those of the window, without this request
    def different(self, rule: str, key: str, value: str, window: int) -> int: ...   # how many values came with the key


def decide(acl: dict[str, Any], asked: Asked, world: World) -> Verdict:
    """`acl`: Name, Rules, DefaultAction, LabelPrefix, CustomResponseBodies."""
    counted: list[str] = []
    insert: list[tuple[str, str]] = []
    prefix, bodies = acl["LabelPrefix"], acl.get("CustomResponseBodies") or {}
    for rule in sorted(acl["Rules"], key=lambda r: r["Priority"]):
        statement = rule["Statement"]
        if group := _group(statement, world):
            ended = _in_group(group, statement, rule["Name"], asked, world, acl)
            if ended is None:
                continue
            if "Count" in (rule.get("OverrideAction") or {}):
                counted.append(rule["Name"])
                continue
            action, within = ended
            bodies = bodies | group.get("Bodies", {})
        else:
            if not matches(statement, asked, world, prefix, rule["Name"]):
                continue
            asked.labels.update(prefix + one["Name"] for one in rule.get("RuleLabels") or ())
            action, within = rule.get("Action") or {"Count": {}}, ""
        name, settings = next(iter(action.items()))
        settings = settings or {}
        if name in ("Allow", "Count"):
            insert += [("x-amzn-waf-" + h["Name"], h["Value"]) for h in settings.get("CustomRequestHandling", {}).get("InsertHeaders", ())]
        if name == "Count" or solved(name, rule, acl, asked):
            counted.append(rule["Name"])
            continue
        return Verdict(name, settings, rule["Name"], within, counted, insert, bodies)
    name, settings = next(iter(acl["DefaultAction"].items()))
    insert += [("x-amzn-waf-" + h["Name"], h["Value"]) for h in (settings or {}).get("CustomRequestHandling", {}).get("InsertHeaders", ())]
    return Verdict(name, settings or {}, counted=counted, insert=insert, bodies=bodies)


def solved(action: str, rule: dict[str, Any], acl: dict[str, Any], asked: Asked) -> bool:
    """A challenge or puzzle whose solution the client has brought, not too long ago: it counts and does not stop him."""
    member = {"Challenge": "ChallengeConfig", "Captcha": "CaptchaConfig"}.get(action)
    if member is None or (action == "Captcha" and not asked.token.puzzle):
        return False
    config = rule.get(member) or acl.get(member) or {}
    seconds = config.get("ImmunityTimeProperty", {}).get("ImmunityTime", IMMUNITY_SECONDS)
    return asked.token.status(asked.now, seconds)[0] == "accepted"


def _group(statement: dict[str, Any], world: World) -> dict[str, Any] | None:
    if one := statement.get("RuleGroupReferenceStatement"):
        return world.group(one["ARN"]) or {"Rules": [], "LabelPrefix": ""}
    if one := statement.get("ManagedRuleGroupStatement"):
        return world.managed(one["VendorName"], one["Name"]) or {"Rules": [], "LabelPrefix": ""}
    return None


def _in_group(group: dict[str, Any], statement: dict[str, Any], place: str, asked: Asked, world: World, acl: dict[str, Any]) -> tuple[dict[str, Any], str] | None:
    """The action and name of the group's rule that ends it."""
    how = statement.get("RuleGroupReferenceStatement") or statement["ManagedRuleGroupStatement"]
    down = how.get("ScopeDownStatement")
    if down and not matches(down, asked, world, "", place + "/down"):
        return None
    instead = {one["Name"]: {"Count": {}} for one in how.get("ExcludedRules") or ()} | {one["Name"]: one["ActionToUse"] for one in how.get("RuleActionOverrides") or ()}
    sensed: set[str] = set()
    if sense := group.get("Sense"):
        found = sense(asked, threats.config(group["Name"], how.get("ManagedRuleGroupConfigs") or []), world, f"{place}/{group['Name']}")
        asked.labels.update(one if one.startswith("awswaf:") else group["LabelPrefix"] + one for one in found.labels)
        sensed = found.rules
    for rule in sorted(group["Rules"], key=lambda r: r["Priority"]):
        if rule["Name"] in sensed or ("Statement" in rule and matches(rule["Statement"], asked, world, group["LabelPrefix"], f"{place}/{rule['Name']}")):
            asked.labels.update(group["LabelPrefix"] + one["Name"] for one in rule.get("RuleLabels") or ())
            action = instead.get(rule["Name"]) or rule["Action"]
            if "Count" not in action and not solved(next(iter(action)), rule, acl, asked):
                return action, rule["Name"]
    return None


def matches(statement: dict[str, Any], asked: Asked, world: World, prefix: str, place: str) -> bool:
    kind, how = next(iter(statement.items()))
    match kind:
        case "AndStatement":
            return all(matches(one, asked, world, prefix, f"{place}/{i}") for i, one in enumerate(how["Statements"]))
        case "OrStatement":
            return any(matches(one, asked, world, prefix, f"{place}/{i}") for i, one in enumerate(how["Statements"]))
        case "NotStatement":
            return not matches(how["Statement"], asked, world, prefix, place + "/not")
        case "LabelMatchStatement":
            key = how["Key"] if how["Key"].startswith("awswaf:") else prefix + how["Key"]
            return key in asked.labels if how["Scope"] == "LABEL" else any(one.startswith(key) for one in asked.labels)
        case "IPSetReferenceStatement":
            return _in_set(how, asked, world)
        case "RateBasedStatement":
            return _too_often(how, asked, world, prefix, place)
        case "GeoMatchStatement" | "AsnMatchStatement":
            return False   # no address of a bell has a country or a network operator: nothing matches, as AWS says of addresses it cannot place
    test = _test(kind, how, world)
    steps = how["TextTransformations"]
    try:
        return any(test(transform.run(steps, value)) for value in fields.values(asked, how["FieldToMatch"]))
    except fields.Decided as said:
        return said.matched


def _test(kind: str, how: dict[str, Any], world: World) -> Any:
    match kind:
        case "ByteMatchStatement":
            wanted, where = how["SearchString"], how["PositionalConstraint"]
            return _POSITION[where](wanted if isinstance(wanted, bytes) else wanted.encode())
        case "SqliMatchStatement":
            return lambda value: detect.sqli(value, how.get("SensitivityLevel") or "LOW")
        case "XssMatchStatement":
            return detect.xss
        case "SizeConstraintStatement":
            size, compare = how["Size"], how["ComparisonOperator"]
            return lambda value: _COMPARE[compare](len(value), size)
        case "RegexMatchStatement":
            return lambda value: found(how["RegexString"], value)
        case "RegexPatternSetReferenceStatement":
            wanted = world.patterns(how["ARN"])
            return lambda value: any(found(one, value) for one in wanted)
    raise ValueError(kind)


def _word(wanted: bytes) -> Any:
    pattern = regex.compile(rb"(?<![A-Za-z0-9_])" + regex.escape(wanted) + rb"(?![A-Za-z0-9_])")
    return lambda value: pattern.search(value) is not None


_POSITION: dict[str, Any] = {
    "EXACTLY": lambda wanted: lambda value: value == wanted, "STARTS_WITH": lambda wanted: lambda value: value.startswith(wanted),
    "ENDS_WITH": lambda wanted: lambda value: value.endswith(wanted), "CONTAINS": lambda wanted: lambda value: wanted in value, "CONTAINS_WORD": _word,
}
_COMPARE: dict[str, Any] = {"EQ": int.__eq__, "NE": int.__ne__, "LE": int.__le__, "LT": int.__lt__, "GE": int.__ge__, "GT": int.__gt__}


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Any:
    return regex.compile(pattern.encode())


def found(pattern: str, value: bytes) -> bool:
    try:
        return compiled(pattern).search(value, timeout=SECONDS) is not None
    except TimeoutError:
        return False   # a pattern that thinks for ever has found nothing


# -- addresses ------------------------------------------------------------------------------------------------------------------------

def _forwarded(config: dict[str, Any], asked: Asked) -> list[str] | bool:
    """The addresses in a header; without it or with a bad one, what the fallback says. Without the header no rule matches."""
    values = [value for key, value in asked.headers if key.lower() == config["HeaderName"].lower()]
    if not values:
        return False
    parts = [part.strip() for part in ",".join(values).split(",")]
    position = config.get("Position", "FIRST")
    chosen = parts[:1] if position == "FIRST" else parts[-1:] if position == "LAST" else parts[-10:]
    try:
        return [str(ipaddress.ip_address(one)) for one in chosen]
    except ValueError:
        return bool(config["FallbackBehavior"] == "MATCH")


def _in_set(how: dict[str, Any], asked: Asked, world: World) -> bool:
    config = how.get("IPSetForwardedIPConfig")
    who = _forwarded(config, asked) if config else [asked.address]
    if isinstance(who, bool):
        return who
    networks = world.addresses(how["ARN"])
    return any(one in network for one in map(ipaddress.ip_address, who) for network in networks if network.version == one.version)


def _too_often(how: dict[str, Any], asked: Asked, world: World, prefix: str, place: str) -> bool:
    down = how.get("ScopeDownStatement")
    if down and not matches(down, asked, world, prefix, place + "/down"):
        return False
    kind, config = how["AggregateKeyType"], how.get("ForwardedIPConfig")
    if kind == "CUSTOM_KEYS":
        parts = [_key(one, asked, config) for one in how["CustomKeys"]]
        if None in parts:
            return False           # a request without one of the keys is not counted
        key = "\0".join(str(part) for part in parts)
    elif kind == "FORWARDED_IP":
        who = _forwarded(config or {}, asked)
        if isinstance(who, bool):
            return who
        key = who[0]
    else:
        key = asked.address if kind == "IP" else ""
    return world.count(place, key, how.get("EvaluationWindowSec") or 300) > how["Limit"]


def _key(one: dict[str, Any], asked: Asked, config: Any) -> str | None:
    kind, how = next(iter(one.items()))
    match kind:
        case "IP":
            return asked.address
        case "ForwardedIP":
            who = _forwarded(config, asked) if config else False
            return None if isinstance(who, bool) else who[0]
        case "HTTPMethod":
            return asked.method
        case "LabelNamespace":
            return next((label for label in sorted(asked.labels) if label.startswith(how["Namespace"])), None)
        case "Cookie":
            found = [value.encode("latin-1", "replace") for name, value in fields.cookies(asked) if name == how["Name"]]
        case "Header" | "QueryArgument" | "QueryString" | "UriPath":
            found = fields.values(asked, {{"Header": "SingleHeader", "QueryArgument": "SingleQueryArgument"}.get(kind, kind): how})
        case _:
            return None
    return transform.run(how["TextTransformations"], found[0]).decode("latin-1") if found else None
