"""Tables with a KMS key: the items' bodies, what they were before, and the stream's records lie under the table's own key, and that under the KMS key.

The table key lies wrapped in the table's record, as AWS has it: another KMS key wraps it anew and leaves the rows alone. Whoever reads or writes
needs kms:Decrypt, asked again every five minutes; what DynamoDB does by itself (expiry, backfill, replicas, streams) it does under a grant.
What stays readable: the bytes of key attributes, of tables and of indexes, since rows are found and ordered by them.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import errors

if TYPE_CHECKING:
    from .layouts import Layout
    from .tables import Table

SECONDS = 300
ROWS = 500
SERVICE = "dynamodb.amazonaws.com"
GRANTED = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "RetireGrant"]


def context(account: str, table: str) -> dict[str, str]:
    return {"aws:dynamodb:subscriberId": account, "aws:dynamodb:tableName": table}


def background(call: Call, account: str = "", region: str = "") -> Call:
    """DynamoDB itself, which needs the grant."""
    return call.of("dynamodb", account or None, region or None).as_service(SERVICE)


def key_of(call: Call, account: str, region: str, table: str, wrapped: bytes) -> Any:
    from cloche.services.kms import public as kms
    there = call if (call.region, call.service.name) == (region, "dynamodb") else call.of("dynamodb", account, region)
    try:
        return kms.opening_key(there, wrapped, context(account, table), SECONDS)
    except AwsError as error:
        raise errors.kms(error) from None


def close(call: Call, layout: Layout, raw: bytes) -> bytes:
    from cloche.services.kms import public as kms
    return kms.seal(call, key_of(call, layout.account, layout.region, layout.table.name, layout.table.table_key), raw)


def open_(call: Call, layout: Layout, sealed: bytes) -> bytes:
    from cloche.services.kms import public as kms
    return kms.unseal(key_of(call, layout.account, layout.region, layout.table.name, layout.table.table_key), sealed)


def recode(call: Call, table: str, owner: str, place: str, number: int, before: Any, after: Any) -> None:
    """Rows that change their key, or get one, or lose it."""
    from cloche.services.kms import public as kms
    at = 0
    while rows := call.sql(f"SELECT {place}, body FROM {table} WHERE {owner}=? AND {place}>? AND body IS NOT NULL ORDER BY {place} LIMIT ?", number, at, ROWS):
        for at, body in rows:
            raw = kms.unseal(before, body) if before else body
            call.sql(f"UPDATE {table} SET body=? WHERE {place}=?", kms.seal(call, after, raw) if after else raw, at)


# -- what CreateTable and UpdateTable ask for --------------------------------------------------------------------------------

def specified(call: Call, given: Any) -> dict[str, str] | None:
    """SSESpecification as it is described; None: AWS's own key, which nobody sees."""
    from cloche.services.kms import public as kms
    if not given or not given.get("Enabled"):
        return None
    try:
        key = kms.find(call, given.get("KMSMasterKeyId") or "alias/aws/dynamodb")
    except AwsError as error:
        raise errors.bad_kms_key(error.message) from None
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key.arn}


def with_key(call: Call, table: Table) -> Table:
    """A new table gets its key, if its settings name one to wrap it with."""
    from cloche.services.kms import public as kms
    if not table.sse:
        return table.but(table_key=b"")
    about = context(call.account, table.name)
    try:
        kms.grant(call, table.sse["KMSMasterKeyArn"], SERVICE, GRANTED, {"EncryptionContextSubset": about})
        return table.but(table_key=kms.data_key(call, table.sse["KMSMasterKeyArn"], about)[1])
    except AwsError as error:
        raise errors.kms(error) from None


def change(call: Call, table: Table, given: Any) -> Table:
    """UpdateTable's SSESpecification: another KMS key wraps the same table key; rows are touched only when there was none, or is none any more."""
    from cloche.services.kms import public as kms

    from .streams import Stream
    sse = specified(call, given)
    about = context(call.account, table.name)
    if sse == table.sse and bool(sse) == bool(table.table_key):
        return table
    before = key_of(call, call.account, call.region, table.name, table.table_key) if table.table_key else None
    if sse and table.table_key:
        try:
            plain = kms.decrypt(call, table.table_key, about)
            kms.grant(call, sse["KMSMasterKeyArn"], SERVICE, GRANTED, {"EncryptionContextSubset": about})
            new = table.but(sse=sse, table_key=kms.encrypt(call, sse["KMSMasterKeyArn"], plain, about))
        except AwsError as error:
            raise errors.kms(error) from None
    else:
        new = with_key(call, table.but(sse=sse))
    after = key_of(call, call.account, call.region, table.name, new.table_key) if new.table_key else None
    if bool(before) != bool(after):
        recode(call, "dynamodb_item", "tbl", "id", table.number, before, after)
        recode(call, "dynamodb_past", "tbl", "seq", table.number, before, after)
    for stream in call.all(Stream):
        if stream.table == table.name and (stream.label == table.stream_label or stream.table_key):
            if bool(stream.table_key) != bool(new.table_key):
                recode(call, "dynamodb_record", "stream", "seq", stream.number, before, after)
            call.put(stream.but(table_key=new.table_key))
    return new


def leave(call: Call, table: Table) -> None:
    """A table is gone, and its stream: DynamoDB gives its grant back."""
    from cloche.services.kms import public as kms
    if table.sse and table.table_key:
        kms.retire(call, table.sse["KMSMasterKeyArn"], SERVICE, {"EncryptionContextSubset": context(call.account, table.name)})


def inaccessible(call: Call, table: Table) -> bool:
    """Is the KMS key gone, disabled or about to be deleted?"""
    from cloche.services.kms import public as kms
    return bool(table.table_key and table.sse) and not kms.is_usable(call, table.sse["KMSMasterKeyArn"])
