"""Deployment groups: where an application is deployed to, and how; one deployment at a time."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import applications, configs, errors, group_settings, names, tags
from . import service as codedeploy
from .applications import Application

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

MOST, PAGE, BATCH = 1000, 100, 100


class Group(Record, frozen=True):
    kind = "codedeploy.group"

    application: str
    name: str
    id: str
    config: str
    role: str
    platform: str
    settings: dict[str, Any] = {}
    scaling: dict[str, str] = {}        # Auto Scaling group -> our hook in it
    leaving: dict[str, str] = {}        # the same, for instances that go
    revision: dict[str, Any] = {}       # the target: what was last deployed, or was last to be
    good: str = ""                      # the last deployment that succeeded
    last: str = ""                      # the last one of all
    active: str = ""                    # the one under way
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.application}/{self.name}"

    def setting(self, name: str) -> Any:
        return self.settings.get(name) or {}


def find(call: Call, application: str, name: str) -> Group:
    found = call.get(Group, f"{application}/{name}")
    if found is None:
        raise errors.no_group(name)
    return found


def acting(call: Call, group: Group, session: str = "codedeploy") -> Call:
    """CodeDeploy under the group's service role. Raises AccessDenied where that does not trust it any more."""
    return call.as_role(group.role, session, group_settings.SERVICE)


def info(call: Call, one: Group) -> dict[str, Any]:
    from . import deployments
    told = deployments.brief
    shown: dict[str, Any] = {
        "applicationName": one.application, "deploymentGroupId": one.id, "deploymentGroupName": one.name, "deploymentConfigName": one.config, "serviceRoleArn": one.role, "computePlatform": one.platform,
        "ec2TagFilters": [], "onPremisesInstanceTagFilters": [], "triggerConfigurations": [], "outdatedInstancesStrategy": "UPDATE", "terminationHookEnabled": False,
        "autoScalingGroups": [{"name": name, "hook": hook} | ({"terminationHook": one.leaving[name]} if name in one.leaving else {}) for name, hook in one.scaling.items()],
    } | one.settings
    if one.revision:
        shown["targetRevision"] = one.revision
    if found := told(call, one.good):
        shown["lastSuccessfulDeployment"] = found
    if found := told(call, one.last):
        shown["lastAttemptedDeployment"] = found
    return shown


# -- operations --------------------------------------------------------------------------------------------------------------

@codedeploy.op(names.group, context=tags.asked)
def create_deployment_group(call: Call, req: t.CreateDeploymentGroupInput) -> t.CreateDeploymentGroupOutput:
    application = applications.find(call, req["applicationName"])
    name, platform = req["deploymentGroupName"], application.platform
    if name in application.groups:
        raise errors.group_exists(name)
    if len(application.groups) >= MOST:
        raise errors.too_many_groups()
    config = configs.for_platform(call, req.get("deploymentConfigName") or configs.DEFAULT[platform], platform).name
    settings = group_settings.taken(call, req, platform, {})
    services_are_free(call, settings, "")
    group_settings.role(call, req["serviceRoleArn"])
    made = Group(application.name, name, call.uuid(), config, req["serviceRoleArn"], platform, settings, tags=tags.given(call, req.get("tags")))
    made = scale(call, made, req.get("autoScalingGroups") or [])
    call.put(made)
    call.put(application.but(groups=[*application.groups, name]))
    return {"deploymentGroupId": made.id}


def services_are_free(call: Call, settings: dict[str, Any], mine: str) -> None:
    """An ECS service is deployed to by one group only."""
    wanted = {(one.get("clusterName", "default"), one.get("serviceName", "")) for one in settings.get("ecsServices") or ()}
    if wanted:
        for other in call.all(Group):
            for one in other.settings.get("ecsServices") or ():
                if other.id != mine and (one.get("clusterName", "default"), one.get("serviceName", "")) in wanted:
                    raise errors.ecs_service_taken(one.get("serviceName", ""))


def scale(call: Call, group: Group, wanted: list[str]) -> Group:
    """Our hooks are in the Auto Scaling groups that it names, and in no others."""
    from . import scaling
    return scaling.hooked(call, group, list(dict.fromkeys(wanted)))


