"""Logging of executions to CloudWatch Logs, at the machine's level: ALL, ERROR, FATAL."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError, Call

from . import history, machines
from .executions import Execution

FATAL = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


def write(call: Call, execution: Execution) -> None:
    """The execution's events, once it is over."""
    machine = call.at(execution.account, execution.region).get(machines.Machine, execution.machine.rsplit(":", 1)[1])
    level = machine.logging.get("level", "OFF") if machine else "OFF"
    if machine is None or level == "OFF":
        return
    group = machine.logging["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")[6]
    data = machine.logging.get("includeExecutionData", False)
    lines = []
    for number, previous, type_, at, details in call.sql("SELECT id, previous, type, at, details FROM sfn_event WHERE execution=? ORDER BY id", execution.arn):
        if level == "ALL" or type_ in FATAL or (level == "ERROR" and ("Failed" in type_ or "TimedOut" in type_ or "Aborted" in type_)):
            found = {k: v for k, v in json.loads(details).items() if data or k not in history.DATA}
            event: dict[str, Any] = {"id": str(number), "type": type_, "details": found, "previous_event_id": str(previous), "event_timestamp": str(int(at * 1000)), "execution_arn": execution.arn, "redrive_count": str(execution.redrives)}
            lines.append({"timestamp": int(at * 1000), "message": json.dumps(event)})
    stream = f"states/{machine.name}/{int(execution.started)}/{execution.name}"
    here = call.as_root()
    try:
        with call.step():
            here.do("logs", "CreateLogStream", logGroupName=group, logStreamName=stream)
            if lines:
                here.do("logs", "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=lines)
    except AwsError:
        return  # the group has gone: the log is lost, the execution is not
