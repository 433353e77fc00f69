"""Usage plans: which keys may call which stages, how fast and how often.

Use is counted by day in a table of its own; a quota's period is the sum of its days, so that nothing has to happen at midnight.
"""
from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, RestApi
from .keys import find_key
from .patch import FLOAT, INTEGER, OBJECT, TEXT, apply, split
from .stages import Stage

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

apigateway.table("CREATE TABLE IF NOT EXISTS apigateway_usage (plan TEXT, key TEXT, day INTEGER, used INTEGER NOT NULL, PRIMARY KEY (plan, key, day)) WITHOUT ROWID")
apigateway.table("CREATE TABLE IF NOT EXISTS apigateway_extra (plan TEXT, key TEXT, period INTEGER, extra INTEGER NOT NULL, PRIMARY KEY (plan, key, period)) WITHOUT ROWID")
PATCHABLE = {
    "/name": TEXT, "/description": TEXT, "/productCode": TEXT, "/throttle": OBJECT, "/throttle/rateLimit": FLOAT, "/throttle/burstLimit": INTEGER,
    "/quota": OBJECT, "/quota/limit": INTEGER, "/quota/offset": INTEGER, "/quota/period": TEXT,
}


class UsagePlan(Record, frozen=True):
    kind = "apigateway.plan"

    id: str
    values: dict[str, Any]

    @property
    def key(self) -> str:
        return self.id


class PlanKey(Record, frozen=True):
    kind = "apigateway.plankey"

    plan: str
    key_id: str

    @property
    def key(self) -> str:
        return f"{self.plan}/{self.key_id}"


def find_plan(call: Call, id_: str) -> UsagePlan:
    if plan := call.get(UsagePlan, id_):
        return plan
    raise errors.no_plan()


def described(plan: UsagePlan) -> dict[str, Any]:
    return {"id": plan.id, "apiStages": [], **plan.values}


def check(call: Call, values: dict[str, Any]) -> None:
    for pair in values.get("apiStages") or []:
        if "apiId" not in pair or "stage" not in pair:
            raise errors.bad_request("Both apiId and stage of an API stage are needed")
        if call.get(RestApi, pair["apiId"]) is None:
            raise errors.not_found(f"Invalid API identifier specified {call.account}:{pair['apiId']}")
        if call.get(Stage, f"{pair['apiId']}/{pair['stage']}") is None:
            raise errors.not_found(f"API Stage not found: {pair['apiId']}:{pair['stage']}")
    quota = values.get("quota")
    if quota:
        if quota.get("period") not in ("DAY", "WEEK", "MONTH"):
            raise errors.bad_request("Usage plan quota period must be one of: DAY, WEEK, MONTH")
        most = {"DAY": 0, "WEEK": 6, "MONTH": 27}[quota["period"]]
        if not 0 <= quota.get("offset", 0) <= most:
            raise errors.bad_request(f"Usage Plan quota offset must be between 0 and {most} for a {quota['period']} period" if most else "Usage Plan quota offset must be zero in the DAY period")
        if quota.get("limit", 0) <= 0:
            raise errors.bad_request("Usage plan quota limit must be greater than zero")


@apigateway.op(needs=asked)
def create_usage_plan(call: Call, req: t.CreateUsagePlanRequest) -> t.UsagePlan:
    values = {k: req[k] for k in ("name", "description", "apiStages", "throttle", "quota", "tags") if req.get(k) is not None}
    if quota := values.get("quota"):
        values["quota"] = {"offset": 0, **quota}
    check(call, values)
    return described(call.put(UsagePlan(call.pick(LETTERS, 6), values)))


@apigateway.op(needs=asked)
def get_usage_plan(call: Call, req: t.GetUsagePlanRequest) -> t.UsagePlan:
    return described(find_plan(call, req["usagePlanId"]))


@apigateway.op(needs=asked)
def get_usage_plans(call: Call, req: t.GetUsagePlansRequest) -> t.UsagePlans:
    plans = [p for p in call.all(UsagePlan) if not req.get("keyId") or call.get(PlanKey, f"{p.id}/{req['keyId']}")]
    return pages.page(req, plans, lambda p: p.id, described)


@apigateway.op(needs=asked)
def update_usage_plan(call: Call, req: t.UpdateUsagePlanRequest) -> t.UsagePlan:
    plan = find_plan(call, req["usagePlanId"])
    values = plan.values
    for operation in req.get("patchOperations") or []:
        values = api_stages(values, operation) or apply(values, [operation], PATCHABLE)
    values = {k: v for k, v in values.items() if not (k in ("quota", "throttle") and not v)}
    check(call, values)
    return described(call.put(plan.but(values=values)))


