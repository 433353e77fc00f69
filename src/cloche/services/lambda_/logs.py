"""What a function leaves in CloudWatch Logs: START, its output, END and REPORT, written under its role; without logs permissions it leaves nothing.

All lines of an invocation are written at once. Moments inside are real; they are moved to the virtual clock by what it showed at the end.
"""
from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from cloche.engines.run.environment import Environment
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
        return json_lines(version, request_id, outcome, runtime_arn, traced)
    began, out = outcome.began, []
    if outcome.init_ms is not None and runtime_arn:  # an image has none
        out.append((began, f"INIT_START Runtime Version: {runtime_name(version)}\tRuntime Version ARN: {runtime_arn}\n"))
    if outcome.restore_ms is not None:
        out += [(began, f"RESTORE_START Runtime Version: {runtime_name(version)}\tRuntime Version ARN: {runtime_arn}\n"), (began, f"RESTORE_REPORT Restore Duration: {outcome.restore_ms:.2f} ms\n")]
    out.append((began, f"START RequestId: {request_id} Version: {version.version}\n"))
    out += sorted([*outcome.lines, *((moment, told(kind, record)) for moment, kind, record in outcome.platform)], key=lambda line: line[0]) if outcome.platform else outcome.lines
    end = outcome.ended
    out += [(end, f"END RequestId: {request_id}\n"), (end, report(version, request_id, outcome, traced))]
    return out


def told(kind: str, record: dict[str, Any]) -> str:
    """What extensions did, as a line."""
    if kind == "platform.extension":
        error = f"\tError Type: {record['errorType']}" if "errorType" in record else ""
        return f"EXTENSION\tName: {record['name']}\tState: {record['state']}\tEvents: [{','.join(record['events'])}]{error}\n"
    which = "TELEMETRY" if kind == "platform.telemetrySubscription" else "LOGS"
    return f"{which}\tName: {record['name']}\tState: {record['state']}\tTypes: [{','.join(one.capitalize() for one in record['types'])}]\n"


def report(version: Version, request_id: str, outcome: Outcome, traced: Traced | None) -> str:
    text = (f"REPORT RequestId: {request_id}\tDuration: {outcome.duration_ms:.2f} ms\tBilled Duration: {outcome.billed_ms} ms\t"
            f"Memory Size: {version.config['MemorySize']} MB\tMax Memory Used: {outcome.memory_mb} MB\t")
    if outcome.init_ms is not None:
        text += f"Init Duration: {outcome.init_ms:.2f} ms\t"
    if outcome.restore_ms is not None:
        text += f"Restore Duration: {outcome.restore_ms:.2f} ms\tBilled Restore Duration: {math.ceil(outcome.restore_ms)} ms\t"
    if outcome.status == "timeout":
        text += "Status: timeout"
    elif outcome.status == "failure":
        text += f"Status: error\tError Type: {outcome.error_type}"
    if traced:
        text += f"\nXRAY TraceId: {traced.begun.root}\tSegmentId: {traced.function}\tSampled: true\t"
    return text + "\n"


LEVELS = ("DEBUG", "INFO", "WARN")


