"""Direct Connect gateways: of no region; virtual interfaces lead to one, and from there to virtual private and transit gateways in any region."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.services.ec2 import public as ec2

from . import errors, tags
from . import service as directconnect

if TYPE_CHECKING:
    from cloche.shapes import directconnect as t

MOST, MOST_VIRTUAL, MOST_TRANSIT = 200, 20, 6
DEFAULT_ASN = 64512
ASSOCIATING_SECONDS = 5


class Gateway(Record, frozen=True):
    kind = "directconnect.gateway"
    scope = "account"

    id: str
    name: str
    asn: int

    @property
    def key(self) -> str:
        return self.id


class Association(Record, frozen=True):
    kind = "directconnect.association"
    scope = "account"

    id: str
    gateway: str
    target: str                                        # vgw-... or tgw-...
    region: str
    made: float
    prefixes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.id

    def state(self, now: float) -> str:
        return "associated" if now >= self.made + ASSOCIATING_SECONDS else "associating"


def arn(call: Call, id_: str) -> str:
    return call.arn(f"dx-gateway/{id_}", region="")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req.get("directConnectGatewayId") or "*")


def find(call: Call, id_: str) -> Gateway:
    found = call.get(Gateway, id_)
    if found is None:
        raise errors.no_gateway(id_)
    return found


def amazon_asn(value: int) -> int:
    if not (64512 <= value <= 65534 or 4_200_000_000 <= value <= 4_294_967_294):
        raise errors.bad_amazon_asn(value)
    return value


def shown(call: Call, one: Gateway, state: str = "available") -> Any:
    return {"directConnectGatewayId": one.id, "directConnectGatewayName": one.name, "amazonSideAsn": one.asn, "ownerAccount": call.account, "directConnectGatewayState": state,
            "tags": tags.shown(call, arn(call, one.id))}


def associations(call: Call, gateway: str) -> list[Association]:
    return [one for one in call.all(Association) if one.gateway == gateway]


def interfaces_on(call: Call, gateway: str) -> list[tuple[Call, Any]]:
    from . import interfaces
    return [(there, one) for there, one in interfaces.everywhere(call) if one.gateway == gateway]


@directconnect.op(ANY, context=tags.facts)
def create_direct_connect_gateway(call: Call, req: t.CreateDirectConnectGatewayRequest) -> t.CreateDirectConnectGatewayResult:
    if len(call.all(Gateway)) >= MOST:
        raise errors.limit("Direct Connect gateways")
    made = call.put(Gateway(call.uuid(), req["directConnectGatewayName"], amazon_asn(req.get("amazonSideAsn") or DEFAULT_ASN)))
    tags.put(call, arn(call, made.id), req.get("tags"))
    return {"directConnectGateway": shown(call, made)}


@directconnect.op(resource=by_id)
def describe_direct_connect_gateways(call: Call, req: t.DescribeDirectConnectGatewaysRequest) -> t.DescribeDirectConnectGatewaysResult:
    found = [find(call, req["directConnectGatewayId"])] if req.get("directConnectGatewayId") else sorted(call.all(Gateway), key=lambda one: one.id)
    start = next((at for at, one in enumerate(found) if one.id == req.get("nextToken")), 0)
    size = req.get("maxResults") or 100
    rest = found[start:]
    return {"directConnectGateways": [shown(call, one) for one in rest[:size]], **({"nextToken": rest[size].id} if len(rest) > size else {})}  # type: ignore[typeddict-item]


@directconnect.op(resource=by_id)
def update_direct_connect_gateway(call: Call, req: t.UpdateDirectConnectGatewayRequest) -> t.UpdateDirectConnectGatewayResponse:
    return {"directConnectGateway": shown(call, call.put(find(call, req["directConnectGatewayId"]).but(name=req["newDirectConnectGatewayName"])))}


@directconnect.op(resource=by_id)
def delete_direct_connect_gateway(call: Call, req: t.DeleteDirectConnectGatewayRequest) -> t.DeleteDirectConnectGatewayResult:
    one = find(call, req["directConnectGatewayId"])
    if associations(call, one.id):
        raise errors.in_use(f"Direct Connect Gateway {one.id}", "associated gateways")
    if interfaces_on(call, one.id):
        raise errors.in_use(f"Direct Connect Gateway {one.id}", "attached virtual interfaces")
    call.delete(one)
    answer = shown(call, one, "deleting")
    tags.drop(call, arn(call, one.id))
    return {"directConnectGateway": answer}


@directconnect.op(resource=by_id)
def describe_direct_connect_gateway_attachments(call: Call, req: t.DescribeDirectConnectGatewayAttachmentsRequest) -> t.DescribeDirectConnectGatewayAttachmentsResult:
    from . import interfaces
    rows = [(there, one) for there, one in interfaces.everywhere(call) if one.gateway]
    wanted = [(there, one) for there, one in rows if one.gateway == req.get("directConnectGatewayId", one.gateway) and one.id == req.get("virtualInterfaceId", one.id)]
    return {"directConnectGatewayAttachments": [{  # type: ignore[typeddict-item]
        "directConnectGatewayId": one.gateway, "virtualInterfaceId": one.id, "virtualInterfaceRegion": there.region, "virtualInterfaceOwnerAccount": call.account, "attachmentState": "attached",
        "attachmentType": "TransitVirtualInterface" if one.type == "transit" else "PrivateVirtualInterface"} for there, one in wanted]}


# -- associations -------------------------------------------------------------------------------------------------------------------------

def shown_association(call: Call, one: Association, state: str = "") -> Any:
    virtual = one.target.startswith("vgw-")
    out: dict[str, Any] = {
        "directConnectGatewayId": one.gateway, "directConnectGatewayOwnerAccount": call.account, "associationState": state or one.state(call.now), "associationId": one.id,
        "associatedGateway": {"id": one.target, "type": "virtualPrivateGateway" if virtual else "transitGateway", "ownerAccount": call.account, "region": one.region},
        "allowedPrefixesToDirectConnectGateway": [{"cidr": x} for x in one.prefixes]}
    if virtual:
        out |= {"virtualGatewayId": one.target, "virtualGatewayRegion": one.region, "virtualGatewayOwnerAccount": call.account}
    return out


def find_association(call: Call, id_: str) -> Association:
    found = call.get(Association, id_)
    if found is None:
        raise errors.no_association(id_)
    return found


@directconnect.op(resource=by_id, partly="proposals from other accounts and core networks are not built")
def create_direct_connect_gateway_association(call: Call, req: t.CreateDirectConnectGatewayAssociationRequest) -> t.CreateDirectConnectGatewayAssociationResult:
    gateway, target = find(call, req["directConnectGatewayId"]), req.get("gatewayId") or req.get("virtualGatewayId") or ""
    vpc_cidrs: tuple[str, ...] = ()
    try:
        vpc_cidrs = ec2.hybrid_gateway(call, target)
    except AwsError:
        raise errors.no_virtual_gateway(target) from None
    if there := next((one for one in call.all(Association) if one.target == target), None):
        raise errors.already_associated(target, there.gateway)
    mine = associations(call, gateway.id)
    virtual = target.startswith("vgw-")
    alike = [one for one in mine if one.target.startswith("vgw-") == virtual]
    if len(alike) != len(mine):
        raise errors.unsupported("A Direct Connect gateway is associated either with virtual private gateways or with transit gateways.")
    if len(alike) >= (MOST_VIRTUAL if virtual else MOST_TRANSIT):
        raise errors.limit(f"gateways associated with the Direct Connect Gateway {gateway.id}")
    prefixes = tuple(one["cidr"] for one in req.get("addAllowedPrefixesToDirectConnectGateway") or () if one.get("cidr"))
    if not virtual and not prefixes:
        raise errors.unsupported("Allowed prefixes are needed for an association with a transit gateway.")
    made = call.put(Association(call.uuid(), gateway.id, target, call.region, call.now, prefixes or vpc_cidrs))
    ec2.tie(call, f"dxgw-{made.id}", target)
    return {"directConnectGatewayAssociation": shown_association(call, made)}


@directconnect.op(resource=by_id)
def describe_direct_connect_gateway_associations(call: Call, req: t.DescribeDirectConnectGatewayAssociationsRequest) -> t.DescribeDirectConnectGatewayAssociationsResult:
    target = req.get("associatedGatewayId") or req.get("virtualGatewayId")
    if not (target or req.get("associationId") or req.get("directConnectGatewayId")):
        raise errors.unsupported("An association, a Direct Connect gateway or a gateway must be specified.")
    found = [one for one in call.all(Association) if one.id == req.get("associationId", one.id) and one.gateway == req.get("directConnectGatewayId", one.gateway) and one.target == (target or one.target)]
    return {"directConnectGatewayAssociations": [shown_association(call, one) for one in found]}


@directconnect.op(resource=ANY)
def update_direct_connect_gateway_association(call: Call, req: t.UpdateDirectConnectGatewayAssociationRequest) -> t.UpdateDirectConnectGatewayAssociationResult:
    one = find_association(call, req.get("associationId") or "")
    gone = {x.get("cidr") for x in req.get("removeAllowedPrefixesToDirectConnectGateway") or ()}
    fresh = [x["cidr"] for x in req.get("addAllowedPrefixesToDirectConnectGateway") or () if x.get("cidr")]
    one = call.put(one.but(prefixes=tuple(dict.fromkeys([*(x for x in one.prefixes if x not in gone), *fresh]))))
    return {"directConnectGatewayAssociation": shown_association(call, one, "updating")}


@directconnect.op(resource=by_id)
def delete_direct_connect_gateway_association(call: Call, req: t.DeleteDirectConnectGatewayAssociationRequest) -> t.DeleteDirectConnectGatewayAssociationResult:
    if id_ := req.get("associationId"):
        one = find_association(call, id_)
    else:
        found = [x for x in associations(call, req.get("directConnectGatewayId") or "") if x.target == req.get("virtualGatewayId")]
        if not found:
            raise errors.no_association(f"{req.get('directConnectGatewayId')} {req.get('virtualGatewayId')}")
        one = found[0]
    call.delete(one)
    ec2.untie(call.at(call.account, one.region), f"dxgw-{one.id}")
    return {"directConnectGatewayAssociation": shown_association(call, one, "disassociating")}


@directconnect.op(ANY)
def describe_virtual_gateways(call: Call, req: Any) -> t.VirtualGateways:
    return {"virtualGateways": [{"virtualGatewayId": id_, "virtualGatewayState": "available"} for id_ in ec2.vpn_gateways(call)]}
