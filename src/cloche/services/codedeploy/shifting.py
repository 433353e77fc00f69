"""Lambda: an alias goes from one version to another, at once, in two steps or in many, between two hooks.

Meanwhile the alias keeps its version and has a weight on the new one; at the end the new one is its version, and no weight is left.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import appspec, configs, hooks, lifecycle, reading
from . import service as codedeploy
from .groups import acting
from .lifecycle import Failure
from .records import Deployment, Happening, Target, happened

EVENTS = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
INVALID = "The deployment failed because the AppSpec file that specifies the deployment configuration is missing or has an invalid configuration. {}"
SECONDS = 60.0


def weights(routing: dict[str, Any]) -> list[tuple[int, float]]:
    """The steps of the way: (percent on the new version, seconds until the next step)."""
    if canary := routing.get("timeBasedCanary"):
        return [(canary["canaryPercentage"], canary["canaryInterval"] * SECONDS), (100, 0.0)]
    if linear := routing.get("timeBasedLinear"):
        step = linear["linearPercentage"]
        return [*((percent, linear["linearInterval"] * SECONDS) for percent in range(step, 100, step)), (100, 0.0)]
    return [(100, 0.0)]


async def turn(call: Call, one: Deployment) -> bool:
    if not one.targets:
        await begin(call, one)
        return True
    target = call.get(Target, f"{one.id}/{one.targets[0]}")
    if target is None:
        raise Failure("INTERNAL_ERROR", "The deployment has lost its target.")
    event = target.current
    if event is None:
        with call.step():
            call.put(target.but(status="Succeeded", updated=call.now))
            lifecycle.succeed(call, call.get(Deployment, one.id) or one)
        return False
    if event.name == "AllowTraffic":
        return shift(call, one, target)
    return await hooks.run(call, one, target, event.name)


lifecycle.TURNS["Lambda"] = turn


async def begin(call: Call, one: Deployment) -> None:
    """Read what is to be done, and see that it can be."""
    group = lifecycle.group_of(call, one)
    if group is None:
        raise Failure("DEPLOYMENT_GROUP_MISSING", f"The deployment group {one.group} does not exist.")
    role = acting(call, group, one.id)
    text = await reading.text(role, one.revision)
    try:
        spec, found = appspec.for_lambda(text)
    except appspec.Invalid as error:
        raise Failure("INVALID_REVISION", INVALID.format(error)) from None
    with call.step():
        try:
            alias: Any = role.do("lambda", "GetAlias", FunctionName=spec["Name"], Name=spec["Alias"])
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                raise Failure("INVALID_LAMBDA_FUNCTION", f"The Lambda function {spec['Name']} or its alias {spec['Alias']} does not exist. {error.message}") from None
            raise
        current, weighted = str(alias["FunctionVersion"]), (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        if one.creator == "codeDeployRollback":
            if current not in spec.values() or not set(weighted) <= set(spec.values()):
                raise Failure("INVALID_LAMBDA_CONFIGURATION", f"The alias {spec['Alias']} was moved by somebody else: it is at version {current}.")
        elif current != spec["CurrentVersion"] or weighted:
            raise Failure("INVALID_LAMBDA_CONFIGURATION", f"The current version of the alias {spec['Alias']} is {current}{', with weights on others' if weighted else ''}, not {spec['CurrentVersion']} as the AppSpec file says.")
        elif spec["TargetVersion"] == current:
            raise Failure("INVALID_LAMBDA_CONFIGURATION", f"The target version of the alias {spec['Alias']} is its current version {current}.")
        name = spec["Name"].split(":")[6] if spec["Name"].startswith("arn:") else spec["Name"]
        id_ = f"{name}:{spec['Alias']}"
        call.put(Target(one.id, id_, "LambdaTarget", [Happening(event) for event in EVENTS], call.now, "InProgress",
                        info={"arn": alias["AliasArn"], "name": name, "alias": spec["Alias"], "from": spec["CurrentVersion"], "to": spec["TargetVersion"], "step": -1, "percent": 0}))
        call.put((call.get(Deployment, one.id) or one).but(targets=[id_], appspec=spec, hooks=found))


def shift(call: Call, one: Deployment, target: Target) -> bool:
    """The step that is due, if any."""
    info, way = target.info, weights(configs.find(call, one.config).routing)
    if info.get("due", 0.0) > call.now:
        return False
    with call.step():
        group = lifecycle.group_of(call, one)
        if group is None:
            raise Failure("DEPLOYMENT_GROUP_MISSING", f"The deployment group {one.group} does not exist.")
        step = info["step"] + 1
        percent, seconds = way[step]
        move: dict[str, Any] = {"FunctionVersion": info["to"], "RoutingConfig": {"AdditionalVersionWeights": {}}} if percent == 100 else {
            "FunctionVersion": info["from"], "RoutingConfig": {"AdditionalVersionWeights": {info["to"]: percent / 100}}}
        try:
            acting(call, group, one.id).do("lambda", "UpdateAlias", FunctionName=one.appspec["Name"], Name=info["alias"], **move)
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                raise Failure("INVALID_LAMBDA_FUNCTION", error.message) from None
            raise
        target = call.put(target.but(info={**info, "step": step, "percent": percent, "due": call.now + seconds}))
        target = happened(call, target, "AllowTraffic", "Succeeded" if percent == 100 else "InProgress", **({"code": "Success", "message": "Succeeded"} if percent == 100 else {}))
        if percent < 100:
            call.after(seconds, next_step, one.id, deployment=one.id)
    return percent == 100


@codedeploy.timer
def next_step(call: Call, deployment: str) -> None:
    call.wake(lifecycle.carry, deployment)
