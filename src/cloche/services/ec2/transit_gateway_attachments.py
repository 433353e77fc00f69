"""Attachments of transit gateways: the VPCs (by an interface in one subnet a zone) and VPN connections that hang on one.

An attachment is associated with one route table, which rules what comes out of it, and is propagated to tables, which then lead to it.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, errors, errors_hybrid, links, names, network, subnets, tags, transit_gateways, vpcs
from . import network_interfaces as interfaces
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

SWITCHES = {"DnsSupport": "enable", "SecurityGroupReferencingSupport": "enable", "Ipv6Support": "disable", "ApplianceModeSupport": "disable"}


class Attachment(Record, frozen=True):
    kind = "ec2.transit-gateway-attachment"

    id: str
    transit: str
    type: str                                          # vpc | vpn | peering
    resource: str                                      # vpc-..., vpn-..., or the other transit gateway
    made: float
    subnets: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    switches: dict[str, str] = {}
    association: str = ""                              # tgw-rtb-...
    propagations: tuple[str, ...] = ()
    # of a peering: the other side, and whose word it waits for. Of a VPC on another account's transit gateway there is a record in each account: here "account" is the
    # other one's, and "role" says which this is: "guest" (whose VPC it is) or "host" (whose transit gateway)
    peer: dict[str, str] = {}
    state: str = "available"

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str, *types: str) -> Attachment:
    found = call.get(Attachment, id_)
    if found is None or (types and found.type not in types):
        raise errors.AwsError("InvalidTransitGatewayAttachmentID.NotFound", f"Transit Gateway Attachment {id_} was deleted or does not exist.")
    return found


tags.FINDERS["tgw-attach"] = find


def of(call: Call, transit: str) -> list[Attachment]:
    return [found for id_ in links.users(call, transit, "tgw-attach-") if (found := call.get(Attachment, id_))]


def put(call: Call, one: Attachment) -> Attachment:
    links.tie(call, one.id, one.transit, *([one.resource] if one.type == "vpc" else []), *one.subnets, one.association, *one.propagations)
    network.changed(call)
    return call.put(one)


def other(call: Call, one: Attachment) -> tuple[Call, Attachment] | None:
    """The record in the other account, where transit gateway and VPC are of two."""
    if one.type != "vpc" or not one.peer:
        return None
    there = call.at(one.peer["account"], call.region)
    found = there.get(Attachment, one.id)
    return (there, found) if found else None


def owners(call: Call, one: Attachment) -> tuple[str, str]:
    """(of the transit gateway, of what is attached)"""
    far = one.peer.get("account", call.account)
    return (far, call.account) if one.peer.get("role") == "guest" else (call.account, far)


def enter(call: Call, transit: str, type_: str, resource: str, **more: Any) -> Attachment:
    """A new attachment, with its transit gateway's default association and propagation."""
    held = transit_gateways.find(call, transit)
    propagations = (held.propagation_table,) if held.propagation_table and type_ != "peering" else ()
    return put(call, Attachment(call.id("tgw-attach-"), transit, type_, resource, call.now, association=held.association_table if type_ != "peering" else "", propagations=propagations, **more))


def leave(call: Call, id_: str) -> None:
    """It is gone, with its interfaces. Static routes to it are blackholes from then on."""
    one = call.get(Attachment, id_) if id_ else None
    if one is None:
        return
    if far := other(call, one):
        _leave(*far)
    _leave(call, one)


def _leave(call: Call, one: Attachment) -> None:
    for each in one.interfaces:
        if plug := call.get(interfaces.NetworkInterface, each):
            interfaces.drop(call, plug)
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
    network.changed(call)


def plug(call: Call, id_: str, vpc_id: str, subnet_id: str, there: tuple[str, ...]) -> str:
    subnet = subnets.find(call, subnet_id)
    if subnet.vpc_id != vpc_id:
        raise errors.invalid(f"The subnet {subnet_id} is not in the VPC {vpc_id}")
    if any(subnets.find(call, other).zone == subnet.zone for other in there):
        raise errors_hybrid.transit_subnets_zone()
    made = interfaces.make(call, subnet, groups=[], description=f"Network Interface for Transit Gateway Attachment {id_}", interface_type="transit_gateway", owner=id_, requester_managed=True,
                           requester_id="amazon-aws", source_dest_check=False)
    return interfaces.put(call, made.but(attachment=interfaces.Attachment(call.id("ela-attach-"), call.now, instance_owner="amazon-aws", device=1))).id


