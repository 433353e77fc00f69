"""Metric filters: what matches becomes values in CloudWatch; and EMF, lines that say themselves which metrics they carry."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.languages import log_filter
from cloche.services.cloudwatch import public as cloudwatch

from . import errors, groups, subscriptions
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

PER_GROUP = 100


@logs.op(groups.by_name, partly="defaultValue is written for batches without a match, not for minutes without events; system fields are not used")
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


# -- values -----------------------------------------------------------------------------------------------------------

Line = tuple[int, str]  # milliseconds, text


def incoming(call: Call, group: groups.LogGroup, events: int, size: int) -> None:
    dims = (("LogGroupName", group.name),)
    cloudwatch.put(call, "AWS/Logs", "IncomingLogEvents", dims, events, "None")
    cloudwatch.put(call, "AWS/Logs", "IncomingBytes", dims, size, "Bytes")


def count(call: Call, group: groups.LogGroup, lines: list[Line]) -> None:
    """New events, through every metric filter of the group."""
    for f in group.metrics:
        pattern = log_filter.compile(f.pattern)
        for change in f.transformations:
            hits = 0
            for moment, message in lines:
                values = pattern.match(message)
                if values is not None and (value := number(change["metricValue"], message, values)) is not None:
                    hits += 1
                    dims = tuple((name, text) for name, field in (change.get("dimensions") or {}).items() if (text := said(field, message, values)))
                    cloudwatch.write(call, change["metricNamespace"], change["metricName"], dims, value, change.get("unit", "None"), moment / 1000)
            if not hits and "defaultValue" in change:
                cloudwatch.write(call, change["metricNamespace"], change["metricName"], (), change["defaultValue"], change.get("unit", "None"), call.now)


def number(text: str, message: str, values: Any) -> float | None:
    """A literal, or a field of what matched."""
    try:
        return float(said(text, message, values) if text.startswith("$") else text)
    except ValueError:
        return None


def said(field: str, message: str, values: Any) -> str:
    """`$.field` or `$field`: what the pattern names, or anything else of a JSON event."""
    if field in values:
        return str(values[field])
    if field.startswith("$.") and message.lstrip().startswith("{"):
        try:
            found = [one for one in log_filter.walk(json.loads(message), log_filter.selector(field)) if not isinstance(one, dict | list) and one is not None]
        except (ValueError, RecursionError):
            found = []                              # it only looks like JSON
        return str(found[0]) if found else ""
    return ""


def embedded(call: Call, lines: list[Line]) -> None:
    """The embedded metric format: a JSON line whose `_aws.CloudWatchMetrics` names metrics and dimensions among its own members."""
    for _, message in lines:
        if '"CloudWatchMetrics"' not in message:
            continue
        try:
            body = json.loads(message)
            about = body["_aws"]
            for directive in about["CloudWatchMetrics"]:
                for names in directive.get("Dimensions") or [[]]:
                    dims = tuple((name, str(body[name])) for name in names)
                    for metric in directive["Metrics"]:
                        found = body.get(metric["Name"])
                        for value in found if isinstance(found, list) else [] if found is None else [found]:
                            cloudwatch.write(call, directive["Namespace"], metric["Name"], dims, float(value), metric.get("Unit", "None"), about["Timestamp"] / 1000, metric.get("StorageResolution", 60))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # no EMF after all: it stays an ordinary line
