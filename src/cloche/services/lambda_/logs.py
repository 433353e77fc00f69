"""What a function leaves in CloudWatch Logs: START, its output, END and REPORT, written under its role; without logs permissions it leaves nothing.

All lines of an invocation are written at once. Moments inside are real; they are moved to the virtual clock by what it showed at the end.
"""
from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from cloche.engines.run.invocation import Outcome
from cloche.kernel import AwsError, Call
from cloche.services.logs import public as cloudwatch

from .records import Version
from .roles import acting

if TYPE_CHECKING:
    from .tracing import Traced


def lines(version: Version, request_id: str, outcome: Outcome, runtime_arn: str, traced: Traced | None = None) -> list[tuple[float, str]]:
    """(real moment, text) of everything that this invocation says."""
    if version.config["LoggingConfig"]["LogFormat"] == "JSON":
        return json_lines(version, request_id, outcome, traced)
    began, out = outcome.began, []
    if outcome.init_ms is not None:
        out.append((began, f"INIT_START Runtime Version: {version.config['Runtime'].replace('python', 'python:').replace('nodejs', 'nodejs:')}.v1\tRuntime Version ARN: {runtime_arn}\n"))
    out.append((began, f"START RequestId: {request_id} Version: {version.version}\n"))
    out += outcome.lines
    end = outcome.ended
    out += [(end, f"END RequestId: {request_id}\n"), (end, report(version, request_id, outcome, traced))]
    return out


def report(version: Version, request_id: str, outcome: Outcome, traced: Traced | None) -> str:
    billed = math.ceil(outcome.duration_ms + (outcome.init_ms or 0))
    text = (f"REPORT RequestId: {request_id}\tDuration: {outcome.duration_ms:.2f} ms\tBilled Duration: {max(1, billed)} ms\t"
            f"Memory Size: {version.config['MemorySize']} MB\tMax Memory Used: {outcome.memory_mb} MB\t")
    if outcome.init_ms is not None:
        text += f"Init Duration: {outcome.init_ms:.2f} ms\t"
    if outcome.status == "timeout":
        text += "Status: timeout"
    elif outcome.status == "failure":
        text += f"Status: error\tError Type: {outcome.error_type}"
    if traced:
        text += f"\nXRAY TraceId: {traced.begun.root}\tSegmentId: {traced.function}\tSampled: true\t"
    return text + "\n"


def json_lines(version: Version, request_id: str, outcome: Outcome, traced: Traced | None) -> list[tuple[float, str]]:
    def record(moment: float, kind: str, body: dict[str, Any]) -> tuple[float, str]:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
        return moment, json.dumps({"time": stamp, "type": kind, "record": body})

    out = [record(outcome.began, "platform.start", {"requestId": request_id, "version": version.version}), *outcome.lines]
    end = outcome.ended
    metrics: dict[str, Any] = {"durationMs": round(outcome.duration_ms, 3), "billedDurationMs": max(1, math.ceil(outcome.duration_ms)), "memorySizeMB": version.config["MemorySize"], "maxMemoryUsedMB": outcome.memory_mb}
    if outcome.init_ms is not None:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
    status = {"failure": "error"}.get(outcome.status, outcome.status) if outcome.status != "error" else "success"
    tracing = {"tracing": {"spanId": traced.function, "type": "X-Amzn-Trace-Id", "value": traced.begun.header(traced.function)}} if traced else {}
    out.append(record(end, "platform.report", {"requestId": request_id, "metrics": metrics, "status": status, **tracing}))
    return out


def tail(out: list[tuple[float, str]], size: int = 4096) -> bytes:
    return "".join(text if text.endswith("\n") else text + "\n" for _, text in out).encode()[-size:]


def put(call: Call, version: Version, stream: str, out: list[tuple[float, str]], real_end: float) -> None:
    """Write them as the role, inside a step. Without permission the function runs and its words are lost, as on AWS."""
    shift = call.now - real_end
    lines_ = [(int((moment + shift) * 1000), text.removesuffix("\n")) for moment, text in out]
    try:
        there = acting(call, version.role, version.function)
    except AwsError:
        return  # the role is gone
    cloudwatch.write(there, version.config["LoggingConfig"]["LogGroup"], stream, lines_)
