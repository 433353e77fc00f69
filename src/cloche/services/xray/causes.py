"""Root causes: the ways from the root to where a fault or an error began, or to what took the time. Service by service, in each the entities passed."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from . import documents
from .documents import Document

if TYPE_CHECKING:
    from .traces import Segment, Trace

MOST, DEEPEST = 10, 100
SHARE = 0.5          # of its caller's time: so much a call must take to be where the time went


def paths(trace: Trace, kind: str) -> list[list[tuple[Segment, Document]]]:
    """Each way as its entities, from the root on: (whose, segment or subsegment)."""
    callees: dict[str, list[Segment]] = {}
    for one in trace.segments:
        callees.setdefault(one.parent, []).append(one)

    def below(segment: Segment, node: Document) -> list[tuple[Segment, Document]]:
        return [(segment, sub) for sub in node.get("subsegments", ())] + [(one, one.node) for one in callees.get(node["id"], ())]

    def wrong(way: list[tuple[Segment, Document]]) -> Iterator[list[tuple[Segment, Document]]]:
        """Where nothing further down went wrong as well."""
        found = False
        for each in below(*way[-1]) if len(way) < DEEPEST else ():
            for further in wrong([*way, each]):
                found = True
                yield further
        if not found and way[-1][1].get(kind):
            yield way

    root = trace.root
    if kind in ("fault", "error"):
        return list(islice(wrong([(root, root.node)]), MOST))
    way = [(root, root.node)]
    while True:
        mine = seconds(way[-1][1])
        slowest = max(below(*way[-1]), key=lambda each: seconds(each[1]), default=None)
        if slowest is None or mine <= 0 or seconds(slowest[1]) < SHARE * mine or len(way) >= DEEPEST:
            return [way]
        way.append(slowest)


def seconds(node: Document) -> float:
    return float(node.get("end_time", node["start_time"])) - float(node["start_time"])


def told(trace: Trace, kind: str) -> list[dict[str, Any]]:
    """As a summary has them."""
    from .traces import exceptions
    out = []
    total = seconds(trace.root.node)
    for way in paths(trace, kind):
        services: list[dict[str, Any]] = []
        last = None
        for place, (segment, node) in enumerate(way):
            if segment is not last:
                services.append({**segment.service_id(), "EntityPath": [], "Inferred": bool(segment.node.get("inferred"))})
                last = segment
            entity: dict[str, Any] = {"Name": node["name"], "Remote": documents.remote(node)}
            if kind == "responsetime":
                rest = seconds(way[place + 1][1]) if place + 1 < len(way) else 0.0
                entity["Coverage"] = round(max(0.0, seconds(node) - rest) / total, 4) if total > 0 else 1.0
            else:
                entity["Exceptions"] = [{"Name": name, "Message": message} for name, message in exceptions(node)]
            services[-1]["EntityPath"].append(entity)
        out.append({"Services": services, "ClientImpacting": kind == "responsetime" or bool(trace.root.node.get(kind))})
    return out


class Cause:
    """A service, an entity or an exception on such a way, as a filter sees it."""

    def __init__(self, texts: dict[str, str], numbers: dict[str, float], flags: dict[str, bool]) -> None:
        self._texts, self._numbers, self._flags = texts, numbers, flags

    def flag(self, name: str) -> bool:
        return self._flags.get(name, False)

    def numbers(self, name: str) -> list[float]:
        return [self._numbers[name]] if name in self._numbers else []

    def texts(self, name: str) -> list[str]:
        return [self._texts[name]] if self._texts.get(name) else []

    def annotations(self, key: str) -> list[Any]:
        return []

    def services(self, which: Any) -> list[Any]:
        return [self] if which.name in ("", self._texts.get("name")) and which.type in ("", self._texts.get("type")) else []

    def edges(self, source: Any, target: Any) -> list[Any]:
        return []

    def causes(self, kind: str, level: str) -> list[Any]:
        return []

    def group(self, field: str, value: str) -> bool:
        return False

    def matches_cause(self, given: Any) -> bool:
        return False


def scopes(trace: Trace, kind: str, level: str) -> Iterator[Cause]:
    for cause in told(trace, kind):
        services = cause["Services"]
        for place, one in enumerate(services):
            if level == "service":
                yield Cause({"name": one["Name"], "type": one.get("Type", "")}, {"index": place}, {"first": place == 0, "last": place == len(services) - 1, "inferred": one["Inferred"]})
                continue
            for index, entity in enumerate(one["EntityPath"]):
                if level == "entity":
                    yield Cause({"name": entity["Name"]}, {"index": index, **({"coverage": entity["Coverage"]} if "Coverage" in entity else {})},
                                {"first": index == 0, "last": index == len(one["EntityPath"]) - 1, "remote": entity["Remote"]})
                else:
                    yield from (Cause({"name": each["Name"], "message": each["Message"]}, {}, {}) for each in entity.get("Exceptions", ()))


def matches(trace: Trace, given: Any) -> bool:
    """Is one of the causes what the JSON describes?"""
    return isinstance(given, list) and any(all(_fits(one, cause) for one in given) for kind in ("fault", "error", "responsetime") for cause in told(trace, kind))


def _fits(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(name in there and _fits(value, there[name]) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(wanted) == len(there) and all(_fits(one, other) for one, other in zip(wanted, there, strict=True))
    return bool(wanted == there)
