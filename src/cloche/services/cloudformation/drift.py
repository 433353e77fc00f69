"""Drift: what the template set against what is there now. Only properties that the template sets are compared.

A type that cannot be read back (`looks`) is NOT_CHECKED, as on AWS for types that do not support it.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam.principal import Principal
from cloche.kernel import ANY, AwsError, Call, Record
from cloche.languages.cloudformation import difference
from cloche.languages.cloudformation.functions import resolve_dynamic

from . import errors, looks, registry, resources
from . import service as cloudformation
from .plan import Dynamic
from .public import Resource
from .records import Row, Stack, by_stack, find, lookup, put_row, row, rows
from .stacks import paged

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

CHECKABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "IMPORT_COMPLETE"}


class Detection(Record, frozen=True, omit_defaults=True):
    kind = "cloudformation.detection"

    id: str
    stack: str
    at: float
    principal: Principal
    wanted: list[str] = []
    status: str = "DETECTION_IN_PROGRESS"
    found: str = ""
    drifted: int = 0
    reason: str = ""

    @property
    def key(self) -> str:
        return self.id


@cloudformation.op(resource=by_stack)
def detect_stack_drift(call: Call, req: t.DetectStackDriftInput) -> t.DetectStackDriftOutput:
    stack = _checkable(call, req)
    one = call.put(Detection(call.uuid(), stack.id, call.now, call.principal, req.get("LogicalResourceIds", [])))
    call.wake(detect, one.id)
    return {"StackDriftDetectionId": one.id}


def _checkable(call: Call, req: Any) -> Stack:
    stack = find(call, req["StackName"])
    if stack.status not in CHECKABLE:
        raise errors.validation(f"Drift detection cannot be performed on stack [{stack.id}] while stack is in [{stack.status}] state.")
    return stack


@cloudformation.worker
async def detect(call: Call, key: str) -> None:
    one = call.get(Detection, key)
    if one is None or one.status != "DETECTION_IN_PROGRESS":
        return
    try:
        drifted = await examine(call.as_principal(one.principal), one.stack, one.wanted)
    except AwsError as error:
        with call.step():
            call.put(one.but(status="DETECTION_FAILED", reason=error.message))
        return
    with call.step():
        call.put(one.but(status="DETECTION_COMPLETE", found="DRIFTED" if drifted else "IN_SYNC", drifted=drifted))


async def examine(call: Call, stack_id: str, wanted: list[str]) -> int:
    """Look at all resources of a stack, or those wanted; how many are not as they were made."""
    drifted = 0
    for each in rows(call, stack_id).values():
        if not wanted or each.logical in wanted:
            drifted += (await look(call, stack_id, each)).drift["StackResourceDriftStatus"] in ("MODIFIED", "DELETED")
    with call.step():
        if (stack := lookup(call, stack_id)) is not None:
            call.put(stack.but(drift={"StackDriftStatus": "DRIFTED" if drifted else "IN_SYNC", "LastCheckTimestamp": call.now}))
    return drifted


async def look(call: Call, stack_id: str, one: Row) -> Row:
    """Compare one resource with what is there."""
    result: dict[str, Any] = {"StackResourceDriftStatus": "NOT_CHECKED"}
    if looks.can(one.type) and one.physical:
        told = {k: v for k, v in one.properties.items() if k != registry.schema(one.type).get("tags") and not secret(v)}
        wanted = resolve_dynamic(told, Dynamic(call))
        answer: list[Any] = []
        try:
            await resources.drive(call, looks.read(Resource(call, stack_id, one.logical, one.type, named(one, wanted), physical=one.physical, attributes=one.attributes)), answer.append,
                                  lambda: None)
            actual = {k: v for k, v in answer[0].items() if k in wanted}
            expected = {k: wanted[k] for k in actual}
            if not looks.exact(one.type):
                expected, actual = looks.common(expected, actual)
            found = differences(expected, actual, "")
            result = {"StackResourceDriftStatus": "MODIFIED" if found else "IN_SYNC", "differences": found, "expected": json.dumps(expected), "actual": json.dumps(actual)}
        except AwsError as error:
            if not any(part in error.code for part in ("NotFound", "NonExistent", "NoSuch", "DoesNotExist", "404")):
                raise
            result = {"StackResourceDriftStatus": "DELETED", "expected": json.dumps(wanted)}
    with call.step():
        return put_row(call, stack_id, one.but(drift=result | {"LastCheckTimestamp": call.now}))


def secret(value: Any) -> bool:
    """A property that a secret is resolved into is neither compared nor shown."""
    text = json.dumps(value)
    return "{{resolve:secretsmanager:" in text or "{{resolve:ssm-secure:" in text


def named(one: Row, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the type's functions saw: with the name that was made up for it."""
    name = registry.find(one.type).name
    return {name: one.planned, **wanted} if name and one.planned else wanted


