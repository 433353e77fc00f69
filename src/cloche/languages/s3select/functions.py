"""Functions of one record's values; none of them is asked about NULL or MISSING."""
from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from . import moments
from .errors import Invalid, bad_argument, cast_failed
from .moments import Moment


class Missing:
    """What a path names and a record does not have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()
LONGEST = 300  # digits of a number that is written out


def number(value: Any) -> Any:
    """An int or a Decimal, also of a text that is one; None otherwise."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return int(text) if text.lstrip("+-").isdigit() and len(text) < LONGEST else finite(Decimal(text))
    except (ValueError, InvalidOperation):
        return None


def finite(value: Decimal) -> Decimal | None:
    return value if value.is_finite() else None


def text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise bad_argument(name)
    return value


def moment(value: Any, name: str) -> Moment:
    if isinstance(value, str):
        return moments.read(value)
    if not isinstance(value, Moment):
        raise bad_argument(name)
    return value


def cast(value: Any, kind: str) -> Any:
    if kind in ("BOOL", "BOOLEAN"):
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if isinstance(value, (int, Decimal)):
            return value != 0
    elif kind in ("INT", "INTEGER"):
        if isinstance(value, bool):
            return int(value)
        known = number(value)
        if known is not None and (isinstance(known, int) or (not isinstance(value, str) and known.adjusted() < LONGEST)):
            return int(known)
    elif kind in ("FLOAT", "DECIMAL", "NUMERIC"):
        known = int(value) if isinstance(value, bool) else number(value)
        if known is not None:
            return Decimal(repr(float(known))) if kind == "FLOAT" and abs(known) < Decimal("1e308") else Decimal(known)
    elif kind == "STRING":
        return shown(value)
    elif isinstance(value, (str, Moment)):
        return moment(value, "CAST")
    raise cast_failed(value, kind)


def shown(value: Any) -> str:
    """A scalar as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}" if abs(value.adjusted()) < LONGEST else str(value)
    return str(value)


def substring(value: Any, start: Any, length: Any = None) -> str:
    whole, first = text(value, "SUBSTRING"), number(start)
    if not isinstance(first, int):
        raise bad_argument("SUBSTRING")
    if length is None:
        return whole[max(first - 1, 0):]
    many = number(length)
    if not isinstance(many, int) or many < 0:
        raise Invalid("EvaluatorInvalidArguments", "The length of SUBSTRING must not be negative in the SQL expression.")
    return whole[max(first - 1, 0):max(first - 1 + many, 0)]


def trim(side: str, characters: Any, value: Any) -> str:
    whole, gone = text(value, "TRIM"), text(characters, "TRIM")
    return whole.lstrip(gone) if side == "LEADING" else whole.rstrip(gone) if side == "TRAILING" else whole.strip(gone)


def date_add(part: str, many: Any, value: Any) -> Moment:
    count = number(many)
    if not isinstance(count, int):
        raise bad_argument("DATE_ADD")
    return moments.add(part, count, moment(value, "DATE_ADD"))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "CAST": cast, "SUBSTRING": substring, "TRIM": trim, "DATE_ADD": date_add,
    "CHAR_LENGTH": lambda value: len(text(value, "CHAR_LENGTH")), "CHARACTER_LENGTH": lambda value: len(text(value, "CHARACTER_LENGTH")),
    "LOWER": lambda value: text(value, "LOWER").lower(), "UPPER": lambda value: text(value, "UPPER").upper(),
    "DATE_DIFF": lambda part, a, b: moments.between(part, moment(a, "DATE_DIFF"), moment(b, "DATE_DIFF")),
    "EXTRACT": lambda part, value: moments.extract(part, moment(value, "EXTRACT")),
    "TO_TIMESTAMP": lambda value: moment(value, "TO_TIMESTAMP"),
    "TO_STRING": lambda value, pattern: moments.written(moment(value, "TO_STRING"), text(pattern, "TO_STRING")),
}
