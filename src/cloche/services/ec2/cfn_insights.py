"""Flow logs, Network Insights paths and analyses in templates."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op

from .cfn_shared import itself, looks, only, retag, specification

LOG = ("DeliverCrossAccountRole", "DeliverLogsPermissionArn", "DestinationOptions", "LogDestination", "LogDestinationType", "LogFormat", "LogGroupName", "MaxAggregationInterval",
       "ResourceType", "TrafficType")
PATH = ("Source", "Destination", "SourceIp", "DestinationIp", "Protocol", "DestinationPort", "FilterAtSource", "FilterAtDestination")


async def create_log(r: Resource) -> str:
    only(r, *LOG, "ResourceId")
    given: dict[str, Any] = {name: r.properties[name] for name in LOG if name in r.properties}
    answer = await r.do("ec2", "CreateFlowLogs", ResourceIds=[r.properties["ResourceId"]], **given, TagSpecifications=specification(r, "vpc-flow-log"))
    return str(answer["FlowLogIds"][0])


async def delete_log(r: Resource) -> None:
    await r.do("ec2", "DeleteFlowLogs", FlowLogIds=[r.physical])


async def create_path(r: Resource) -> str:
    only(r, *PATH)
    given: dict[str, Any] = {name: r.properties[name] for name in PATH if name in r.properties}
    made = await r.do("ec2", "CreateNetworkInsightsPath", ClientToken=r.call.uuid(), **given, TagSpecifications=specification(r, "network-insights-path"))
    return str(made["NetworkInsightsPath"]["NetworkInsightsPathId"])


async def read_path(r: Resource) -> None:
    found = await looks("DescribeNetworkInsightsPaths", "NetworkInsightsPathIds", "NetworkInsightsPaths")(r)
    r.attributes |= {name: found[name] for name in ("NetworkInsightsPathId", "NetworkInsightsPathArn", "SourceArn", "DestinationArn") if name in found}


async def start(r: Resource) -> str:
    only(r, "NetworkInsightsPathId", "FilterInArns", "FilterOutArns")
    given: dict[str, Any] = {name: r.properties[name] for name in ("NetworkInsightsPathId", "FilterInArns", "FilterOutArns") if name in r.properties}
    made = await r.do("ec2", "StartNetworkInsightsAnalysis", ClientToken=r.call.uuid(), **given, TagSpecifications=specification(r, "network-insights-analysis"))
    return str(made["NetworkInsightsAnalysis"]["NetworkInsightsAnalysisId"])


async def read_analysis(r: Resource) -> None:
    found = await looks("DescribeNetworkInsightsAnalyses", "NetworkInsightsAnalysisIds", "NetworkInsightsAnalyses")(r)
    r.attributes |= {name: found[name] for name in ("NetworkInsightsAnalysisId", "NetworkInsightsAnalysisArn", "Status", "NetworkPathFound") if name in found}


async def finished(r: Resource) -> bool:
    found = await looks("DescribeNetworkInsightsAnalyses", "NetworkInsightsAnalysisIds", "NetworkInsightsAnalyses")(r)
    return bool(found["Status"] != "running")


TYPES = {
    "AWS::EC2::FlowLog": Type(create=create_log, update=retag, read=itself("Id"), delete=delete_log),
    "AWS::EC2::NetworkInsightsPath": Type(create=create_path, update=retag, read=read_path, delete=op("ec2", "DeleteNetworkInsightsPath", NetworkInsightsPathId="{id}")),
    "AWS::EC2::NetworkInsightsAnalysis": Type(create=start, update=retag, read=read_analysis, ready=finished,
                                              delete=op("ec2", "DeleteNetworkInsightsAnalysis", NetworkInsightsAnalysisId="{id}")),
}
