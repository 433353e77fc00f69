"""Cron of five fields, as Unix has it: `0 9 * * 1-5`. Days of the week count from Sunday, 0 (or 7); two restricted day fields mean either."""
from __future__ import annotations

import re
from functools import lru_cache

from .schedule import Cron, Invalid

__all__ = ["Invalid", "UnixCron", "parse"]


class UnixCron:
    def __init__(self, parts: list[Cron]) -> None:
        self.parts = parts

    def next(self, after: float, zone: str = "UTC") -> float | None:
        return min((due for part in self.parts if (due := part.next(after, zone)) is not None), default=None)


@lru_cache(1024)
def parse(text: str) -> UnixCron:
    fields = text.upper().split()
    if len(fields) != 5 or any(re.search(r"[^A-Z0-9*,/-]", field) for field in fields):
        raise Invalid(text)
    from .schedule import FIRST_YEAR, LAST_YEAR, MONTHS, numbers
    minutes, hours, days, months, weekdays = fields
    when = (numbers(minutes, 0, 59), numbers(hours, 0, 23))
    rest = (numbers(months, 1, 12, MONTHS),)
    years = list(range(FIRST_YEAR, LAST_YEAR + 1))

    def cron(day: str, weekday: str) -> Cron:
        return Cron(*when, day, *rest, weekday, years)

    numbers(days, 1, 31)
    week = weekday_field(weekdays)
    if weekdays.startswith("*") and "/" not in weekdays:
        return UnixCron([cron(days, "?")])
    if days == "*":
        return UnixCron([cron("?", week)])
    return UnixCron([cron(days, "?"), cron("?", week)])


NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def weekday_field(field: str) -> str:
    """Sunday is 0 or 7 here and 1 there."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step)):
            raise Invalid(field)
        if span == "*":
            first, last = 0, 6
        else:
            begin, dash, end = span.partition("-")
            first = day(begin)
            last = day(end) if dash else 6 if slash else first
        if last < first:
            raise Invalid(field)
        found |= {value % 7 for value in range(first, last + 1, int(step) if slash else 1)}
    return ",".join(str(value + 1) for value in sorted(found))


def day(text: str) -> int:
    if text in NAMES:
        return NAMES.index(text)
    if not re.fullmatch(r"[0-7]", text):
        raise Invalid(text)
    return int(text)
