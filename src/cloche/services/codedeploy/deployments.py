"""Deployments: made, shown, listed, stopped and let go on. What they do meanwhile is `lifecycle`'s."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages

from . import applications, configs, errors, group_settings, groups, lifecycle, names, records, revisions
from . import service as codedeploy
from .groups import Group
from .records import Deployment

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

PAGE, BATCH, DESCRIPTION = 100, 25, 256
# of a request, kept as they are, and what they are where it is silent
ASKED: dict[str, Any] = {"ignoreApplicationStopFailures": False, "updateOutdatedInstancesOnly": False, "fileExistsBehavior": "DISALLOW", "targetInstances": None, "deploymentMode": None,
                         "overrideAlarmConfiguration": None, "ec2DeploymentOptions": None}


def begin(call: Call, group: Group, revision: dict[str, Any], *, creator: str = "user", config: str = "", description: str = "", previous: dict[str, Any] | None = None,
          asked: dict[str, Any] | None = None, rollback: dict[str, Any] | None = None, alarms: dict[str, Any] | None = None, back: dict[str, str] | None = None, aside: bool = False,
          external: str = "", fleet: dict[str, Any] | None = None) -> Deployment:
    """A deployment that the worker takes up. `aside`: beside the group's own one (new instances of an Auto Scaling group)."""
    one = Deployment(
        "d-" + call.pick(names.LETTERS, 9), group.application, group.name, group.id, group.platform, config or group.config, revision, call.now, creator, previous=previous or group.revision,
        description=description, style=group.setting("deploymentStyle"), asked=asked or {}, rollback=rollback if rollback is not None else group.setting("autoRollbackConfiguration"),
        alarms=alarms if alarms is not None else group.setting("alarmConfiguration"), colours=group.setting("blueGreenDeploymentConfiguration"), balancer=group.setting("loadBalancerInfo"),
        services=group.settings.get("ecsServices") or [], back=back or {}, external=external, fleet=fleet or {})
    call.put(one)
    if not aside:
        revisions.used(call, group.application, revision, one.id)
        revisions.aimed(call, group.application, group.revision, revision, group.name)
        call.put(group.but(active=one.id, last=one.id, revision=revision))
    call.wake(lifecycle.carry, one.id)
    return one


@codedeploy.op(names.group, partly="revisions in GitHub, deploymentMode RESTART and Auto Scaling processes that are to be suspended are refused")
def create_deployment(call: Call, req: t.CreateDeploymentInput) -> t.CreateDeploymentOutput:
    application = applications.find(call, req["applicationName"])
    if not req.get("deploymentGroupName"):
        raise errors.group_name_required()
    group = groups.find(call, application.name, req["deploymentGroupName"])
    if not req.get("revision"):
        raise errors.revision_required()
    revision = revisions.checked(req["revision"], application.platform)
    refuse_unbuilt(req, revision)
    config = configs.for_platform(call, req["deploymentConfigName"], application.platform).name if req.get("deploymentConfigName") else group.config
    group_settings.rollback(req.get("autoRollbackConfiguration") or {})
    group_settings.alarms(req.get("overrideAlarmConfiguration") or {})
    targets = req.get("targetInstances") or {}
    if targets:
        if group.setting("deploymentStyle").get("deploymentType") != "BLUE_GREEN" or application.platform != "Server":
            raise errors.bad_targets("Target instances are for the replacement environment of a blue/green deployment to the compute platform Server only.")
        if targets.get("tagFilters") and targets.get("ec2TagSet"):
            raise errors.two_ec2_tag_kinds()
        group_settings.tag_filters(targets.get("tagFilters"), errors.bad_ec2_tag)
    if group.active:
        raise errors.active(group.name, group.active)
    made = begin(
        call, group, revision, creator="CloudFormation" if "cloudformation.amazonaws.com" in call.principal.via else "user", config=config, description=req.get("description", ""),
        asked={name: req[name] for name in ASKED if name in req}, rollback=req.get("autoRollbackConfiguration"),  # type: ignore[literal-required, arg-type]
        alarms=req.get("overrideAlarmConfiguration"))  # type: ignore[arg-type]
    return {"deploymentId": made.id}


def refuse_unbuilt(req: Any, revision: dict[str, Any]) -> None:
    """What AWS has and Cloche has not is said, not passed over."""
    if revision["revisionType"] == "GitHub":
        raise errors.bad_revision("Cloche does not reach GitHub: put the revision into a bucket.")
    if req.get("deploymentMode") == "RESTART":
        raise errors.invalid_input("Cloche does not build the deployment mode RESTART.")
    if (req.get("ec2DeploymentOptions") or {}).get("autoScalingGroupProcessesToSuspend"):
        raise errors.invalid_input("Cloche does not suspend processes of Auto Scaling groups during a deployment.")


# -- looking ----------------------------------------------------------------------------------------------------------------

def brief(call: Call, id_: str) -> dict[str, Any] | None:
    one = call.get(Deployment, id_) if id_ else None
    if one is None:
        return None
    return {"deploymentId": one.id, "status": one.status, "createTime": one.created} | ({"endTime": one.ended} if one.ended else {})


