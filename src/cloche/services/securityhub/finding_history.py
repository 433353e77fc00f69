"""What became of a finding, change by change, for ninety days: which field said what before and after, and whose word it was."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages

from . import errors, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

    from .findings import Finding

IMPORTED, UPDATED = "BATCH_IMPORT_FINDINGS", "BATCH_UPDATE_FINDINGS"
KEPT_SECONDS = 90 * 86_400
NOT_TOLD = ("FindingProviderFields",)

securityhub.table("""
CREATE TABLE IF NOT EXISTS securityhub_history (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, finding TEXT NOT NULL, at REAL NOT NULL, created INTEGER NOT NULL, source TEXT NOT NULL, identity TEXT NOT NULL, updates TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS securityhub_history_finding ON securityhub_history (account, region, finding, id);
CREATE INDEX IF NOT EXISTS securityhub_history_at ON securityhub_history (account, region, at);
""")


def remember(call: Call, old: Finding | None, new: Finding, source: str, identity: str) -> None:
    """Where the finding is: within the step that changes it."""
    updates = list(changes(old.body, new.body)) if old is not None else []
    if updates or old is None:
        call.sql("INSERT INTO securityhub_history (account, region, finding, at, created, source, identity, updates) VALUES (?,?,?,?,?,?,?,?)",
                 call.account, call.region, new.key, call.now, old is None, source, identity, json.dumps(updates))


def changes(old: dict[str, Any], new: dict[str, Any], path: str = "") -> Any:
    """A field within an object has its path (`Workflow.Status`); a list is one value."""
    for name in sorted({*old, *new}):
        before, after, where = old.get(name), new.get(name), f"{path}{name}"
        if before == after or where in NOT_TOLD:
            continue
        if isinstance(before or {}, dict) and isinstance(after or {}, dict):
            yield from changes(before or {}, after or {}, f"{where}.")
        else:
            yield {"UpdatedField": where, **({} if before is None else {"OldValue": said(before)}), **({} if after is None else {"NewValue": said(after)})}


def said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def tidy(call: Call) -> None:
    call.sql("DELETE FROM securityhub_history WHERE account = ? AND region = ? AND at < ?", call.account, call.region, call.now - KEPT_SECONDS)


@securityhub.op(hub.arn)
def get_finding_history(call: Call, req: t.GetFindingHistoryRequest) -> t.GetFindingHistoryResponse:
    from .findings import Finding, places
    hub.find(call)
    named = req["FindingIdentifier"]
    since, until = req.get("StartTime"), req.get("EndTime")
    if since is not None and until is not None and since > until:
        raise errors.invalid("Invalid parameter: StartTime is later than EndTime.")
    key = f"{named['ProductArn']}|{named['Id']}"
    there = next((place for place in places(call) if place.get(Finding, key)), None)
    if there is None:
        raise errors.missing(f"Finding {named['Id']}")
    rows = call.sql("SELECT id, at, created, source, identity, updates FROM securityhub_history WHERE account = ? AND region = ? AND finding = ? AND at >= ? AND at <= ? ORDER BY id DESC",
                    there.account, there.region, key, max(since or 0.0, call.now - KEPT_SECONDS), 1e18 if until is None else until)
    found, more = pages.page(rows, req, lambda row: f"{(1 << 62) - row[0]:020d}", 100, errors.bad_token)
    return {"Records": [{"FindingIdentifier": named, "UpdateTime": at, "FindingCreated": bool(created), "UpdateSource": {"Type": source, "Identity": identity}, "Updates": json.loads(updates)}
                        for _, at, created, source, identity, updates in found], **more}  # type: ignore[typeddict-item]
