"""Regions and their availability zones."""
from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from cloche.kernel import AwsError, Call
from cloche.wire import model

from . import describe, names
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

# Letters of the zones an account sees (AWS Global Infrastructure, 2026); three where nothing is said
LETTERS = {"us-east-1": "abcdef", "us-west-1": "ac", "us-west-2": "abcd", "ap-northeast-1": "acd", "ap-northeast-2": "abcd", "ca-central-1": "abd", "sa-east-1": "abc"}
# Regions that every account has; the others are opted into (AWS Account Management guide, "Enable or disable AWS Regions")
ALWAYS = ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2",
          "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2")
SHORT = {"us": "us", "eu": "eu", "ap": "ap", "ca": "ca", "sa": "sa", "af": "af", "me": "me", "il": "il", "mx": "mx"}
PARTS = {"east": "e", "west": "w", "north": "n", "south": "s", "central": "c", "northeast": "ne", "southeast": "se", "northwest": "nw", "southwest": "sw"}


def of(region: str) -> list[str]:
    return [region + letter for letter in LETTERS.get(region, "abc")]


@lru_cache(4096)
def id_of(account: str, zone: str) -> str:
    """`use1-az4`: the physical zone behind an account's letter. Which is which differs between accounts, as on AWS."""
    region = zone[:-1]
    area, part, number = region.rsplit("-", 2)
    physical = list(range(1, len(of(region)) + 1))
    physical.sort(key=lambda n: hashlib.sha256(f"{account}/{region}/{n}".encode()).digest())
    return f"{SHORT.get(area, area.replace('-', ''))}{PARTS.get(part, part)}{number}-az{physical[of(region).index(zone)]}"


def by_id(account: str, region: str, zone_id: str) -> str | None:
    return next((zone for zone in of(region) if id_of(account, zone) == zone_id), None)


def checked(call: Call, zone: str) -> str:
    """The zone's name, given by name. Raises InvalidParameterValue for one of another region."""
    if zone not in of(call.region):
        raise AwsError("InvalidParameterValue", f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: "
                       f"{', '.join(of(call.region))}.")
    return zone


def _zone(call: Call, zone: str) -> t.AvailabilityZone:
    return {"ZoneName": zone, "ZoneId": id_of(call.account, zone), "State": "available", "OptInStatus": "opt-in-not-required", "RegionName": call.region, "Messages": [],
            "GroupName": f"{call.region}-zg-1", "GroupLongName": call.region, "NetworkBorderGroup": call.region, "ZoneType": "availability-zone"}


@ec2.op(**names.LOOK)
def describe_availability_zones(call: Call, req: t.DescribeAvailabilityZonesRequest) -> t.DescribeAvailabilityZonesResult:
    found = of(call.region)
    if wanted := req.get("ZoneNames"):
        if strays := [zone for zone in wanted if zone not in found]:
            raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{strays[0]}]")
        found = [zone for zone in found if zone in wanted]
    rows = [_zone(call, zone) for zone in found]
    if ids := req.get("ZoneIds"):
        if strays := [one for one in ids if by_id(call.account, call.region, one) is None]:
            raise AwsError("InvalidParameterValue", f"Invalid availability zone-id: [{strays[0]}]")
        rows = [row for row in rows if row["ZoneId"] in ids]
    return {"AvailabilityZones": describe.matching(call, rows, req.get("Filters"), {
        "zone-name": lambda z: z["ZoneName"], "zone-id": lambda z: z["ZoneId"], "state": lambda z: z["State"], "region-name": lambda z: z["RegionName"], "zone-type": lambda z: z["ZoneType"],
        "opt-in-status": lambda z: z["OptInStatus"], "group-name": lambda z: z["GroupName"], "message": lambda z: z["Messages"]})}


@ec2.op(**names.LOOK)
def describe_regions(call: Call, req: t.DescribeRegionsRequest) -> t.DescribeRegionsResult:
    every = model.regions() if req.get("AllRegions") or req.get("RegionNames") else list(ALWAYS)
    if strays := [name for name in req.get("RegionNames") or () if name not in every]:
        raise AwsError("InvalidParameterValue", f"Invalid region: {strays[0]}")
    rows = [{"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": "opt-in-not-required" if name in ALWAYS else "not-opted-in"}
            for name in sorted(every) if not req.get("RegionNames") or name in req["RegionNames"]]
    return {"Regions": describe.matching(call, rows, req.get("Filters"), {
        "region-name": lambda r: r["RegionName"], "endpoint": lambda r: r["Endpoint"], "opt-in-status": lambda r: r["OptInStatus"]})}