def differences(expected: Any, actual: Any, path: str) -> list[dict[str, str]]:
    """By JSON pointer: what is not equal, what came to it, what is gone."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        out = []
        for key in dict.fromkeys((*expected, *actual)):
            here = f"{path}/{key}"
            if key not in actual:
                out.append(_difference(here, expected[key], "", "REMOVE"))
            elif key not in expected:
                out.append(_difference(here, "", actual[key], "ADD"))
            else:
                out += differences(expected[key], actual[key], here)
        return out
    if isinstance(expected, list) and isinstance(actual, list):
        missing = [x for x in expected if not any(difference.same(x, y) for y in actual)]
        extra = [x for x in actual if not any(difference.same(x, y) for y in expected)]
        return [_difference(f"{path}/{expected.index(x)}", x, "", "REMOVE") for x in missing] + [_difference(f"{path}/{actual.index(x)}", "", x, "ADD") for x in extra]
    return [] if difference.same(expected, actual) else [_difference(path, expected, actual, "NOT_EQUAL")]


def _difference(path: str, expected: Any, actual: Any, kind: str) -> dict[str, str]:
    def text(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    return {"PropertyPath": path, "ExpectedValue": text(expected), "ActualValue": text(actual), "DifferenceType": kind}


@cloudformation.op(resource=ANY)
def describe_stack_drift_detection_status(call: Call, req: t.DescribeStackDriftDetectionStatusInput) -> t.DescribeStackDriftDetectionStatusOutput:
    one = call.get(Detection, req["StackDriftDetectionId"])
    if one is None:
        raise errors.validation(f"StackDriftDetectionId {req['StackDriftDetectionId']} does not exist")
    answer: Any = {"StackId": one.stack, "StackDriftDetectionId": one.id, "DetectionStatus": one.status, "Timestamp": one.at}
    if one.reason:
        answer["DetectionStatusReason"] = one.reason
    return answer | ({"StackDriftStatus": one.found, "DriftedStackResourceCount": one.drifted} if one.found else {})


@cloudformation.op(resource=by_stack)
def describe_stack_resource_drifts(call: Call, req: t.DescribeStackResourceDriftsInput) -> t.DescribeStackResourceDriftsOutput:
    stack = find(call, req["StackName"])
    wanted = set(req.get("StackResourceDriftStatusFilters", []))
    found = [one for one in rows(call, stack.id).values() if one.drift.get("expected") is not None and (not wanted or one.drift["StackResourceDriftStatus"] in wanted)]
    page, token = paged(found, req, int(req.get("MaxResults", 100)))
    return {"StackResourceDrifts": [_shown(stack, one) for one in page], **token}


def _shown(stack: Stack, one: Row) -> dict[str, Any]:
    drift = one.drift
    out = {"StackId": stack.id, "LogicalResourceId": one.logical, "PhysicalResourceId": one.physical, "ResourceType": one.type, "Timestamp": drift["LastCheckTimestamp"],
           "StackResourceDriftStatus": drift["StackResourceDriftStatus"], "PropertyDifferences": drift.get("differences", [])}
    return out | {member: drift[key] for member, key in (("ExpectedProperties", "expected"), ("ActualProperties", "actual")) if key in drift}


@cloudformation.op(resource=by_stack)
async def detect_stack_resource_drift(call: Call, req: t.DetectStackResourceDriftInput) -> t.DetectStackResourceDriftOutput:
    stack = _checkable(call, req)
    one = row(call, stack.id, req["LogicalResourceId"])
    if one is None or not one.physical:
        raise errors.no_resource(req["LogicalResourceId"], stack.name)
    return {"StackResourceDrift": _shown(stack, await look(call, stack.id, one))}
