"""ECS, blue/green: a second task set on the other target group, test traffic, then production traffic in steps, at last the end of the first task set.

What is known of the two sets stands in the target: which target group and which task set is blue, which green. All is done under the group's role, by
ECS's and the load balancer's own operations.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import appspec, configs, fleet, hooks, lifecycle, listeners, reading
from .groups import Group, acting
from .lifecycle import Failure
from .records import Deployment, Happening, Target, happened
from .shifting import INVALID, weights

BEFORE, TEST, AFTER = ("BeforeInstall", "Install", "AfterInstall"), ("AllowTestTraffic", "AfterAllowTestTraffic"), ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
LOOK_SECONDS, PATIENCE_SECONDS, MINUTE = 5.0, 3600.0, 60.0
UNSTEADY = "The deployment timed out while waiting for the replacement task set to become healthy. This time out period is 60 minutes."


async def turn(call: Call, one: Deployment) -> bool:
    if one.fleet.get("undo"):
        return undo(call, one)
    if not one.targets:
        await begin(call, one)
        return True
    target = call.get(Target, f"{one.id}/{one.targets[0]}")
    if target is None:
        raise Failure("INTERNAL_ERROR", "The deployment has lost its target.")
    event = target.current
    if event is not None and event.name not in WORK:
        if event.name == "BeforeAllowTraffic" and waits(call, one):
            return False
        return await hooks.run(call, one, target, event.name)
    with call.step():
        group = fleet.known(call, one)
        role = acting(call, group, one.id)
        return WORK[event.name](call, role, one, target) if event is not None else ending(call, role, one, target)


lifecycle.TURNS["ECS"] = turn


def ask(role: Call, service: str, operation: str, /, **members: Any) -> Any:
    """Inside a step. What ECS or the load balancer refuses is the deployment's failure."""
    try:
        return role.do(service, operation, **members)
    except AwsError as error:
        if "AccessDenied" in error.code or "Unauthorized" in error.code:
            raise
        raise Failure("ECS_UPDATE_ERROR" if service == "ecs" else "ELASTIC_LOAD_BALANCING_INVALID", error.message) from None


# -- the beginning --------------------------------------------------------------------------------------------------------------

async def begin(call: Call, one: Deployment) -> None:
    group = fleet.known(call, one)
    role = acting(call, group, one.id)
    try:
        spec, found = appspec.for_ecs(await reading.text(role, one.revision))
    except appspec.Invalid as error:
        raise Failure("INVALID_REVISION", INVALID.format(error)) from None
    with call.step():
        where = one.services[0]
        service = described(role, where)
        pair = one.balancer["targetGroupPairInfoList"][0]
        arns = {each["TargetGroupName"]: each["TargetGroupArn"] for each in ask(role, "elbv2", "DescribeTargetGroups", Names=[each["name"] for each in pair["targetGroups"]])["TargetGroups"]}
        ways = {"prod": pair["prodTrafficRoute"]["listenerArns"][0], "test": (pair.get("testTrafficRoute") or {}).get("listenerArns", [""])[0]}
        blue = listeners.serving(role, ways["prod"], list(arns.values()))
        if blue is None:
            raise Failure("ELASTIC_LOAD_BALANCING_INVALID", "The production listener forwards to neither of the two target groups.")
        green = next(arn for arn in arns.values() if arn != blue)
        primary = next((each for each in service.get("taskSets") or () if each["status"] == "PRIMARY"), None)
        if primary is None:
            raise Failure("INVALID_ECS_SERVICE", "The Amazon ECS service has no primary task set.")
        id_ = f"{service['clusterArn'].rsplit('/', 1)[1]}:{service['serviceName']}"
        names = (*BEFORE, *(TEST if ways["test"] else ()), *AFTER)
        info = {"arn": service["serviceArn"], "cluster": service["clusterArn"], "service": service["serviceName"], "blue": primary["id"], "green": "", "groups": {"blue": blue, "green": green},
                "names": {arn: name for name, arn in arns.items()}, "ways": ways, "percent": 0, "step": -1}
        target = Target(one.id, id_, "ECSTarget", [Happening(name) for name in names], call.now, "InProgress", info=info)
        call.put(target)
        seen(call, role, target)
        call.put((call.get(Deployment, one.id) or one).but(targets=[id_], appspec=spec, hooks=found))


def described(role: Call, where: dict[str, str]) -> dict[str, Any]:
    found = ask(role, "ecs", "DescribeServices", cluster=where.get("clusterName", "default"), services=[where.get("serviceName", "")])["services"]
    if not found or found[0]["status"] != "ACTIVE":
        raise Failure("INVALID_ECS_SERVICE", f"The Amazon ECS service {where.get('serviceName')} does not exist, or is not active.")
    if found[0].get("deploymentController", {}).get("type") != "CODE_DEPLOY":
        raise Failure("INVALID_ECS_SERVICE", "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.")
    out: dict[str, Any] = found[0]
    return out


