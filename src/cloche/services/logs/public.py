"""How other services write logs: a group and a stream appear by themselves, if the writer may make them."""
from __future__ import annotations

from cloche.kernel import Call

from . import events, groups, streams


def write(call: Call, group: str, stream: str, lines: list[tuple[int, str]]) -> bool:
    """Append (milliseconds, text) lines; inside a step. False, and nothing written, if the call's principal may not: a function without permission
    for its logs runs all the same. Services and roots need none."""
    call = call.of("logs")
    found = call.get(groups.LogGroup, group)
    exists = found is not None and call.row("SELECT id FROM logs_stream WHERE grp=? AND name=?", found.number, stream)
    if call.principal.kind not in ("service", "root"):
        arn = call.arn(f"log-group:{group}:log-stream:{stream}")
        needs = [("logs:PutLogEvents", arn)]
        if not exists:
            needs.append(("logs:CreateLogStream", arn))
        if found is None:
            needs.append(("logs:CreateLogGroup", call.arn(f"log-group:{group}:log-stream:")))
        if not all(call.allowed(action, resource) for action, resource in needs):
            return False
    if found is None:
        found = groups.create(call, group)
    if not exists:
        streams.create(call, found, stream)
    lines = sorted(((int(moment), text) for moment, text in lines if text), key=lambda line: line[0])  # of one moment: as written
    if lines:
        events.append(call, found, streams.find(call, found, stream), stream, lines, call.pick("0123456789", 56))
    return True
