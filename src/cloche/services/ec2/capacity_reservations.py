"""On-Demand Capacity Reservations: places kept for instances of one type and zone; open ones are taken by whatever matches."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import describe, errors, instance_types, links, names, tags, zones
from . import service as ec2
from .instance_types import InstanceType
from .volumes import describe_time

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


class CapacityReservation(Record, frozen=True):
    kind = "ec2.capacity-reservation"

    id: str
    type: str
    zone: str
    total: int
    made: float
    platform: str = "Linux/UNIX"
    tenancy: str = "default"
    match: str = "open"
    state: str = "active"         # active, expired, cancelled
    ends: float = 0
    ebs_optimized: bool = False
    token: str = ""

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> CapacityReservation:
    return describe.find(call, CapacityReservation, id_, "InvalidCapacityReservationId.NotFound", "capacity reservation ID")


tags.FINDERS["cr"] = find


def inside(call: Call, one: CapacityReservation) -> list[str]:
    """Ids of the instances that run in it."""
    from .instances import Instance
    return [id_ for id_ in links.users(call, one.id, "i-") if (there := call.get(Instance, id_)) and there.state in ("pending", "running")]


def free(call: Call, one: CapacityReservation) -> int:
    return one.total - len(inside(call, one))


def for_(call: Call, kind: InstanceType, fields: dict[str, Any]) -> str:
    """The reservation that a new instance runs in; "" for none. Raises if a wanted one is full or another kind."""
    preference = fields.get("capacity_preference", "open")
    wanted = (fields.get("capacity_wanted") or {}).get("CapacityReservationId")
    if wanted:
        one = find(call, wanted)
        if (one.type, one.zone, one.tenancy) != (kind.name, fields["zone"], fields.get("tenancy", "default")):
            raise errors.invalid(f"The instance's attributes do not match those of the Capacity Reservation {wanted}.")
        if one.state != "active" or free(call, one) < 1:
            raise AwsError("ReservationCapacityExceeded", f"The Capacity Reservation {wanted} does not have sufficient available capacity.")
        return one.id
    if preference == "none" or fields.get("lifecycle") == "spot":
        return ""
    for one in call.all(CapacityReservation):
        if (one.state, one.match, one.type, one.zone, one.tenancy) == ("active", "open", kind.name, fields["zone"], fields.get("tenancy", "default")) and free(call, one) > 0:
            return one.id
    if preference == "capacity-reservations-only":
        raise AwsError("InsufficientInstanceCapacity", f"There is no open Capacity Reservation for {kind.name} in {fields['zone']} with available capacity.", 500)
    return ""


def shown(call: Call, one: CapacityReservation) -> t.CapacityReservation:
    out: Any = {
        "CapacityReservationId": one.id, "OwnerId": call.account, "CapacityReservationArn": names.arn(call, "capacity-reservation", one.id), "InstanceType": one.type,
        "InstancePlatform": one.platform, "AvailabilityZone": one.zone, "AvailabilityZoneId": zones.id_of(call.account, one.zone), "Tenancy": one.tenancy, "TotalInstanceCount": one.total,
        "AvailableInstanceCount": free(call, one) if one.state == "active" else 0, "EbsOptimized": one.ebs_optimized, "EphemeralStorage": False, "State": one.state, "StartDate": one.made,
        "EndDateType": "limited" if one.ends else "unlimited", "InstanceMatchCriteria": one.match, "CreateDate": one.made, "Tags": tags.shown(call, one.id), "ReservationType": "default",
    }
    if one.ends:
        out["EndDate"] = one.ends
    return out  # type: ignore[no-any-return]


def _end(call: Call, req: Any) -> float:
    kind, ends = req.get("EndDateType"), req.get("EndDate")
    if kind == "limited" and not ends:
        raise errors.missing("EndDate")
    if ends and kind == "unlimited":
        raise errors.combination("EndDate cannot be given where EndDateType is unlimited")
    if ends and ends <= call.now:
        raise errors.invalid("The end date must be in the future")
    return float(ends or 0)


@ec2.op(**names.making("capacity-reservation"), partly="future-dated reservations, capacity blocks, Outposts and placement groups")
def create_capacity_reservation(call: Call, req: t.CreateCapacityReservationRequest) -> t.CreateCapacityReservationResult:
    from .volumes import zone_of
    kind = instance_types.find(req["InstanceType"])
    if (token := req.get("ClientToken")) and (before := next((one for one in call.all(CapacityReservation) if one.token == token), None)):
        return {"CapacityReservation": shown(call, before)}
    if req["InstanceCount"] < 1:
        raise errors.invalid("InstanceCount must be at least 1")
    one = call.put(CapacityReservation(
        call.id("cr-"), kind.name, zone_of(call, req), req["InstanceCount"], call.now, req["InstancePlatform"], req.get("Tenancy") or "default", req.get("InstanceMatchCriteria") or "open",
        ends=_end(call, req), ebs_optimized=bool(req.get("EbsOptimized")), token=token or ""))
    _timed(call, one)
    tags.take(call, req, "capacity-reservation", one.id)
    return {"CapacityReservation": shown(call, one)}


def _timed(call: Call, one: CapacityReservation) -> None:
    if one.ends:
        call.due(one.ends, reservation_expired, one.id, id=one.id)
    else:
        call.cancel(reservation_expired, one.id)


@ec2.timer
def reservation_expired(call: Call, id: str) -> None:
    if (one := call.get(CapacityReservation, id)) and one.state == "active":
        call.put(one.but(state="expired"))


@ec2.op(**names.LOOK)
def describe_capacity_reservations(call: Call, req: t.DescribeCapacityReservationsRequest) -> t.DescribeCapacityReservationsResult:
    ids = req.get("CapacityReservationIds")
    found = [find(call, id_) for id_ in ids] if ids else call.all(CapacityReservation)
    found = describe.matching(call, found, req.get("Filters"), {
        "instance-type": lambda r: r.type, "owner-id": lambda call, r: call.account, "instance-platform": lambda r: r.platform, "availability-zone": lambda r: r.zone, "tenancy": lambda r: r.tenancy,
        "state": lambda r: r.state, "start-date": lambda r: describe_time(r.made), "end-date": lambda r: describe_time(r.ends) if r.ends else None,
        "end-date-type": lambda r: "limited" if r.ends else "unlimited", "instance-match-criteria": lambda r: r.match, "placement-group-arn": lambda r: None, "outpost-arn": lambda r: None})
    return describe.page(req, [shown(call, one) for one in found], "CapacityReservations", ids=ids)


@ec2.op(**names.on("capacity-reservation", "CapacityReservationId"))
def modify_capacity_reservation(call: Call, req: t.ModifyCapacityReservationRequest) -> t.ModifyCapacityReservationResult:
    one = find(call, req["CapacityReservationId"])
    if one.state != "active":
        raise AwsError("IncorrectState", f"The Capacity Reservation {one.id} is not active.")
    count = req.get("InstanceCount") or one.total
    if count < len(inside(call, one)):
        raise errors.invalid("The new instance count cannot be smaller than the number of instances that run in the reservation")
    ends = _end(call, req) if req.get("EndDateType") or req.get("EndDate") else one.ends
    one = call.put(one.but(total=count, ends=ends, match=req.get("InstanceMatchCriteria") or one.match))
    _timed(call, one)
    return {"Return": True}


@ec2.op(**names.on("capacity-reservation", "CapacityReservationId"))
def cancel_capacity_reservation(call: Call, req: t.CancelCapacityReservationRequest) -> t.CancelCapacityReservationResult:
    """What runs in it goes on, outside."""
    one = find(call, req["CapacityReservationId"])
    if one.state != "active":
        raise AwsError("IncorrectState", f"The Capacity Reservation {one.id} is not active.")
    call.put(one.but(state="cancelled"))
    call.cancel(reservation_expired, one.id)
    return {"Return": True}


@ec2.op(**names.on("capacity-reservation", "CapacityReservationId"))
def get_capacity_reservation_usage(call: Call, req: t.GetCapacityReservationUsageRequest) -> t.GetCapacityReservationUsageResult:
    one = find(call, req["CapacityReservationId"])
    used = len(inside(call, one))
    return {"CapacityReservationId": one.id, "InstanceType": one.type, "TotalInstanceCount": one.total, "AvailableInstanceCount": free(call, one) if one.state == "active" else 0,
            "State": one.state, "InstanceUsages": [{"AccountId": call.account, "UsedInstanceCount": used}] if used else []}  # type: ignore[typeddict-item]
