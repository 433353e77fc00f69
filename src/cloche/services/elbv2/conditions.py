"""Conditions of rules, checked and brought into the form in which AWS shows them. How they match is `traffic/matching`."""
from __future__ import annotations

import ipaddress
import re
from typing import Any

from . import errors, limits

CONFIGS = {
    "host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig", "http-header": "HttpHeaderConfig", "query-string": "QueryStringConfig",
    "http-request-method": "HttpRequestMethodConfig", "source-ip": "SourceIpConfig",
}
REPEATED = ("http-header", "query-string")
WITH_VALUES, WITH_REGEX = ("host-header", "path-pattern"), ("host-header", "path-pattern", "http-header")
PATH = re.compile(r"[A-Za-z0-9_\-.$/~\"'@:+&*?=%!(),;\[\]]+")
HOST = re.compile(r"[A-Za-z0-9\-.*?:]+")


def checked(given: list[Any]) -> list[Any]:
    if not given:
        raise errors.bad_condition("A rule must have at least one condition")
    fields = [one.get("Field", "") for one in given]
    for field in set(fields):
        if field not in CONFIGS:
            raise errors.bad_condition(f"Condition field '{field}' must be one of '[{', '.join(CONFIGS)}]'")
        if fields.count(field) > 1 and field not in REPEATED:
            raise errors.bad_condition(f"Rules cannot contain multiple conditions with field '{field}'")
    out = [_one(one) for one in given]
    values = [value for one in out for value in values_of(one)]
    if len(values) > limits.CONDITION_VALUES:
        raise errors.bad_condition(f"Rules can have up to '{limits.CONDITION_VALUES}' condition values")
    wild = sum(_wildcards(one, value) for one in out for value in values_of(one))
    if wild > limits.CONDITION_WILDCARDS:
        raise errors.bad_condition(f"Rules can have up to '{limits.CONDITION_WILDCARDS}' wildcards in condition values")
    return out


def values_of(one: Any) -> list[Any]:
    config = one[CONFIGS[one["Field"]]]
    return [*config.get("Values", ()), *config.get("RegexValues", ())]


def _wildcards(one: Any, value: Any) -> int:
    if one["Field"] == "query-string":
        return sum((value.get(k) or "").count(c) for k in ("Key", "Value") for c in "*?")
    config = one[CONFIGS[one["Field"]]]
    return value.count("*") + value.count("?") if value in config.get("Values", ()) and one["Field"] in WITH_REGEX else 0


def _one(given: Any) -> Any:
    field, name = given["Field"], CONFIGS[given["Field"]]
    config = dict(given.get(name) or {})
    for other in CONFIGS.values():
        if other != name and given.get(other):
            raise errors.bad_condition(f"'{other}' cannot be specified for conditions with field '{field}'")
    short, expressions = given.get("Values"), given.get("RegexValues")
    if (short or expressions) and config:
        raise errors.bad_condition(f"You cannot specify both 'Values' and '{name}' in a condition")
    if short or expressions:
        if field not in WITH_VALUES:
            raise errors.bad_condition(f"'Values' cannot be specified for conditions with field '{field}': use '{name}'")
        config = ({"Values": short} if short else {}) | ({"RegexValues": expressions} if expressions else {})
    values, expressions = config.get("Values") or [], config.get("RegexValues") or []
    if not values and not expressions:
        raise errors.bad_condition("A condition value must be specified")
    if values and expressions:
        raise errors.bad_condition("You cannot specify both 'Values' and 'RegexValues' in a condition")
    for expression in expressions:
        if field not in WITH_REGEX or not _compiles(expression):
            raise errors.bad_condition(f"The regular expression '{expression}' is not valid")
    for value in values:
        CHECKS[field](value)
    if field == "http-header":
        header = config.get("HttpHeaderName", "")
        if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,40}", header):
            raise errors.bad_condition(f"HTTP header name '{header}' is not valid")
        if header.lower() == "host":
            raise errors.bad_condition("The HTTP header name 'Host' cannot be specified: use a condition with field 'host-header'")
    out = {"Field": field, name: config}
    if field in WITH_VALUES:
        out = {"Field": field} | ({"Values": values} if values else {"RegexValues": expressions}) | {name: config}
    return out


def _compiles(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return len(expression) <= 128


def _host(value: str) -> None:
    if len(value) > 128 or not HOST.fullmatch(value):
        raise errors.bad_condition(f"Host header condition value '{value}' is not valid")


def _path(value: str) -> None:
    if len(value) > 128 or not PATH.fullmatch(value):
        raise errors.bad_condition(f"Path pattern condition value '{value}' is not valid")


def _text(value: str) -> None:
    if not 1 <= len(value) <= 128 or not value.isprintable():
        raise errors.bad_condition(f"HTTP header condition value '{value}' is not valid")


def _method(value: str) -> None:
    if not re.fullmatch(r"[A-Z\-_]{1,40}", value):
        raise errors.bad_condition(f"HTTP request method '{value}' is not valid")


def _query(value: Any) -> None:
    if not value.get("Value"):
        raise errors.bad_condition("A query string value must be specified")
    if any(len(value.get(k) or "") > 128 for k in ("Key", "Value")):
        raise errors.bad_condition("Query string keys and values can have up to '128' characters")


def _cidr(value: str) -> None:
    try:
        ipaddress.ip_network(value)
        if "/" not in value:
            raise ValueError
    except ValueError:
        raise errors.bad_condition(f"The source IP condition value '{value}' is not a valid CIDR block") from None


CHECKS: dict[str, Any] = {"host-header": _host, "path-pattern": _path, "http-header": _text, "http-request-method": _method, "query-string": _query, "source-ip": _cidr}
