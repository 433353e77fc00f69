"""One resource of a type, without a stack: what Cloud Control asks of the tables in `services/<x>/cfn.py`."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cloche.kernel import AwsError, Call

from . import imports, looks, registry, resources
from .public import Resource, Type

STACK = "cloudcontrol"  # what made-up names begin with


def facts(kind: str) -> dict[str, Any]:
    return registry.schema(kind)


def known(kind: str) -> bool:
    return registry.known(kind) and not registry.custom(kind)


def built(kind: str) -> bool:
    try:
        return bool(registry.find(kind))
    except AwsError:
        return False


def readable(kind: str) -> bool:
    return looks.can(kind)


def complaint(kind: str, properties: dict[str, Any]) -> str:
    """Why the schema refuses them; "" if it does not."""
    return registry.complaint("Resource", kind, properties).partition("\n")[2].replace("\n", ", ")


def create_only(kind: str) -> list[str]:
    return registry.create_only(kind)


def identifier(kind: str, text: str) -> dict[str, str] | None:
    """`A|B` as the schema's primary identifier; None if it is not one."""
    names = registry.schema(kind).get("identifier", [])
    parts = text.split("|", len(names) - 1)
    return dict(zip(names, parts)) if len(parts) == len(names) else None


def resource(call: Call, kind: str, properties: dict[str, Any], *, old: dict[str, Any] | None = None, ids: dict[str, str] | None = None, pending: dict[str, Any] | None = None,
             attributes: dict[str, Any] | None = None, physical: str = "") -> Resource:
    stack = f"arn:aws:cloudformation:{call.region}:{call.account}:stack/{STACK}/0"
    r = Resource(call, stack, "Resource", kind, {**properties, **(imports.told(kind, ids) if ids else {})}, old=old, physical=physical or (imports.physical(kind, ids) if ids else ""), pending=pending, attributes=attributes)
    r.stage = (pending or {}).get("stage", "")
    r.pending = None
    return r


async def drive(call: Call, work: Any) -> Any:
    """Run a type's coroutine in its steps; what it answers."""
    out: list[Any] = []
    await resources.drive(call, work, out.append, lambda: None)
    return out[0]


async def create(call: Call, kind: str, properties: dict[str, Any], planned: str) -> Resource:
    table = registry.find(kind)
    if table.name and planned:
        properties = {table.name: planned, **properties}
    r: Resource = await drive(call, resources.make(table, resource(call, kind, properties)))
    return r


def planned(call: Call, kind: str, properties: dict[str, Any]) -> str:
    table = registry.find(kind)
    return table.make_name(resource(call, kind, properties)) if table.name and not properties.get(table.name) else ""


async def again(call: Call, kind: str, operation: str, properties: dict[str, Any], physical: str, attributes: dict[str, Any], pending: dict[str, Any]) -> Resource:
    """Ask once more whether it is as good as it says, or gone."""
    table = registry.find(kind)
    r = resource(call, kind, properties, physical=physical, attributes=attributes, pending=pending)
    work: Callable[[Type, Resource], Any] = resources.take_away if operation == "DELETE" else resources.known
    return await drive(call, work(table, r))  # type: ignore[no-any-return]


async def update(call: Call, kind: str, ids: dict[str, str], old: dict[str, Any], new: dict[str, Any]) -> Resource:
    return await drive(call, resources.remake(registry.find(kind), resource(call, kind, new, old={**old, **imports.told(kind, ids)}, ids=ids)))  # type: ignore[no-any-return]


async def delete(call: Call, kind: str, ids: dict[str, str], properties: dict[str, Any]) -> Resource:
    return await drive(call, resources.take_away(registry.find(kind), resource(call, kind, properties, ids=ids)))  # type: ignore[no-any-return]


async def read(call: Call, kind: str, ids: dict[str, str]) -> dict[str, Any]:
    """Everything that can be told of it: properties, and what GetAtt would give."""
    async def work() -> dict[str, Any]:
        r = resource(call, kind, {}, ids=ids)
        found = {k: v for k, v in (await looks.read(r)).items() if k in registry.schema(kind)["properties"]}
        table = registry.find(kind)
        if table.read is not None:
            await table.read(r)
        extra = {k: v for k, v in r.attributes.items() if k in registry.schema(kind)["properties"]}
        return {**found, **extra, **ids}

    return await drive(call, work())  # type: ignore[no-any-return]


def made(kind: str, r: Resource) -> str:
    """The identifier of what was made, in Cloud Control's form."""
    return "|".join(imports.identifier_of(kind, r.properties, r.attributes, r.physical).values())


async def listed(call: Call, kind: str) -> list[str] | None:
    """Identifiers of all there are; None for a type that cannot be listed."""
    look = looks.LOOKS.get(kind)
    entry = (look.service, *look.listing) if look and look.listing else looks.LISTS.get(kind)
    if entry is None:
        return None
    service, operation, path, member = entry

    async def work() -> list[str]:
        r = resource(call, kind, {})
        answer = await r.do(service, operation)
        return [str(looks.along(one, member) if member else one) for one in looks.along(answer, path) or ()]

    return await drive(call, work())  # type: ignore[no-any-return]


def text(properties: dict[str, Any]) -> str:
    return json.dumps(properties, separators=(",", ":"), default=str)


reason_of = resources.reason_of
HANDLER = resources.HANDLER
