"""Log groups with a KMS key: their events lie under a data key of it, from the association on.

The service asks for the key in its own name (`logs.REGION.amazonaws.com`, which the key's policy must let in, with the group's ARN as encryption
context), not in the reader's. An event knows its data key: what came in under a key needs that key for ever, also after the group has another or none.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.services.kms import public as kms

from . import errors
from . import service as logs

if TYPE_CHECKING:
    from .groups import LogGroup

SECONDS = 300
NUMBER = 8   # bytes of a sealed message that name its data key
ADDED = 36   # bytes by which a sealed message is longer
SIZE = f"length(message) - iif(typeof(message) = 'blob', {ADDED}, 0) + 26"  # of an event, in SQL

logs.table("CREATE TABLE IF NOT EXISTS logs_key (id INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL, wrapped BLOB NOT NULL)")


def context(arn: str) -> dict[str, str]:
    return {"aws:logs:arn": arn}


def service(call: Call, arn: str) -> Call:
    return call.of("logs").as_service(f"logs.{call.region}.amazonaws.com", source_arn=arn, source_account=call.account)


def data_key(call: Call, key_id: str, arn: str) -> int:
    """A data key for a log group's events; refused if the service may not use the KMS key, or it cannot be used."""
    if not key_id:
        return 0
    try:
        _, wrapped = kms.data_key(service(call, arn), key_id, context(arn))
    except AwsError:
        raise errors.bad_key(arn) from None
    return call.row("INSERT INTO logs_key (arn, wrapped) VALUES (?,?) RETURNING id", arn, wrapped)[0]  # type: ignore[no-any-return]


def cipher(call: Call, number: int) -> Any:
    found: dict[int, tuple[str, bytes]] = call.cloud.memory.setdefault("logs.keys", {})
    arn, wrapped = found.get(number) or found.setdefault(number, call.row("SELECT arn, wrapped FROM logs_key WHERE id=?", number))
    try:
        return kms.opening_key(service(call, arn), wrapped, context(arn), SECONDS)
    except AwsError:
        raise errors.closed(arn) from None


def close(call: Call, group: LogGroup, raw: bytes) -> bytes:
    return group.data_key.to_bytes(NUMBER, "big") + kms.seal(call, cipher(call, group.data_key), raw)


def open_(call: Call, message: str | bytes) -> str:
    """What lies in the table: text as it is, bytes are sealed."""
    return message if isinstance(message, str) else open_bytes(call, message).decode("utf-8", "surrogatepass")


def open_bytes(call: Call, sealed: bytes) -> bytes:
    return kms.unseal(cipher(call, int.from_bytes(sealed[:NUMBER], "big")), sealed[NUMBER:])
