"""How other services write logs: a group and a stream appear by themselves, if the writer may make them."""
from __future__ import annotations

from collections.abc import Iterator

from cloche.kernel import AwsError, Call

from . import errors, events, groups, resource_policies, sealing, streams


def write(call: Call, group: str, stream: str, lines: list[tuple[int, str]]) -> bool:
    """Append (milliseconds, text) lines; inside a step. False, and nothing written, if the call's principal may not: a function without permission
    for its logs runs all the same. A service needs a resource policy that lets it in, and a group that is there."""
    call = call.of("logs")
    if call.principal.kind == "service":
        _let_in(call, group, stream)
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


def between(call: Call, names: list[str], start: int, end: int) -> Iterator[tuple[int, str]]:
    """(milliseconds, message) of the groups' events in [start, end); a name that ends in a star means all that begin so."""
    inside = call.of("logs").as_root()
    for group in inside.all(groups.LogGroup):
        if any(group.name == name or (name.endswith("*") and group.name.startswith(name[:-1])) for name in names):
            for moment, kept in inside.sql("SELECT ts, message FROM logs_event WHERE grp=? AND ts>=? AND ts<? ORDER BY ts", group.number, max(start, groups.kept_since(inside, group)), end):
                yield moment, sealing.open_(inside, kept)


def _let_in(call: Call, group: str, stream: str) -> None:
    if call.get(groups.LogGroup, group) is None:
        raise errors.no_group()
    arn = call.arn(f"log-group:{group}:log-stream:{stream}")
    if not all(resource_policies.allowed(call, action, arn) for action in ("logs:CreateLogStream", "logs:PutLogEvents")):
        raise AwsError("AccessDeniedException", f"{call.principal.service} is not authorized to write to {group}: no resource policy of CloudWatch Logs allows it.")
