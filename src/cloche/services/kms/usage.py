"""When a key was last used, for what, and which event of CloudTrail tells of it.

What is kept in memory is exact; it is written down when the operation is another than last time, and once a minute: a crash may cost a minute.
What a service does with a key for its caller is told to CloudTrail as a request of that service's.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, keys, permission
from . import service as kms

if TYPE_CHECKING:
    from cloche.shapes import kms as t

kms.table("CREATE TABLE IF NOT EXISTS kms_used (account TEXT, region TEXT, id TEXT, operation TEXT NOT NULL, moment REAL NOT NULL, event INTEGER NOT NULL, request TEXT NOT NULL, "
          "PRIMARY KEY (account, region, id)) WITHOUT ROWID")
EVERY_SECONDS = 60


def note(call: Call, key: keys.Key, operation: str, by: str = "", told: dict[str, Any] | None = None) -> None:
    """The key has just been used. The record of a request of KMS's own is the next that the journal takes down; that of a service (`by`) is made here."""
    journal = call.cloud.journal
    event = journal.last + 1
    if by:
        behind = call.at(call.account, call.region)
        behind.entry = kms.entries[operation]
        journal.add(behind, told or {}, None, None, by)
    memo: dict[Any, tuple[str, float, int, str]] = call.cloud.memory.setdefault("kms.used", {})
    written: dict[Any, tuple[str, float]] = call.cloud.memory.setdefault("kms.used_written", {})
    place, now = (key.account, key.region, key.id), call.now
    memo[place] = (operation, now, event, call.request_id)
    last = written.get(place)
    if last is None or last[0] != operation or not 0 <= now - last[1] < EVERY_SECONDS:
        with call.step():
            call.sql("INSERT OR REPLACE INTO kms_used VALUES (?,?,?,?,?,?,?)", *place, *memo[place])
        written[place] = (operation, now)


def forget(call: Call, key: keys.Key) -> None:
    call.sql("DELETE FROM kms_used WHERE account=? AND region=? AND id=?", key.account, key.region, key.id)


@kms.op(needs=permission.on_key("GetKeyLastUsage"))
def get_key_last_usage(call: Call, req: t.GetKeyLastUsageRequest) -> t.GetKeyLastUsageResponse:
    from cloche.services.cloudtrail import public as cloudtrail
    key = keys.find(call, req["KeyId"])
    if key.account != call.account:
        raise errors.no_key(key.arn)
    place = (key.account, key.region, key.id)
    found = call.cloud.memory.get("kms.used", {}).get(place) or call.row("SELECT operation, moment, event, request FROM kms_used WHERE account=? AND region=? AND id=?", *place)
    used = {"Operation": found[0], "Timestamp": found[1], "CloudTrailEventId": cloudtrail.event_id(call.cloud, found[2]), "KmsRequestId": found[3]} if found else {}
    return {"KeyId": key.id, "KeyLastUsage": used, "TrackingStartDate": key.created, "KeyCreationDate": key.created}  # type: ignore[typeddict-item]