@codedeploy.op(names.group, context=tags.of_group)
def get_deployment_group(call: Call, req: t.GetDeploymentGroupInput) -> t.GetDeploymentGroupOutput:
    applications.find(call, req["applicationName"])
    return {"deploymentGroupInfo": info(call, find(call, req["applicationName"], req["deploymentGroupName"]))}  # type: ignore[typeddict-item]


@codedeploy.op(names.groups)
def batch_get_deployment_groups(call: Call, req: t.BatchGetDeploymentGroupsInput) -> t.BatchGetDeploymentGroupsOutput:
    """Those that are there; the others are named in a sentence."""
    application = applications.find(call, req["applicationName"])
    wanted = list(dict.fromkeys(req["deploymentGroupNames"]))
    if len(wanted) > BATCH:
        raise errors.batch_too_large(BATCH)
    out: Any = {"deploymentGroupsInfo": [info(call, find(call, application.name, name)) for name in wanted if name in application.groups]}
    if missing := [name for name in wanted if name not in application.groups]:
        out["errorMessage"] = f"No Deployment Group found for name: {', '.join(missing)}"
    return out  # type: ignore[no-any-return]


@codedeploy.op(names.application)
def list_deployment_groups(call: Call, req: t.ListDeploymentGroupsInput) -> t.ListDeploymentGroupsOutput:
    application = applications.find(call, req["applicationName"])
    found, token = pages.page(sorted(application.groups), req, lambda name: name, PAGE, errors.bad_token, token="nextToken")
    return {"applicationName": application.name, "deploymentGroups": found, **token}  # type: ignore[typeddict-item]


@codedeploy.op(names.group, context=tags.of_group)
def update_deployment_group(call: Call, req: t.UpdateDeploymentGroupInput) -> t.UpdateDeploymentGroupOutput:
    """What is not named stays as it is; an empty list takes away."""
    application = applications.find(call, req["applicationName"])
    one = find(call, application.name, req["currentDeploymentGroupName"])
    new = req.get("newDeploymentGroupName") or one.name
    if new != one.name and new in application.groups:
        raise errors.group_exists(new)
    config = configs.for_platform(call, req["deploymentConfigName"], one.platform).name if req.get("deploymentConfigName") else one.config
    settings = group_settings.taken(call, req, one.platform, one.settings)
    services_are_free(call, settings, one.id)
    if req.get("serviceRoleArn"):
        group_settings.role(call, req["serviceRoleArn"])
    changed = one.but(name=new, config=config, settings=settings, role=req.get("serviceRoleArn") or one.role)
    if "autoScalingGroups" in req:
        changed = scale(call, changed, req["autoScalingGroups"])
    elif "terminationHookEnabled" in req:
        changed = scale(call, changed, list(changed.scaling))
    if new != one.name:
        call.delete(one)
        call.put(application.but(groups=[new if name == one.name else name for name in application.groups]))
    call.put(changed)
    return {"hooksNotCleanedUp": []}


@codedeploy.op(names.group, context=tags.of_group)
def delete_deployment_group(call: Call, req: t.DeleteDeploymentGroupInput) -> t.DeleteDeploymentGroupOutput:
    application = call.get(Application, req["applicationName"])
    if application is None or req["deploymentGroupName"] not in application.groups:
        return {"hooksNotCleanedUp": []}
    left = remove(call, find(call, application.name, req["deploymentGroupName"]))
    return {"hooksNotCleanedUp": left}  # type: ignore[typeddict-item]


def remove(call: Call, group: Group) -> list[dict[str, str]]:
    """Its deployment ends with it; hooks that the role may not take back are named."""
    from . import lifecycle, scaling
    left = scaling.unhooked(call, group)
    call.delete(group)
    if group.active:
        lifecycle.orphaned(call, group.active)
    if (application := call.get(Application, group.application)) is not None:
        call.put(application.but(groups=[name for name in application.groups if name != group.name]))
    return left


def renamed(call: Call, application: Application, new: str) -> None:
    """The application is called otherwise now."""
    for name in application.groups:
        one = find(call, application.name, name)
        call.delete(one)
        call.put(one.but(application=new))
