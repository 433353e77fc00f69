"""Rollbacks: a deployment that failed or was stopped is followed by another, of the last revision that was good.

For Lambda the way back is to the version that the alias had; nothing else needs to have been deployed before.
"""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import Call

from .groups import Group
from .records import Deployment

EVENTS = {"Failed": "DEPLOYMENT_FAILURE", "ALARM_ACTIVE": "DEPLOYMENT_STOP_ON_ALARM", "MANUAL_STOP": "DEPLOYMENT_STOP_ON_REQUEST"}
NOTHING = "The deployment could not be rolled back: no revision has been deployed to the deployment group successfully before it."


def wanted(one: Deployment) -> bool:
    if one.creator in ("codeDeployRollback", "autoscaling") or one.status == "Succeeded":
        return False
    if one.stop_rolls_back and one.error.get("code") == "MANUAL_STOP":
        return True
    event = EVENTS.get("Failed" if one.status == "Failed" else one.error.get("code", ""))
    return bool(one.rollback.get("enabled")) and event in (one.rollback.get("events") or ())


def consider(call: Call, group: Group, one: Deployment) -> Deployment:
    """Begin the rollback that is due; both deployments name each other."""
    from . import deployments
    if not wanted(one):
        return one
    to = _way_back(call, group, one)
    if to is None:
        return call.put(one.but(back={"rollbackMessage": NOTHING}))
    back = deployments.begin(
        call, group, to["revision"], creator="codeDeployRollback", config=to["config"], description=f"Rollback of {one.id}", previous=one.revision, asked=_kept(one), fleet=to.get("fleet"),
        back={"rollbackTriggeringDeploymentId": one.id, "rollbackMessage": f"Deployment {one.id} is being rolled back."})
    return call.put(one.but(back={"rollbackDeploymentId": back.id, "rollbackMessage": f"Deployment {one.id} was rolled back by {back.id}."}))


def _kept(one: Deployment) -> dict[str, Any]:
    """Files of the revision that failed are in the way of the one before it."""
    return {"fileExistsBehavior": "OVERWRITE", "ignoreApplicationStopFailures": True} if one.platform == "Server" else {}


def _way_back(call: Call, group: Group, one: Deployment) -> dict[str, Any] | None:
    if one.platform == "Lambda":
        if not one.appspec:
            return None                                # it failed before it knew what to do, and has done nothing
        return {"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": reverse(one.appspec)}}, "config": "CodeDeployDefault.LambdaAllAtOnce"}
    if one.platform == "ECS":
        from .swapping import way_back
        return way_back(call, group, one)
    good = call.get(Deployment, group.good)
    return None if good is None else {"revision": good.revision, "config": one.config}


def reverse(appspec: dict[str, Any]) -> str:
    """The AppSpec file that goes from the target version back."""
    properties = {"Name": appspec["Name"], "Alias": appspec["Alias"], "CurrentVersion": appspec["TargetVersion"], "TargetVersion": appspec["CurrentVersion"]}
    return json.dumps({"version": 0.0, "Resources": [{appspec["Name"].split(":")[-1]: {"Type": "AWS::Lambda::Function", "Properties": properties}}]})
