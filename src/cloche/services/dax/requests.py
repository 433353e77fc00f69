"""What clients ask of a cluster, method by method: their arguments and answers in DAX's form, and what is asked of DynamoDB for them.

Whoever asks needs a permission on the cluster (`dax:GetItem`); the table is read and written under the cluster's role.
"""
from __future__ import annotations

import socket
from typing import Any

import msgspec

from cloche.kernel import Call
from cloche.languages.dynamodb import values as canonical
from cloche.languages.dynamodb.paths import read
from cloche.services.sts import public as sts

from . import answers, caching, cbor, values
from . import service as dax
from .clusters import SERVICE, Cluster
from .expressions import Writer
from .values import Schema

AUTHORIZE = 1489122155
LEADER, REPLICA = 1, 2
SCHEMA_SECONDS = 60
PROJECTION, NAMES, CONSISTENT, CAPACITY, CONDITION, VALUES, METRICS, RETURN, UPDATE, START, FILTER, INDEX, KEY_CONDITION, LIMIT, FORWARD, SELECT, SEGMENT, SEGMENTS, ITEMS, TOKEN = range(20)
CAPACITIES, METRIC_KINDS = ("NONE", "TOTAL", "INDEXES"), ("NONE", "SIZE")
RETURNS = ("", "NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")
SELECTS = ("", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "COUNT", "SPECIFIC_ATTRIBUTES")
ACTIONS = {2: ("Put", "PutItem"), 7: ("Delete", "DeleteItem"), 9: ("Update", "UpdateItem"), 12: ("ConditionCheck", "ConditionCheckItem")}

MEMBERS: dict[int, tuple[str, Any]] = {  # how each is said, and how it is read
    CONSISTENT: ("ConsistentRead", lambda writer, x: bool(x)), CAPACITY: ("ReturnConsumedCapacity", lambda writer, x: CAPACITIES[x]),
    CONDITION: ("ConditionExpression", lambda writer, x: writer.condition(x)), METRICS: ("ReturnItemCollectionMetrics", lambda writer, x: METRIC_KINDS[x]),
    RETURN: ("ReturnValues", lambda writer, x: RETURNS[x]), UPDATE: ("UpdateExpression", lambda writer, x: writer.update(x)),
    FILTER: ("FilterExpression", lambda writer, x: writer.condition(x)), INDEX: ("IndexName", lambda writer, x: x.decode()), LIMIT: ("Limit", lambda writer, x: x),
    FORWARD: ("ScanIndexForward", lambda writer, x: bool(x)), SELECT: ("Select", lambda writer, x: SELECTS[x]), SEGMENT: ("Segment", lambda writer, x: x),
    SEGMENTS: ("TotalSegments", lambda writer, x: x), TOKEN: ("ClientRequestToken", lambda writer, x: x)}

# lists of attribute names, each with a number that a client may remember for as long as it likes; 1 is the empty one
dax.table("CREATE TABLE IF NOT EXISTS dax_names (id INTEGER PRIMARY KEY AUTOINCREMENT, names TEXT UNIQUE NOT NULL);")


