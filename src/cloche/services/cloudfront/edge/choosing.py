"""Which behaviour a request meets, what of the request an answer is found by, and what the origin is told. Pure."""
from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any, NamedTuple

from ..things import items

Pairs = list[tuple[str, str]]


@lru_cache(maxsize=1024)
def pattern(text: str) -> re.Pattern[str]:
    """`*` stands for any number of characters, `?` for one; case counts; the slash at the beginning may be left out."""
    return re.compile("/?" + "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in text.removeprefix("/")), re.S)


def behaviour(config: dict[str, Any], path: str) -> dict[str, Any]:
    return next((one for one in items(config["CacheBehaviors"]) if pattern(one["PathPattern"]).fullmatch(path)), config["DefaultCacheBehavior"])


class Choice(NamedTuple):
    """none, all, whitelist or allExcept of names."""

    how: str
    names: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        if self.how in ("none", "all"):
            return self.how == "all"
        return (name in self.names or any("*" in one and pattern(one).fullmatch(name) for one in self.names)) == (self.how == "whitelist")


NOTHING = Choice("none")


class Rules(NamedTuple):
    """A behaviour's policies, whichever way they were written."""

    headers: Choice
    cookies: Choice
    query: Choice
    gzip: bool
    brotli: bool
    ttls: tuple[int, int, int]
    sent_headers: Choice          # beyond those of the key
    sent_cookies: Choice
    sent_query: Choice
    also: frozenset[str]          # CloudFront's own headers, sent besides all of the viewer's
    legacy: bool

    @property
    def caches(self) -> bool:
        return self.ttls[2] > 0 and not (self.legacy and self.headers.how == "all")


def choice(config: dict[str, Any], kind: str, names: str) -> Choice:
    how = config[f"{kind}Behavior"]
    listed = items(config.get(names))
    return Choice(how, frozenset(one.lower() for one in listed) if kind == "Header" else frozenset(listed))


def rules(one: dict[str, Any], cache: dict[str, Any] | None, origin: dict[str, Any] | None) -> Rules:
    """`cache` and `origin`: the configurations of the behaviour's policies."""
    if cache is None:
        legacy = one["ForwardedValues"]
        headers, cookies, keys = items(legacy["Headers"]), legacy["Cookies"], items(legacy["QueryStringCacheKeys"])
        query = NOTHING if not legacy["QueryString"] else Choice("whitelist", frozenset(keys)) if keys else Choice("all")
        named = frozenset(name.lower() for name in headers)
        return Rules(
            Choice("all") if "*" in headers else Choice("whitelist", named) if headers else NOTHING,
            Choice(cookies["Forward"], frozenset(items(cookies.get("WhitelistedNames")))), query, bool(one["Compress"]) and "accept-encoding" not in named, False,
            (one["MinTTL"], one["DefaultTTL"], one["MaxTTL"]), NOTHING, NOTHING, Choice("all") if legacy["QueryString"] else NOTHING, frozenset(), True)
    keyed = cache["ParametersInCacheKeyAndForwardedToOrigin"]
    sent = (NOTHING, NOTHING, NOTHING)
    also: frozenset[str] = frozenset()
    if origin is not None:
        wanted = choice(origin["HeadersConfig"], "Header", "Headers")
        if wanted.how.startswith("allViewer"):
            also, wanted = wanted.names, Choice("all")
        sent = (wanted, choice(origin["CookiesConfig"], "Cookie", "Cookies"), choice(origin["QueryStringsConfig"], "QueryString", "QueryStrings"))
    return Rules(choice(keyed["HeadersConfig"], "Header", "Headers"), choice(keyed["CookiesConfig"], "Cookie", "Cookies"), choice(keyed["QueryStringsConfig"], "QueryString", "QueryStrings"),
                 keyed["EnableAcceptEncodingGzip"], keyed["EnableAcceptEncodingBrotli"], (cache["MinTTL"], cache["DefaultTTL"], cache["MaxTTL"]), *sent, also, False)


# -- parts of a request -----------------------------------------------------------------------------------------------------------

def parameters(query: str) -> Pairs:
    """As they stand, in their order."""
    return [(name, text) for text in query.split("&") if text for name in [text.partition("=")[0]]]


def cookies(headers: Pairs) -> Pairs:
    return [(text.strip().partition("=")[0], text.strip()) for name, value in headers if name == "cookie" for text in value.split(";") if text.strip()]


def taken(pairs: Pairs, *choices: Choice) -> list[str]:
    return [text for name, text in pairs if any(one.takes(name) for one in choices)]


def encodings(headers: Pairs, gzip: bool, brotli: bool) -> str:
    """What of Accept-Encoding counts: `br,gzip`, `br`, `gzip` or nothing."""
    said = {part.partition(";")[0].strip().lower() for name, value in headers if name == "accept-encoding" for part in value.split(",") if not re.search(r";\s*q=0(\.0*)?\s*$", part)}
    return ",".join([*(["br"] if brotli and "br" in said else []), *(["gzip"] if gzip and "gzip" in said else [])])


def key(kept: Rules, method: str, uri: str, query: str, headers: Pairs, own: dict[str, str]) -> tuple[str, str]:
    """(what an answer is found by, its path with the query string that counts). `own`: the headers that CloudFront adds."""
    told = "&".join(taken(parameters(query), kept.query))
    path = uri + ("?" + told if told else "")
    parts = [method, path, *sorted(taken(cookies(headers), kept.cookies)), encodings(headers, kept.gzip, kept.brotli)]
    if kept.headers.how == "whitelist":
        parts += [f"{name}: {', '.join(value for key, value in [*headers, *own.items()] if key == name)}" for name in sorted(kept.headers.names)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest(), path
