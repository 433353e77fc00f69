"""Lifecycle hooks: an instance waits, on its way in or out, until somebody says CONTINUE or ABANDON or the heartbeat runs out."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, AwsEvent, Call, Record
from cloche.services.sns import public as sns
from cloche.services.sqs import public as sqs

from . import activities, errors
from . import service as autoscaling
from .groups import Group, by_name, find, tags_context
from .instances import Instance, of_group
from .public import Waiting

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
PER_GROUP = 50
HEARTBEAT, LONGEST = 3_600, 172_800


class Hook(Record, frozen=True):
    kind = "autoscaling.hook"

    group: str
    name: str
    transition: str
    heartbeat: int = HEARTBEAT
    result: str = "ABANDON"
    target: str = ""
    role: str = ""
    metadata: str = ""

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"


def of_group_(call: Call, group: str) -> list[Hook]:
    return sorted((h for h in call.all(Hook) if h.group == group), key=lambda h: h.name)


def put(call: Call, group: Group, req: Any) -> None:
    old = call.get(Hook, f"{group.name}/{req['LifecycleHookName']}")
    transition = req.get("LifecycleTransition") or (old.transition if old else None)
    if transition is None:
        raise errors.invalid("LifecycleTransition is required when creating a lifecycle hook.")
    if transition not in (LAUNCHING, TERMINATING):
        raise errors.invalid(f"Invalid lifecycle transition: {transition}")
    heartbeat = req.get("HeartbeatTimeout", old.heartbeat if old else HEARTBEAT)
    if not 30 <= heartbeat <= 7_200:
        raise errors.invalid("HeartbeatTimeout must be between 30 and 7200 seconds.")
    result = req.get("DefaultResult", old.result if old else "ABANDON")
    if result not in ("CONTINUE", "ABANDON"):
        raise errors.invalid(f"Invalid DefaultResult: {result}. Valid values are CONTINUE and ABANDON.")
    target, role = req.get("NotificationTargetARN", old.target if old else ""), req.get("RoleARN", old.role if old else "")
    if target and target.split(":")[2:3] not in (["sns"], ["sqs"]):
        raise errors.invalid("Invalid notification target: it must be an Amazon SNS topic or an Amazon SQS queue.")
    if target and not role:
        raise errors.invalid("RoleARN is required with a NotificationTargetARN.")
    if old is None and len(of_group_(call, group.name)) >= PER_GROUP:
        raise errors.limit("lifecycle hooks")
    if role:
        call.pass_role(role, "autoscaling.amazonaws.com")
    hook = call.put(Hook(group.name, req["LifecycleHookName"], transition, heartbeat, result, target, role, req.get("NotificationMetadata", old.metadata if old else "")))
    if target:
        try:
            deliver(call, group, hook, {"Event": "autoscaling:TEST_NOTIFICATION"})
        except AwsError as error:
            raise errors.invalid(f"Unable to publish test message to notification target {target} using IAM role {role}. Please check your target and role configuration and try to put "
                                 f"lifecycle hook again. ({error.code})") from None


@autoscaling.op(resource=by_name, context=tags_context)
def put_lifecycle_hook(call: Call, req: t.PutLifecycleHookType) -> None:
    put(call, find(call, req["AutoScalingGroupName"]), req)


@autoscaling.op(resource=lambda call, req: "*")
def describe_lifecycle_hooks(call: Call, req: t.DescribeLifecycleHooksType) -> t.DescribeLifecycleHooksAnswer:
    group, names = find(call, req["AutoScalingGroupName"]), req.get("LifecycleHookNames")
    out = []
    for h in of_group_(call, group.name):
        if not names or h.name in names:
            one: dict[str, Any] = {"LifecycleHookName": h.name, "AutoScalingGroupName": h.group, "LifecycleTransition": h.transition, "HeartbeatTimeout": h.heartbeat,
                                   "GlobalTimeout": min(h.heartbeat * 100, LONGEST), "DefaultResult": h.result}
            for member, value in (("NotificationTargetARN", h.target), ("RoleARN", h.role), ("NotificationMetadata", h.metadata)):
                if value:
                    one[member] = value
            out.append(one)
    return {"LifecycleHooks": out}  # type: ignore[typeddict-item]


@autoscaling.op(resource=lambda call, req: "*")
def describe_lifecycle_hook_types(call: Call, req: Any) -> t.DescribeLifecycleHookTypesAnswer:
    return {"LifecycleHookTypes": [LAUNCHING, TERMINATING]}


@autoscaling.op(resource=by_name, context=tags_context)
def delete_lifecycle_hook(call: Call, req: t.DeleteLifecycleHookType) -> None:
    """Who waits for it goes on: on launching as if abandoned, else as if continued."""
    group = find(call, req["AutoScalingGroupName"])
    hook = call.get(Hook, f"{group.name}/{req['LifecycleHookName']}")
    if hook is None:
        raise errors.no_such_hook(req["LifecycleHookName"])
    call.delete(hook)
    for one in of_group(call, group.name):
        if one.hook == hook.name:
            complete(call, one, "ABANDON" if hook.transition == LAUNCHING else "CONTINUE")


def forget(call: Call, group: str) -> None:
    for hook in of_group_(call, group):
        call.delete(hook)


# -- waiting ----------------------------------------------------------------------------------------------------------

def next_of(call: Call, group: Group, one: Instance, transition: str) -> Hook | None:
    return next((h for h in of_group_(call, group.name) if h.transition == transition and h.name not in one.done_hooks), None)


def begin(call: Call, group: Group, one: Instance, hook: Hook, lifecycle: str) -> None:
    token = call.uuid()
    one = call.put(one.but(lifecycle=lifecycle, hook=hook.name, token=token, done_hooks=[*one.done_hooks, hook.name], heartbeat=call.now, result=""))
    if one.activity:
        activities.move(call, one.activity, "MidLifecycleAction", 50)
    call.after(hook.heartbeat, run_out, name=f"{group.name}/{one.id}", group=group.name, instance=one.id, token=token)
    word = "launch" if hook.transition == LAUNCHING else "terminate"
    detail = {"LifecycleActionToken": token, "AutoScalingGroupName": group.name, "LifecycleHookName": hook.name, "EC2InstanceId": one.id, "LifecycleTransition": hook.transition}
    if hook.metadata:
        detail["NotificationMetadata"] = hook.metadata
    places = {"Origin": "EC2" if word == "launch" else "AutoScalingGroup", "Destination": "AutoScalingGroup" if word == "launch" else "EC2"}
    call.emit(AwsEvent("aws.autoscaling", f"EC2 Instance-{word} Lifecycle Action", detail | places, [group.arn]))
    call.emit(Waiting(group.name, hook.name, one.id, token))
    if hook.target:
        try:
            with call.step():
                deliver(call, group, hook, detail | places)
        except AwsError as error:
            call.cloud.memory["autoscaling.hook"] = (group.name, hook.name, error.code)


def deliver(call: Call, group: Group, hook: Hook, more: dict[str, Any]) -> None:
    role = call.as_role(hook.role, "AutoScaling", "autoscaling.amazonaws.com")
    message = json.dumps({"AutoScalingGroupName": group.name, "Service": "AWS Auto Scaling", "Time": activities.stamp(call.now), "AccountId": call.account, "RequestId": call.uuid(),
                          "AutoScalingGroupARN": group.arn} | more)
    if hook.target.split(":")[2] == "sqs":
        sqs.send(role, hook.target, MessageBody=message)
    else:
        sns.publish(role, hook.target, Subject=f"Auto Scaling:  Lifecycle action '{'LAUNCHING' if hook.transition == LAUNCHING else 'TERMINATING'}' for group \"{group.name}\""[:100], Message=message)


def cancel(call: Call, one: Instance) -> None:
    call.cancel(run_out, f"{one.group}/{one.id}")


@autoscaling.timer
def run_out(call: Call, group: str, instance: str, token: str) -> None:
    one = call.get(Instance, instance)
    if one is None or one.token != token:
        return
    hook = call.get(Hook, f"{group}/{one.hook}")
    complete(call, one, hook.result if hook else "ABANDON")


def complete(call: Call, one: Instance, result: str) -> None:
    from . import reconciling
    call.cancel(run_out, f"{one.group}/{one.id}")
    call.put(one.but(lifecycle=one.lifecycle.split(":")[0] + ":Proceed", hook="", token="", result=result))
    reconciling.soon(call, one.group)


def waiting(call: Call, req: Any) -> tuple[Hook, Instance]:
    """The instance that waits for this hook, by its id or its token."""
    group = find(call, req["AutoScalingGroupName"])
    hook = call.get(Hook, f"{group.name}/{req['LifecycleHookName']}")
    if hook is None:
        raise errors.no_such_hook(req["LifecycleHookName"])
    id_, token = req.get("InstanceId"), req.get("LifecycleActionToken")
    if id_ is None and token is None:
        raise errors.invalid("Either InstanceId or LifecycleActionToken must be given.")
    for one in of_group(call, group.name):
        if one.hook == hook.name and (id_ == one.id if id_ is not None else token == one.token):
            return hook, one
    raise errors.no_such_lifecycle_action(id_ or token)


@autoscaling.op(resource=by_name, context=tags_context)
def complete_lifecycle_action(call: Call, req: t.CompleteLifecycleActionType) -> None:
    if req["LifecycleActionResult"] not in ("CONTINUE", "ABANDON"):
        raise errors.invalid(f"Invalid LifecycleActionResult: {req['LifecycleActionResult']}. Valid values are CONTINUE and ABANDON.")
    complete(call, waiting(call, req)[1], req["LifecycleActionResult"])


@autoscaling.op(resource=by_name, context=tags_context)
def record_lifecycle_action_heartbeat(call: Call, req: t.RecordLifecycleActionHeartbeatType) -> None:
    """The heartbeat begins again; never beyond a hundred of them, or two days."""
    hook, one = waiting(call, req)
    last = one.heartbeat + min(hook.heartbeat * 100, LONGEST)
    call.due(min(call.now + hook.heartbeat, last), run_out, name=f"{one.group}/{one.id}", group=one.group, instance=one.id, token=one.token)
