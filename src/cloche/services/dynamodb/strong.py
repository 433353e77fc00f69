"""Global tables with strong consistency: three regions of one set, the third of which may be a mere witness.

Every write reaches all replicas in the same step anyway; what is here is what such a table may not have, and how it begins and ends.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import errors
from .tables import Table, counts

# regions of one set may be combined, those of different sets may not
SETS = ({"us-east-1", "us-east-2", "us-west-2"}, {"eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"}, {"ap-northeast-1", "ap-northeast-2", "ap-northeast-3"})


def change(call: Call, table: Table, req: Any) -> Table:
    """What UpdateTable asks of consistency and witness, before its replicas are made or removed."""
    replicas, witnesses = req.get("ReplicaUpdates") or [], req.get("GlobalTableWitnessUpdates") or []
    if table.consistency == "STRONG":
        return end(table, replicas, witnesses, req)
    if req.get("MultiRegionConsistency") != "STRONG":
        if witnesses:
            raise errors.parameter("A witness can only be part of a global table with multi-Region strong consistency")
        return table
    return begin(call, table, replicas, witnesses)


def begin(call: Call, table: Table, replicas: list[Any], witnesses: list[Any]) -> Table:
    if table.replicas:
        raise errors.parameter("The consistency mode of a global table cannot be changed after it was created")
    made = [u["Create"]["RegionName"] for u in replicas if "Create" in u]
    watched = [u["Create"]["RegionName"] for u in witnesses if "Create" in u]
    if len(made) != len(replicas) or len(watched) != len(witnesses) or (len(made), len(watched)) not in ((2, 0), (1, 1)):
        raise errors.parameter("A global table with multi-Region strong consistency needs exactly three Regions: three replicas, or two replicas and a witness")
    regions = [call.region, *made, *watched]
    if len(set(regions)) < 3 or not any(s.issuperset(regions) for s in SETS):
        raise errors.parameter(f"Regions {regions} cannot form a global table with multi-Region strong consistency")
    if counts(call, table.number)[0]:
        raise errors.parameter("The table must be empty to become a global table with multi-Region strong consistency")
    if any(i.local for i in table.indexes):
        raise errors.parameter("Local secondary indexes are not supported in global tables with multi-Region strong consistency")
    if table.ttl:
        raise errors.parameter("Time To Live is not supported in global tables with multi-Region strong consistency")
    return table.but(consistency="STRONG", witness=watched[0] if watched else "")


def end(table: Table, replicas: list[Any], witnesses: list[Any], req: Any) -> Table:
    """It stays as it is, or becomes a table of one region: all others go in one request."""
    if req.get("MultiRegionConsistency") == "EVENTUAL":
        raise errors.parameter("The consistency mode of a global table cannot be changed after it was created")
    if not replicas and not witnesses:
        return table
    gone = {u["Delete"]["RegionName"] for u in [*replicas, *witnesses] if "Delete" in u}
    if any("Create" in u for u in [*replicas, *witnesses]) or gone != {*table.replicas, *([table.witness] if table.witness else [])}:
        raise errors.parameter("Replicas cannot be added to or removed from a global table with multi-Region strong consistency one by one: remove all other Regions in one request")
    return table.but(consistency="", witness="")


def refuse_expiry(table: Table) -> None:
    if table.consistency == "STRONG":
        raise errors.invalid("Time To Live is not supported in global tables with multi-Region strong consistency")


def refuse_transaction(table: Table) -> None:
    if table.consistency == "STRONG":
        raise errors.invalid("Transactions are not supported in global tables with multi-Region strong consistency")


def describe(table: Table) -> dict[str, Any]:
    return {"MultiRegionConsistency": "STRONG"} | ({"GlobalTableWitnesses": [{"RegionName": table.witness, "WitnessStatus": "ACTIVE"}]} if table.witness else {})
