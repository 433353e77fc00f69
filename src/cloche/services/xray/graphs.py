"""Maps: services as nodes with what became of their requests, and the calls between them as edges; and the same by the minute."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, pages
from cloche.languages import xray_filter

from . import errors, groups, segments, summaries
from . import service as xray
from .traces import Trace, within

if TYPE_CHECKING:
    from cloche.shapes import xray as t

    from .traces import Part, Segment

PERIODS = (60, 300)


class Counts:
    """What became of some requests, and how long they took."""

    def __init__(self) -> None:
        self.ok = self.throttles = self.errors = self.faults = self.total = 0
        self.seconds = 0.0
        self.histogram: dict[float, int] = {}
        self.start, self.end = float("inf"), 0.0

    def add(self, part: Part) -> None:
        node = part.node
        if node.get("fault"):
            self.faults += 1
        elif node.get("throttle"):
            self.throttles += 1
        elif node.get("error"):
            self.errors += 1
        else:
            self.ok += 1
        self.total += 1
        self.start, self.end = min(self.start, node["start_time"]), max(self.end, node.get("end_time", node["start_time"]))
        if (seconds := part.seconds) is not None:
            self.seconds += seconds
            value = round(seconds, 3)
            self.histogram[value] = self.histogram.get(value, 0) + 1

    def shown(self) -> dict[str, Any]:
        return {"OkCount": self.ok, "ErrorStatistics": {"ThrottleCount": self.throttles, "OtherCount": self.errors, "TotalCount": self.throttles + self.errors},
                "FaultStatistics": {"OtherCount": self.faults, "TotalCount": self.faults}, "TotalCount": self.total, "TotalResponseTime": round(self.seconds, 3)}

    def bars(self) -> list[dict[str, Any]]:
        return [{"Value": value, "Count": count} for value, count in sorted(self.histogram.items())]


class Node:
    def __init__(self, segment: Segment, type_: str = "") -> None:
        self.segment, self.type = segment, type_ or segment.type
        self.counts = Counts()
        self.edges: dict[tuple[str, str], Counts] = {}
        self.root = False
        self.names: dict[str, None] = {}


def drawn(traces: list[Trace]) -> list[dict[str, Any]]:
    """The services of these traces, with the clients before their roots."""
    nodes: dict[tuple[str, str], Node] = {}
    for trace in traces:
        for one in trace.segments:
            node = nodes.setdefault(one.key, Node(one))
            node.counts.add(one)
            node.names[one.name] = None
        for one in trace.roots():
            nodes[one.key].root = True
            client = nodes.setdefault((one.name, "client"), Node(one, "client"))
            client.counts.add(one)
            client.names[one.name] = None
            client.edges.setdefault(one.key, Counts()).add(one)
        for caller, callee, call_node in trace.calls():
            from .traces import Part
            nodes[caller.key].edges.setdefault(callee.key, Counts()).add(Part(trace, call_node, callee))
    numbers = {key: number for number, key in enumerate(sorted(nodes))}
    return [shown(nodes[key], numbers, number) for key, number in numbers.items()]


def shown(node: Node, numbers: dict[tuple[str, str], int], number: int) -> dict[str, Any]:
    counts = node.counts
    out: dict[str, Any] = {"ReferenceId": number, "Name": node.segment.name, "Names": list(node.names), "State": "active", "StartTime": counts.start, "EndTime": counts.end, "Edges": [
        {"ReferenceId": numbers[key], "StartTime": edge.start, "EndTime": edge.end, "SummaryStatistics": edge.shown(), "ResponseTimeHistogram": edge.bars(), "Aliases": []}
        for key, edge in sorted(node.edges.items())]}
    if node.type:
        out["Type"] = node.type
    if node.type != "client":
        out |= {"AccountId": node.segment.service_id()["AccountId"], "SummaryStatistics": counts.shown(), "DurationHistogram": counts.bars(), "ResponseTimeHistogram": counts.bars()}
    if node.root and node.type != "client":
        out["Root"] = True
    return out


def chosen(call: Call, req: Any) -> list[Trace]:
    """Those that began within the range, of the group that is named."""
    group = groups.asked(call, req)
    return list(within(call, "born", req["StartTime"], req["EndTime"], xray_filter.always if group is None else lambda one: groups.holds(call, group, one)))


@xray.op(resource=ANY)
def get_service_graph(call: Call, req: t.GetServiceGraphRequest) -> t.GetServiceGraphResult:
    traces = chosen(call, req)
    return {"StartTime": req["StartTime"], "EndTime": req["EndTime"], "Services": drawn(traces), "ContainsOldGroupVersions": False}  # type: ignore[typeddict-item]


@xray.op(resource=ANY)
def get_trace_graph(call: Call, req: t.GetTraceGraphRequest) -> t.GetTraceGraphResult:
    rows = [row for id_ in dict.fromkeys(req["TraceIds"]) if (row := segments.row(call, id_))]
    return {"Services": drawn([Trace(call, row) for row in rows])}  # type: ignore[typeddict-item]


@xray.op(resource=ANY, partly="no forecasts")
def get_time_series_service_statistics(call: Call, req: t.GetTimeSeriesServiceStatisticsRequest) -> t.GetTimeSeriesServiceStatisticsResult:
    period = req.get("Period", 60)
    if period not in PERIODS:
        raise errors.invalid("Period must be 60 or 300 seconds")
    if req.get("ForecastStatistics"):
        raise errors.invalid("Forecasts are not built in Cloche")
    selector = req.get("EntitySelectorExpression", "")
    kind = "edge" if not selector or selector.lstrip().lower().startswith("edge") else "service"
    wanted = Selector(selector)
    times: dict[float, Counts] = {}
    for trace in chosen(call, req):
        for part in wanted.parts(trace):
            at = part.node["start_time"] // period * period
            times.setdefault(at, Counts()).add(part)
    rows, more = pages.page(sorted(times.items()), req, lambda row: f"{row[0]:020.3f}", 1000, errors.bad_token)
    member = "EdgeSummaryStatistics" if kind == "edge" else "ServiceSummaryStatistics"
    return {"TimeSeriesServiceStatistics": [{"Timestamp": at, member: counts.shown(), "ResponseTimeHistogram": counts.bars()} for at, counts in rows], "ContainsOldGroupVersions": False,
            **more}  # type: ignore[typeddict-item]


class Selector:
    """service(...) or edge(...), as a filter has them; without one every call counts."""

    def __init__(self, text: str) -> None:
        if text and not text.lstrip().lower().startswith(("service", "edge")):
            raise errors.bad_filter("an entity selector is service(...) or edge(...)")
        self.filter = summaries.read(text) if text else None

    def parts(self, trace: Trace) -> list[Any]:
        if self.filter is None:
            from .traces import Part
            return [*trace.roots(), *(Part(trace, node, callee) for _, callee, node in trace.calls())]
        seen = Seen(trace)
        self.filter(seen)
        return seen.found


class Seen:
    """A trace that remembers which of its parts a selector named."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.found = trace, list[Any]()

    def services(self, which: Any) -> list[Any]:
        self.found = self.trace.services(which)
        return self.found

    def edges(self, source: Any, target: Any) -> list[Any]:
        self.found = self.trace.edges(source, target)
        return self.found
