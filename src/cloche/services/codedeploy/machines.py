"""Which machines a deployment is for, by tags and Auto Scaling groups, as the group's role sees them; on-premises instances by their own tags."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import on_premises
from .groups import Group


def chosen(role: Call, group: Group) -> list[tuple[str, str]]:
    """(id, ARN) of the group's machines. Inside a step."""
    found = {id_: arn for id_, (arn, tags) in running(role).items() if by_tags(tags, group.settings.get("ec2TagFilters"), group.setting("ec2TagSet").get("ec2TagSetList"))}
    found |= of_scaling(role, list(group.scaling))
    for one in on_premises.present(role):
        if by_tags(one.tags, group.settings.get("onPremisesInstanceTagFilters"), group.setting("onPremisesTagSet").get("onPremisesTagSetList")):
            found[one.name] = one.arn
    return sorted(found.items())


def asked_for(role: Call, wanted: dict[str, Any]) -> list[tuple[str, str]]:
    """Those that a request names as the replacement environment."""
    found = {id_: arn for id_, (arn, tags) in running(role).items() if by_tags(tags, wanted.get("tagFilters"), (wanted.get("ec2TagSet") or {}).get("ec2TagSetList"))}
    return sorted((found | of_scaling(role, wanted.get("autoScalingGroups") or [])).items())


def by_tags(tags: dict[str, str], filters: Any, groups: Any) -> bool:
    """Any of the filters; or, of tag groups, any of each."""
    if filters:
        return on_premises.matches(tags, filters)
    return bool(groups) and all(on_premises.matches(tags, group) for group in groups)


def running(role: Call) -> dict[str, tuple[str, dict[str, str]]]:
    answer: Any = role.do("ec2", "DescribeInstances", Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    return {one["InstanceId"]: (arn(role, one["InstanceId"]), {tag["Key"]: tag["Value"] for tag in one.get("Tags") or ()}) for each in answer.get("Reservations") or () for one in each["Instances"]}


def arn(call: Call, id_: str) -> str:
    return call.arn(f"instance/{id_}", service="ec2")


def of_scaling(role: Call, names: list[str]) -> dict[str, str]:
    if not names:
        return {}
    answer: Any = role.do("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=names)
    return {one["InstanceId"]: arn(role, one["InstanceId"]) for group in answer["AutoScalingGroups"] for one in group.get("Instances") or () if one["LifecycleState"] in ("InService", "Standby")}
