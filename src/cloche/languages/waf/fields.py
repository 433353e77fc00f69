"""The part of a request that a statement looks at, as a list of values any of which may match; or that it is too long to say.

A component longer than WAF inspects is `Oversize`: MATCH and NO_MATCH decide for the statement, CONTINUE looks at what there is.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

HEADERS_BYTES, HEADERS_COUNT = 8192, 200


class Decided(Exception):
    """The field itself decides, whatever the statement would have asked."""

    def __init__(self, matched: bool) -> None:
        self.matched = matched


def _over(handling: str | None) -> None:
    """CONTINUE is what WAF does where nothing is said."""
    if handling in ("MATCH", "NO_MATCH"):
        raise Decided(handling == "MATCH")


def values(asked: Any, field: dict[str, Any]) -> list[bytes]:
    name, how = next(iter(field.items()))
    how = how or {}
    match name:
        case "Method":
            return [asked.method.encode()]
        case "UriPath":
            return [asked.path.encode("latin-1", "replace")]
        case "QueryString":
            return [asked.query.encode("latin-1", "replace")]
        case "SingleQueryArgument":
            return [value for key, value in arguments(asked.query) if key.lower() == how["Name"].lower()]
        case "AllQueryArguments":
            return [value for _, value in arguments(asked.query)]
        case "SingleHeader":
            wanted = how["Name"].lower()
            return [value.encode("latin-1", "replace") for key, value in asked.headers if key.lower() == wanted]
        case "Headers":
            return _map(_bounded(asked.headers, how), how, fold=True)
        case "HeaderOrder":
            return [":".join(key.lower() for key, _ in _bounded(asked.headers, how)).encode("latin-1", "replace")]
        case "Cookies":
            return _map(_bounded(cookies(asked), how), how, fold=False)
        case "Body":
            if asked.longer:
                _over(how.get("OversizeHandling"))
            return [asked.body]
        case "JsonBody":
            return _json(asked, how)
    return []   # JA3 and JA4 fingerprints, fragments: not known of any request here


def arguments(query: str) -> Iterator[tuple[str, bytes]]:
    """Names decoded, values as they came: a text transformation decodes them."""
    for part in query.split("&"):
        if part:
            key, _, value = part.partition("=")
            yield unquote_plus(key), value.encode("latin-1", "replace")


def cookies(asked: Any) -> list[tuple[str, str]]:
    found = []
    for key, value in asked.headers:
        if key.lower() == "cookie":
            for part in value.split(";"):
                name, _, text = part.strip().partition("=")
                if name:
                    found.append((name, text))
    return found


def _bounded(pairs: list[tuple[str, str]], how: dict[str, Any]) -> list[tuple[str, str]]:
    kept: list[tuple[str, str]] = []
    size = 0
    for key, value in pairs:
        size += len(key) + len(value)
        if size > HEADERS_BYTES or len(kept) >= HEADERS_COUNT:
            _over(how.get("OversizeHandling"))
            break
        kept.append((key, value))
    return kept


def _map(pairs: list[tuple[str, str]], how: dict[str, Any], fold: bool) -> list[bytes]:
    pattern, scope = how["MatchPattern"], how["MatchScope"]

    def among(key: str, names: list[str]) -> bool:
        return key.lower() in [n.lower() for n in names] if fold else key in names
    included, excluded = next((v for k, v in pattern.items() if k.startswith("Included")), None), next((v for k, v in pattern.items() if k.startswith("Excluded")), None)
    chosen = [(k, v) for k, v in pairs if (included is None or among(k, included)) and (excluded is None or not among(k, excluded))]
    keys, texts = [k.encode("latin-1", "replace") for k, _ in chosen], [v.encode("latin-1", "replace") for _, v in chosen]
    return keys if scope == "KEY" else texts if scope == "VALUE" else keys + texts


def _json(asked: Any, how: dict[str, Any]) -> list[bytes]:
    if asked.longer:
        _over(how.get("OversizeHandling"))
    if not asked.body.strip():
        return []
    try:
        whole = json.loads(asked.body)
    except (ValueError, RecursionError):
        fallback = how.get("InvalidFallbackBehavior")
        if fallback == "EVALUATE_AS_STRING":
            return [asked.body]
        if fallback in ("MATCH", "NO_MATCH"):
            raise Decided(fallback == "MATCH") from None
        return []    # WAF keeps what it could parse up to the fault; here that is nothing
    paths = how["MatchPattern"].get("IncludedPaths")
    found = list(_walk(whole)) if paths is None else [pair for path in paths for pair in _walk(*_at(whole, path))]
    scope = how["MatchScope"]
    return [text for kind, text in found if scope in ("ALL", kind)]


def _at(value: Any, pointer: str) -> tuple[Any, ...]:
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return ([],)
    return (value,)


def _walk(value: Any) -> Iterator[tuple[str, bytes]]:
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            for key in one:
                yield "KEY", key.encode("utf-8", "surrogatepass")
            stack.extend(reversed(one.values()))
        elif isinstance(one, list):
            stack.extend(reversed(one))
        else:
            yield "VALUE", (one if isinstance(one, str) else json.dumps(one)).encode("utf-8", "surrogatepass")
