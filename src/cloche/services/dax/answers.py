"""Answers in DAX's form: results by number, capacity, sizes of collections, and refusals with their codes."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError

from . import cbor, values

ITEM, CONSUMED, ATTRIBUTES, COLLECTION, _, _, _, ITEMS, COUNT, LAST, SCANNED = range(11)
UNITS = {"CapacityUnits": 1, "ReadCapacityUnits": 2, "WriteCapacityUnits": 3, "TableName": 4, "Table": 5, "GlobalSecondaryIndexes": 6, "LocalSecondaryIndexes": 7}
# what kind of refusal it is, for clients that know no names
CODES = {
    "ProvisionedThroughputExceededException": 40, "ResourceNotFoundException": 41, "ConditionalCheckFailedException": 43, "ResourceInUseException": 45, "ValidationException": 46,
    "InternalServerError": 47, "ItemCollectionSizeLimitExceededException": 48, "LimitExceededException": 49, "ThrottlingException": 50, "TransactionCanceledException": 58,
    "RequestLimitExceeded": 61}
DENIED, IDENTITY = [4, 37, 38, 42], [4, 23, 31, 33]


def normal(item: bytes | None = None, items: list[bytes] | None = None, attributes: bytes | None = None, capacity: Any = None, metrics: Any = None, count: int | None = None,
           scanned: int | None = None, last: bytes | None = None) -> bytes:
    pairs: list[tuple[int, bytes]] = []
    if item is not None:
        pairs.append((ITEM, item))
    if items is not None:
        pairs.append((ITEMS, cbor.array(items)))
    if attributes is not None:
        pairs.append((ATTRIBUTES, cbor.binary(attributes)))
    if count is not None:
        pairs.append((COUNT, cbor.integer(count)))
    if scanned is not None:
        pairs.append((SCANNED, cbor.integer(scanned)))
    if last is not None:
        pairs.append((LAST, last))
    if capacity is not None:
        pairs.append((CONSUMED, cbor.binary(consumed(capacity))))
    if metrics is not None:
        pairs.append((COLLECTION, collection(metrics)))
    return cbor.mapping([(cbor.integer(number), value) for number, value in pairs])


def consumed(told: dict[str, Any]) -> bytes:
    def indexes(member: str) -> bytes:
        return cbor.mapping([(cbor.text(n), cbor.real(x["CapacityUnits"])) for n, x in told[member].items()]) if member in told else cbor.NULL

    table = cbor.real(told["Table"]["CapacityUnits"]) if "Table" in told else cbor.NULL
    return cbor.text(told["TableName"]) + cbor.real(told["CapacityUnits"]) + table + indexes("GlobalSecondaryIndexes") + indexes("LocalSecondaryIndexes")


def consumed_map(told: dict[str, Any]) -> bytes:
    """As transactions tell it."""
    pairs = []
    for member, number in UNITS.items():
        if member not in told:
            continue
        value = told[member]
        if member == "TableName":
            shown = cbor.text(value)
        elif member == "Table":
            shown = consumed_map(value)
        elif isinstance(value, dict):
            shown = cbor.mapping([(cbor.text(n), consumed_map(x)) for n, x in value.items()])
        else:
            shown = cbor.real(value)
        pairs.append((cbor.integer(number), shown))
    return cbor.mapping(pairs)


def collection(told: dict[str, Any]) -> bytes:
    [av] = told["ItemCollectionKey"].values()
    low, high = told["SizeEstimateRangeGB"]
    return cbor.binary(values.written(av) + cbor.real(low) + cbor.real(high))


def metrics_by_table(told: dict[str, Any]) -> bytes:
    return cbor.mapping([(cbor.text(table), cbor.array([collection(one) for one in some])) for table, some in told.items()])


def refused(error: AwsError, request_id: str, identity: bool = False) -> bytes:
    codes = IDENTITY if identity else DENIED if error.code == "AccessDeniedException" else [4, 37, 38, 39, CODES[error.code]] if error.code in CODES else [3, 37, 38, 39, 46]
    about = [cbor.text(request_id), cbor.text(error.code), cbor.integer(error.status)]
    if reasons := (error.extra or {}).get("CancellationReasons"):
        parts = []
        for one in reasons:
            item = one.get("Item")
            shown = cbor.NULL if item is None else cbor.binary(values.written({"M": {k: v for k, v in item.items()}}))
            parts += [cbor.text(one["Code"]), cbor.text(one["Message"]) if "Message" in one else cbor.NULL, shown]
        about.append(cbor.array(parts))
    return cbor.array([cbor.integer(code) for code in codes]) + cbor.text(error.message or error.code) + cbor.array(about)
