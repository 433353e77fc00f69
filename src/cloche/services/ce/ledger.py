"""The ledger: from when to when something was kept or ran that is paid by its time, written when that changes and at no other moment. Tags are written down at the end.

`quantity` is how much of it there is (gigabytes of a volume, one instance); `rate` what one costs an hour, where it is not in the price table.
"""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import Call

from . import service as ce

ce.table("""
CREATE TABLE IF NOT EXISTS ce_usage (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, service TEXT NOT NULL, usage TEXT NOT NULL, resource TEXT NOT NULL, kind TEXT NOT NULL, quantity REAL NOT NULL,
    rate REAL NOT NULL, began REAL NOT NULL, ended REAL, tags TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ce_usage_of ON ce_usage (account, began);
CREATE INDEX IF NOT EXISTS ce_usage_open ON ce_usage (account, region, resource) WHERE ended IS NULL;
""")


def keep(call: Call, service: str, usage: str, resource: str, quantity: float, rate: float, kind: str = "") -> None:
    """From now on there is this much of it."""
    row = call.row("SELECT id, usage, quantity FROM ce_usage WHERE account=? AND region=? AND resource=? AND ended IS NULL", call.account, call.region, resource)
    if row is not None:
        if (row[1], row[2]) == (usage, quantity):
            return
        end(call, resource)
    call.sql("INSERT INTO ce_usage (account, region, service, usage, resource, kind, quantity, rate, began, ended, tags) VALUES (?,?,?,?,?,?,?,?,?,NULL,'{}')",
             call.account, call.region, service, usage, resource, kind, quantity, rate, call.now)


def end(call: Call, resource: str, tags: dict[str, str] | None = None) -> None:
    """Now it is there no more."""
    call.sql("UPDATE ce_usage SET ended=?, tags=? WHERE account=? AND region=? AND resource=? AND ended IS NULL", call.now, json.dumps(tags or {}), call.account, call.region, resource)


def rows(call: Call, account: str, start: float, finish: float) -> list[Any]:
    """(region, service, usage, resource, kind, quantity, rate, began, ended or None, tags)"""
    return call.sql("SELECT region, service, usage, resource, kind, quantity, rate, began, ended, tags FROM ce_usage WHERE account=? AND began<? AND (ended IS NULL OR ended>?)", account, finish, start)
