"""Reserved Instances: a price for one or three years, nothing that runs. Offerings are computed from the price on demand; a purchase is a record of billing."""
from __future__ import annotations

import hashlib
import itertools
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import describe, errors, instance_types, names, prices, tags, zones
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

YEAR = 31536000
# (class, years, how it is paid) -> share of the price on demand that is paid in all
SHARES = {
    ("standard", 1, "No Upfront"): 0.63, ("standard", 1, "Partial Upfront"): 0.60, ("standard", 1, "All Upfront"): 0.59,
    ("standard", 3, "No Upfront"): 0.43, ("standard", 3, "Partial Upfront"): 0.40, ("standard", 3, "All Upfront"): 0.38,
    ("convertible", 1, "No Upfront"): 0.72, ("convertible", 1, "Partial Upfront"): 0.69, ("convertible", 1, "All Upfront"): 0.68,
    ("convertible", 3, "No Upfront"): 0.54, ("convertible", 3, "Partial Upfront"): 0.50, ("convertible", 3, "All Upfront"): 0.49,
}
PAID_BEFORE = {"No Upfront": 0.0, "Partial Upfront": 0.5, "All Upfront": 1.0}


class Reserved(Record, frozen=True):
    kind = "ec2.reserved-instances"

    id: str
    type: str
    count: int
    began: float
    seconds: int
    offering_class: str
    offering_type: str
    fixed: float
    hourly: float
    zone: str = ""
    tenancy: str = "default"
    product: str = "Linux/UNIX"
    state: str = "payment-pending"

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> Reserved:
    if (found := call.get(Reserved, id_)) is None:
        raise AwsError("InvalidReservedInstancesId", f"The ID '{id_}' is not valid")
    return found


@lru_cache(64)
def offerings(region: str, type_: str) -> list[dict[str, Any]]:
    kind = instance_types.find(type_)
    out = []
    for (offering_class, years, paid), share in SHARES.items():
        for zone in ("", *zones.of(region)):
            for tenancy in ("default", "dedicated"):
                total = prices.on_demand(kind) * share * years * YEAR / 3600 * (1.06 if tenancy == "dedicated" else 1)
                digest = hashlib.sha256(f"{region}/{type_}/{offering_class}/{years}/{paid}/{zone}/{tenancy}".encode()).hexdigest()
                fixed = round(total * PAID_BEFORE[paid], 2)
                hourly = round((total - fixed) / (years * YEAR / 3600), 5) if paid != "All Upfront" else 0.0
                out.append({
                    "ReservedInstancesOfferingId": f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}", "InstanceType": type_, "Duration": years * YEAR, "UsagePrice": 0.0,
                    "FixedPrice": fixed, "ProductDescription": "Linux/UNIX", "InstanceTenancy": tenancy, "CurrencyCode": "USD", "OfferingClass": offering_class, "OfferingType": paid,
                    "Marketplace": False, "PricingDetails": [], "RecurringCharges": [{"Amount": hourly, "Frequency": "Hourly"}], "Scope": "Availability Zone" if zone else "Region",
                    **({"AvailabilityZone": zone} if zone else {})})
    return out


def _of(member: str) -> Any:
    return lambda row: row.get(member)


def _number(member: str) -> Any:
    """Numbers are filtered as one writes them: 31536000, 0.05."""
    return lambda row: f"{row[member]:g}" if isinstance(row[member], float) else row[member]


OFFERED: describe.Facets = {
    "availability-zone": _of("AvailabilityZone"), "duration": _of("Duration"), "fixed-price": _number("FixedPrice"), "usage-price": _number("UsagePrice"), "instance-type": _of("InstanceType"),
    "marketplace": _of("Marketplace"), "product-description": _of("ProductDescription"), "reserved-instances-offering-id": _of("ReservedInstancesOfferingId"), "scope": _of("Scope"),
}


