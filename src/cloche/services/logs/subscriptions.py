"""Subscription filters: what matches is passed on, compressed, to a function.

Matching events wait in a table until their delivery succeeded or was refused; a crash in between delivers again.
"""
from __future__ import annotations

import base64
import gzip
import inspect
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.languages import log_filter

from . import errors, groups, sealing
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

GZIP = b"\x1f\x8b"  # what does not begin so is sealed

logs.table("CREATE TABLE IF NOT EXISTS logs_delivery (id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, filter TEXT NOT NULL, destination TEXT NOT NULL, body BLOB NOT NULL)")
logs.table("CREATE INDEX IF NOT EXISTS logs_delivery_group ON logs_delivery (grp, id)")

PER_GROUP = 2


@logs.op(groups.by_name, partly="destinations other than Lambda functions are refused; fieldSelectionCriteria and system fields are not used")
async def put_subscription_filter(call: Call, req: t.PutSubscriptionFilterRequest) -> None:
    group = groups.find(call, req["logGroupName"])
    _pattern(req["filterPattern"])
    if ":lambda:" not in req["destinationArn"]:
        raise AwsError("NotImplemented", "Subscription filters to anything but Lambda functions are not built in Cloche yet.", 501)
    try:
        answer = _sender(call, group).do("lambda", "Invoke", FunctionName=req["destinationArn"], InvocationType="DryRun")
        if inspect.isawaitable(answer):
            await answer
    except AwsError as error:
        raise errors.not_executable() from error
    with call.step():
        group = groups.find(call, req["logGroupName"])
        others = tuple(s for s in group.subscriptions if s.name != req["filterName"])
        if len(others) >= PER_GROUP:
            raise errors.too_many_filters()
        made = groups.Subscription(
            req["filterName"], req["filterPattern"], req["destinationArn"], groups.milliseconds(call), req.get("roleArn", ""), req.get("distribution", "ByLogStream")
        )
        call.put(group.but(subscriptions=(*others, made)))


def _pattern(text: str) -> log_filter.Pattern:
    try:
        return log_filter.compile(text)
    except log_filter.Invalid as error:
        raise errors.invalid(str(error)) from None


def _sender(call: Call, group: groups.LogGroup) -> Call:
    return call.as_service("logs.amazonaws.com", source_arn=f"{groups.arn(call, group.name)}:*", source_account=call.account)


@logs.op(groups.by_name)
def describe_subscription_filters(call: Call, req: t.DescribeSubscriptionFiltersRequest) -> t.DescribeSubscriptionFiltersResponse:
    group = groups.find(call, req["logGroupName"])
    prefix = req.get("filterNamePrefix", "")
    shown, token = groups.page(sorted((s for s in group.subscriptions if s.name.startswith(prefix)), key=lambda s: s.name), req, lambda s: s.name, 50)
    out: Any = {"subscriptionFilters": [_describe(group, s) for s in shown]}
    return out | token


def _describe(group: groups.LogGroup, s: groups.Subscription) -> dict[str, Any]:
    out = {
        "filterName": s.name, "logGroupName": group.name, "filterPattern": s.pattern, "destinationArn": s.destination, "distribution": s.distribution, "creationTime": s.created,
        "applyOnTransformedLogs": False,
    }
    return out | {"roleArn": s.role} if s.role else out


@logs.op(groups.by_name)
def delete_subscription_filter(call: Call, req: t.DeleteSubscriptionFilterRequest) -> None:
    group = groups.find(call, req["logGroupName"])
    left = tuple(s for s in group.subscriptions if s.name != req["filterName"])
    if len(left) == len(group.subscriptions):
        raise errors.no_filter("subscription")
    call.put(group.but(subscriptions=left))


def offer(call: Call, group: groups.LogGroup, stream: str, events: list[tuple[str, int, str]]) -> None:
    """New events, to every filter of the group."""
    for s in group.subscriptions:
        pattern = log_filter.compile(s.pattern)
        matching = [{"id": id_, "timestamp": moment, "message": message} for id_, moment, message in events if pattern.match(message) is not None]
        if matching:
            body = {
                "messageType": "DATA_MESSAGE", "owner": call.account, "logGroup": group.name, "logStream": stream, "subscriptionFilters": [s.name], "logEvents": matching,
            }
            packed = gzip.compress(json.dumps(body).encode(), mtime=0)
            kept = sealing.close(call, group, packed) if group.data_key else packed
            call.sql("INSERT INTO logs_delivery (grp, filter, destination, body) VALUES (?,?,?,?)", group.number, s.name, s.destination, kept)
            call.wake(deliver, group.name)


@logs.worker
async def deliver(call: Call, key: str) -> None:
    """In order, one after another; what the function's policy refuses is dropped, as AWS does in the end."""
    group = call.get(groups.LogGroup, key)
    while group is not None and (row := call.row("SELECT id, destination, body FROM logs_delivery WHERE grp=? ORDER BY id LIMIT 1", group.number)):
        id_, destination, body = row
        try:
            packed = body if body.startswith(GZIP) else sealing.open_bytes(call, body)
            payload = json.dumps({"awslogs": {"data": base64.b64encode(packed).decode()}}).encode()
            answer = _sender(call, group).do("lambda", "Invoke", FunctionName=destination, InvocationType="Event", Payload=payload)
            if inspect.isawaitable(answer):
                await answer
        except AwsError:
            pass  # gone or forbidden: nobody is left to tell
        with call.step():
            call.sql("DELETE FROM logs_delivery WHERE id=?", id_)
