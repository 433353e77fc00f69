"""Global tables (2019.11.21): the same table in several regions, each written everywhere.

All regions live in one process, so a write reaches every replica in the same step: eventual consistency with no delay, and
the last writer wins because writes have one order.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call
from cloche.languages.dynamodb.values import Item

from . import errors, expiry, restoring, sealing, streams, strong
from .layouts import Layout, layout
from .tables import Table, drop, new_number

VERSION = "2019.11.21"
IMAGES = "NEW_AND_OLD_IMAGES"


def members(call: Call, table: Table) -> list[tuple[Call, Table]]:
    """The other replicas, each with a call that stands in its region."""
    found = [(at, at.get(Table, table.name)) for at in (call.at(call.account, region) for region in table.replicas)]
    return [(at, there) for at, there in found if there is not None]


def send(call: Call, source: Layout, key: tuple[bytes, bytes], item: Item | None, size: int) -> None:
    """Bring a write (None: a deletion) to the other regions."""
    from . import rows
    for at, table in members(call.at(source.account, source.region), source.table):
        there = layout(at, table)
        if there.sealed:
            at = sealing.background(at)
        row = rows.read(at, there, key)
        if item is not None:
            rows.put(at, there, key, row, item, size, here=False)
        elif row is not None:
            rows.delete(at, there, key, row, here=False)


def change(call: Call, table: Table, updates: list[Any]) -> Table:
    """UpdateTable's ReplicaUpdates."""
    for wanted in updates:
        if len(wanted) != 1:
            raise errors.parameter("Exactly one of Create, Update or Delete must be specified in a ReplicaUpdate")
        kind, spec = next(iter(wanted.items()))
        region = spec["RegionName"]
        if region == call.region:
            raise errors.local_replica()
        if kind == "Create":
            table = create(call, table, region, spec)
        elif region not in table.replicas:
            raise errors.no_replica(region)
        elif kind == "Delete":
            table = remove(call, table, region)
        else:
            at = call.at(call.account, region)
            there = at.get(Table, table.name)
            if there is not None:
                at.put(there.but(**overrides(spec, there)))
    return table


def create(call: Call, table: Table, region: str, spec: Any) -> Table:
    at = call.at(call.account, region)
    if region in table.replicas or at.get(Table, table.name):
        raise errors.replica_exists(table.name)
    if table.consistency != "STRONG" and not table.stream_view:
        table = streams.enable(call, table, {"StreamViewType": IMAGES})
    elif table.stream_view and table.stream_view != IMAGES:
        raise errors.parameter("A global table needs a stream with NEW_AND_OLD_IMAGES")
    others = [call.region, *table.replicas]
    new = table.but(number=new_number(call), id=call.uuid(), created=call.now, status="CREATING", replicas=others, stream_view="", stream_label="", tags={}, policy="", recovery=0,
                    policy_revision="", protected=False, indexes=[msgspec.structs.replace(i, number=new_number(call), status="ACTIVE", backfilling=False) for i in table.indexes])
    sse = sealing.specified(at, {"Enabled": bool(table.sse), "KMSMasterKeyId": spec.get("KMSMasterKeyId")})
    new = sealing.with_key(at, new.but(sse=sse))
    new = new.but(**overrides(spec, new))
    if table.stream_view:
        new = streams.enable(at, new, {"StreamViewType": IMAGES})
    at.put(new)
    restoring.copy(call, table.number, new.number)
    restoring.change_key(call, table, at, new)
    at.wake(restoring.fill, f"{new.name}/{new.number}")
    if new.ttl:
        at.wake(expiry.gather, f"{new.name}/{new.number}")
    for peer, there in members(call, table):
        peer.put(there.but(replicas=[*there.replicas, region]))
    return table.but(replicas=[*table.replicas, region])


def overrides(spec: Any, table: Table) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if units := (spec.get("ProvisionedThroughputOverride") or {}).get("ReadCapacityUnits"):
        out["throughput"] = (units, table.throughput[1])
    if "TableClassOverride" in spec:
        out["table_class"] = spec["TableClassOverride"]
    return out


def remove(call: Call, table: Table, region: str) -> Table:
    at = call.at(call.account, region)
    there = at.get(Table, table.name)
    if there is not None:
        drop(at, there)
    for peer, other in members(call, table.but(replicas=[r for r in table.replicas if r != region])):
        peer.put(other.but(replicas=[r for r in other.replicas if r != region]))
    return table.but(replicas=[r for r in table.replicas if r != region])


def leave(call: Call, table: Table) -> None:
    """The table is deleted here; the others go on without it."""
    for peer, other in members(call, table):
        peer.put(other.but(replicas=[r for r in other.replicas if r != call.region]))


def describe(call: Call, table: Table) -> dict[str, Any]:
    """The replica in the region that is asked is not listed."""
    found = [{"RegionName": at.region, "ReplicaStatus": there.status} | ({"ReplicaTableClassSummary": {"TableClass": there.table_class}} if there.table_class else {})
             | ({"GlobalSecondaryIndexes": [{"IndexName": i.name} for i in there.indexes if not i.local]} if any(not i.local for i in there.indexes) else {})
             for at, there in members(call, table)]
    kind = strong.describe(table) if table.consistency == "STRONG" else {"MultiRegionConsistency": "EVENTUAL"}
    return {"Replicas": found, "GlobalTableVersion": VERSION, **kind} if found else {}
