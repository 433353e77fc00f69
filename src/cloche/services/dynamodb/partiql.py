"""PartiQL: a statement becomes the query, scan or single write that it means, and is run by the same functions.

An UPDATE is a conditional update of an item that is there; an INSERT a put where nothing is.
"""
from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call, Need
from cloche.languages.dynamodb import conditions, keyconditions, updates
from cloche.languages.dynamodb.errors import Invalid
from cloche.languages.dynamodb.paths import projector, read
from cloche.languages.dynamodb.request import Bound
from cloche.languages.dynamodb.scope import Compiled, Scope
from cloche.languages.partiql import errors as words
from cloche.languages.partiql import plan
from cloche.languages.partiql.statements import Delete, Exists, Insert, Select, Statement, Update, parse

from . import capacities, errors, op, queries, transactions
from .items import out
from .layouts import IndexLayout, Layout, find
from .permissions import Asked, text
from .rows import decode
from .tables import policy, table_arn
from .transactions import Action

MAX_BATCH = 25
ACTIONS = {Select: "PartiQLSelect", Insert: "PartiQLInsert", Update: "PartiQLUpdate", Delete: "PartiQLDelete", Exists: "PartiQLSelect"}
CODES = transactions.CODES | {"DuplicateItemException": "DuplicateItem", "ResourceNotFoundException": "ResourceNotFound", "AccessDeniedException": "AccessDenied"}


# -- permission ---------------------------------------------------------------------------------------------------------

def need(call: Call, statement: Statement) -> Need:
    inner = statement.select if isinstance(statement, Exists) else statement
    arn = table_arn(call, inner.table)
    resource = f"{arn}/index/{inner.index}" if isinstance(inner, Select) and inner.index else arn
    return Need(f"dynamodb:{ACTIONS[type(statement)]}", resource, Asked(keys, call, inner), policy(call, arn))


def keys(call: Call, statement: Any) -> dict[str, Any]:
    """Condition keys: which partitions it names, and whether it looks at the whole table."""
    try:
        layout = find(call, statement.table)
    except AwsError:
        return {}
    if isinstance(statement, Insert):
        return {"dynamodb:LeadingKeys": [text(statement.item[layout.schema.hash])]} if layout.schema.hash in statement.item else {}
    schema = layout.by_name[statement.index].schema if isinstance(statement, Select) and statement.index in layout.by_name else layout.schema
    asked = plan.partitions(statement.where, schema)
    if asked is None:
        return {"dynamodb:FullTableScan": "true"} if isinstance(statement, Select) else {}
    return {"dynamodb:FullTableScan": "false", "dynamodb:LeadingKeys": [text(c[schema.hash][1][0]) for c in asked[0]]}


def read_statement(req: Any) -> Statement:
    try:
        return parse(req["Statement"], req.get("Parameters"))
    except Invalid as error:
        raise errors.invalid(error.message) from None


def needs_one(call: Call, req: Any) -> list[Need]:
    return [need(call, read_statement(req))]


def needs_transaction(call: Call, req: Any) -> list[Need]:
    return [need(call, read_statement(one)) for one in req["TransactStatements"]]


# -- operations ---------------------------------------------------------------------------------------------------------

@op(needs=needs_one)
def execute_statement(call: Call, req: Any) -> Any:
    statement = read_statement(req)
    if isinstance(statement, Exists):
        raise errors.only_in_transactions()
    if isinstance(statement, Select):
        return select(call, req, statement)
    action = write(call, req, statement)
    answer, took, taken = perform(call, action)
    if (used := capacities.consumed(req, action.layout, took, taken, name=statement.table)) is not None:
        answer["ConsumedCapacity"] = used
    return answer


def needs_batch(call: Call, req: Any) -> list[Need]:
    """Each statement is asked about when its turn comes: one that may not run is an error in its own place."""
    return []


@op(needs=needs_batch)
def batch_execute_statement(call: Call, req: Any) -> Any:
    responses: list[dict[str, Any]] = []
    units: dict[str, tuple[Layout, float, dict[str, float]]] = {}
    for one in req["Statements"]:
        response: dict[str, Any] = {}
        try:
            with call.step():
                statement = read_statement(one)
                permit(call, statement)
                if isinstance(statement, Exists):
                    raise errors.only_in_transactions()
                response["TableName"] = statement.table
                layout = find(call, statement.table)
                if isinstance(statement, Select):
                    answer = get(call, one | {"ReturnConsumedCapacity": "TOTAL"}, statement)
                    took, taken = answer["ConsumedCapacity"]["CapacityUnits"], {}
                else:
                    answer, took, taken = perform(call, write(call, one, statement))
                if answer.get("Items"):
                    response["Item"] = answer["Items"][0]
                _, before, by_index = units.get(statement.table, (layout, 0.0, {}))
                units[statement.table] = (layout, before + took, {n: by_index.get(n, 0) + taken.get(n, 0) for n in {**by_index, **taken}})
        except (AwsError, Invalid) as error:
            code = "ValidationError" if isinstance(error, Invalid) else CODES.get(error.code, "InternalServerError")
            response["Error"] = {"Code": code, "Message": error.message}
            if isinstance(error, AwsError) and "Item" in error.extra:
                response["Error"]["Item"] = error.extra["Item"]
        responses.append(response)
    answer = {"Responses": responses}
    used = [capacities.consumed(req, layout, n, by_index, name=name) for name, (layout, n, by_index) in units.items()]
    if used and used[0] is not None:
        answer["ConsumedCapacity"] = used
    return answer


