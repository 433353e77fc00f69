"""Network Insights analyses: a path thought through once, on the network as the records want it; nothing is sent, and nobody need run."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, links, names, network_insights_paths, network_reasons, tags
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

SECONDS = 1.0  # how long it is `running`


class NetworkInsightsAnalysis(Record, frozen=True):
    kind = "ec2.network-insights-analysis"

    id: str
    path: str
    started: float
    found: bool
    forward: list[Any] = []
    back: list[Any] = []
    explanations: list[Any] = []
    filters: list[str] = []
    filters_out: list[str] = []
    token: str = ""

    @property
    def key(self) -> str:
        return self.id

    def running(self, now: float) -> bool:
        return now < self.started + SECONDS


def find(call: Call, id_: str) -> NetworkInsightsAnalysis:
    return describe.find(call, NetworkInsightsAnalysis, id_, "InvalidNetworkInsightsAnalysisId.NotFound", "network insights analysis ID")


tags.FINDERS["nia"] = find


def shown(call: Call, one: NetworkInsightsAnalysis) -> t.NetworkInsightsAnalysis:
    out: Any = {"NetworkInsightsAnalysisId": one.id, "NetworkInsightsAnalysisArn": names.arn(call, "network-insights-analysis", one.id), "NetworkInsightsPathId": one.path,
                "StartDate": one.started, "Status": "running", "Tags": tags.shown(call, one.id)}
    if one.filters:
        out["FilterInArns"] = one.filters
    if one.filters_out:
        out["FilterOutArns"] = one.filters_out
    if not one.running(call.now):
        out |= {"Status": "succeeded", "NetworkPathFound": one.found, "ForwardPathComponents": one.forward, "ReturnPathComponents": one.back, "Explanations": one.explanations}
    return out  # type: ignore[no-any-return]


@ec2.op(**names.making("network-insights-analysis", network_insights_path="NetworkInsightsPathId"))
def start_network_insights_analysis(call: Call, req: t.StartNetworkInsightsAnalysisRequest) -> t.StartNetworkInsightsAnalysisResult:
    path = network_insights_paths.find(call, req["NetworkInsightsPathId"])
    token = req["ClientToken"]
    if token and (there := next((one for one in call.all(NetworkInsightsAnalysis) if one.token == token), None)):
        return {"NetworkInsightsAnalysis": shown(call, there)}
    said = network_reasons.analysis(call, path, req.get("FilterInArns") or [], req.get("FilterOutArns") or [])
    one = call.put(NetworkInsightsAnalysis(call.id("nia-"), path.id, call.now, said.found, said.forward, said.back, said.explanations,
                                           list(req.get("FilterInArns") or []), list(req.get("FilterOutArns") or []), token))
    links.tie(call, one.id, path.id)
    tags.take(call, req, "network-insights-analysis", one.id)
    return {"NetworkInsightsAnalysis": shown(call, one)}


FACETS: describe.Facets = {
    "path-found": lambda call, one: None if one.running(call.now) else one.found, "status": lambda call, one: "running" if one.running(call.now) else "succeeded",
}


@ec2.op(**names.LOOK)
def describe_network_insights_analyses(call: Call, req: t.DescribeNetworkInsightsAnalysesRequest) -> t.DescribeNetworkInsightsAnalysesResult:
    ids = req.get("NetworkInsightsAnalysisIds")
    found = describe.several(call, NetworkInsightsAnalysis, ids, "InvalidNetworkInsightsAnalysisId.NotFound", "network insights analysis ID")
    if path := req.get("NetworkInsightsPathId"):
        network_insights_paths.find(call, path)
        found = [one for one in found if one.path == path]
    start, end = req.get("AnalysisStartTime"), req.get("AnalysisEndTime")
    found = [one for one in found if (start is None or one.started >= start) and (end is None or one.started <= end)]
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "NetworkInsightsAnalyses", least=1, most=100)  # type: ignore[no-any-return]


@ec2.op(**names.on("network-insights-analysis", "NetworkInsightsAnalysisId"))
def delete_network_insights_analysis(call: Call, req: t.DeleteNetworkInsightsAnalysisRequest) -> t.DeleteNetworkInsightsAnalysisResult:
    one = find(call, req["NetworkInsightsAnalysisId"])
    call.delete(one)
    links.untie(call, one.id)
    tags.drop(call, one.id)
    return {"NetworkInsightsAnalysisId": one.id}