def info(call: Call, one: Deployment) -> dict[str, Any]:
    from . import targets
    out: dict[str, Any] = {
        "applicationName": one.application, "deploymentGroupName": one.group, "deploymentConfigName": one.config, "deploymentId": one.id, "revision": one.revision, "status": one.status,
        "createTime": one.created, "creator": one.creator, "deploymentOverview": targets.overview(call, one), "computePlatform": one.platform, "deploymentStyle": one.style,
        "ignoreApplicationStopFailures": False, "updateOutdatedInstancesOnly": False, "fileExistsBehavior": "DISALLOW", "instanceTerminationWaitTimeStarted": one.waiting,
    } | {name: value for name, value in one.asked.items() if value is not None}
    for member, value in (("previousRevision", one.previous), ("errorInformation", one.error), ("startTime", one.started), ("completeTime", one.ended), ("description", one.description),
                          ("autoRollbackConfiguration", one.rollback), ("rollbackInfo", one.back), ("blueGreenDeploymentConfiguration", one.colours), ("loadBalancerInfo", one.balancer),
                          ("externalId", one.external)):
        if value:
            out[member] = value
    return out


@codedeploy.op(records.arn)
def get_deployment(call: Call, req: t.GetDeploymentInput) -> t.GetDeploymentOutput:
    return {"deploymentInfo": info(call, records.find(call, req["deploymentId"]))}  # type: ignore[typeddict-item]


@codedeploy.op(records.arns)
def batch_get_deployments(call: Call, req: t.BatchGetDeploymentsInput) -> t.BatchGetDeploymentsOutput:
    wanted = list(dict.fromkeys(req["deploymentIds"]))
    if len(wanted) > BATCH:
        raise errors.batch_too_large(BATCH)
    return {"deploymentsInfo": [info(call, one) for id_ in wanted if (one := call.get(Deployment, id_)) is not None]}  # type: ignore[typeddict-item]


@codedeploy.op(names.group)
def list_deployments(call: Call, req: t.ListDeploymentsInput) -> t.ListDeploymentsOutput:
    """The newest first."""
    application, group = req.get("applicationName"), req.get("deploymentGroupName")
    if application and not group:
        raise errors.group_name_required()
    if group and not application:
        raise errors.application_name_required()
    found = call.all(Deployment)
    if application:
        applications.find(call, application)
        mine = groups.find(call, application, group or "")
        found = [one for one in found if one.group_id == mine.id]
    if statuses := req.get("includeOnlyStatuses"):
        found = [one for one in found if one.status in statuses]
    if span := req.get("createTimeRange"):
        start, end = span.get("start"), span.get("end")
        if start is not None and end is not None and start > end:
            raise errors.bad_range("The time range's start is after its end.")
        found = [one for one in found if (start is None or one.created >= start) and (end is None or one.created <= end)]  # type: ignore[operator]
    if external := req.get("externalId"):
        found = [one for one in found if one.external == external]
    found.sort(key=lambda one: (-one.created, one.id))
    shown, token = pages.page(found, req, lambda one: one.id, PAGE, errors.bad_token, token="nextToken")
    return {"deployments": [one.id for one in shown], **token}  # type: ignore[typeddict-item]


def renamed(call: Call, old: str, new: str) -> None:
    for one in call.all(Deployment):
        if one.application == old:
            call.put(one.but(application=new))


# -- changing its way -------------------------------------------------------------------------------------------------------

@codedeploy.op(records.arn)
def stop_deployment(call: Call, req: t.StopDeploymentInput) -> t.StopDeploymentOutput:
    one = records.find(call, req["deploymentId"])
    if one.over:
        raise errors.over(one.id, one.status)
    wish = req.get("autoRollbackEnabled")
    one = one.but(stop_rolls_back=bool(wish))
    if wish is False:
        one = one.but(rollback={})
    lifecycle.stop(call, one, "MANUAL_STOP", "The deployment was stopped by a user.")
    return {"status": "Succeeded", "statusMessage": "No more commands will be scheduled for execution in the deployment instances"}


@codedeploy.op(records.arn)
def continue_deployment(call: Call, req: t.ContinueDeploymentInput) -> None:
    """On with rerouting (READY_WAIT), or with the end of the old instances (TERMINATION_WAIT), before their time."""
    one = records.find(call, req.get("deploymentId"))
    if one.over:
        raise errors.over(one.id, one.status)
    if one.style.get("deploymentType") != "BLUE_GREEN" or one.platform == "Lambda":
        raise errors.unsupported_action("Only blue/green deployments wait to be continued.")
    if req.get("deploymentWaitType", "READY_WAIT") == "READY_WAIT":
        if one.status != "Ready":
            raise errors.not_ready(one.id)
        one = lifecycle.put(call, one.but(fleet={**one.fleet, "continued": True}), "InProgress")
    else:
        if not one.waiting:
            raise errors.deployment_status(f"The deployment {one.id} does not wait for the termination of its original instances.")
        call.put(one.but(fleet={**one.fleet, "due": call.now}))
    call.wake(lifecycle.carry, one.id)


@codedeploy.op(records.arn)
def skip_wait_time_for_instance_termination(call: Call, req: t.SkipWaitTimeForInstanceTerminationInput) -> None:
    """Older than ContinueDeployment, and the same as its TERMINATION_WAIT."""
    one = records.find(call, req.get("deploymentId"))
    if one.over:
        raise errors.over(one.id, one.status)
    if one.style.get("deploymentType") != "BLUE_GREEN" or one.platform == "Lambda":
        raise errors.unsupported_action("Only blue/green deployments wait to terminate instances.")
    if not one.waiting:
        raise errors.not_started(one.id)
    call.put(one.but(fleet={**one.fleet, "due": call.now}))
    call.wake(lifecycle.carry, one.id)
