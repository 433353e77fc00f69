"""Hooks of Lambda and ECS deployments: a function is called with two ids, and must say itself how it went, within the hour."""
from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from cloche.kernel import AwsError, Call, Record

from . import errors, lifecycle, records
from . import service as codedeploy
from .groups import acting
from .records import Deployment, Target, happened

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

PATIENCE_SECONDS = 3600.0
FAILED = "The overall deployment failed because one or more of the lifecycle event validation functions failed: {event} ({function}) {why}"


class Execution(Record, frozen=True):
    kind = "codedeploy.hook"

    id: str
    deployment: str
    target: str
    event: str
    function: str
    sent: bool = False
    status: str = ""

    @property
    def key(self) -> str:
        return self.id


async def run(call: Call, one: Deployment, target: Target, event: str) -> bool:
    """One hooked event, or one that nothing hooks: True when it is over."""
    function = one.hooks.get(event)
    if function is None:
        with call.step():
            happened(call, target, event, "Succeeded", code="Success", message="Succeeded")
        return True
    with call.step():
        made = call.get(Execution, target.info.get("hook", ""))
        if made is None or made.event != event:
            made = call.put(Execution(base64.b64encode(f"{one.id}:{event}:{call.uuid()}".encode()).decode(), one.id, target.id, event, function))
            target = happened(call, call.put(target.but(info={**target.info, "hook": made.id})), event, "InProgress", script=function)
            call.after(PATIENCE_SECONDS, unanswered, made.id, execution=made.id)
    if made.sent:
        return False
    payload = json.dumps({"DeploymentId": one.id, "LifecycleEventHookExecutionId": made.id})
    try:
        group = lifecycle.group_of(call, one)
        if group is None:
            raise lifecycle.Failure("DEPLOYMENT_GROUP_MISSING", f"The deployment group {one.group} does not exist.")
        await acting(call, group, one.id).do("lambda", "Invoke", FunctionName=function, InvocationType="Event", Payload=payload.encode())
    except AwsError as error:
        code = "IAM_ROLE_PERMISSIONS" if "AccessDenied" in error.code else "INVALID_LAMBDA_FUNCTION" if error.code == "ResourceNotFoundException" else "HOOK_EXECUTION_FAILURE"
        with call.step():
            happened(call, call.get(Target, target.key) or target, event, "Failed", code="UnknownError", message=error.message)
        raise lifecycle.Failure(code, error.message) from None
    with call.step():
        if (made := call.get(Execution, made.id)) is not None:
            call.put(made.but(sent=True))
    now = call.get(Target, target.key)
    return now is not None and (now.current is None or now.current.name != event)


@codedeploy.op(records.arn)
def put_lifecycle_event_hook_execution_status(call: Call, req: t.PutLifecycleEventHookExecutionStatusInput) -> t.PutLifecycleEventHookExecutionStatusOutput:
    one = records.find(call, req.get("deploymentId"))
    if one.platform == "Server":
        raise errors.unsupported_action("Only deployments to the compute platforms Lambda and ECS have validation functions.")
    id_, status = req.get("lifecycleEventHookExecutionId") or "", req.get("status") or ""
    if status not in ("Succeeded", "Failed"):
        raise errors.bad_hook_status(status)
    made = call.get(Execution, id_)
    if made is None or made.deployment != one.id:
        raise errors.bad_hook_id(id_)
    if made.status or one.over:
        raise errors.hook_answered()
    call.cancel(unanswered, made.id)
    call.put(made.but(status=status))
    ended(call, one, made, "" if status == "Succeeded" else "answered Failed.")
    return {"lifecycleEventHookExecutionId": id_}


@codedeploy.timer
def unanswered(call: Call, execution: str) -> None:
    made = call.get(Execution, execution)
    one = call.get(Deployment, made.deployment) if made else None
    if made is None or one is None or one.over or made.status:
        return
    call.put(made.but(status="Failed"))
    ended(call, one, made, "did not answer within one hour.")


def ended(call: Call, one: Deployment, made: Execution, why: str) -> None:
    target = call.get(Target, f"{one.id}/{made.target}")
    if target is None:
        return
    message = FAILED.format(event=made.event, function=made.function, why=why)
    happened(call, target, made.event, "Failed" if why else "Succeeded", code="ScriptFailed" if why else "Success", message=message if why else "Succeeded")
    if why:
        lifecycle.fail(call, one.id, "HOOK_EXECUTION_FAILURE", message)
    else:
        call.wake(lifecycle.carry, one.id)


def forget(call: Call, one: Deployment) -> None:
    """The deployment is over: nobody waits for its hooks."""
    for target in records.targets(call, one):
        if (made := call.get(Execution, target.info.get("hook", ""))) is not None and not made.status:
            call.cancel(unanswered, made.id)


