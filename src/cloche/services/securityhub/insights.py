"""Insights: findings counted by one of their attributes, through filters."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, findings, hub
from . import service as securityhub
from .filters import PATHS, at

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

MOST, MOST_VALUES = 100, 100


class Insight(Record, frozen=True):
    kind = "securityhub.insight"

    arn: str
    name: str
    filters: dict[str, Any]
    group: str

    @property
    def key(self) -> str:
        return self.arn


def _group(req: Any) -> str:
    name = str(req["GroupByAttribute"])
    if name not in PATHS:
        raise errors.invalid(f"Invalid parameter GroupByAttribute: {name} is not an attribute to group by.")
    return name


def find(call: Call, arn: str) -> Insight:
    hub.find(call)
    found = call.get(Insight, arn)
    if found is None:
        raise errors.missing(f"Insight {arn}")
    return found


@securityhub.op(hub.arn)
def create_insight(call: Call, req: t.CreateInsightRequest) -> t.CreateInsightResponse:
    hub.find(call)
    if len(call.all(Insight)) >= MOST:
        raise errors.limit("insights")
    one = call.put(Insight(call.arn(f"insight/{call.account}/custom/{call.uuid()}"), req["Name"], dict(req["Filters"]), _group(req)))
    return {"InsightArn": one.arn}


@securityhub.op(hub.arn, partly="an account's own insights; AWS's managed ones are not here")
def get_insights(call: Call, req: t.GetInsightsRequest) -> t.GetInsightsResponse:
    hub.find(call)
    those = [find(call, arn) for arn in req["InsightArns"]] if req.get("InsightArns") else sorted(call.all(Insight), key=lambda one: one.arn)
    found, more = pages.page(those, req, lambda one: one.arn, 100, errors.bad_token)
    return {"Insights": [{"InsightArn": one.arn, "Name": one.name, "Filters": one.filters, "GroupByAttribute": one.group} for one in found], **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def get_insight_results(call: Call, req: t.GetInsightResultsRequest) -> t.GetInsightResultsResponse:
    one = find(call, req["InsightArn"])
    counts: dict[str, int] = {}
    for finding in findings.chosen(call, one.filters):
        for value in {str(each) for each in at(finding, PATHS[one.group])}:
            counts[value] = counts.get(value, 0) + 1
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:MOST_VALUES]
    return {"InsightResults": {"InsightArn": one.arn, "GroupByAttribute": one.group, "ResultValues": [{"GroupByAttributeValue": value, "Count": count} for value, count in rows]}}


@securityhub.op(hub.arn)
def update_insight(call: Call, req: t.UpdateInsightRequest) -> t.UpdateInsightResponse:
    one = find(call, req["InsightArn"])
    call.put(one.but(name=req.get("Name", one.name), filters=dict(req.get("Filters", one.filters)), group=_group(req) if "GroupByAttribute" in req else one.group))
    return {}


@securityhub.op(hub.arn)
def delete_insight(call: Call, req: t.DeleteInsightRequest) -> t.DeleteInsightResponse:
    call.delete(find(call, req["InsightArn"]))
    return {"InsightArn": req["InsightArn"]}
