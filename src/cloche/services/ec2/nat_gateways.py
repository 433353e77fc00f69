"""NAT gateways: one public (or private) address for many private ones. Each stands in a subnet with an interface of its own, which no group filters.

A life: NEXT says what follows what, and after how many seconds. What fails stays to be seen for an hour, and so does what was deleted.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import (
    describe,
    elastic_ips,
    errors,
    errors_vpc,
    idempotency,
    internet_gateways,
    links,
    names,
    network,
    network_interfaces,
    private_addresses,
    subnets,
    tags,
)
from . import service as ec2
from .network_interfaces import NetworkInterface
from .route_tables import RouteTable
from .routes import TARGETS, Target

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

NEXT = {"pending": (2, "available"), "deleting": (3, "deleted")}  # or "failed" instead of "available"
SEEN = 3600          # seconds that a failed or deleted one is still described
MOST = 5             # in a zone
MOST_ADDRESSES = 8   # private addresses; of Elastic IPs:
MOST_ELASTIC = 2
LIVING = ("pending", "available", "deleting")


class NatGateway(Record, frozen=True):
    kind = "ec2.nat-gateway"

    id: str
    vpc_id: str
    subnet_id: str
    connectivity: str
    state: str
    made: float
    interface: str = ""
    allocation: str = ""  # what was asked for: shown while there is no interface
    failure: tuple[str, str] = ("", "")
    deleted: float = 0
    last: list[dict[str, Any]] = []  # its addresses, told after they are given back

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> NatGateway:
    if not id_.startswith("nat-"):
        raise errors_vpc.nat_malformed(id_)
    found = call.get(NatGateway, id_)
    if found is None:
        raise errors_vpc.nat_not_found(id_)
    return found


tags.FINDERS["nat"] = find


def _check(call: Call, id_: str, table: RouteTable) -> None:
    one = call.get(NatGateway, id_)
    if one is None or one.state in ("failed", "deleted"):
        raise errors.AwsError("InvalidNatGatewayID.NotFound", f"The natGateway ID '{id_}' does not exist")
    if one.vpc_id != table.vpc_id:
        raise errors_vpc.different_networks(table.id, id_)


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    one = call.get(NatGateway, id_)
    return one is not None and one.state in ("pending", "available")


TARGETS["nat"] = Target("NatGatewayId", _check, _alive)


def put(call: Call, one: NatGateway) -> NatGateway:
    from . import metering
    metering.gateway(call, one)
    if one.state in LIVING:
        links.tie(call, one.id, one.vpc_id, one.subnet_id)
    else:
        links.untie(call, one.id)
    network.changed(call)
    return call.put(one)


# -- what answers say --------------------------------------------------------------------------------------------------------------------

def _addresses(call: Call, one: NatGateway) -> list[t.NatGatewayAddress]:
    if one.last:
        return one.last  # type: ignore[return-value]
    interface = call.get(NetworkInterface, one.interface) if one.interface else None
    if interface is None or one.state in ("pending", "failed"):
        return [{"AllocationId": one.allocation, "IsPrimary": True, "Status": "associating" if one.state == "pending" else "failed"}] if one.allocation else []
    out: list[t.NatGatewayAddress] = []
    for number, address in enumerate(interface.addresses):
        row: t.NatGatewayAddress = {"NetworkInterfaceId": interface.id, "PrivateIp": address.private, "IsPrimary": number == 0, "Status": "succeeded"}
        if address.allocation:
            row |= {"AllocationId": address.allocation, "PublicIp": address.public, "AssociationId": address.association}
        out.append(row)
    return out


def shown(call: Call, one: NatGateway) -> t.NatGateway:
    out: t.NatGateway = {"NatGatewayId": one.id, "VpcId": one.vpc_id, "SubnetId": one.subnet_id, "State": one.state, "ConnectivityType": one.connectivity,  # type: ignore[typeddict-item]
                         "CreateTime": one.made, "NatGatewayAddresses": _addresses(call, one), "Tags": tags.shown(call, one.id), "AvailabilityMode": "zonal"}
    if one.state == "failed":
        out["FailureCode"], out["FailureMessage"] = one.failure
    if one.deleted:
        out["DeleteTime"] = one.deleted
    return out


# -- a life --------------------------------------------------------------------------------------------------------------------------------

def _failure(call: Call, subnet: subnets.Subnet, allocation: str) -> tuple[str, str]:
    """Why it cannot come to be; AWS finds out while it is pending."""
    if allocation:
        if internet_gateways.of_vpc(call, subnet.vpc_id) is None:
            return "Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached"
        if elastic_ips.find(call, allocation).interface:
            return "Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated"
    if not subnets.free(call, subnet):
        return "InsufficientFreeAddressesInSubnet", "Subnet has insufficient free addresses to create this NAT gateway"
    return "", ""


def _elastic(call: Call, ids: list[str]) -> None:
    for id_ in ids:
        if call.get(elastic_ips.ElasticIp, id_) is None:
            raise errors_vpc.elastic_address_not_found(id_)


@ec2.op(**names.making("natgateway", subnet="SubnetId", elastic_ip="AllocationId"), partly="regional NAT gateways (AvailabilityMode=regional)")
def create_nat_gateway(call: Call, req: t.CreateNatGatewayRequest) -> t.CreateNatGatewayResult:
    kind, allocation, token = req.get("ConnectivityType") or "public", req.get("AllocationId") or "", req.get("ClientToken") or ""
    if req.get("AvailabilityMode") == "regional":
        raise errors.unsupported("Cloche does not build regional NAT gateways")
    if known := call.get(NatGateway, idempotency.made(call, req)):
        return {"ClientToken": token, "NatGateway": shown(call, known)}
    if not req.get("SubnetId"):
        raise errors.missing("subnetId")
    subnet = subnets.find(call, req["SubnetId"])
    more, secondary = req.get("SecondaryAllocationIds") or [], req.get("SecondaryPrivateIpAddresses") or req.get("SecondaryPrivateIpAddressCount") or 0
    if kind == "private" and (allocation or more):
        raise errors.combination("AllocationId cannot be specified for a private NAT gateway")
    if kind == "public":
        if not allocation:
            raise errors.missing("AllocationId")
        if more and not secondary:
            secondary = len(more)
    _elastic(call, [each for each in (allocation, *more) if each])
    _room(1 + (secondary if isinstance(secondary, int) else len(secondary)), bool(allocation) + len(more))
    if sum(one.state in LIVING and subnets.find(call, one.subnet_id).zone == subnet.zone for one in call.all(NatGateway)) >= MOST:
        raise errors_vpc.nat_limit(subnet.zone)
    if address := req.get("PrivateIpAddress"):
        private_addresses.free(call, subnet, address)
    one = NatGateway(call.id("nat-"), subnet.vpc_id, subnet.id, kind, "pending", call.now, allocation=allocation, failure=_failure(call, subnet, allocation))
    if not one.failure[0]:
        interface = _interface(call, one, subnet, req.get("PrivateIpAddress") or "", secondary)
        for id_, private in zip([allocation, *more] if allocation else [], [each.private for each in interface.addresses], strict=False):
            elastic_ips.join(call, elastic_ips.find(call, id_), network_interfaces.find(call, interface.id), private, owner=one.id)
        one = one.but(interface=interface.id)
    put(call, one)
    tags.take(call, req, "natgateway", one.id)
    idempotency.remember(call, req, one.id)
    call.after(NEXT["pending"][0], nat_settled, name=one.id, id=one.id)
    return {"NatGateway": shown(call, one), **({"ClientToken": token} if token else {})}  # type: ignore[typeddict-item]


def _room(private: int, elastic: int) -> None:
    if private > MOST_ADDRESSES:
        raise errors.AwsError("PrivateIpAddressLimitExceeded", f"A NAT gateway has at most {MOST_ADDRESSES} private IPv4 addresses")
    if elastic > MOST_ELASTIC:
        raise errors.AwsError("NatGatewayAddressLimitExceeded", f"A NAT gateway has at most {MOST_ELASTIC} Elastic IP addresses")


def _interface(call: Call, one: NatGateway, subnet: subnets.Subnet, private: str, secondary: Any) -> NetworkInterface:
    made = network_interfaces.make(
        call, subnet, groups=[], private=private, secondary=secondary, description=f"Interface for NAT Gateway {one.id}", interface_type="nat_gateway", requester_managed=True,
        requester_id="amazon-aws", owner=one.id, source_dest_check=False)
    return network_interfaces.put(call, made.but(attachment=network_interfaces.Attachment(call.id("ela-attach-"), call.now, instance_owner="amazon-aws", device=1)))


@ec2.timer
def nat_settled(call: Call, id: str) -> None:
    """What was begun is done."""
    one = call.get(NatGateway, id)
    if one is None:
        return
    if one.state == "pending":
        put(call, one.but(state="failed" if one.failure[0] else "available"))
        if one.failure[0]:
            call.after(SEEN, nat_forgotten, name=id, id=id)
    elif one.state == "deleting":
        one = one.but(last=_addresses(call, one))
        if interface := call.get(NetworkInterface, one.interface):
            network_interfaces.drop(call, interface)
        put(call, one.but(state="deleted"))
        call.after(SEEN, nat_forgotten, name=id, id=id)


@ec2.timer
def nat_forgotten(call: Call, id: str) -> None:
    if (one := call.get(NatGateway, id)) and one.state in ("failed", "deleted"):
        call.delete(one)
        tags.drop(call, id)


FACETS: describe.Facets = {"nat-gateway-id": lambda n: n.id, "state": lambda n: n.state, "subnet-id": lambda n: n.subnet_id, "vpc-id": lambda n: n.vpc_id}


@ec2.op(**names.LOOK)
def describe_nat_gateways(call: Call, req: t.DescribeNatGatewaysRequest) -> t.DescribeNatGatewaysResult:
    ids = req.get("NatGatewayIds")
    found = describe.matching(call, [find(call, id_) for id_ in dict.fromkeys(ids)] if ids else call.all(NatGateway), req.get("Filter"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "NatGateways", ids=ids)


@ec2.op(**names.on("natgateway", "NatGatewayId"))
def delete_nat_gateway(call: Call, req: t.DeleteNatGatewayRequest) -> t.DeleteNatGatewayResult:
    """Its routes are blackholes at once and stay; its Elastic IPs are free in the end, and stay too."""
    one = find(call, req["NatGatewayId"])
    if one.state == "deleted":
        raise errors_vpc.nat_not_found(one.id)
    if one.state in ("pending", "available", "failed"):
        put(call, one.but(state="deleting", deleted=call.now))
        call.after(NEXT["deleting"][0], nat_settled, name=one.id, id=one.id)
        call.cancel(nat_forgotten, one.id)
    return {"NatGatewayId": one.id}


# -- more addresses for one that is there ------------------------------------------------------------------------------------------------------

def _available(call: Call, id_: str, kind: str) -> tuple[NatGateway, NetworkInterface]:
    one = find(call, id_)
    if one.state != "available":
        raise errors.incorrect_state(f"The NAT gateway {id_} is {one.state}: it must be available")
    if one.connectivity != kind:
        raise errors.unsupported(f"The NAT gateway {id_} is {one.connectivity}: this is for {kind} ones")
    return one, network_interfaces.find(call, one.interface)


def _said(call: Call, one: NatGateway, privates: list[str], status: str) -> Any:
    return {"NatGatewayId": one.id, "NatGatewayAddresses": [row | {"Status": status} for row in _addresses(call, one) if row.get("PrivateIp") in privates]}


@ec2.op(**names.on("natgateway", "NatGatewayId", elastic_ip="AllocationIds"))
def associate_nat_gateway_address(call: Call, req: t.AssociateNatGatewayAddressRequest) -> t.AssociateNatGatewayAddressResult:
    """More Elastic IPs for a public one, each for a new private address."""
    one, interface = _available(call, req["NatGatewayId"], "public")
    ids = req["AllocationIds"]
    _elastic(call, ids)
    for id_ in ids:
        if (there := elastic_ips.find(call, id_)).interface:
            raise errors_vpc.already_associated(f"resource {id_} is already associated with associate-id {there.association}")
    _room(len(interface.addresses) + len(ids), sum(bool(each.allocation) for each in interface.addresses) + len(ids))
    got = private_addresses.take(call, interface.id, subnets.find(call, one.subnet_id), req.get("PrivateIpAddresses") or len(ids))
    network_interfaces.put(call, interface.but(addresses=[*interface.addresses, *(network_interfaces.Address(each) for each in got)]))
    for id_, private in zip(ids, got, strict=True):
        elastic_ips.join(call, elastic_ips.find(call, id_), network_interfaces.find(call, interface.id), private, owner=one.id)
    return _said(call, one, got, "associating")  # type: ignore[no-any-return]


def _without(call: Call, interface: NetworkInterface, privates: list[str]) -> None:
    for address in interface.addresses:
        if address.private in privates:
            from . import addresses, public_addresses
            public_addresses.part(call, interface, address)
            addresses.drop(call, interface.subnet_id, address.private)
    network_interfaces.put(call, interface.but(addresses=[each for each in interface.addresses if each.private not in privates]))


@ec2.op(**names.on("natgateway", "NatGatewayId"), partly="connections are not drained: MaxDrainDurationSeconds is not waited for")
def disassociate_nat_gateway_address(call: Call, req: t.DisassociateNatGatewayAddressRequest) -> t.DisassociateNatGatewayAddressResult:
    one, interface = _available(call, req["NatGatewayId"], "public")
    found = [each for each in interface.addresses if each.association in req["AssociationIds"]]
    if strays := set(req["AssociationIds"]) - {each.association for each in found}:
        raise errors_vpc.association_not_found("association ID", sorted(strays)[0])
    if interface.addresses[0] in found:
        raise errors.invalid("The primary Elastic IP address of a NAT gateway cannot be disassociated")
    answer = _said(call, one, [each.private for each in found], "disassociating")
    _without(call, interface, [each.private for each in found])
    return answer  # type: ignore[no-any-return]


@ec2.op(**names.on("natgateway", "NatGatewayId"))
def assign_private_nat_gateway_address(call: Call, req: t.AssignPrivateNatGatewayAddressRequest) -> t.AssignPrivateNatGatewayAddressResult:
    one, interface = _available(call, req["NatGatewayId"], "private")
    if bool(req.get("PrivateIpAddresses")) == bool(req.get("PrivateIpAddressCount")):
        raise errors.combination("Exactly one of PrivateIpAddresses and PrivateIpAddressCount must be given")
    wanted = req.get("PrivateIpAddresses") or req.get("PrivateIpAddressCount") or 0
    _room(len(interface.addresses) + (wanted if isinstance(wanted, int) else len(wanted)), 0)
    got = private_addresses.take(call, interface.id, subnets.find(call, one.subnet_id), wanted)
    network_interfaces.put(call, interface.but(addresses=[*interface.addresses, *(network_interfaces.Address(each) for each in got)]))
    return _said(call, one, got, "assigning")  # type: ignore[no-any-return]


@ec2.op(**names.on("natgateway", "NatGatewayId"), partly="connections are not drained: MaxDrainDurationSeconds is not waited for")
def unassign_private_nat_gateway_address(call: Call, req: t.UnassignPrivateNatGatewayAddressRequest) -> t.UnassignPrivateNatGatewayAddressResult:
    one, interface = _available(call, req["NatGatewayId"], "private")
    wanted = req["PrivateIpAddresses"]
    if strays := [each for each in wanted if each not in [a.private for a in interface.addresses]]:
        raise errors.invalid(f"Some of [{', '.join(strays)}] are not assigned to interface {interface.id}")
    if interface.private in wanted:
        raise errors.invalid("The primary private IP address of a NAT gateway cannot be unassigned")
    answer = _said(call, one, wanted, "unassigning")
    _without(call, interface, wanted)
    return answer  # type: ignore[no-any-return]
