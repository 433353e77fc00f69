"""Metrics: a name in a namespace with its exact dimensions; put, and listed for two weeks after their last datapoint."""
from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import datapoints, errors, pending, watching
from . import service as cloudwatch
from .datapoints import DAY, Cell

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

PER_REQUEST, VALUES, DIMENSIONS, LISTED = 1_000, 150, 30, 500
LARGEST = 2.0 ** 360


def namespace(call: Call, req: Any) -> dict[str, Any]:
    return {"cloudwatch:namespace": req["Namespace"]}


@cloudwatch.op(resource=ANY, context=namespace, partly="EntityMetricData: the metrics are kept, the entities are not")
def put_metric_data(call: Call, req: t.PutMetricDataInput) -> None:
    if req["Namespace"].startswith("AWS/"):
        raise errors.reserved_namespace(req["Namespace"])
    data: list[tuple[str, Any]] = [(f"MetricData.member.{i}", one) for i, one in enumerate(req.get("MetricData") or (), 1)]
    for j, group in enumerate(req.get("EntityMetricData") or (), 1):
        data += [(f"EntityMetricData.member.{j}.MetricData.member.{i}", one) for i, one in enumerate(group.get("MetricData") or (), 1)]
    if not data:
        raise errors.missing("The parameter MetricData is required.")
    if len(data) > PER_REQUEST:
        raise errors.too_many("MetricData", PER_REQUEST)
    cells = [(one, *read(call, where, one)) for where, one in data]
    touched = set()
    for one, moment, cell in cells:
        key = (req["Namespace"], one["MetricName"], datapoints.dims_of(one.get("Dimensions")))
        datapoints.write(call, key, moment, one.get("Unit") or "None", cell, one.get("StorageResolution") or 60)
        touched.add(key)
    for key in touched:
        watching.tell(call, key)


def read(call: Call, where: str, one: Any) -> tuple[float, Cell]:
    """What one datum says, checked."""
    moment, resolution = one.get("Timestamp", call.now), one.get("StorageResolution", 60)
    if len(one.get("Dimensions") or ()) > DIMENSIONS:
        raise errors.too_many(f"{where}.Dimensions", DIMENSIONS)
    if moment < call.now - 14 * DAY:
        raise errors.too_old(f"{where}.Timestamp")
    if moment > call.now + 7_200:
        raise errors.too_new(f"{where}.Timestamp")
    if resolution not in (1, 60):
        raise errors.invalid_value(resolution, f"{where}.StorageResolution")
    given = [name for name in ("Value", "StatisticValues", "Values") if one.get(name) is not None]
    if not given:
        raise errors.missing(f"At least one of the parameters {where}.Value, {where}.Values or {where}.StatisticValues must be specified.")
    if len(given) > 1:
        raise errors.exclusive(f"{where}.{given[0]}", f"{where}.{given[1]}")
    if given[0] == "StatisticValues":
        s = one["StatisticValues"]
        for name, value in s.items():
            numeric(value, f"{where}.StatisticValues.{name}")
        if s["SampleCount"] <= 0 or s["Minimum"] > s["Maximum"]:
            raise errors.invalid_value(s["SampleCount"] if s["SampleCount"] <= 0 else s["Minimum"], f"{where}.StatisticValues.{'SampleCount' if s['SampleCount'] <= 0 else 'Minimum'}")
        return moment, datapoints.from_set(s["SampleCount"], s["Sum"], s["Minimum"], s["Maximum"])
    cell = Cell()
    if given[0] == "Value":
        cell.add(numeric(one["Value"], f"{where}.Value"))
        return moment, cell
    values, counts = one["Values"], one.get("Counts")
    if len(values) > VALUES:
        raise errors.too_many(f"{where}.Values", VALUES)
    if counts is not None and len(counts) != len(values):
        raise errors.invalid(f"The parameters {where}.Values and {where}.Counts must be of the same size.")
    for i, value in enumerate(values):
        count = counts[i] if counts is not None else 1.0
        if not count >= 0:
            raise errors.invalid_value(count, f"{where}.Counts.member.{i + 1}")
        if count:
            cell.add(numeric(value, f"{where}.Values.member.{i + 1}"), count)
    return moment, cell


def numeric(value: float, where: str) -> float:
    if math.isnan(value) or math.isinf(value) or abs(value) > LARGEST:
        raise errors.invalid_value(value, where)
    return float(value)


# -- listing ----------------------------------------------------------------------------------------------------------

@cloudwatch.op(resource=ANY, partly="linked accounts (IncludeLinkedAccounts, OwningAccount) are not looked into")
def list_metrics(call: Call, req: t.ListMetricsInput) -> t.ListMetricsOutput:
    pending.flush(call)
    after = from_token(req.get("NextToken"))
    wanted = [(d["Name"], d.get("Value")) for d in req.get("Dimensions") or ()]
    shown: list[Any] = []
    last = after
    for space, name, dims in matching(call, req.get("Namespace"), req.get("MetricName"), 3 * 3600 if req.get("RecentlyActive") else 14 * DAY, after):
        pairs = dict(json.loads(dims))
        if all(key in pairs and want in (None, pairs[key]) for key, want in wanted):
            if len(shown) == LISTED:
                return {"Metrics": shown, "NextToken": base64.urlsafe_b64encode(json.dumps(last).encode()).decode()}
            last = (space, name, dims)
            shown.append({"Namespace": space, "MetricName": name, "Dimensions": datapoints.dims_list(dims)})
    return {"Metrics": shown}


def matching(call: Call, space: str | None, name: str | None, age: float, after: Any = ("", "", "")) -> Any:
    """(namespace, name, dimensions) of the metrics that had a datapoint lately, in this order."""
    where, args = "account=? AND region=?", [call.account, call.region]
    for column, value in (("namespace", space), ("name", name)):
        if value is not None:
            where, args = f"{where} AND {column}=?", [*args, value]
    return call.each(
        f"""SELECT namespace, name, dims FROM cloudwatch_metric m WHERE {where} AND (namespace, name, dims)>(?,?,?)
        AND (SELECT max(ts) FROM cloudwatch_point p WHERE p.metric=m.id)>=? ORDER BY namespace, name, dims""", *args, *after, int(call.now - age))


def from_token(token: str | None) -> tuple[str, str, str]:
    if token is None:
        return "", "", ""
    try:
        space, name, dims = json.loads(base64.urlsafe_b64decode(token))
        return str(space), str(name), str(dims)
    except ValueError:
        raise errors.invalid("Invalid nextToken") from None
