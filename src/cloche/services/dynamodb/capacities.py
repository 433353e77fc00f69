"""Capacity: what a request consumed, as its answer says it, and the buckets it is taken from.

A bucket holds up to 300 seconds of the provisioned rate. A request is taken while the bucket is not empty, and may leave
it in debt; buckets live in memory and are full after a start. A partition has a bucket of its own: one key may use all
that its table has, up to 3,000 reads and 1,000 writes a second, and none is saved. (That is AWS's adaptive capacity at its
best, where every hot key has come to have a partition for itself.)
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.cloudwatch import public as cloudwatch

from . import contributors, errors
from .layouts import IndexLayout, Layout
from .tables import Table

BURST_SECONDS = 300
PARTITION_UNITS = {"Read": 3000, "Write": 1000}  # a second, whatever the table has
MOST_PARTITIONS = 10_000  # remembered; those that rest are full, and forgotten first
CONSUMED = {"Read": "ConsumedReadCapacityUnits", "Write": "ConsumedWriteCapacityUnits"}


def consumed(req: Any, layout: Layout, units: float, indexes: Mapping[str, float] = {}, direction: str = "", name: str | None = None) -> dict[str, Any] | None:
    """ConsumedCapacity in the detail that was asked for; `direction` (Read, Write) names the extra member of transactions."""
    wanted = req.get("ReturnConsumedCapacity", "NONE")
    if wanted == "NONE":
        return None

    def amount(x: float) -> dict[str, float]:
        x = float(x)
        return {"CapacityUnits": x, f"{direction}CapacityUnits": x} if direction else {"CapacityUnits": x}

    out: dict[str, Any] = {"TableName": name or req.get("TableName") or layout.table.name, **amount(units + sum(indexes.values()))}
    if wanted == "INDEXES":
        out["Table"] = amount(units)
        local = {n: amount(x) for n, x in indexes.items() if layout.by_name[n].local}
        wide = {n: amount(x) for n, x in indexes.items() if not layout.by_name[n].local}
        if local:
            out["LocalSecondaryIndexes"] = local
        if wide:
            out["GlobalSecondaryIndexes"] = wide
    return out


def admit(call: Call, layout: Layout, direction: str, partition: bytes | None = None, sort: bytes | None = None) -> None:
    """Refuse if the table's bucket is empty, or the partition's. `direction` is Read or Write."""
    if layout.counted:
        try:
            _admit(call, layout, None, direction)
            if partition is not None and _partition(call, layout, direction, partition)[0] <= 0:
                raise refused(call, layout, None, direction, hot=True)
        except AwsError:
            if layout.insights and partition is not None:
                contributors.throttled(call, layout, partition, sort)
            raise


def admit_index(call: Call, layout: Layout, index: IndexLayout, direction: str) -> None:
    if layout.counted:
        _admit(call, layout, None if index.local else index, direction)


def charge(call: Call, layout: Layout, direction: str, units: float, indexes: Mapping[str, float] = {}, partition: bytes | None = None, sort: bytes | None = None) -> None:
    """Take from the buckets what was used; a local index uses its table's. An empty bucket of an index refuses the table's write."""
    dims, metric, total = ("TableName", layout.table.name), CONSUMED[direction], units
    for name, taken in indexes.items():
        if layout.by_name[name].local:
            total += taken
        else:
            cloudwatch.put(call, "AWS/DynamoDB", metric, (dims, ("GlobalSecondaryIndexName", name)), taken, "Count")
    cloudwatch.put(call, "AWS/DynamoDB", metric, (dims,), total, "Count")
    if not layout.counted:
        return
    if partition is not None:
        _partition(call, layout, direction, partition)[0] -= units
        if layout.insights:
            contributors.count(call, layout, partition, sort, total)
    for name, taken in indexes.items():
        index = layout.by_name[name]
        if index.local:
            units += taken
        else:
            _admit(call, layout, index, direction)
    for name, taken in indexes.items():
        if not layout.by_name[name].local and (bucket := _bucket(call, layout, layout.by_name[name], direction)):
            bucket[0] -= taken
    if bucket := _bucket(call, layout, None, direction):
        bucket[0] -= units


def _admit(call: Call, layout: Layout, index: IndexLayout | None, direction: str) -> None:
    bucket = _bucket(call, layout, index, direction)
    if bucket is not None and bucket[0] <= 0:
        raise refused(call, layout, index, direction)


def refused(call: Call, layout: Layout, index: IndexLayout | None, direction: str, hot: bool = False) -> AwsError:
    """The refusal, after CloudWatch has been told."""
    dims = ("TableName", layout.table.name)
    cloudwatch.put(call, "AWS/DynamoDB", f"{direction}ThrottleEvents", (dims, ("GlobalSecondaryIndexName", index.index.name)) if index else (dims,), 1, "Count")
    if call.op:
        cloudwatch.put(call, "AWS/DynamoDB", "ThrottledRequests", (dims, ("Operation", call.op)), 1, "Count")
    return errors.throttled(index.arn if index else layout.arn, index is not None, direction, not layout.table.provisioned, hot)


def _partition(call: Call, layout: Layout, direction: str, partition: bytes) -> list[float]:
    buckets, now, rate = call.cloud.memory.setdefault("dynamodb.partitions", {}), call.now, PARTITION_UNITS[direction]
    bucket = buckets.get((layout.number, direction, partition))
    if bucket is None:
        if len(buckets) >= MOST_PARTITIONS:
            for key in [key for key, (left, since) in buckets.items() if left + (now - since) * PARTITION_UNITS[key[1]] >= PARTITION_UNITS[key[1]]] or list(buckets):
                del buckets[key]
        bucket = buckets[layout.number, direction, partition] = [rate, now]
    else:
        bucket[0] = min(rate, bucket[0] + max(0.0, now - bucket[1]) * rate)
        bucket[1] = now
    return bucket  # type: ignore[no-any-return]


def _bucket(call: Call, layout: Layout, index: IndexLayout | None, direction: str) -> list[float] | None:
    """[tokens, moment], filled up to now; None where nothing limits."""
    table = layout.table
    if table.provisioned:
        rate: float = (index.index if index else table).throughput[direction == "Write"]
        depth = rate * BURST_SECONDS
    else:
        most = (index.index if index else table).on_demand or {}
        rate = most.get(f"Max{direction}RequestUnits", 0)
        if not rate:
            return None
        depth = rate
    buckets = call.cloud.memory.setdefault("dynamodb.buckets", {})
    key, now = (index.number if index else layout.number, direction), call.now
    bucket = buckets.get(key)
    if bucket is None:
        bucket = buckets[key] = [depth, now]
    else:
        bucket[0] = min(depth, bucket[0] + max(0.0, now - bucket[1]) * rate)
        bucket[1] = now
    return bucket  # type: ignore[no-any-return]


def gauges(call: Call, name: str) -> list[tuple[str, float, str]]:
    """For CloudWatch: the provisioned capacity of a table."""
    table = call.of("dynamodb").get(Table, name)
    if table is None or not table.provisioned:
        return []
    read, write = table.throughput
    return [("ProvisionedReadCapacityUnits", read, "Count"), ("ProvisionedWriteCapacityUnits", write, "Count")]
