"""VPC links of REST APIs: the way to one Network Load Balancer, over PrivateLink. What the load balancer sees comes from its own nodes."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.services.elbv2 import public as elbv2

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, RestApi
from .patch import TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

SECONDS = 10.0      # AWS takes two to four minutes
NLB = re.compile(r"arn:aws[\w-]*:elasticloadbalancing:[\w-]+:\d{12}:loadbalancer/net/.+")
PATCHABLE = {"/name": TEXT, "/description": TEXT}


class VpcLink(Record, frozen=True):
    kind = "apigateway.vpclink"

    id: str
    values: dict[str, Any]
    status: str = "PENDING"
    message: str = "Your vpc link is being provisioned"

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> VpcLink:
    if found := call.get(VpcLink, id_):
        return found
    raise errors.not_found("Invalid Vpc Link identifier specified")


def described(link: VpcLink) -> dict[str, Any]:
    return {"id": link.id, "status": link.status, "statusMessage": link.message, **link.values}


@apigateway.op(needs=asked)
def create_vpc_link(call: Call, req: t.CreateVpcLinkRequest) -> t.VpcLink:
    if len(req["targetArns"]) != 1:
        raise errors.bad_request("VPC link supports exactly one Network Load Balancer as its target.")
    values = {name: req[name] for name in ("name", "description", "targetArns", "tags") if req.get(name) is not None}
    link = call.put(VpcLink(call.pick(LETTERS, 6), values))
    call.after(SECONDS, vpc_link_settled, name=link.id, id=link.id)
    return described(link)


@apigateway.timer
def vpc_link_settled(call: Call, id: str) -> None:
    if link := call.get(VpcLink, id):
        [arn] = link.values["targetArns"]
        if not NLB.fullmatch(arn):
            call.put(link.but(status="FAILED", message="NLB ARN is malformed."))
        elif elbv2.find(call, arn) is None:
            call.put(link.but(status="FAILED", message=f"NLB {arn} does not exist, or is another account's."))
        else:
            call.put(link.but(status="AVAILABLE", message="Your vpc link is ready for use"))


@apigateway.op(needs=asked)
def get_vpc_link(call: Call, req: t.GetVpcLinkRequest) -> t.VpcLink:
    return described(find(call, req["vpcLinkId"]))


@apigateway.op(needs=asked)
def get_vpc_links(call: Call, req: t.GetVpcLinksRequest) -> t.VpcLinks:
    return pages.page(req, call.all(VpcLink), lambda link: link.id, described)


@apigateway.op(needs=asked)
def update_vpc_link(call: Call, req: t.UpdateVpcLinkRequest) -> t.VpcLink:
    link = find(call, req["vpcLinkId"])
    return described(call.put(link.but(values=apply(link.values, req.get("patchOperations"), PATCHABLE))))


@apigateway.op(needs=asked)
def delete_vpc_link(call: Call, req: t.DeleteVpcLinkRequest) -> None:
    link = find(call, req["vpcLinkId"])
    if used := users(call, link.id):
        raise errors.bad_request(f"Cannot delete vpc link. Vpc link '{link.id}', is referenced in [{', '.join(used)}] in format of [Method:Resource:Stage].")
    call.cancel(vpc_link_settled, link.id)
    call.delete(link)


def users(call: Call, id_: str) -> list[str]:
    """The methods of deployed stages that go by it."""
    from .deployments import Deployment
    from .stages import Stage
    found = []
    for stage in call.all(Stage):
        deployment = call.get(Deployment, f"{stage.api}/{stage.values['deploymentId']}")
        if deployment is None or call.get(RestApi, stage.api) is None:
            continue
        for resource in deployment.definition.resources.values():
            found += [f"{verb}:{resource.path}:{stage.name}" for verb, method in resource.methods.items() if method.get("methodIntegration", {}).get("connectionId") == id_]
    return found
