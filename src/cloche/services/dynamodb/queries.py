"""Query and Scan: a range of rows, page by page.

Both read a cursor of (size, body) in key order and stop at Limit, at a megabyte, or at the end; a filter then throws away
part of what was read. Where they begin is a key as bytes, so a page costs what it shows, however large the table is.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.languages.dynamodb import capacity, composite, keyconditions, keys
from cloche.languages.dynamodb.errors import Invalid
from cloche.languages.dynamodb.request import Bound, bind

from . import capacities, errors, op, permissions, sealing
from .items import out
from .layouts import IndexLayout, Layout, find
from .rows import decode

PAGE_BYTES = 1024 * 1024
QUERY = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")
SCAN = ("ProjectionExpression", "FilterExpression")


@op(needs=permissions.of_item)
def query(call: Call, req: Any) -> Any:
    bound = bind(req, QUERY)
    if bound.keys is None:
        raise errors.no_key_condition()
    layout = find(call, req["TableName"])
    index = index_of(layout, req)
    schema = index.schema if index else layout.schema
    if isinstance(schema, composite.Composite):
        asked = composite.bounds(bound.keys, schema)
    else:
        asked = keyconditions.bounds(bound.keys, schema, "KeyConditionExpression" if "KeyConditionExpression" in req else "KeyConditions")
    if "ExclusiveStartKey" in req and index is None and layout.schema.range is None:
        raise errors.start_of_one(layout.schema.hash, req["ExclusiveStartKey"])
    if bound.filter is not None:
        for name in schema.names:
            if name in bound.filter.attributes:
                raise errors.key_in_filter("FilterExpression" if "FilterExpression" in req else "QueryFilter", name)
    return partition(call, req, layout, index, bound, asked)


def partition(call: Call, req: Any, layout: Layout, index: IndexLayout | None, bound: Bound, asked: keyconditions.Range) -> dict[str, Any]:
    """A page of one partition."""
    forward = req.get("ScanIndexForward", True)
    where, args = ["pk=?"], [asked.partition]
    if asked.low is not None:
        where.append("sk>=?")
        args.append(asked.low)
    if asked.high is not None:
        where.append("sk<?")
        args.append(asked.high)
    if (start := req.get("ExclusiveStartKey")) is not None:
        place, base = start_of(layout, index, start)
        if place[0] != asked.partition or (asked.low is not None and place[1] < asked.low) or (asked.high is not None and place[1] >= asked.high):
            raise errors.start_key_outside()
        if index:
            where.append("(sk, bpk, bsk) > (?, ?, ?)" if forward else "(sk, bpk, bsk) < (?, ?, ?)")
            args += [place[1], *base]
        else:
            where.append("sk>?" if forward else "sk<?")
            args.append(place[1])
    direction = "" if forward else " DESC"
    order = f"sk{direction}, bpk{direction}, bsk{direction}" if index else f"sk{direction}"
    answer = page(call, req, layout, index, bound, where, args, order, None if index else asked.partition)
    if index is None and layout.schema.range is None:
        answer.pop("LastEvaluatedKey", None)  # a partition of one item has no second page
    return answer


@op(needs=permissions.of_item)
def scan(call: Call, req: Any) -> Any:
    bound = bind(req, SCAN)
    segment, total = req.get("Segment"), req.get("TotalSegments")
    if segment is None and total is not None:
        raise errors.total_segments_alone()
    if segment is not None and total is None:
        raise errors.segment_alone()
    if segment is not None and segment >= total:
        raise errors.segment_range(segment, total)
    layout = find(call, req["TableName"])
    return everything(call, req, layout, index_of(layout, req), bound)


def everything(call: Call, req: Any, layout: Layout, index: IndexLayout | None, bound: Bound) -> dict[str, Any]:
    """A page of the whole table or index, or of one segment of it."""
    segment, total = req.get("Segment"), req.get("TotalSegments")
    where: list[str] = []
    args: list[Any] = []
    low, high = keys.segment(segment or 0, total or 1)
    if segment:
        where.append("pk>=?")
        args.append(low)
    if high is not None:
        where.append("pk<?")
        args.append(high)
    if (start := req.get("ExclusiveStartKey")) is not None:
        place, base = start_of(layout, index, start)
        if place[0] < low or (high is not None and place[0] >= high):
            raise errors.start_key_in_other_segment(total, segment)
        where.append("(pk, sk, bpk, bsk) > (?, ?, ?, ?)" if index else "(pk, sk) > (?, ?)")
        args += [*place, *base] if index else place
    return page(call, req, layout, index, bound, where, args, "pk, sk, bpk, bsk" if index else "pk, sk")


def index_of(layout: Layout, req: Any) -> IndexLayout | None:
    name = req.get("IndexName")
    if name is None:
        return None
    index = layout.by_name.get(name)
    if index is None:
        raise errors.no_index(name)
    if index.index.status == "CREATING":
        raise errors.index_backfilling(name)
    if req.get("ConsistentRead") and not index.local:
        raise errors.global_index_is_eventual()
    return index


def start_of(layout: Layout, index: IndexLayout | None, start: Any) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """ExclusiveStartKey as bytes: the place in the index, and the item's own key."""
    try:
        if index is None:
            key = layout.schema.exact(start)
            return key, key
        names = {*layout.schema.names, *index.schema.names}
        if set(start) != names:
            raise errors.bad_start_key("The provided key element does not match the schema")
        return index.schema.exact(index.schema.take(start)), layout.schema.exact(layout.schema.take(start))
    except Invalid as error:
        raise errors.bad_start_key(error.message) from None


