"""Which operation a request asks for, from what each protocol puts where.

The REST protocols share one tree per model: a step for each path segment, literal before label before greedy label. What
is left under one method is told apart by the literal query parts of the template (`?tagging`, `?list-type=2`), then by the
required query parameters and headers that are present (UploadPart and PutObject are the same path).
"""
from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

from .http import Request
from .model import Model, Operation


class Unknown(LookupError):
    """No operation of the model fits; `name` is what the client called it, where the protocol has a name."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.name = name


def operation(model: Model, protocol: str, request: Request) -> Operation:
    if protocol == "json":
        return _named(model, request.headers.get("x-amz-target", "").rpartition(".")[2])
    if protocol in ("query", "ec2"):
        return _named(model, action(request))
    if protocol == "rpc-v2-cbor":
        return _named(model, request.path.rpartition("/operation/")[2])
    router: Router | None = model.__dict__.get("_router")
    if router is None:
        router = model.__dict__["_router"] = Router(model)
    return router.find(request)


def _named(model: Model, name: str) -> Operation:
    op = model.operations.get(name)
    if op is None:
        raise Unknown(name)
    return op


_ACTION = re.compile(r"(?:^|&)Action=([^&]*)")
_ACTION_BYTES = re.compile(rb"(?:^|&)Action=([^&]*)")


def action(request: Request) -> str:
    """The query protocol's `Action`, in the body of a POST or in the query string."""
    if found := _ACTION_BYTES.search(request.body):
        return unquote_plus(found[1].decode("latin-1")).strip()
    if found2 := _ACTION.search(request.query):
        return unquote_plus(found2[1])
    return ""


class _Node:
    __slots__ = ("greedy", "label", "literals", "methods")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.greedy: _Node | None = None
        self.methods: dict[str, _Candidates] = {}


class _Candidate:
    __slots__ = ("headers", "literals", "op", "query")

    def __init__(self, op: Operation, query: str) -> None:
        self.op = op
        pairs = [part.partition("=") for part in query.split("&") if part]
        self.literals = [(k, v if eq else None) for k, eq, v in pairs if k != "x-id"]  # x-id only names the operation once more
        members = op.input.members if op.input else {}
        located = [members[name][1] for name in (op.input.required if op.input else ()) if name in members]
        self.query = [ref["locationName"] for ref in located if ref.get("location") == "querystring"]
        self.headers = [ref["locationName"].lower() for ref in located if ref.get("location") == "header"]


class _Candidates:
    """The operations of one path and method: those without a literal query part, and the others by their first."""

    __slots__ = ("by_header", "keyed", "plain")

    def __init__(self) -> None:
        self.plain: list[_Candidate] = []
        self.keyed: dict[str, list[_Candidate]] = {}
        self.by_header: list[tuple[str, Operation]] | None = None  # without a query string, one header at most decides

    def add(self, one: _Candidate) -> None:
        if one.literals:
            self.keyed.setdefault(one.literals[0][0], []).append(one)
        else:
            self.plain.append(one)
            simple = [c for c in self.plain if not c.query]
            distinct = {tuple(c.headers) for c in simple}
            fits = len(distinct) == len(simple) and () in distinct and all(len(c.headers) < 2 for c in simple)
            self.by_header = sorted(((c.headers[0] if c.headers else "", c.op) for c in simple), key=lambda pair: not pair[0]) if fits else None


class Router:
    def __init__(self, model: Model) -> None:
        self.root = _Node()
        for op in model.operations.values():
            path, _, query = op.http["requestUri"].partition("?")
            node = self.root
            for segment in [s for s in path.split("/") if s]:
                if segment.startswith("{") and segment.endswith("+}"):
                    node.greedy = node.greedy or _Node()
                    node = node.greedy
                elif segment.startswith("{") and segment.endswith("}"):
                    node.label = node.label or _Node()
                    node = node.label
                else:
                    node = node.literals.setdefault(segment, _Node())
            node.methods.setdefault(op.http["method"], _Candidates()).add(_Candidate(op, query))

    def find(self, request: Request) -> Operation:
        segments = request.path.split("/")[1:]
        while segments and segments[-1] == "" and len(segments) != 2:  # "/bucket/" is the bucket, "/bucket/folder/" is a key
            if len(segments) > 2 and any(segments[1:]):
                break
            segments.pop()
        if len(segments) == 2 and segments[1] == "":
            segments.pop()
        found = self._walk(self.root, segments, 0, request.method)
        if found is None and segments and segments[-1] == "":
            while segments and segments[-1] == "":
                segments.pop()
            found = self._walk(self.root, segments, 0, request.method)
        if not found:
            raise Unknown()
        if not request.query:
            if len(found.plain) == 1:
                return found.plain[0].op
            if found.by_header is not None:
                for header, op in found.by_header:
                    if not header or header in request.headers:
                        return op
        return self._choose(found, request)

    def _walk(self, node: _Node, segments: list[str], i: int, method: str) -> _Candidates | None:
        if i == len(segments):
            return node.methods.get(method)
        segment = segments[i]
        if (step := node.literals.get(segment)) is not None and (found := self._walk(step, segments, i + 1, method)):
            return found
        if node.label is not None and segment and (found := self._walk(node.label, segments, i + 1, method)):
            return found
        if node.greedy is not None and (i + 1 < len(segments) or segment):
            if node.greedy.literals or node.greedy.label:  # `/{key+}/suffix`: the shortest greedy part that lets the rest fit
                for j in range(len(segments) - 1, i, -1):
                    if found := self._walk_after(node.greedy, segments, j, method):
                        return found
            return node.greedy.methods.get(method)
        return None

    def _walk_after(self, node: _Node, segments: list[str], i: int, method: str) -> _Candidates | None:
        step = node.literals.get(segments[i])
        return self._walk(step, segments, i + 1, method) if step is not None else None

    @staticmethod
    def _choose(found: _Candidates, request: Request) -> Operation:
        given: dict[str, str] = {}
        if request.query:
            for part in request.query.split("&"):
                key, _, value = part.partition("=")
                given[unquote_plus(key)] = value
        candidates = found.plain
        for key in given:
            if key in found.keyed:
                candidates = [*found.keyed[key], *candidates]
        best: Any = None
        best_rank = (-1, 0, 0)
        for c in candidates:
            if not all(k in given and (v is None or given[k] == v) for k, v in c.literals):
                continue
            wanted = len(c.query) + len(c.headers)
            have = sum(q in given for q in c.query) + sum(h in request.headers for h in c.headers)
            rank = (len(c.literals), 1 if have == wanted else 0, wanted if have == wanted else -wanted)
            if best is None or rank > best_rank:
                best, best_rank = c, rank
        if best is None:
            raise Unknown()
        return best.op
