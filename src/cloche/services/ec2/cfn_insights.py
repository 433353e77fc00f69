"""Network Insights analyses in templates: done when the analysis is."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op

from .cfn_shared import looks, only, retag, specification

look = looks("DescribeNetworkInsightsAnalyses", "NetworkInsightsAnalysisIds", "NetworkInsightsAnalyses")


async def start(r: Resource) -> str:
    only(r, "NetworkInsightsPathId", "FilterInArns", "FilterOutArns")
    given: dict[str, Any] = {name: r.properties[name] for name in ("NetworkInsightsPathId", "FilterInArns", "FilterOutArns") if name in r.properties}
    made = await r.do("ec2", "StartNetworkInsightsAnalysis", ClientToken=r.call.uuid(), **given, TagSpecifications=specification(r, "network-insights-analysis"))
    return str(made["NetworkInsightsAnalysis"]["NetworkInsightsAnalysisId"])


async def read(r: Resource) -> None:
    found = await look(r)
    r.attributes |= {name: found[name] for name in ("NetworkInsightsAnalysisId", "NetworkInsightsAnalysisArn", "Status", "NetworkPathFound") if name in found}


async def finished(r: Resource) -> bool:
    return bool((await look(r))["Status"] != "running")


TYPES = {
    "AWS::EC2::NetworkInsightsAnalysis": Type(create=start, update=retag, read=read, ready=finished,
                                              delete=op("ec2", "DeleteNetworkInsightsAnalysis", NetworkInsightsAnalysisId="{id}")),
}
