"""UpdateTable: throughput, billing, indexes that come and go, streams, protection, class, encryption."""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call

from . import errors, indexes, op, replicas, schemas, sealing, streams, strong
from .tables import Index, Table, by_table, decreases_today, describe, discard, find_named, limits, new_index, policy, throughput

FREE_DECREASES, DECREASE_SECONDS = 4, 3600
CHANGES = ("ProvisionedThroughput", "BillingMode", "StreamSpecification", "GlobalSecondaryIndexUpdates", "SSESpecification", "TableClass",
           "DeletionProtectionEnabled", "OnDemandThroughput", "WarmThroughput", "ReplicaUpdates", "GlobalTableWitnessUpdates", "MultiRegionConsistency")


@op(resource=by_table, policy=policy, partly="no vector indexes")
def update_table(call: Call, req: Any) -> Any:
    call, table = find_named(call, req["TableName"])
    if not any(name in req for name in CHANGES) or req.get("GlobalSecondaryIndexUpdates") == []:
        raise errors.nothing_to_update()
    if table.status != "ACTIVE":
        raise errors.table_busy(table.name, table.status)
    schemas.check_stream(req.get("StreamSpecification"))
    table = strong.change(call, table, req)
    shared = {name: req[name] for name in ("BillingMode", "ProvisionedThroughput", "GlobalSecondaryIndexUpdates", "AttributeDefinitions") if name in req}
    for at, there in replicas.members(call, table) if shared else []:
        at.put(change_shared(at, there, shared))
    table = change_shared(call, table, req)
    if stream := req.get("StreamSpecification"):
        table = streams.change(call, table, stream)
    if "DeletionProtectionEnabled" in req:
        table = table.but(protected=req["DeletionProtectionEnabled"])
    if "TableClass" in req:
        table = table.but(table_class=req["TableClass"], table_class_since=call.now)
    if "SSESpecification" in req:
        table = sealing.change(call, table, req["SSESpecification"])
    if "WarmThroughput" in req:
        table = table.but(warm=req["WarmThroughput"])
    if "ReplicaUpdates" in req:
        table = replicas.change(call, table, req["ReplicaUpdates"])
    call.put(table)
    return {"TableDescription": describe(call, table, status="UPDATING")}


def change_shared(call: Call, table: Table, req: Any) -> Table:
    """What all replicas of a global table have in common."""
    table = change_capacity(call, table, req)
    updates = req.get("GlobalSecondaryIndexUpdates") or []
    if sum("Create" in u or "Delete" in u for u in updates) > 1:
        raise errors.one_index_at_a_time()
    for wanted in updates:
        table = change_indexes(call, table, req, wanted)
    return table


def change_capacity(call: Call, table: Table, req: Any) -> Table:
    billing, given = req.get("BillingMode", table.billing), req.get("ProvisionedThroughput")
    if billing == "PAY_PER_REQUEST":
        if given:
            raise errors.parameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
        if not table.on_demand_since or table.billing != billing:
            table = table.but(billing=billing, throughput=(0, 0), on_demand_since=call.now,
                              indexes=[msgspec.structs.replace(i, throughput=(0, 0)) for i in table.indexes])
        if "OnDemandThroughput" in req:
            table = table.but(on_demand=limits((table.on_demand or {}) | req["OnDemandThroughput"]))
        return table
    if "OnDemandThroughput" in req:
        raise errors.parameter("OnDemandThroughput cannot be specified when BillingMode is PROVISIONED")
    if table.billing != billing:
        if not given:
            raise errors.parameter("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
        return table.but(billing=billing, throughput=throughput(req), on_demand=None, increased=call.now)
    if not given:
        return table
    schemas.check_units(given)
    new, old = throughput(req), table.throughput
    if new == old and "GlobalSecondaryIndexUpdates" not in req:
        raise errors.throughput_unchanged(*old)
    if new[0] > old[0] or new[1] > old[1]:
        table = table.but(increased=call.now)
    if new[0] < old[0] or new[1] < old[1]:
        today = decreases_today(call, table)
        if today >= FREE_DECREASES and call.now < table.decreased + DECREASE_SECONDS:
            raise errors.too_many_decreases()
        table = table.but(decreased=call.now, decreases=today + 1)
    return table.but(throughput=new)


def change_indexes(call: Call, table: Table, req: Any, wanted: Any) -> Table:
    if len(wanted) != 1:
        raise errors.parameter("One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must be specified"
                               if not wanted else "Only one global secondary index update per index is allowed simultaneously.")
    if create := wanted.get("Create"):
        return create_index(call, table, req, create)
    name = (wanted.get("Update") or wanted["Delete"])["IndexName"]
    index = table.index(name)
    if index is None or index.local:
        raise errors.no_index_to_change(name)
    if "Delete" in wanted:
        discard(call, [index.number])
        return table.but(indexes=[i for i in table.indexes if i.name != name])
    return update_index(table, index, wanted["Update"])


def create_index(call: Call, table: Table, req: Any, spec: Any) -> Table:
    if table.index(spec["IndexName"]):
        raise errors.index_exists()
    if any(i.status == "CREATING" for i in table.indexes):
        raise errors.one_index_at_a_time()
    if sum(not i.local for i in table.indexes) >= schemas.MAX_GLOBAL:
        raise errors.parameter("GlobalSecondaryIndex count exceeds the per-table limit of 20")
    types = {a["AttributeName"]: a["AttributeType"] for a in table.attributes}
    given = schemas.check_definitions(req.get("AttributeDefinitions") or [])
    schemas.check_defined(spec["KeySchema"], given)  # again, even what the table has defined already
    for name, type_ in given.items():
        if types.setdefault(name, type_) != type_:
            raise errors.attribute_redefined(name, types[name], type_)
    used = {k["AttributeName"] for i in [table.schema, *(i.schema for i in table.indexes)] for k in i}
    schemas.check_index(spec, types, used)
    schemas.check_index_billing(spec, not table.provisioned)
    index = new_index(call, spec, status="CREATING")
    call.wake(indexes.backfill, f"{table.name}/{index.name}/{index.number}")
    return table.but(indexes=[*table.indexes, index], attributes=[{"AttributeName": n, "AttributeType": t} for n, t in types.items() if n in used])


def update_index(table: Table, index: Index, wanted: Any) -> Table:
    new = index
    if given := wanted.get("ProvisionedThroughput"):
        if not table.provisioned:
            raise errors.parameter(f"ProvisionedThroughput should not be specified for index: {index.name} when BillingMode is PAY_PER_REQUEST")
        schemas.check_units(given)
        new = msgspec.structs.replace(new, throughput=throughput(wanted))
        if new == index:
            raise errors.throughput_unchanged(*index.throughput, f"index {index.name}")
    if given := wanted.get("OnDemandThroughput"):
        new = msgspec.structs.replace(new, on_demand=limits((index.on_demand or {}) | given))
    return table.but(indexes=[new if i.name == index.name else i for i in table.indexes])
