"""Which resource stands behind which web ACL: one ACL a resource, a load balancer or a stage of a REST API."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need, Record

from . import entities, errors, rules
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

BALANCER = re.compile(r"arn:[\w-]+:elasticloadbalancing:[\w-]+:(\d{12}):loadbalancer/app/[\w-]+/\w+$")
STAGE = re.compile(r"arn:[\w-]+:apigateway:[\w-]+::/restapis/(\w+)/stages/([\w-]+)$")
POOL = re.compile(r"arn:[\w-]+:cognito-idp:[\w-]+:(\d{12}):userpool/([\w-]+)$")
KINDS = {"APPLICATION_LOAD_BALANCER": BALANCER, "API_GATEWAY": STAGE, "COGNITO_USER_POOL": POOL}


class Association(Record, frozen=True):
    kind = "wafv2.association"

    resource: str
    acl: str

    @property
    def key(self) -> str:
        return self.resource


def of(call: Call, acl: str) -> list[str]:
    return sorted(one.resource for one in call.all(Association) if one.acl == acl)


def _own(call: Call, arn: str) -> str:
    """The resource's ARN in this account."""
    if found := BALANCER.match(arn) or POOL.match(arn):
        return arn.replace(f":{found[1]}:", f":{call.account}:", 1)
    return arn


def _needs(call: Call, req: Any) -> list[Need]:
    resource = _own(call, req["ResourceArn"])
    verb = "AssociateWebACL" if "WebACLArn" in req else "DisassociateWebACL"
    other = "apigateway:SetWebACL" if STAGE.match(resource) else f"cognito-idp:{verb}" if POOL.match(resource) else "elasticloadbalancing:SetWebAcl"
    action = f"wafv2:{verb}"
    return [*([Need(action, entities.own(call, req["WebACLArn"]))] if "WebACLArn" in req else []), Need(action, resource), Need(other, resource)]


def _there(call: Call, arn: str) -> None:
    """A resource of this account that an ACL can stand before. An HTTP API's stage (/apis/...), a Network Load Balancer are none."""
    as_root = call.as_root()
    if f":{call.region}:" not in arn or not (BALANCER.match(arn) or STAGE.match(arn) or POOL.match(arn)):
        raise errors.bad_arn(arn)
    try:
        if stage := STAGE.match(arn):
            as_root.do("apigateway", "GetStage", restApiId=stage[1], stageName=stage[2])
        elif pool := POOL.match(arn):
            as_root.do("cognito-idp", "DescribeUserPool", UserPoolId=pool[2])
        else:
            as_root.do("elbv2", "DescribeLoadBalancers", LoadBalancerArns=[arn])
    except AwsError as error:
        if error.code not in ("NotFoundException", "LoadBalancerNotFound", "ResourceNotFoundException"):
            raise
        raise errors.missing() from None


@wafv2.op(needs=_needs)
def associate_web_acl(call: Call, req: t.AssociateWebACLRequest) -> t.AssociateWebACLResponse:
    acl = entities.by_arn(call, req["WebACLArn"], "webacl")
    if acl.reach != "REGIONAL":
        raise errors.bad_arn(req["WebACLArn"])
    _there(call, req["ResourceArn"])
    if POOL.match(req["ResourceArn"]) and rules.refused_by_user_pools(acl.values["Rules"]):
        raise errors.not_for_user_pools(req["ResourceArn"])
    call.put(Association(req["ResourceArn"], acl.arn))
    return {}


@wafv2.op(needs=lambda call, req: [Need("wafv2:GetWebACLForResource", _own(call, req["ResourceArn"]))])
def get_web_acl_for_resource(call: Call, req: t.GetWebACLForResourceRequest) -> t.GetWebACLForResourceResponse:
    from .web_acls import shown
    _there(call, req["ResourceArn"])
    found = call.get(Association, req["ResourceArn"])
    return {"WebACL": shown(entities.by_arn(call, found.acl))} if found else {}  # type: ignore[typeddict-item]


@wafv2.op(resource=lambda call, req: entities.own(call, req["WebACLArn"]))
def list_resources_for_web_acl(call: Call, req: t.ListResourcesForWebACLRequest) -> t.ListResourcesForWebACLResponse:
    acl = entities.by_arn(call, req["WebACLArn"], "webacl")
    kind = KINDS.get(req.get("ResourceType", "APPLICATION_LOAD_BALANCER"))
    return {"ResourceArns": [arn for arn in of(call, acl.arn) if kind and kind.match(arn)]}


@wafv2.op(needs=_needs)
def disassociate_web_acl(call: Call, req: t.DisassociateWebACLRequest) -> t.DisassociateWebACLResponse:
    _there(call, req["ResourceArn"])
    if found := call.get(Association, req["ResourceArn"]):
        call.delete(found)
    return {}