def opened(call: Call, layout: Layout, cursor: Any) -> Any:
    """The rows of a table with a KMS key."""
    try:
        for size, row_size, body in cursor:
            yield size, row_size, sealing.open_(call, layout, body)
    finally:
        cursor.close()


def page(call: Call, req: Any, layout: Layout, index: IndexLayout | None, bound: Bound, where: list[str], args: list[Any], order: str, one: bytes | None = None) -> dict[str, Any]:
    """What the clauses find, up to a page; `one` partition of the table, if it is one."""
    select = selection(req, bound, layout, index)
    counting, fetching = select == "COUNT", False
    projection = bound.projection
    if index is not None and not index.whole:
        wanted = None if projection is None else projection.attributes | (bound.filter.attributes if bound.filter else set())
        beyond = select == "ALL_ATTRIBUTES" or (wanted is not None and not wanted <= index.projected)
        fetching = beyond and not counting
        if fetching and not index.local:
            missing = sorted((wanted or set()) - index.projected)
            raise errors.parameter(f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} because its projection type is not ALL"
                                   if wanted is None else f"Global secondary index {index.name} does not project [{', '.join(missing)}]")
    if index:
        capacities.admit_index(call, layout, index, "Read")
    else:
        capacities.admit(call, layout, "Read", one)
    clause = "".join(f" AND {w}" for w in where)
    if index:
        row_size = "(SELECT size FROM dynamodb_item WHERE id=item)" if fetching else "size"
        text = f"SELECT size, {row_size}, (SELECT body FROM dynamodb_item WHERE id=item) FROM dynamodb_entry WHERE idx=?{clause} ORDER BY {order}"
    else:
        text = f"SELECT size, size, body FROM dynamodb_item WHERE tbl=?{clause} ORDER BY {order}"
    cut = index is not None and not index.whole and not fetching
    limit, filter_, values_ = req.get("Limit", 0), bound.filter, bound.values
    whole = filter_ is None and projection is None and not cut  # the bytes go out as they are
    items: list[Any] = []
    scanned = matched = total = 0
    fetched = 0.0
    consistent = req.get("ConsistentRead", False)
    last: bytes | None = None
    cursor = call.each(text, index.number if index else layout.number, *args)
    if layout.sealed:
        cursor = opened(call, layout, cursor)
    for size, row_size, body in cursor:
        if total + size > PAGE_BYTES and scanned:
            cursor.close()
            break
        total += size
        scanned += 1
        last = body
        if fetching:
            fetched += capacity.read_units(row_size, consistent)
        if whole:
            matched += 1
            if not counting:
                items.append(out(call, body))
        else:
            item = decode(body)
            if cut and index is not None:
                item = index.shows(item)
            if filter_ is None or filter_.run(item, values_):
                matched += 1
                if not counting:
                    items.append(projection.run(item) if projection else item)
        if scanned == limit:
            cursor.close()
            break
    else:
        last = None
    answer: dict[str, Any] = {"Count": matched, "ScannedCount": scanned}
    if not counting:
        answer["Items"] = items
    if last is not None:
        item = decode(last)
        answer["LastEvaluatedKey"] = layout.schema.take(item) | (index.schema.take(item) if index else {})
    # sizes are summed and rounded once; a fetch from the table is one more read an item
    units = capacity.read_units(total, consistent)
    table, by_index = (units, {}) if index is None else (fetched, {index.name: units})
    capacities.charge(call, layout, "Read", table, by_index, one)
    if (used := capacities.consumed(req, layout, table, by_index)) is not None:
        answer["ConsumedCapacity"] = used
    return answer


def selection(req: Any, bound: Bound, layout: Layout, index: IndexLayout | None) -> str:
    """Select, or what it is when nobody says."""
    select, projected = req.get("Select"), bound.projection is not None
    if select is None:
        return "SPECIFIC_ATTRIBUTES" if projected else "ALL_PROJECTED_ATTRIBUTES" if index else "ALL_ATTRIBUTES"
    member = "AttributesToGet" if "AttributesToGet" in req else "ProjectionExpression"
    if projected and select != "SPECIFIC_ATTRIBUTES":
        raise errors.invalid({"COUNT": f"Cannot specify the {member} when choosing to get only the Count"}.get(select, f"Cannot specify the {member} when choosing to get {select}"))
    if select == "SPECIFIC_ATTRIBUTES" and not projected:
        raise errors.invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise errors.invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    return str(select)


