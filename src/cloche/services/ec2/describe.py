"""Describe*: identifiers, filters, pages; the same for every noun.

A noun's `Facets` are its filters: name -> f(record) (or f(call, record)) giving a value, a list of values, or None. `tag:KEY` and `tag-key` come by themselves
(records have `.key`, which is their id). Values may have `*` and `?`; `\\` takes their meaning away. All filters must match; of one's values, any.
"""
from __future__ import annotations

import base64
import inspect
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar

import regex

from cloche.kernel import Call, Record

from . import errors

R = TypeVar("R")
T = TypeVar("T", bound=Record)
Facets = dict[str, Callable[..., Any]]


@lru_cache(4096)
def pattern(text: str) -> Any:
    """A filter's value as a test."""
    out, index = "", 0
    while index < len(text):
        letter = text[index]
        if letter == "\\" and index + 1 < len(text):
            index += 1
            out += regex.escape(text[index])
        else:
            out += ".*" if letter == "*" else "." if letter == "?" else regex.escape(letter)
        index += 1
    return regex.compile(out, regex.DOTALL).fullmatch


@lru_cache(1024)
def _asks_call(facet: Callable[..., Any]) -> bool:
    return len(inspect.signature(facet).parameters) == 2


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, list | tuple | set | frozenset | dict):
        return [text for each in value for text in _texts(each)]
    return [str(value)]


def matching(call: Call, records: Iterable[R], filters: Any, facets: Facets) -> list[R]:
    """Those that pass every filter. Raises InvalidParameterValue for a filter the noun does not know."""
    from . import tags
    found = list(records)
    for rule in filters or ():
        name, wanted = rule.get("Name") or "", [pattern(v) for v in rule.get("Values") or ()]
        if facet := facets.get(name):
            asks = _asks_call(facet)
            found = [r for r in found if any(w(text) for text in _texts(facet(call, r) if asks else facet(r)) for w in wanted)]
        elif name.startswith("tag:"):
            key = name[4:]
            found = [r for r in found if (value := tags.of(call, r.key).get(key)) is not None and any(w(value) for w in wanted)]  # type: ignore[attr-defined]
        elif name == "tag-key":
            found = [r for r in found if any(w(k) for k in tags.of(call, r.key) for w in wanted)]  # type: ignore[attr-defined]
        else:
            raise errors.bad_filter(name)
    return found


def asks_tags(filters: Any) -> bool:
    """What is another account's has no tags for this one."""
    return any((rule.get("Name") or "").startswith("tag") for rule in filters or ())


def page(req: Any, rows: list[Any], member: str, *, least: int = 5, most: int = 1000, default: int | None = None, ids: Any = None) -> Any:
    """An answer `{member: rows, "NextToken": ...}` of at most MaxResults rows. Without MaxResults all (or `default`) of them."""
    size = req.get("MaxResults")
    if size is not None and ids:
        raise errors.page_with_ids()
    if size is not None and not least <= size <= most:
        if size > most:
            size = most
        else:
            raise errors.bad_page(size, least, most)
    first = start(req)
    size = size or default or len(rows) or 1
    out: dict[str, Any] = {member: rows[first:first + size]}
    if first + size < len(rows):
        out["NextToken"] = base64.urlsafe_b64encode(f"ec2:{first + size}".encode()).decode()
    return out


def start(req: Any) -> int:
    """Where a page begins, by its NextToken."""
    token = req.get("NextToken")
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("ec2:"))
    except ValueError:
        raise errors.bad_token(token) from None


def find(call: Call, type_: type[T], id_: str, code: str, noun: str) -> T:
    """The record, or `code` ("InvalidVpcID.NotFound"; "The vpc ID 'vpc-1' does not exist")."""
    found = call.get(type_, id_)
    if found is None:
        from . import shared_network
        shared_network.refuse(call, id_)
        raise errors.not_found(code, noun, id_)
    return found


def several(call: Call, type_: type[T], ids: Any, code: str, noun: str) -> list[T]:
    """The records with these ids, or all of them."""
    if not ids:
        return call.all(type_)
    if absent := [id_ for id_ in ids if call.get(type_, id_) is None]:
        raise errors.not_found(code, noun, absent)
    return [one for id_ in dict.fromkeys(ids) if (one := call.get(type_, id_))]
