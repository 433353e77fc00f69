"""The resources of a stack, as they are described and listed."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as cloudformation
from .records import Row, Stack, by_stack, find, lookup, row, rows
from .settling import settled
from .stacks import paged

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t


DRIFT = ("StackResourceDriftStatus", "LastCheckTimestamp")


def _shown(stack: Stack, one: Row, moment: str) -> dict[str, Any]:
    out: dict[str, Any] = {"LogicalResourceId": one.logical, "ResourceType": one.type, moment: one.updated, "ResourceStatus": one.status,
                           "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"} | {k: v for k, v in one.drift.items() if k in DRIFT}}
    if one.physical:
        out["PhysicalResourceId"] = one.physical
    if one.reason:
        out["ResourceStatusReason"] = one.reason
    return out


@cloudformation.op(resource=by_stack)
async def describe_stack_resource(call: Call, req: t.DescribeStackResourceInput) -> t.DescribeStackResourceOutput:
    stack = await settled(call, find(call, req["StackName"]).id)
    if (one := row(call, stack.id, req["LogicalResourceId"])) is None or not one.status:
        raise errors.no_resource(req["LogicalResourceId"], stack.name)
    detail = {"StackName": stack.name, "StackId": stack.id} | _shown(stack, one, "LastUpdatedTimestamp")
    detail["Metadata"] = json.dumps(one.metadata or {})
    if one.description:
        detail["Description"] = one.description
    return {"StackResourceDetail": detail}


def _asked(call: Call, req: Any) -> str:
    if req.get("StackName"):
        return by_stack(call, req)
    stack = _owner(call, req.get("PhysicalResourceId", ""))
    return stack.id if stack else call.arn("stack/*/*")


def _owner(call: Call, physical: str) -> Stack | None:
    for (id_,) in call.sql("SELECT stack FROM cloudformation_resource WHERE physical=?", physical):
        stack = lookup(call, id_)
        if stack is not None and stack.status != "DELETE_COMPLETE":
            return stack
    return None


@cloudformation.op(resource=_asked)
async def describe_stack_resources(call: Call, req: t.DescribeStackResourcesInput) -> t.DescribeStackResourcesOutput:
    if name := req.get("StackName"):
        if req.get("PhysicalResourceId"):
            raise errors.validation("You must specify either StackName or PhysicalResourceId, but not both.")
        stack = await settled(call, find(call, name).id)
    else:
        physical = req.get("PhysicalResourceId", "")
        if not physical:
            raise errors.validation("Either StackName or PhysicalResourceId must be specified.")
        owner = _owner(call, physical)
        if owner is None:
            raise errors.no_physical(physical)
        stack = owner
    wanted = req.get("LogicalResourceId")
    found = [one for one in rows(call, stack.id).values() if one.status and (not wanted or one.logical == wanted)]
    if wanted and not found:
        raise errors.no_resource(wanted, stack.name)
    return {"StackResources": [{"StackName": stack.name, "StackId": stack.id} | _shown(stack, one, "Timestamp") for one in found[:100]]}


@cloudformation.op(resource=by_stack)
async def list_stack_resources(call: Call, req: t.ListStackResourcesInput) -> t.ListStackResourcesOutput:
    stack = await settled(call, find(call, req["StackName"]).id)
    page, token = paged([one for one in rows(call, stack.id).values() if one.status], req)
    return {"StackResourceSummaries": [_shown(stack, one, "LastUpdatedTimestamp") for one in page], **token}
