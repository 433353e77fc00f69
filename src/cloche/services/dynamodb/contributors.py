"""Contributor insights: which keys take the capacity of a table, and which are throttled, minute by minute. CloudWatch's rules report it; a table without them pays nothing.

PKC and SKC are the keys that are accessed most (partition key; partition and sort key), PKT and SKT those that are throttled most.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.kernel.pages import page

from . import errors, op, sealing
from . import errors_transfers as words
from . import service as dynamodb
from .tables import Insight, Table, by_table, find_named, policy

if TYPE_CHECKING:
    from .layouts import Layout

BOTH, THROTTLED = "ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"
KEPT_SECONDS = 15 * 86400
PAGE = 100

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_contribution (tbl INTEGER, kind TEXT, minute INTEGER, pk BLOB, sk BLOB, units REAL NOT NULL, PRIMARY KEY (tbl, kind, minute, pk, sk)) WITHOUT ROWID;
""")


def count(call: Call, layout: Layout, partition: bytes, sort: bytes | None, units: float) -> None:
    found = layout.table.insights.get("")
    if found is not None and found.mode == BOTH and units:
        _add(call, layout, "C", partition, sort, units)


def throttled(call: Call, layout: Layout, partition: bytes, sort: bytes | None) -> None:
    """The request is refused and its step taken back, so this is written after it."""
    if "" in layout.table.insights:
        number, moment = layout.number, int(call.now // 60 * 60)
        call.spawn(_after(call, number, moment, partition, sort))


async def _after(call: Call, number: int, moment: int, partition: bytes, sort: bytes | None) -> None:
    with call.step():
        _write(call, number, "T", moment, partition, sort or b"", 1.0)


def _add(call: Call, layout: Layout, kind: str, partition: bytes, sort: bytes | None, units: float) -> None:
    moment = int(call.now // 60 * 60)
    _write(call, layout.number, kind, moment, partition, sort or b"", units)
    if moment % 3600 == 0:
        call.sql("DELETE FROM dynamodb_contribution WHERE tbl=? AND kind=? AND minute<?", layout.number, kind, moment - KEPT_SECONDS)


def _write(call: Call, number: int, kind: str, moment: int, partition: bytes, sort: bytes, units: float) -> None:
    call.sql("INSERT INTO dynamodb_contribution VALUES (?,?,?,?,?,?) ON CONFLICT (tbl, kind, minute, pk, sk) DO UPDATE SET units = units + excluded.units", number, kind, moment, partition, sort, units)


# -- operations -----------------------------------------------------------------------------------------------------------


@op(resource=by_table, policy=policy, partly="of indexes nothing is counted yet")
def update_contributor_insights(call: Call, req: Any) -> Any:
    call, table = find_named(call, req["TableName"])
    index = checked(table, req.get("IndexName"))
    insights = dict(table.insights)
    if req["ContributorInsightsAction"] == "ENABLE":
        mode = req.get("ContributorInsightsMode", BOTH)
        old = insights.get(index)
        insights[index] = Insight(mode, old.since if old is not None and old.mode == mode else call.now)
        status = "ENABLING"
    else:
        insights.pop(index, None)
        status = "DISABLING"
        call.sql("DELETE FROM dynamodb_contribution WHERE tbl=?", table.number)
    call.put(table.but(insights=insights))
    shown: dict[str, Any] = {"TableName": table.name, "ContributorInsightsStatus": status}
    if index in insights:
        shown["ContributorInsightsMode"] = insights[index].mode
    return shown | ({"IndexName": index} if index else {})


def checked(table: Table, index: str | None) -> str:
    if (index and (found := table.index(index)) is None) or (index and found is not None and found.local):
        raise errors.no_index_named(table.name, index)
    return index or ""


@op(resource=by_table, policy=policy)
def describe_contributor_insights(call: Call, req: Any) -> Any:
    call, table = find_named(call, req["TableName"])
    index = checked(table, req.get("IndexName"))
    shown: dict[str, Any] = {"TableName": table.name, **({"IndexName": index} if index else {})}
    found = table.insights.get(index)
    if found is None:
        return shown | {"ContributorInsightsStatus": "DISABLED"}
    return shown | {"ContributorInsightsStatus": "ENABLED", "ContributorInsightsMode": found.mode, "LastUpdateDateTime": found.since, "ContributorInsightsRuleList": [name for name, _ in rules_of(table, index)]}


@op(resource=lambda call, req: by_table(call, req) if req.get("TableName") else "*")
def list_contributor_insights(call: Call, req: Any) -> Any:
    tables = [find_named(call, req["TableName"])[1]] if req.get("TableName") else sorted(call.all(Table), key=lambda one: one.name)
    every = [(table.name, index, found) for table in tables for index, found in sorted(table.insights.items())]
    chosen, more = page(every, req, lambda one: f"{one[0]}/{one[1]}", PAGE, words.bad_token)
    return {"ContributorInsightsSummaries": [{"TableName": name, **({"IndexName": index} if index else {}), "ContributorInsightsStatus": "ENABLED", "ContributorInsightsMode": found.mode}
                                             for name, index, found in chosen], **more}


# -- CloudWatch's rules ---------------------------------------------------------------------------------------------------


def rules_of(table: Table, index: str) -> list[tuple[str, str]]:
    """(name, kind) of the rules."""
    found = table.insights[index]
    schema = table.schema if not index else next(i.schema for i in table.indexes if i.name == index)
    kinds = [f"{what}{how}" for what in ("PK", *(("SK",) if len(schema) > 1 else ())) for how in ("T", *(("C",) if found.mode == BOTH else ()))]
    middle = f"{table.name}-{index}" if index else table.name
    return [(f"DynamoDBContributorInsights-{kind}-{middle}-{int(found.since * 1000)}", kind) for kind in sorted(kinds)]


def insight_rules(call: Call) -> list[tuple[str, str]]:
    """(name, definition) of all rules here."""
    out = []
    for table in call.of("dynamodb").all(Table):
        for index in table.insights:
            for name, kind in rules_of(table, index):
                keys = [k["AttributeName"] for k in table.schema][:1 if kind.startswith("PK") else 2]
                definition = {"Schema": {"Name": "DynamoDBContributorInsights", "Version": 1}, "TableName": table.name, "Contribution": {"Keys": keys, "ValueOf": "ConsumedThroughputUnits" if kind[2] == "C" else "ThrottleCount"},
                              "AggregateOn": "Sum"}
                out.append((name, json.dumps(definition)))
    return out


def contributions(call: Call, rule: str, start: float, end: float) -> tuple[list[str], list[tuple[int, tuple[str, ...], float]]]:
    """The labels of the keys, and (moment, keys, units) of the minutes in between."""
    here = call.of("dynamodb")
    for table in here.all(Table):
        kind = next((kind for name, kind in (rules_of(table, "") if "" in table.insights else ()) if name == rule), None)
        if kind is not None:
            names = [k["AttributeName"] for k in table.schema][:1 if kind.startswith("PK") else 2]
            rows = here.sql("SELECT minute, pk, sk, units FROM dynamodb_contribution WHERE tbl=? AND kind=? AND minute>=? AND minute<? ORDER BY minute", table.number, kind[2], int(start), int(end))
            known: dict[Any, tuple[str, ...]] = {}
            out = []
            for minute, pk, sk, units in rows:
                place = (pk, sk) if len(names) > 1 else (pk, b"")
                if place not in known:
                    known[place] = shown(here, table, pk, sk)[:len(names)]
                out.append((minute, known[place], units))
            return names, out
    return [], []


def shown(call: Call, table: Table, pk: bytes, sk: bytes) -> tuple[str, ...]:
    """A key as people write it: the item's own where it is still there, else what its bytes say."""
    from .layouts import layout
    from .rows import decode
    found = layout(call, table)
    row = call.row("SELECT body FROM dynamodb_item WHERE tbl=? AND pk=? AND sk=?", table.number, pk, sk)
    if row is None:
        types = {a["AttributeName"]: a["AttributeType"] for a in table.attributes}
        return tuple(raw.decode() if types[name] == "S" else raw.hex() for name, raw in zip(found.schema.names, (pk[4:], sk)))
    item = decode(sealing.open_(sealing.background(call), found, row[0]) if found.sealed else row[0])
    return tuple(str(next(iter(item[name].values()))) for name in found.schema.names if name)
