"""Subscription filters: what matches is passed on, compressed, to a function, a Kinesis stream, a Firehose stream, or another account's destination.

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

from . import destinations, errors, groups, sealing
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

GZIP = b"\x1f\x8b"  # what does not begin so is sealed

logs.table("CREATE TABLE IF NOT EXISTS logs_delivery (id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, filter TEXT NOT NULL, destination TEXT NOT NULL, body BLOB NOT NULL)")
logs.table("CREATE INDEX IF NOT EXISTS logs_delivery_group ON logs_delivery (grp, id)")

PER_GROUP = 2
STREAMS = {"kinesis": "Kinesis", "firehose": "Firehose"}
AGAIN_SECONDS, GIVEN_UP_SECONDS = 5.0, 86400.0


@logs.op(groups.by_name, partly="fieldSelectionCriteria and system fields are not used")
async def put_subscription_filter(call: Call, req: t.PutSubscriptionFilterRequest) -> None:
    group = groups.find(call, req["logGroupName"])
    _pattern(req["filterPattern"])
    arn, role = req["destinationArn"], req.get("roleArn", "")
    vendor = arn.split(":")[2]
    if vendor in STREAMS:
        if not role:
            raise errors.role_needed(vendor)
        call.pass_role(role, "logs.amazonaws.com")
        try:
            with call.step():
                test(call.as_role(role, "CloudWatchLogs", "logs.amazonaws.com"), arn)
        except AwsError as error:
            raise errors.no_test_message(STREAMS[vendor]) from error
    elif vendor == "logs":
        found = destinations.at(call, arn)
        if found is None:
            raise errors.no_destination()
        there, destination = found
        there.require("logs:PutSubscriptionFilter", arn, policy=destination.policy or None)
    elif vendor != "lambda":
        raise errors.invalid(f"{arn} is no destination of subscription filters.")
    else:
        if role:
            raise errors.role_not_wanted(vendor)
        try:
            answer = _sender(call, group).do("lambda", "Invoke", FunctionName=arn, InvocationType="DryRun")
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


def test(role: Call, arn: str) -> None:
    """Can the stream be reached?"""
    _into(role, arn, _packed(_control(role, arn.split(":")[2])), role.uuid())


def _control(call: Call, vendor: str) -> dict[str, Any]:
    """What a stream gets first, to see that it can be reached."""
    event = {"id": "", "timestamp": groups.milliseconds(call), "message": f"CWL CONTROL MESSAGE: Checking health of destination {STREAMS[vendor]}."}
    return {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "", "subscriptionFilters": [], "logEvents": [event]}


def _packed(body: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(body).encode(), mtime=0)


def _into(role: Call, arn: str, packed: bytes, key: str) -> None:
    """One record into a stream; a log stream's events stay in order by its name as the partition key."""
    if ":kinesis:" in arn:
        role.do("kinesis", "PutRecord", StreamARN=arn, Data=packed, PartitionKey=key[:256])
    else:
        role.do("firehose", "PutRecord", DeliveryStreamName=arn.rsplit("/", 1)[1], Record={"Data": packed})


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
            packed = _packed(body)
            kept = sealing.close(call, group, packed) if group.data_key else packed
            call.sql("INSERT INTO logs_delivery (grp, filter, destination, body) VALUES (?,?,?,?)", group.number, s.name, s.destination, kept)
            call.wake(deliver, group.name)


@logs.worker
async def deliver(call: Call, key: str) -> None:
    """In order, one after another. What the destination's policy refuses is dropped, as AWS does in the end; what it has no room for waits, a day at most."""
    group = call.get(groups.LogGroup, key)
    while group is not None and (row := call.row("SELECT id, filter, destination, body FROM logs_delivery WHERE grp=? ORDER BY id LIMIT 1", group.number)):
        id_, name, destination, body = row
        try:
            packed = body if body.startswith(GZIP) else sealing.open_bytes(call, body)
            if destination.split(":")[2] in (*STREAMS, "logs"):
                with call.step():
                    _stream(call, group, name, destination, packed)
            else:
                payload = json.dumps({"awslogs": {"data": base64.b64encode(packed).decode()}}).encode()
                answer = _sender(call, group).do("lambda", "Invoke", FunctionName=destination, InvocationType="Event", Payload=payload)
                if inspect.isawaitable(answer):
                    await answer
        except AwsError as error:
            if error.code in ("ProvisionedThroughputExceededException", "ServiceUnavailableException") and _young(call, packed):
                with call.step():
                    call.after(AGAIN_SECONDS, deliver_again, name=key, group=key)
                return  # else: gone or forbidden, and nobody is left to tell
        with call.step():
            call.sql("DELETE FROM logs_delivery WHERE id=?", id_)


def _stream(call: Call, group: groups.LogGroup, name: str, destination: str, packed: bytes) -> None:
    found = next((s for s in group.subscriptions if s.name == name), None)
    if found is None:
        return
    role = found.role
    if ":logs:" in destination:
        other = destinations.at(call, destination)
        if other is None:
            return
        call, destination, role = other[0], other[1].target, other[1].role
    if role:
        key = json.loads(gzip.decompress(packed))["logStream"] if found.distribution == "ByLogStream" else call.uuid()
        _into(call.as_role(role, "CloudWatchLogs", "logs.amazonaws.com"), destination, packed, key)


def _young(call: Call, packed: bytes) -> bool:
    return bool(call.now * 1000 - json.loads(gzip.decompress(packed))["logEvents"][0]["timestamp"] < GIVEN_UP_SECONDS * 1000)


@logs.timer
def deliver_again(call: Call, group: str) -> None:
    call.wake(deliver, group)
