"""What the data plane wants to know of a table and its indexes, derived once from the record and kept as long as it."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.languages.dynamodb.composite import schema_of

from . import errors
from .tables import Index, Table, place


class IndexLayout:
    """An index as a write or a query wants it."""

    __slots__ = ("arn", "index", "local", "name", "number", "projected", "schema", "whole")

    def __init__(self, table: Table, index: Index, arn: str, types: dict[str, str]) -> None:
        self.index, self.name, self.number, self.local = index, index.name, index.number, index.local
        self.arn = f"{arn}/index/{index.name}"
        self.schema = schema_of(index.schema, types, index.name)
        self.whole = index.projection["ProjectionType"] == "ALL"
        keys = [*(k["AttributeName"] for k in table.schema), *self.schema.names]
        self.projected = frozenset(keys + index.projection.get("NonKeyAttributes", []))

    def shows(self, item: dict[str, Any]) -> dict[str, Any]:
        """The attributes of an item that are in this index."""
        return item if self.whole else {k: v for k, v in item.items() if k in self.projected}


class Layout:
    """What every request wants to know of a table, derived once from its record."""

    __slots__ = ("account", "arn", "by_name", "counted", "has_local", "indexes", "insights", "number", "plain", "region", "schema", "sealed", "table")

    def __init__(self, table: Table, arn: str, account: str, region: str) -> None:
        types = {a["AttributeName"]: a["AttributeType"] for a in table.attributes}
        self.table, self.arn, self.number, self.account, self.region = table, arn, table.number, account, region
        self.schema = schema_of(table.schema, types)
        self.indexes = [IndexLayout(table, i, arn, types) for i in table.indexes]
        self.by_name = {i.name: i for i in self.indexes}
        self.has_local = any(i.local for i in self.indexes)
        self.insights = bool(table.insights)
        self.counted = table.provisioned or bool(table.on_demand) or self.insights  # capacity has a limit, or somebody asks who takes it
        self.sealed = bool(table.table_key)
        self.plain = not (self.sealed or self.indexes or table.stream_view or table.ttl or table.recovery or table.replicas or table.destinations or self.counted)  # a write is a write


_layouts: dict[int, Layout] = {}  # by identity of the record, which the layout keeps alive


def layout(call: Call, table: Table) -> Layout:
    found = _layouts.get(id(table))
    if found is None:
        if len(_layouts) > 2000:
            _layouts.clear()
        found = Layout(table, call.arn(f"table/{table.name}"), call.account, call.region)
        if table.status == "ACTIVE":
            _layouts[id(table)] = found
    return found


def find(call: Call, name: str) -> Layout:
    """The table an item operation means."""
    table = call.get(Table, name)
    if table is None:
        call, name = place(call, name)
        table = call.get(Table, name)
        if table is None:
            raise errors.no_table()
    if table.status != "ACTIVE":
        raise errors.no_table()
    return _layouts.get(id(table)) or layout(call, table)
