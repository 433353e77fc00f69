"""The registry as one can ask it: the resource types that AWS publishes. Nothing else is registered here."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call
from cloche.kernel.pages import page

from . import errors, registry
from . import service as cloudformation

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

PAGE = 100


def arn(call: Call, name: str) -> str:
    return f"arn:aws:cloudformation:{call.region}::type/resource/{name.replace('::', '-')}"


def provisioning(name: str) -> str:
    """A type of which every property replaces the resource cannot be changed."""
    facts = registry.schema(name)
    fixed = {x.partition("/")[0] for x in (*facts.get("createOnly", ()), *facts.get("readOnly", ()))}
    return "FULLY_MUTABLE" if set(facts["properties"]) - fixed else "IMMUTABLE"


@cloudformation.op(resource=ANY)
def list_types(call: Call, req: t.ListTypesInput) -> t.ListTypesOutput:
    wanted, category = req.get("Filters", {}), req.get("Filters", {}).get("Category", "AWS_TYPES")
    if wanted.get("PublisherId") and "Category" in wanted and category == "AWS_TYPES":
        raise errors.registry_refuses("Category AWS_TYPES and PublisherId cannot be specified together")
    mine = req.get("Visibility", "PRIVATE") == "PUBLIC" and req.get("Type", "RESOURCE") == "RESOURCE" and req.get("DeprecatedStatus", "LIVE") == "LIVE" and category == "AWS_TYPES"
    names = [x for x in registry.names() if x.startswith(wanted.get("TypeNamePrefix", ""))] if mine and not wanted.get("PublisherId") else []
    if kind := req.get("ProvisioningType"):
        names = [x for x in names if provisioning(x) == kind]
    found, token = page(names, req, lambda x: x, PAGE, errors.bad_token)
    return {"TypeSummaries": [{"Type": "RESOURCE", "TypeName": x, "TypeArn": arn(call, x)} for x in found], **token}  # type: ignore[typeddict-item]


@cloudformation.op(resource=ANY, partly="a type's schema names its properties and which of them are required, fixed or read only, not what is inside them")
def describe_type(call: Call, req: t.DescribeTypeInput) -> t.DescribeTypeOutput:
    name = req.get("TypeName") or req.get("Arn", "").rpartition("/")[2].replace("-", "::")
    if not name or ("TypeName" in req and "Type" not in req and "Arn" not in req):
        raise errors.registry_refuses("Either Arn, or Type and TypeName must be specified")
    facts = registry.schema(name)
    if not facts or req.get("Type", "RESOURCE") != "RESOURCE" or req.get("PublisherId"):
        raise errors.no_type(name)
    return {"Arn": arn(call, name), "Type": "RESOURCE", "TypeName": name, "IsDefaultVersion": True, "ProvisioningType": provisioning(name), "DeprecatedStatus": "LIVE", "Visibility": "PUBLIC",
            "Schema": json.dumps(schema(name, facts))}  # type: ignore[typeddict-item]


def schema(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    def paths(names: list[str]) -> list[str]:
        return [f"/properties/{x}" for x in names]

    out = {"typeName": name, "properties": {x: {} for x in facts["properties"]}, "additionalProperties": False, "primaryIdentifier": paths(facts.get("identifier", []))}
    out |= {member: paths(facts[key]) for member, key in (("createOnlyProperties", "createOnly"), ("readOnlyProperties", "readOnly")) if facts.get(key)}
    if facts.get("required"):
        out["required"] = facts["required"]
    tags = facts.get("tags")
    out["tagging"] = {"taggable": bool(tags)} | ({"tagProperty": f"/properties/{tags}"} if tags else {})
    try:
        table = registry.find(name)
    except AwsError:
        return out
    return out | {"handlers": {verb: {} for verb, step in (("create", table.create), ("update", table.update), ("delete", table.delete)) if step is not None}}
