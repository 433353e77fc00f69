"""One item: put, get, update, delete, each one atomic step with its condition.

These are the operations a program calls thousands of times a second; what a request does not ask for is not looked at.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call
from cloche.languages.dynamodb import capacity, values
from cloche.languages.dynamodb import errors as words
from cloche.languages.dynamodb.request import Bound, bind
from cloche.languages.dynamodb.values import Item

from . import capacities, errors, indexes, op, permissions, rows
from .layouts import Layout, find
from .rows import Row, decode

CONDITION = ("ConditionExpression",)
UPDATE = ("UpdateExpression", "ConditionExpression")
PROJECTION = ("ProjectionExpression",)
Raw = msgspec.Raw


@op(needs=permissions.of_item)
def put_item(call: Call, req: Any) -> Any:
    item = req["Item"]
    if len(req) == 2:  # TableName, Item
        size = weigh(item)
        layout = find(call, req["TableName"])
        key = layout.schema.of_item(item)
        if layout.plain:
            rows.put_plainly(call, layout, key, item, size)
            return None
    bound = bind(req, CONDITION)
    if req.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise errors.return_values("ALL_OLD or NONE")
    size = weigh(item)
    layout = find(call, req["TableName"])
    key = layout.schema.of_item(item)
    capacities.admit(call, layout, "Write", *key)
    row = rows.read(call, layout, key)
    old = meet(call, req, layout, bound, key, row)
    units = rows.put(call, layout, key, row, item, size, old)
    return written(call, req, layout, key, item, row, size, units)


def weigh(item: Item) -> int:
    """A new item's size; it is made canonical, and refused if it is none."""
    size = values.measure_item(item)
    if size > values.MAX_ITEM:
        raise words.item_too_large()
    return size


def meet(call: Call, req: Any, layout: Layout, bound: Bound, key: tuple[bytes, bytes], row: Row | None) -> Item | None:
    """Refuse unless the condition holds; what was there, if it had to be decoded. A refusal consumes a write all the same."""
    if bound.condition is None:
        return None
    old: Item | None = decode(row.body) if row else None
    if not bound.condition.run(old or {}, bound.values):
        capacities.charge(call, layout, "Write", capacity.write_units(row.size if row else 0), partition=key[0], sort=key[1])
        shown = row is not None and req.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        raise errors.condition_failed(out(call, row.body) if shown and row else None)
    return old


def written(call: Call, req: Any, layout: Layout, key: tuple[bytes, bytes], item: Item, row: Row | None, size: int, units: dict[str, int]) -> dict[str, Any]:
    """The answer to a write: what was there, what it consumed, how large its collection is."""
    answer: dict[str, Any] = {}
    if row is not None and req.get("ReturnValues") == "ALL_OLD":
        answer["Attributes"] = out(call, row.body)
    took = rows.write_units(row.size if row else 0, size)
    capacities.charge(call, layout, "Write", took, units, *key)
    if (used := capacities.consumed(req, layout, took, units)) is not None:
        answer["ConsumedCapacity"] = used
    if layout.has_local and req.get("ReturnItemCollectionMetrics") == "SIZE":
        answer["ItemCollectionMetrics"] = indexes.collection_metrics(call, layout, item, key[0])
    return answer


def out(call: Call, body: bytes) -> Any:
    """A stored item for an answer: as it is on the wire, decoded for who called from inside."""
    return Raw(body) if call.wire else decode(body)


@op(needs=permissions.of_item)
def get_item(call: Call, req: Any) -> Any:
    if len(req) == 2:  # TableName, Key
        bound = None
    else:
        bound = bind(req, PROJECTION)
    layout = find(call, req["TableName"])
    key = layout.schema.exact(req["Key"])
    if layout.counted:
        capacities.admit(call, layout, "Read", *key)
    row = rows.read(call, layout, key)
    answer: dict[str, Any] = {}
    if row is not None:
        if bound is None or bound.projection is None:
            answer["Item"] = out(call, row.body)
        else:
            answer["Item"] = bound.projection.run(decode(row.body))
    if layout.counted or bound is not None:
        took = capacity.read_units(row.size if row else 0, req.get("ConsistentRead", False))
        capacities.charge(call, layout, "Read", took, partition=key[0], sort=key[1])
        if (used := capacities.consumed(req, layout, took)) is not None:
            answer["ConsumedCapacity"] = used
    return answer


@op(needs=permissions.of_item)
def update_item(call: Call, req: Any) -> Any:
    bound = bind(req, UPDATE)
    layout = find(call, req["TableName"])
    key = layout.schema.exact(req["Key"])
    capacities.admit(call, layout, "Write", *key)
    row = rows.read(call, layout, key)
    meet(call, req, layout, bound, key, row)
    item, size = changed(layout, req["Key"], bound, row)
    if row is None and bound.update is not None and not bound.update.makes:
        return written(call, req, layout, key, item, None, 0, {})
    units = rows.put(call, layout, key, row, item, size)
    answer = written(call, req, layout, key, item, row, size, units)
    wanted = req.get("ReturnValues", "NONE")
    if wanted not in ("NONE", "ALL_OLD"):
        attributes = returned(wanted, bound, row, item)
        if attributes:
            answer["Attributes"] = attributes
    return answer


def changed(layout: Layout, key: Item, bound: Bound, row: Row | None) -> tuple[Item, int]:
    """The item after the update, and its size: what it was, and what the attributes that were touched gained or lost."""
    if row is not None:
        item: Item = decode(row.body)
        size = row.size
    else:
        item = dict(key)
        size = values.measure_item(item)
    update = bound.update
    if update is None:
        return item, size
    touched, schema = update.touched, layout.schema
    for name in touched:
        if name == schema.hash or name == schema.range:
            raise words.key_update(name)
    if row is None and update.removes:
        return item, size  # whatever is taken away from an item that is not there, it is ignored
    size -= values.measure_some(item, touched)
    update.run(item, bound.values)
    size += values.measure_some(item, touched)
    if size > values.MAX_ITEM:
        raise words.update_too_large()
    return item, size


def returned(wanted: str, bound: Bound, row: Row | None, item: Item) -> Item | None:
    if wanted == "ALL_NEW":
        return item
    if bound.update is None:
        return None
    show = bound.update.show
    if wanted == "UPDATED_NEW":
        return show(item)
    return show(decode(row.body)) if row else None


@op(needs=permissions.of_item)
def delete_item(call: Call, req: Any) -> Any:
    bound = bind(req, CONDITION)
    if req.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise errors.return_values("ALL_OLD or NONE")
    layout = find(call, req["TableName"])
    key = layout.schema.exact(req["Key"])
    capacities.admit(call, layout, "Write", *key)
    row = rows.read(call, layout, key)
    old = meet(call, req, layout, bound, key, row)
    units = rows.delete(call, layout, key, row, old) if row else {}
    return written(call, req, layout, key, req["Key"], row, 0, units)


