"""The notification channel: an SNS topic that is told, under a role, which resources have come to violate a policy."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record

from . import admins, errors
from . import service as fms

if TYPE_CHECKING:
    from cloche.shapes import fms as t


class Channel(Record, frozen=True):
    kind = "fms.channel"

    topic: str
    role: str

    @property
    def key(self) -> str:
        return "channel"


@fms.op(resource=ANY)
def put_notification_channel(call: Call, req: t.PutNotificationChannelRequest) -> None:
    admins.required(call, "PutNotificationChannel")
    call.pass_role(req["SnsRoleName"], "fms.amazonaws.com")
    call.put(Channel(req["SnsTopicArn"], req["SnsRoleName"]))


@fms.op(resource=ANY)
def get_notification_channel(call: Call, req: t.GetNotificationChannelRequest) -> t.GetNotificationChannelResponse:
    if admins.of(call) is None:
        raise errors.no_default_admin(call.account)
    admins.required(call, "GetNotificationChannel")
    one = call.get(Channel, "channel")
    return {"SnsTopicArn": one.topic, "SnsRoleName": one.role} if one else {}


@fms.op(resource=ANY)
def delete_notification_channel(call: Call, req: t.DeleteNotificationChannelRequest) -> None:
    admins.required(call, "DeleteNotificationChannel")
    one = call.get(Channel, "channel")
    if one is None:
        raise errors.missing("There is no notification channel.")
    call.delete(one)


def tell(call: Call, policy: Any, account: str, violators: list[dict[str, Any]]) -> None:
    """A topic that is gone, or shut to the role, hears nothing, and nothing else suffers."""
    one = call.get(Channel, "channel")
    if one is None or not violators:
        return
    body = {"PolicyId": policy.id, "PolicyName": policy.name, "PolicyType": policy.type, "MemberAccount": account, "ComplianceStatus": "NON_COMPLIANT", "Violators": violators}
    try:
        with call.step():
            speaker = call.as_role(one.role, "FirewallManager", "fms.amazonaws.com")
            speaker.do("sns", "Publish", TopicArn=one.topic, Subject="AWS Firewall Manager: resources are not compliant", Message=json.dumps(body))
    except AwsError:
        return
