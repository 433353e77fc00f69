"""Facts about the account and the service: limits, endpoints, continuous backups."""
from __future__ import annotations

from typing import Any

from cloche.kernel import ANY, Call

from . import op
from .tables import by_table, find_named, policy

ACCOUNT_UNITS, TABLE_UNITS = 80_000, 40_000


@op(resource=ANY)
def describe_limits(call: Call, req: Any) -> Any:
    return {"AccountMaxReadCapacityUnits": ACCOUNT_UNITS, "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS,
            "TableMaxReadCapacityUnits": TABLE_UNITS, "TableMaxWriteCapacityUnits": TABLE_UNITS}


@op(resource=ANY)
def describe_endpoints(call: Call, req: Any) -> Any:
    return {"Endpoints": [{"Address": f"dynamodb.{call.region}.amazonaws.com", "CachePeriodInMinutes": 1440}]}


@op(resource=by_table, policy=policy, partly="point-in-time recovery cannot be enabled yet, so it is always described as disabled")
def describe_continuous_backups(call: Call, req: Any) -> Any:
    find_named(call, req["TableName"])
    return {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}}
