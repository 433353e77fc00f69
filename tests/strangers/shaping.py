"""Requests shaped by the models: of each operation the least that its model takes, with names a person might give."""
from __future__ import annotations

import re
from typing import Any

try:
    from re import _constants as sre
    from re import _parser as reader
except ImportError:                                    # pragma: no cover
    import sre_constants as sre
    import sre_parse as reader

ACCOUNT = "000000000000"


def value(shape: Any, name: str, known: dict[str, Any], depth: int = 0) -> Any:
    """A value for a shape; `known` are the names of what is really there, by the member they stand in."""
    if depth > 6:
        return None
    if name in known and shape.type in ("string", "integer", "long", "boolean", "blob") and depth <= 2:
        return known[name]
    if shape.type == "structure":
        if shape.spec.get("union") and shape.members:
            first = next(iter(shape.members))
            return {first: value(shape.members[first][0], first, known, depth + 1)}
        wanted = list(shape.required) or (list(shape.members)[:2] if depth else [])   # an empty one within a list would be nothing at all on the wire
        return {member: made for member in wanted if member in shape.members and (made := value(shape.members[member][0], member, known, depth + 1)) is not None}
    if shape.type == "list":
        least = max(int(shape.spec.get("min") or 0), 1)
        return [made for i in range(least) if (made := value(shape.item, name.removesuffix("s"), known, depth + 1)) is not None]
    if shape.type == "map":
        return {value(shape.map_key, "key", known, depth + 1): value(shape.value, "value", known, depth + 1)}
    if shape.type == "boolean":
        return True
    if shape.type in ("integer", "long", "float", "double"):
        return int(shape.spec.get("min") or 1)
    if shape.type == "timestamp":
        return 1.9e9
    least = int(shape.spec.get("min") or 1)
    if shape.type == "blob":
        return b"x" * least
    return text(shape, name, least)


def text(shape: Any, name: str, least: int) -> str:
    if shape.spec.get("enum"):
        return str(shape.spec["enum"][0])
    most, pattern = int(shape.spec.get("max") or 1 << 30), shape.spec.get("pattern")
    lower = name.lower()
    tries = [f"arn:aws:iam::{ACCOUNT}:role/stranger" if "role" in lower else f"arn:aws:sqs:us-east-1:{ACCOUNT}:stranger"] if lower.endswith("arn") else []
    tries += ["https://example.com/stranger"] if lower.endswith(("url", "uri")) else []
    tries += ['{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::x"}]}'] if "policy" in lower and "document" in lower else []
    tries += ["1" * 12] if "account" in lower else []
    tries += ["a@example.com"] if "email" in lower else []
    tries += ["stranger", "stranger-1", "x", "1", "a" * least, "1" * least, "/stranger"]
    for one in tries:
        if least <= len(one) <= most and (not pattern or fits(pattern, one)):
            return one
    return owned(made_for(pattern, least), pattern) if pattern else "a" * least


def owned(text: str, pattern: str) -> str:
    """An ARN made up from a pattern, of the account that asks."""
    parts = text.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6 or not parts[4]:
        return text
    made = ":".join((*parts[:4], ACCOUNT, parts[5]))
    return made if fits(pattern, made) else text


def fits(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(ours(pattern), text) is not None
    except re.error:
        return False


CLASSES = {"Alnum": "a-zA-Z0-9", "L": "a-zA-Z", "Z": " ", "N": "0-9", "M": "a", "S": "+", "P": ".", "ASCII": "!-~", "Print": " -~", "XDigit": "0-9a-f"}


def ours(pattern: str) -> str:
    """AWS's patterns are Java's and JavaScript's: their names for characters in Python's."""
    for theirs in (r"\u10FFFF", r"\x{10FFFF}", r"\u{10FFFF}"):
        pattern = pattern.replace(theirs, "z")
    out, inside, i = "", False, 0
    while i < len(pattern):
        if found := re.match(r"\\p\{(\w+)\}", pattern[i:]):
            letters = CLASSES.get(found[1], "a-z")
            out += letters if inside else f"[{letters}]"
            i += len(found[0])
            continue
        step = 2 if pattern[i] == "\\" else 1
        inside = inside if step == 2 else pattern[i] == "[" or (inside and pattern[i] != "]")
        out += pattern[i:i + step]
        i += step
    return out


def made_for(pattern: str, least: int) -> str:
    """The shortest text that the pattern takes, and of repeats enough to be as long as the least."""
    try:
        tree = reader.parse(ours(pattern))
    except re.error:
        return "a" * max(least, 1)
    for extra in (0, least):
        made = "".join(_of(item, extra) for item in tree)
        if len(made) >= least:
            return made
    return made


def _of(item: Any, extra: int) -> str:
    kind, what = item
    if kind is sre.LITERAL:
        return chr(what)
    if kind is sre.NOT_LITERAL:
        return "a" if what != ord("a") else "b"
    if kind is sre.ANY:
        return "a"
    if kind is sre.IN:
        return _one(what)
    if kind is sre.BRANCH:
        return "".join(_of(one, extra) for one in what[1][0])
    if kind is sre.SUBPATTERN:
        return "".join(_of(one, extra) for one in what[3])
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT) or kind is getattr(sre, "POSSESSIVE_REPEAT", None):
        low, high, inner = what
        return "".join(_of(one, extra) for one in inner) * min(max(low, extra), int(high))
    if kind is getattr(sre, "ATOMIC_GROUP", None):
        return "".join(_of(one, extra) for one in what)
    return ""


def _one(choices: Any) -> str:
    if choices[0][0] is sre.NEGATE:
        return next(chr(c) for c in range(97, 127) if not any((k is sre.LITERAL and w == c) or (k is sre.RANGE and w[0] <= c <= w[1]) for k, w in choices[1:]))
    kind, what = choices[0]
    if kind is sre.LITERAL:
        return chr(what)
    if kind is sre.RANGE:
        return chr(what[0])
    return "1" if what is sre.CATEGORY_DIGIT else " " if what is sre.CATEGORY_SPACE else "a"
