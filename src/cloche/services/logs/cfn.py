"""CloudWatch Logs in templates: LogGroup, LogStream, SubscriptionFilter, MetricFilter, ResourcePolicy."""
from __future__ import annotations

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, retag, steps


async def retention(r: Resource) -> None:
    if r.changed("RetentionInDays"):
        if days := r.get("RetentionInDays"):
            await r.do("logs", "PutRetentionPolicy", logGroupName=r.physical, retentionInDays=days)
        else:
            await r.do("logs", "DeleteRetentionPolicy", logGroupName=r.physical)


async def create(r: Resource) -> str:
    r.physical = r.properties["LogGroupName"]
    await r.do("logs", "CreateLogGroup", logGroupName=r.physical, kmsKeyId=r.get("KmsKeyId"), logGroupClass=r.get("LogGroupClass"), tags=r.get("Tags"))
    await retention(r)
    return r.physical


async def read(r: Resource) -> None:
    r.attributes["Arn"] = r.call.arn(f"log-group:{r.physical}:*", service="logs")


async def update(r: Resource) -> None:
    await retention(r)
    if r.changed("KmsKeyId"):
        if key := r.get("KmsKeyId"):
            await r.do("logs", "AssociateKmsKey", logGroupName=r.physical, kmsKeyId=key)
        else:
            await r.do("logs", "DisassociateKmsKey", logGroupName=r.physical)


async def live(r: Resource) -> dict[str, object]:
    groups = (await r.do("logs", "DescribeLogGroups", logGroupNamePrefix=r.physical))["logGroups"]
    for one in groups:
        if one["logGroupName"] == r.physical:
            return {"RetentionInDays": one.get("retentionInDays"), "KmsKeyId": one.get("kmsKeyId")}
    raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")


TYPES = {
    "AWS::Logs::LogGroup": Type(
        name="LogGroupName", limit=512, create=create, read=read, live=live,
        update=steps(update, retag("logs", "TagLogGroup", "UntagLogGroup", keys="tags", tags="tags", logGroupName="{id}")),
        delete=op("logs", "DeleteLogGroup", logGroupName="{id}")),
    "AWS::Logs::LogStream": Type(
        name="LogStreamName", limit=512, create=op("logs", "CreateLogStream", send=True, physical="{LogStreamName}"),
        delete=op("logs", "DeleteLogStream", logGroupName="{LogGroupName}", logStreamName="{id}")),
    "AWS::Logs::SubscriptionFilter": Type(
        name="FilterName", limit=512, create=op("logs", "PutSubscriptionFilter", send=True, physical="{FilterName}"), update=op("logs", "PutSubscriptionFilter", send=True),
        delete=op("logs", "DeleteSubscriptionFilter", logGroupName="{LogGroupName}", filterName="{id}")),
    "AWS::Logs::MetricFilter": Type(
        name="FilterName", limit=512, create=op("logs", "PutMetricFilter", send=True, physical="{FilterName}"), update=op("logs", "PutMetricFilter", send=True),
        delete=op("logs", "DeleteMetricFilter", logGroupName="{LogGroupName}", filterName="{id}")),
    "AWS::Logs::QueryDefinition": Type(
        create=op("logs", "PutQueryDefinition", send=True, physical="queryDefinitionId", attributes={"QueryDefinitionId": "queryDefinitionId"}),
        update=op("logs", "PutQueryDefinition", send=True, queryDefinitionId="{id}"), delete=op("logs", "DeleteQueryDefinition", queryDefinitionId="{id}")),
    "AWS::Logs::ResourcePolicy": Type(
        create=op("logs", "PutResourcePolicy", send=True, physical="{PolicyName}"), update=op("logs", "PutResourcePolicy", send=True),
        delete=op("logs", "DeleteResourcePolicy", policyName="{id}")),
}