def sets_of(role: Call, info: dict[str, Any]) -> dict[str, Any]:
    """The service's task sets by their ids, as the service itself tells them: the role need not be able to ask for more."""
    found = ask(role, "ecs", "DescribeServices", cluster=info["cluster"], services=[info["service"]])["services"]
    return {each["id"]: each for each in (found[0].get("taskSets") or () if found else ())}


def seen(call: Call, role: Call, target: Target) -> Target:
    """What the target tells of the two sets."""
    info, sets = target.info, sets_of(role, target.info)
    shown = []
    for label in ("blue", "green"):
        if (each := sets.get(info[label])) is not None:
            weight = float(info["percent"] if label == "green" else 100 - info["percent"])
            shown.append({"identifer": each["id"], "desiredCount": each["computedDesiredCount"], "pendingCount": each["pendingCount"], "runningCount": each["runningCount"], "status": each["status"],
                          "trafficWeight": weight, "targetGroup": {"name": info["names"][info["groups"][label]]}, "taskSetLabel": label.title()})
    return call.put(target.but(info={**info, "sets": shown}))


# -- the work of the events that nobody hooks -----------------------------------------------------------------------------------------

def install(call: Call, role: Call, one: Deployment, target: Target) -> bool:
    info = target.info
    if not info["green"]:
        listeners.turn(role, info["ways"]["prod"], list(info["groups"].values()), {info["groups"]["blue"]: 100, info["groups"]["green"]: 0})
        made = ask(role, "ecs", "CreateTaskSet", cluster=info["cluster"], service=info["service"], externalId=one.id, taskDefinition=one.appspec["TaskDefinition"],
                   loadBalancers=[{"targetGroupArn": info["groups"]["green"], "containerName": one.appspec["LoadBalancerInfo"]["ContainerName"],
                                   "containerPort": int(one.appspec["LoadBalancerInfo"]["ContainerPort"])}], scale={"value": 100.0, "unit": "PERCENT"}, **like_the_first(role, one, info))["taskSet"]
        target = happened(call, call.put(target.but(info={**info, "green": made["id"], "until": call.now + PATIENCE_SECONDS})), "Install", "InProgress")
    target = seen(call, role, target)
    if sets_of(role, info).get(target.info["green"], {}).get("stabilityStatus") == "STEADY_STATE":
        happened(call, target, "Install", "Succeeded", code="Success", message="Succeeded")
        return True
    if call.now >= target.info["until"]:
        happened(call, target, "Install", "Failed", code="UnknownError", message=UNSTEADY)
        raise Failure("TIMEOUT", UNSTEADY)
    call.after(LOOK_SECONDS, fleet.look, target.key, deployment=one.id)
    return False


def like_the_first(role: Call, one: Deployment, info: dict[str, Any]) -> dict[str, Any]:
    """How the new set is launched: as the AppSpec file says, else as the first one."""
    first = sets_of(role, info)[info["blue"]]
    out = {name: first[name] for name in ("launchType", "platformVersion", "networkConfiguration", "capacityProviderStrategy") if first.get(name)}
    if one.appspec.get("PlatformVersion"):
        out["platformVersion"] = one.appspec["PlatformVersion"]
    if given := (one.appspec.get("NetworkConfiguration") or {}).get("AwsvpcConfiguration"):
        out["networkConfiguration"] = {"awsvpcConfiguration": {name[0].lower() + name[1:]: value for name, value in given.items()}}
    if given := one.appspec.get("CapacityProviderStrategy"):
        out.pop("launchType", None)
        out["capacityProviderStrategy"] = [{name[0].lower() + name[1:]: value for name, value in each.items()} for each in given]
    return out


def allow_test(call: Call, role: Call, one: Deployment, target: Target) -> bool:
    listeners.turn(role, target.info["ways"]["test"], list(target.info["groups"].values()), {target.info["groups"]["green"]: 100, target.info["groups"]["blue"]: 0})
    happened(call, target, "AllowTestTraffic", "Succeeded", code="Success", message="Succeeded")
    return True


