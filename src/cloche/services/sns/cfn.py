"""SNS in templates: Topic, TopicPolicy, Subscription."""
from __future__ import annotations

import json
from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, strings

TOPIC = ("DisplayName", "KmsMasterKeyId", "ContentBasedDeduplication", "SignatureVersion", "TracingConfig", "FifoThroughputScope", "ArchivePolicy")
SUBSCRIPTION = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn", "ReplayPolicy")


def texts(r: Resource, names: tuple[str, ...]) -> dict[str, str]:
    return {name: json.dumps(value) if isinstance(value, (dict, list)) else strings(value) for name in names if (value := r.get(name)) is not None}


def suffix(r: Resource) -> str:
    return ".fifo" if strings(r.get("FifoTopic", "")) == "true" else ""


async def create(r: Resource) -> str:
    given = texts(r, TOPIC) | ({"FifoTopic": "true"} if suffix(r) else {})
    answer = await r.do("sns", "CreateTopic", Name=r.properties["TopicName"], Attributes=given or None, Tags=r.get("Tags"),
                        DataProtectionPolicy=json.dumps(r.properties["DataProtectionPolicy"]) if r.get("DataProtectionPolicy") else None)
    r.physical = answer["TopicArn"]
    r.attributes |= {"TopicArn": r.physical, "TopicName": r.physical.rsplit(":", 1)[1]}
    await subscribe(r)
    return r.physical


async def subscribe(r: Resource) -> None:
    new, old = r.get("Subscription") or [], r.old.get("Subscription") or []
    for one in new:
        if one not in old:
            await r.do("sns", "Subscribe", TopicArn=r.physical, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
    if gone := [one for one in old if one not in new]:
        answer = await r.do("sns", "ListSubscriptionsByTopic", TopicArn=r.physical)
        for there in answer["Subscriptions"]:
            if {"Endpoint": there["Endpoint"], "Protocol": there["Protocol"]} in gone and there["SubscriptionArn"].startswith("arn:"):
                await r.do("sns", "Unsubscribe", SubscriptionArn=there["SubscriptionArn"])


async def update(r: Resource) -> None:
    new = texts(r, TOPIC)
    for name in TOPIC:
        if r.changed(name):
            await r.do("sns", "SetTopicAttributes", TopicArn=r.physical, AttributeName=name, AttributeValue=new.get(name, ""))
    await subscribe(r)


def default_policy(arn: str) -> dict[str, Any]:
    """What a topic has before anybody says otherwise: its owner may do everything."""
    actions = ["GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe", "ListSubscriptionsByTopic", "Publish"]
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [{
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": [f"SNS:{x}" for x in actions], "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}}}]}


async def put_policy(r: Resource) -> str:
    for arn in r.properties["Topics"]:
        await r.do("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(r.properties["PolicyDocument"]))
    for arn in r.old.get("Topics", []):
        if arn not in r.properties["Topics"]:
            await r.do("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(default_policy(arn)))
    return r.physical or f"{r.stack_name}-{r.logical}-{r.call.pick('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 12)}"


async def drop_policy(r: Resource) -> None:
    for arn in r.properties["Topics"]:
        await r.do("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(default_policy(arn)))


async def create_subscription(r: Resource) -> str:
    answer = await r.do("sns", "Subscribe", TopicArn=r.properties["TopicArn"], Protocol=r.properties["Protocol"], Endpoint=r.get("Endpoint"),
                        Attributes=texts(r, SUBSCRIPTION) or None, ReturnSubscriptionArn=True)
    r.attributes["Arn"] = answer["SubscriptionArn"]
    return answer["SubscriptionArn"]


async def update_subscription(r: Resource) -> None:
    new = texts(r, SUBSCRIPTION)
    for name in SUBSCRIPTION:
        if r.changed(name):
            await r.do("sns", "SetSubscriptionAttributes", SubscriptionArn=r.physical, AttributeName=name, AttributeValue=new.get(name, ""))


async def live(r: Resource) -> dict[str, Any]:
    return (await r.do("sns", "GetTopicAttributes", TopicArn=r.physical))["Attributes"]


TYPES = {
    "AWS::SNS::Topic": Type(
        name="TopicName", limit=256, suffix=suffix, create=create, live=live, update=steps(update, retag("sns", "TagResource", "UntagResource", ResourceArn="{id}")),
        delete=op("sns", "DeleteTopic", TopicArn="{id}"), attributes=("TopicName",)),
    "AWS::SNS::TopicPolicy": Type(create=put_policy, update=put_policy, delete=drop_policy),
    "AWS::SNS::Subscription": Type(create=create_subscription, update=update_subscription, delete=op("sns", "Unsubscribe", SubscriptionArn="{id}"), replaces=("Region",)),
}
