"""TransactGetItems and TransactWriteItems: all or nothing, up to a hundred items, at twice the price.

Every handler is one atomic step, so isolation is given; what is done here is to look at every action before the first
write, and to say for each why the whole was cancelled.
"""
from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call, Need
from cloche.languages.dynamodb import capacity, values
from cloche.languages.dynamodb.errors import Invalid, Unfit
from cloche.languages.dynamodb.request import Bound, bind

from . import capacities, errors, indexes, op, permissions, rows, strong
from . import service as dynamodb
from .items import CONDITION, PROJECTION, UPDATE, changed, out, weigh
from .layouts import Layout, find
from .rows import Row, decode
from .tables import policy, table_arn

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
    for number, action in enumerate(req["TransactItems"]):
        get = action["Get"]
        bound, layout = bind(get, PROJECTION), find(call, get["TableName"])
        try:
            plans.append((get, bound, layout, layout.schema.exact(get["Key"])))
        except Unfit as error:
            raise unfit(error, number, len(req["TransactItems"])) from None
        strong.refuse_transaction(layout.table)
    seen = {(layout.number, key) for _, _, layout, key in plans}
    if len(seen) < len(plans):
        raise errors.one_operation_an_item()
    responses, reasons = [], []
    units: dict[str, tuple[Layout, float]] = {}
    size = 0
    for get, bound, layout, key in plans:
        try:
            capacities.admit(call, layout, "Read", *key)
            reasons.append({"Code": "None"})
        except AwsError as error:
            reasons.append(reason(error))
            continue
        row = rows.read(call, layout, key)
        size += row.size if row else 0
        took = 2 * capacity.read_units(row.size if row else 0, True)
        capacities.charge(call, layout, "Read", took, partition=key[0], sort=key[1])
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

    def __init__(self, kind: str, part: Any, bound: Bound, layout: Layout) -> None:
        self.kind, self.part, self.bound, self.layout = kind, part, bound, layout
        self.item: Any = None
        self.size = 0
        self.old: Any = None
        self.row: Row | None = None
        if kind == "Put":
            self.item = part["Item"]
            self.size = weigh(self.item)
            self.key = layout.schema.of_item(self.item)
        else:
            self.key = layout.schema.exact(part["Key"])

    def prepare(self, call: Call) -> None:
        capacities.admit(call, self.layout, "Write", *self.key)
        self.row = rows.read(call, self.layout, self.key)
        if self.bound.condition is not None:
            self.old = decode(self.row.body) if self.row else None
            if not self.bound.condition.run(self.old or {}, self.bound.values):
                shown = self.row is not None and self.part.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
                raise errors.condition_failed(out(call, self.row.body) if shown and self.row else None)
        if self.kind == "Update":
            self.item, self.size = changed(self.layout, self.part["Key"], self.bound, self.row)

    def apply(self, call: Call, price: int = 2) -> tuple[int, dict[str, int]]:
        taken: dict[str, int] = {}
        update = self.bound.update
        if self.kind == "Update" and self.row is None and update is not None and not update.makes:
            self.size = 0
        elif self.kind in ("Put", "Update"):
            taken = rows.put(call, self.layout, self.key, self.row, self.item, self.size, self.old)
        elif self.kind == "Delete" and self.row:
            taken = rows.delete(call, self.layout, self.key, self.row, self.old)
        took = price * rows.write_units(self.row.size if self.row else 0, self.size)
        taken = {name: price * n for name, n in taken.items()}
        capacities.charge(call, self.layout, "Write", took, taken, *self.key)
        return took, taken


@op(needs=needs_write)
def transact_write_items(call: Call, req: Any) -> Any:
    token, digest = req.get("ClientRequestToken"), b""
    if token:
        digest = digest_of(req)
        if (done := repeated(call, req, token, digest)) is not None:
            return done
    actions = []
    for number, wanted in enumerate(req["TransactItems"]):
        try:
            actions.append(action(call, wanted))
        except Unfit as error:
            raise unfit(error, number, len(req["TransactItems"])) from None
    answer = commit(call, req, actions)
    if token:
        finish(call, token, digest, actions)
    return answer


def action(call: Call, wanted: Any) -> Action:
    if len(wanted) != 1:
        raise errors.one_action_each()
    kind, part = next(iter(wanted.items()))
    return Action(kind, part, bind(part, UPDATE if kind == "Update" else CONDITION), find(call, part["TableName"]))


def commit(call: Call, req: Any, actions: list[Action]) -> dict[str, Any]:
    """Look at all, then write all; ConsumedCapacity and ItemCollectionMetrics."""
    if len({(a.layout.number, a.key) for a in actions}) < len(actions):
        raise errors.one_operation_an_item()
    reasons, size = [], 0
    for one in actions:
        strong.refuse_transaction(one.layout.table)
        try:
            one.prepare(call)
            reasons.append({"Code": "None"})
        except (AwsError, Invalid) as error:
            reasons.append(reason(error))
        size += one.size if one.kind == "Put" else values.measure_item(one.part["Key"])  # what the request says, not what it finds
        size += sum(values.measure(v) for v in one.bound.values.values())
    refuse(reasons)
    if size > MAX_BYTES:
        raise errors.transaction_too_large()
    units: dict[str, tuple[Layout, int, dict[str, int]]] = {}
    metrics: dict[str, list[Any]] = {}
    for number, one in enumerate(actions):
        try:
            took, taken = one.apply(call)
        except (AwsError, Invalid) as error:  # an index refuses: its capacity, a key of the wrong type
            reasons[number] = reason(error)
            refuse(reasons)
        name, layout = one.part["TableName"], one.layout
        _, before, by_index = units.get(name, (layout, 0, {}))
        units[name] = (layout, before + took, {n: by_index.get(n, 0) + taken.get(n, 0) for n in {**by_index, **taken}})
        if layout.has_local and req.get("ReturnItemCollectionMetrics") == "SIZE" and one.kind != "ConditionCheck":
            metrics.setdefault(name, []).append(indexes.collection_metrics(call, layout, one.part.get("Item") or one.part["Key"], one.key[0]))
    answer: dict[str, Any] = {}
    used = [capacities.consumed(req, layout, n, by_index, "Write", name) for name, (layout, n, by_index) in units.items()]
    if used and used[0] is not None:
        answer["ConsumedCapacity"] = used
    if metrics:
        answer["ItemCollectionMetrics"] = metrics
    return answer


def finish(call: Call, token: str, digest: bytes, actions: list[Action]) -> None:
    """Remember the token, and what reading the items again will be said to cost."""
    reads: dict[str, float] = {}
    for done in actions:
        name = done.part["TableName"]
        reads[name] = reads.get(name, 0) + 2 * capacity.read_units(done.size or (done.row.size if done.row else 0), True)
    call.sql("INSERT OR REPLACE INTO dynamodb_token VALUES (?,?,?,?,?,?)", call.account, call.region, token, call.now, digest, msgspec.json.encode(reads))


def digest_of(req: Any) -> bytes:
    return hashlib.sha256(msgspec.json.encode({k: v for k, v in req.items() if k != "ClientRequestToken"}, order="deterministic")).digest()


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


def unfit(error: Unfit, number: int, count: int) -> AwsError:
    """The first item or key that its table cannot have ends the transaction before anything else is looked at."""
    return errors.canceled([reason(error) if n == number else {"Code": "None"} for n in range(count)])


def refuse(reasons: list[dict[str, Any]]) -> None:
    if any(r["Code"] != "None" for r in reasons):
        raise errors.canceled(reasons)
