"""VPC links: interfaces of API Gateway's own in somebody's subnets, by which private integrations reach load balancers.

A link is there when its interfaces are; what may pass is for the security groups to say, the link's and the load balancer's.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.services.apigateway.public import LETTERS, asked
from cloche.services.ec2 import public as ec2
from cloche.services.iam import public as iam

from . import errors
from . import service as apigatewayv2
from .apis import page

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

SECONDS = 10.0      # AWS takes a minute or two


class VpcLink(Record, frozen=True):
    kind = "apigatewayv2.vpclink"

    id: str
    created: float
    values: dict[str, Any]
    interfaces: tuple[str, ...]
    status: str = "PENDING"

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> VpcLink:
    if found := call.get(VpcLink, id_):
        return found
    raise errors.not_found(f"Unable to find VpcLink by key {id_}")


def described(link: VpcLink) -> dict[str, Any]:
    message = {"PENDING": "VPC link is provisioning ENIs", "AVAILABLE": "VPC link is ready to route traffic"}[link.status]
    return {"VpcLinkId": link.id, "CreatedDate": link.created, "VpcLinkStatus": link.status, "VpcLinkStatusMessage": message, "VpcLinkVersion": "V2", "SecurityGroupIds": [], "Tags": {}, **link.values}


@apigatewayv2.op(needs=asked)
def create_vpc_link(call: Call, req: t.CreateVpcLinkRequest) -> t.CreateVpcLinkResponse:
    if not req["SubnetIds"]:
        raise errors.bad_request("At least one subnet is required for a VPC link.")
    id_ = call.pick(LETTERS, 6)
    iam.ensure_linked(call, "ops.apigateway.amazonaws.com")
    try:
        made = [ec2.make_interface(call.as_root(), subnet, req.get("SecurityGroupIds") or None, "api_gateway_managed", f"VPC Link Interface for {id_}", owner=id_,
                                   requester="apigateway", operator="apigateway.amazonaws.com") for subnet in dict.fromkeys(req["SubnetIds"])]
    except AwsError as error:
        raise errors.bad_request(error.message) from None
    if len({one.vpc_id for one in made}) > 1:
        raise errors.bad_request("All subnets of a VPC link must be in one VPC.")
    values = {name: req[name] for name in ("Name", "SubnetIds", "SecurityGroupIds", "Tags") if req.get(name) is not None}
    call.after(SECONDS, link_ready, name=id_, id=id_)
    return described(call.put(VpcLink(id_, call.now, values, tuple(one.id for one in made))))


@apigatewayv2.timer
def link_ready(call: Call, id: str) -> None:
    if link := call.get(VpcLink, id):
        call.put(link.but(status="AVAILABLE"))


@apigatewayv2.op(needs=asked)
def get_vpc_link(call: Call, req: t.GetVpcLinkRequest) -> t.GetVpcLinkResponse:
    return described(find(call, req["VpcLinkId"]))


@apigatewayv2.op(needs=asked)
def get_vpc_links(call: Call, req: t.GetVpcLinksRequest) -> t.GetVpcLinksResponse:
    return page(req, call.all(VpcLink), lambda link: link.id, described)


@apigatewayv2.op(needs=asked)
def update_vpc_link(call: Call, req: t.UpdateVpcLinkRequest) -> t.UpdateVpcLinkResponse:
    link = find(call, req["VpcLinkId"])
    return described(call.put(link.but(values=link.values | ({"Name": req["Name"]} if req.get("Name") else {}))))


@apigatewayv2.op(needs=asked)
def delete_vpc_link(call: Call, req: t.DeleteVpcLinkRequest) -> t.DeleteVpcLinkResponse:
    link = find(call, req["VpcLinkId"])
    call.cancel(link_ready, link.id)
    for interface in link.interfaces:
        ec2.release_interface(call.as_root(), interface)
    call.delete(link)
    return {}