def permit(call: Call, statement: Statement) -> None:
    wanted = need(call, statement)
    call.require(wanted.action, wanted.resource, wanted.context, wanted.policy)


@op(needs=needs_transaction)
def execute_transaction(call: Call, req: Any) -> Any:
    statements = [read_statement(one) for one in req["TransactStatements"]]
    if all(isinstance(s, Select) for s in statements):
        return read_all(call, req, statements)
    if any(isinstance(s, Select) for s in statements):
        raise errors.reads_or_writes()
    token, digest = req.get("ClientRequestToken"), b""
    if token:
        digest = transactions.digest_of(req)
        if (done := transactions.repeated(call, req, token, digest)) is not None:
            return done
    actions = [check(call, one, s) if isinstance(s, Exists) else write(call, one, s) for one, s in zip(req["TransactStatements"], statements, strict=True)]
    answer = transactions.commit(call, req, actions)
    if token:
        transactions.finish(call, token, digest, actions)
    return answer


def read_all(call: Call, req: Any, statements: list[Any]) -> dict[str, Any]:
    responses = []
    units: dict[str, float] = {}
    for statement in statements:
        answer = get(call, {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}, statement)
        responses.append({"Item": answer["Items"][0]} if answer["Items"] else {})
        units[statement.table] = units.get(statement.table, 0) + 2 * answer["ConsumedCapacity"]["CapacityUnits"]
    out: dict[str, Any] = {"Responses": responses}
    used = [capacities.consumed(req, find(call, name), n, direction="Read", name=name) for name, n in units.items()]
    if used[0] is not None:
        out["ConsumedCapacity"] = used
    return out


# -- reading ------------------------------------------------------------------------------------------------------------

def get(call: Call, req: Any, statement: Select) -> dict[str, Any]:
    """A SELECT of one item, by its whole key."""
    layout = find(call, statement.table)
    try:
        plan.one_item(statement.where or ("and", ("none",), ("none",)), layout.schema)
    except Invalid:
        raise errors.one_item_each() from None
    return select(call, req, statement)


def select(call: Call, req: Any, statement: Select) -> dict[str, Any]:
    layout = find(call, statement.table)
    inner: dict[str, Any] = {"TableName": statement.table, "ReturnConsumedCapacity": req.get("ReturnConsumedCapacity", "NONE")}
    inner |= {name: req[name] for name in ("ConsistentRead",) if name in req}
    if statement.index:
        inner["IndexName"] = statement.index
    index = queries.index_of(layout, inner)
    schema = index.schema if index else layout.schema
    asked = plan.partitions(statement.where, schema)
    rest = statement.where if asked is None else asked[1]
    bound = Bound()
    bound.filter = conditions.of_tree("FilterExpression", rest, {}) if rest is not None else None
    bound.projection = shown(statement)
    order(inner, statement, schema, asked is not None)
    number, start = place(req.get("NextToken"))
    spaces: list[Any] = [None] if asked is None else asked[0]
    return pages(call, req, inner, layout, index, bound, spaces, number, start)


def pages(call: Call, req: Any, inner: dict[str, Any], layout: Layout, index: IndexLayout | None, bound: Bound, spaces: list[Any], number: int, start: Any) -> dict[str, Any]:
    """One page through the partitions in turn; the token says which one, and where in it."""
    items: list[Any] = []
    used: list[dict[str, Any]] = []
    left = req.get("Limit", 0)
    token = last = None
    for n in range(number, len(spaces)):
        asked = inner | ({"Limit": left} if left else {}) | ({"ExclusiveStartKey": start} if start else {})
        schema = index.schema if index else layout.schema
        page = queries.everything(call, asked, layout, index, bound) if spaces[n] is None else \
            queries.partition(call, asked, layout, index, bound, keyconditions.bounds(spaces[n], schema))
        items += page["Items"]
        if "ConsumedCapacity" in page:
            used.append(page["ConsumedCapacity"])
        start = page.get("LastEvaluatedKey")
        if start:
            token, last = (n, start), start
            break
        if left:
            left -= page["ScannedCount"]
            if left <= 0 and n + 1 < len(spaces):
                token = (n + 1, None)
                break
    answer: dict[str, Any] = {"Items": items}
    if token:
        answer["NextToken"] = base64.b64encode(msgspec.json.encode(token)).decode()
    if last:
        answer["LastEvaluatedKey"] = last
    if used:
        answer["ConsumedCapacity"] = used[0] | {"CapacityUnits": sum(u["CapacityUnits"] for u in used)}
    return answer


