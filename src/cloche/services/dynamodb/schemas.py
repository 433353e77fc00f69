"""What CreateTable and UpdateTable must have right: key schemas, attribute definitions, projections, throughput."""
from __future__ import annotations

from typing import Any

from . import errors

MAX_LOCAL, MAX_GLOBAL, MAX_PROJECTED, MAX_KEYS = 5, 20, 100, 4
MAX_UNITS = 1_000_000_000_000


def check_new_table(req: Any) -> None:
    definitions, schema = req.get("AttributeDefinitions"), req.get("KeySchema")
    if definitions is None:
        raise errors.required("AttributeDefinitions")
    if schema is None:
        raise errors.required("KeySchema")
    check_schema(schema)
    check_billing(req)
    types = check_definitions(definitions)
    check_defined(schema, types)
    local, wide = req.get("LocalSecondaryIndexes"), req.get("GlobalSecondaryIndexes")
    used = {k["AttributeName"] for k in schema}
    check_local(schema, local, types, used)
    check_global(req, wide, types, used)
    names = [i["IndexName"] for i in (local or []) + (wide or [])]
    for name in names:
        if names.count(name) > 1:
            raise errors.parameter(f"Duplicate index name: {name}")
    check_projected((local or []) + (wide or []))
    check_unused(types, used, bool(names))
    check_stream(req.get("StreamSpecification"))


def check_unused(types: dict[str, str], used: set[str], indexed: bool) -> None:
    """Every attribute that is defined must be a key somewhere; a table without indexes has an older sentence for it."""
    if set(types) - used:
        if not indexed:
            raise errors.parameter("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
        raise errors.parameter(f"Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(types)}], keys used: [{', '.join(sorted(used))}]")


def check_schema(schema: list[dict[str, str]]) -> None:
    if len(schema) > 2:
        raise errors.invalid(f"1 validation error detected: Value '{schema}' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2")
    if schema[0]["KeyType"] != "HASH":
        raise errors.invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) == 2:
        if schema[1]["KeyType"] != "RANGE":
            raise errors.invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
        if schema[0]["AttributeName"] == schema[1]["AttributeName"]:
            raise errors.invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")


def check_many(schema: list[dict[str, str]]) -> None:
    """The key of a global index: up to four attributes of each kind."""
    kinds = [k["KeyType"] for k in schema]
    names = [k["AttributeName"] for k in schema]
    if kinds[0] != "HASH":
        raise errors.invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if kinds != sorted(kinds):
        raise errors.invalid("Invalid KeySchema: all HASH key elements must precede all RANGE key elements")
    for kind in ("HASH", "RANGE"):
        if kinds.count(kind) > MAX_KEYS:
            raise errors.invalid(f"Invalid KeySchema: the number of {kind} key elements exceeds the limit of {MAX_KEYS}")
    if len(set(names)) < len(names):
        raise errors.invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")


def check_definitions(definitions: list[dict[str, str]]) -> dict[str, str]:
    types: dict[str, str] = {}
    for definition in definitions:
        if definition["AttributeName"] in types:
            raise errors.parameter(f"Duplicate definition of attribute: {definition['AttributeName']}")
        types[definition["AttributeName"]] = definition["AttributeType"]
    return types


def check_defined(schema: list[dict[str, str]], types: dict[str, str]) -> None:
    names = [k["AttributeName"] for k in schema]
    if any(n not in types for n in names):
        raise errors.parameter(f"Some index key attributes are not defined in AttributeDefinitions. Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]")


def check_billing(req: Any) -> None:
    given, on_demand = req.get("ProvisionedThroughput"), req.get("BillingMode") == "PAY_PER_REQUEST"
    if on_demand and given:
        raise errors.parameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
    if not on_demand and not given:
        raise errors.parameter("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
    if not on_demand and req.get("OnDemandThroughput"):
        raise errors.parameter("OnDemandThroughput cannot be specified when BillingMode is PROVISIONED")
    check_units(given)


def check_units(given: Any) -> None:
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if given and given[name] > MAX_UNITS:
            raise errors.invalid(f"Given value {given[name]} for {name} is out of bounds")


def check_local(schema: list[dict[str, str]], indexes: Any, types: dict[str, str], used: set[str]) -> None:
    if indexes is None:
        return
    if not indexes:
        raise errors.parameter("List of LocalSecondaryIndexes is empty")
    if len(schema) < 2:
        raise errors.parameter("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
    if len(indexes) > MAX_LOCAL:
        raise errors.parameter("Number of LocalSecondaryIndexes exceeds per-table limit of 5")
    for index in indexes:
        check_index(index, types, used, local=True)
        name, keys = index["IndexName"], index["KeySchema"]
        if len(keys) < 2:
            raise errors.parameter(f"Index KeySchema does not have a range key for index: {name}")
        if keys[0]["AttributeName"] != schema[0]["AttributeName"]:
            raise errors.parameter(f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
                                   f"index hash key: {keys[0]['AttributeName']}, table hash key: {schema[0]['AttributeName']}")


def check_global(req: Any, indexes: Any, types: dict[str, str], used: set[str]) -> None:
    if indexes is None:
        return
    if not indexes:
        raise errors.parameter("List of GlobalSecondaryIndexes is empty")
    if len(indexes) > MAX_GLOBAL:
        raise errors.parameter("GlobalSecondaryIndex count exceeds the per-table limit of 20")
    for index in indexes:
        check_index(index, types, used)
        check_index_billing(index, req.get("BillingMode") == "PAY_PER_REQUEST")


def check_index_billing(index: Any, on_demand: bool) -> None:
    given, name = index.get("ProvisionedThroughput"), index["IndexName"]
    if on_demand and given:
        raise errors.parameter(f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST")
    if not on_demand and not given:
        raise errors.parameter(f"ProvisionedThroughput is not specified for index: {name}")
    check_units(given)


def check_index(index: Any, types: dict[str, str], used: set[str], local: bool = False) -> None:
    (check_schema if local else check_many)(index["KeySchema"])
    check_defined(index["KeySchema"], types)
    used.update(k["AttributeName"] for k in index["KeySchema"])
    projection = index["Projection"]
    kind, extra = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind is None:
        raise errors.parameter("Unknown ProjectionType: null")
    if kind == "INCLUDE" and not extra:
        raise errors.parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and extra is not None:
        raise errors.parameter(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if extra and len(set(extra)) < len(extra):
        raise errors.parameter(f"Duplicate attribute name in NonKeyAttributes: {next(x for x in extra if extra.count(x) > 1)}")


def check_projected(indexes: list[Any]) -> None:
    total = sum(len(i["Projection"].get("NonKeyAttributes") or []) for i in indexes)
    if total > MAX_PROJECTED:
        raise errors.parameter(f"Number of NonKeyAttributes projected across all indexes exceeds the limit of {MAX_PROJECTED}: {total}")


def check_stream(stream: Any) -> None:
    if not stream:
        return
    if stream["StreamEnabled"] and "StreamViewType" not in stream:
        raise errors.parameter("StreamViewType is required when StreamEnabled is true")
    if not stream["StreamEnabled"] and "StreamViewType" in stream:
        raise errors.parameter("StreamViewType may not be specified when StreamEnabled is false")
