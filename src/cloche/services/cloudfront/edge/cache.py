"""The cache: answers by distribution and key, small bodies in the row, others in files. An answer past its time is kept: its origin may say that it is still good.

Everything is a comparison with the virtual clock; nothing happens when an answer grows old.
"""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from cloche.kernel import Call
from cloche.wire.http import FileBody

from .. import service as cloudfront

SMALL = 64 << 10
MOST_BYTES = 2 << 30   # of all answers of this cloud; the least recently asked for go first

cloudfront.table("""
CREATE TABLE IF NOT EXISTS cloudfront_cached (
    id INTEGER PRIMARY KEY, distribution TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB, file TEXT, size INTEGER NOT NULL,
    stored REAL NOT NULL, expires REAL NOT NULL, used REAL NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS cloudfront_cached_key ON cloudfront_cached (distribution, key);
CREATE INDEX IF NOT EXISTS cloudfront_cached_path ON cloudfront_cached (distribution, path);
CREATE INDEX IF NOT EXISTS cloudfront_cached_used ON cloudfront_cached (used);
""")
COLUMNS = "id, status, headers, body, file, size, stored, expires, used"
USED_EVERY_SECONDS = 600.0   # so often it is written down that an answer was asked for: many hits are not many writes


class Cached(NamedTuple):
    id: int
    status: int
    headers: list[tuple[str, str]]
    body: bytes | None
    file: str | None
    size: int
    stored: float
    expires: float
    used: float

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def content(self) -> bytes | FileBody:
        return self.body if self.body is not None else FileBody(self.file or "", 0, self.size)


def find(call: Call, distribution: str, key: str) -> Cached | None:
    row = call.row(f"SELECT {COLUMNS} FROM cloudfront_cached WHERE distribution=? AND key=?", distribution, key)
    if row is None or (row[4] is not None and not Path(row[4]).exists()):
        return None
    return Cached(row[0], row[1], [(k, v) for k, v in json.loads(row[2])], *row[3:])


def keep(call: Call, distribution: str, key: str, path: str, status: int, headers: list[tuple[str, str]], body: bytes | None, file: str | None, size: int, expires: float) -> None:
    """Inside a step. What was kept under the key is gone."""
    _drop(call, call.sql("SELECT id, file FROM cloudfront_cached WHERE distribution=? AND key=?", distribution, key))
    call.sql("INSERT INTO cloudfront_cached (distribution, key, path, status, headers, body, file, size, stored, expires, used) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
             distribution, key, path, status, json.dumps(headers), body, file, size, call.now, expires, call.now)
    if file is not None:
        _make_room(call)


def _make_room(call: Call) -> None:
    total = call.row("SELECT COALESCE(SUM(size), 0) FROM cloudfront_cached")[0]
    while total > MOST_BYTES and (row := call.row("SELECT id, file, size FROM cloudfront_cached ORDER BY used LIMIT 1")):
        _drop(call, [row[:2]])
        total -= row[2]


def renew(call: Call, found: Cached, headers: list[tuple[str, str]], expires: float) -> Cached:
    """The origin says that it is still good, and what it says with it counts from now on."""
    call.sql("UPDATE cloudfront_cached SET headers=?, stored=?, expires=?, used=? WHERE id=?", json.dumps(headers), call.now, expires, call.now, found.id)
    return found._replace(headers=headers, stored=call.now, expires=expires)


def touch(call: Call, found: Cached) -> None:
    """It was asked for."""
    if call.now - found.used >= USED_EVERY_SECONDS:
        with call.step():
            call.sql("UPDATE cloudfront_cached SET used=? WHERE id=?", call.now, found.id)


def invalidate(call: Call, distribution: str, paths: tuple[str, ...], before: float | None = None) -> None:
    """Inside a step. `before`: only what is no younger."""
    until = call.now if before is None else before
    for path in paths:
        if path in ("*", "/*"):
            rows = call.sql("SELECT id, file FROM cloudfront_cached WHERE distribution=? AND stored<=?", distribution, until)
        elif path.endswith("*"):
            start = path[:-1]
            rows = call.sql("SELECT id, file FROM cloudfront_cached WHERE distribution=? AND path>=? AND path<? AND stored<=?", distribution, start, start + "\U0010ffff", until)
        else:
            rows = call.sql("SELECT id, file FROM cloudfront_cached WHERE distribution=? AND path=? AND stored<=?", distribution, path, until)
        _drop(call, rows)


def purge(call: Call, distribution: str) -> None:
    _drop(call, call.sql("SELECT id, file FROM cloudfront_cached WHERE distribution=?", distribution))


def _drop(call: Call, rows: list[Any]) -> None:
    for id_, file in rows:
        call.sql("DELETE FROM cloudfront_cached WHERE id=?", id_)
        if file is not None:
            call.drop([Path(file)])


# -- how long ---------------------------------------------------------------------------------------------------------------------

DIRECTIVE = re.compile(r"([\w-]+)(?:\s*=\s*\"?([^\",]*)\"?)?")


def directives(headers: list[tuple[str, str]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "cache-control":
            out |= {key.lower(): text.strip() for key, text in DIRECTIVE.findall(value)}
    return out


def seconds(said: dict[str, str], headers: list[tuple[str, str]], now: float) -> float | None:
    """How long the origin wants it kept; None where it says nothing."""
    for name in ("s-maxage", "max-age"):
        if said.get(name, "").isdigit():
            return float(said[name])
    expires = next((value for name, value in headers if name.lower() == "expires"), None)
    if expires is None:
        return None
    from email.utils import parsedate_to_datetime
    try:
        return max(0.0, parsedate_to_datetime(expires).timestamp() - now)
    except (ValueError, TypeError):
        return 0.0                                    # "0" and its like: it is old already


ALWAYS = (404, 410, 414, 500, 501, 502, 503, 504)   # errors that are kept a while whatever they say; others if they say so, or a custom response is configured


def life(status: int, headers: list[tuple[str, str]], ttls: tuple[int, int, int], error_ttl: int | None, now: float) -> float:
    """Seconds that an answer is kept; 0: not at all. `error_ttl`: of a custom error response for the status, None without one."""
    said = directives(headers)
    asked = seconds(said, headers, now)
    low, default, high = ttls
    if status >= 400:
        if "no-store" in said:
            return 0.0
        if status not in ALWAYS and error_ttl is None and asked is None:
            return 0.0
        return max(float(10 if error_ttl is None else error_ttl), min(asked or 0.0, high))
    if status in (206, 304) or high == 0:
        return 0.0
    if said.keys() & {"no-store", "no-cache", "private"}:
        return float(low)
    return float(default) if asked is None else min(max(asked, low), high)
