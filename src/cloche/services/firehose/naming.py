"""Names of objects: prefixes with their expressions, and what Firehose adds by itself. Pure.

    !{timestamp:yyyy/MM/dd}  !{firehose:random-string}  !{firehose:error-output-type}  !{partitionKeyFromQuery:name}  !{partitionKeyFromLambda:name}
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import errors

EXPRESSION = re.compile(r"!\{([^}]*)\}")
DEFAULT_TIME = "yyyy/MM/dd/HH/"
ENDS = {"GZIP": ".gz", "ZIP": ".zip"}
JAVA = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")
STRFTIME = {"yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "MM": "%m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "DDD": "%j", "EEE": "%a",
            "EEEE": "%A", "a": "%p"}


def check(prefix: str, error_prefix: str, partitioned: bool) -> None:
    for text, wrong in ((prefix, "firehose:error-output-type"), (error_prefix, "partitionKey")):
        for expression in EXPRESSION.findall(text):
            kind, _, rest = expression.partition(":")
            if (kind not in ("timestamp", "firehose", "partitionKeyFromQuery", "partitionKeyFromLambda") or not rest or expression.startswith(wrong)
                    or (kind == "firehose" and rest not in ("random-string", "error-output-type"))):
                raise errors.bad_expression(f"!{{{expression}}}")
        if "!{" in EXPRESSION.sub("", text):
            raise errors.bad_expression(text)
    if EXPRESSION.search(prefix) and not error_prefix:
        raise errors.prefix_without_error_prefix()
    if EXPRESSION.search(error_prefix) and "!{firehose:error-output-type}" not in error_prefix:
        raise errors.error_prefix_without_type()
    if "!{partitionKeyFrom" in prefix and not partitioned:
        raise errors.partitions_off()


def zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        raise errors.invalid(f"CustomTimeZone {name} is not a time zone.") from None


def java_time(pattern: str, moment: datetime) -> str:
    """As Java's DateTimeFormatter writes a moment."""
    out = ""
    for match in JAVA.finditer(pattern):
        text = match[0]
        if text[0] == "'":
            out += match[1] or "'"
        elif text[0].isalpha():
            out += moment.strftime(STRFTIME[text]) if text in STRFTIME else str(getattr(moment, {"d": "day", "M": "month", "H": "hour", "m": "minute", "s": "second", "y": "year"}.get(text, "year")))
        else:
            out += text
    return out


def filled(text: str, moment: datetime, error: str, keys: Mapping[str, str], random: Callable[[], str]) -> str:
    def value(match: re.Match[str]) -> str:
        kind, _, rest = match[1].partition(":")
        if kind == "timestamp":
            return java_time(rest, moment)
        if kind == "firehose":
            return random() if rest == "random-string" else error
        return keys.get(rest, "")

    return EXPRESSION.sub(value, text)


def prefix_of(prefix: str, moment: float, keys: Mapping[str, str], random: Callable[[], str], timezone: str = "") -> str:
    """A folder of the hour is added where the prefix has no time of its own."""
    at = datetime.fromtimestamp(moment, zone(timezone))
    text = filled(prefix, at, "", keys, random)
    return text if "!{timestamp:" in prefix else text + java_time(DEFAULT_TIME, at)


def error_prefix_of(prefix: str, moment: float, error: str, random: Callable[[], str], timezone: str = "") -> str:
    at = datetime.fromtimestamp(moment, zone(timezone))
    return filled(prefix, at, error, {}, random) if EXPRESSION.search(prefix) else f"{prefix}{error}/{java_time(DEFAULT_TIME, at)}"


def object_name(stream: str, version: int, moment: float, uuid: str, end: str = "") -> str:
    return f"{stream}-{version}-{datetime.fromtimestamp(moment, UTC):%Y-%m-%d-%H-%M-%S}-{uuid}{end}"
