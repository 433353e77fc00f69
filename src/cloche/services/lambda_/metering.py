"""What functions tell CloudWatch: of all together, of each, and of each version or alias that was called by name."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.engines.run.invocation import Outcome
from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

if TYPE_CHECKING:
    from .mappings import Mapping

Dims = tuple[tuple[str, str], ...]


def places(function: str, qualifier: str | None) -> list[Dims]:
    one: Dims = (("FunctionName", function),)
    return [(), one, (*one, ("Resource", f"{function}:{qualifier}"))] if qualifier else [(), one]


def ran(call: Call, function: str, qualifier: str | None, outcome: Outcome) -> None:
    for dims in places(function, qualifier):
        cloudwatch.put(call, "AWS/Lambda", "Invocations", dims, 1, "Count")
        cloudwatch.put(call, "AWS/Lambda", "Errors", dims, 1 if outcome.failed else 0, "Count")
        cloudwatch.put(call, "AWS/Lambda", "Duration", dims, outcome.duration_ms, "Milliseconds")
        cloudwatch.put(call, "AWS/Lambda", "Throttles", dims, 0, "Count")


def after(call: Call, function: str, qualifier: str | None, milliseconds: float) -> None:
    for dims in places(function, qualifier):
        cloudwatch.put(call, "AWS/Lambda", "PostRuntimeExtensionsDuration", dims, milliseconds, "Milliseconds")


def throttled(call: Call, function: str, qualifier: str | None) -> None:
    for dims in places(function, qualifier):
        cloudwatch.put(call, "AWS/Lambda", "Throttles", dims, 1, "Count")


def provisioned(call: Call, function: str, qualifier: str, allocated: int, used: int, spilled: bool) -> None:
    """How far the environments initialised beforehand go."""
    dims: Dims = (("FunctionName", function), ("Resource", f"{function}:{qualifier}"))
    cloudwatch.put(call, "AWS/Lambda", "ProvisionedConcurrencySpilloverInvocations" if spilled else "ProvisionedConcurrencyInvocations", dims, 1, "Count")
    cloudwatch.put(call, "AWS/Lambda", "ProvisionedConcurrentExecutions", dims, used, "Count")
    if allocated:
        cloudwatch.put(call, "AWS/Lambda", "ProvisionedConcurrencyUtilization", dims, used / allocated, "Count")


def unsigned(call: Call, function: str) -> None:
    cloudwatch.put(call, "AWS/Lambda", "SignatureValidationErrors", (("FunctionName", function),), 1, "Count")


def one(call: Call, metric: str, function: str, value: float = 1, unit: str = "Count") -> None:
    cloudwatch.put(call, "AWS/Lambda", metric, (("FunctionName", function),), value, unit)


def counted(call: Call, mapping: Mapping, metric: str, events: int) -> None:
    """Of an event source mapping that asked for it."""
    if events and "EventCount" in mapping.config.get("MetricsConfig", {}).get("Metrics", ()):
        cloudwatch.put(call, "AWS/Lambda", metric, (("EventSourceMappingUUID", mapping.uuid),), events, "Count")


def admitted(call: Call, function: str, now: int, unreserved: int) -> None:
    cloudwatch.put(call, "AWS/Lambda", "ConcurrentExecutions", (("FunctionName", function),), now, "Count")
    if unreserved:
        cloudwatch.put(call, "AWS/Lambda", "ConcurrentExecutions", (), unreserved, "Count")


def iterator_age(call: Call, function: str, seconds: float) -> None:
    """How old the last record of a stream's batch is when the function gets it."""
    cloudwatch.put(call, "AWS/Lambda", "IteratorAge", (("FunctionName", function),), max(0.0, seconds * 1000), "Milliseconds")
