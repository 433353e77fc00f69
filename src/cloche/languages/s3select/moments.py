"""Timestamps: a moment with the precision it was written with, in its own offset from UTC."""
from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from .errors import Invalid, cast_failed

PARTS = ("year", "month", "day", "hour", "minute", "second")
WRITTEN = re.compile(r"(\d{4})(?:T|-(\d\d)(?:T|-(\d\d)(?:T?|T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d))))\Z")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
FIELDS = re.compile(r"'([^']*)'|y{1,4}|M{1,5}|d{1,2}|a|h{1,2}|H{1,2}|m{1,2}|s{1,2}|S+|n|X{1,5}|x{1,5}|[A-Za-z]|[^A-Za-z']+")


OFFSET = 3 * "X"  # of TO_STRING's patterns: Z, or +hh:mm


class Moment(NamedTuple):
    when: datetime
    precision: int  # 1 year ... 3 day, 5 minute, 6 second, 7 fraction

    def __str__(self) -> str:
        when, offset = self.when, zone(self.when, OFFSET)
        if self.precision == 1:
            return f"{when.year:04d}T"
        if self.precision == 2:
            return f"{when.year:04d}-{when.month:02d}T"
        if self.precision == 3:
            return f"{when.year:04d}-{when.month:02d}-{when.day:02d}"
        text = f"{when:%Y-%m-%dT%H:%M}"
        if self.precision >= 6:
            text += f":{when.second:02d}"
        if self.precision == 7:
            text += f".{when.microsecond:06d}".rstrip("0").rstrip(".")
        return text + offset


def read(text: str) -> Moment:
    found = WRITTEN.match(text.strip())
    if found is None:
        raise cast_failed(text, "TIMESTAMP")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    away = timedelta() if offset in (None, "Z") else timedelta(hours=int(offset[1:3]), minutes=int(offset[4:])) * (-1 if offset[0] == "-" else 1)
    try:
        when = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), int(((fraction or ".0")[1:] + "000000")[:6]),
                        tzinfo=timezone(away) if away else UTC)
    except ValueError:
        raise cast_failed(text, "TIMESTAMP") from None
    return Moment(when, 7 if fraction else 6 if second else 5 if hour else 3 if day else 2 if month else 1)


def literal(text: str) -> Moment:
    try:
        return read(text)
    except Invalid:
        raise Invalid("LexerInvalidIONLiteral", "The SQL expression contains an invalid operator or literal between backticks.") from None


def now(moment: float) -> Moment:
    return Moment(datetime.fromtimestamp(moment, UTC), 7)


def add(part: str, number: int, moment: Moment) -> Moment:
    """The moment moved on; it becomes as precise as the part."""
    when, precision = moment.when, max(moment.precision, {"hour": 5}.get(part, PARTS.index(part) + 1))
    try:
        if part in ("year", "month"):
            months = when.year * 12 + when.month - 1 + number * (12 if part == "year" else 1)
            year, month = divmod(months, 12)
            when = when.replace(year=year, month=month + 1, day=min(when.day, monthrange(year, month + 1)[1]))
        else:
            when += timedelta(**{part + "s": number})
    except (ValueError, OverflowError):
        raise Invalid("EvaluatorInvalidArguments", "The timestamp is out of range in the SQL expression.") from None
    return Moment(when, precision)


def between(part: str, first: Moment, second: Moment) -> int:
    """Whole parts from one to the other."""
    a, b = first.when, second.when
    if part in ("year", "month"):
        sign = 1 if b >= a else -1
        low, high = (a, b) if sign > 0 else (b, a)
        months = (high.year - low.year) * 12 + high.month - low.month
        if (high.day, high.timetz()) < (low.day, low.timetz()):
            months -= 1
        return sign * (months // 12 if part == "year" else months)
    seconds = (b - a).total_seconds()
    size = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}[part]
    return int(abs(seconds) // size) * (1 if seconds >= 0 else -1)


def extract(part: str, moment: Moment) -> int:
    if part.startswith("timezone_"):
        minutes = int((moment.when.utcoffset() or timedelta()).total_seconds()) // 60
        hours = int(minutes / 60)
        return hours if part == "timezone_hour" else minutes - hours * 60
    return int(getattr(moment.when, part))


def zone(when: datetime, pattern: str) -> str:
    minutes = int((when.utcoffset() or timedelta()).total_seconds()) // 60
    if not minutes and pattern[0] == "X":
        return "Z"
    sign, hours, rest = "-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60
    if len(pattern) == 1:
        return f"{sign}{hours:02d}" + (f"{rest:02d}" if rest else "")
    return f"{sign}{hours:02d}{':' if len(pattern) in (3, 5) else ''}{rest:02d}"


def written(moment: Moment, pattern: str) -> str:
    """TO_STRING: a timestamp by a pattern."""
    when, out = moment.when, ""
    for found in FIELDS.finditer(pattern):
        field = found[0]
        kind, width = field[0], len(field)
        if found[1] is not None:
            out += found[1]
        elif not kind.isalpha():
            out += field
        elif kind == "y":
            out += f"{when.year % 100:02d}" if width == 2 else f"{when.year:0{width}d}"
        elif kind == "M":
            out += f"{when.month:0{width}d}" if width < 3 else MONTHS[when.month - 1][:{3: 3, 4: 99, 5: 1}[width]]
        elif kind == "a":
            out += "AM" if when.hour < 12 else "PM"
        elif kind == "S":
            out += (f"{when.microsecond:06d}" + "0" * width)[:width]
        elif kind == "n":
            out += str(when.microsecond * 1000)
        elif kind in "Xx":
            out += zone(when, field)
        elif kind in "dhHms":
            value = {"d": when.day, "h": when.hour % 12 or 12, "H": when.hour, "m": when.minute, "s": when.second}[kind]
            out += f"{value:0{width}d}"
        else:
            raise Invalid("EvaluatorInvalidTimestampFormatPatternSymbol", "The timestamp format pattern contains an invalid symbol in the SQL expression.")
    return out
