"""Schedules: `rate(5 minutes)`, `cron(0/15 8-18 ? * MON-FRI *)`, `at(2030-01-01T00:00:00)`.

`parse(text).next(after, zone)` is the first moment later than `after`, or None when none will come. Cron counts in the local
time of the zone; a local time that daylight saving skips is skipped, one that it repeats runs once (the first).
"""
from __future__ import annotations

import calendar
import re
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

UNITS = {"minute": 60, "hour": 3600, "day": 86400}
MONTHS = {name: at for at, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)}
WEEKDAYS = {name: at for at, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
FIRST_YEAR, LAST_YEAR = 1970, 2199


class Invalid(ValueError):
    """No schedule; the services have sentences of their own for it."""


class Rate:
    """Every so many seconds. The first time is one period after its beginning, so the caller passes that, then each firing."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def next(self, after: float, zone: str = "UTC") -> float | None:
        return after + self.seconds


class At:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def next(self, after: float, zone: str = "UTC") -> float | None:
        due = self.moment.replace(tzinfo=zone_of(zone)).timestamp()
        return due if due > after else None


class Cron:
    def __init__(self, minutes: list[int], hours: list[int], days: str, months: list[int], weekdays: str, years: list[int]) -> None:
        self.minutes, self.hours, self.months, self.years = minutes, hours, months, years
        self.month_days = check_month_days(days) if days != "?" else None
        self.week_days = check_week_days(weekdays) if weekdays != "?" else None

    def next(self, after: float, zone: str = "UTC") -> float | None:
        tz = zone_of(zone)
        local = datetime.fromtimestamp(after, tz).replace(tzinfo=None)
        while (found := self.next_local(local)) is not None:
            moment = found.replace(tzinfo=tz)
            due = moment.timestamp()
            if due > after and datetime.fromtimestamp(due, tz).replace(tzinfo=None) == found:
                return due
            local = found
        return None

    def next_local(self, after: datetime) -> datetime | None:
        """The first matching wall-clock minute after this one: the year, then the month, the day, the time of day."""
        for year in self.years[bisect_left(self.years, after.year):]:
            this_year = year == after.year
            for month in self.months[bisect_left(self.months, after.month) if this_year else 0:]:
                this_month = this_year and month == after.month
                for day in self.days(year, month):
                    if this_month and day < after.day:
                        continue
                    if this_month and day == after.day:
                        if time := self.next_time(after.hour, after.minute):
                            return datetime(year, month, day, *time)
                    else:
                        return datetime(year, month, day, self.hours[0], self.minutes[0])
        return None

    def next_time(self, hour: int, minute: int) -> tuple[int, int] | None:
        if hour in self.hours and (at := bisect_right(self.minutes, minute)) < len(self.minutes):
            return hour, self.minutes[at]
        at = bisect_right(self.hours, hour)
        return (self.hours[at], self.minutes[0]) if at < len(self.hours) else None

    def days(self, year: int, month: int) -> list[int]:
        if self.month_days is not None:
            return sorted(month_days(self.month_days, year, month))
        assert self.week_days is not None
        return sorted(week_days(self.week_days, year, month))


Schedule = Rate | At | Cron


@lru_cache(4096)
def parse(text: str, strict: bool = True) -> Schedule:
    """Raises Invalid. The same text is parsed once. EventBridge is strict about `1 minute` and `5 minutes`, its Scheduler is not."""
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip(), re.DOTALL)
    if not found:
        raise Invalid(text)
    kind, inner = found.groups()
    return parse_rate(inner, strict) if kind == "rate" else parse_cron(inner) if kind == "cron" else parse_at(inner)


@lru_cache(1024)
def zone_of(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise Invalid(name) from None


def parse_rate(inner: str, strict: bool = True) -> Rate:
    found = re.fullmatch(r"\s*([1-9]\d{0,8}) +(minute|hour|day)(s?)\s*", inner)
    if not found or (strict and (found[1] == "1") != (found[3] == "")):
        raise Invalid(inner)
    return Rate(int(found[1]) * UNITS[found[2]])


def parse_at(inner: str) -> At:
    try:
        return At(datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        raise Invalid(inner) from None


def parse_cron(inner: str) -> Cron:
    fields = inner.upper().split()
    if len(fields) != 6 or (fields[2] == "?") == (fields[4] == "?"):
        raise Invalid(inner)
    minutes, hours, days, months, weekdays, years = fields
    return Cron(numbers(minutes, 0, 59), numbers(hours, 0, 23), days, numbers(months, 1, 12, MONTHS), weekdays, numbers(years, FIRST_YEAR, LAST_YEAR))


def numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> list[int]:
    """`1,5-9,0/15,*`: the values, sorted."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and (not re.fullmatch(r"\d{1,4}", step) or int(step) == 0):
            raise Invalid(field)
        if span == "*":
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = number(begin, low, high, names)
            last = number(end, low, high, names) if dash else high if slash else first
        if last < first:  # FRI-MON, NOV-FEB: over the end and on from the beginning
            if names is None:
                raise Invalid(field)
            last += high - low + 1
        found |= {(value - low) % (high - low + 1) + low for value in range(first, last + 1, int(step) if slash else 1)}
    return sorted(found)


def number(text: str, low: int, high: int, names: dict[str, int] | None) -> int:
    value = (names or {}).get(text)
    if value is None:
        if not re.fullmatch(r"\d{1,4}", text):
            raise Invalid(text)
        value = int(text)
    if not low <= value <= high:
        raise Invalid(text)
    return value


# -- days -----------------------------------------------------------------------------------------------------------

def check_month_days(field: str) -> list[str | list[int]]:
    """Parts of the day-of-month field: `L`, `L-3`, `LW`, `15W` stay words, all else becomes numbers."""
    parts: list[str | list[int]] = []
    for part in field.split(","):
        if re.fullmatch(r"LW?|L-([1-9]|[12]\d|30)", part) or re.fullmatch(r"([1-9]|[12]\d|3[01])W", part):
            parts.append(part)
        else:
            parts.append(numbers(part, 1, 31))
    return parts


def month_days(parts: list[str | list[int]], year: int, month: int) -> set[int]:
    last = calendar.monthrange(year, month)[1]
    found: set[int] = set()
    for part in parts:
        if isinstance(part, list):
            found |= {day for day in part if day <= last}
        elif part == "L":
            found.add(last)
        elif part == "LW":
            found.add(nearest_weekday(year, month, last, last))
        elif part.startswith("L-"):
            found |= {last - int(part[2:])} - set(range(-31, 1))
        elif int(part[:-1]) <= last:
            found.add(nearest_weekday(year, month, int(part[:-1]), last))
    return found


def nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    weekday = calendar.weekday(year, month, day)
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def check_week_days(field: str) -> list[tuple[str, int, int] | list[int]]:
    """Parts of the day-of-week field: ("nth", weekday, n) for `3#2`, ("last", weekday, 0) for `6L`, else numbers (1 is Sunday)."""
    parts: list[tuple[str, int, int] | list[int]] = []
    for part in field.split(","):
        if found := re.fullmatch(r"(\w+)#([1-5])", part):
            parts.append(("nth", number(found[1], 1, 7, WEEKDAYS), int(found[2])))
        elif part == "L":
            parts.append([7])
        elif found := re.fullmatch(r"(\w+)L", part):
            parts.append(("last", number(found[1], 1, 7, WEEKDAYS), 0))
        else:
            parts.append(numbers(part, 1, 7, WEEKDAYS))
    return parts


def week_days(parts: list[tuple[str, int, int] | list[int]], year: int, month: int) -> set[int]:
    last = calendar.monthrange(year, month)[1]
    first = (calendar.weekday(year, month, 1) + 1) % 7 + 1  # the first day's weekday, 1 is Sunday
    found: set[int] = set()
    for part in parts:
        if isinstance(part, list):
            found |= {day for day in range(1, last + 1) if (first + day - 2) % 7 + 1 in part}
            continue
        kind, weekday, nth = part
        days = range((weekday - first) % 7 + 1, last + 1, 7)
        if kind == "last":
            found.add(days[-1])
        elif nth <= len(days):
            found.add(days[nth - 1])
    return found


def upcoming(text: str, after: float, count: int, zone: str = "UTC") -> list[float]:
    """The next few moments, for people and tests."""
    schedule, found = parse(text), []
    while len(found) < count and (due := schedule.next(after, zone)) is not None:
        found.append(due)
        after = due
    return found


