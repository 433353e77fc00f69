"""Direct Connect locations: a few real ones of every region that has some; a region without one in this list has a location of its own making."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import service as directconnect

if TYPE_CHECKING:
    from cloche.shapes import directconnect as t

SPEEDS = ("1Gbps", "10Gbps", "100Gbps", "400Gbps")
HOSTED = ("50Mbps", "100Mbps", "200Mbps", "300Mbps", "400Mbps", "500Mbps", "1Gbps", "2Gbps", "5Gbps", "10Gbps", "25Gbps")
MACSEC = ("10Gbps", "100Gbps", "400Gbps")
# region -> {code: name}; AWS Direct Connect Locations
PLACES: dict[str, dict[str, str]] = {
    "us-east-1": {"EqDC2": "Equinix DC2/DC11, Ashburn, VA", "CSVA1": "CoreSite VA1, Reston, VA", "EqNY5": "Equinix NY5, Secaucus, NJ"},
    "us-east-2": {"COLOH1": "Cologix COL2, Columbus, OH", "QTS01": "QTS Chicago, Chicago, IL"},
    "us-west-1": {"CSSV4": "CoreSite SV4, Santa Clara, CA", "EqSV5": "Equinix SV5, San Jose, CA"},
    "us-west-2": {"EqSe2-EQ": "Equinix SE2, Seattle, WA", "TNX": "EdgeConneX, Portland, OR"},
    "eu-west-1": {"EirCL": "Eircom Clonshaugh, Dublin, Ireland", "EqDB2": "Equinix DB2, Dublin, Ireland"},
    "eu-west-2": {"EqLD5": "Equinix LD5, London, UK", "TCSH": "TelecityGroup 2 Harbour Exchange, London, UK"},
    "eu-west-3": {"EqPA3": "Equinix PA3, Paris, France", "TELV": "Telehouse Voltaire, Paris, France"},
    "eu-central-1": {"EqFA5": "Equinix FR5, Frankfurt, Germany", "InterFRA6": "Interxion FRA6, Frankfurt, Germany"},
    "ap-southeast-1": {"EqSG2": "Equinix SG2, Singapore", "GS2": "Global Switch, Singapore"},
    "ap-southeast-2": {"EqSY3": "Equinix SY3, Sydney, Australia", "GSSYD": "Global Switch SY6, Sydney, Australia"},
    "ap-northeast-1": {"EqTY2": "Equinix TY2, Tokyo, Japan", "EqOS1": "Equinix OS1, Osaka, Japan"},
    "sa-east-1": {"TIVIT": "Tivit, Sao Paulo, Brazil", "EqSP4": "Equinix SP4, Sao Paulo, Brazil"},
}


def of(region: str) -> dict[str, str]:
    return PLACES.get(region) or {f"CL-{region.upper()}": f"Cloche, {region}"}


@directconnect.op(ANY)
def describe_locations(call: Call, req: Any) -> t.Locations:
    return {"locations": [{"locationCode": code, "locationName": name, "region": call.region, "availablePortSpeeds": list(SPEEDS), "availableProviders": [],
                           "availableMacSecPortSpeeds": list(MACSEC)} for code, name in of(call.region).items()]}
