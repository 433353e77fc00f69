"""What was seen and is not yet a finding. GuardDuty needs some minutes: what comes within them is one finding, counted."""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call

from . import findings
from . import service as guardduty
from .detectors import Detector

AFTER_SECONDS = 300  # "within 5 minutes of the finding"

guardduty.table("""
CREATE TABLE IF NOT EXISTS guardduty_seen (
    account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL, about TEXT NOT NULL, count INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL, what BLOB NOT NULL,
    PRIMARY KEY (account, region, type, about)) WITHOUT ROWID;
""")


def note(call: Call, type_: str, about: str, count: int = 1, **what: Any) -> None:
    """`call` stands in guardduty, in the account and region that it concerns; `what` are the arguments of `findings.see`."""
    if not looking(call):
        return
    if call.row("SELECT 1 FROM guardduty_seen WHERE account = ? AND region = ?", call.account, call.region) is None:
        call.after(AFTER_SECONDS, gather, "gather")
    call.sql("INSERT INTO guardduty_seen VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET count = count + excluded.count, last = excluded.last, what = excluded.what",
             call.account, call.region, type_, about, count, call.now, call.now, msgspec.msgpack.encode(what))


def looking(call: Call) -> bool:
    return any(one.enabled for one in call.all(Detector))


@guardduty.timer
def gather(call: Call) -> None:
    rows = call.sql("SELECT type, about, count, first, last, what FROM guardduty_seen WHERE account = ? AND region = ?", call.account, call.region)
    call.sql("DELETE FROM guardduty_seen WHERE account = ? AND region = ?", call.account, call.region)
    for type_, about, count, first, last, what in sorted(rows, key=lambda row: row[3]):
        findings.see(call, type_, about, count=count, first=first, last=last, **msgspec.msgpack.decode(what))
