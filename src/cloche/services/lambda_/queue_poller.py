"""The poller of a queue: batches of messages to the function; what it handled is deleted, the rest comes back when its visibility ends."""
from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.sqs import public as sqs

from . import metering, names, recursion, running
from .mappings import Mapping, decoded, matches
from .records import version_of
from .roles import acting

POLLERS = 5
INVOCATIONS = 10  # at once, of one poller in provisioned mode
PAYLOAD_LIMIT = 6_000_000
RECEIVE_MOST = 10
log = logging.getLogger("cloche")


async def drain(call: Call, mapping: Mapping) -> float | None:
    """Work until the queue has nothing more to give; says when to look again."""
    name = names.Name(call.account, call.region, mapping.function, mapping.qualifier)
    most = mapping.config.get("ScalingConfig", {}).get("MaximumConcurrency", POLLERS)
    if provisioned := mapping.config.get("ProvisionedPollerConfig"):
        most = provisioned["MaximumPollers"] * INVOCATIONS
    tasks: set[asyncio.Task[None]] = set()
    try:
        while True:
            current = call.get(Mapping, mapping.uuid)
            if current is None or current.wanted != "Enabled":
                break
            there = acting(call, version_of(call, name).role, mapping.function)
            while len(tasks) < most and (batch := collect(there, current)):
                tasks |= {asyncio.ensure_future(handle(call, there, current, name, part)) for part in parts(batch)}
            if not tasks:
                break
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        return next_look(there, mapping) if current else None
    except AwsError as error:
        log.info("mapping %s: %s", mapping.uuid, error.message)
        from . import polling
        polling.later(call, mapping)
        return None
    finally:
        for task in tasks:
            task.cancel()


def next_look(there: Call, mapping: Mapping) -> float | None:
    moments = [sqs.next_visible(there, mapping.source)]
    if held := buffers(there).get(mapping.uuid):
        moments.append(held[0])
    return min((m for m in moments if m is not None), default=None)


def buffers(call: Call) -> dict[str, tuple[float, list[Any]]]:
    """Messages held back for a batching window: (its end, messages). A crash loses the hold, not the messages."""
    return call.cloud.memory.setdefault("lambda.windows", {})  # type: ignore[no-any-return]


def collect(there: Call, mapping: Mapping) -> list[Any]:
    """The next batch; empty if there is none (or its window is still open)."""
    window = mapping.config["MaximumBatchingWindowInSeconds"]
    until, batch = buffers(there).pop(mapping.uuid, (there.now + window, []))
    filters = mapping.filters()
    with there.step():
        while len(batch) < mapping.batch_size:
            got = sqs.receive(there, mapping.source, min(RECEIVE_MOST, mapping.batch_size - len(batch)))
            if not got:
                break
            wanted = [m for m in got if matches(filters, filterable(record(mapping.source, m)))]
            metering.counted(there, mapping, "PolledEventCount", len(got))
            if len(wanted) < len(got):
                metering.counted(there, mapping, "FilteredOutEventCount", len(got) - len(wanted))
                sqs.delete(there, mapping.source, [m["ReceiptHandle"] for m in got if m not in wanted])
            batch += wanted
    if batch and len(batch) < mapping.batch_size and there.now < until:
        buffers(there)[mapping.uuid] = (until, batch)
        return []
    return batch


def parts(batch: list[Any]) -> list[list[Any]]:
    """Six megabytes are an invocation's limit, whatever the batch size says."""
    out: list[list[Any]] = [[]]
    size = 0
    for message in batch:
        size += len(message["Body"].encode()) + 2000
        if out[-1] and size > PAYLOAD_LIMIT:
            out.append([])
            size = len(message["Body"].encode()) + 2000
        out[-1].append(message)
    return out


def record(source: str, message: Any) -> dict[str, Any]:
    """A message as functions and pipes are given it."""
    out = {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"], "attributes": message.get("Attributes", {}),
           "messageAttributes": {k: attribute(v) for k, v in message.get("MessageAttributes", {}).items()}}
    if "MD5OfMessageAttributes" in message:
        out["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return out | {"md5OfBody": message["MD5OfBody"], "eventSource": "aws:sqs", "eventSourceARN": source, "awsRegion": source.split(":")[3]}


def filterable(record_: dict[str, Any]) -> dict[str, Any]:
    """What filters look into: a body that is JSON is what it says."""
    return {**record_, "body": decoded(record_["body"])}


def attribute(value: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        out = {"stringValue": value["StringValue"]} | out
    if "BinaryValue" in value:
        import base64
        out = {"binaryValue": base64.b64encode(value["BinaryValue"]).decode()} | out
    return out


async def handle(call: Call, there: Call, mapping: Mapping, name: names.Name, batch: list[Any]) -> None:
    payload = json.dumps({"Records": [record(mapping.source, m) for m in batch]}, separators=(",", ":")).encode()
    trace = recursion.deepest([m.get("Attributes", {}).get("AWSTraceHeader", "") for m in batch])
    metering.counted(call, mapping, "InvokedEventCount", len(batch))
    try:
        result = await running.run(call, name, payload, trace=trace)
    except AwsError as error:
        metering.counted(call, mapping, "FailedInvokeEventCount", len(batch))
        queue = sqs.describe(there, mapping.source)
        if error.code == "RecursiveInvocationException" and queue and "RedrivePolicy" not in queue.attributes:
            with there.step():
                sqs.delete(there, mapping.source, [m["ReceiptHandle"] for m in batch])
        return  # throttled: the messages come back; or a loop, and they come back until they are dead letters
    done = batch if not result.failed else []
    if not result.failed and mapping.reports_failures:
        failures = reported(result.outcome.payload, {m["MessageId"] for m in batch})
        done = [m for m in batch if m["MessageId"] not in failures]
    metering.counted(call, mapping, "FailedInvokeEventCount", len(batch) - len(done))
    if done:
        with there.step():
            try:
                metering.counted(call, mapping, "DeletedEventCount", len(done))
                sqs.delete(there, mapping.source, [m["ReceiptHandle"] for m in done])
            except AwsError as error:
                log.info("mapping %s: %s", mapping.uuid, error.message)


def reported(payload: bytes, known: set[str]) -> set[str]:
    """The ids that a function says have failed; all of them if its answer makes no sense."""
    try:
        said = json.loads(payload)
        if said is None or not said or said.get("batchItemFailures") is None:
            return set()
        failures = {item["itemIdentifier"] for item in said["batchItemFailures"]}
    except (ValueError, AttributeError, TypeError, KeyError):
        return known
    return failures if failures <= known else known
