"""Traces: segments put together, and what is asked of them: by filters, by summaries, by maps. A trace answers for itself, each of its services, and each call between two.

Top-level keywords of a filter speak of the root; within service(){} of that service's segment; within edge(){} of the call.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, pages
from cloche.languages.xray_filter import Which

from . import documents, errors, segments
from . import service as xray
from .documents import Document, inside

if TYPE_CHECKING:
    from cloche.shapes import xray as t


class Part:
    """A segment or subsegment, as a filter sees it."""

    def __init__(self, trace: Trace, node: Document, segment: Segment | None = None) -> None:
        self.trace, self.node = trace, node
        self.segment: Any = segment

    @property
    def seconds(self) -> float | None:
        return self.node["end_time"] - self.node["start_time"] if "end_time" in self.node else None

    def flag(self, name: str) -> bool:
        node = self.node
        match name:
            case "ok":
                return not any(node.get(each) for each in ("error", "fault", "throttle"))
            case "error" | "fault" | "throttle" | "inferred":
                return bool(node.get(name))
            case "partial":
                return "end_time" not in node
            case "remote":
                return documents.remote(node) or self.segment.type == "remote"
            case "root":
                return self.segment is self.trace.root
            case _:
                return False

    def numbers(self, name: str) -> list[float]:
        if name in ("responsetime", "duration"):
            return [] if self.seconds is None else [self.seconds]
        status = inside(self.node, "http", "response", "status") if name == "http.status" else None
        return [status] if isinstance(status, int | float) else []

    def texts(self, name: str) -> list[str]:
        node = self.node
        match name:
            case "http.url" | "http.method":
                found = [inside(node, "http", "request", name[5:])]
            case "http.useragent":
                found = [inside(node, "http", "request", "user_agent")]
            case "http.clientip":
                found = [inside(node, "http", "request", "client_ip")]
            case "user":
                found = [node.get("user")]
            case "name":
                found = [self.segment.name]
            case "type":
                found = [self.segment.type]
            case "message":
                found = [message for _, message in exceptions(node)]
            case "availabilityzone":
                found = [inside(node, "aws", "ec2", "availability_zone")]
            case "instance.id":
                found = [inside(node, "aws", "ec2", "instance_id")]
            case _:
                found = [node.get("resource_arn"), inside(node, "aws", "function_arn")]
        return [each for each in found if isinstance(each, str) and each]

    def annotations(self, key: str) -> list[Any]:
        return [node["annotations"][key] for node in documents.walk(self.node) if key in (node.get("annotations") or {})]

    def services(self, which: Which) -> list[Any]:
        return self.trace.services(which)

    def edges(self, source: Which, target: Which) -> list[Any]:
        return self.trace.edges(source, target)

    def causes(self, kind: str, level: str) -> list[Any]:
        return self.trace.causes(kind, level)

    def group(self, field: str, value: str) -> bool:
        return self.trace.group(field, value)

    def matches_cause(self, given: Any) -> bool:
        return self.trace.matches_cause(given)


class Segment(Part):
    """One service's part in a trace."""

    def __init__(self, trace: Trace, node: Document) -> None:
        super().__init__(trace, node)
        self.segment = self
        self.id, self.parent = node["id"], node.get("parent_id", "")
        self.name = (node.get("inferred") and documents.resource(node)) or node["name"]
        self.type = node.get("origin") or ("remote" if node.get("inferred") else "")

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.type

    def service_id(self) -> dict[str, Any]:
        return {"Name": self.name, "Names": [self.name], "AccountId": inside(self.node, "aws", "account_id") or self.trace.account, **({"Type": self.type} if self.type else {})}

    def is_(self, which: Which) -> bool:
        return which.name in ("", self.name, self.node["name"]) and which.type in ("", self.type) and which.account in ("", self.service_id()["AccountId"])


