"""GetMetricData: metrics by themselves, expressions over them, searches; and what alarms on expressions use of it."""
from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.languages import metric_math
from cloche.languages.metric_functions import Invalid, Series, Value

from . import datapoints, errors, gauges, metrics, pending, statistics
from . import service as cloudwatch

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

MOST_QUERIES, MOST_POINTS, ALARM_METRICS, SEARCHED = 500, 100_800, 10, 500
ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


def period_of(queries: Any) -> int:
    """Of an alarm on several metrics: the longest."""
    found = [q["MetricStat"]["Period"] for q in queries if "MetricStat" in q] + [q["Period"] for q in queries if "Period" in q]
    return max(found, default=60)


def metrics_of(config: Any) -> list[datapoints.Key]:
    """The metrics that an alarm looks at."""
    if "Metrics" not in config:
        return [(config["Namespace"], config["MetricName"], datapoints.dims_of(config.get("Dimensions")))]
    return [key_of(q["MetricStat"]["Metric"]) for q in config["Metrics"] if "MetricStat" in q]


def key_of(metric: Any) -> datapoints.Key:
    return metric.get("Namespace", ""), metric.get("MetricName", ""), datapoints.dims_of(metric.get("Dimensions"))


# -- checking ---------------------------------------------------------------------------------------------------------

def check(queries: Any, alarm: bool = False, account: str = "") -> None:
    refuse = errors.validation
    if len(queries) > (ALARM_METRICS if alarm else MOST_QUERIES):
        raise refuse(f"The collection MetricDataQueries must not have a size greater than {ALARM_METRICS if alarm else MOST_QUERIES}.")
    seen: set[str] = set()
    for q in queries:
        if not ID.fullmatch(q["Id"]):
            raise refuse(f"The value {q['Id']} for parameter MetricDataQueries.member.Id is invalid: it must start with a lowercase letter and hold letters, numbers and underscores only.")
        if q["Id"] in seen:
            raise refuse("The values for parameter id in MetricDataQueries are not unique.")
        seen.add(q["Id"])
        if alarm and q.get("AccountId", account) != account:
            raise errors.not_built("an alarm on another account's metric")
        if ("MetricStat" in q) == ("Expression" in q):
            raise refuse("Exactly one of the parameters MetricStat or Expression must be specified in each of MetricDataQueries.")
        if "MetricStat" in q:
            stat = q["MetricStat"]
            if "Period" in q:
                raise refuse("The parameter Period must not be set when MetricStat is set.")
            if "MetricName" not in stat["Metric"] or "Namespace" not in stat["Metric"]:
                raise refuse("The parameters Metric.Namespace and Metric.MetricName are required.")
            statistics.check_period(stat["Period"])
            statistics.check(stat["Stat"], f"MetricDataQueries.member.{len(seen)}.MetricStat.Stat")
    for q in queries:
        if "Expression" in q:
            expression(q, seen, alarm)
    graph(queries)
    if alarm and sum(q.get("ReturnData", True) for q in queries) != 1:
        raise refuse("Exactly one element of the metrics list should return data.")


def expression(q: Any, known: set[str], alarm: bool) -> metric_math.Node:
    if q["Expression"].lstrip().upper().startswith("SELECT "):
        raise errors.not_built("Metrics Insights (SELECT ...)")
    try:
        node = metric_math.parse(q["Expression"])
    except Invalid as error:
        raise errors.validation(f"Error in expression '{q['Id']}': {error}") from None
    for name in metric_math.ids(node):
        if name not in known:
            raise errors.validation(f"Error in expression '{q['Id']}': Undefined variable {name}")
    if alarm and "SEARCH" in metric_math.calls(node):
        raise errors.validation("SEARCH is not supported on Metric Alarms.")
    return node


def graph(queries: Any) -> None:
    """No expression may need itself."""
    needs = {q["Id"]: metric_math.ids(metric_math.parse(q["Expression"])) if "Expression" in q else set() for q in queries}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise errors.validation(f"Error in expression '{name}': it refers to itself")
        for one in needs[name]:
            visit(one, (*path, name))

    for name in needs:
        visit(name, ())


# -- running ----------------------------------------------------------------------------------------------------------

