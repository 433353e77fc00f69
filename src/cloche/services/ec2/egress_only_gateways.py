"""Egress-only internet gateways: the way out for IPv6, closed from outside. Each is born attached to its VPC and dies with it detached."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call, Record
from cloche.services.service_quotas import public as quotas

from . import describe, errors_vpc, idempotency, links, names, network, tags, vpcs
from . import service as ec2
from .route_tables import RouteTable
from .routes import TARGETS, Target

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

QUOTA = "vpc/L-45FE3B85"  # per region


class EgressOnlyGateway(Record, frozen=True):
    kind = "ec2.egress-only-internet-gateway"

    id: str
    vpc_id: str

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> EgressOnlyGateway:
    found = call.get(EgressOnlyGateway, id_)
    if found is None:
        from . import shared_network
        shared_network.refuse(call, id_)
        raise errors_vpc.egress_gateway_not_found([id_])
    return found


tags.FINDERS["eigw"] = find


def _check(call: Call, id_: str, table: RouteTable) -> None:
    if find(call, id_).vpc_id != table.vpc_id:
        raise errors_vpc.different_networks(table.id, id_)


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    return call.get(EgressOnlyGateway, id_) is not None


TARGETS["eigw"] = Target("EgressOnlyInternetGatewayId", _check, _alive)


def shown(call: Call, one: EgressOnlyGateway) -> t.EgressOnlyInternetGateway:
    return {"EgressOnlyInternetGatewayId": one.id, "Attachments": [{"State": "attached", "VpcId": one.vpc_id}], "Tags": tags.shown(call, one.id)}


@ec2.op(**names.making("egress-only-internet-gateway", vpc="VpcId"))
def create_egress_only_internet_gateway(call: Call, req: t.CreateEgressOnlyInternetGatewayRequest) -> t.CreateEgressOnlyInternetGatewayResult:
    vpc, token = vpcs.find(call, req["VpcId"]), req.get("ClientToken") or ""
    if known := call.get(EgressOnlyGateway, idempotency.made(call, req)):
        return {"EgressOnlyInternetGateway": shown(call, known), "ClientToken": token}
    if len(call.all(EgressOnlyGateway)) >= quotas.value(call, QUOTA):
        raise errors_vpc.egress_only_gateway_limit()
    if links.count(call, vpc.id, "eigw-"):
        raise errors_vpc.already_associated(f"resource {vpc.id} already has an egress-only internet gateway attached")
    one = call.put(EgressOnlyGateway(call.id("eigw-"), vpc.id))
    links.tie(call, one.id, vpc.id)
    tags.take(call, req, "egress-only-internet-gateway", one.id)
    idempotency.remember(call, req, one.id)
    network.changed(call)
    return {"EgressOnlyInternetGateway": shown(call, one), **({"ClientToken": token} if token else {})}  # type: ignore[typeddict-item]


@ec2.op(**names.LOOK)
def describe_egress_only_internet_gateways(call: Call, req: t.DescribeEgressOnlyInternetGatewaysRequest) -> t.DescribeEgressOnlyInternetGatewaysResult:
    from . import shared_network
    ids = req.get("EgressOnlyInternetGatewayIds")
    mine, theirs = shared_network.rows(call, req, EgressOnlyGateway, ids, {}, shown)
    found = describe.matching(call, [find(call, id_) for id_ in mine] if mine is not None else call.all(EgressOnlyGateway), req.get("Filters"), {})
    return describe.page(req, [shown(call, one) for one in found] + theirs, "EgressOnlyInternetGateways", most=255, ids=ids)


@ec2.op(**names.on("egress-only-internet-gateway", "EgressOnlyInternetGatewayId"))
def delete_egress_only_internet_gateway(call: Call, req: t.DeleteEgressOnlyInternetGatewayRequest) -> t.DeleteEgressOnlyInternetGatewayResult:
    one = find(call, req["EgressOnlyInternetGatewayId"])
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
    network.changed(call)
    return {"ReturnCode": True}