def json_lines(version: Version, request_id: str, outcome: Outcome, runtime_arn: str, traced: Traced | None) -> list[tuple[float, str]]:
    """The platform's events as JSON, those that SystemLogLevel lets through, among what the function printed."""
    least = LEVELS.index(version.config["LoggingConfig"].get("SystemLogLevel", "INFO"))
    status = {"vanished": "failure"}.get(outcome.status, outcome.status)
    fault = {} if outcome.status == "success" else {"errorType": outcome.error_type}
    out: list[tuple[float, str]] = []

    def say(moment: float, level: str, kind: str, body: dict[str, Any]) -> None:
        if LEVELS.index(level) >= least:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
            out.append((moment, json.dumps({"time": stamp, "type": kind, "record": body})))

    began, end = outcome.began, outcome.ended
    if outcome.init_ms is not None:
        about = {"initializationType": outcome.initialization, "phase": "init"}
        runtime = {"runtimeVersion": runtime_name(version), "runtimeVersionArn": runtime_arn} if runtime_arn else {}
        say(began, "INFO" if runtime else "DEBUG", "platform.initStart", {**about, **runtime, "functionName": version.function, "functionVersion": version.version})
        about |= {"status": "failure", "errorType": outcome.error_type} if outcome.init_failed else {"status": "success"}
        usual = "WARN" if outcome.init_failed else "DEBUG"
        say(began, usual, "platform.initRuntimeDone", about)
        say(began, usual if outcome.initialization == "on-demand" else "INFO", "platform.initReport", {**about, "metrics": {"durationMs": round(outcome.init_ms, 3)}})
    if outcome.restore_ms is not None:
        say(began, "INFO", "platform.restoreStart", {"functionName": version.function, "functionVersion": version.version, "runtimeVersion": runtime_name(version), "runtimeVersionArn": runtime_arn})
        say(began, "DEBUG", "platform.restoreRuntimeDone", {"status": "success"})
        say(began, "INFO", "platform.restoreReport", {"status": "success", "metrics": {"durationMs": round(outcome.restore_ms, 3)}})
    for moment, kind, body in outcome.platform:
        say(moment, "INFO" if body["state"] in ("Ready", "Subscribed") else "WARN", kind, body)
    say(began, "INFO", "platform.start", {"requestId": request_id, "version": version.version})
    out += outcome.lines
    say(end, "DEBUG" if outcome.status == "success" else "WARN", "platform.runtimeDone", {"requestId": request_id, "status": status, **fault, "metrics": {"durationMs": round(outcome.duration_ms, 3), "producedBytes": len(outcome.payload)}})
    metrics: dict[str, Any] = {"durationMs": round(outcome.duration_ms, 3), "billedDurationMs": outcome.billed_ms, "memorySizeMB": version.config["MemorySize"], "maxMemoryUsedMB": outcome.memory_mb}
    if outcome.init_ms is not None:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
    tracing = {"tracing": {"spanId": traced.function, "type": "X-Amzn-Trace-Id", "value": traced.begun.header(traced.function)}} if traced else {}
    if outcome.restore_ms is not None:
        metrics |= {"restoreDurationMs": round(outcome.restore_ms, 3), "billedRestoreDurationMs": math.ceil(outcome.restore_ms)}
    say(end, "INFO" if outcome.status == "success" else "WARN", "platform.report", {"requestId": request_id, "metrics": metrics, "status": status, **fault, **tracing})
    return out


def runtime_name(version: Version) -> str:
    return f"{version.config['Runtime'].replace('python', 'python:').replace('nodejs', 'nodejs:')}.v1"


def initialised(version: Version, environment: Environment, failed: str) -> list[tuple[float, str]]:
    """What an init that no invocation waited for leaves: of a snapshot, when it is taken."""
    began, arn = environment.born, version.config["RuntimeVersionConfig"]["RuntimeVersionArn"]
    now = began + (environment.init_ms or 0.0) / 1000
    status = f"\tStatus: error\tError Type: {failed}" if failed else ""
    return [(began, f"INIT_START Runtime Version: {runtime_name(version)}\tRuntime Version ARN: {arn}\n"), *environment.log.take(),
            (now, f"INIT_REPORT Init Duration: {environment.init_ms or 0.0:.2f} ms\tPhase: init{status}\n")]


def tail(out: list[tuple[float, str]], size: int = 4096) -> bytes:
    return "".join(text if text.endswith("\n") else text + "\n" for _, text in out).encode()[-size:]


def put(call: Call, version: Version, stream: str, out: list[tuple[float, str]], real_end: float, group: str = "") -> None:
    """Write them as the role, inside a step. Without permission the function runs and its words are lost, as on AWS."""
    shift = call.now - real_end
    lines_ = [(int((moment + shift) * 1000), text.removesuffix("\n")) for moment, text in out]
    try:
        there = acting(call, version.role, version.function)
    except AwsError:
        return  # the role is gone
    cloudwatch.write(there, group or version.config["LoggingConfig"]["LogGroup"], stream, lines_)