@ec2.op(**names.LOOK, partly="Linux without licences; no marketplace, and prices of us-east-1")
def describe_reserved_instances_offerings(call: Call, req: t.DescribeReservedInstancesOfferingsRequest) -> t.DescribeReservedInstancesOfferingsResult:
    types = [req["InstanceType"]] if req.get("InstanceType") else list(instance_types.table())
    wanted = set(req.get("ReservedInstancesOfferingIds") or ())
    every = (row for name in types for row in offerings(call.region, name)
             if (not wanted or row["ReservedInstancesOfferingId"] in wanted)
             and all(req.get(member) in (None, row.get(member)) for member in ("OfferingClass", "OfferingType", "InstanceTenancy", "AvailabilityZone"))
             and (req.get("ProductDescription") or "Linux/UNIX").startswith(row["ProductDescription"])
             and (req.get("MinDuration") or 0) <= row["Duration"] <= (req.get("MaxDuration") or row["Duration"]))
    rows = list(every) if req.get("Filters") else list(itertools.islice(every, describe.start(req) + (req.get("MaxResults") or 100) + 1))  # there are tens of thousands
    rows = describe.matching(call, rows, req.get("Filters"), OFFERED)
    return describe.page(req, rows, "ReservedInstancesOfferings", default=100, most=100)


@ec2.op(**names.making("reserved-instances"))
def purchase_reserved_instances_offering(call: Call, req: t.PurchaseReservedInstancesOfferingRequest) -> t.PurchaseReservedInstancesOfferingResult:
    id_, count = req["ReservedInstancesOfferingId"], req["InstanceCount"]
    row = next((row for name in instance_types.table() for row in offerings(call.region, name) if row["ReservedInstancesOfferingId"] == id_), None)
    if row is None:
        raise AwsError("InvalidReservedInstancesOfferingId", f"The ID '{id_}' is not valid")
    if count < 1:
        raise errors.invalid("InstanceCount must be at least 1")
    one = call.put(Reserved(call.uuid(), row["InstanceType"], count, call.now, row["Duration"], row["OfferingClass"], row["OfferingType"], row["FixedPrice"], row["RecurringCharges"][0]["Amount"],
                            row.get("AvailabilityZone", ""), row["InstanceTenancy"]))
    call.after(5, reservation_paid, one.id, id=one.id)
    call.due(call.now + one.seconds, reservation_retired, one.id, id=one.id)
    return {"ReservedInstancesId": one.id}


@ec2.timer
def reservation_paid(call: Call, id: str) -> None:
    if one := call.get(Reserved, id):
        call.put(one.but(state="active"))


@ec2.timer
def reservation_retired(call: Call, id: str) -> None:
    if one := call.get(Reserved, id):
        call.put(one.but(state="retired"))


def shown(call: Call, one: Reserved) -> Any:
    return {"ReservedInstancesId": one.id, "InstanceType": one.type, "InstanceCount": one.count, "Start": one.began, "End": one.began + one.seconds, "Duration": one.seconds, "UsagePrice": 0.0,
            "FixedPrice": one.fixed, "ProductDescription": one.product, "State": one.state, "InstanceTenancy": one.tenancy, "CurrencyCode": "USD", "OfferingClass": one.offering_class,
            "OfferingType": one.offering_type, "RecurringCharges": [{"Amount": one.hourly, "Frequency": "Hourly"}], "Scope": "Availability Zone" if one.zone else "Region",
            "Tags": tags.shown(call, one.id), **({"AvailabilityZone": one.zone} if one.zone else {})}


@ec2.op(**names.LOOK)
def describe_reserved_instances(call: Call, req: t.DescribeReservedInstancesRequest) -> t.DescribeReservedInstancesResult:
    ids = req.get("ReservedInstancesIds")
    found = [find(call, id_) for id_ in ids] if ids else call.all(Reserved)
    rows = [shown(call, one) for one in found if all(req.get(member) in (None, value) for member, value in (("OfferingClass", one.offering_class), ("OfferingType", one.offering_type)))]
    rows = describe.matching(call, rows, req.get("Filters"), {
        "availability-zone": _of("AvailabilityZone"), "duration": _of("Duration"), "end": _of("End"), "fixed-price": _number("FixedPrice"), "instance-type": _of("InstanceType"),
        "scope": _of("Scope"), "product-description": _of("ProductDescription"), "reserved-instances-id": _of("ReservedInstancesId"), "start": _of("Start"), "state": _of("State"),
        "usage-price": _number("UsagePrice")})
    return {"ReservedInstances": rows}
