"""What happened to instances and snapshots, told for fourteen days, and to EventBridge."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsEvent, Call

from . import errors, names
from . import service as rds

if TYPE_CHECKING:
    from cloche.shapes import rds as t

rds.table("CREATE TABLE IF NOT EXISTS rds_event (number INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, at REAL NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, message TEXT NOT NULL, categories TEXT NOT NULL)")
rds.table("CREATE INDEX IF NOT EXISTS rds_events ON rds_event (account, region, at)")

KEPT = 14 * 86400.0
HOUR = 3600.0
DETAIL = {"db-instance": ("db", "RDS DB Instance Event"), "db-snapshot": ("snapshot", "RDS DB Snapshot Event")}


def add(call: Call, type_: str, source: str, message: str, *categories: str) -> None:
    kind, detail = DETAIL[type_]
    call.sql("DELETE FROM rds_event WHERE account=? AND region=? AND at < ?", call.account, call.region, call.now - KEPT)
    call.sql("INSERT INTO rds_event (account, region, at, type, source, message, categories) VALUES (?,?,?,?,?,?,?)", call.account, call.region, call.now, type_, source, message, json.dumps(categories))
    arn = names.arn(call, kind, source)
    call.emit(AwsEvent("aws.rds", detail, {"EventCategories": list(categories), "SourceType": {"db-instance": "DB_INSTANCE", "db-snapshot": "SNAPSHOT"}[type_], "SourceArn": arn, "SourceIdentifier": source,
                                           "Message": message}, [arn]))


@rds.op(names.named("es", "SubscriptionName"))
def describe_events(call: Call, req: t.DescribeEventsMessage) -> t.EventsMessage:
    """Those of the last hour, unless another span is asked for."""
    until = req.get("EndTime", call.now)
    since = req["StartTime"] if "StartTime" in req else until - 60.0 * req.get("Duration", 60)
    if "SourceIdentifier" in req and "SourceType" not in req:
        raise errors.combination("SourceType is required when SourceIdentifier is specified")
    token = req.get("Marker", "0")
    if not token.isdigit():
        raise errors.bad_marker()
    most = min(req.get("MaxRecords") or 100, 100)
    told: list[Any] = []
    for number, at, type_, source, message, categories in call.each("SELECT number, at, type, source, message, categories FROM rds_event WHERE account=? AND region=? AND at BETWEEN ? AND ? AND number > ? ORDER BY number",
                                                                    call.account, call.region, since, until, int(token)):
        listed = json.loads(categories)
        if req.get("SourceType", type_) != type_ or req.get("SourceIdentifier", source) != source or not set(req.get("EventCategories") or listed) & set(listed):
            continue
        if len(told) == most:
            return {"Events": [each for _, each in told], "Marker": str(told[-1][0])}
        told.append((number, {"SourceIdentifier": source, "SourceType": type_, "Message": message, "EventCategories": listed, "Date": at, "SourceArn": names.arn(call, DETAIL[type_][0], source)}))
    return {"Events": [each for _, each in told]}
