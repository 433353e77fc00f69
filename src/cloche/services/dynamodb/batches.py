"""BatchGetItem and BatchWriteItem: many items, each by itself. What a table's capacity refuses comes back unprocessed."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call, Need
from cloche.languages.dynamodb import capacity
from cloche.languages.dynamodb.request import bind

from . import capacities, errors, indexes, op, permissions, rows
from .items import PROJECTION, out, weigh
from .layouts import Layout, find
from .rows import decode
from .tables import policy, table_arn

MAX_GETS, MAX_WRITES = 100, 25
ANSWER_BYTES, REQUEST_BYTES = 16 * 2**20, 16 * 2**20


def needs_get(call: Call, req: Any) -> list[Need]:
    return [need(call, "BatchGetItem", name, [{**wanted, "ReturnConsumedCapacity": req.get("ReturnConsumedCapacity", "NONE")}]) for name, wanted in req["RequestItems"].items()]


def needs_write(call: Call, req: Any) -> list[Need]:
    return [need(call, "BatchWriteItem", name, [r.get("PutRequest") or r.get("DeleteRequest") or {} for r in wanted]) for name, wanted in req["RequestItems"].items()]


def need(call: Call, operation: str, name: str, parts: list[Any]) -> Need:
    arn = table_arn(call, name)
    return Need(f"dynamodb:{operation}", arn, permissions.inside(operation, call, name, parts), policy(call, arn))


@op(needs=needs_get)
def batch_get_item(call: Call, req: Any) -> Any:
    if sum(len(w["Keys"]) for w in req["RequestItems"].values()) > MAX_GETS:
        raise errors.too_many_in_batch("BatchGetItem")
    plans = []
    for name, wanted in req["RequestItems"].items():
        bound = bind(wanted, PROJECTION)
        layout = find(call, name)
        keys = [layout.schema.exact(k) for k in wanted["Keys"]]
        if len(set(keys)) < len(keys):
            raise errors.duplicate_keys()
        plans.append((name, wanted, bound, layout, keys))
    responses: dict[str, list[Any]] = {}
    unprocessed: dict[str, Any] = {}
    used = []
    size = done = 0
    refusal: AwsError | None = None
    for name, wanted, bound, layout, keys in plans:
        found = responses.setdefault(name, [])
        units, left = 0.0, []
        for given, key in zip(wanted["Keys"], keys, strict=True):
            try:
                capacities.admit(call, layout, "Read", *key)
            except AwsError as error:
                refusal = error
                left.append(given)
                continue
            row = rows.read(call, layout, key)
            if row is not None and size + row.size > ANSWER_BYTES:
                left.append(given)
                continue
            took = capacity.read_units(row.size if row else 0, wanted.get("ConsistentRead", False))
            capacities.charge(call, layout, "Read", took, partition=key[0], sort=key[1])
            units += took
            done += 1
            if row is not None:
                size += row.size
                found.append(bound.projection.run(decode(row.body)) if bound.projection else out(call, row.body))
        if left:
            unprocessed[name] = {**wanted, "Keys": left}
        if (entry := capacities.consumed(req, layout, units, name=name)) is not None:
            used.append(entry)
    if refusal is not None and not done:
        raise refusal
    answer: dict[str, Any] = {"Responses": responses, "UnprocessedKeys": unprocessed}
    if used:
        answer["ConsumedCapacity"] = used
    return answer


@op(needs=needs_write)
def batch_write_item(call: Call, req: Any) -> Any:
    if sum(len(w) for w in req["RequestItems"].values()) > MAX_WRITES:
        raise errors.too_many_in_batch("BatchWriteItem")
    plans = [(name, find(call, name), [prepared(find(call, name), r) for r in wanted]) for name, wanted in req["RequestItems"].items()]
    if sum(size for _, _, writes in plans for _, _, size, _ in writes) > REQUEST_BYTES:
        raise errors.invalid("Request size exceeds the limit of 16 MB")
    for _, _, writes in plans:
        if len({key for key, *_ in writes}) < len(writes):
            raise errors.duplicate_keys()
    unprocessed: dict[str, Any] = {}
    used, metrics = [], {}
    done = 0
    refusal: AwsError | None = None
    for name, layout, writes in plans:
        units, by_index, touched = 0, {}, []
        for key, item, size, wanted in writes:
            try:
                took, taken = write(call, layout, key, item, size)
            except AwsError as error:
                if error.code not in ("ProvisionedThroughputExceededException", "ThrottlingException"):
                    raise
                refusal = error
                unprocessed.setdefault(name, []).append(wanted)
                continue
            done += 1
            units += took
            for index, n in taken.items():
                by_index[index] = by_index.get(index, 0) + n
            if layout.has_local and req.get("ReturnItemCollectionMetrics") == "SIZE":
                touched.append(indexes.collection_metrics(call, layout, wanted.get("PutRequest", {}).get("Item") or wanted["DeleteRequest"]["Key"], key[0]))
        if (entry := capacities.consumed(req, layout, units, by_index, name=name)) is not None:
            used.append(entry)
        if touched:
            metrics[name] = touched
    if refusal is not None and not done:
        raise refusal
    answer: dict[str, Any] = {"UnprocessedItems": unprocessed}
    if used:
        answer["ConsumedCapacity"] = used
    if metrics:
        answer["ItemCollectionMetrics"] = metrics
    return answer


def prepared(layout: Layout, wanted: Any) -> tuple[tuple[bytes, bytes], Any, int, Any]:
    """(key, item or None for a deletion, size, the request as it came)."""
    if len(wanted) != 1:
        raise errors.one_request_each()
    if "PutRequest" in wanted:
        item = wanted["PutRequest"]["Item"]
        size = weigh(item)
        return layout.schema.of_item(item), item, size, wanted
    return layout.schema.exact(wanted["DeleteRequest"]["Key"]), None, 0, wanted


def write(call: Call, layout: Layout, key: tuple[bytes, bytes], item: Any, size: int) -> tuple[int, dict[str, int]]:
    """One of the batch, by itself: an index without capacity refuses this item and no other."""
    capacities.admit(call, layout, "Write", *key)
    with call.step():
        row = rows.read(call, layout, key)
        if item is not None:
            taken = rows.put(call, layout, key, row, item, size)
        else:
            taken = rows.delete(call, layout, key, row) if row else {}
        took = rows.write_units(row.size if row else 0, size)
        capacities.charge(call, layout, "Write", took, taken, *key)
    return took, taken


