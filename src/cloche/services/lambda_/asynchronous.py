"""Asynchronous invocation: events wait in a table until a run ends well or all tries are spent.

Function errors are tried again after one and two minutes; throttles and faults go back to the queue, from one second to five minutes apart, for up to
six hours. All of it on the virtual clock. A run that a crash interrupted begins again: at least once, as on AWS.
"""
from __future__ import annotations

import json
import time
from typing import Any

from cloche.kernel import AwsError, Call

from . import destinations, errors, metering, names, running
from . import service as lambda_
from .records import Function, Version, find, version_of

RETRY_SECONDS = (60.0, 120.0)
BACKOFF_MOST, AGE_MOST = 300.0, 21600

lambda_.table("""
CREATE TABLE IF NOT EXISTS lambda_event (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, function TEXT NOT NULL, qualifier TEXT, payload BLOB NOT NULL, received REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, throttles INTEGER NOT NULL DEFAULT 0, trace TEXT) WITHOUT ROWID;
""")
lambda_.table("CREATE TABLE IF NOT EXISTS lambda_event_tenant (id TEXT PRIMARY KEY, tenant TEXT NOT NULL) WITHOUT ROWID")  # of functions that keep tenants apart


def enqueue(call: Call, name: names.Name, payload: bytes, trace: str = "", tenant: str = "") -> str:
    """Accept an event; part of the caller's step. Gives its request id."""
    there = call.of("lambda", name.account, name.region)
    id_ = call.request_id if call.wire else call.uuid()
    there.sql("INSERT INTO lambda_event (id, account, region, function, qualifier, payload, received, trace) VALUES (?,?,?,?,?,?,?,?)",
              id_, name.account, name.region, name.name, name.qualifier, closed(there, id_, payload), there.now,
              trace or running.trace_id(there).split(";")[0])   # all tries are of one trace
    if tenant:
        there.sql("INSERT OR REPLACE INTO lambda_event_tenant VALUES (?,?)", id_, tenant)
    there.wake(run_event, id_)
    metering.one(there, "AsyncEventsReceived", name.name)
    return id_


def closed(call: Call, id_: str, payload: bytes) -> bytes:
    """Events wait sealed under the master key, as AWS's wait under a key of Lambda's own; JSON never begins with the mark."""
    return b"\0" + call.cloud.store.seal.close(payload, f"lambda.event/{id_}".encode())


def opened(call: Call, id_: str, kept: bytes) -> bytes:
    return call.cloud.store.seal.open(kept[1:], f"lambda.event/{id_}".encode()) if kept[:1] == b"\0" else kept


@lambda_.timer
def try_again(call: Call, id: str) -> None:
    call.wake(run_event, id)


