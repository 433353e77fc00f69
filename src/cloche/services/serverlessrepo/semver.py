"""Semantic versions: is it one, and which is later (https://semver.org, 2.0.0)."""
from __future__ import annotations

import re

PATTERN = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?", re.A)
Key = tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]


def valid(text: str) -> bool:
    return PATTERN.fullmatch(text) is not None


def order(text: str) -> Key:
    """What comes before a release is earlier than it; numbers count as numbers and come before words."""
    found = PATTERN.fullmatch(text)
    assert found is not None
    parts = found[4].split(".") if found[4] else []
    return (int(found[1]), int(found[2]), int(found[3])), not parts, tuple((not x.isdecimal(), int(x) if x.isdecimal() else 0, x) for x in parts)
