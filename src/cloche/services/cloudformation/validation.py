"""Validation ahead of a deployment: what is sure to fail is told before any resource is touched.

Every stack operation is looked at for properties that the registry does not know or misses, and for names that are taken
already; a change set also for buckets it would delete though something lies in them, which is a warning. What is found is
told by DescribeEvents.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.languages.cloudformation.errors import TemplateError
from cloche.languages.cloudformation.functions import unknowns

from . import imports, looks, registry
from .events import validation_event

if TYPE_CHECKING:
    from .plan import Plan
    from .records import Row, Stack

FAILED = "Validation failure detected. See the operation's FAILED event for details."
HOOKS = {"PROPERTY_VALIDATION": "AWS::EarlyValidation::PropertyValidation", "NAME_CONFLICT_VALIDATION": "AWS::EarlyValidation::ResourceExistenceCheck"}


class Fault(msgspec.Struct, frozen=True):
    logical: str
    type: str
    validation: str
    path: str
    reason: str
    mode: str = "FAIL"
    new: bool = True


async def look(plan: Plan, rights: Call, taken: dict[str, Any] | None = None) -> list[Fault]:
    """What would fail. What cannot be told yet, and what the caller may not look at, is left to the deployment."""
    found: list[Fault] = []
    for name in plan.order:
        kind, row = plan.live[name]["Type"], plan.rows.get(name)
        new = row is None or not row.physical or row.status == "DELETE_COMPLETE"
        try:
            properties = plan.properties(name, rights)
            says = registry.complaints(kind, properties)
            found += [Fault(name, kind, "PROPERTY_VALIDATION", f"/Resources/{name}/Properties{path}", reason, new=new) for path, reason in says]
            if new and not says and name not in (taken or {}) and (identifier := await conflict(plan, rights, name, kind, properties)):
                found.append(Fault(name, kind, "NAME_CONFLICT_VALIDATION", f"/Resources/{name}", f"Resource of type '{kind}' with identifier '{identifier}' already exists."))
        except (AwsError, TemplateError):
            continue
    return found


async def conflict(plan: Plan, rights: Call, name: str, kind: str, properties: dict[str, Any]) -> str:
    """The identifier of a resource that has the new one's name already."""
    keys = registry.schema(kind).get("identifier", [])
    if not keys or not looks.can(kind):
        return ""
    own = registry.find(kind).name
    given = {x: properties[x] for x in keys if isinstance(properties.get(x), str) and not unknowns(properties[x]) and "{{resolve:" not in properties[x]}
    if len(given) != len(keys) or own not in given:
        return ""
    return "|".join(given.values()) if await imports.present(rights, plan.stack_id, name, kind, properties, given) else ""


async def full_buckets(call: Call, rows: dict[str, Row], live: dict[str, Any]) -> list[Fault]:
    """Buckets that an update would delete and could not."""
    found = []
    for name, row in rows.items():
        if row.type != "AWS::S3::Bucket" or name in live or row.deletion == "Retain":
            continue
        try:
            answer = call.do("s3", "ListObjectVersions", Bucket=row.physical, MaxKeys=1)
            answer = await answer if hasattr(answer, "__await__") else answer
        except AwsError:
            continue
        if answer.get("Versions") or answer.get("DeleteMarkers"):
            found.append(Fault(name, row.type, "BUCKET_EMPTINESS_VALIDATION", f"/Resources/{name}", f"The bucket '{row.physical}' is not empty. You must either delete all objects and "
                               "versions or use the deletion policy to retain it, otherwise the delete operation will fail.", "WARN", False))
    return found


def tell(call: Call, stack: Stack, operation: str, faults: list[Fault]) -> None:
    for one in faults:
        validation_event(call, stack, operation, one.logical, one.type, ValidationName=one.validation, ValidationStatus="FAILED", ValidationStatusReason=one.reason,
                         ValidationPath=one.path, ValidationFailureMode=one.mode)


def sentence(faults: list[Fault]) -> str:
    """What is wrong with one resource."""
    if all(one.validation == "PROPERTY_VALIDATION" for one in faults):
        return registry.complaint_of(faults[0].logical, [(one.path.partition("/Properties")[2], one.reason) for one in faults])
    return " ".join(one.reason for one in faults)


def of_change_set(faults: list[Fault]) -> str:
    """Why a change set failed; "" if nothing keeps it from being executed."""
    hooks = dict.fromkeys(HOOKS[one.validation] for one in faults if one.mode == "FAIL")
    if not hooks:
        return ""
    return (f"The following hook(s)/validation failed: [{', '.join(hooks)}]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.")
