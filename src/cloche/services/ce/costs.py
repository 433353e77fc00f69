"""GetCostAndUsage and what goes with it. The management account sees all accounts of its organization (it pays for them), a member itself."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages
from cloche.services.organizations import public as organizations

from . import counting, errors, expressions
from . import service as ce
from .counting import Line

if TYPE_CHECKING:
    from cloche.shapes import ce as t

COSTS = ("BlendedCost", "UnblendedCost", "AmortizedCost", "NetAmortizedCost", "NetUnblendedCost")
METRICS = (*COSTS, "UsageQuantity", "NormalizedUsageAmount")
KEPT_DAYS = 14 * 31
LACKS = "instances, volumes, NAT gateways and load balancers by their time, stored objects that are still there, and what Lambda, SQS, SNS and REST APIs count (tables on demand count nothing, and are free here); no free tier, no discounts"


class CostTag(Record, frozen=True):
    """A cost allocation tag that the payer has said something of."""

    kind = "ce.tag"
    scope = "account"

    name: str
    active: bool
    changed: float

    @property
    def key(self) -> str:
        return self.name


def payer(call: Call) -> str:
    found = organizations.management(call.cloud, call.account)
    return found[0] if found else call.account


def accounts(call: Call) -> list[str]:
    return sorted(organizations.members(call.cloud, call.account)) if payer(call) == call.account and organizations.management(call.cloud, call.account) else [call.account]


def active(call: Call) -> frozenset[str]:
    return frozenset(one.name for one in call.at(payer(call), call.region).all(CostTag) if one.active)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise errors.invalid(f"Start or end date {text} is not in the format yyyy-MM-dd.") from None


def period(call: Call, req: Any) -> tuple[datetime, datetime]:
    start, end = _day(req["TimePeriod"]["Start"]), _day(req["TimePeriod"]["End"])
    if start >= end:
        raise errors.invalid("Start date (and hour) should be before end date (and hour)")
    if start.timestamp() < call.now - KEPT_DAYS * 86400:
        raise errors.invalid("You haven't enabled historical data beyond 14 months")
    return start, end


def stretches(start: datetime, end: datetime, monthly: bool) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        after = (start.replace(day=1) + timedelta(days=32)).replace(day=1) if monthly else start + timedelta(days=1)
        yield start, min(after, end)
        start = after


def used(call: Call, start: datetime, end: datetime, asked: Any, tags: frozenset[str]) -> list[Line]:
    return [line for account in accounts(call) for line in counting.lines(call, account, start.timestamp(), end.timestamp()) if expressions.fits(line, asked, tags)]


def amounts(lines: list[Line], metrics: list[str]) -> dict[str, Any]:
    units = {line.unit for line in lines}
    unit, cost = next(iter(units)) if len(units) == 1 else "N/A", sum(line.cost for line in lines)
    return {name: {"Amount": told(cost), "Unit": "USD"} if name in COSTS else {"Amount": told(sum(line.quantity for line in lines) if name == "UsageQuantity" else 0), "Unit": unit} for name in metrics}


def told(number: float) -> str:
    return f"{number:.10f}".rstrip("0").rstrip(".") or "0"


@ce.op(ANY, partly=LACKS)
def get_cost_and_usage(call: Call, req: t.GetCostAndUsageRequest) -> t.GetCostAndUsageResponse:
    start, end = period(call, req)
    if req["Granularity"] == "HOURLY":
        raise errors.no_hours()
    metrics = [f"{name[0].upper()}{name[1:]}" for name in req["Metrics"]]
    if strays := [name for name in metrics if name not in METRICS]:
        raise errors.invalid(f"Metric {strays[0]} is not one of {', '.join(METRICS)}.")
    groups, tags = req.get("GroupBy") or [], active(call)
    if len(groups) > 2:
        raise errors.invalid("Group by fields must have at most 2 entries.")
    if strays := [one.get("Type", "") for one in groups if one.get("Type") not in ("DIMENSION", "TAG")]:
        raise errors.invalid(f"Groups of type {strays[0]} are not built in Cloche.")
    month = datetime.fromtimestamp(call.now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    results: list[Any] = []
    for first, last in stretches(start, end, req["Granularity"] == "MONTHLY"):
        lines = used(call, first, last, req.get("Filter"), tags)
        found: dict[tuple[str, ...], list[Line]] = {}
        for line in lines if groups else ():
            found.setdefault(tuple(expressions.value(line, one["Type"], one["Key"], tags) for one in groups), []).append(line)
        results.append({"TimePeriod": {"Start": f"{first:%Y-%m-%d}", "End": f"{last:%Y-%m-%d}"}, "Total": {} if groups else amounts(lines, metrics),
                        "Groups": [{"Keys": list(keys), "Metrics": amounts(theirs, metrics)} for keys, theirs in sorted(found.items())], "Estimated": last > month})
    return {"ResultsByTime": results, "DimensionValueAttributes": _names(call, groups), **({"GroupDefinitions": groups} if groups else {})}  # type: ignore[typeddict-item]


def _names(call: Call, groups: Any) -> list[Any]:
    """Of linked accounts, what they are called."""
    if not any(one.get("Key") == "LINKED_ACCOUNT" for one in groups):
        return []
    found = organizations.members(call.cloud, payer(call)) if organizations.management(call.cloud, call.account) else {}
    return [{"Value": account, "Attributes": {"description": found[account].name if account in found else account}} for account in accounts(call)]


@ce.op(ANY)
def get_dimension_values(call: Call, req: t.GetDimensionValuesRequest) -> t.GetDimensionValuesResponse:
    start, end = period(call, req)
    tags = active(call)
    found = sorted({expressions.value(line, "DIMENSION", req["Dimension"], tags) for line in used(call, start, end, req.get("Filter"), tags)})
    those = [one for one in found if req.get("SearchString", "").lower() in one.lower()]
    shown, more = pages.page(those, req, str, 1000, errors.bad_token, token="NextPageToken")
    names = {one["Value"]: one["Attributes"] for one in _names(call, [{"Key": req["Dimension"]}])}
    return {"DimensionValues": [{"Value": one, "Attributes": names.get(one, {})} for one in shown], "ReturnSize": len(shown), "TotalSize": len(those), **more}  # type: ignore[typeddict-item]


@ce.op(ANY)
def get_tags(call: Call, req: t.GetTagsRequest) -> t.GetTagsResponse:
    """The keys that are activated and were used, or one key's values."""
    start, end = period(call, req)
    tags = active(call)
    lines = used(call, start, end, req.get("Filter"), tags)
    if key := req.get("TagKey"):
        found = {line.tags.get(key, "") for line in lines if key in tags}
    else:
        found = {name for line in lines for name in line.tags if name in tags}
    those = sorted(one for one in found if req.get("SearchString", "").lower() in one.lower())
    shown, more = pages.page(those, req, str, 1000, errors.bad_token, token="NextPageToken")
    return {"Tags": shown, "ReturnSize": len(shown), "TotalSize": len(those), **more}  # type: ignore[typeddict-item]


