"""Network Insights paths: from where to where a packet is to be thought through."""
from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, errors, errors_insights, links, names, tags
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

SOURCES = ("i", "eni", "igw", "pcx", "tgw", "tgw-attach", "vgw", "vpce")


class NetworkInsightsPath(Record, frozen=True):
    kind = "ec2.network-insights-path"

    id: str
    made: float
    source: str                    # ids; ARNs are taken apart
    destination: str
    protocol: str
    port: int | None = None
    source_ip: str = ""
    destination_ip: str = ""
    at_source: dict[str, Any] = {}
    at_destination: dict[str, Any] = {}
    token: str = ""

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> NetworkInsightsPath:
    return describe.find(call, NetworkInsightsPath, id_, "InvalidNetworkInsightsPathId.NotFound", "network insights path ID")


tags.FINDERS["nip"] = find


def _resource(call: Call, given: str, which: str) -> str:
    """An id, or an ARN's; one that this account could name."""
    id_ = given.rsplit("/", 1)[-1] if given.startswith("arn:") else given
    prefix = id_.rpartition("-")[0]
    if prefix not in SOURCES:
        raise errors_insights.bad_endpoint(given, which)
    finder = tags.FINDERS.get(prefix)
    if finder is not None and not given.startswith("arn:"):      # one of another account is named by its ARN
        finder(call, id_)
    return id_


def shown(call: Call, one: NetworkInsightsPath) -> t.NetworkInsightsPath:
    out: Any = {"NetworkInsightsPathId": one.id, "NetworkInsightsPathArn": names.arn(call, "network-insights-path", one.id), "CreatedDate": one.made, "Source": one.source,
                "SourceArn": names.arn(call, names.kind(one.source), one.source), "Protocol": one.protocol, "Tags": tags.shown(call, one.id)}
    if one.destination:
        out |= {"Destination": one.destination, "DestinationArn": names.arn(call, names.kind(one.destination), one.destination)}
    for member, value in (("DestinationPort", one.port), ("SourceIp", one.source_ip), ("DestinationIp", one.destination_ip), ("FilterAtSource", one.at_source),
                          ("FilterAtDestination", one.at_destination)):
        if value not in (None, "", {}):
            out[member] = value
    return out  # type: ignore[no-any-return]


def _address(text: str) -> str:
    if text:
        try:
            ipaddress.ip_address(text.split("/")[0])
        except ValueError:
            raise errors.invalid(f"Value ({text}) is not an IP address") from None
    return text.split("/")[0]


@ec2.op(**names.making("network-insights-path"))
def create_network_insights_path(call: Call, req: t.CreateNetworkInsightsPathRequest) -> t.CreateNetworkInsightsPathResult:
    token = req["ClientToken"]
    if token and (there := next((one for one in call.all(NetworkInsightsPath) if one.token == token), None)):
        return {"NetworkInsightsPath": shown(call, there)}
    to: Any = req.get("FilterAtSource") or {}
    if not req.get("Destination") and not req.get("DestinationIp") and not to.get("DestinationAddress"):
        raise errors_insights.destination_missing()
    one = call.put(NetworkInsightsPath(
        call.id("nip-"), call.now, _resource(call, req["Source"], "source"), _resource(call, req["Destination"], "destination") if req.get("Destination") else "",
        req["Protocol"], req.get("DestinationPort"), _address(req.get("SourceIp") or ""), _address(req.get("DestinationIp") or ""),
        dict(req.get("FilterAtSource") or {}), dict(req.get("FilterAtDestination") or {}), token))
    tags.take(call, req, "network-insights-path", one.id)
    return {"NetworkInsightsPath": shown(call, one)}


FACETS: describe.Facets = {
    "destination": lambda p: p.destination, "source": lambda p: p.source, "protocol": lambda p: p.protocol,
    "filter-at-source.source-address": lambda p: p.at_source.get("SourceAddress"), "filter-at-source.destination-address": lambda p: p.at_source.get("DestinationAddress"),
    "filter-at-destination.source-address": lambda p: p.at_destination.get("SourceAddress"),
    "filter-at-destination.destination-address": lambda p: p.at_destination.get("DestinationAddress"),
}


@ec2.op(**names.LOOK)
def describe_network_insights_paths(call: Call, req: t.DescribeNetworkInsightsPathsRequest) -> t.DescribeNetworkInsightsPathsResult:
    ids = req.get("NetworkInsightsPathIds")
    found = describe.matching(call, describe.several(call, NetworkInsightsPath, ids, "InvalidNetworkInsightsPathId.NotFound", "network insights path ID"), req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "NetworkInsightsPaths", least=1, most=100)  # type: ignore[no-any-return]


@ec2.op(**names.on("network-insights-path", "NetworkInsightsPathId"))
def delete_network_insights_path(call: Call, req: t.DeleteNetworkInsightsPathRequest) -> t.DeleteNetworkInsightsPathResult:
    one = find(call, req["NetworkInsightsPathId"])
    if links.users(call, one.id, "nia-"):
        raise errors_insights.analysis_exists(one.id)
    call.delete(one)
    tags.drop(call, one.id)
    return {"NetworkInsightsPathId": one.id}