class Asked:
    """Who asks, and of which cluster; the table is reached through `do`."""

    def __init__(self, call: Call, cluster: Cluster, node: str) -> None:
        self.call, self.cluster, self.node = call, cluster, node
        self.cache = caching.of(call, cluster)

    def may(self, operation: str) -> None:
        self.call.require(f"dax:{operation}", self.cluster.arn)

    def do(self, operation: str, **req: Any) -> Any:
        there = self.call.as_principal(sts.role_principal(self.call, self.cluster.role, "dax", SERVICE))
        return there.do("dynamodb", operation, **req)

    def schema(self, table: str) -> Schema:
        known, found = caching.fresh(self.call, self.cache.schemas, table)
        if not known:
            told = self.do("DescribeTable", TableName=table)["Table"]
            types = {a["AttributeName"]: a["AttributeType"] for a in told["AttributeDefinitions"]}
            found = [(k["AttributeName"], types[k["AttributeName"]]) for k in told["KeySchema"]]
            caching.keep(self.cache.schemas, table, self.call.now + SCHEMA_SECONDS, found)
        return found  # type: ignore[no-any-return]

    def number(self, names: tuple[str, ...]) -> int:
        if not names:
            return 1
        text = msgspec.json.encode(names).decode()
        row = self.call.row("SELECT id FROM dax_names WHERE names=?", text)
        if row is None:
            row = self.call.row("INSERT INTO dax_names (names) VALUES (?) RETURNING id", text)
        return int(row[0]) + 1

    def names(self, number: int) -> tuple[str, ...]:
        if number == 1:
            return ()
        row = self.call.row("SELECT names FROM dax_names WHERE id=?", number - 1)
        if row is None:
            raise cbor.Bad("an unknown list of attributes")
        return tuple(msgspec.json.decode(row[0]))

    def item(self, raw_key: bytes, raw: bytes, schema: Schema) -> dict[str, Any]:
        number, found = values.sequence(raw)
        return values.key(raw_key, schema) | {name: values.value(x) for name, x in zip(self.names(number), found, strict=True)}

    def row(self, item: dict[str, Any], schema: Schema) -> bytes:
        listed = values.names(item, schema)
        return values.row(item, self.number(listed), listed)

    def remember(self, table: str, key: bytes, item: dict[str, Any] | None) -> None:
        caching.keep(self.cache.items, (table, key), caching.until(self.call, self.cluster, "record-ttl-millis"), item)

    def lose(self, table: str, key: bytes) -> None:
        self.cache.items.pop((table, key), None)


# -- what both sides must know --------------------------------------------------------------------------------------------

def endpoints(asked: Asked) -> bytes:
    out = []
    for place, node in enumerate(n for n in asked.cluster.nodes if n.address):
        out.append(cbor.mapping([
            (cbor.integer(0), cbor.integer(place + 1)), (cbor.integer(1), cbor.text(node.address)), (cbor.integer(2), cbor.binary(socket.inet_aton(node.address))),
            (cbor.integer(3), cbor.integer(asked.cluster.port)), (cbor.integer(4), cbor.integer(REPLICA if place else LEADER)), (cbor.integer(5), cbor.text(node.zone)),
            (cbor.integer(6), cbor.integer(0))]))
    return cbor.array(out)


def define_key_schema(asked: Asked, table: bytes) -> bytes:
    return cbor.mapping([(cbor.text(name), cbor.text(kind)) for name, kind in asked.schema(table.decode())])


def define_attribute_list(asked: Asked, number: int) -> bytes:
    return cbor.array([cbor.text(name) for name in asked.names(number)])


def define_attribute_list_id(asked: Asked, names: list[str]) -> bytes:
    return cbor.integer(asked.number(tuple(names)))


# -- one item -------------------------------------------------------------------------------------------------------------

def shared(given: dict[int, Any] | None, writer: Writer) -> dict[str, Any]:
    """Members that several operations have."""
    return {MEMBERS[number][0]: MEMBERS[number][1](writer, value) for number, value in (given or {}).items() if number in MEMBERS}


def projected(item: dict[str, Any], paths: list[Any]) -> bytes:
    return cbor.mapping([(cbor.integer(place), values.written(found)) for place, path in enumerate(paths) if (found := read(item, path)) is not None])


def get_item(asked: Asked, table_: bytes, key: bytes, given: dict[int, Any] | None) -> bytes:
    """From memory if it may be old; a strong read goes through and leaves nothing behind."""
    asked.may("GetItem")
    table, writer = table_.decode(), Writer()
    schema, req = asked.schema(table), shared(given, writer)
    paths = writer.projection(given[PROJECTION])[1] if given and PROJECTION in given else None
    strong = req.pop("ConsistentRead", False)
    known, item = (False, None) if strong else caching.fresh(asked.call, asked.cache.items, (table, key))
    consumed = {"TableName": table, "CapacityUnits": 0.0} if req.get("ReturnConsumedCapacity", "NONE") != "NONE" else None
    if not known:
        answer = asked.do("GetItem", TableName=table, Key=values.key(key, schema), ConsistentRead=strong, **req)
        item, consumed = answer.get("Item"), answer.get("ConsumedCapacity")
        if not strong:
            asked.remember(table, key, item)
    found = None if item is None else projected(item, paths) if paths is not None else cbor.binary(asked.row(item, schema))
    return answers.normal(item=found, capacity=consumed)


