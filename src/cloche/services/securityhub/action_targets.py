"""Custom actions: names under which the console's users send findings to EventBridge. (Sending is the console's own: AWS has no operation for it.)"""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call, Record, pages

from . import errors, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

MOST = 50


class ActionTarget(Record, frozen=True):
    kind = "securityhub.action-target"

    id: str
    name: str
    description: str

    @property
    def key(self) -> str:
        return self.id


def arn(call: Call, id_: str) -> str:
    return call.arn(f"action/custom/{id_}")


def find(call: Call, text: str) -> ActionTarget:
    hub.find(call)
    found = next((one for one in call.all(ActionTarget) if arn(call, one.id) == text), None)
    if found is None:
        raise errors.missing(f"ActionTarget {text}")
    return found


@securityhub.op(hub.arn)
def create_action_target(call: Call, req: t.CreateActionTargetRequest) -> t.CreateActionTargetResponse:
    hub.find(call)
    if not (req["Id"].isascii() and req["Id"].isalnum() and len(req["Id"]) <= 20) or len(req["Name"]) > 20:
        raise errors.invalid("Invalid parameter: Id has up to 20 letters and digits, Name up to 20 characters.")
    if call.get(ActionTarget, req["Id"]):
        raise errors.conflict(f"Action target with the Id {req['Id']} already exists.")
    if len(call.all(ActionTarget)) >= MOST:
        raise errors.limit("custom actions")
    call.put(ActionTarget(req["Id"], req["Name"], req["Description"]))
    return {"ActionTargetArn": arn(call, req["Id"])}


@securityhub.op(hub.arn)
def describe_action_targets(call: Call, req: t.DescribeActionTargetsRequest) -> t.DescribeActionTargetsResponse:
    hub.find(call)
    those = [find(call, one) for one in req["ActionTargetArns"]] if req.get("ActionTargetArns") else sorted(call.all(ActionTarget), key=lambda one: one.id)
    found, more = pages.page(those, req, lambda one: one.id, 100, errors.bad_token)
    return {"ActionTargets": [{"ActionTargetArn": arn(call, one.id), "Name": one.name, "Description": one.description} for one in found], **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def update_action_target(call: Call, req: t.UpdateActionTargetRequest) -> t.UpdateActionTargetResponse:
    one = find(call, req["ActionTargetArn"])
    call.put(one.but(name=req.get("Name", one.name), description=req.get("Description", one.description)))
    return {}


@securityhub.op(hub.arn)
def delete_action_target(call: Call, req: t.DeleteActionTargetRequest) -> t.DeleteActionTargetResponse:
    call.delete(find(call, req["ActionTargetArn"]))
    return {"ActionTargetArn": req["ActionTargetArn"]}