def allow(call: Call, role: Call, one: Deployment, target: Target) -> bool:
    info, way = target.info, weights(configs.find(call, one.config).routing)
    if info.get("due", 0.0) > call.now:
        return False
    step = info["step"] + 1
    percent, seconds = way[step]
    groups = info["groups"]
    listeners.turn(role, info["ways"]["prod"], list(groups.values()), {groups["green"]: percent, groups["blue"]: 100 - percent})
    if percent == 100:
        ask(role, "ecs", "UpdateServicePrimaryTaskSet", cluster=info["cluster"], service=info["service"], primaryTaskSet=info["green"])
    else:
        call.after(seconds, fleet.look, f"{target.key}:step", deployment=one.id)
    target = seen(call, role, call.put(target.but(info={**info, "step": step, "percent": percent, "due": call.now + seconds})))
    happened(call, target, "AllowTraffic", "Succeeded" if percent == 100 else "InProgress", **({"code": "Success", "message": "Succeeded"} if percent == 100 else {}))
    return percent == 100


WORK = {"Install": install, "AllowTestTraffic": allow_test, "AllowTraffic": allow}


# -- waits, the end, and the way back -----------------------------------------------------------------------------------------------------

def waits(call: Call, one: Deployment) -> bool:
    """Before production traffic: until somebody says so, or the time is over."""
    ready = one.colours.get("deploymentReadyOption") or {}
    if ready.get("actionOnTimeout") != "STOP_DEPLOYMENT" or one.fleet.get("continued"):
        return False
    with call.step():
        if one.status != "Ready":
            due = call.now + float(ready.get("waitTimeInMinutes", 0)) * MINUTE
            lifecycle.put(call, one.but(fleet={**one.fleet, "due": due}), "Ready")
            call.due(due, fleet.look, f"{one.id}:ready", deployment=one.id)
        elif call.now >= one.fleet["due"]:
            lifecycle.stop(call, one, "TIMEOUT", "Nobody continued the deployment before its wait time was over.")
    return True


def ending(call: Call, role: Call, one: Deployment, target: Target) -> bool:
    """The original task set's last minutes."""
    if not one.waiting:
        wish = one.colours.get("terminateBlueInstancesOnDeploymentSuccess") or {}
        due = call.now + float(wish.get("terminationWaitTimeInMinutes", 0)) * MINUTE
        call.put(one.but(waiting=True, fleet={**one.fleet, "due": due}))
        call.due(due, fleet.look, f"{one.id}:end", deployment=one.id)
        return due <= call.now
    if call.now < one.fleet["due"]:
        return False
    if one.colours.get("terminateBlueInstancesOnDeploymentSuccess", {}).get("action", "TERMINATE") == "TERMINATE":
        ask(role, "ecs", "DeleteTaskSet", cluster=target.info["cluster"], service=target.info["service"], taskSet=target.info["blue"], force=True)
    target = seen(call, role, target)
    call.put(target.but(status="Succeeded", updated=call.now))
    lifecycle.succeed(call, call.get(Deployment, one.id) or one)
    return False


def way_back(call: Call, group: Group, one: Deployment) -> dict[str, Any] | None:
    """What is to be undone of a deployment that has come as far as having a target."""
    target = call.get(Target, f"{one.id}/{one.targets[0]}") if one.targets else None
    return None if target is None else {"revision": one.previous or one.revision, "config": "CodeDeployDefault.ECSAllAtOnce", "fleet": {"undo": target.info, "of": target.id}}


def undo(call: Call, one: Deployment) -> bool:
    """Traffic for the first task set alone, which is the primary one again; the second goes."""
    with call.step():
        role, info = acting(call, fleet.known(call, one), one.id), one.fleet["undo"]
        call.put(Target(one.id, one.fleet["of"], "ECSTarget", [Happening("AllowTraffic")], call.now, "InProgress", info={**info, "percent": 0, "sets": []}))
        one = call.put(one.but(targets=[one.fleet["of"]]))
        for way in filter(None, info["ways"].values()):
            listeners.turn(role, way, list(info["groups"].values()), {info["groups"]["blue"]: 100, info["groups"]["green"]: 0})
        there = sets_of(role, info)
        if info["blue"] in there and there[info["blue"]]["status"] != "PRIMARY":
            ask(role, "ecs", "UpdateServicePrimaryTaskSet", cluster=info["cluster"], service=info["service"], primaryTaskSet=info["blue"])
        if info["green"] in there:
            ask(role, "ecs", "DeleteTaskSet", cluster=info["cluster"], service=info["service"], taskSet=info["green"], force=True)
        target = call.get(Target, f"{one.id}/{one.fleet['of']}")
        if target is not None:
            target = happened(call, seen(call, role, target), "AllowTraffic", "Succeeded", code="Success", message="Succeeded")
            call.put(target.but(status="Succeeded"))
        lifecycle.succeed(call, call.get(Deployment, one.id) or one)
    return False