def put_item(asked: Asked, table_: bytes, key: bytes, raw: bytes, given: dict[int, Any] | None) -> bytes:
    asked.may("PutItem")
    table, writer = table_.decode(), Writer()
    schema = asked.schema(table)
    item, req = asked.item(key, raw, schema), shared(given, writer)
    answer = asked.do("PutItem", TableName=table, Item=item, **req, **writer.members())
    canonical.measure_item(item)
    asked.remember(table, key, item)
    return changed(asked, answer, schema, "")


def update_item(asked: Asked, table_: bytes, key: bytes, given: dict[int, Any] | None) -> bytes:
    asked.may("UpdateItem")
    table, writer = table_.decode(), Writer()
    schema, req = asked.schema(table), shared(given, writer)
    wanted = req.get("ReturnValues", "NONE")
    if wanted == "NONE":
        req["ReturnValues"] = "ALL_NEW"  # what the item cache is to know
    answer = asked.do("UpdateItem", TableName=table, Key=values.key(key, schema), **req, **writer.members())
    if req["ReturnValues"] == "ALL_NEW":
        asked.remember(table, key, answer.get("Attributes"))
    else:
        asked.lose(table, key)
    if wanted == "NONE":
        answer.pop("Attributes", None)
    return changed(asked, answer, schema, wanted)


def delete_item(asked: Asked, table_: bytes, key: bytes, given: dict[int, Any] | None) -> bytes:
    asked.may("DeleteItem")
    table, writer = table_.decode(), Writer()
    schema, req = asked.schema(table), shared(given, writer)
    answer = asked.do("DeleteItem", TableName=table, Key=values.key(key, schema), **req, **writer.members())
    asked.remember(table, key, None)
    return changed(asked, answer, schema, "")


def changed(asked: Asked, answer: Any, schema: Schema, returns: str) -> bytes:
    attributes = None
    if found := answer.get("Attributes"):
        if returns in ("UPDATED_OLD", "UPDATED_NEW"):
            listed = tuple(sorted(found))
            attributes = cbor.integer(asked.number(listed)) + cbor.mapping([(cbor.integer(n), values.written(found[name])) for n, name in enumerate(listed)])
        else:
            attributes = asked.row(found, schema)
    return answers.normal(attributes=attributes, capacity=answer.get("ConsumedCapacity"), metrics=answer.get("ItemCollectionMetrics"))


# -- many items -----------------------------------------------------------------------------------------------------------

def query(asked: Asked, table_: bytes, condition: bytes | None, given: dict[int, Any] | None) -> bytes:
    writer = Writer()
    more = {"KeyConditionExpression": writer.condition(condition)} if condition else {}
    return many(asked, "Query", table_, writer, more, given)


def scan(asked: Asked, table_: bytes, given: dict[int, Any] | None) -> bytes:
    return many(asked, "Scan", table_, Writer(), {}, given)


def many(asked: Asked, operation: str, table_: bytes, writer: Writer, more: dict[str, Any], given: dict[int, Any] | None) -> bytes:
    """A page. An answer that may be old is kept by what was asked for, capacity aside."""
    asked.may(operation)
    table = table_.decode()
    schema, req, paths = asked.schema(table), {"TableName": table, **more, **shared(given, writer)}, None
    if given and PROJECTION in given:
        req["ProjectionExpression"], paths = writer.projection(given[PROJECTION])
    if given and START in given:
        raw = given[START]
        req["ExclusiveStartKey"] = {k: values.value(v) for k, v in cbor.item(raw)[0].items()} if "IndexName" in req else values.key(raw, schema)
    req |= writer.members()
    capacity = req.get("ReturnConsumedCapacity", "NONE")
    asks = msgspec.json.encode([operation, {k: v for k, v in req.items() if k != "ReturnConsumedCapacity"}], order="deterministic")
    strong = bool(req.get("ConsistentRead"))
    known, answer = (False, None) if strong else caching.fresh(asked.call, asked.cache.answers, asks)
    if known:
        answer = answer | ({"ConsumedCapacity": {"TableName": table, "CapacityUnits": 0.0}} if capacity != "NONE" else {})
    else:
        answer = asked.do(operation, **req)
        if not strong:
            kept = {k: v for k, v in answer.items() if k != "ConsumedCapacity"}
            caching.keep(asked.cache.answers, asks, caching.until(asked.call, asked.cluster, "query-ttl-millis"), kept)
    items = None
    if "Items" in answer:
        items = [projected(i, paths) if paths is not None else cbor.array([cbor.binary(values.key_bytes(i, schema)), cbor.binary(asked.row(i, schema))]) for i in answer["Items"]]
    last = answer.get("LastEvaluatedKey")
    ended = None if last is None else cbor.binary(values.compound(last) if "IndexName" in req else values.key_bytes(last, schema))
    return answers.normal(items=items, count=answer["Count"], scanned=answer["ScannedCount"], last=ended, capacity=answer.get("ConsumedCapacity"))


