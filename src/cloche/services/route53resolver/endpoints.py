"""Resolver endpoints: addresses in a VPC's subnets. At inbound ones other networks ask this VPC's resolver; from outbound ones it asks others."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.services.ec2 import public as ec2

from . import errors, listing, tags
from . import service as resolver

if TYPE_CHECKING:
    from cloche.shapes import route53resolver as t

LEAST, MOST = 2, 6                                     # addresses of an endpoint
MOST_ENDPOINTS = 4


class Address(msgspec.Struct, frozen=True):
    id: str
    subnet: str
    ip: str
    interface: str
    made: float


class Endpoint(Record, frozen=True):
    kind = "route53resolver.endpoint"

    id: str
    reference: str
    direction: str
    vpc: str
    groups: tuple[str, ...]
    addresses: tuple[Address, ...]
    made: float
    name: str = ""
    changed: float = 0.0

    @property
    def key(self) -> str:
        return self.id


def arn(call: Call, id_: str) -> str:
    return call.arn(f"resolver-endpoint/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req["ResolverEndpointId"])


def find(call: Call, id_: str) -> Endpoint:
    found = call.get(Endpoint, id_)
    if found is None:
        raise errors.not_found("Resolver endpoint", id_)
    return found


def shown(call: Call, one: Endpoint, status: str = "OPERATIONAL") -> Any:
    out = {"Id": one.id, "CreatorRequestId": one.reference, "Arn": arn(call, one.id), "SecurityGroupIds": list(one.groups), "Direction": one.direction, "IpAddressCount": len(one.addresses),
           "HostVPCId": one.vpc, "Status": status, "StatusMessage": "This Resolver Endpoint is operational." if status == "OPERATIONAL" else status.capitalize(),
           "CreationTime": listing.told(one.made), "ModificationTime": listing.told(one.changed or one.made), "ResolverEndpointType": "IPV4", "Protocols": ["Do53"]}
    return out | ({"Name": one.name} if one.name else {})


def plug(call: Call, id_: str, groups: Any, given: Any) -> tuple[Address, str]:
    """An address in a subnet, and the VPC that it is in."""
    if not given.get("SubnetId"):
        raise errors.parameter("A subnet must be specified.", "IpAddresses")
    number = call.id("rni-")
    try:
        made = ec2.make_interface(call.as_root(), given["SubnetId"], list(groups), "interface", f"Route 53 Resolver: {id_}:{number}", owner=id_, private=given.get("Ip") or "",
                                  requester="amazon-route53-resolver", operator="route53resolver.amazonaws.com")
    except AwsError as error:
        raise errors.request(error.message) from None
    return Address(number, made.subnet_id, made.private, made.id, call.now), made.vpc_id


@resolver.op(ANY, context=tags.facts, partly="IPv6, DNS over HTTPS and delegation are not built")
def create_resolver_endpoint(call: Call, req: t.CreateResolverEndpointRequest) -> t.CreateResolverEndpointResponse:
    if any(one.reference == req["CreatorRequestId"] for one in call.all(Endpoint)):
        raise errors.exists("Resolver endpoint", req["CreatorRequestId"])
    if req["Direction"] not in ("INBOUND", "OUTBOUND") or req.get("ResolverEndpointType", "IPV4") != "IPV4" or (req.get("Protocols") or ["Do53"]) != ["Do53"] or req.get("OutpostArn"):
        raise errors.request("Cloche builds inbound and outbound endpoints of IPv4 addresses for Do53 only.")
    if len(req["IpAddresses"]) > MOST:
        raise errors.request(f"[RSLVR-00407] Resolver endpoint needs to have from {LEAST} to {MOST} IP addresses.")
    if len(call.all(Endpoint)) >= MOST_ENDPOINTS:
        raise errors.limit("Resolver endpoints")
    id_ = call.id("rslvr-in-" if req["Direction"] == "INBOUND" else "rslvr-out-")
    made = [plug(call, id_, req["SecurityGroupIds"], given) for given in req["IpAddresses"]]
    if len({vpc for _, vpc in made}) > 1:
        raise errors.request("All subnets of a Resolver endpoint must be in one VPC.")
    one = call.put(Endpoint(id_, req["CreatorRequestId"], req["Direction"], made[0][1], tuple(req["SecurityGroupIds"]), tuple(address for address, _ in made), call.now, req.get("Name", "")))
    tags.put(call, arn(call, id_), req.get("Tags"))
    return {"ResolverEndpoint": shown(call, one, "CREATING")}


@resolver.op(resource=by_id)
def get_resolver_endpoint(call: Call, req: t.GetResolverEndpointRequest) -> t.GetResolverEndpointResponse:
    return {"ResolverEndpoint": shown(call, find(call, req["ResolverEndpointId"]))}


@resolver.op(ANY)
def list_resolver_endpoints(call: Call, req: t.ListResolverEndpointsRequest) -> t.ListResolverEndpointsResponse:
    return listing.listed([shown(call, one) for one in call.all(Endpoint)], req, "ResolverEndpoints", lambda row: row["Id"])  # type: ignore[no-any-return]


@resolver.op(resource=by_id)
def list_resolver_endpoint_ip_addresses(call: Call, req: t.ListResolverEndpointIpAddressesRequest) -> t.ListResolverEndpointIpAddressesResponse:
    rows = [{"IpId": x.id, "SubnetId": x.subnet, "Ip": x.ip, "Status": "ATTACHED", "StatusMessage": "This IP address is operational.", "CreationTime": listing.told(x.made),
             "ModificationTime": listing.told(x.made)} for x in find(call, req["ResolverEndpointId"]).addresses]
    return listing.listed(rows, {k: v for k, v in req.items() if k != "Filters"}, "IpAddresses", lambda row: row["IpId"])  # type: ignore[no-any-return]


@resolver.op(resource=by_id)
def update_resolver_endpoint(call: Call, req: t.UpdateResolverEndpointRequest) -> t.UpdateResolverEndpointResponse:
    one = find(call, req["ResolverEndpointId"])
    return {"ResolverEndpoint": shown(call, call.put(one.but(name=req.get("Name", one.name), changed=call.now)))}


@resolver.op(resource=by_id)
def associate_resolver_endpoint_ip_address(call: Call, req: t.AssociateResolverEndpointIpAddressRequest) -> t.AssociateResolverEndpointIpAddressResponse:
    one = find(call, req["ResolverEndpointId"])
    if len(one.addresses) >= MOST:
        raise errors.limit("IP addresses of a Resolver endpoint")
    address, vpc = plug(call, one.id, one.groups, req["IpAddress"])
    if vpc != one.vpc:
        raise errors.request("All subnets of a Resolver endpoint must be in one VPC.")
    return {"ResolverEndpoint": shown(call, call.put(one.but(addresses=(*one.addresses, address), changed=call.now)), "UPDATING")}


@resolver.op(resource=by_id)
def disassociate_resolver_endpoint_ip_address(call: Call, req: t.DisassociateResolverEndpointIpAddressRequest) -> t.DisassociateResolverEndpointIpAddressResponse:
    one, given = find(call, req["ResolverEndpointId"]), req["IpAddress"]
    gone = next((x for x in one.addresses if x.id == given.get("IpId") or (x.subnet == given.get("SubnetId") and x.ip == given.get("Ip", x.ip))), None)
    if gone is None:
        raise errors.not_found("IP address", given.get("IpId") or given.get("Ip") or "")
    if len(one.addresses) <= LEAST:
        raise errors.request(f"[RSLVR-00407] Resolver endpoint needs to have from {LEAST} to {MOST} IP addresses.")
    ec2.release_interface(call, gone.interface)
    return {"ResolverEndpoint": shown(call, call.put(one.but(addresses=tuple(x for x in one.addresses if x is not gone), changed=call.now)), "UPDATING")}


@resolver.op(resource=by_id)
def delete_resolver_endpoint(call: Call, req: t.DeleteResolverEndpointRequest) -> t.DeleteResolverEndpointResponse:
    from . import rules
    one = find(call, req["ResolverEndpointId"])
    if used := [rule.id for rule in call.all(rules.Rule) if rule.endpoint == one.id]:
        raise errors.in_use("Resolver endpoint", one.id, f"the Resolver rule {used[0]} forwards from it")
    for address in one.addresses:
        ec2.release_interface(call, address.interface)
    answer = shown(call, one, "DELETING")
    call.delete(one)
    tags.drop(call, arn(call, one.id))
    return {"ResolverEndpoint": answer}
