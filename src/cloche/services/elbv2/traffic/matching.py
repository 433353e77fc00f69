"""Which rule a request meets. Pure: conditions as AWS shows them in, yes or no out.

`*` stands for any run of characters and `?` for exactly one. Hosts, header values and query strings are compared without regard to case, paths and methods with it.
"""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import regex


class Asked(NamedTuple):
    """A request, as far as rules look at it."""

    method: str
    host: str                           # without the port
    path: str                           # as it came, without the query string
    query: str
    headers: list[tuple[str, str]]      # names in lower case
    source: str


@lru_cache(4096)
def wild(pattern: str, fold: bool) -> Any:
    text = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile(text, re.S | (re.I if fold else 0))


@lru_cache(1024)
def expression(pattern: str, fold: bool) -> Any:
    return regex.compile(pattern, regex.I if fold else 0)


def like(value: str, patterns: Iterable[str], fold: bool = True) -> bool:
    return any(wild(one, fold).fullmatch(value) for one in patterns)


def fits(value: str, config: Any, fold: bool = True) -> bool:
    """Wildcards, or regular expressions (which may match anywhere). An expression that takes too long does not match."""
    try:
        return like(value, config.get("Values") or (), fold) or any(expression(one, fold).search(value, timeout=0.1) for one in config.get("RegexValues") or ())
    except TimeoutError:
        return False


def host(asked: Asked, config: Any) -> bool:
    return fits(asked.host, config)


def path(asked: Asked, config: Any) -> bool:
    return fits(asked.path, config, fold=False)


def header(asked: Asked, config: Any) -> bool:
    name = config["HttpHeaderName"].lower()
    return any(fits(value, config) for key, value in asked.headers if key == name)


def method(asked: Asked, config: Any) -> bool:
    return asked.method in config["Values"]


def query(asked: Asked, config: Any) -> bool:
    pairs = [part.partition("=")[::2] for part in asked.query.split("&")] if asked.query else []
    return any((not one.get("Key") or like(key, [one["Key"]])) and like(value, [one["Value"]]) for one in config["Values"] for key, value in pairs)


def source(asked: Asked, config: Any) -> bool:
    try:
        address = ipaddress.ip_address(asked.source)
    except ValueError:
        return False
    return any(address in network(one) for one in config["Values"])


@lru_cache(1024)
def network(cidr: str) -> Any:
    return ipaddress.ip_network(cidr)


CONDITIONS = {
    "host-header": ("HostHeaderConfig", host), "path-pattern": ("PathPatternConfig", path), "http-header": ("HttpHeaderConfig", header),
    "http-request-method": ("HttpRequestMethodConfig", method), "query-string": ("QueryStringConfig", query), "source-ip": ("SourceIpConfig", source),
}


def holds(conditions: list[Any], asked: Asked) -> bool:
    for one in conditions:
        name, test = CONDITIONS[one["Field"]]
        if not test(asked, one[name]):
            return False
    return True


def first(rules: Iterable[Any], asked: Asked) -> Any:
    """The first rule, by priority, all of whose conditions hold; None if only the default is left."""
    return next((rule for rule in rules if holds(rule.conditions, asked)), None)
