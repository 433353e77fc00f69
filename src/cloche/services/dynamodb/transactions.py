"""TransactGetItems and TransactWriteItems: all or nothing, up to a hundred items, at twice the price.

Every handler is one atomic step, so isolation is given; what is done here is to look at every action before the first
write, and to say for each why the whole was cancelled.
"""
from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call, Need
from cloche.languages.dynamodb import capacity
from cloche.languages.dynamodb.errors import Invalid
from cloche.languages.dynamodb.request import bind

from . import capacities, errors, indexes, op, permissions, rows
from . import service as dynamodb
from .items import CONDITION, PROJECTION, UPDATE, changed, out, weigh
from .rows import Row, decode
from .tables import Layout, find, policy, table_arn

MAX_BYTES = 4 * 2**20
TOKEN_SECONDS = 600
ACTIONS = {"ConditionCheck": "ConditionCheckItem", "Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem"}

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_token (account TEXT, region TEXT, token TEXT, at REAL NOT NULL, digest BLOB NOT NULL, answer BLOB NOT NULL,
    PRIMARY KEY (account, region, token)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dynamodb_token_age ON dynamodb_token (at);
""")


def need(call: Call, operation: str, enclosing: str, part: Any) -> Need:
    arn = table_arn(call, part["TableName"])
    return Need(f"dynamodb:{operation}", arn, permissions.inside(enclosing, call, part["TableName"], [part]), policy(call, arn))


def needs_get(call: Call, req: Any) -> list[Need]:
    return [need(call, "GetItem", "TransactGetItems", t["Get"]) for t in req["TransactItems"]]


def needs_write(call: Call, req: Any) -> list[Need]:
    return [need(call, ACTIONS[kind], "TransactWriteItems", part) for t in req["TransactItems"] for kind, part in t.items()]


@op(needs=needs_get)
def transact_get_items(call: Call, req: Any) -> Any:
    plans = []
    for action in req["TransactItems"]:
        get = action["Get"]
        bound, layout = bind(get, PROJECTION), find(call, get["TableName"])
        plans.append((get, bound, layout, layout.schema.exact(get["Key"])))
    seen = {(layout.number, key) for _, _, layout, key in plans}
    if len(seen) < len(plans):
        raise errors.one_operation_an_item()
    responses, reasons = [], []
    units: dict[str, tuple[Layout, float]] = {}
    size = 0
    for get, bound, layout, key in plans:
        try:
            capacities.admit(call, layout, "Read")
            reasons.append({"Code": "None"})
        except AwsError as error:
            reasons.append(reason(error))
            continue
        row = rows.read(call, layout, key)
        size += row.size if row else 0
        took = 2 * capacity.read_units(row.size if row else 0, True)
        capacities.charge(call, layout, "Read", took)
        name = get["TableName"]
        units[name] = (layout, units.get(name, (layout, 0.0))[1] + took)
        if row is None:
            responses.append({})
        else:
            responses.append({"Item": bound.projection.run(decode(row.body)) if bound.projection else out(call, row.body)})
    if any(r["Code"] != "None" for r in reasons):
        raise errors.canceled(reasons)
    if size > MAX_BYTES:
        raise errors.transaction_too_large()
    answer: dict[str, Any] = {"Responses": responses}
    used = [capacities.consumed(req, layout, n, direction="Read", name=name) for name, (layout, n) in units.items()]
    if used and used[0] is not None:
        answer["ConsumedCapacity"] = used
    return answer


class Action:
    """One action of a write transaction, checked for form; `prepare` looks at the item, `apply` writes."""

    __slots__ = ("bound", "item", "key", "kind", "layout", "old", "part", "row", "size")

    def __init__(self, call: Call, wanted: Any) -> None:
        if len(wanted) != 1:
            raise errors.one_action_each()
        self.kind, self.part = next(iter(wanted.items()))
        self.bound = bind(self.part, UPDATE if self.kind == "Update" else CONDITION)
        self.layout = find(call, self.part["TableName"])
        self.item: Any = None
        self.size = 0
        self.old: Any = None
        self.row: Row | None = None
        if self.kind == "Put":
            self.item = self.part["Item"]
            self.size, self.key = weigh(self.layout, self.item)
        else:
            self.key = self.layout.schema.exact(self.part["Key"])

    def prepare(self, call: Call) -> None:
        capacities.admit(call, self.layout, "Write")
        self.row = rows.read(call, self.layout, self.key)
        if self.bound.condition is not None:
            self.old = decode(self.row.body) if self.row else None
            if not self.bound.condition.run(self.old or {}, self.bound.values):
                shown = self.row is not None and self.part.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
                raise errors.condition_failed(out(call, self.row.body) if shown and self.row else None)
        if self.kind == "Update":
            self.item, self.size = changed(self.layout, self.part["Key"], self.bound, self.row)

    def apply(self, call: Call) -> tuple[int, dict[str, int]]:
        taken: dict[str, int] = {}
        if self.kind in ("Put", "Update"):
            taken = rows.put(call, self.layout, self.key, self.row, self.item, self.size, self.old)
        elif self.kind == "Delete" and self.row:
            taken = rows.delete(call, self.layout, self.key, self.row, self.old)
        took = 2 * rows.write_units(self.row.size if self.row else 0, self.size)
        taken = {name: 2 * n for name, n in taken.items()}
        capacities.charge(call, self.layout, "Write", took, taken)
        return took, taken


@op(needs=needs_write)
def transact_write_items(call: Call, req: Any) -> Any:
    token, digest = req.get("ClientRequestToken"), b""
    if token:
        digest = hashlib.sha256(msgspec.json.encode({k: v for k, v in req.items() if k != "ClientRequestToken"}, order="deterministic")).digest()
        if (done := repeated(call, req, token, digest)) is not None:
            return done
    actions = [Action(call, wanted) for wanted in req["TransactItems"]]
    if len({(a.layout.number, a.key) for a in actions}) < len(actions):
        raise errors.one_operation_an_item()
    reasons, size = [], 0
    for action in actions:
        try:
            action.prepare(call)
            reasons.append({"Code": "None"})
        except (AwsError, Invalid) as error:
            reasons.append(reason(error))
        size += max(action.size, action.row.size if action.row else 0)
    refuse(reasons)
    if size > MAX_BYTES:
        raise errors.transaction_too_large()
    units: dict[str, tuple[Layout, int, dict[str, int]]] = {}
    metrics: dict[str, list[Any]] = {}
    for number, action in enumerate(actions):
        try:
            took, taken = action.apply(call)
        except (AwsError, Invalid) as error:  # an index refuses: its capacity, a key of the wrong type
            reasons[number] = reason(error)
            refuse(reasons)
        name, layout = action.part["TableName"], action.layout
        _, before, by_index = units.get(name, (layout, 0, {}))
        units[name] = (layout, before + took, {n: by_index.get(n, 0) + taken.get(n, 0) for n in {**by_index, **taken}})
        if layout.has_local and req.get("ReturnItemCollectionMetrics") == "SIZE" and action.kind != "ConditionCheck":
            metrics.setdefault(name, []).append(indexes.collection_metrics(call, layout, action.part.get("Item") or action.part["Key"], action.key[0]))
    answer: dict[str, Any] = {}
    used = [capacities.consumed(req, layout, n, by_index, "Write", name) for name, (layout, n, by_index) in units.items()]
    if used and used[0] is not None:
        answer["ConsumedCapacity"] = used
    if metrics:
        answer["ItemCollectionMetrics"] = metrics
    if token:
        reads = {name: sum(2 * capacity.read_units(a.size or (a.row.size if a.row else 0), True) for a in actions if a.part["TableName"] == name) for name in units}
        call.sql("INSERT OR REPLACE INTO dynamodb_token VALUES (?,?,?,?,?,?)", call.account, call.region, token, call.now, digest, msgspec.json.encode(reads))
    return answer


def repeated(call: Call, req: Any, token: str, digest: bytes) -> dict[str, Any] | None:
    """The answer to a transaction that was done already: nothing is written, and reading its items is what it costs."""
    call.sql("DELETE FROM dynamodb_token WHERE at<?", call.now - TOKEN_SECONDS)
    row = call.row("SELECT digest, answer FROM dynamodb_token WHERE account=? AND region=? AND token=?", call.account, call.region, token)
    if row is None:
        return None
    if row[0] != digest:
        raise errors.token_mismatch()
    used = [capacities.consumed(req, find(call, name), n, direction="Read", name=name) for name, n in msgspec.json.decode(row[1]).items()]
    return {"ConsumedCapacity": used} if used and used[0] is not None else {}


CODES = {"ConditionalCheckFailedException": "ConditionalCheckFailed", "ItemCollectionSizeLimitExceededException": "ItemCollectionSizeLimitExceeded",
         "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded", "ThrottlingException": "ThrottlingError", "ValidationException": "ValidationError"}


def reason(error: Exception) -> dict[str, Any]:
    if isinstance(error, Invalid):
        return {"Code": "ValidationError", "Message": error.message}
    assert isinstance(error, AwsError)
    return {"Code": CODES[error.code], "Message": error.message} | ({"Item": error.extra["Item"]} if "Item" in error.extra else {})


def refuse(reasons: list[dict[str, Any]]) -> None:
    if any(r["Code"] != "None" for r in reasons):
        raise errors.canceled(reasons)
