"""Facts about the account and the service: limits and endpoints."""
from __future__ import annotations

from typing import Any

from cloche.kernel import ANY, Call

from . import op

ACCOUNT_UNITS, TABLE_UNITS = 80_000, 40_000


@op(resource=ANY)
def describe_limits(call: Call, req: Any) -> Any:
    return {"AccountMaxReadCapacityUnits": ACCOUNT_UNITS, "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS,
            "TableMaxReadCapacityUnits": TABLE_UNITS, "TableMaxWriteCapacityUnits": TABLE_UNITS}


@op(resource=ANY)
def describe_endpoints(call: Call, req: Any) -> Any:
    return {"Endpoints": [{"Address": call.host, "CachePeriodInMinutes": 1440}]}  # where this client can reach us
