"""Scaling activities of scalable targets, kept for six weeks."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as scaling

if TYPE_CHECKING:
    from cloche.shapes import application_autoscaling as t

    from .targets import Target

scaling.table("""CREATE TABLE IF NOT EXISTS application_autoscaling_activity (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, namespace TEXT NOT NULL, resource TEXT NOT NULL, dimension TEXT NOT NULL,
    description TEXT NOT NULL, cause TEXT NOT NULL, begun REAL NOT NULL, ended REAL, status TEXT NOT NULL, message TEXT NOT NULL)""")
scaling.table("CREATE INDEX IF NOT EXISTS application_autoscaling_activity_of ON application_autoscaling_activity (account, region, namespace, seq)")
scaling.table("CREATE INDEX IF NOT EXISTS application_autoscaling_activity_id ON application_autoscaling_activity (id)")

KEPT = 6 * 7 * 86_400
COLUMNS = "id, namespace, resource, dimension, description, cause, begun, ended, status, message"


def begin(call: Call, one: Target, description: str, cause: str, status: str = "InProgress") -> str:
    id_ = call.uuid()
    call.sql(f"INSERT INTO application_autoscaling_activity (account, region, {COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,NULL,?,?)", call.account, call.region, id_, one.namespace, one.resource,
             one.dimension, description, cause, call.now, status, "")
    return id_


def end(call: Call, id_: str, status: str, message: str) -> None:
    call.sql("UPDATE application_autoscaling_activity SET status=?, ended=?, message=? WHERE id=?", status, call.now, message, id_)


@scaling.op(resource=lambda call, req: "*", partly="IncludeNotScaledActivities: what did not scale is not kept")
def describe_scaling_activities(call: Call, req: t.DescribeScalingActivitiesRequest) -> t.DescribeScalingActivitiesResponse:
    where, args = "account=? AND region=? AND namespace=? AND begun>=?", [call.account, call.region, req["ServiceNamespace"], call.now - KEPT]
    if req.get("ScalableDimension") and not req.get("ResourceId"):
        raise errors.invalid("If you specify a scalable dimension, you must also specify a resource ID.")
    for column, member in (("resource", "ResourceId"), ("dimension", "ScalableDimension")):
        if value := req.get(member):
            where, args = f"{where} AND {column}=?", [*args, value]
    token = req.get("NextToken") or "0"
    if not token.isdigit():
        raise errors.bad_token()
    size = req.get("MaxResults") or 50
    rows = call.sql(f"SELECT {COLUMNS} FROM application_autoscaling_activity WHERE {where} ORDER BY seq DESC LIMIT ? OFFSET ?", *args, size + 1, int(token))
    shown: list[Any] = []
    for id_, namespace, resource, dimension, description, cause, begun, ended, status, message in rows[:size]:
        one = {"ActivityId": id_, "ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension, "Description": description, "Cause": cause, "StartTime": begun,
               "StatusCode": status}
        shown.append(one | ({"EndTime": ended} if ended else {}) | ({"StatusMessage": message} if message else {}))
    return {"ScalingActivities": shown} | ({"NextToken": str(int(token) + size)} if len(rows) > size else {})  # type: ignore[return-value]
