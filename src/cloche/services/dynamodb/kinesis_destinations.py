"""A table's changes to a Kinesis stream: each change is written down with it and put into the stream a moment later, by a worker that goes on until it is there.

So none is lost, and one may come twice or after a later one, as on AWS. Without a stream of DynamoDB's own; both may be had.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.languages.dynamodb import values
from cloche.languages.dynamodb.values import Item

from . import errors, op, sealing
from . import service as dynamodb
from .layouts import Layout
from .tables import Destination, Table, by_table, find_named, policy

LINKED = "kinesisreplication.dynamodb.amazonaws.com"
CHANGING_SECONDS = 1.0
AT_ONCE = 200
AGAIN_SECONDS = 1.0
PASSING = {"ENABLING": "ACTIVE", "UPDATING": "ACTIVE", "DISABLING": "DISABLED"}

dynamodb.table("CREATE TABLE IF NOT EXISTS dynamodb_outgoing (id INTEGER PRIMARY KEY AUTOINCREMENT, tbl INTEGER NOT NULL, stream TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL)")
dynamodb.table("CREATE INDEX IF NOT EXISTS dynamodb_outgoing_next ON dynamodb_outgoing (tbl, id)")


def status(one: Destination, now: float) -> str:
    return PASSING[one.status] if now >= one.since + CHANGING_SECONDS else one.status


def precision(req: Any, member: str) -> str:
    return str((req.get(member) or {}).get("ApproximateCreationDateTimePrecision", "MILLISECOND"))


def changed(call: Call, table: Table, one: Destination) -> None:
    call.put(table.but(destinations=[*(d for d in table.destinations if d.stream != one.stream), one]))


def answer(req: Any, state: str, member: str) -> dict[str, Any]:
    out = {"TableName": req["TableName"], "StreamArn": req["StreamArn"], "DestinationStatus": state}
    return out | {member: req[member]} if member in req else out


def find(call: Call, req: Any) -> tuple[Call, Table, Destination | None]:
    call, table = find_named(call, req["TableName"])
    if table.status != "ACTIVE":
        raise errors.table_busy(table.name, table.status)
    return call, table, next((d for d in table.destinations if d.stream == req["StreamArn"]), None)


@op(resource=by_table, policy=policy)
def enable_kinesis_streaming_destination(call: Call, req: Any) -> Any:
    from cloche.services.iam import public as iam
    from cloche.services.kinesis import public as kinesis
    call, table, there = find(call, req)
    if there is not None and status(there, call.now) != "DISABLED":
        raise errors.destination_not("enable", "ENABLE", "DISABLED or ENABLE_FAILED")
    stream = kinesis.at(call, req["StreamArn"])
    if stream is None or stream[0].account != call.account:
        raise errors.no_destination_stream(req["StreamArn"])
    for action in ("DescribeStream", "PutRecord", "PutRecords"):
        stream[0].require(f"kinesis:{action}", req["StreamArn"])
    iam.ensure_linked(call.of("iam"), LINKED)
    changed(call, table, Destination(req["StreamArn"], "ENABLING", call.now, precision(req, "EnableKinesisStreamingConfiguration")))
    return answer(req, "ENABLING", "EnableKinesisStreamingConfiguration")


@op(resource=by_table, policy=policy)
def disable_kinesis_streaming_destination(call: Call, req: Any) -> Any:
    call, table, there = find(call, req)
    if there is None or status(there, call.now) != "ACTIVE":
        raise errors.destination_not("disable", "DISABLE", "ACTIVE")
    changed(call, table, msgspec.structs.replace(there, status="DISABLING", since=call.now))
    return answer(req, "DISABLING", "EnableKinesisStreamingConfiguration")


@op(resource=by_table, policy=policy)
def update_kinesis_streaming_destination(call: Call, req: Any) -> Any:
    call, table, there = find(call, req)
    if there is None or status(there, call.now) != "ACTIVE":
        raise errors.destination_not("update", "UPDATE", "ACTIVE")
    changed(call, table, msgspec.structs.replace(there, status="UPDATING", since=call.now, precision=precision(req, "UpdateKinesisStreamingConfiguration")))
    return answer(req, "UPDATING", "UpdateKinesisStreamingConfiguration")


@op(resource=by_table, policy=policy)
def describe_kinesis_streaming_destination(call: Call, req: Any) -> Any:
    call, table = find_named(call, req["TableName"])
    return {"TableName": table.name, "KinesisDataStreamDestinations": [
        {"StreamArn": d.stream, "DestinationStatus": status(d, call.now), "ApproximateCreationDateTimePrecision": d.precision} for d in table.destinations]}


# -- the changes ------------------------------------------------------------------------------------------------------------------

def record(call: Call, layout: Layout, old: Item | None, new: Item | None, size: int, by: dict[str, str] | None) -> None:
    table, now = layout.table, call.now
    keys = layout.schema.take(new if new is not None else old or {})
    for one in table.destinations:
        if one.status == "DISABLING":
            continue
        change: dict[str, Any] = {"ApproximateCreationDateTime": int(now * (1e6 if one.precision == "MICROSECOND" else 1000)), "Keys": keys}
        if new is not None:
            change["NewImage"] = new
        if old is not None:
            change["OldImage"] = old
        change |= {"SizeBytes": size + values.measure_item(keys), "ApproximateCreationDateTimePrecision": one.precision}
        body = msgspec.json.encode({
            "awsRegion": layout.region, "eventID": call.uuid(), "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY", "userIdentity": by,
            "recordFormat": "application/json", "tableName": table.name, "dynamodb": change, "eventSource": "aws:dynamodb"})
        if layout.sealed:
            body = sealing.close(call, layout, body)
        key = "|".join(next(iter(v.values())) for v in keys.values())[:256]
        call.sql("INSERT INTO dynamodb_outgoing (tbl, stream, key, body) VALUES (?,?,?,?)", layout.number, one.stream, key, body)
    call.at(layout.account, layout.region).wake(deliver, table.name)


@dynamodb.worker
async def deliver(call: Call, key: str) -> None:
    """In order, as many at once as may be; what a shard has no room for is tried again."""
    from .layouts import layout
    while (table := call.get(Table, key)) is not None:
        rows = call.sql("SELECT id, stream, key, body FROM dynamodb_outgoing WHERE tbl=? ORDER BY id LIMIT ?", table.number, AT_ONCE)
        if not rows:
            return
        stream, sealed = rows[0][1], layout(call, table).sealed
        rows = [row for row in rows if row[1] == stream]
        background = sealing.background(call)
        try:
            with call.step():
                entries = [{"Data": sealing.open_(background, layout(call, table), body) if sealed else body, "PartitionKey": key or "-"} for _, _, key, body in rows]
                said = call.as_root().do("kinesis", "PutRecords", StreamARN=stream, Records=entries)["Records"]
                done = [row[0] for row, one in zip(rows, said, strict=True) if "ErrorCode" not in one]
                call.sql(f"DELETE FROM dynamodb_outgoing WHERE id IN ({','.join('?' * len(done))})", *done)
        except AwsError as error:
            with call.step():
                if error.code == "ResourceNotFoundException":  # the stream is gone, and with it what was meant for it
                    call.sql("DELETE FROM dynamodb_outgoing WHERE tbl=? AND stream=?", table.number, stream)
                    continue
                call.after(60 * AGAIN_SECONDS, try_again, name=key, table=key)
                return
        if len(done) < len(rows):
            with call.step():
                call.after(AGAIN_SECONDS, try_again, name=key, table=key)
            return


@dynamodb.timer
def try_again(call: Call, table: str) -> None:
    call.wake(deliver, table)