def batch_get_item(asked: Asked, wanted: dict[str, Any], given: dict[int, Any] | None) -> bytes:
    """Each key by itself: what is in memory is not asked for again."""
    asked.may("BatchGetItem")
    req = shared(given, Writer())
    found: dict[str, dict[bytes, Any]] = {}
    rest: dict[str, Any] = {}
    for table, (strong, _, keys) in wanted.items():
        schema, found[table] = asked.schema(table), {}
        for key in keys:
            known, item = (False, None) if strong else caching.fresh(asked.call, asked.cache.items, (table, key))
            if known:
                found[table][key] = item
            else:
                rest.setdefault(table, {"Keys": [], "ConsistentRead": bool(strong)})["Keys"].append(values.key(key, schema))
    answer = asked.do("BatchGetItem", RequestItems=rest, **req) if rest else {"Responses": {}, "UnprocessedKeys": {}}
    left = {table: [values.key_bytes(k, asked.schema(table)) for k in some["Keys"]] for table, some in answer["UnprocessedKeys"].items()}
    for table, asked_for in rest.items():
        schema = asked.schema(table)
        there = {values.key_bytes(i, schema): i for i in answer["Responses"].get(table, [])}
        for key in (values.key_bytes(k, schema) for k in asked_for["Keys"]):
            if key not in left.get(table, []):
                found[table][key] = there.get(key)
                if not wanted[table][0]:
                    asked.remember(table, key, there.get(key))
    tables = []
    for table, (_, projection, keys) in wanted.items():
        schema = asked.schema(table)
        items = [(key, found[table][key]) for key in keys if found[table].get(key) is not None]
        if projection is not None:
            paths = Writer().projection(projection)[1]
            rows = [projected(item, paths) for _, item in items]
        else:
            rows = [part for key, item in items for part in (cbor.binary(key), cbor.binary(asked.row(item, schema)))]
        tables.append((cbor.text(table), cbor.array(rows)))
    unprocessed = cbor.mapping([(cbor.text(table), cbor.array([cbor.binary(k) for k in keys])) for table, keys in left.items()])
    return cbor.array([cbor.mapping(tables), unprocessed]) + cbor.array([cbor.binary(answers.consumed(c)) for c in answer.get("ConsumedCapacity", [])])


def batch_write_item(asked: Asked, wanted: dict[str, list[Any]], given: dict[int, Any] | None) -> bytes:
    asked.may("BatchWriteItem")
    writes: dict[str, list[Any]] = {}
    for table, pairs in wanted.items():
        schema = asked.schema(table)
        for key, raw in zip(pairs[::2], pairs[1::2], strict=True):
            one = {"DeleteRequest": {"Key": values.key(key, schema)}} if raw is None else {"PutRequest": {"Item": asked.item(key, raw, schema)}}
            writes.setdefault(table, []).append(one)
    answer = asked.do("BatchWriteItem", RequestItems=writes, **shared(given, Writer()))
    left = answer.get("UnprocessedItems", {})
    tables = []
    for table, some in writes.items():
        schema = asked.schema(table)
        for one in some:
            item = one.get("PutRequest", {}).get("Item")
            key = values.key_bytes(item or one["DeleteRequest"]["Key"], schema)
            if one in left.get(table, []):
                asked.lose(table, key)
                continue
            if item is not None:
                canonical.measure_item(item)
            asked.remember(table, key, item)
        if table in left:
            parts = []
            for one in left[table]:
                item = one.get("PutRequest", {}).get("Item")
                parts += [cbor.binary(values.key_bytes(item or one["DeleteRequest"]["Key"], schema)), cbor.NULL if item is None else cbor.binary(asked.row(item, schema))]
            tables.append((cbor.text(table), cbor.array(parts)))
    return (cbor.mapping(tables) + cbor.array([cbor.binary(answers.consumed(c)) for c in answer.get("ConsumedCapacity", [])])
            + answers.metrics_by_table(answer.get("ItemCollectionMetrics", {})))


