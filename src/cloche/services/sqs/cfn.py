"""SQS in templates: AWS::SQS::Queue, QueuePolicy, QueueInlinePolicy."""
from __future__ import annotations

import json

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, strings, tag_map

NOT_ATTRIBUTES = {"QueueName", "Tags", "FifoQueue"}
# a property taken out of a template goes back to what the service has by itself
DEFAULTS = {
    "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "DelaySeconds": "0", "FifoThroughputLimit": "perQueue", "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "RedriveAllowPolicy": "",
    "RedrivePolicy": "", "SqsManagedSseEnabled": "true", "VisibilityTimeout": "30",
}


def attributes(r: Resource) -> dict[str, str]:
    return {k: json.dumps(v) if isinstance(v, dict) else strings(v) for k, v in r.properties.items() if k not in NOT_ATTRIBUTES}


def suffix(r: Resource) -> str:
    return ".fifo" if strings(r.get("FifoQueue", "")) == "true" else ""


async def create(r: Resource) -> str:
    given = attributes(r) | ({"FifoQueue": "true"} if suffix(r) else {})
    answer = await r.do("sqs", "CreateQueue", QueueName=r.properties["QueueName"], Attributes=given or None, tags=tag_map(r.get("Tags")) or None)
    return answer["QueueUrl"]


async def update(r: Resource) -> None:
    new = attributes(r)
    new |= {name: DEFAULTS[name] for name in r.old if name not in r.properties and name in DEFAULTS}
    if new:
        await r.do("sqs", "SetQueueAttributes", QueueUrl=r.physical, Attributes=new)


async def read(r: Resource) -> None:
    answer = await r.do("sqs", "GetQueueAttributes", QueueUrl=r.physical, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    r.attributes |= {"Arn": arn, "QueueName": arn.rsplit(":", 1)[1], "QueueUrl": r.physical}


async def put_policy(r: Resource) -> str:
    for url in r.properties["Queues"]:
        await r.do("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": json.dumps(r.properties["PolicyDocument"])})
    for url in r.old.get("Queues", []):
        if url not in r.properties["Queues"]:
            await r.do("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})
    return r.physical or f"{r.stack_name}-{r.logical}-{r.call.pick('abcdefghijklmnopqrstuvwxyz0123456789', 12)}"


async def drop_policy(r: Resource) -> None:
    for url in r.properties["Queues"]:
        await r.do("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})


async def live(r: Resource) -> dict[str, object]:
    there = (await r.do("sqs", "GetQueueAttributes", QueueUrl=r.physical, AttributeNames=["All"]))["Attributes"]
    return {k: json.loads(v) if k in ("RedrivePolicy", "RedriveAllowPolicy") else v for k, v in there.items()}


TYPES = {
    "AWS::SQS::Queue": Type(
        name="QueueName", limit=80, suffix=suffix, create=create, live=live, read=read, update=steps(update, retag("sqs", "TagQueue", "UntagQueue", QueueUrl="{id}")),
        delete=op("sqs", "DeleteQueue", QueueUrl="{id}"), attributes=("QueueName",)),
    "AWS::SQS::QueuePolicy": Type(create=put_policy, update=put_policy, delete=drop_policy),
}
