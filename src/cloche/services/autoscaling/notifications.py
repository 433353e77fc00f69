"""Telling about launches and ends: topics that a group names, and events on the default bus."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, AwsEvent, Call, Record
from cloche.services.sns import public as sns

from . import activities, errors
from . import service as autoscaling
from .groups import Group, by_name, find, page, tags_context
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

TYPES = ("autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR", "autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR", "autoscaling:TEST_NOTIFICATION")
WORDS = {
    "EC2_INSTANCE_LAUNCH": ("EC2 Instance Launch Successful", "launch"), "EC2_INSTANCE_LAUNCH_ERROR": ("EC2 Instance Launch Unsuccessful", "failed launch"),
    "EC2_INSTANCE_TERMINATE": ("EC2 Instance Terminate Successful", "termination"), "EC2_INSTANCE_TERMINATE_ERROR": ("EC2 Instance Terminate Unsuccessful", "failed termination"),
}


class Notification(Record, frozen=True):
    kind = "autoscaling.notification"

    group: str
    topic: str
    types: list[str]

    @property
    def key(self) -> str:
        return f"{self.group}/{self.topic}"


@autoscaling.op(resource=by_name, context=tags_context)
def put_notification_configuration(call: Call, req: t.PutNotificationConfigurationType) -> None:
    group = find(call, req["AutoScalingGroupName"])
    for name in req["NotificationTypes"]:
        if name not in TYPES:
            raise errors.invalid(f'"{name}" is not a valid Notification Type.')
    if sns.topic(call, req["TopicARN"]) is None:
        raise errors.invalid(f"Invalid topic ARN: {req['TopicARN']}")
    made = call.put(Notification(group.name, req["TopicARN"], list(dict.fromkeys(req["NotificationTypes"]))))
    send(call, group, made, f'Auto Scaling: test notification for group "{group.name}"', {"Event": "autoscaling:TEST_NOTIFICATION"})


@autoscaling.op(resource=lambda call, req: "*")
def describe_notification_configurations(call: Call, req: t.DescribeNotificationConfigurationsType) -> t.DescribeNotificationConfigurationsAnswer:
    names = req.get("AutoScalingGroupNames")
    found = [{"AutoScalingGroupName": n.group, "TopicARN": n.topic, "NotificationType": type_} for n in sorted(call.all(Notification), key=lambda n: n.key) if not names or n.group in names for type_ in n.types]
    shown, token = page(found, req)
    return {"NotificationConfigurations": shown} | token  # type: ignore[return-value]


@autoscaling.op(resource=by_name, context=tags_context)
def delete_notification_configuration(call: Call, req: t.DeleteNotificationConfigurationType) -> None:
    find(call, req["AutoScalingGroupName"])
    if found := call.get(Notification, f"{req['AutoScalingGroupName']}/{req['TopicARN']}"):
        call.delete(found)


@autoscaling.op(resource=lambda call, req: "*")
def describe_auto_scaling_notification_types(call: Call, req: Any) -> t.DescribeAutoScalingNotificationTypesAnswer:
    return {"AutoScalingNotificationTypes": list(TYPES)}


def forget(call: Call, group: str) -> None:
    for one in call.all(Notification):
        if one.group == group:
            call.delete(one)


def send(call: Call, group: Group, to: Notification, subject: str, more: dict[str, Any]) -> None:
    from .groups import acting
    message = {"AccountId": call.account, "AutoScalingGroupName": group.name, "AutoScalingGroupARN": group.arn, "Service": "AWS Auto Scaling", "Time": activities.stamp(call.now),
               "RequestId": call.uuid(), "Origin": "AutoScalingGroup", "Destination": "EC2"} | more
    try:
        with call.step():
            sns.publish(acting(call, group), to.topic, Subject=subject[:100], Message=json.dumps(message))
    except AwsError as error:
        call.cloud.memory["autoscaling.unheard"] = (group.name, to.topic, error.code)


def tell(call: Call, group: Group, kind: str, one: Instance | None, activity: str) -> None:
    what, word = WORDS[kind]
    about = activities.one(call, activity)
    detail: dict[str, Any] = {
        "Description": about["Description"], "Details": json.loads(about["Details"]), "Cause": about["Cause"], "StartTime": activities.stamp(about["StartTime"]),
        "EndTime": activities.stamp(about.get("EndTime", call.now)), "StatusCode": "Failed" if kind.endswith("ERROR") else "InProgress", "StatusMessage": about.get("StatusMessage", ""),
        "ActivityId": activity, "RequestId": activity, "AutoScalingGroupName": group.name, "EC2InstanceId": one.id if one else "",
    } | ({"Origin": "EC2", "Destination": "AutoScalingGroup"} if "LAUNCH" in kind else {"Origin": "AutoScalingGroup", "Destination": "EC2"})
    arns = [group.arn] + ([call.arn(f"instance/{one.id}", service="ec2")] if one else [])
    call.emit(AwsEvent("aws.autoscaling", what, detail, arns))
    for to in call.all(Notification):
        if to.group == group.name and f"autoscaling:{kind}" in to.types:
            subject = f'Auto Scaling: {word} for group "{group.name}"'
            send(call, group, to, subject, {"Event": f"autoscaling:{kind}", "Progress": 50} | detail)
