"""Moments on the wire. On our side a moment is a float: seconds since the epoch, UTC."""
from __future__ import annotations

import re
from calendar import timegm
from functools import lru_cache
from time import gmtime
from typing import Any

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


_TWO = [f"{n:02d}" for n in range(60)]
_MINUTE = [f"T{n // 60:02d}:{n % 60:02d}:" for n in range(1440)]


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    t = gmtime(number * 86400)
    return f"{t[0]:04d}-{t[1]:02d}-{t[2]:02d}"


def _second(whole: int) -> str:
    """Days are remembered, the rest is two tables: listings write a thousand of these."""
    day, second = divmod(whole, 86400)
    return f"{_day(day)}{_MINUTE[second // 60]}{_TWO[second % 60]}"


def iso8601(moment: float) -> str:
    """`2024-01-02T03:04:05Z`, with `.678` where there is a fraction."""
    ms = round(moment * 1000)
    whole, part = divmod(ms, 1000)
    return f"{_second(whole)}.{part:03d}Z" if part else f"{_second(whole)}Z"


def iso8601_ms(moment: float) -> str:
    """Always with three digits, as S3 and EC2 write it."""
    whole, part = divmod(int(moment * 1000 + 0.5) if moment > 0 else round(moment * 1000), 1000)
    day, second = divmod(whole, 86400)
    return f"{_day(day)}{_MINUTE[second // 60]}{_TWO[second % 60]}.{part:03d}Z" if part else f"{_day(day)}{_MINUTE[second // 60]}{_TWO[second % 60]}.000Z"


@lru_cache(maxsize=4096)
def _rfc822(whole: int) -> str:
    t = gmtime(whole)
    return f"{_DAYS[t[6]]}, {t[2]:02d} {_MONTHS[t[1] - 1]} {t[0]:04d} {t[3]:02d}:{t[4]:02d}:{t[5]:02d} GMT"


def rfc822(moment: float) -> str:
    return _rfc822(int(moment))


def unix(moment: float) -> str:
    return str(int(moment)) if moment == int(moment) else repr(round(moment, 3))


_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(?:([Zz])|([+-])(\d\d):?(\d\d))?)?$")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$")
_RFC_FRACTION = re.compile(r"(:\d\d)(\.\d+)( )")


def parse(text: Any) -> float:
    """Any of the forms AWS's clients send; ValueError for anything else."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return float(text)
    text = str(text).strip()
    if _NUMBER.match(text):
        return float(text)
    if m := _ISO.match(text) or _COMPACT.match(text):
        y, mo, d, h, mi, s = (int(g) if g else 0 for g in m.groups()[:6])
        if not (1 <= mo <= 12 and 1 <= d <= 31 and h <= 24 and mi < 60 and s <= 60):
            raise ValueError(text)
        moment = float(timegm((y, mo, d, h, mi, s)))
        rest = m.groups()[6:]
        if rest and rest[0]:
            moment += float(rest[0])
        if rest and rest[2]:
            offset = (int(rest[3]) * 60 + int(rest[4])) * 60
            moment += -offset if rest[2] == "+" else offset
        return moment
    fraction = 0.0
    if f := _RFC_FRACTION.search(text):
        fraction, text = float(f[2]), _RFC_FRACTION.sub(r"\1\3", text)
    from email.utils import parsedate_tz

    parts = parsedate_tz(text)
    if parts is None:
        raise ValueError(text)
    return timegm((*parts[:6], 0, 1, 0)) - (parts[9] or 0) + fraction


WRITERS = {"iso8601": iso8601, "rfc822": rfc822, "unixTimestamp": unix}


def style(target: Any, ref: dict[str, Any], otherwise: str) -> str:
    """The format a member's timestamp has on the wire."""
    return ref.get("timestampFormat") or target.spec.get("timestampFormat") or otherwise