class Trace:
    """All segments of one ID."""

    def __init__(self, call: Call, row: segments.Row) -> None:
        self.call, self.row, self.id, self.account = call, row, row.id, call.account

    @cached_property
    def segments(self) -> list[Segment]:
        return [Segment(self, one) for one in documents.compiled(segments.of(self.call, self.id))]

    @cached_property
    def owners(self) -> dict[str, Segment]:
        """The segment that holds a segment or subsegment."""
        return {node["id"]: one for one in self.segments for node in documents.walk(one.node)}

    @cached_property
    def root(self) -> Segment:
        return next((one for one in self.segments if not one.parent), self.segments[0])

    def roots(self) -> list[Segment]:
        """Those that nobody here called."""
        return [one for one in self.segments if not one.parent or one.parent not in self.owners]

    @property
    def start(self) -> float:
        return min(float(one.node["start_time"]) for one in self.segments)

    @property
    def end(self) -> float:
        return max(float(node.get("end_time", node["start_time"])) for one in self.segments for node in documents.walk(one.node))

    @cached_property
    def partial(self) -> bool:
        called = {one.parent for one in self.segments}
        return any("end_time" not in node or (documents.awaits(node) and node["id"] not in called) for one in self.segments for node in documents.walk(one.node))

    def node(self, id_: str) -> Document:
        return next(node for node in documents.walk(self.owners[id_].node) if node["id"] == id_)

    def calls(self) -> Iterator[tuple[Segment, Segment, Document]]:
        """(who called, who was called, the call)"""
        for one in self.segments:
            if one.parent in self.owners:
                yield self.owners[one.parent], one, self.node(one.parent)

    # -- what a filter asks -----------------------------------------------------------------------------------------------------

    def flag(self, name: str) -> bool:
        return self.partial if name == "partial" else any(one.flag("throttle") for one in self.segments) if name == "throttle" else self.root.flag(name)

    def numbers(self, name: str) -> list[float]:
        return [self.end - self.start] if name == "duration" else self.root.numbers(name)

    def texts(self, name: str) -> list[str]:
        if name in ("availabilityzone", "instance.id", "resource.arn", "user", "message"):       # of whichever part
            parts = [Part(self, node, one) for one in self.segments for node in documents.walk(one.node)]
            return [text for part in parts for text in part.texts(name)]
        return self.root.texts(name)

    def annotations(self, key: str) -> list[Any]:
        return [value for one in self.segments for value in one.annotations(key)]

    def services(self, which: Which) -> list[Any]:
        return [one for one in self.segments if one.is_(which)] + ([Client(self)] if which.type == "client" and which.name in ("", self.root.name) else [])

    def edges(self, source: Which, target: Which) -> list[Any]:
        found: list[Any] = [Part(self, node, callee) for caller, callee, node in self.calls() if caller.is_(source) and callee.is_(target)]
        if source.type == "client":
            found += [one for one in self.roots() if source.name in ("", one.name) and one.is_(target)]
        return found

    def causes(self, kind: str, level: str) -> list[Any]:
        from .causes import scopes
        return list(scopes(self, kind, level))

    def group(self, field: str, value: str) -> bool:
        from .groups import holds, known
        return any(holds(self.call, one, self) for one in known(self.call) if value == (one.name if field == "name" else one.arn))

    def matches_cause(self, given: Any) -> bool:
        from .causes import matches
        return matches(self, given)


class Client(Part):
    """Whoever made the request."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace, trace.root.node, trace.root)

    def texts(self, name: str) -> list[str]:
        return ["client"] if name == "type" else super().texts(name)


def exceptions(node: Document) -> list[tuple[str, str]]:
    """(type, message) of what went wrong in a node."""
    given = inside(node, "cause", "exceptions")
    return [(str(one.get("type", "")), str(one.get("message", ""))) for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def within(call: Call, column: str, start: float, end: float, wanted: Callable[[Any], bool]) -> Iterator[Trace]:
    if start > end:
        raise errors.bad_range()
    for row in segments.between(call, column, start, end):
        one = Trace(call, row)
        if wanted(one):
            yield one


@xray.op(resource=ANY)
def batch_get_traces(call: Call, req: t.BatchGetTracesRequest) -> t.BatchGetTracesResult:
    ids = list(dict.fromkeys(req["TraceIds"]))
    found = {id_: row for id_ in ids if (row := segments.row(call, id_))}
    page, more = pages.page(sorted(found), req, str, 100, errors.bad_token)
    those = [Trace(call, found[id_]) for id_ in page]
    return {"Traces": [{"Id": one.id, "Duration": round(one.end - one.start, 3), "LimitExceeded": False,
                        "Segments": [{"Id": each.id, "Document": documents.dump(each.node)} for each in one.segments]} for one in those],
            "UnprocessedTraceIds": [id_ for id_ in ids if id_ not in found], **more}  # type: ignore[typeddict-item]