# -- what answers say --------------------------------------------------------------------------------------------------------------------

def shown_vpc(call: Call, one: Attachment, state: str = "") -> t.TransitGatewayVpcAttachment:
    return {"TransitGatewayAttachmentId": one.id, "TransitGatewayId": one.transit, "VpcId": one.resource, "VpcOwnerId": owners(call, one)[1], "State": state or one.state,  # type: ignore[typeddict-item]
            "SubnetIds": list(one.subnets), "CreationTime": one.made, "Options": one.switches, "Tags": tags.shown(call, one.id)}


def shown(call: Call, one: Attachment) -> t.TransitGatewayAttachment:
    out: Any = {"TransitGatewayAttachmentId": one.id, "TransitGatewayId": one.transit, "TransitGatewayOwnerId": owners(call, one)[0], "ResourceOwnerId": owners(call, one)[1],
                "ResourceType": one.type, "ResourceId": one.resource, "State": one.state, "CreationTime": one.made, "Tags": tags.shown(call, one.id)}
    if one.association:
        out["Association"] = {"TransitGatewayRouteTableId": one.association, "State": "associated"}
    return out  # type: ignore[no-any-return]


FACETS: describe.Facets = {
    "transit-gateway-attachment-id": lambda a: a.id, "transit-gateway-id": lambda a: a.transit, "resource-id": lambda a: a.resource, "resource-type": lambda a: a.type,
    "state": lambda a: a.state, "vpc-id": lambda a: a.resource, "association.transit-gateway-route-table-id": lambda a: a.association or None,
    "association.state": lambda a: "associated" if a.association else None, "resource-owner-id": lambda call, a: owners(call, a)[1],
    "transit-gateway-owner-id": lambda call, a: owners(call, a)[0], "remote-owner-id": lambda a: a.peer.get("account"), "local-owner-id": lambda call, a: call.account,
}


@ec2.op(**names.LOOK)
def describe_transit_gateway_attachments(call: Call, req: t.DescribeTransitGatewayAttachmentsRequest) -> t.DescribeTransitGatewayAttachmentsResult:
    ids = req.get("TransitGatewayAttachmentIds")
    found = [find(call, id_) for id_ in dict.fromkeys(ids)] if ids else call.all(Attachment)
    return describe.page(req, [shown(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)], "TransitGatewayAttachments")


# -- VPCs ---------------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.making("transit-gateway-attachment", transit_gateway="TransitGatewayId", vpc="VpcId", subnet="SubnetIds"))
def create_transit_gateway_vpc_attachment(call: Call, req: t.CreateTransitGatewayVpcAttachmentRequest) -> t.CreateTransitGatewayVpcAttachmentResult:
    home, transit = transit_gateways.usable(call, req["TransitGatewayId"])
    vpc = vpcs.find(call, req["VpcId"])
    if there := next((x for x in of(call, transit.id) if x.resource == vpc.id), None):
        raise errors_hybrid.transit_attached(vpc.id, transit.id, there.id)
    options = {k: v for k, v in (req.get("Options") or {}).items() if k in SWITCHES}
    if home is call:
        one = enter(call, transit.id, "vpc", vpc.id, switches=SWITCHES | options)
    else:
        accepted = transit.switches["AutoAcceptSharedAttachments"] == "enable"
        one = put(call, Attachment(call.id("tgw-attach-"), transit.id, "vpc", vpc.id, call.now, switches=SWITCHES | options, peer={"account": home.account, "role": "guest"},
                                   state="available" if accepted else "pendingAcceptance"))
    for subnet in dict.fromkeys(req["SubnetIds"]):
        made = plug(call, one.id, vpc.id, subnet, one.subnets)
        one = one.but(subnets=(*one.subnets, subnet), interfaces=(*one.interfaces, made))
    if not one.subnets:
        raise errors.missing("SubnetIds")
    put(call, one)
    if home is not call:
        put(home, _welcome(home, one.but(peer={"account": call.account, "role": "host"}, interfaces=())))
    tags.take(call, req, "transit-gateway-attachment", one.id)
    return {"TransitGatewayVpcAttachment": shown_vpc(call, one, "pending" if one.state == "available" else "initiatingRequest")}


