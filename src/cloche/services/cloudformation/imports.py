"""Resources that are there already, taken into a stack under their identifiers.

Nothing is made: what is there is read back, and from then on belongs to the stack. Identifiers are those of the registry's schema;
the physical id is the part of it that Ref gives.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.languages.cloudformation.functions import unknowns

from . import errors, looks, registry, resources
from .public import Resource

if TYPE_CHECKING:
    from .plan import Plan
    from .records import Row

Identifier = dict[str, str]


def physical(kind: str, identifier: Identifier) -> str:
    """What Ref gives, of a registry's identifier."""
    names = registry.schema(kind).get("identifier", [])
    if kind == "AWS::Events::Rule":
        return identifier["Arn"].rpartition("/")[2]
    if kind == "AWS::EC2::EIP":
        return identifier["PublicIp"]
    if kind.startswith("AWS::WAFv2::") and "Id" in identifier:
        return "|".join(identifier[x] for x in ("Name", "Id", "Scope"))
    made = [x for x in names if x in registry.schema(kind).get("readOnly", [])]
    own = registry.find(kind).name
    chosen = made[-1] if made else own if own in names else names[-1] if names else ""
    return identifier.get(chosen, "")


def told(kind: str, identifier: Identifier) -> Identifier:
    """The properties that an identifier tells: not what the service alone gives."""
    fixed = registry.schema(kind).get("readOnly", [])
    return {k: v for k, v in identifier.items() if k not in fixed} | ({"Name": physical(kind, identifier)} if kind == "AWS::Events::Rule" else {})


def identifier_of(kind: str, row_properties: dict[str, Any], attributes: dict[str, Any], physical_id: str) -> Identifier:
    """A registry's identifier of what a type made."""
    names = registry.schema(kind).get("identifier", [])
    out = {}
    for name in names:
        value = row_properties.get(name, attributes.get(name))
        out[name] = str(value) if value is not None and not (isinstance(value, str) and unknowns(value)) else physical_id
    return out


def check(template: dict[str, Any], live: dict[str, Any], there: dict[str, Row], asked: list[Any]) -> dict[str, Identifier]:
    """The resources to import, or what AWS says of a change set that cannot be."""
    wanted = {x["LogicalResourceId"]: x for x in asked}
    if not wanted:
        raise errors.validation("ResourcesToImport must be specified for an IMPORT change set")
    for name, one in wanted.items():
        if name not in live:
            raise errors.validation(f"Resources [{name}] in ResourcesToImport do not exist in the template")
        kind = live[name]["Type"]
        if one["ResourceType"] != kind:
            raise errors.validation(f"ResourceToImport {name} is of type {kind} in the template, not {one['ResourceType']}")
        if name in there:
            raise errors.validation(f"Resources [{name}] passed in ResourceToImport already exist in the stack")
        if not looks.can(kind):
            raise errors.validation(f"ResourceTypes [{kind}] are not supported for Import")
        keys = registry.schema(kind).get("identifier", [])
        if missing := [x for x in keys if x not in one["ResourceIdentifier"]]:
            raise errors.validation(f"Invalid ResourceIdentifier for {name}: required key [{missing[0]}] not found")
    if bare := [name for name in wanted if "DeletionPolicy" not in live[name]]:
        raise errors.validation(f"The following resources to import [{', '.join(bare)}] must have DeletionPolicy attribute specified in the template")
    if strange := [name for name in live if name not in there and name not in wanted]:
        raise errors.validation(f"Resources [{', '.join(strange)}] is missing from ResourceToImport list")
    if gone := [name for name in there if name not in live]:
        raise errors.validation(f"As part of the import operation, you cannot remove resources [{', '.join(gone)}]")
    return {name: dict(one["ResourceIdentifier"]) for name, one in wanted.items()}


async def existing(call: Call, plan: Plan, there: dict[str, Row]) -> dict[str, Identifier]:
    """Those new resources of a template whose custom names are taken by a resource that could be imported (ImportExistingResources)."""
    found: dict[str, Identifier] = {}
    for name in plan.order:
        kind = plan.live[name]["Type"]
        keys = registry.schema(kind).get("identifier", [])
        if name in there or not keys or not looks.can(kind):
            continue
        properties = plan.properties(name)
        own = registry.find(kind).name
        given = {x: properties[x] for x in keys if isinstance(properties.get(x), str) and not unknowns(properties[x])}
        if len(given) == len(keys) and own in given and await present(call, plan.stack_id, name, kind, properties, given):
            found[name] = given
    return found


async def present(call: Call, stack_id: str, name: str, kind: str, properties: dict[str, Any], identifier: Identifier) -> bool:
    r = Resource(call, stack_id, name, kind, properties | told(kind, identifier), physical=physical(kind, identifier))
    try:
        await resources.drive(call, looks.read(r), lambda _: None, lambda: None)
    except AwsError:
        return False
    return True


async def take(kind: str, r: Resource, identifier: Identifier) -> Resource:
    """The resource's own step: it must be there, and what GetAtt gives is read."""
    given = r.properties
    r.physical, r.properties = physical(kind, identifier), given | told(kind, identifier)
    await looks.read(r)
    table = registry.find(kind)
    if table.read is not None:
        await table.read(r)
    for name, value in identifier.items():
        r.attributes.setdefault(name, value)
    r.properties = given
    tags = registry.schema(kind).get("tags")
    if table.update is not None and tags in given:  # those of the stack
        r.old = {k: v for k, v in given.items() if k != tags}
        await table.update(r)
    return r
