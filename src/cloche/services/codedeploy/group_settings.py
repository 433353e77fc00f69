"""What a deployment group may say of itself: each setting is checked alone, then whether they go together on its compute platform."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import errors

MOST_ALARMS, MOST_TRIGGERS, MOST_TAG_SETS = 10, 10, 3
SERVICE = "codedeploy.amazonaws.com"
# of a request, kept as they are
KEPT = ("ec2TagFilters", "onPremisesInstanceTagFilters", "triggerConfigurations", "alarmConfiguration", "autoRollbackConfiguration", "outdatedInstancesStrategy", "deploymentStyle",
        "blueGreenDeploymentConfiguration", "loadBalancerInfo", "ec2TagSet", "ecsServices", "onPremisesTagSet", "ec2DeploymentOptions", "terminationHookEnabled")
PLAIN = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}
SHIFTED = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


def role(call: Call, arn: str) -> None:
    """It is handed over by whoever may, and lets CodeDeploy act."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        raise errors.role_not_an_arn(arn)
    if parts[4] != call.account:
        raise errors.bad_role(arn)
    call.pass_role(arn, SERVICE)
    try:
        call.as_role(arn, "codedeploy", SERVICE)
    except AwsError:
        raise errors.bad_role(arn) from None


def taken(call: Call, req: Any, platform: str, old: dict[str, Any]) -> dict[str, Any]:
    """The settings of a group that is made or changed."""
    out = dict(old)
    for name in KEPT:
        if name in req:
            out[name] = req[name]
    if req.get("ec2TagSet") and req.get("ec2TagFilters"):
        raise errors.two_ec2_tag_kinds()
    if req.get("onPremisesTagSet") and req.get("onPremisesInstanceTagFilters"):
        raise errors.two_premises_tag_kinds()
    for one, other in (("ec2TagSet", "ec2TagFilters"), ("onPremisesTagSet", "onPremisesInstanceTagFilters")):
        if req.get(one):
            out.pop(other, None)
        elif req.get(other):
            out.pop(one, None)
    tag_filters(out.get("ec2TagFilters"), errors.bad_ec2_tag)
    tag_filters(out.get("onPremisesInstanceTagFilters"), errors.bad_tag)
    for sets, bad in (((out.get("ec2TagSet") or {}).get("ec2TagSetList"), errors.bad_ec2_tag), ((out.get("onPremisesTagSet") or {}).get("onPremisesTagSetList"), errors.bad_tag)):
        if len(sets or ()) > MOST_TAG_SETS:
            raise errors.too_many_tag_sets()
        for group in sets or ():
            tag_filters(group, bad)
    triggers(out.get("triggerConfigurations") or [])
    alarms(out.get("alarmConfiguration") or {})
    rollback(out.get("autoRollbackConfiguration") or {})
    out["deploymentStyle"] = style(out.get("deploymentStyle"), platform)
    together(out, platform)
    return out


def tag_filters(filters: Any, bad: Any) -> None:
    for one in filters or ():
        kind = one.get("Type") or ("KEY_AND_VALUE" if "Value" in one and "Key" in one else "VALUE_ONLY" if "Value" in one else "KEY_ONLY")
        if kind != "VALUE_ONLY" and not one.get("Key"):
            raise bad(f"A tag filter of type {kind} needs a key")
        if kind != "KEY_ONLY" and one.get("Value") is None:
            raise bad(f"A tag filter of type {kind} needs a value")


def triggers(found: list[Any]) -> None:
    if len(found) > MOST_TRIGGERS:
        raise errors.too_many_triggers()
    if len({one.get("triggerName") for one in found}) < len(found):
        raise errors.bad_trigger("The trigger names of a deployment group must differ from each other")
    for one in found:
        if not one.get("triggerName") or not one.get("triggerEvents"):
            raise errors.bad_trigger("A trigger must have a name and at least one event")
        if one.get("triggerTargetArn", "").split(":")[:1] + one.get("triggerTargetArn", "").split(":")[2:3] != ["arn", "sns"]:
            raise errors.bad_trigger(f"The trigger target is not the ARN of an Amazon SNS topic: {one.get('triggerTargetArn', '')}")


def alarms(found: dict[str, Any]) -> None:
    names = [one.get("name") for one in found.get("alarms") or ()]
    if len(names) > MOST_ALARMS:
        raise errors.too_many_alarms()
    if not all(names) or len(set(names)) < len(names):
        raise errors.bad_alarms("The alarm names must not be empty, and must differ from each other")
    if found.get("enabled") and not names:
        raise errors.bad_alarms("The alarm configuration is enabled, but it names no alarms")


def rollback(found: dict[str, Any]) -> None:
    if found.get("enabled") and not found.get("events"):
        raise errors.bad_rollback("The automatic rollback configuration is enabled, but no events are listed")


def style(found: Any, platform: str) -> dict[str, str]:
    plain = PLAIN if platform == "Server" else SHIFTED
    wanted = {**plain, **(found or {})}
    if platform != "Server" and wanted != SHIFTED:
        raise errors.bad_style(f"For the compute platform {platform}, the deployment type must be BLUE_GREEN and the deployment option WITH_TRAFFIC_CONTROL")
    return wanted


def together(out: dict[str, Any], platform: str) -> None:
    balancer, colours, form = out.get("loadBalancerInfo") or {}, out.get("blueGreenDeploymentConfiguration"), out["deploymentStyle"]
    if platform == "Lambda":
        if balancer:
            raise errors.bad_balancer("A load balancer cannot be given for the compute platform Lambda")
        return
    if platform == "ECS":
        if not out.get("ecsServices"):
            raise errors.bad_ecs_service("An Amazon ECS service must be given for the compute platform ECS")
        pairs = balancer.get("targetGroupPairInfoList") or []
        if not pairs:
            raise errors.bad_balancer("A target group pair must be given for the compute platform ECS")
        for one in pairs:
            if len(one.get("targetGroups") or ()) != 2 or not (one.get("prodTrafficRoute") or {}).get("listenerArns"):
                raise errors.bad_pair("A target group pair has two target groups and the listener of its production traffic")
        if not colours or "terminateBlueInstancesOnDeploymentSuccess" not in colours or "deploymentReadyOption" not in colours:
            raise errors.bad_blue_green("For the compute platform ECS, terminateBlueInstancesOnDeploymentSuccess and deploymentReadyOption must be given")
        return
    if balancer.get("targetGroupPairInfoList"):
        raise errors.bad_balancer("Target group pairs are for the compute platform ECS")
    if form["deploymentOption"] == "WITH_TRAFFIC_CONTROL" and not (balancer.get("elbInfoList") or balancer.get("targetGroupInfoList")):
        raise errors.bad_balancer("A load balancer must be given when the deployment option is WITH_TRAFFIC_CONTROL")
    if form["deploymentType"] == "BLUE_GREEN":
        if form["deploymentOption"] != "WITH_TRAFFIC_CONTROL":
            raise errors.bad_style("A blue/green deployment needs the deployment option WITH_TRAFFIC_CONTROL")
        if not colours:
            raise errors.bad_blue_green("A blue/green deployment configuration must be given")
        for option, member in (("terminateBlueInstancesOnDeploymentSuccess", "terminationWaitTimeInMinutes"), ("deploymentReadyOption", "waitTimeInMinutes")):
            if not 0 <= (colours.get(option) or {}).get(member, 0) <= 2880:
                raise errors.bad_blue_green(f"{member} must be between 0 and 2880 minutes")
