"""CIDR reservations: pieces of a subnet out of which no address is chosen by AWS; one may still ask for them by name, or for prefixes."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call, Record

from . import addresses, describe, errors, errors_vpc, links, names, subnets, tags
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


class Reservation(Record, frozen=True):
    kind = "ec2.subnet-cidr-reservation"

    id: str
    subnet_id: str
    cidr: str
    type: str  # prefix or explicit
    description: str = ""

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> Reservation:
    return describe.find(call, Reservation, id_, "InvalidSubnetCidrReservationID.NotFound", "subnet CIDR reservation ID")


tags.FINDERS["scr"] = find
names.KINDS["scr"] = "subnet-cidr-reservation"


def of(call: Call, subnet_id: str) -> list[Reservation]:
    return [find(call, id_) for id_ in links.users(call, subnet_id, "scr-")]


def ranges(call: Call, subnet_id: str) -> list[str]:
    return [one.cidr for one in of(call, subnet_id) if "." in one.cidr]


def shown(call: Call, one: Reservation) -> t.SubnetCidrReservation:
    out: t.SubnetCidrReservation = {"SubnetCidrReservationId": one.id, "SubnetId": one.subnet_id, "Cidr": one.cidr, "ReservationType": one.type, "OwnerId": call.account,  # type: ignore[typeddict-item]
                                    "Tags": tags.shown(call, one.id)}
    if one.description:
        out["Description"] = one.description
    return out


@ec2.op(**names.on("subnet", "SubnetId"))
def create_subnet_cidr_reservation(call: Call, req: t.CreateSubnetCidrReservationRequest) -> t.CreateSubnetCidrReservationResult:
    subnet = subnets.find(call, req["SubnetId"])
    try:
        net = addresses.network(req["Cidr"])
    except ValueError:
        raise errors_vpc.bad_cidr(req["Cidr"], "cidr") from None
    inside = [cidr for cidr in (subnet.cidr, *(block.cidr for block in subnet.blocks6)) if cidr and addresses.network(cidr).version == net.version]
    if not any(net.subnet_of(addresses.network(cidr)) for cidr in inside):  # type: ignore[arg-type]
        raise errors.AwsError("InvalidCidrReservation.NotInSubnetCidr", f"The CIDR {net} is not within the CIDR of the subnet {subnet.id}")
    if any(net.overlaps(addresses.network(other.cidr)) for other in of(call, subnet.id)):
        raise errors.AwsError("InvalidSubnetCidrReservation.Conflict", f"The CIDR {net} conflicts with another reservation of the subnet {subnet.id}")
    one = call.put(Reservation(call.id("scr-"), subnet.id, str(net), req["ReservationType"], req.get("Description") or ""))
    links.tie(call, one.id, subnet.id)
    tags.take(call, req, "subnet-cidr-reservation", one.id)
    return {"SubnetCidrReservation": shown(call, one)}


FACETS: describe.Facets = {"reservationType": lambda r: r.type, "subnet-id": lambda r: r.subnet_id}


@ec2.op(**names.on("subnet", "SubnetId"))
def get_subnet_cidr_reservations(call: Call, req: t.GetSubnetCidrReservationsRequest) -> t.GetSubnetCidrReservationsResult:
    found = describe.matching(call, of(call, subnets.find(call, req["SubnetId"]).id), req.get("Filters"), FACETS)
    answer = describe.page(req, [shown(call, one) for one in found], "SubnetIpv4CidrReservations")
    rows = answer["SubnetIpv4CidrReservations"]
    return answer | {"SubnetIpv4CidrReservations": [r for r in rows if "." in r["Cidr"]], "SubnetIpv6CidrReservations": [r for r in rows if ":" in r["Cidr"]]}  # type: ignore[no-any-return]


@ec2.op(**names.on("subnet-cidr-reservation", "SubnetCidrReservationId"))
def delete_subnet_cidr_reservation(call: Call, req: t.DeleteSubnetCidrReservationRequest) -> t.DeleteSubnetCidrReservationResult:
    one = find(call, req["SubnetCidrReservationId"])
    answer = shown(call, one)
    drop(call, one)
    return {"DeletedSubnetCidrReservation": answer}


def drop(call: Call, one: Reservation) -> None:
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
