"""Scaling activities: what was done, why, and how it ended. Kept for six weeks, also of groups that are gone."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as autoscaling
from .groups import Group, page

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

autoscaling.table("""CREATE TABLE IF NOT EXISTS autoscaling_activity (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, grp TEXT NOT NULL, arn TEXT NOT NULL, description TEXT NOT NULL, cause TEXT NOT NULL,
    begun REAL NOT NULL, ended REAL, status TEXT NOT NULL, message TEXT NOT NULL, progress INTEGER NOT NULL, details TEXT NOT NULL) WITHOUT ROWID""")
autoscaling.table("CREATE INDEX IF NOT EXISTS autoscaling_activity_group ON autoscaling_activity (account, region, grp, begun, seq)")
autoscaling.table("CREATE INDEX IF NOT EXISTS autoscaling_activity_all ON autoscaling_activity (account, region, begun, seq)")

KEPT = 6 * 7 * 86_400
COLUMNS = "id, grp, arn, description, cause, begun, ended, status, message, progress, details"


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def begin(call: Call, group: Group, description: str, cause: str, details: str = "{}", status: str = "InProgress") -> str:
    id_ = call.uuid()
    call.sql("DELETE FROM autoscaling_activity WHERE account=? AND region=? AND grp=? AND begun<?", call.account, call.region, group.name, call.now - KEPT)
    seq = call.row("SELECT coalesce(max(seq), 0) + 1 FROM autoscaling_activity WHERE account=? AND region=? AND grp=?", call.account, call.region, group.name)[0]
    call.sql(f"INSERT INTO autoscaling_activity (seq, account, region, {COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,NULL,?,'',0,?)",
             seq, call.account, call.region, id_, group.name, group.arn, description, f"At {stamp(call.now)} {cause}", call.now, status, details)
    return id_


def move(call: Call, id_: str, status: str, progress: int) -> None:
    call.sql("UPDATE autoscaling_activity SET status=?, progress=? WHERE id=?", status, progress, id_)


def name_instance(call: Call, id_: str, instance: str) -> None:
    """A launch learns which instance it made."""
    call.sql("UPDATE autoscaling_activity SET description=? WHERE id=?", f"Launching a new EC2 instance: {instance}", id_)


def end(call: Call, id_: str, status: str = "Successful", message: str = "") -> None:
    call.sql("UPDATE autoscaling_activity SET status=?, ended=?, progress=100, message=? WHERE id=?", status, call.now, message[:255], id_)


def shown(row: Any) -> dict[str, Any]:
    id_, group, arn, description, cause, begun, ended, status, message, progress, details = row
    out = {"ActivityId": id_, "AutoScalingGroupName": group, "AutoScalingGroupARN": arn, "Description": description, "Cause": cause, "StartTime": begun, "StatusCode": status,
           "Progress": progress, "Details": details}
    if message:
        out["StatusMessage"] = message
    return out | ({"EndTime": ended} if ended else {})


def one(call: Call, id_: str) -> dict[str, Any]:
    return shown(call.row(f"SELECT {COLUMNS} FROM autoscaling_activity WHERE id=?", id_))


@autoscaling.op(resource=lambda call, req: "*")
def describe_scaling_activities(call: Call, req: t.DescribeScalingActivitiesType) -> t.ActivitiesType:
    """The newest first; of groups that are gone only if asked for."""
    name, ids, gone = req.get("AutoScalingGroupName"), req.get("ActivityIds"), req.get("IncludeDeletedGroups", False)
    where, args = "account=? AND region=? AND begun>=?", [call.account, call.region, call.now - KEPT]
    if name:
        found = call.get(Group, name)
        if found is None and not gone:
            raise errors.no_such_group(name)
        where, args = f"{where} AND grp=?", [*args, name]
        if found is not None and not gone:
            where, args = f"{where} AND arn=?", [*args, found.arn]
    rows = call.sql(f"SELECT {COLUMNS} FROM autoscaling_activity WHERE {where} ORDER BY begun DESC, seq DESC", *args)
    rows = [row for row in rows if (not ids or row[0] in ids) and (gone or ((g := call.get(Group, row[1])) and g.arn == row[2]))]
    for rule in req.get("Filters") or ():
        name, wanted = rule.get("Name", ""), rule.get("Values") or []
        if name == "Status":
            rows = [row for row in rows if row[7] in wanted]
        elif name not in ("StartTimeLowerBound", "StartTimeUpperBound"):
            raise errors.invalid(f"Filter type {name} is not correct.")
        else:
            try:
                bound = datetime.fromisoformat("".join(wanted[:1]).replace("Z", "+00:00")).timestamp()
            except (ValueError, OverflowError):
                raise errors.invalid(f"The value of the filter {name} must be a time in ISO 8601 format.") from None
            rows = [row for row in rows if (row[5] >= bound if name == "StartTimeLowerBound" else row[5] <= bound)]
    shown_, token = page(rows, req, 100)
    return {"Activities": [shown(row) | ({"AutoScalingGroupState": "Deleted"} if call.get(Group, row[1]) is None else {}) for row in shown_]} | token  # type: ignore[return-value]
