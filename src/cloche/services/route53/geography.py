"""Where regions lie, and which region is nearest: what latency routing goes by here, for in one machine every way is equally short."""
from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

# Latitude and longitude of the cities that AWS names its regions after
PLACES = {
    "us-east-1": (38.9, -77.4), "us-east-2": (40.0, -83.0), "us-west-1": (37.4, -122.0), "us-west-2": (45.8, -119.7), "ca-central-1": (45.5, -73.6), "ca-west-1": (51.0, -114.1),
    "mx-central-1": (20.6, -100.4), "sa-east-1": (-23.5, -46.6), "eu-west-1": (53.3, -6.3), "eu-west-2": (51.5, -0.1), "eu-west-3": (48.9, 2.4), "eu-central-1": (50.1, 8.7),
    "eu-central-2": (47.4, 8.5), "eu-north-1": (59.3, 18.1), "eu-south-1": (45.5, 9.2), "eu-south-2": (41.6, -0.9), "il-central-1": (32.1, 34.8), "me-south-1": (26.1, 50.6),
    "me-central-1": (24.5, 54.4), "af-south-1": (-33.9, 18.4), "ap-south-1": (19.1, 72.9), "ap-south-2": (17.4, 78.5), "ap-southeast-1": (1.3, 103.8), "ap-southeast-2": (-33.9, 151.2),
    "ap-southeast-3": (-6.2, 106.8), "ap-southeast-4": (-37.8, 145.0), "ap-southeast-5": (3.1, 101.7), "ap-southeast-7": (13.8, 100.5), "ap-east-1": (22.3, 114.2), "ap-east-2": (25.0, 121.5),
    "ap-northeast-1": (35.7, 139.7), "ap-northeast-2": (37.6, 127.0), "ap-northeast-3": (34.7, 135.5), "cn-north-1": (39.9, 116.4), "cn-northwest-1": (37.5, 105.2),
    "us-gov-east-1": (40.0, -83.0), "us-gov-west-1": (45.8, -119.7),
}
# The country of a region: what geolocation routing takes a VPC's resolver for
COUNTRIES = {
    "us": ("NA", "US"), "ca": ("NA", "CA"), "mx": ("NA", "MX"), "sa": ("SA", "BR"), "eu-west-1": ("EU", "IE"), "eu-west-2": ("EU", "GB"), "eu-west-3": ("EU", "FR"), "eu-central-1": ("EU", "DE"),
    "eu-central-2": ("EU", "CH"), "eu-north-1": ("EU", "SE"), "eu-south-1": ("EU", "IT"), "eu-south-2": ("EU", "ES"), "il": ("AS", "IL"), "me-south-1": ("AS", "BH"), "me-central-1": ("AS", "AE"),
    "af": ("AF", "ZA"), "ap-south": ("AS", "IN"), "ap-southeast-1": ("AS", "SG"), "ap-southeast-2": ("OC", "AU"), "ap-southeast-3": ("AS", "ID"), "ap-southeast-4": ("OC", "AU"),
    "ap-southeast-5": ("AS", "MY"), "ap-southeast-7": ("AS", "TH"), "ap-east-1": ("AS", "HK"), "ap-east-2": ("AS", "TW"), "ap-northeast-1": ("AS", "JP"), "ap-northeast-2": ("AS", "KR"),
    "ap-northeast-3": ("AS", "JP"), "cn": ("AS", "CN"),
}


def distance(one: str, other: str) -> float:
    """Kilometres between two regions; far where nothing is known."""
    if one not in PLACES or other not in PLACES:
        return 0.0 if one == other else 20_000.0
    (lat, lon), (lat2, lon2) = ([radians(x) for x in PLACES[region]] for region in (one, other))
    half = sin((lat2 - lat) / 2) ** 2 + cos(lat) * cos(lat2) * sin((lon2 - lon) / 2) ** 2
    return 12_742 * asin(sqrt(min(1.0, half)))


def country(region: str) -> tuple[str, str]:
    """(continent, country), or ("", "")."""
    for length in (3, 2, 1):
        name = "-".join(region.split("-")[:length])
        if name in COUNTRIES:
            return COUNTRIES[name]
    return "", ""
