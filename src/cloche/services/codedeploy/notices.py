"""Who is told how deployments go: EventBridge, and the topics of a group's triggers, under the group's role."""
from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from cloche.kernel import AwsError, AwsEvent, Call
from cloche.services.sns import public as sns

from . import names
from .groups import Group, acting
from .records import Deployment, Target

STATES = {"InProgress": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP", "Ready": "READY"}
TRIGGERS = {"InProgress": "DeploymentStart", "Succeeded": "DeploymentSuccess", "Failed": "DeploymentFailure", "Stopped": "DeploymentStop", "Ready": "DeploymentReady"}
INSTANCE_TRIGGERS = {"InProgress": "InstanceStart", "Succeeded": "InstanceSuccess", "Failed": "InstanceFailure", "Ready": "InstanceReady"}
WORDS = {"InProgress": "CREATED", "Succeeded": "SUCCEEDED", "Failed": "FAILED", "Stopped": "STOPPED", "Ready": "READY"}


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")


def moved(call: Call, group: Group | None, one: Deployment) -> None:
    """A deployment has a new status."""
    from . import targets
    detail = {"region": call.region, "deploymentId": one.id, "instanceGroupId": one.group_id, "deploymentGroup": one.group, "state": STATES[one.status], "application": one.application}
    call.emit(AwsEvent("aws.codedeploy", "CodeDeploy Deployment State-change Notification", detail, [names.application_arn(call, one.application), names.group_arn(call, one.application, one.group)]))
    if group is None:
        return
    message: dict[str, Any] = {
        "region": call.region, "accountId": call.account, "applicationName": one.application, "deploymentId": one.id, "deploymentGroupName": one.group, "createTime": stamp(one.created),
        "completeTime": stamp(one.ended) if one.ended else None, "deploymentOverview": json.dumps(targets.overview(call, one)), "status": WORDS[one.status],
    }
    if one.error:
        message["errorInformation"] = json.dumps({"ErrorCode": one.error["code"], "ErrorMessage": one.error["message"]})
    if one.back:
        message["rollbackInformation"] = json.dumps({key[0].upper() + key[1:]: value for key, value in one.back.items()})
    kinds = [TRIGGERS[one.status]] + (["DeploymentRollback"] if one.status == "InProgress" and one.creator == "codeDeployRollback" else [])
    for kind in kinds:
        publish(call, group, kind, f"{WORDS[one.status]}: AWS CodeDeploy {one.id} in {call.region} to {one.application}", message)


def moved_target(call: Call, group: Group | None, one: Deployment, target: Target) -> None:
    """An instance of a deployment has a new status."""
    if target.type != "InstanceTarget" or target.status not in STATES:
        return
    arn = target.info.get("arn", "")
    detail = {"instanceId": target.id, "region": call.region, "state": STATES[target.status], "application": one.application, "deploymentId": one.id, "instanceGroupId": one.group_id,
              "deploymentGroup": one.group}
    call.emit(AwsEvent("aws.codedeploy", "CodeDeploy Instance State-change Notification", detail,
                       [names.application_arn(call, one.application), names.group_arn(call, one.application, one.group), arn]))
    if group is None or target.status not in INSTANCE_TRIGGERS:
        return
    message = {
        "region": call.region, "accountId": call.account, "deploymentId": one.id, "deploymentGroupName": one.group, "applicationName": one.application, "instanceId": arn,
        "lastUpdatedAt": f"{target.updated:.3f}", "instanceStatus": target.status,
        "lifecycleEvents": json.dumps([{"LifecycleEvent": event.name, "LifecycleEventStatus": event.status} | ({"StartTime": f"{event.began:.3f}"} if event.began else {})
                                       | ({"EndTime": f"{event.ended:.3f}"} if event.ended else {}) for event in target.events]),
    }
    publish(call, group, INSTANCE_TRIGGERS[target.status], f"{WORDS[target.status]}: AWS CodeDeploy instance {target.id} in {call.region} to {one.application}", message)


def publish(call: Call, group: Group, kind: str, subject: str, message: dict[str, Any]) -> None:
    """A topic that the role may not publish to is not told, as on AWS."""
    for trigger in group.settings.get("triggerConfigurations") or ():
        if kind not in trigger["triggerEvents"]:
            continue
        text = json.dumps({"eventTriggerName": trigger["triggerName"], **message})
        try:
            with call.step():
                sns.publish(acting(call, group), trigger["triggerTargetArn"], Subject=subject[:100], Message=text)
        except AwsError as error:
            call.cloud.memory["codedeploy.unheard"] = (group.key, trigger["triggerTargetArn"], error.code)