# -- transactions -----------------------------------------------------------------------------------------------------------

def transact_get_items(asked: Asked, tables: list[bytes], keys: list[bytes], projections: list[Any] | None, given: dict[int, Any] | None) -> bytes:
    """They go through, and leave nothing behind."""
    asked.may("GetItem")
    gets, paths = [], []
    for place, (table, key) in enumerate(zip(tables, keys, strict=True)):
        writer, one = Writer(), {"TableName": table.decode(), "Key": values.key(key, asked.schema(table.decode()))}
        projection = projections[place] if projections else None
        paths.append(None)
        if projection is not None:
            one["ProjectionExpression"], paths[-1] = writer.projection(projection)
        gets.append({"Get": one | writer.members()})
    answer = asked.do("TransactGetItems", TransactItems=gets, **shared(given, Writer()))
    rows = []
    for table, some, response in zip(tables, paths, answer["Responses"], strict=True):
        item = response.get("Item")
        rows.append(cbor.NULL if item is None else projected(item, some) if some is not None else cbor.binary(asked.row(item, asked.schema(table.decode()))))
    return cbor.array([cbor.array(rows), cbor.array([answers.consumed_map(c) for c in answer.get("ConsumedCapacity", [])])])


def transact_write_items(asked: Asked, kinds: list[int], tables: list[bytes], keys: list[bytes], rows: list[Any] | None, returns: Any, failures: list[int] | None,
                         conditions: list[Any] | None, updates: list[Any] | None, given: dict[int, Any] | None) -> bytes:
    actions: list[dict[str, Any]] = []
    for place, (kind, table_, key) in enumerate(zip(kinds, tables, keys, strict=True)):
        name, permission = ACTIONS[kind]
        asked.may(permission)
        table, writer = table_.decode(), Writer()
        one: dict[str, Any] = {"TableName": table}
        if name == "Put":
            one["Item"] = asked.item(key, rows[place] if rows else b"\x01", asked.schema(table))
        else:
            one["Key"] = values.key(key, asked.schema(table))
        if conditions and conditions[place] is not None:
            one["ConditionExpression"] = writer.condition(conditions[place])
        if updates and updates[place] is not None:
            one["UpdateExpression"] = writer.update(updates[place])
        if failures and failures[place] == 2:
            one["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        actions.append({name: one | writer.members()})
    answer = asked.do("TransactWriteItems", TransactItems=actions, **shared(given, Writer()))
    for table_, key, action in zip(tables, keys, actions, strict=True):
        [(name, one)] = action.items()
        if name == "Put":
            canonical.measure_item(one["Item"])
            asked.remember(table_.decode(), key, one["Item"])
        elif name == "Delete":
            asked.remember(table_.decode(), key, None)
        elif name == "Update":
            asked.lose(table_.decode(), key)
    return cbor.array([cbor.NULL, cbor.array([answers.consumed_map(c) for c in answer.get("ConsumedCapacity", [])]), answers.metrics_by_table(answer.get("ItemCollectionMetrics", {}))])


METHODS: dict[int, Any] = {
    455855874: endpoints, -742646399: define_key_schema, 670678385: define_attribute_list, -1230579644: define_attribute_list_id, 263244906: get_item, -2106490455: put_item,
    1425579023: update_item, 1013539361: delete_item, -931250863: query, -1875390620: scan, -697851100: batch_get_item, 116217951: batch_write_item, 1866287579: transact_get_items,
    -1160037738: transact_write_items}
ARGUMENTS = {
    455855874: 0, -742646399: 1, 670678385: 1, -1230579644: 1, 263244906: 3, -2106490455: 4, 1425579023: 3, 1013539361: 3, -931250863: 3, -1875390620: 2, -697851100: 2, 116217951: 2,
    1866287579: 4, -1160037738: 9}
