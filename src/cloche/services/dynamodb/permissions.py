"""What DynamoDB's operations tell IAM: leading keys, attributes, and how the answer is asked for.

The keys are computed only when a policy is looked at, which a root user's never is.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cloche.kernel import Call, Need
from cloche.languages.dynamodb import request as expressions
from cloche.languages.dynamodb.errors import Invalid

from .layouts import layout
from .tables import Table, place, policy, table_arn

KINDS = ("ProjectionExpression", "ConditionExpression", "UpdateExpression", "KeyConditionExpression", "FilterExpression")


class Asked(Mapping[str, Any]):
    """Condition keys that are worked out at the first look."""

    __slots__ = ("_args", "_find", "_found")

    def __init__(self, find: Callable[..., dict[str, Any]], *args: Any) -> None:
        self._find, self._args = find, args
        self._found: dict[str, Any] | None = None

    def _keys(self) -> dict[str, Any]:
        if self._found is None:
            self._found = self._find(*self._args)
        return self._found

    def __getitem__(self, key: str) -> Any:
        return self._keys()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())


def of_item(call: Call, req: Any) -> list[Need]:
    """The question of an operation on one table (or, for Query and Scan, on one index of it)."""
    name, entry = req["TableName"], call.entry
    table = call.cloud.store.table(Table, call.account, call.region).get(name)
    if table is not None:
        arn, rules = layout(call, table).arn, table.policy or None
    else:
        arn = table_arn(call, name)
        rules = policy(call, arn)
    assert entry is not None
    return [Need(entry.action, f"{arn}/index/{req['IndexName']}" if "IndexName" in req else arn, Asked(keys, call, name, req, call.op), rules)]


def inside(operation: str, call: Call, table: str, parts: list[Any]) -> Asked:
    """For the items of a batch or transaction that touch one table."""
    def find() -> dict[str, Any]:
        out: dict[str, Any] = {}
        for part in parts:
            for key, value in keys(call, table, part, "").items():
                if isinstance(value, list):
                    out[key] = sorted({*out.get(key, []), *value})
                else:
                    out[key] = value
        return out | {"dynamodb:EnclosingOperation": operation}
    return Asked(find)


def keys(call: Call, table_name: str, req: Any, operation: str) -> dict[str, Any]:
    at, name = place(call, table_name)
    table = at.get(Table, name)
    out: dict[str, Any] = {}
    attributes: set[str] = set()
    try:
        bound = expressions.bind({k: v for k, v in req.items() if k != "ConditionalOperator"}, KINDS)
    except Invalid:
        bound = expressions.Bound()  # the handler will say so
    for part in (bound.projection, bound.condition, bound.update, bound.filter):
        if part is not None:
            attributes |= part.attributes
    leading: list[Any] = []
    if table is not None:
        schema = table.schema
        if (index := table.index(req.get("IndexName", ""))) is not None:
            schema = index.schema
        first = schema[0]["AttributeName"]
        for item in [req.get("Key"), req.get("Item"), *(req.get("Keys") or [])]:
            if item:
                attributes |= item.keys()
                if first in item:
                    leading.append(text(item[first]))
        if bound.keys is not None:
            attributes |= bound.keys.keys()
            if first in bound.keys:
                leading.append(text(bound.keys[first][1][0]))
    if leading:
        out["dynamodb:LeadingKeys"] = sorted(set(leading))
    if attributes:
        out["dynamodb:Attributes"] = sorted(attributes)
    for member in ("Select", "ReturnValues", "ReturnConsumedCapacity"):
        if member in req:
            out[f"dynamodb:{member}"] = req[member]
    if operation == "Scan":
        out["dynamodb:FullTableScan"] = "true"
    return out


def text(value: dict[str, Any]) -> str:
    return next((str(x) for x in value.values()), "")