class Run:
    """The queries of one request, each computed when first needed."""

    def __init__(self, call: Call, queries: Any, start: int, end: int) -> None:
        self.call, self.start, self.end = call, start, end
        self.queries = {q["Id"]: q for q in queries}
        self.known: dict[str, Value] = {}
        self.period = period_of(queries)

    def get(self, name: str) -> Value:
        if name not in self.known:
            q = self.queries[name]
            self.known[name] = self.metric(q) if "MetricStat" in q else metric_math.evaluate(metric_math.parse(q["Expression"]), self.world(q))
        return self.known[name]

    def world(self, q: Any) -> metric_math.World:
        return metric_math.World(self.get, self.plain, self.search, self.start, self.end, q.get("Period") or self.period, self.rule)

    def rule(self, name: str, metric: str, period: int) -> Series:
        """INSIGHT_RULE_METRIC."""
        from . import insight_rules
        if metric not in insight_rules.METRICS:
            raise errors.validation(f"{metric} is no metric of a rule.")
        found = insight_rules.report(self.call, name, self.start, self.end, period)[2]
        return Series(f"{name} {metric}", {int(moment): insight_rules.metric(metric, list(contributors.values())) for moment, contributors in sorted(found.items())}, period)

    def plain(self) -> list[tuple[str, Series]]:
        return [(name, self.get(name)) for name, q in self.queries.items() if "MetricStat" in q]  # type: ignore[misc]

    def metric(self, q: Any) -> Series:
        stat = q["MetricStat"]
        gauges.sample(self.call, key_of(stat["Metric"]), min(self.call.now, self.end - 1))
        return self.series(key_of(stat["Metric"]), stat["Stat"], stat["Period"], stat.get("Unit"), q.get("Label") or stat["Metric"]["MetricName"])

    def series(self, key: datapoints.Key, stat: str, period: int, unit: str | None, label: str) -> Series:
        start = statistics.rounded(self.start, period, self.call.now)
        cells: dict[int, datapoints.Cell] = {}
        for (slot, _), cell in datapoints.read(self.call, key, start, self.end, period, unit, stat not in statistics.SIMPLE).items():
            if slot in cells:
                cells[slot].merge(cell)
            else:
                cells[slot] = cell
        return Series(label, {slot: value for slot, cell in sorted(cells.items()) if (value := statistics.value(cell, stat, period)) is not None}, period)

    def search(self, text: str, stat: str, period: int | None) -> list[Series]:
        statistics.check(stat, "Stat")
        found = []
        for space, name, dims in searched(self.call, text):
            values = " ".join(d["Value"] for d in datapoints.dims_list(dims))
            found.append(self.series((space, name, dims), stat, period or self.period, None, f"{name} {values}".strip()))
            if len(found) == SEARCHED:
                break
        return found


def searched(call: Call, text: str) -> Any:
    """`{AWS/Lambda,FunctionName} MetricName="Errors" x`: a schema of namespace and exact dimension names, then terms."""
    schema = re.match(r"\s*\{([^}]*)\}", text)
    space, names = None, None
    rest = text
    if schema:
        parts = [part.strip().strip('"') for part in schema[1].split(",")]
        space, names, rest = parts[0], sorted(parts[1:]), text[schema.end():]
    terms = terms_of(rest)
    for one in metrics.matching(call, space, None, 14 * datapoints.DAY):
        dimensions = {d["Name"]: d["Value"] for d in datapoints.dims_list(one[2])}
        if names is not None and sorted(dimensions) != names:
            continue
        if meets(terms, one[0], one[1], dimensions):
            yield one


TERM = re.compile(r"""\s*(?P<not>NOT\b|-)?\s*(?:(?P<key>[\w.:/-]+)\s*=\s*)?(?:"(?P<exact>[^"]*)"|(?P<open>\()|(?P<close>\))|(?P<word>[^\s()"=]+))""")