def api_stages(values: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """`/apiStages` with value `api:stage`, and `/apiStages/api:stage/throttle/path/verb/rateLimit` for one method."""
    parts = split(operation.get("path", ""))
    if parts[0] != "apiStages":
        return None
    name = parts[1] if len(parts) > 1 else operation.get("value") or ""
    api, _, stage = name.partition(":")
    pairs = [dict(p) for p in values.get("apiStages") or []]
    found = next((p for p in pairs if (p["apiId"], p["stage"]) == (api, stage)), None)
    if len(parts) == 1 and operation["op"] == "add":
        if found:
            raise errors.conflict(f"Usage plan already has the API stage {name}")
        pairs.append({"apiId": api, "stage": stage})
    elif found is None:
        raise errors.bad_request("API Stage not found in the usage plan: " + name)
    elif len(parts) == 1 and operation["op"] == "remove":
        pairs.remove(found)
    elif len(parts) >= 3 and parts[2] == "throttle":
        rules = {k: dict(v) for k, v in (found.get("throttle") or {}).items()}
        if len(parts) == 3:
            rules = {}
        else:
            method = f"{parts[3]}/{parts[4]}" if len(parts) > 4 else parts[3]
            if operation["op"] == "remove":
                rules.pop(method, None)
            else:
                value = float(operation["value"]) if parts[-1] == "rateLimit" else int(operation["value"])
                rules.setdefault(method, {})[parts[-1]] = value
        found["throttle"] = rules
    else:
        raise errors.bad_patch(operation["op"], operation["path"], ["/apiStages", *PATCHABLE])
    return {**values, "apiStages": pairs}


@apigateway.op(needs=asked)
def delete_usage_plan(call: Call, req: t.DeleteUsagePlanRequest) -> None:
    plan = find_plan(call, req["usagePlanId"])
    if plan.values.get("apiStages"):
        raise errors.bad_request(f"Cannot delete usage plan '{plan.id}': it is associated with API stages.")
    for pair in call.all(PlanKey):
        if pair.plan == plan.id:
            call.delete(pair)
    call.delete(plan)


# keys of a plan
@apigateway.op(needs=asked)
def create_usage_plan_key(call: Call, req: t.CreateUsagePlanKeyRequest) -> t.UsagePlanKey:
    plan = find_plan(call, req["usagePlanId"])
    if req["keyType"] != "API_KEY":
        raise errors.bad_request("Invalid key type specified: " + req["keyType"])
    key = find_key(call, req["keyId"])
    if call.get(PlanKey, f"{plan.id}/{key.id}"):
        raise errors.conflict(f"Usage plan key {key.id} already exists")
    mine = {(p["apiId"], p["stage"]) for p in plan.values.get("apiStages") or []}
    for other in call.all(UsagePlan):
        if other.id != plan.id and call.get(PlanKey, f"{other.id}/{key.id}") and mine & {(p["apiId"], p["stage"]) for p in other.values.get("apiStages") or []}:
            raise errors.conflict("Usage Plan Key and API stage are already associated by another usage plan.")
    call.put(PlanKey(plan.id, key.id))
    return shown_key(call, key.id)


def shown_key(call: Call, key_id: str) -> dict[str, Any]:
    key = find_key(call, key_id)
    return {"id": key.id, "type": "API_KEY", "value": key.value, "name": key.values.get("name")}


@apigateway.op(needs=asked)
def get_usage_plan_key(call: Call, req: t.GetUsagePlanKeyRequest) -> t.UsagePlanKey:
    plan = find_plan(call, req["usagePlanId"])
    if not call.get(PlanKey, f"{plan.id}/{req['keyId']}"):
        raise errors.no_plan_key()
    return shown_key(call, req["keyId"])


@apigateway.op(needs=asked)
def get_usage_plan_keys(call: Call, req: t.GetUsagePlanKeysRequest) -> t.UsagePlanKeys:
    plan = find_plan(call, req["usagePlanId"])
    keys = [shown_key(call, p.key_id) for p in call.all(PlanKey) if p.plan == plan.id]
    return pages.page(req, [k for k in keys if (k["name"] or "").startswith(req.get("nameQuery") or "")], lambda k: k["id"], dict)


@apigateway.op(needs=asked)
def delete_usage_plan_key(call: Call, req: t.DeleteUsagePlanKeyRequest) -> None:
    plan = find_plan(call, req["usagePlanId"])
    pair = call.get(PlanKey, f"{plan.id}/{req['keyId']}")
    if pair is None:
        raise errors.no_plan_key()
    call.delete(pair)


# use
def day_of(moment: float) -> int:
    return int(moment // 86400)


def period(quota: dict[str, Any], moment: float) -> int:
    """The day on which the running period began. `offset` days into the week (from Sunday) or the month."""
    today, offset = day_of(moment), quota.get("offset", 0)
    if quota["period"] == "DAY":
        return today
    if quota["period"] == "WEEK":
        return today - (today + 4 - offset) % 7            # day 0 was a Thursday
    here = datetime.fromtimestamp(today * 86400, UTC).date()
    first = date(here.year, here.month, min(1 + offset, calendar.monthrange(here.year, here.month)[1]))
    if here < first:
        last = here.replace(day=1) - timedelta(days=1)
        first = date(last.year, last.month, min(1 + offset, calendar.monthrange(last.year, last.month)[1]))
    return (first - date(1970, 1, 1)).days


def left(call: Call, plan: UsagePlan, key_id: str, moment: float) -> int:
    """How many calls the quota still allows."""
    quota = plan.values["quota"]
    begin = period(quota, moment)
    [used] = call.row("SELECT coalesce(sum(used), 0) FROM apigateway_usage WHERE plan=? AND key=? AND day>=? AND day<=?", plan.id, key_id, begin, day_of(moment))
    [extra] = call.row("SELECT coalesce(sum(extra), 0) FROM apigateway_extra WHERE plan=? AND key=? AND period=?", plan.id, key_id, begin)
    return int(quota["limit"] + extra - used)


def count(call: Call, plan: UsagePlan, key_id: str) -> None:
    call.sql("INSERT INTO apigateway_usage VALUES (?,?,?,1) ON CONFLICT (plan, key, day) DO UPDATE SET used = used + 1", plan.id, key_id, day_of(call.now))


@apigateway.op(needs=asked)
def get_usage(call: Call, req: t.GetUsageRequest) -> t.Usage:
    return usage(call, find_plan(call, req["usagePlanId"]), req["startDate"], req["endDate"], req.get("keyId"))


def usage(call: Call, plan: UsagePlan, start: str, end: str, key_id: str | None) -> dict[str, Any]:
    try:
        first, last = ((date.fromisoformat(d) - date(1970, 1, 1)).days for d in (start, end))
    except ValueError:
        raise errors.bad_request("Usage: Invalid date format. Valid format is YYYY-MM-DD.") from None
    if last < first:
        raise errors.bad_request("Usage: start date must not be after end date.")
    items = {}
    for pair in call.all(PlanKey):
        if pair.plan == plan.id and key_id in (None, pair.key_id):
            rows = dict(call.sql("SELECT day, used FROM apigateway_usage WHERE plan=? AND key=? AND day BETWEEN ? AND ?", plan.id, pair.key_id, first, last))
            if rows or key_id:
                quota = plan.values.get("quota")
                items[pair.key_id] = [[rows.get(d, 0), left(call, plan, pair.key_id, d * 86400) if quota else -1] for d in range(first, last + 1)]
    return {"usagePlanId": plan.id, "startDate": start, "endDate": end, "items": items}


@apigateway.op(needs=asked)
def update_usage(call: Call, req: t.UpdateUsageRequest) -> t.Usage:
    """Grant the key what it then has left in the running period."""
    plan = find_plan(call, req["usagePlanId"])
    if not call.get(PlanKey, f"{plan.id}/{req['keyId']}"):
        raise errors.no_plan_key()
    if not plan.values.get("quota"):
        raise errors.bad_request("Usage plan has no quota.")
    for operation in req.get("patchOperations") or []:
        if (operation["op"], operation.get("path")) != ("replace", "/remaining") or not str(operation.get("value", "")).isdigit():
            raise errors.bad_patch(operation["op"], operation.get("path", ""), ["/remaining"])
        more = int(operation["value"]) - left(call, plan, req["keyId"], call.now)
        call.sql("INSERT INTO apigateway_extra VALUES (?,?,?,?) ON CONFLICT (plan, key, period) DO UPDATE SET extra = extra + excluded.extra",
                 plan.id, req["keyId"], period(plan.values["quota"], call.now), more)
    today = datetime.fromtimestamp(call.now, UTC).date().isoformat()
    return usage(call, plan, today, today, req["keyId"])
