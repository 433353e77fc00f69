"""What a stage writes down: a line for each request in the access log's format, and the steps of its execution.

Access logs go where the stage says; execution logs to `API-Gateway-Execution-Logs_API/STAGE`, which API Gateway makes itself, when the
method's logging level asks for them (ERROR: only what failed).
"""
from __future__ import annotations

import logging
import re

from cloche.kernel import AwsError, Call

from .exchange import Exchange
from .refusals import Refused, text_at
from .throttle import method_setting

VARIABLE = re.compile(r"\$context\.([\w.\-]+)")
log = logging.getLogger("cloche.apigateway")


def write(x: Exchange, refused: Refused | None = None) -> None:
    settings = x.stage.values.get("accessLogSettings") or {}
    destination, form = settings.get("destinationArn"), settings.get("format")
    if destination and form and ":log-group:" in destination:
        line = VARIABLE.sub(lambda m: text_at(x.context, m[1]) or "-", form)
        put(x.call, destination.partition(":log-group:")[2].removesuffix(":*"), f"{x.api}-{x.stage.name}", [line])
    if x.resource is not None and (rules := x.stage.values.get("methodSettings")):
        rule = method_setting(rules, x.resource.path, x.spec["httpMethod"]) or {}
        level = rule.get("loggingLevel", "OFF")
        if level == "INFO" or (level == "ERROR" and refused is not None):
            put(x.call, f"API-Gateway-Execution-Logs_{x.api}/{x.stage.name}", x.context["deploymentId"], list(steps(x, refused, rule.get("dataTraceEnabled", False))), make=True)


def steps(x: Exchange, refused: Refused | None, trace: bool) -> list[str]:
    said = [f"Extended Request Id: {x.context['extendedRequestId']}", f"Starting execution for request: {x.call.request_id}", f"HTTP Method: {x.method}, Resource Path: {x.path}"]
    if trace:
        said += [f"Method request path: {x.params}", f"Method request query string: {x.query}", f"Method request headers: {x.headers}", f"Method request body before transformations: {x.text()[:1000]}"]
    if refused is None:
        said.append("Successfully completed execution")
    else:
        said.append(refused.why or f"Execution failed: {refused.message}")
    said.append(f"Method completed with status: {x.context['status']}")
    return [f"({x.call.request_id}) {line}" for line in said]


def put(call: Call, group: str, stream: str, lines: list[str], make: bool = False) -> None:
    """What cannot be logged does not fail the request."""
    logs = call.as_root()
    events = [{"timestamp": int(call.now * 1000), "message": line} for line in lines]
    try:
        with call.step():
            if make:
                unless_there(logs, "CreateLogGroup", logGroupName=group)
            unless_there(logs, "CreateLogStream", logGroupName=group, logStreamName=stream)
            logs.do("logs", "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=events)
    except (AwsError, LookupError) as error:
        log.warning("log of %s: %r", stream, error)


def unless_there(logs: Call, operation: str, **names: str) -> None:
    try:
        logs.do("logs", operation, **names)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
