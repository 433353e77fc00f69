"""Resource sets: resources of the organization by their URIs, kept together under a name."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import admins, errors
from . import service as fms
from .policies import tags_of

if TYPE_CHECKING:
    from cloche.shapes import fms as t

MOST, MOST_ITEMS = 50, 100
KINDS = {"AWS::NetworkFirewall::Firewall": "network-firewall", "AWS::EC2::Instance": "ec2", "AWS::EC2::NetworkInterface": "ec2", "AWS::EC2::SecurityGroup": "ec2", "AWS::EC2::VPC": "ec2",
         "AWS::EC2::Subnet": "ec2", "AWS::ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing", "AWS::ApiGateway::Stage": "apigateway"}
ARN = re.compile(r"arn:([\w-]+):([\w-]+):([\w-]*):(\d{12})?:(.+)")


class ResourceSet(Record, frozen=True):
    kind = "fms.resource-set"

    id: str
    name: str
    token: str
    kinds: list[str]
    updated: float
    description: str = ""
    items: dict[str, str] = {}       # URI -> account
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def arn(call: Call, id_: str) -> str:
    return call.arn(f"resource-set/{id_}")


def named(member: str) -> Any:
    return lambda call, req: arn(call, req[member].rpartition("/")[2])


def find(call: Call, text: str) -> ResourceSet:
    """By id or ARN."""
    if one := call.get(ResourceSet, text.rpartition("/")[2]):
        return one
    raise errors.missing(f"The resource set {text} does not exist.")


def shown(one: ResourceSet) -> Any:
    return {"Id": one.id, "Name": one.name, "Description": one.description, "UpdateToken": one.token, "ResourceTypeList": one.kinds, "LastUpdateTime": one.updated, "ResourceSetStatus": "ACTIVE"}


@fms.op(resource=lambda call, req: arn(call, req["ResourceSet"].get("Id") or "*"), context=tags_of)
def put_resource_set(call: Call, req: t.PutResourceSetRequest) -> t.PutResourceSetResponse:
    admins.required(call, "PutResourceSet")
    given = req["ResourceSet"]
    if wrong := [kind for kind in given["ResourceTypeList"] if kind not in KINDS]:
        raise errors.invalid(f"The resource type {wrong[0]} is not valid for a resource set.")
    if given.get("Id"):
        old = find(call, given["Id"])
        if given.get("UpdateToken") != old.token:
            raise errors.stale()
        one = old.but(name=given["Name"], description=given.get("Description", ""), kinds=list(given["ResourceTypeList"]), token=call.uuid(), updated=call.now)
    else:
        if len(call.all(ResourceSet)) >= MOST:
            raise errors.limit("resource sets")
        if any(other.name == given["Name"] for other in call.all(ResourceSet)):
            raise errors.invalid(f"A resource set with the name {given['Name']} exists already.")
        one = ResourceSet(call.pick("abcdefghijklmnopqrstuvwxyz0123456789", 22), given["Name"], call.uuid(), list(given["ResourceTypeList"]), call.now, given.get("Description", ""),
                          tags={tag["Key"]: tag["Value"] for tag in req.get("TagList") or ()})
    call.put(one)
    return {"ResourceSet": shown(one), "ResourceSetArn": arn(call, one.id)}


@fms.op(resource=named("Identifier"))
def get_resource_set(call: Call, req: t.GetResourceSetRequest) -> t.GetResourceSetResponse:
    admins.required(call, "GetResourceSet")
    one = find(call, req["Identifier"])
    return {"ResourceSet": shown(one), "ResourceSetArn": arn(call, one.id)}


@fms.op(resource=lambda call, req: "*")
def list_resource_sets(call: Call, req: t.ListResourceSetsRequest) -> t.ListResourceSetsResponse:
    admins.required(call, "ListResourceSets")
    found, more = pages.page(sorted(call.all(ResourceSet), key=lambda one: one.name), req, lambda one: one.id, 100, errors.bad_token)
    return {"ResourceSets": [{k: v for k, v in shown(one).items() if k not in ("UpdateToken", "ResourceTypeList")} for one in found], **more}  # type: ignore[typeddict-item]


@fms.op(resource=named("Identifier"))
def delete_resource_set(call: Call, req: t.DeleteResourceSetRequest) -> None:
    admins.required(call, "DeleteResourceSet")
    call.delete(find(call, req["Identifier"]))


def why_not(call: Call, one: ResourceSet, uri: str, members: set[str]) -> str:
    found = ARN.fullmatch(uri)
    if found is None:
        return "NOT_VALID_ARN"
    partition, service, region, account, _ = found.groups()
    if partition != call.arn("x").split(":")[1]:
        return "NOT_VALID_PARTITION"
    if service not in {KINDS[kind] for kind in one.kinds}:
        return "NOT_VALID_SERVICE" if service not in KINDS.values() else "NOT_VALID_RESOURCE_TYPE"
    if region != call.region:
        return "NOT_VALID_REGION"
    return "" if account is None or account in members else "NOT_VALID_ACCOUNT_ID"


@fms.op(resource=named("ResourceSetIdentifier"))
def batch_associate_resource(call: Call, req: t.BatchAssociateResourceRequest) -> t.BatchAssociateResourceResponse:
    admin = admins.required(call, "BatchAssociateResource")
    one = find(call, req["ResourceSetIdentifier"])
    members, failed, items = set(admins.accounts(call, admin.management)), [], dict(one.items)
    for uri in req["Items"]:
        if reason := why_not(call, one, uri, members):
            failed.append({"URI": uri, "Reason": reason})
        else:
            items[uri] = uri.split(":")[4]
    if len(items) > MOST_ITEMS:
        raise errors.limit("resources of a resource set")
    call.put(one.but(items=items, updated=call.now))
    return {"ResourceSetIdentifier": req["ResourceSetIdentifier"], "FailedItems": failed}  # type: ignore[typeddict-item]


@fms.op(resource=named("ResourceSetIdentifier"))
def batch_disassociate_resource(call: Call, req: t.BatchDisassociateResourceRequest) -> t.BatchDisassociateResourceResponse:
    admins.required(call, "BatchDisassociateResource")
    one = find(call, req["ResourceSetIdentifier"])
    failed = [{"URI": uri, "Reason": "NOT_VALID_ARN"} for uri in req["Items"] if uri not in one.items]
    call.put(one.but(items={uri: account for uri, account in one.items.items() if uri not in req["Items"]}, updated=call.now))
    return {"ResourceSetIdentifier": req["ResourceSetIdentifier"], "FailedItems": failed}  # type: ignore[typeddict-item]


@fms.op(resource=named("Identifier"))
def list_resource_set_resources(call: Call, req: t.ListResourceSetResourcesRequest) -> t.ListResourceSetResourcesResponse:
    admins.required(call, "ListResourceSetResources")
    one = find(call, req["Identifier"])
    found, more = pages.page(sorted(one.items), req, str, 100, errors.bad_token)
    return {"Items": [{"URI": uri, **({"AccountId": one.items[uri]} if one.items[uri] else {})} for uri in found], **more}  # type: ignore[typeddict-item]