# -- cost allocation tags: of the payer ------------------------------------------------------------------------------------------

def _paying(call: Call) -> None:
    if payer(call) != call.account:
        raise errors.denied("Failed to access the cost allocation tags: a linked account does not have access to them.")


@ce.op(ANY)
def list_cost_allocation_tags(call: Call, req: t.ListCostAllocationTagsRequest) -> t.ListCostAllocationTagsResponse:
    """All keys of what was used within a year, and those that were said to be active."""
    _paying(call)
    now = datetime.fromtimestamp(call.now, UTC)
    seen = {name for line in used(call, now - timedelta(days=365), now + timedelta(days=1), None, frozenset()) for name in line.tags}
    said = {one.name: one for one in call.all(CostTag)}
    rows = []
    for name in sorted(seen | set(said)):
        one, kind = said.get(name), "AWSGenerated" if name.startswith("aws:") else "UserDefined"
        row = {"TagKey": name, "Type": kind, "Status": "Active" if one and one.active else "Inactive"}
        if req.get("Status") in (None, row["Status"]) and req.get("Type") in (None, kind) and (not req.get("TagKeys") or name in req["TagKeys"]):
            rows.append(row | ({"LastUpdatedDate": f"{datetime.fromtimestamp(one.changed, UTC):%Y-%m-%dT%H:%M:%SZ}"} if one else {}))
    shown, more = pages.page(rows, req, lambda row: row["TagKey"], 1000, errors.bad_token)
    return {"CostAllocationTags": shown, **more}  # type: ignore[typeddict-item]


@ce.op(ANY)
def update_cost_allocation_tags_status(call: Call, req: t.UpdateCostAllocationTagsStatusRequest) -> t.UpdateCostAllocationTagsStatusResponse:
    _paying(call)
    known = {row["TagKey"] for row in list_cost_allocation_tags(call, {})["CostAllocationTags"]}
    wrong: list[Any] = []
    for one in req["CostAllocationTagsStatus"]:
        if one["TagKey"] not in known:
            wrong.append({"TagKey": one["TagKey"], "Code": "TagKeysNotFoundException", "Message": "Tag keys not found"})
        else:
            call.put(CostTag(one["TagKey"], one["Status"] == "Active", call.now))
    return {"Errors": wrong}
