"""A new table out of old rows: the copy is made at once, the indexes are filled behind it, and only then is the table active."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import errors, indexes, schemas, sealing
from . import service as dynamodb
from .layouts import layout
from .tables import Index, Table, describe, limits, new_index, new_number, place, throughput

ROWS = 500


def copy(call: Call, source: int, target: int) -> None:
    call.sql("INSERT INTO dynamodb_item (tbl, pk, sk, size, body) SELECT ?, pk, sk, size, body FROM dynamodb_item WHERE tbl=?", target, source)


def change_key(call: Call, source: Table, there: Call, target: Table) -> None:
    """The copied rows of the target lie under the source's table key: from here on under its own."""
    if source.table_key or target.table_key:
        before, after = (sealing.key_of(at, at.account, at.region, table.name, table.table_key) if table.table_key else None for at, table in ((call, source), (there, target)))
        sealing.recode(call, "dynamodb_item", "tbl", "id", target.number, before, after)


def rewind(call: Call, source: int, target: int, moment: float) -> None:
    """Put back what changed since: for each key, what its first later change found there."""
    for pk, sk, size, body, _ in call.sql("SELECT pk, sk, size, body, min(seq) FROM dynamodb_past WHERE tbl=? AND at>? GROUP BY pk, sk", source, moment):
        call.sql("DELETE FROM dynamodb_item WHERE tbl=? AND pk=? AND sk=?", target, pk, sk)
        if body is not None:
            call.sql("INSERT INTO dynamodb_item (tbl, pk, sk, size, body) VALUES (?,?,?,?,?)", target, pk, sk, size, body)


def begin(call: Call, req: Any, source: Table, number: int, summary: dict[str, Any], moment: float | None = None) -> dict[str, Any]:
    """Streams, expiry, tags, policies and recovery are not restored; capacity and indexes may be chosen anew."""
    call, name = place(call, req["TargetTableName"])
    if call.get(Table, name):
        raise errors.target_exists(name)
    billing = req.get("BillingModeOverride", source.billing)
    capacity = {"BillingMode": billing, "ProvisionedThroughput": req.get("ProvisionedThroughputOverride")}
    units = throughput(capacity) if capacity["ProvisionedThroughput"] else source.throughput
    if billing == "PROVISIONED" and not units[0]:
        raise errors.parameter("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
    target = Table(
        name=name, number=new_number(call), id=call.uuid(), created=call.now, attributes=source.attributes, schema=source.schema, billing=billing,
        throughput=units if billing == "PROVISIONED" else (0, 0), on_demand=limits(req.get("OnDemandThroughputOverride")) or source.on_demand,
        on_demand_since=call.now if billing == "PAY_PER_REQUEST" else 0, indexes=chosen(call, req, source, billing), status="CREATING",
        sse=sealing.specified(call, req["SSESpecificationOverride"]) if "SSESpecificationOverride" in req else source.sse, table_class=source.table_class, restored=summary)
    target = call.put(sealing.with_key(call, target))
    copy(call, number, target.number)
    if moment is not None:
        rewind(call, number, target.number, moment)
    change_key(call, source, call, target)
    call.wake(fill, f"{name}/{target.number}")
    return {"TableDescription": describe(call, target)}


def chosen(call: Call, req: Any, source: Table, billing: str) -> list[Index]:
    """The source's indexes, or those of them that the request names."""
    out = []
    for member, local in (("LocalSecondaryIndexOverride", True), ("GlobalSecondaryIndexOverride", False)):
        there = {i.name: i for i in source.indexes if i.local is local}
        wanted = req.get(member)
        for spec in wanted if wanted is not None else [{"IndexName": name} for name in there]:
            index = there.get(spec["IndexName"])
            if index is None:
                raise errors.parameter(f"Index {spec['IndexName']} is not part of the source table")
            if not local and billing == "PAY_PER_REQUEST" and "ProvisionedThroughput" in spec:
                schemas.check_index_billing(spec, True)
            made = new_index(call, {"IndexName": index.name, "KeySchema": index.schema, "Projection": index.projection, "ProvisionedThroughput": spec.get("ProvisionedThroughput")}, local)
            units = made.throughput if made.throughput[0] else index.throughput
            out.append(Index(name=made.name, number=made.number, schema=made.schema, projection=made.projection, local=local,
                             throughput=units if billing == "PROVISIONED" else (0, 0), on_demand=index.on_demand))
    return out


@dynamodb.worker
async def fill(call: Call, key: str) -> None:
    """Entries for every row of the new table, a few at a time; then it is active."""
    from .rows import decode
    name, number = key.rsplit("/", 1)
    at = (b"", b"")
    while True:
        with call.step():
            table = call.get(Table, name)
            if table is None or str(table.number) != number or table.status != "CREATING":
                return
            found = layout(call, table)
            rows = call.sql("SELECT id, size, pk, sk, body FROM dynamodb_item WHERE tbl=? AND (pk, sk) > (?, ?) ORDER BY pk, sk LIMIT ?", table.number, *at, ROWS) if found.indexes else []
            for row_id, size, pk, sk, body in rows:
                item = decode(sealing.open_(sealing.background(call), found, body) if found.sealed else body)
                for index in found.indexes:
                    if (place_ := indexes.misfit(index, item)) is not None:
                        indexes.enter(call, index, place_, (pk, sk), row_id, size if index.whole else indexes.size_in(index, item))
                at = (pk, sk)
            if len(rows) < ROWS:
                if found.has_local:
                    indexes.weigh_collections(call, found)
                call.put(table.but(status="ACTIVE"))
                return
        await call.turn()
