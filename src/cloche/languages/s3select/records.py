"""Records out of bytes and into bytes: CSV and JSON as the request describes them. Bytes come in pieces of any size.

A range of bytes (`start`, `end`) takes the records whose first byte lies in it; CSV and JSON lines have such records, a JSON document has not.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from .errors import Invalid
from .functions import MISSING, shown
from .moments import Moment

MOST_BYTES = 1 << 20  # of one record


class Csv(NamedTuple):
    record: bytes = b"\n"
    field: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str = "#"
    quoted_records: bool = False


def stretches(pieces: Iterator[bytes], delimiter: bytes, quote: bytes = b"", end: int | None = None, at: int = 0) -> Iterator[bytes]:
    """Records of bytes, without what stands between them. A `quote` may hide a delimiter; no record begins behind `end`."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        parts = data.split(delimiter)
        rest = parts.pop()
        held: list[bytes] = []
        for part in parts:
            held.append(part)
            whole = part if len(held) == 1 else delimiter.join(held)
            if quote and whole.count(quote) % 2:
                continue
            held = []
            if end is not None and at > end:
                return
            at += len(whole) + len(delimiter)
            yield whole
        if held:
            rest = delimiter.join([*held, rest])
        if len(rest) > MOST_BYTES:
            raise Invalid("OverMaxRecordSize", "The length of a record in the input or result is greater than maxCharsPerRecord of 1 MB.")
    if rest and (end is None or at <= end):
        yield rest


def text_of(record: bytes) -> str:
    try:
        return record.decode()
    except UnicodeDecodeError:
        raise Invalid("InvalidTextEncoding", "Invalid encoding type. Only UTF-8 encoding is supported.") from None


def csv(pieces: Iterator[bytes], how: Csv, end: int | None = None, at: int = 0) -> Iterator[list[str]]:
    returns = how.record == b"\n"
    for record in stretches(pieces, how.record, how.quote.encode() if how.quoted_records else b"", end, at):
        line = text_of(record)
        if returns and line.endswith("\r"):
            line = line[:-1]
        if not line or (how.comment and line.startswith(how.comment)):
            continue
        yield line.split(how.field) if how.quote not in line or not how.quote else fields(line, how)


def fields(line: str, how: Csv) -> list[str]:
    out: list[str] = []
    at = 0
    while True:
        if line.startswith(how.quote, at):
            field, at = quoted(line, at + 1, how)
            following = line.find(how.field, at)
            field += line[at:] if following < 0 else line[at:following]
        else:
            following = line.find(how.field, at)
            field = line[at:] if following < 0 else line[at:following]
        out.append(field)
        if following < 0:
            return out
        at = following + len(how.field)


def quoted(line: str, at: int, how: Csv) -> tuple[str, int]:
    """What stands between quotes, and where it ends."""
    field = ""
    while at < len(line):
        letter = line[at]
        if letter == how.escape and at + 1 < len(line) and (line[at + 1] == how.quote or (how.escape != how.quote and line[at + 1] == how.escape)):
            field += line[at + 1]
            at += 2
        elif letter == how.quote:
            return field, at + 1
        else:
            field += letter
            at += 1
    raise Invalid("CSVUnescapedQuote", "An unescaped quote was found while parsing the CSV file. To allow quoted record delimiters, set AllowQuotedRecordDelimiter to 'TRUE'.")


_decoder = json.JSONDecoder(parse_float=Decimal)


def json_values(text: str) -> Iterator[Any]:
    """One value after another, whatever white space stands between them."""
    at, size = 0, len(text)
    while True:
        while at < size and text[at] in " \t\r\n,":
            at += 1
        if at == size:
            return
        try:
            value, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise Invalid("JSONParsingError", "Encountered an error parsing the JSON file. Check the file and try again.") from None
        yield value


def json_lines(pieces: Iterator[bytes], end: int | None = None, at: int = 0) -> Iterator[Any]:
    for record in stretches(pieces, b"\n", b"", end, at):
        yield from json_values(text_of(record))


def json_document(pieces: Iterator[bytes]) -> Iterator[Any]:
    yield from json_values(text_of(b"".join(pieces)))


# --- out ----------------------------------------------------------------------------------------------------------------------

class CsvOut(NamedTuple):
    record: str = "\n"
    field: str = ","
    quote: str = '"'
    escape: str = '"'
    always: bool = False

    def write(self, names: list[str], values: list[Any]) -> str:
        return self.field.join([self.one(value) for value in values]) + self.record

    def one(self, value: Any) -> str:
        text = "" if value is None or value is MISSING else dumped(value) if isinstance(value, (dict, list)) else shown(value)
        special = self.field in text or self.quote in text or self.record in text or "\n" in text or "\r" in text
        if not self.always and not special:
            return text
        return self.quote + text.replace(self.quote, self.escape + self.quote) + self.quote


class JsonOut(NamedTuple):
    record: str = "\n"

    def write(self, names: list[str], values: list[Any]) -> str:
        members = [f"{json.dumps(name, ensure_ascii=False)}:{dumped(value)}" for name, value in zip(names, values, strict=True) if value is not MISSING]
        return "{" + ",".join(members) + "}" + self.record


def dumped(value: Any) -> str:
    """JSON, with decimals as they are."""
    if isinstance(value, dict):
        return "{" + ",".join([f"{json.dumps(name, ensure_ascii=False)}:{dumped(one)}" for name, one in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([dumped(one) for one in value if one is not MISSING]) + "]"
    if isinstance(value, Decimal):
        return shown(value)
    if isinstance(value, Moment):
        return json.dumps(str(value))
    return json.dumps(None if value is MISSING else value, ensure_ascii=False)
