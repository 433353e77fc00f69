"""Metric filters: kept, described and tested. Their values reach CloudWatch when CloudWatch is here."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, groups, subscriptions
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

PER_GROUP = 100


@logs.op(groups.by_name, partly="no metric values are published: CloudWatch metrics are not built yet")
def put_metric_filter(call: Call, req: t.PutMetricFilterRequest) -> None:
    group = groups.find(call, req["logGroupName"])
    subscriptions._pattern(req["filterPattern"])
    for change in req["metricTransformations"]:
        if "defaultValue" in change and change.get("dimensions"):
            raise errors.invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
    others = tuple(f for f in group.metrics if f.name != req["filterName"])
    if len(others) >= PER_GROUP:
        raise errors.too_many_filters()
    made = groups.MetricFilter(req["filterName"], req["filterPattern"], req["metricTransformations"], groups.milliseconds(call))
    call.put(group.but(metrics=(*others, made)))


def by_group_or_any(call: Call, req: Any) -> str:
    return groups.by_name(call, req) if req.get("logGroupName") else groups.by_any(call, req)


@logs.op(by_group_or_any)
def describe_metric_filters(call: Call, req: t.DescribeMetricFiltersRequest) -> t.DescribeMetricFiltersResponse:
    if ("metricName" in req) != ("metricNamespace" in req):
        raise errors.invalid("metricName and metricNamespace must be specified together.")
    chosen = [groups.find(call, req["logGroupName"])] if "logGroupName" in req else call.all(groups.LogGroup)
    prefix = req.get("filterNamePrefix", "")
    metric = (req.get("metricName"), req.get("metricNamespace"))
    found = [
        (f"{f.name}\t{g.name}", g, f) for g in chosen for f in g.metrics
        if f.name.startswith(prefix) and (metric == (None, None) or any((m["metricName"], m["metricNamespace"]) == metric for m in f.transformations))
    ]
    shown, token = groups.page(sorted(found, key=lambda one: one[0]), req, lambda one: one[0], 50)
    out: Any = {
        "metricFilters": [
            {"filterName": f.name, "filterPattern": f.pattern, "metricTransformations": f.transformations, "creationTime": f.created, "logGroupName": g.name, "applyOnTransformedLogs": False}
            for _, g, f in shown
        ]
    }
    return out | token


@logs.op(groups.by_name)
def delete_metric_filter(call: Call, req: t.DeleteMetricFilterRequest) -> None:
    group = groups.find(call, req["logGroupName"])
    left = tuple(f for f in group.metrics if f.name != req["filterName"])
    if len(left) == len(group.metrics):
        raise errors.no_filter("metric")
    call.put(group.but(metrics=left))


@logs.op(ANY)
def test_metric_filter(call: Call, req: t.TestMetricFilterRequest) -> t.TestMetricFilterResponse:
    pattern = subscriptions._pattern(req["filterPattern"])
    matches: list[Any] = []
    for number, message in enumerate(req["logEventMessages"], 1):
        values = pattern.match(message)
        if values is not None:
            matches.append({"eventNumber": number, "eventMessage": message, "extractedValues": values})
    return {"matches": matches}
