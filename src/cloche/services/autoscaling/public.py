"""What CloudWatch asks of groups: to follow an alarm, and how large they are."""
from __future__ import annotations

from cloche.kernel import Call, Event

from .groups import Group
from .instances import of_group


class Waiting(Event, frozen=True):
    """An instance waits for a lifecycle hook."""

    kind = "autoscaling.waiting"

    group: str
    hook: str
    instance: str
    token: str


def alarmed(call: Call, policy: str, alarm: str, state: str) -> None:
    """The alarm is in a state for which it names this policy; inside a step. Raises ValidationError for a policy that is gone."""
    from . import policies
    call.cloud.service("autoscaling")
    policies.alarmed(call.of("autoscaling"), policy, alarm, state)


def gauges(call: Call, name: str) -> list[tuple[str, float, str]]:
    """The levels that the group has switched on."""
    there = call.of("autoscaling")
    group = there.get(Group, name)
    if group is None or not group.metrics:
        return []
    members = of_group(there, name)

    def count(*starts: str) -> int:
        return sum(not one.warm and one.lifecycle.split(":")[0] in starts for one in members)

    levels = {
        "GroupMinSize": group.least, "GroupMaxSize": group.most, "GroupDesiredCapacity": group.desired, "GroupInServiceInstances": count("InService"), "GroupPendingInstances": count("Pending"),
        "GroupStandbyInstances": count("Standby", "EnteringStandby"), "GroupTerminatingInstances": count("Terminating"), "GroupTotalInstances": sum(not one.warm for one in members),
    }
    levels |= {metric.replace("Instances", "Capacity"): value for metric, value in levels.items() if metric.endswith("Instances")}
    return [(metric, float(value), "None") for metric, value in levels.items() if metric in group.metrics]


__all__ = ["alarmed", "gauges"]


def keeps_role(call: Call) -> list[str]:
    """What keeps the service-linked role from being deleted: groups."""
    return [one.arn for one in call.of("autoscaling").all(Group)]