def shown(statement: Select) -> Compiled | None:
    """SELECT a.b shows the value under the path's last name."""
    if statement.paths is None:
        return None
    scope = Scope("Projection", {})
    scope.paths.extend(statement.paths)
    named = [(str(p[-1]) if isinstance(p[-1], str) else f"{p[-2]}[{p[-1]}]", p) for p in statement.paths]
    if all(len(p) == 1 for p in statement.paths):
        return Compiled(projector(statement.paths), scope)
    return Compiled(lambda item: {name: value for name, path in named if (value := read(item, path)) is not None}, scope)


def order(inner: dict[str, Any], statement: Select, schema: Any, partitioned: bool) -> None:
    for name, descending in statement.order:
        if name not in schema.names:
            raise words.order_not_key(name)
        if not partitioned:
            raise words.order_without_hash()
        if name == schema.range:
            inner["ScanIndexForward"] = not descending


def place(token: str | None) -> tuple[int, Any]:
    if not token:
        return 0, None
    try:
        number, key = msgspec.json.decode(base64.b64decode(token, validate=True), type=tuple[int, dict[str, dict[str, str]] | None])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise errors.next_token() from None
    return number, key


# -- writing ------------------------------------------------------------------------------------------------------------

def write(call: Call, req: Any, statement: Statement) -> Action:
    """The single write that a statement is."""
    assert isinstance(statement, Insert | Update | Delete)
    layout = find(call, statement.table)
    part: dict[str, Any] = {"TableName": statement.table, "ReturnValuesOnConditionCheckFailure": req.get("ReturnValuesOnConditionCheckFailure", "NONE")}
    bound = Bound()
    here = ("call", "attribute_exists", (("literal-path", (layout.schema.hash,)),))
    if isinstance(statement, Insert):
        bound.condition = conditions.of_tree("ConditionExpression", ("call", "attribute_not_exists", here[2]), {})
        return Action("Put", part | {"Item": statement.item, "insert": True}, bound, layout)
    key, rest = plan.one_item(statement.where, layout.schema)
    part |= {"Key": key, "returning": statement.returning}
    if isinstance(statement, Update):
        bound.update = updates.of_actions(statement.actions, {})
        bound.condition = conditions.of_tree("ConditionExpression", here if rest is None else ("and", here, rest), {})
        return Action("Update", part, bound, layout)
    bound.condition = conditions.of_tree("ConditionExpression", rest, {}) if rest is not None else None
    return Action("Delete", part, bound, layout)


def check(call: Call, req: Any, statement: Exists) -> Action:
    """EXISTS(SELECT ...) of one item: a condition check."""
    layout = find(call, statement.select.table)
    key, rest = plan.one_item(statement.select.where or ("and", ("none",), ("none",)), layout.schema)
    here = ("call", "attribute_exists", (("literal-path", (layout.schema.hash,)),))
    bound = Bound()
    bound.condition = conditions.of_tree("ConditionExpression", here if rest is None else ("and", here, rest), {})
    return Action("ConditionCheck", {"TableName": statement.select.table, "Key": key,
                                     "ReturnValuesOnConditionCheckFailure": req.get("ReturnValuesOnConditionCheckFailure", "NONE")}, bound, layout)


def perform(call: Call, action: Action) -> tuple[dict[str, Any], float, dict[str, Any]]:
    """Do it by itself: (answer, units, units of indexes)."""
    try:
        action.prepare(call)
    except AwsError as error:
        if action.part.get("insert") and error.code == "ConditionalCheckFailedException":
            raise errors.duplicate_item() from None
        raise
    took, taken = action.apply(call, price=1)
    answer: dict[str, Any] = {}
    row, which = action.row, action.part.get("returning", "")
    show = action.bound.update.show if action.bound.update else None
    if which == "ALL OLD" and row:
        answer["Items"] = [out(call, row.body)]
    elif which == "MODIFIED OLD" and row and show:
        answer["Items"] = [show(decode(row.body))]
    elif which == "ALL NEW":
        answer["Items"] = [action.item]
    elif which == "MODIFIED NEW" and show:
        answer["Items"] = [show(action.item)]
    return answer, took, taken