def _welcome(home: Call, one: Attachment) -> Attachment:
    """An attachment of a guest takes part in the default tables once it is accepted."""
    if one.state != "available":
        return one
    held = transit_gateways.find(home, one.transit)
    return one.but(association=held.association_table, propagations=(held.propagation_table,) if held.propagation_table else ())


def _answer(call: Call, req: Any, state: str) -> Attachment:
    one = find(call, req["TransitGatewayAttachmentId"], "vpc")
    far = other(call, one)
    if far is None or one.peer.get("role") != "host":
        raise errors_hybrid.peering_not_yours(call.account, "accept or reject", one.id)
    if one.state != "pendingAcceptance":
        raise errors.incorrect_state(f"{one.id} is in invalid state")
    guest, theirs = far
    for each in theirs.interfaces if state == "rejected" else ():
        if gone := guest.get(interfaces.NetworkInterface, each):
            interfaces.drop(guest, gone)
    put(guest, theirs.but(state=state, interfaces=theirs.interfaces if state == "available" else ()))
    return put(call, _welcome(call, one.but(state=state)))


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId"))
def accept_transit_gateway_vpc_attachment(call: Call, req: t.AcceptTransitGatewayVpcAttachmentRequest) -> t.AcceptTransitGatewayVpcAttachmentResult:
    return {"TransitGatewayVpcAttachment": shown_vpc(call, _answer(call, req, "available"), "pending")}


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId"))
def reject_transit_gateway_vpc_attachment(call: Call, req: t.RejectTransitGatewayVpcAttachmentRequest) -> t.RejectTransitGatewayVpcAttachmentResult:
    return {"TransitGatewayVpcAttachment": shown_vpc(call, _answer(call, req, "rejected"), "rejecting")}


@ec2.op(**names.LOOK)
def describe_transit_gateway_vpc_attachments(call: Call, req: t.DescribeTransitGatewayVpcAttachmentsRequest) -> t.DescribeTransitGatewayVpcAttachmentsResult:
    ids = req.get("TransitGatewayAttachmentIds")
    found = [find(call, id_, "vpc") for id_ in dict.fromkeys(ids)] if ids else [one for one in call.all(Attachment) if one.type == "vpc"]
    return describe.page(req, [shown_vpc(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)], "TransitGatewayVpcAttachments")


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId", subnet="AddSubnetIds"))
def modify_transit_gateway_vpc_attachment(call: Call, req: t.ModifyTransitGatewayVpcAttachmentRequest) -> t.ModifyTransitGatewayVpcAttachmentResult:
    one = find(call, req["TransitGatewayAttachmentId"], "vpc")
    if one.peer.get("role") == "host":
        raise errors.AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    for subnet in req.get("RemoveSubnetIds") or ():
        if subnet in one.subnets:
            at = one.subnets.index(subnet)
            if gone := call.get(interfaces.NetworkInterface, one.interfaces[at]):
                interfaces.drop(call, gone)
            one = one.but(subnets=one.subnets[:at] + one.subnets[at + 1:], interfaces=one.interfaces[:at] + one.interfaces[at + 1:])
    for subnet in req.get("AddSubnetIds") or ():
        if subnet not in one.subnets:
            made = plug(call, one.id, one.resource, subnet, one.subnets)
            one = one.but(subnets=(*one.subnets, subnet), interfaces=(*one.interfaces, made))
    if not one.subnets:
        raise errors.invalid(f"The attachment {one.id} must keep at least one subnet")
    one = put(call, one.but(switches=one.switches | {k: v for k, v in (req.get("Options") or {}).items() if k in SWITCHES}))
    if far := other(call, one):
        put(far[0], far[1].but(subnets=one.subnets, switches=one.switches))
    return {"TransitGatewayVpcAttachment": shown_vpc(call, one, "modifying")}


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId"))
def delete_transit_gateway_vpc_attachment(call: Call, req: t.DeleteTransitGatewayVpcAttachmentRequest) -> t.DeleteTransitGatewayVpcAttachmentResult:
    one = find(call, req["TransitGatewayAttachmentId"], "vpc")
    answer = shown_vpc(call, one, "deleting")
    leave(call, one.id)
    return {"TransitGatewayVpcAttachment": answer}