def terms_of(text: str) -> list[tuple[bool, str, str, bool]]:
    """(negated, property or "", text, exactly) each, all of which must hold; OR joins with `|` in the text."""
    out: list[tuple[bool, str, str, bool]] = []
    at, alternative, negated, key = 0, False, False, ""
    while at < len(text.rstrip()):
        found = TERM.match(text, at)
        if not found:
            raise errors.validation(f"The search expression cannot be read at '{text[at:at + 20]}'")
        at = found.end()
        key, negated = found["key"] or key, bool(found["not"]) or negated
        if found["open"] or found["close"]:
            key = key if found["open"] else ""
            continue
        word, exact = (found["exact"], True) if found["exact"] is not None else (found["word"], False)
        if not exact and word in ("OR", "AND"):
            alternative = word == "OR"
            continue
        if alternative and out:
            before = out.pop()
            out.append((before[0], before[1], f"{before[2]}\0{word}", before[3]))
        else:
            out.append((negated, key, word, exact))
        alternative, negated = False, False
        if found["key"]:
            key = key if text[at - 1:at] == "(" else ""
    return out


def meets(terms: list[tuple[bool, str, str, bool]], space: str, name: str, dimensions: dict[str, str]) -> bool:
    for negated, key, text, exact in terms:
        if key:
            values = [space] if key == "Namespace" else [name] if key == "MetricName" else [dimensions[key]] if key in dimensions else []
        else:
            values = [space, name, *dimensions, *dimensions.values()]
        hit = any(fits(word, value, exact) for word in text.split("\0") for value in values)
        if hit == negated:
            return False
    return True


def fits(word: str, value: str, exact: bool) -> bool:
    if exact:
        return word == value
    return word.lower() in [value.lower(), *(part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", value))] or word.lower() in re.split(r"[^\w]+", value.lower())


def run(call: Call, queries: Any, start: int, end: int) -> list[Series]:
    """The series that the queries return (of an alarm: one)."""
    work = Run(call, queries, start, end)
    out: list[Series] = []
    for name, q in work.queries.items():
        if q.get("ReturnData", True):
            value = work.get(name)
            out += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Series)]
    return out


# -- the operation ----------------------------------------------------------------------------------------------------

@cloudwatch.op(resource=ANY, partly="Metrics Insights (SELECT), ANOMALY_DETECTION_BAND and other accounts' metrics are refused; dynamic labels are not filled in")
def get_metric_data(call: Call, req: t.GetMetricDataInput) -> t.GetMetricDataOutput:
    queries = req["MetricDataQueries"]
    check(queries)
    if req["StartTime"] >= req["EndTime"]:
        raise errors.validation("The parameter EndTime must be greater than StartTime.")
    if any(q.get("AccountId", call.account) != call.account for q in queries):
        raise errors.not_built("GetMetricData of another account")
    pending.flush(call)
    start, end = statistics.rounded(req["StartTime"], min(period_of(queries), 60), call.now), math.ceil(req["EndTime"])
    work = Run(call, queries, start, end)
    results: list[Any] = []
    for name, q in work.queries.items():
        if not q.get("ReturnData", True):
            continue
        try:
            value = work.get(name)
        except Invalid as error:
            raise errors.validation(f"Error in expression '{name}': {error}") from None
        if isinstance(value, float | int | str):
            raise errors.validation(f"Error in expression '{name}': The expression must return a time series.")
        many = value if isinstance(value, list) else [value]
        for one in many:
            label = q.get("Label") or (one.label if "MetricStat" in q or isinstance(value, list) else name)
            results.append({"Id": name, "Label": label, "points": sorted(one.points.items(), reverse=req.get("ScanBy") != "TimestampAscending")})
    return paged(results, req)


def paged(results: list[Any], req: Any) -> Any:
    """So many points a page, across the results in order; a result that goes on says PartialData."""
    token = req.get("NextToken") or "0"
    if not token.isdigit():
        raise errors.bad_token()
    skip, room, seen, out = int(token), min(req.get("MaxDatapoints") or MOST_POINTS, MOST_POINTS), 0, []
    total = sum(len(one["points"]) for one in results)
    for one in results:
        points = one.pop("points")
        begin, end = max(skip - seen, 0), max(min(skip + room - seen, len(points)), 0)
        if (begin < end) or (not points and not skip and seen <= room):
            out.append(one | {"Timestamps": [float(at) for at, _ in points[begin:end]], "Values": [value for _, value in points[begin:end]],
                              "StatusCode": "Complete" if end >= len(points) else "PartialData"})
        seen += len(points)
    return {"MetricDataResults": out, "Messages": []} | ({"NextToken": str(skip + room)} if skip + room < total else {})
