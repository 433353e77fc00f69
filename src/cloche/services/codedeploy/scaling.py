"""Auto Scaling: a deployment group has a lifecycle hook in each group it names, and deploys to every instance on its way in before that is let into service."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.autoscaling.public import Waiting

from . import errors
from . import service as codedeploy
from .groups import Group, acting
from .records import Deployment

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
HEARTBEAT_SECONDS = 3600


def hooked(call: Call, group: Group, wanted: list[str]) -> Group:
    """Hooks for groups that are new, none for those that are left."""
    entry, leave = dict(group.scaling), dict(group.leaving)
    role = acting(call, group) if wanted or entry else None
    for name in [name for name in entry if name not in wanted]:
        _unhook(role, name, entry.pop(name), leave.pop(name, ""))
    for name in wanted:
        if name not in entry:
            _exists(role, name)
            entry[name] = _hook(call, role, name, f"CodeDeploy-managed-automatic-launch-deployment-hook-{group.name}", LAUNCHING, "ABANDON")
        if group.settings.get("terminationHookEnabled") and name not in leave:
            leave[name] = _hook(call, role, name, f"CodeDeploy-managed-automatic-termination-deployment-hook-{group.name}", TERMINATING, "CONTINUE")
        elif not group.settings.get("terminationHookEnabled") and name in leave:
            _unhook(role, name, leave.pop(name))
    return group.but(scaling=entry, leaving=leave)


def _exists(role: Any, name: str) -> None:
    try:
        found = role.do("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name])["AutoScalingGroups"]
    except AwsError:
        found = []
    if not found:
        raise errors.no_such_auto_scaling_group(name)


def _hook(call: Call, role: Any, name: str, prefix: str, transition: str, result: str) -> str:
    hook = f"{prefix[:200]}-{call.uuid()}"
    role.do("autoscaling", "PutLifecycleHook", AutoScalingGroupName=name, LifecycleHookName=hook, LifecycleTransition=transition, HeartbeatTimeout=HEARTBEAT_SECONDS, DefaultResult=result)
    return hook


def _unhook(role: Any, name: str, *hooks: str) -> bool:
    """Whether they are gone; a hook, or a group, that is not there is."""
    for hook in filter(None, hooks):
        try:
            role.do("autoscaling", "DeleteLifecycleHook", AutoScalingGroupName=name, LifecycleHookName=hook)
        except AwsError as error:
            if "AccessDenied" in error.code or "Unauthorized" in error.code:
                return False
    return True


def unhooked(call: Call, group: Group) -> list[dict[str, str]]:
    """The hooks that could not be taken back."""
    if not group.scaling:
        return []
    try:
        role = acting(call, group)
    except AwsError:
        return [{"name": name, "hook": hook} for name, hook in group.scaling.items()]
    return [{"name": name, "hook": hook} for name, hook in group.scaling.items() if not _unhook(role, name, hook, group.leaving.get(name, ""))]


@codedeploy.on(Waiting)
def hear(call: Call, event: Waiting) -> None:
    """An instance waits: what the group has last deployed well goes there. A group that never deployed lets it pass."""
    from . import deployments
    for group in call.all(Group):
        going = group.leaving.get(event.group) == event.hook
        if group.scaling.get(event.group) != event.hook and not going:
            continue
        good = call.get(Deployment, group.good)
        lifecycle = {"group": event.group, "hook": event.hook, "instance": event.instance}
        if good is None:
            complete(call, group, lifecycle, "CONTINUE")
        else:
            deployments.begin(call, group, good.revision, creator="autoscalingTermination" if going else "autoscaling", config="CodeDeployDefault.OneAtATime", aside=True,
                              rollback={}, asked={"fileExistsBehavior": "OVERWRITE"}, fleet={"lifecycle": lifecycle})


def told(call: Call, group: Group, one: Deployment) -> None:
    """A deployment is over; was it one for an instance that waits?"""
    if lifecycle := one.fleet.get("lifecycle"):
        complete(call, group, lifecycle, "CONTINUE" if one.status == "Succeeded" or one.creator == "autoscalingTermination" else "ABANDON")


def complete(call: Call, group: Group, lifecycle: dict[str, str], result: str) -> None:
    try:
        with call.step():
            acting(call, group).do("autoscaling", "CompleteLifecycleAction", AutoScalingGroupName=lifecycle["group"], LifecycleHookName=lifecycle["hook"], InstanceId=lifecycle["instance"],
                                   LifecycleActionResult=result)
    except AwsError as error:
        call.cloud.memory["codedeploy.unhooked"] = (group.key, lifecycle, error.code)  # its heartbeat runs out
