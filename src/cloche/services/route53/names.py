"""Names of domains as Route 53 keeps and orders them. Pure.

A name is lower case, ends with a dot, and whatever is not a letter, a digit, `-`, `_` or `.` stands in it as `\\ooo`; `*` is `\\052`. Names are
ordered by their labels from right to left: `com.example.www.`.
"""
from __future__ import annotations

import re

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_ESCAPED = re.compile(r"\\(\d{3})")


class Bad(ValueError):
    """The name breaks a rule; the text is Route 53's."""


def full(name: str) -> str:
    """The name as it is kept. Raises Bad."""
    out = "".join(_pieces(name.lower()))
    out = out if out.endswith(".") else out + "."
    if out == ".":
        raise Bad(f"FATAL problem: DomainNameEmpty (Domain name is empty) encountered with '{name}'")
    for label in out[:-1].split("."):
        size = len(_ESCAPED.sub("x", label))
        if not size:
            raise Bad(f"FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with '{name}'")
        if size > 63:
            raise Bad(f"FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '{label}'")
    if len(_ESCAPED.sub("x", out)) > 255:
        raise Bad(f"FATAL problem: DomainNameTooLong (Domain name is too long) encountered with '{name}'")
    return out


def _pieces(text: str) -> list[str]:
    out, rest = [], text
    while rest:
        if found := _ESCAPED.match(rest):
            byte, rest = int(found[1], 8) & 255, rest[4:]
            out.append(_told(chr(byte)))
            continue
        out.append(rest[0] if rest[0] == "." else _told(rest[0]))
        rest = rest[1:]
    return out


def _told(letter: str) -> str:
    letter = letter.lower()
    if letter in PLAIN:
        return letter
    return "".join(f"\\{byte:03o}" for byte in (letter.encode("latin-1") if ord(letter) < 256 else letter.encode()))


def plain(name: str) -> str:
    """Without escapes, as a DNS library has it."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), name)


def place(name: str) -> str:
    """Where a name stands in the order: its labels from right to left."""
    return ".".join(reversed(name[:-1].split("."))) + "."


def within(name: str, zone: str) -> bool:
    return name == zone or name.endswith("." + zone)


def above(name: str) -> list[str]:
    """The name itself and every name over it, longest first."""
    labels = name[:-1].split(".")
    return [".".join(labels[at:]) + "." for at in range(len(labels))]


def bare(id_: str) -> str:
    """`/hostedzone/Z1` and `Z1` are the same."""
    return id_.rsplit("/", 1)[-1]
