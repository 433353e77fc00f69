"""The targets of a deployment: instances, a function's alias, a service. Told as targets, and as instances to older clients."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages

from . import errors, records
from . import service as codedeploy
from .records import Deployment, Happening, Target

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

PAGE, BATCH = 100, 25
STATUSES = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")


def overview(call: Call, one: Deployment) -> dict[str, int]:
    counts = dict.fromkeys(STATUSES, 0)
    for target in records.targets(call, one):
        status = "Skipped" if target.status == "Unknown" else target.status
        counts[status] += 1
    return counts


def event(one: Happening) -> dict[str, Any]:
    out: dict[str, Any] = {"lifecycleEventName": one.name, "status": one.status}
    if one.began:
        out["startTime"] = one.began
    if one.ended:
        out["endTime"] = one.ended
    if one.code:
        out["diagnostics"] = {"errorCode": one.code, "scriptName": one.script, "message": one.message, "logTail": one.log}
    return out


def shown(call: Call, one: Deployment, target: Target) -> dict[str, Any]:
    common: dict[str, Any] = {"deploymentId": one.id, "targetId": target.id, "targetArn": target.info.get("arn", ""), "status": target.status, "lastUpdatedAt": target.updated,
                              "lifecycleEvents": [event(each) for each in target.events]}
    if target.type == "LambdaTarget":
        info = target.info
        common["lambdaFunctionInfo"] = {"functionName": info["name"], "functionAlias": info["alias"], "currentVersion": info["from"], "targetVersion": info["to"],
                                        "targetVersionWeight": float(info["percent"])}
        return {"deploymentTargetType": target.type, "lambdaTarget": common}
    if target.type == "ECSTarget":
        common["taskSetsInfo"] = target.info.get("sets", [])
        return {"deploymentTargetType": target.type, "ecsTarget": common}
    if target.label:
        common["instanceLabel"] = target.label
    return {"deploymentTargetType": target.type, "instanceTarget": common}


def started(call: Call, id_: str | None) -> Deployment:
    one = records.find(call, id_)
    if one.status in ("Created", "Queued"):
        raise errors.not_started(one.id)
    return one


def find(call: Call, one: Deployment, id_: str) -> Target:
    """By its id, or its ARN."""
    found = call.get(Target, f"{one.id}/{id_}") or next((each for each in records.targets(call, one) if each.info.get("arn") == id_), None)
    if found is None:
        raise errors.no_target(one.id, id_)
    return found


@codedeploy.op(records.arn)
def get_deployment_target(call: Call, req: t.GetDeploymentTargetInput) -> t.GetDeploymentTargetOutput:
    one = started(call, req["deploymentId"])
    return {"deploymentTarget": shown(call, one, find(call, one, req["targetId"]))}  # type: ignore[typeddict-item]


@codedeploy.op(records.arn)
def batch_get_deployment_targets(call: Call, req: t.BatchGetDeploymentTargetsInput) -> t.BatchGetDeploymentTargetsOutput:
    one = started(call, req["deploymentId"])
    if len(req["targetIds"]) > BATCH:
        raise errors.too_many_targets(BATCH)
    return {"deploymentTargets": [shown(call, one, find(call, one, id_)) for id_ in req["targetIds"]]}  # type: ignore[typeddict-item]


@codedeploy.op(records.arn)
def list_deployment_targets(call: Call, req: t.ListDeploymentTargetsInput) -> t.ListDeploymentTargetsOutput:
    one = started(call, req["deploymentId"])
    found = records.targets(call, one)
    for name, values in (req.get("targetFilters") or {}).items():
        if name == "TargetStatus":
            if bad := set(values) - {*STATUSES, "Unknown"}:
                raise errors.bad_filter(name, bad.pop())
            found = [target for target in found if target.status in values]
        else:
            if bad := set(values) - {"Blue", "Green"}:
                raise errors.bad_filter(name, bad.pop())
            found = [target for target in found if target.label in values]
    shown_, token = pages.page(found, req, lambda target: target.id, PAGE, errors.bad_token, token="nextToken")
    return {"targetIds": [target.id for target in shown_], **token}  # type: ignore[typeddict-item]


# -- as instances ------------------------------------------------------------------------------------------------------------

def on_machines(call: Call, id_: str) -> Deployment:
    one = started(call, id_)
    if one.platform != "Server":
        raise errors.platform_has_no_instances(one.platform)
    return one


def summary(one: Deployment, target: Target) -> dict[str, Any]:
    out: dict[str, Any] = {"deploymentId": one.id, "instanceId": target.info.get("arn", target.id), "status": target.status, "lastUpdatedAt": target.updated,
                           "lifecycleEvents": [event(each) for each in target.events]}
    return out | ({"instanceType": target.label} if target.label else {})


@codedeploy.op(records.arn)
def get_deployment_instance(call: Call, req: t.GetDeploymentInstanceInput) -> t.GetDeploymentInstanceOutput:
    one = on_machines(call, req["deploymentId"])
    found = call.get(Target, f"{one.id}/{req['instanceId'].rsplit('/', 1)[-1]}")
    if found is None:
        raise errors.no_instance_in(one.id, req["instanceId"])
    return {"instanceSummary": summary(one, found)}  # type: ignore[typeddict-item]


@codedeploy.op(records.arn)
def batch_get_deployment_instances(call: Call, req: t.BatchGetDeploymentInstancesInput) -> t.BatchGetDeploymentInstancesOutput:
    one = on_machines(call, req["deploymentId"])
    if len(req["instanceIds"]) > PAGE:
        raise errors.batch_too_large(PAGE)
    found = [call.get(Target, f"{one.id}/{id_.rsplit('/', 1)[-1]}") for id_ in req["instanceIds"]]
    out: Any = {"instancesSummary": [summary(one, each) for each in found if each is not None]}
    if missing := [id_ for id_, each in zip(req["instanceIds"], found, strict=True) if each is None]:
        out["errorMessage"] = f"Instances not in the deployment: {', '.join(missing)}"
    return out  # type: ignore[no-any-return]


@codedeploy.op(records.arn)
def list_deployment_instances(call: Call, req: t.ListDeploymentInstancesInput) -> t.ListDeploymentInstancesOutput:
    one = on_machines(call, req["deploymentId"])
    found = records.targets(call, one)
    if wanted := req.get("instanceStatusFilter"):
        found = [target for target in found if target.status in wanted]
    if labels := req.get("instanceTypeFilter"):
        found = [target for target in found if target.label in labels]
    shown_, token = pages.page(found, req, lambda target: target.id, PAGE, errors.bad_token, token="nextToken")
    return {"instancesList": [target.id for target in shown_], **token}  # type: ignore[typeddict-item]
