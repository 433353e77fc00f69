"""Protections: of load balancers, Elastic IPs, hosted zones and distributions that are there."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record, pages

from . import errors
from . import service as shield
from .subscriptions import MOST, held

if TYPE_CHECKING:
    from cloche.shapes import shield as t

# ARN -> kind
PATTERNS = (
    (re.compile(r"arn:aws:elasticloadbalancing:([\w-]+):\d{12}:loadbalancer/app/.+"), "APPLICATION_LOAD_BALANCER"),
    (re.compile(r"arn:aws:elasticloadbalancing:([\w-]+):\d{12}:loadbalancer/([\w-]+)"), "CLASSIC_LOAD_BALANCER"),
    (re.compile(r"arn:aws:ec2:([\w-]+):\d{12}:eip-allocation/(eipalloc-\w+)"), "ELASTIC_IP_ADDRESS"),
    (re.compile(r"arn:aws:route53:::hostedzone/(\w+)"), "ROUTE_53_HOSTED_ZONE"),
    (re.compile(r"arn:aws:cloudfront::\d{12}:distribution/(\w+)"), "CLOUDFRONT_DISTRIBUTION"),
    (re.compile(r"arn:aws:globalaccelerator::\d{12}:accelerator/.+"), "GLOBAL_ACCELERATOR"),
)


class Protection(Record, frozen=True):
    kind = "shield.protection"
    scope = "account"

    id: str
    name: str
    resource: str
    of: str
    checks: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    answer: str = ""     # to attacks at the application layer: Block, Count

    @property
    def key(self) -> str:
        return self.id

    @property
    def listed_as(self) -> str:
        """The kind as filters and groups name it."""
        return "ELASTIC_IP_ALLOCATION" if self.of == "ELASTIC_IP_ADDRESS" else self.of


def arn(call: Call, id_: str) -> str:
    return f"arn:aws:shield::{call.account}:protection/{id_}"


def by_id(call: Call, req: Any) -> str:
    return arn(call, req.get("ProtectionId") or "*")


def kind_of(call: Call, resource: str) -> str:
    """Raises unless it is of a kind that can be protected, and there."""
    found = next(((match, kind) for pattern, kind in PATTERNS if (match := pattern.fullmatch(resource))), None)
    if found is None:
        raise errors.bad_resource(resource)
    match, kind = found
    inside = call.as_root()
    try:
        if kind == "APPLICATION_LOAD_BALANCER":
            inside.at(call.account, match[1]).do("elbv2", "DescribeLoadBalancers", LoadBalancerArns=[resource])
        elif kind == "CLASSIC_LOAD_BALANCER":
            inside.at(call.account, match[1]).do("elb", "DescribeLoadBalancers", LoadBalancerNames=[match[2]])
        elif kind == "ELASTIC_IP_ADDRESS":
            inside.at(call.account, match[1]).do("ec2", "DescribeAddresses", AllocationIds=[match[2]])
        elif kind == "ROUTE_53_HOSTED_ZONE":
            inside.do("route53", "GetHostedZone", Id=match[1])
        elif kind == "CLOUDFRONT_DISTRIBUTION":
            inside.do("cloudfront", "GetDistribution", Id=match[1])
        else:
            raise errors.no_resource(resource)  # nothing of the kind can be here
    except AwsError:
        raise errors.no_resource(resource) from None
    return kind


@shield.op(by_id, context=lambda call, req: {f"aws:RequestTag/{t['Key']}": t.get("Value", "") for t in req.get("Tags") or ()})
def create_protection(call: Call, req: t.CreateProtectionRequest) -> t.CreateProtectionResponse:
    if held(call) is None:
        raise errors.not_subscribed()
    kind = kind_of(call, req["ResourceArn"])
    every = call.all(Protection)
    if any(one.resource == req["ResourceArn"] for one in every):
        raise errors.protected()
    if sum(one.of == kind for one in every) >= MOST:
        raise errors.too_many(MOST)
    made = call.put(Protection(call.uuid(), req["Name"], req["ResourceArn"], kind, (), {one["Key"]: one.get("Value", "") for one in req.get("Tags") or ()}))
    return {"ProtectionId": made.id}


def find(call: Call, id_: str) -> Protection:
    found = call.get(Protection, id_)
    if found is None:
        raise errors.no_protection(id_)
    return found


def _shown(call: Call, one: Protection) -> Any:
    return {"Id": one.id, "Name": one.name, "ResourceArn": one.resource, "HealthCheckIds": list(one.checks), "ProtectionArn": arn(call, one.id),
            **({"ApplicationLayerAutomaticResponseConfiguration": {"Status": "ENABLED", "Action": {one.answer: {}}}} if one.answer else {})}


@shield.op(by_id)
def describe_protection(call: Call, req: t.DescribeProtectionRequest) -> t.DescribeProtectionResponse:
    if ("ProtectionId" in req) == ("ResourceArn" in req):
        raise errors.either()
    if "ProtectionId" in req:
        return {"Protection": _shown(call, find(call, req["ProtectionId"]))}
    found = next((one for one in call.all(Protection) if one.resource == req["ResourceArn"]), None)
    if found is None:
        raise errors.no_protection(req["ResourceArn"])
    return {"Protection": _shown(call, found)}


@shield.op(ANY)
def list_protections(call: Call, req: t.ListProtectionsRequest) -> t.ListProtectionsResponse:
    wanted = req.get("InclusionFilters") or {}
    every = [one for one in call.all(Protection) if one.resource in wanted.get("ResourceArns", [one.resource]) and one.name in wanted.get("ProtectionNames", [one.name])
             and one.listed_as in wanted.get("ResourceTypes", [one.listed_as])]
    found, more = pages.page(every, req, lambda one: one.id, 1000, errors.bad_token)
    return {"Protections": [_shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@shield.op(by_id)
def delete_protection(call: Call, req: t.DeleteProtectionRequest) -> None:
    from . import groups
    one = find(call, req["ProtectionId"])
    groups.lost(call, one.resource)
    call.delete(one)


# -- tags -------------------------------------------------------------------------------------------------------------------

def by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceARN"])


def _tagged(call: Call, req: Any) -> Any:
    """A protection or a group."""
    from . import groups
    kind, _, id_ = req["ResourceARN"].rpartition(":")[2].partition("/")
    return groups.find(call, id_) if kind == "protection-group" else find(call, id_)


@shield.op(by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": [{"Key": k, "Value": v} for k, v in _tagged(call, req).tags.items()]}


@shield.op(by_arn)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    one = _tagged(call, req)
    call.put(one.but(tags=one.tags | {each["Key"]: each.get("Value", "") for each in req["Tags"]}))


@shield.op(by_arn)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    one = _tagged(call, req)
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))
