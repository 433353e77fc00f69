"""Access logs: one line for each request in the stage's log group, in the format the stage asks for."""
from __future__ import annotations

import logging
import re

from cloche.kernel import AwsError, Call

from .exchange import Exchange
from .refusals import text_at

VARIABLE = re.compile(r"\$context\.([\w.\-]+)")
log = logging.getLogger("cloche.apigateway")


def write(x: Exchange) -> None:
    settings = x.stage.values.get("accessLogSettings") or {}
    destination, form = settings.get("destinationArn"), settings.get("format")
    if destination and form and ":log-group:" in destination:
        line = VARIABLE.sub(lambda m: text_at(x.context, m[1]) or "-", form)
        put(x.call, destination.partition(":log-group:")[2].removesuffix(":*"), f"{x.api}-{x.stage.name}", line)


def put(call: Call, group: str, stream: str, line: str) -> None:
    """What cannot be logged does not fail the request."""
    logs = call.as_root()
    event = {"timestamp": int(call.now * 1000), "message": line}
    try:
        with call.step():
            try:
                logs.do("logs", "CreateLogStream", logGroupName=group, logStreamName=stream)
            except AwsError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise
            logs.do("logs", "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=[event])
    except (AwsError, LookupError) as error:
        log.warning("access log of %s: %r", stream, error)
