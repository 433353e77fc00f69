"""Route tables of transit gateways: static routes, and those propagated by attachments, which follow the VPCs' ranges by themselves."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import addresses, describe, errors, errors_hybrid, links, names, network, tags, transit_gateways, vpcs
from . import service as ec2
from . import transit_gateway_attachments as attachments
from .transit_gateway_attachments import Attachment

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST_ROUTES = 1000                                     # that one search tells


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    destination: str
    attachment: str = ""                               # "": a blackhole by wish
    propagated: bool = False


class Table(Record, frozen=True):
    kind = "ec2.transit-gateway-route-table"

    id: str
    transit: str
    made: float
    routes: tuple[Route, ...] = ()

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> Table:
    found = call.get(Table, id_)
    if found is None:
        raise errors.AwsError("InvalidRouteTableID.NotFound", f"Transit Gateway Route Table {id_} was deleted or does not exist.")
    return found


tags.FINDERS["tgw-rtb"] = find


def put(call: Call, one: Table) -> Table:
    links.tie(call, one.id, one.transit)
    network.changed(call)
    return call.put(one)


def enter(call: Call, transit: str) -> Table:
    return put(call, Table(call.id("tgw-rtb-"), transit, call.now))


def drop(call: Call, one: Table) -> None:
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
    network.changed(call)


def routes(call: Call, one: Table) -> list[Route]:
    """Static routes, and what VPCs propagate where no static one leads to the same place. VPN connections announce nothing: their tunnels are down."""
    out, taken = list(one.routes), {route.destination for route in one.routes}
    for held in attachments.of(call, one.transit):
        if one.id in held.propagations and held.type == "vpc" and (vpc := call.at(attachments.owners(call, held)[1], call.region).get(vpcs.Vpc, held.resource)):
            out += [Route(cidr, held.id, True) for cidr in (*vpc.cidrs, *vpc.cidrs6) if cidr not in taken]
    return out


def alive(call: Call, route: Route) -> bool:
    held = call.get(Attachment, route.attachment) if route.attachment else None
    return held is not None and held.state == "available" and held.type != "vpn"


def shown(call: Call, one: Table, state: str = "available") -> t.TransitGatewayRouteTable:
    held = transit_gateways.find(call, one.transit)
    return {"TransitGatewayRouteTableId": one.id, "TransitGatewayId": one.transit, "State": state, "CreationTime": one.made, "Tags": tags.shown(call, one.id),  # type: ignore[typeddict-item]
            "DefaultAssociationRouteTable": held.association_table == one.id, "DefaultPropagationRouteTable": held.propagation_table == one.id}


def shown_route(call: Call, route: Route) -> t.TransitGatewayRoute:
    held = call.get(Attachment, route.attachment) if route.attachment else None
    out: Any = {"DestinationCidrBlock": route.destination, "Type": "propagated" if route.propagated else "static", "State": "active" if alive(call, route) else "blackhole",
                "TransitGatewayAttachments": [_reached(held)] if held else []}
    return out  # type: ignore[no-any-return]


def _reached(held: Attachment) -> dict[str, str]:
    return {"ResourceId": held.resource, "TransitGatewayAttachmentId": held.id, "ResourceType": held.type}


# -- tables -------------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.making("transit-gateway-route-table", transit_gateway="TransitGatewayId"))
def create_transit_gateway_route_table(call: Call, req: t.CreateTransitGatewayRouteTableRequest) -> t.CreateTransitGatewayRouteTableResult:
    made = enter(call, transit_gateways.find(call, req["TransitGatewayId"]).id)
    tags.take(call, req, "transit-gateway-route-table", made.id)
    return {"TransitGatewayRouteTable": shown(call, made, "pending")}


FACETS: describe.Facets = {
    "transit-gateway-route-table-id": lambda x: x.id, "transit-gateway-id": lambda x: x.transit, "state": lambda x: "available",
    "default-association-route-table": lambda call, x: transit_gateways.find(call, x.transit).association_table == x.id,
    "default-propagation-route-table": lambda call, x: transit_gateways.find(call, x.transit).propagation_table == x.id,
}


@ec2.op(**names.LOOK)
def describe_transit_gateway_route_tables(call: Call, req: t.DescribeTransitGatewayRouteTablesRequest) -> t.DescribeTransitGatewayRouteTablesResult:
    ids = req.get("TransitGatewayRouteTableIds")
    found = [find(call, id_) for id_ in dict.fromkeys(ids)] if ids else call.all(Table)
    return describe.page(req, [shown(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)], "TransitGatewayRouteTables")


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId"))
def delete_transit_gateway_route_table(call: Call, req: t.DeleteTransitGatewayRouteTableRequest) -> t.DeleteTransitGatewayRouteTableResult:
    one = find(call, req["TransitGatewayRouteTableId"])
    held = transit_gateways.find(call, one.transit)
    if one.id in (held.association_table, held.propagation_table):
        raise errors.incorrect_state(f"Cannot delete Transit Gateway Route Table {one.id}: it is a default route table of {held.id}.")
    if there := [x.id for x in attachments.of(call, one.transit) if x.association == one.id]:
        raise errors_hybrid.transit_has(one.id, [f"associations: {', '.join(there)}."])
    for each in attachments.of(call, one.transit):
        if one.id in each.propagations:
            attachments.put(call, each.but(propagations=tuple(x for x in each.propagations if x != one.id)))
    answer = shown(call, one, "deleting")
    drop(call, one)
    return {"TransitGatewayRouteTable": answer}


# -- associations and propagations --------------------------------------------------------------------------------------------------------

def _both(call: Call, req: Any) -> tuple[Table, Attachment]:
    if not req.get("TransitGatewayAttachmentId"):
        raise errors.missing("TransitGatewayAttachmentId")
    table, held = find(call, req["TransitGatewayRouteTableId"]), attachments.find(call, req["TransitGatewayAttachmentId"])
    if held.transit != table.transit:
        raise errors.invalid(f"The attachment {held.id} and the route table {table.id} belong to different transit gateways")
    return table, held


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId", transit_gateway_attachment="TransitGatewayAttachmentId"))
def associate_transit_gateway_route_table(call: Call, req: t.AssociateTransitGatewayRouteTableRequest) -> t.AssociateTransitGatewayRouteTableResult:
    table, held = _both(call, req)
    if held.association:
        raise errors_hybrid.transit_already_associated(held.id, held.association)
    attachments.put(call, held.but(association=table.id))
    return {"Association": {"TransitGatewayRouteTableId": table.id, **_reached(held), "State": "associating"}}  # type: ignore[typeddict-item]


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId", transit_gateway_attachment="TransitGatewayAttachmentId"))
def disassociate_transit_gateway_route_table(call: Call, req: t.DisassociateTransitGatewayRouteTableRequest) -> t.DisassociateTransitGatewayRouteTableResult:
    table, held = _both(call, req)
    if held.association != table.id:
        raise errors_hybrid.transit_not_associated(held.id, table.id)
    attachments.put(call, held.but(association=""))
    return {"Association": {"TransitGatewayRouteTableId": table.id, **_reached(held), "State": "disassociating"}}  # type: ignore[typeddict-item]


REACHED: describe.Facets = {"resource-id": lambda x: x["ResourceId"], "resource-type": lambda x: x["ResourceType"], "transit-gateway-attachment-id": lambda x: x["TransitGatewayAttachmentId"]}


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId"))
def get_transit_gateway_route_table_associations(call: Call, req: t.GetTransitGatewayRouteTableAssociationsRequest) -> t.GetTransitGatewayRouteTableAssociationsResult:
    one = find(call, req["TransitGatewayRouteTableId"])
    rows = [_reached(x) | {"State": "associated"} for x in attachments.of(call, one.transit) if x.association == one.id]
    return describe.page(req, describe.matching(call, rows, req.get("Filters"), REACHED), "Associations")


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId", transit_gateway_attachment="TransitGatewayAttachmentId"))
def enable_transit_gateway_route_table_propagation(call: Call, req: t.EnableTransitGatewayRouteTablePropagationRequest) -> t.EnableTransitGatewayRouteTablePropagationResult:
    table, held = _both(call, req)
    if held.type == "peering":
        raise errors.invalid("Peering attachments do not propagate routes")
    if table.id in held.propagations:
        raise errors_hybrid.transit_propagates(held.id, table.id)
    attachments.put(call, held.but(propagations=(*held.propagations, table.id)))
    return {"Propagation": {**_reached(held), "TransitGatewayRouteTableId": table.id, "State": "enabled"}}  # type: ignore[typeddict-item]


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId", transit_gateway_attachment="TransitGatewayAttachmentId"))
def disable_transit_gateway_route_table_propagation(call: Call, req: t.DisableTransitGatewayRouteTablePropagationRequest) -> t.DisableTransitGatewayRouteTablePropagationResult:
    table, held = _both(call, req)
    if table.id not in held.propagations:
        raise errors_hybrid.transit_not_propagating(held.id, table.id)
    attachments.put(call, held.but(propagations=tuple(x for x in held.propagations if x != table.id)))
    return {"Propagation": {**_reached(held), "TransitGatewayRouteTableId": table.id, "State": "disabled"}}  # type: ignore[typeddict-item]


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId"))
def get_transit_gateway_route_table_propagations(call: Call, req: t.GetTransitGatewayRouteTablePropagationsRequest) -> t.GetTransitGatewayRouteTablePropagationsResult:
    one = find(call, req["TransitGatewayRouteTableId"])
    rows = [_reached(x) | {"State": "enabled"} for x in attachments.of(call, one.transit) if one.id in x.propagations]
    return describe.page(req, describe.matching(call, rows, req.get("Filters"), REACHED), "TransitGatewayRouteTablePropagations")


@ec2.op(**names.on("transit-gateway-attachment", "TransitGatewayAttachmentId"))
def get_transit_gateway_attachment_propagations(call: Call, req: t.GetTransitGatewayAttachmentPropagationsRequest) -> t.GetTransitGatewayAttachmentPropagationsResult:
    rows = [{"TransitGatewayRouteTableId": id_, "State": "enabled"} for id_ in attachments.find(call, req["TransitGatewayAttachmentId"]).propagations]
    found = describe.matching(call, rows, req.get("Filters"), {"transit-gateway-route-table-id": lambda x: x["TransitGatewayRouteTableId"]})
    return describe.page(req, found, "TransitGatewayAttachmentPropagations")


# -- routes ---------------------------------------------------------------------------------------------------------------------------------

def _asked(call: Call, req: Any) -> tuple[Table, str, str]:
    """(table, destination, attachment) of a request."""
    table = find(call, req["TransitGatewayRouteTableId"])
    try:
        cidr = str(addresses.network(req["DestinationCidrBlock"]))
    except ValueError:
        raise errors.invalid_value(req["DestinationCidrBlock"], "destinationCidrBlock", "This is not a valid CIDR block.") from None
    held = req.get("TransitGatewayAttachmentId") or ""
    if bool(held) == bool(req.get("Blackhole")):
        raise errors.missing("TransitGatewayAttachmentId or Blackhole")
    if held and attachments.find(call, held).transit != table.transit:
        raise errors.invalid(f"The attachment {held} and the route table {table.id} belong to different transit gateways")
    return table, cidr, held


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId", transit_gateway_attachment="TransitGatewayAttachmentId"))
def create_transit_gateway_route(call: Call, req: t.CreateTransitGatewayRouteRequest) -> t.CreateTransitGatewayRouteResult:
    table, cidr, held = _asked(call, req)
    if any(route.destination == cidr for route in table.routes):
        raise errors_hybrid.transit_route_exists(cidr, table.id)
    put(call, table.but(routes=(*table.routes, Route(cidr, held))))
    return {"Route": shown_route(call, Route(cidr, held))}


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId", transit_gateway_attachment="TransitGatewayAttachmentId"))
def replace_transit_gateway_route(call: Call, req: t.ReplaceTransitGatewayRouteRequest) -> t.ReplaceTransitGatewayRouteResult:
    table, cidr, held = _asked(call, req)
    if not any(route.destination == cidr for route in table.routes):
        raise errors_hybrid.transit_route_not_found(cidr, table.id)
    put(call, table.but(routes=tuple(Route(cidr, held) if route.destination == cidr else route for route in table.routes)))
    return {"Route": shown_route(call, Route(cidr, held))}


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId"))
def delete_transit_gateway_route(call: Call, req: t.DeleteTransitGatewayRouteRequest) -> t.DeleteTransitGatewayRouteResult:
    table = find(call, req["TransitGatewayRouteTableId"])
    gone = next((route for route in table.routes if route.destination == req["DestinationCidrBlock"]), None)
    if gone is None:
        raise errors_hybrid.transit_route_not_found(req["DestinationCidrBlock"], table.id)
    answer: Any = shown_route(call, gone) | {"State": "deleted"}
    put(call, table.but(routes=tuple(route for route in table.routes if route is not gone)))
    return {"Route": answer}


def _within(one: str, other: str) -> bool:
    a, b = addresses.network(one), addresses.network(other)
    return a.version == b.version and a.subnet_of(b)  # type: ignore[arg-type]


@ec2.op(**names.on("transit-gateway-route-table", "TransitGatewayRouteTableId"))
def search_transit_gateway_routes(call: Call, req: t.SearchTransitGatewayRoutesRequest) -> t.SearchTransitGatewayRoutesResult:
    """Filters `route-search.*` compare ranges; the others are as everywhere."""
    rows, plain = [shown_route(call, route) for route in routes(call, find(call, req["TransitGatewayRouteTableId"]))], []
    for rule in req["Filters"]:
        kind, wanted = (rule.get("Name") or "").removeprefix("route-search."), rule.get("Values") or []
        if not (rule.get("Name") or "").startswith("route-search."):
            plain.append(rule)
        elif kind == "exact-match":
            rows = [x for x in rows if x["DestinationCidrBlock"] in wanted]
        elif kind == "subnet-of-match":
            rows = [x for x in rows if any(_within(x["DestinationCidrBlock"], cidr) for cidr in wanted)]
        elif kind == "supernet-of-match":
            rows = [x for x in rows if any(_within(cidr, x["DestinationCidrBlock"]) for cidr in wanted)]
        elif kind == "longest-prefix-match":
            over = [x for x in rows if any(_within(cidr if "/" in cidr else cidr + "/32", x["DestinationCidrBlock"]) for cidr in wanted)]
            longest = max((addresses.network(x["DestinationCidrBlock"]).prefixlen for x in over), default=0)
            rows = [x for x in over if addresses.network(x["DestinationCidrBlock"]).prefixlen == longest]
        else:
            raise errors.bad_filter(rule.get("Name") or "")
    rows = describe.matching(call, rows, plain, {
        "type": lambda x: x["Type"], "state": lambda x: x["State"], "attachment.transit-gateway-attachment-id": lambda x: [a["TransitGatewayAttachmentId"] for a in x["TransitGatewayAttachments"]],
        "attachment.resource-id": lambda x: [a["ResourceId"] for a in x["TransitGatewayAttachments"]], "attachment.resource-type": lambda x: [a["ResourceType"] for a in x["TransitGatewayAttachments"]]})
    most = min(req.get("MaxResults") or MOST_ROUTES, MOST_ROUTES)
    return {"Routes": rows[:most], "AdditionalRoutesAvailable": len(rows) > most}
