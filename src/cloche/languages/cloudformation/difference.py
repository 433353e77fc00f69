"""What an update changes: properties that were, properties that will be, and what that means for the resource."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .functions import Unknown, unknowns
from .reading import text_of


def same(old: Any, new: Any) -> bool:
    """Equal as CloudFormation sees it: 30 and "30" are the same value, and so are true and "true"."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[k], new[k]) for k in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, (dict, list, Unknown)) or isinstance(new, (dict, list, Unknown)):
        return False
    return text_of(old) == text_of(new)


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names of the top-level properties that differ, the new template's order first."""
    return [k for k in dict.fromkeys((*new, *old)) if k not in old or k not in new or not same(old[k], new[k])]


def needs_replacement(old: Mapping[str, Any], new: Mapping[str, Any], create_only: list[str]) -> list[str]:
    """Those create-only properties (paths like `Code/S3Key`) that differ, as the top-level names they belong to."""
    return list(dict.fromkeys(path.split("/", 1)[0] for path in create_only if not same(_at(old, path), _at(new, path))))


def maybe_replacement(new: Mapping[str, Any], create_only: list[str]) -> list[str]:
    """Create-only properties that wait for a resource: nobody can say yet."""
    return list(dict.fromkeys(path.split("/", 1)[0] for path in create_only if unknowns(_at(new, path))))


def _at(value: Any, path: str) -> Any:
    for name in path.split("/"):
        if name == "*" or not isinstance(value, Mapping):
            return value
        value = value.get(name)
    return value
