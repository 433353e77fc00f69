"""Tables: what a person made. The record holds the settings; items, entries and stream records are rows of their own.

A table has a number as well as a name. Rows belong to the number, so a table deleted and made anew is empty at once, and
the old rows are purged behind its back.
"""
from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from cloche.kernel import Call, Record

from . import errors, op, schemas, sealing
from . import service as dynamodb

MAX_LIST = 100
PURGE_ROWS = 2000
NAME = re.compile(r"[a-zA-Z0-9_.-]+")

# Counts are kept by the database itself: one row a table or index, touched only when a size changes.
dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_number (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS dynamodb_count (id INTEGER PRIMARY KEY, items INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
""")


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """A secondary index. A local one shares the table's hash key and capacity."""

    name: str
    number: int
    schema: list[dict[str, str]]
    projection: dict[str, Any]
    local: bool = False
    throughput: tuple[int, int] = (0, 0)
    on_demand: dict[str, int] | None = None
    status: str = "ACTIVE"
    backfilling: bool = False


class Destination(msgspec.Struct, frozen=True):
    """A Kinesis stream that gets the table's changes."""

    stream: str
    status: str
    since: float
    precision: str = "MILLISECOND"


class Insight(msgspec.Struct, frozen=True):
    mode: str      # ACCESSED_AND_THROTTLED_KEYS, THROTTLED_KEYS
    since: float   # also in the names of its rules


class Table(Record, frozen=True, omit_defaults=True):
    kind = "dynamodb.table"

    name: str
    number: int
    id: str
    created: float
    attributes: list[dict[str, str]]
    schema: list[dict[str, str]]
    billing: str = "PROVISIONED"
    throughput: tuple[int, int] = (0, 0)
    on_demand: dict[str, int] | None = None
    on_demand_since: float = 0
    increased: float = 0
    decreased: float = 0
    decreases: int = 0  # on the day of `decreased`
    indexes: list[Index] = []
    status: str = "ACTIVE"
    stream_view: str = ""
    stream_label: str = ""
    ttl: str = ""
    tags: dict[str, str] = {}
    protected: bool = False
    table_class: str = ""
    table_class_since: float = 0
    sse: dict[str, str] | None = None
    table_key: bytes = b""  # under the KMS key that `sse` names; the rows lie under it (see sealing.py)
    warm: dict[str, int] | None = None
    policy: str = ""
    policy_revision: str = ""
    recovery: float = 0  # since when it can be restored to any second; 0: it cannot
    recovery_days: int = 35
    replicas: list[str] = []  # the other regions of a global table
    consistency: str = ""  # STRONG: see strong.py
    witness: str = ""
    restored: dict[str, Any] | None = None  # RestoreSummary
    destinations: list[Destination] = []
    insights: dict[str, Insight] = {}  # contributor insights: of the table (""), of an index by its name

    @property
    def key(self) -> str:
        return self.name

    @property
    def provisioned(self) -> bool:
        return self.billing == "PROVISIONED"

    def index(self, name: str) -> Index | None:
        return next((i for i in self.indexes if i.name == name), None)


def place(call: Call, name: str) -> tuple[Call, str]:
    """Where a TableName points: it may be an ARN, of another account too."""
    if name.startswith("arn:"):
        account, region, name = owner(name)
        if (account, region) != (call.account, call.region):
            return call.at(account, region), name
    elif not 3 <= len(name) <= 255:
        raise errors.name_length()
    elif not NAME.fullmatch(name):
        raise errors.name_pattern(name, "tableName")
    return call, name


def find_named(call: Call, name: str) -> tuple[Call, Table]:
    """The table a table operation means; its error names it."""
    call, name = place(call, name)
    table = call.get(Table, name)
    if table is None:
        raise errors.no_table_named(name)
    return call, table


def table_arn(call: Call, name: str) -> str:
    return name if name.startswith("arn:") else call.arn(f"table/{name}")


def by_table(call: Call, req: Any) -> str:
    return table_arn(call, req["TableName"])


def policy(call: Call, arn: str) -> str | None:
    """The resource policy of a table, for IAM."""
    account, region, name = owner(arn)
    table = call.cloud.store.table(Table, account, region).get(name)
    return table.policy or None if table else None


@lru_cache(4096)
def owner(arn: str) -> tuple[str, str, str]:
    """(account, region, table) of the ARN of a table or of something below it."""
    parts = arn.split(":", 5)
    if parts[0] != "arn":
        raise errors.invalid("Invalid TableArn: ARNs must start with 'arn:'")
    if len(parts) != 6 or not parts[5].startswith("table/"):
        raise errors.invalid(f"Invalid TableArn: {arn}")
    return parts[4], parts[3], parts[5].split("/")[1]


# -- operations ---------------------------------------------------------------------------------------------------------

@op(resource=by_table, partly="no vector indexes")
def create_table(call: Call, req: Any) -> Any:
    from . import policies, streams, tags
    name = req["TableName"]
    call, name = place(call, name)
    schemas.check_new_table(req)
    if call.get(Table, name):
        raise errors.table_exists(name)
    billing, now = req.get("BillingMode", "PROVISIONED"), call.now
    indexes = [new_index(call, spec, local=True) for spec in req.get("LocalSecondaryIndexes") or []]
    indexes += [new_index(call, spec) for spec in req.get("GlobalSecondaryIndexes") or []]
    table = Table(
        name=name, number=new_number(call), id=call.uuid(), created=now, attributes=req["AttributeDefinitions"], schema=req["KeySchema"], billing=billing,
        throughput=throughput(req), on_demand=limits(req.get("OnDemandThroughput")), on_demand_since=now if billing == "PAY_PER_REQUEST" else 0, indexes=indexes,
        tags=tags.checked(call, {t["Key"]: t["Value"] for t in req.get("Tags") or []}), protected=req.get("DeletionProtectionEnabled", False),
        table_class=req.get("TableClass", ""), sse=sealing.specified(call, req.get("SSESpecification")), warm=req.get("WarmThroughput"),
        policy=policies.checked(req["ResourcePolicy"]) if req.get("ResourcePolicy") else "", policy_revision=policies.revision(call) if req.get("ResourcePolicy") else "")
    if table.sse:
        table = sealing.with_key(call, table)
    if (stream := req.get("StreamSpecification")) and stream["StreamEnabled"]:
        table = streams.enable(call, table, stream)
    call.put(table)
    return {"TableDescription": describe(call, table, status="CREATING")}


def new_number(call: Call) -> int:
    number = call.row("INSERT INTO dynamodb_number DEFAULT VALUES RETURNING id")[0]
    call.sql("INSERT INTO dynamodb_count (id) VALUES (?)", number)
    return int(number)


def new_index(call: Call, spec: Any, local: bool = False, status: str = "ACTIVE") -> Index:
    return Index(name=spec["IndexName"], number=new_number(call), schema=spec["KeySchema"], projection=spec["Projection"], local=local, throughput=throughput(spec),
                 on_demand=limits(spec.get("OnDemandThroughput")), status=status, backfilling=status == "CREATING")


def throughput(spec: Any) -> tuple[int, int]:
    given = spec.get("ProvisionedThroughput")
    return (given["ReadCapacityUnits"], given["WriteCapacityUnits"]) if given else (0, 0)


def limits(given: dict[str, int] | None) -> dict[str, int] | None:
    """OnDemandThroughput; -1 takes a limit away."""
    return {k: v for k, v in given.items() if v != -1} or None if given else None


@op(resource=by_table, policy=policy)
def describe_table(call: Call, req: Any) -> Any:
    call, table = find_named(call, req["TableName"])
    return {"Table": describe(call, table)}


def describe(call: Call, table: Table, status: str = "") -> dict[str, Any]:
    """TableDescription. `status` is what the answer to a change says, while the change is already done."""
    arn, (read, write) = call.arn(f"table/{table.name}"), table.throughput
    items, size = counts(call, table.number)
    out: dict[str, Any] = {
        "AttributeDefinitions": table.attributes, "TableName": table.name, "KeySchema": table.schema, "TableStatus": status or table.status, "CreationDateTime": table.created,
        "ProvisionedThroughput": {"NumberOfDecreasesToday": decreases_today(call, table), "ReadCapacityUnits": read, "WriteCapacityUnits": write},
        "TableSizeBytes": size, "ItemCount": items, "TableArn": arn, "TableId": table.id, "DeletionProtectionEnabled": table.protected,
        "WarmThroughput": warm(table.warm, table.provisioned, table.throughput)}
    if table.increased:
        out["ProvisionedThroughput"]["LastIncreaseDateTime"] = table.increased
    if table.decreased:
        out["ProvisionedThroughput"]["LastDecreaseDateTime"] = table.decreased
    if table.on_demand_since:
        out["BillingModeSummary"] = {"BillingMode": table.billing, "LastUpdateToPayPerRequestDateTime": table.on_demand_since}
    if table.on_demand:
        out["OnDemandThroughput"] = table.on_demand
    local = [describe_index(call, table, i, arn) for i in table.indexes if i.local]
    wide = [describe_index(call, table, i, arn) for i in table.indexes if not i.local]
    out |= {k: v for k, v in (("LocalSecondaryIndexes", local), ("GlobalSecondaryIndexes", wide), ("SSEDescription", table.sse)) if v}
    if sealing.inaccessible(call, table):
        out["TableStatus"] = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    if table.stream_view:
        out["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream_view}
    if table.stream_label:
        out |= {"LatestStreamLabel": table.stream_label, "LatestStreamArn": f"{arn}/stream/{table.stream_label}"}
    if table.replicas:
        from . import replicas
        out |= replicas.describe(call, table)
    if table.restored:
        out["RestoreSummary"] = table.restored | {"RestoreInProgress": table.status == "CREATING"}
    if table.table_class:
        out["TableClassSummary"] = {"TableClass": table.table_class} | ({"LastUpdateDateTime": table.table_class_since} if table.table_class_since else {})
    return out


def describe_index(call: Call, table: Table, index: Index, arn: str) -> dict[str, Any]:
    items, size = counts(call, index.number)
    out: dict[str, Any] = {"IndexName": index.name, "KeySchema": index.schema, "Projection": index.projection, "IndexSizeBytes": size, "ItemCount": items,
                           "IndexArn": f"{arn}/index/{index.name}"}
    if index.local:
        return out
    read, write = index.throughput
    out |= {"IndexStatus": index.status, "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": read, "WriteCapacityUnits": write},
            "WarmThroughput": warm(None, table.provisioned, index.throughput)}
    if index.backfilling:
        out["Backfilling"] = True
    if index.on_demand:
        out["OnDemandThroughput"] = index.on_demand
    return out


def warm(given: dict[str, int] | None, provisioned: bool, throughput_: tuple[int, int]) -> dict[str, Any]:
    read, write = throughput_ if provisioned else (12000, 4000)
    return {"ReadUnitsPerSecond": read, "WriteUnitsPerSecond": write, "Status": "ACTIVE"} | (given or {})


def counts(call: Call, number: int) -> tuple[int, int]:
    return call.row("SELECT items, bytes FROM dynamodb_count WHERE id=?", number) or (0, 0)


def decreases_today(call: Call, table: Table) -> int:
    return table.decreases if table.decreased and table.decreased // 86400 == call.now // 86400 else 0


@op(resource=lambda call, req: "*")
def list_tables(call: Call, req: Any) -> Any:
    after, limit = req.get("ExclusiveStartTableName", ""), req.get("Limit", MAX_LIST)
    if after and not 3 <= len(after) <= 255:
        raise errors.name_length("ExclusiveStartTableName")
    names = sorted(t.name for t in call.all(Table) if t.name > after)
    out: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        out["LastEvaluatedTableName"] = names[limit - 1]
    return out


@op(resource=by_table, policy=policy)
def delete_table(call: Call, req: Any) -> Any:
    from . import replicas
    call, table = find_named(call, req["TableName"])
    if table.protected:
        raise errors.protected()
    if table.status != "ACTIVE":
        raise errors.table_busy(table.name, table.status)
    out = describe(call, table, status="DELETING")
    out = {k: v for k, v in out.items() if k in ("TableName", "TableStatus", "TableArn", "TableId", "ProvisionedThroughput", "TableSizeBytes", "ItemCount",
                                                "BillingModeSummary", "DeletionProtectionEnabled", "StreamSpecification", "LatestStreamLabel", "LatestStreamArn")}
    if table.replicas:
        replicas.leave(call, table)
    drop(call, table)
    return {"TableDescription": out}


def drop(call: Call, table: Table) -> None:
    from . import backups, streams
    if table.stream_view:
        streams.disable(call, table)
    if table.recovery:
        backups.keep_deleted(call, table)
    call.delete(table)
    if not table.stream_label:  # records of a stream are read for another day
        sealing.leave(call, table)
    discard(call, [table.number, *(i.number for i in table.indexes)])


def discard(call: Call, numbers: list[int]) -> None:
    """Nobody can see these rows any more; take them away in small steps."""
    for number in numbers:
        call.sql("DELETE FROM dynamodb_count WHERE id=?", number)
        call.wake(purge, str(number))


@dynamodb.worker
async def purge(call: Call, key: str) -> None:
    number = int(key)
    for statement in (
        "DELETE FROM dynamodb_item WHERE id IN (SELECT id FROM dynamodb_item WHERE tbl=? LIMIT ?) RETURNING 1",
        "DELETE FROM dynamodb_entry WHERE (idx, pk, sk, bpk, bsk) IN (SELECT idx, pk, sk, bpk, bsk FROM dynamodb_entry WHERE idx=? LIMIT ?) RETURNING 1",
        "DELETE FROM dynamodb_expiry WHERE (tbl, at, pk, sk) IN (SELECT tbl, at, pk, sk FROM dynamodb_expiry WHERE tbl=? LIMIT ?) RETURNING 1",
        "DELETE FROM dynamodb_past WHERE seq IN (SELECT seq FROM dynamodb_past WHERE tbl=? LIMIT ?) RETURNING 1",
        "DELETE FROM dynamodb_outgoing WHERE id IN (SELECT id FROM dynamodb_outgoing WHERE tbl=? LIMIT ?) RETURNING 1",
        "DELETE FROM dynamodb_collection WHERE (tbl, pk) IN (SELECT tbl, pk FROM dynamodb_collection WHERE tbl=? LIMIT ?) RETURNING 1",
    ):
        while True:
            with call.step():
                gone = len(call.sql(statement, number, PURGE_ROWS))
            if gone < PURGE_ROWS:
                break
            await call.turn()
