"""What became of alarms: a line for each change of configuration, each change of state, each action. Kept for 30 days, also of alarms that are gone."""
from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as cloudwatch

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

    from .alarms import Alarm

cloudwatch.table("""CREATE TABLE IF NOT EXISTS cloudwatch_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, region TEXT NOT NULL, alarm TEXT NOT NULL, type TEXT NOT NULL, ts REAL NOT NULL, item TEXT NOT NULL,
    summary TEXT NOT NULL, data TEXT NOT NULL)""")
cloudwatch.table("CREATE INDEX IF NOT EXISTS cloudwatch_history_alarm ON cloudwatch_history (account, region, alarm, ts, id)")
cloudwatch.table("CREATE INDEX IF NOT EXISTS cloudwatch_history_all ON cloudwatch_history (account, region, ts, id)")

KEPT = 30 * 86_400


def moment(at: float) -> str:
    """As AWS writes it into reasons and messages: 2024-05-01T12:00:00.000+0000."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}+0000"


def add(call: Call, alarm: Alarm, item: str, summary: str, data: dict[str, Any]) -> None:
    call.sql("DELETE FROM cloudwatch_history WHERE account=? AND region=? AND alarm=? AND ts<?", call.account, call.region, alarm.name, call.now - KEPT)
    call.sql(
        "INSERT INTO cloudwatch_history (account, region, alarm, type, ts, item, summary, data) VALUES (?,?,?,?,?,?,?,?)", call.account, call.region, alarm.name, alarm.type, call.now,
        item, summary[:255], json.dumps({"version": "1.0"} | data)[:4095])


def any_alarm(call: Call, req: Any) -> str:
    return call.arn(f"alarm:{req.get('AlarmName') or '*'}")


@cloudwatch.op(resource=any_alarm)
def describe_alarm_history(call: Call, req: t.DescribeAlarmHistoryInput) -> t.DescribeAlarmHistoryOutput:
    types, up = req.get("AlarmTypes") or ["MetricAlarm", "CompositeAlarm"], req.get("ScanBy") == "TimestampAscending"
    since, until = max(req.get("StartDate", 0.0), call.now - KEPT), req.get("EndDate", 1e12)
    where, args = "account=? AND region=? AND ts>=? AND ts<=?", [call.account, call.region, since, until]
    for column, value in (("alarm", req.get("AlarmName")), ("item", req.get("HistoryItemType"))):
        if value is not None:
            where, args = f"{where} AND {column}=?", [*args, value]
    token = req.get("NextToken") or "0"
    if not token.isdigit():
        raise errors.bad_token()
    limit, order = req.get("MaxRecords") or 100, "ASC" if up else "DESC"
    rows = call.sql(
        f"SELECT alarm, type, ts, item, summary, data FROM cloudwatch_history WHERE {where} AND type IN ({','.join('?' * len(types))}) ORDER BY ts {order}, id {order} LIMIT ? OFFSET ?",
        *args, *types, limit + 1, int(token))
    items: list[Any] = [
        {"AlarmName": alarm, "AlarmType": type_, "Timestamp": ts, "HistoryItemType": item, "HistorySummary": summary, "HistoryData": data} for alarm, type_, ts, item, summary, data in rows[:limit]]
    return {"AlarmHistoryItems": items} | ({"NextToken": str(int(token) + limit)} if len(rows) > limit else {})  # type: ignore[return-value]
