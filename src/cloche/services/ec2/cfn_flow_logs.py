"""What watches networks, in templates: flow logs, Network Insights paths (analyses: `cfn_insights`)."""
from __future__ import annotations

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op

from .cfn_shared import itself, only, retag, specification


async def create_flow_log(r: Resource) -> str:
    only(r, "DeliverLogsPermissionArn", "DestinationOptions", "LogDestination", "LogDestinationType", "LogFormat", "LogGroupName", "MaxAggregationInterval", "ResourceId", "ResourceType", "TrafficType")
    given = {name: value for name, value in r.properties.items() if name not in ("ResourceId", "Tags")}
    given.setdefault("TrafficType", "ALL")
    answer = await r.do("ec2", "CreateFlowLogs", ResourceIds=[r.properties["ResourceId"]], TagSpecifications=specification(r, "vpc-flow-log"), **given)
    for refused in answer.get("Unsuccessful") or ():
        raise AwsError(refused["Error"]["Code"], refused["Error"]["Message"])
    return str(answer["FlowLogIds"][0])


PATH = ("Source", "Destination", "SourceIp", "DestinationIp", "Protocol", "DestinationPort", "FilterAtSource", "FilterAtDestination")


async def create_path(r: Resource) -> str:
    only(r, *PATH)
    given = {name: r.properties[name] for name in PATH if name in r.properties}
    made = await r.do("ec2", "CreateNetworkInsightsPath", ClientToken=r.call.uuid(), TagSpecifications=specification(r, "network-insights-path"), **given)
    return str(made["NetworkInsightsPath"]["NetworkInsightsPathId"])


async def read_path(r: Resource) -> None:
    there = (await r.do("ec2", "DescribeNetworkInsightsPaths", NetworkInsightsPathIds=[r.physical]))["NetworkInsightsPaths"][0]
    r.attributes |= {"NetworkInsightsPathId": r.physical, "NetworkInsightsPathArn": there["NetworkInsightsPathArn"], "CreatedDate": str(there["CreatedDate"])} | {
        name: there[name] for name in ("SourceArn", "DestinationArn") if name in there}


TYPES = {
    "AWS::EC2::FlowLog": Type(create=create_flow_log, update=retag, delete=op("ec2", "DeleteFlowLogs", FlowLogIds="{id}"), read=itself("Id")),
    "AWS::EC2::NetworkInsightsPath": Type(
        create=create_path,
        update=retag, delete=op("ec2", "DeleteNetworkInsightsPath", NetworkInsightsPathId="{id}"), read=read_path),
}
