"""Alarms that stop a deployment: asked for when it begins, under the group's role, and heard of while it is under way."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.cloudwatch.public import AlarmMoved

from . import lifecycle
from . import service as codedeploy
from .groups import Group, acting
from .records import Deployment

ACTIVE = "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: <{}>"
UNASKED = "CodeDeploy could not poll the alarms of the deployment group: {}"


def named(one: Deployment) -> list[str]:
    return [alarm["name"] for alarm in one.alarms.get("alarms") or ()] if one.alarms.get("enabled") and one.creator != "codeDeployRollback" else []


def look(call: Call, group: Group, one: Deployment) -> None:
    """Inside a step: a deployment does not begin under an alarm."""
    names = named(one)
    if not names:
        return
    try:
        answer: Any = acting(call, group, one.id).do("cloudwatch", "DescribeAlarms", AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    except AwsError as error:
        if one.alarms.get("ignorePollAlarmFailure"):
            return
        lifecycle.stop(call, one, "ALARM_ACTIVE", UNASKED.format(error.message))
        return
    every = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
    if (missing := sorted(set(names) - {alarm["AlarmName"] for alarm in every})) and not one.alarms.get("ignorePollAlarmFailure"):
        lifecycle.stop(call, one, "ALARM_ACTIVE", UNASKED.format(f"there is no alarm {', '.join(missing)}"))
        return
    if ringing := [alarm["AlarmName"] for alarm in every if alarm["StateValue"] == "ALARM"]:
        lifecycle.stop(call, one, "ALARM_ACTIVE", ACTIVE.format(", ".join(ringing)))


@codedeploy.on(AlarmMoved)
def hear(call: Call, event: AlarmMoved) -> None:
    if event.state != "ALARM":
        return
    for group in call.all(Group):
        one = call.get(Deployment, group.active) if group.active else None
        if one is not None and not one.over and one.status != "Created" and event.alarm in named(one):
            look(call, group, one)
