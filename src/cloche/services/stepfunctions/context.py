"""The context object, `$$` or `$states.context`: what a state may know of its execution, its machine and itself."""
from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from .executions import Execution

if TYPE_CHECKING:
    from .engine import Thread


def names_of(call: Call, execution: Execution, thread: Thread) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Execution": {"Id": execution.arn, "Input": json.loads(execution.input), "Name": execution.name, "RoleArn": execution.role, "StartTime": stamp(execution.started),
                      "RedriveCount": execution.redrives, **({"RedriveTime": stamp(execution.redriven)} if execution.redriven else {})},
        "State": {"Name": thread.state, "EnteredTime": stamp(thread.entered), "RetryCount": sum(thread.tries)},
        "StateMachine": {"Id": execution.machine, "Name": execution.machine.rsplit(":", 1)[1]}}
    if thread.item is not None:
        found["Map"] = {"Item": thread.item}
    if thread.token:
        found["Task"] = {"Token": thread.token}
    return found


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
