"""What Lambda tells X-Ray of an invocation: the service's segment, and below it the function's, under which the function's own subsegments come.

With active tracing the sampling rules decide where nobody has before; else a function only follows what its caller decided. Nothing is told that the execution role may not send.
"""
from __future__ import annotations

import json
from typing import Any, NamedTuple

from cloche.engines.run.invocation import Outcome
from cloche.kernel import AwsError, Call
from cloche.services.xray import public as xray

from . import errors, names, recursion
from .records import Version
from .roles import acting

ACTION = "xray:PutTraceSegments"


class Traced(NamedTuple):
    begun: xray.Begun
    service: str         # ids of the two segments
    function: str
    at: float


def check_role(call: Call, config: dict[str, Any]) -> None:
    """Who turns tracing on must have a role that can send what is traced."""
    if config["TracingConfig"]["Mode"] == "Active" and not acting(call, config["Role"], "awslambda_validation").allowed(ACTION, "*"):
        raise errors.role_lacks("PutTraceSegments on XRAY")


def begin(there: Call, version: Version, header: str) -> tuple[Traced | None, str]:
    """(what is traced, the header for the function)"""
    active = version.config["TracingConfig"]["Mode"] == "Active"
    if not active and not header:
        return None, header                              # as most are
    begun = xray.begin(there, header, active=active, ServiceName=version.function, ServiceType="AWS::Lambda::Function", Host=f"lambda.{there.region}.amazonaws.com", HTTPMethod="POST",
                       URLPath=f"/2015-03-31/functions/{version.function}/invocations", ResourceARN=names.arn(there, version.function))
    traced = Traced(begun, there.id(digits=16), there.id(digits=16), there.now)
    lineage = f";Lineage={found}" if (found := recursion.lineage(header)) else ""
    return (traced if begun.sampled else None), begun.header(traced.function if begun.sampled else begun.parent or traced.service) + lineage


def refused(there: Call, version: Version, traced: Traced, request_id: str) -> None:
    """Concurrency said no."""
    end = there.now
    with there.step():
        send(there, version, [service(there, version, traced, request_id, end, 429, error=True, throttle=True)])


def end(there: Call, version: Version, traced: Traced, request_id: str, outcome: Outcome) -> None:
    """Within a step. Its moments are the clock's: the last is now, how long things took is what was measured."""
    over = there.now
    began = max(traced.at, over - (outcome.duration_ms + (outcome.init_ms or 0)) / 1000 - 0.002)
    fault: dict[str, Any] = {"fault": True} if outcome.failed else {}
    at, subs = began, []
    for name, ms in (("Initialization", outcome.init_ms), ("Invocation", outcome.duration_ms), ("Overhead", 0.0)):
        if ms is not None:
            until = min(over, at + ms / 1000) if name != "Overhead" else over
            subs.append({"id": there.id(digits=16), "name": name, "start_time": at, "end_time": max(at, until), "aws": {"function_arn": names.arn(there, version.function)},
                         **(fault if name == "Invocation" else {})})
            at = max(at, until)
    arn = names.arn(there, version.function)
    cause = {"cause": {"working_directory": "/var/task", "exceptions": [{"id": there.id(digits=16), "type": outcome.error_type, "message": said(outcome)}]}} if outcome.failed else {}
    function = {"id": traced.function, "name": version.function, "trace_id": traced.begun.root, "parent_id": traced.service, "start_time": began, "end_time": over, "origin": "AWS::Lambda::Function",
                "resource_arn": arn, "aws": {"account_id": there.account, "function_arn": arn, "resource_names": [version.function]}, "subsegments": subs, **fault, **cause}
    send(there, version, [service(there, version, traced, request_id, over, 200, **fault), function])


def service(there: Call, version: Version, traced: Traced, request_id: str, until: float, status: int, **flags: Any) -> dict[str, Any]:
    arn = names.arn(there, version.function)
    return traced.begun.segment(traced.service, version.function, "AWS::Lambda", start=traced.at, end=until, http={"response": {"status": status}},
                                aws={"account_id": there.account, "request_id": request_id, "function_arn": arn, "resource_names": [version.function]}, resource_arn=arn, **flags)


def said(outcome: Outcome) -> str:
    try:
        given = json.loads(outcome.payload)
    except ValueError:
        return ""
    return str(given.get("errorMessage", "")) if isinstance(given, dict) else ""


def send(there: Call, version: Version, segments: list[dict[str, Any]]) -> None:
    try:
        may = acting(there, version.role, version.function).allowed(ACTION, "*")
    except AwsError:
        return           # the role is gone
    for one in segments if may else ():
        xray.keep(there, one)
