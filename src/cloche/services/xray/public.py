"""What services do with X-Ray: whether a request is traced (`begin`), their own segments (`keep`); and what daemons hear (`heard`, `proxied`).

    begun = public.begin(call, header, active=stage.tracing, ServiceName=...)      # the X-Amzn-Trace-Id that came along, "" if none did
    public.keep(call, begun.segment(id_, name, origin, start=..., end=...))        # inside a step, when the request is over
"""
from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from cloche.kernel import AwsError, Call, Cloud, Request, Response
from cloche.wire import codec, model, route

from . import documents, sampling, segments

_PART = re.compile(r"\s*(root|parent|sampled)\s*=\s*([^;]*?)\s*(?:;|$)", re.IGNORECASE)
PROXIED = ("GetSamplingRules", "GetSamplingTargets")     # no other of X-Ray's operations: nobody says who he is
DAEMON_ACCOUNT = "000000000000"      # whose credentials the daemon on this machine would have


class Header(NamedTuple):
    """X-Amzn-Trace-Id. `sampled`: 1, 0, or "" where nobody has decided."""

    root: str
    parent: str
    sampled: str


def parse(text: str) -> Header:
    said = {name.lower(): value for name, value in _PART.findall(text or "")}
    root, parent, sampled = said.get("root", ""), said.get("parent", ""), said.get("sampled", "")
    return Header(root if documents.TRACE.fullmatch(root) else "", parent if documents.ID.fullmatch(parent) else "", sampled if sampled in ("0", "1") else "")


class Begun(NamedTuple):
    """A request that is (or is not) traced, as it reached a service."""

    root: str
    parent: str
    sampled: bool

    def header(self, parent: str) -> str:
        """For whom the service asks in turn; `parent` is the segment or subsegment that asks."""
        return f"Root={self.root};Parent={parent};Sampled={int(self.sampled)}"

    def segment(self, id_: str, name: str, origin: str, *, start: float, end: float, **more: Any) -> documents.Document:
        return {"id": id_, "name": name, "trace_id": self.root, "start_time": start, "end_time": end, "origin": origin, **({"parent_id": self.parent} if self.parent else {}), **more}


def new_root(call: Call) -> str:
    return f"1-{math.floor(call.now):08x}-{call.id(digits=24)}"


def begin(call: Call, header: str, *, active: bool, **about: str) -> Begun:
    """Somebody has decided before, or this service does if it traces actively; `about` is what sampling rules look at."""
    given = parse(header)
    sampled = given.sampled == "1" or (not given.sampled and active and sampling.decide(call.of("xray"), **about))
    return Begun(given.root or new_root(call), given.parent, sampled)


def keep(call: Call, document: documents.Document) -> None:
    segments.enter(call.of("xray"), documents.clean(document))


# -- daemons --------------------------------------------------------------------------------------------------------------------

def heard(cloud: Cloud, packet: bytes, account: str = DAEMON_ACCOUNT, region: str = "us-east-1", role: str = "", function: str = "") -> None:
    """A datagram: a line that says what follows, then documents. What cannot be read, or what the role may not send, is dropped, as a daemon drops it."""
    head, _, rest = packet.partition(b"\n")
    try:
        said = json.loads(head)
    except ValueError:
        return
    if not isinstance(said, dict) or said.get("format") != "json" or said.get("version") != 1 or not rest.strip():
        return
    whole = rest.decode("utf-8", "replace")
    given = [whole] if _reads(whole) else [line for line in whole.splitlines() if line.strip()]
    here = cloud.internal(cloud.service("xray"), account, region)
    try:
        with here.step():
            if role:
                here = here.as_role(role, function, "lambda.amazonaws.com")
                here.require("xray:PutTraceSegments", "*")
            segments.heard(here, given)
    except AwsError:
        return


def _reads(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def proxied(cloud: Cloud, request: Request, send: Any, region: str = "us-east-1") -> None:
    """What an SDK asks the daemon to ask for it, unsigned: rules and targets."""
    wire, request_id = model.load("xray"), cloud.new_id()
    here = cloud.internal(cloud.service("xray"), DAEMON_ACCOUNT, region).as_root()
    try:
        op = route.operation(wire, "rest-json", request)
        if op.name not in PROXIED:
            raise route.Unknown(op.name)
        with here.step():
            answer: Response = codec.write(op, "rest-json", here.do("xray", op.name, **codec.read(op, "rest-json", request)), request_id)
    except route.Unknown:
        answer = Response(404, [("content-type", "text/plain")], b"The X-Ray daemon knows no such path.\n")
    except codec.Invalid as error:
        answer = codec.write_error(wire, "rest-json", AwsError(error.code, error.message), request_id)
    except AwsError as error:
        answer = codec.write_error(wire, "rest-json", error, request_id)
    cloud.leave(send, answer)
