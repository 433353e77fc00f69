"""Peering of transit gateways: an attachment at each end, under one id, that one side asks for and the other accepts. Routes over it are static only."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import describe, errors, errors_hybrid, names, tags, transit_gateways
from . import service as ec2
from .transit_gateway_attachments import FACETS, Attachment, find, leave, put

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


def shown(call: Call, one: Attachment, state: str = "") -> t.TransitGatewayPeeringAttachment:
    mine = {"TransitGatewayId": one.transit, "OwnerId": call.account, "Region": call.region}
    theirs = {"TransitGatewayId": one.resource, "OwnerId": one.peer["account"], "Region": one.peer["region"]}
    asks = one.peer["role"] == "requester"
    state = state or one.state
    return {"TransitGatewayAttachmentId": one.id, "RequesterTgwInfo": mine if asks else theirs, "AccepterTgwInfo": theirs if asks else mine, "State": state, "CreationTime": one.made,  # type: ignore[typeddict-item]
            "Options": {"DynamicRouting": "disable"}, "Status": {"Code": state, "Message": {"pendingAcceptance": "Pending Acceptance", "available": "Available"}.get(state, state.capitalize())},
            "Tags": tags.shown(call, one.id)}


def far(call: Call, one: Attachment) -> Call:
    return call.at(one.peer["account"], one.peer["region"])


@ec2.op(**names.making("transit-gateway-attachment", transit_gateway="TransitGatewayId"), partly="packets do not pass over it yet")
def create_transit_gateway_peering_attachment(call: Call, req: t.CreateTransitGatewayPeeringAttachmentRequest) -> t.CreateTransitGatewayPeeringAttachmentResult:
    mine, account, region, peer = transit_gateways.find(call, req["TransitGatewayId"]), req["PeerAccountId"], req["PeerRegion"], req["PeerTransitGatewayId"]
    if (req.get("Options") or {}).get("DynamicRouting") == "enable":
        raise errors.unsupported("Cloche does not build dynamic routing over peerings of transit gateways")
    there = call.at(account, region)
    theirs = transit_gateways.find(there, peer)
    if theirs.id == mine.id:
        raise errors.invalid("A transit gateway cannot be peered with itself")
    if (account, region) == (call.account, call.region):       # both ends would be one record under one id
        raise errors.unsupported("Cloche builds peerings of transit gateways between regions or accounts only")
    id_ = call.id("tgw-attach-")
    one = put(call, Attachment(id_, mine.id, "peering", peer, call.now, peer={"account": account, "region": region, "role": "requester"}, state="pendingAcceptance"))
    put(there, Attachment(id_, peer, "peering", mine.id, call.now, peer={"account": call.account, "region": call.region, "role": "accepter"}, state="pendingAcceptance"))
    tags.take(call, req, "transit-gateway-attachment", id_)
    return {"TransitGatewayPeeringAttachment": shown(call, one, "initiatingRequest")}


@ec2.op(**names.LOOK)
def describe_transit_gateway_peering_attachments(call: Call, req: t.DescribeTransitGatewayPeeringAttachmentsRequest) -> t.DescribeTransitGatewayPeeringAttachmentsResult:
    ids = req.get("TransitGatewayAttachmentIds")
    found = [find(call, id_, "peering") for id_ in dict.fromkeys(ids)] if ids else [one for one in call.all(Attachment) if one.type == "peering"]
    return describe.page(req, [shown(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)], "TransitGatewayPeeringAttachments")


def _answer(call: Call, req: Any, state: str) -> Attachment:
    one = find(call, req["TransitGatewayAttachmentId"], "peering")
    if one.peer["role"] != "accepter":
        raise errors_hybrid.peering_not_yours(call.account, "accept or reject", one.id)
    if one.state != "pendingAcceptance":
        raise errors.incorrect_state(f"{one.id} is in invalid state")
    there = far(call, one)
    put(there, find(there, one.id).but(state=state))
    return put(call, one.but(state=state))


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId"))
def accept_transit_gateway_peering_attachment(call: Call, req: t.AcceptTransitGatewayPeeringAttachmentRequest) -> t.AcceptTransitGatewayPeeringAttachmentResult:
    return {"TransitGatewayPeeringAttachment": shown(call, _answer(call, req, "available"), "pending")}


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId"))
def reject_transit_gateway_peering_attachment(call: Call, req: t.RejectTransitGatewayPeeringAttachmentRequest) -> t.RejectTransitGatewayPeeringAttachmentResult:
    return {"TransitGatewayPeeringAttachment": shown(call, _answer(call, req, "rejected"))}


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId"))
def delete_transit_gateway_peering_attachment(call: Call, req: t.DeleteTransitGatewayPeeringAttachmentRequest) -> t.DeleteTransitGatewayPeeringAttachmentResult:
    one = find(call, req["TransitGatewayAttachmentId"], "peering")
    answer = shown(call, one, "deleting")
    leave(far(call, one), one.id)
    leave(call, one.id)
    return {"TransitGatewayPeeringAttachment": answer}