@lambda_.worker
async def run_event(call: Call, key: str) -> None:
    row = call.row("SELECT function, qualifier, payload, received, attempts, throttles, trace FROM lambda_event WHERE id = ?", key)
    if row is None:
        return
    function_name, qualifier, payload, received, attempts, throttles, trace = row
    payload, name = opened(call, key, payload), names.Name(call.account, call.region, function_name, qualifier)
    try:
        function, version = find(call, name), version_of(call, name)
    except AwsError:
        forget(call, key)  # deleted meanwhile
        return
    config = settings(function, name)
    oldest = received + config.get("MaximumEventAgeInSeconds", AGE_MOST)
    if function.reserved == 0:
        await finish(call, key, function, version, name, payload, 0, "ZeroReservedConcurrency", None)
        return
    if call.now > oldest:
        await finish(call, key, function, version, name, payload, attempts, "EventAgeExceeded", None)
        return
    if "DurableConfig" in version.config:  # from here on it lives by itself
        from .durable import begin
        with call.step():
            begin(call, function, version, name, payload, trace=trace or "", named=key, queued=True)
            forget(call, key)
        return
    metering.one(call, "AsyncEventAge", function.name, (call.now - received) * 1000, "Milliseconds")
    try:
        result = await running.run(call, name, payload, request_id=key, trace=trace or "", tenant=tenant_of(call, version, key))
    except AwsError as error:
        if error.status == 404:
            forget(call, key)
            return
        if error.code == "RecursiveInvocationException":
            await finish(call, key, function, version, name, payload, attempts, "RetriesExhausted", None)
            return
        wait = min(2.0 ** throttles, BACKOFF_MOST)
        with call.step():
            call.sql("UPDATE lambda_event SET throttles = throttles + 1 WHERE id = ?", key)
            call.due(min(call.now + wait, oldest + 0.001), try_again, name=key, id=key)
        return
    attempts += 1
    if not result.failed:
        await finish(call, key, function, version, name, payload, attempts, "Success", result)
    elif attempts > config.get("MaximumRetryAttempts", len(RETRY_SECONDS)):
        await finish(call, key, function, version, name, payload, attempts, "RetriesExhausted", result)
    elif call.now + RETRY_SECONDS[attempts - 1] > oldest:
        await finish(call, key, function, version, name, payload, attempts, "EventAgeExceeded", result)
    else:
        with call.step():
            call.sql("UPDATE lambda_event SET attempts = ? WHERE id = ?", attempts, key)
            call.after(RETRY_SECONDS[attempts - 1], try_again, name=key, id=key)


def tenant_of(call: Call, version: Version, key: str) -> str:
    row = call.row("SELECT tenant FROM lambda_event_tenant WHERE id = ?", key) if "TenancyConfig" in version.config else None
    return row[0] if row else ""


def settings(function: Function, name: names.Name) -> dict[str, Any]:
    return function.event_configs.get(name.qualifier or names.LATEST, {})


def forget(call: Call, key: str) -> None:
    with call.step():
        call.sql("DELETE FROM lambda_event WHERE id = ?", key)
        call.sql("DELETE FROM lambda_event_tenant WHERE id = ?", key)


async def finish(call: Call, key: str, function: Function, version: Version, name: names.Name, payload: bytes, attempts: int, condition: str, result: running.Result | None) -> None:
    """The last word on an event: to its destination and dead-letter queue, then out of the table."""
    source = names.arn(call, function.name, name.qualifier or names.LATEST)
    failed = condition != "Success"
    target = settings(function, name).get("DestinationConfig", {}).get("OnFailure" if failed else "OnSuccess", {}).get("Destination")
    if target and not await destinations.send(call, version.role, source, target, record(call, key, source, condition, attempts, payload, result), failed):
        metering.one(call, "DestinationDeliveryFailures", function.name)
    dead = version.config.get("DeadLetterConfig", {}).get("TargetArn")
    if failed and dead:
        message = told(result.outcome.payload).get("errorMessage", "") if result else errors.throttled("").message
        if not await destinations.dead_letter(call, version.role, source, dead, payload, key, 200 if result else 429, str(message)):
            metering.one(call, "DeadLetterErrors", function.name)
    if failed:
        metering.one(call, "AsyncEventsDropped", function.name)
    forget(call, key)


def record(call: Call, key: str, source: str, condition: str, attempts: int, payload: bytes, result: running.Result | None) -> dict[str, Any]:
    now = call.now
    out: dict[str, Any] = {
        "version": "1.0", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z",
        "requestContext": {"requestId": key, "functionArn": source, "condition": condition, "approximateInvokeCount": attempts},
        "requestPayload": parsed(payload),
    }
    if result:
        out["responseContext"] = {"statusCode": 200, "executedVersion": result.version}
        if result.failed:
            out["responseContext"]["functionError"] = "Unhandled"
        out["responsePayload"] = parsed(result.outcome.payload)
    return out


def parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def told(data: bytes) -> dict[str, Any]:
    said = parsed(data)
    return said if isinstance(said, dict) else {}
