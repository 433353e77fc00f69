"""What Shield is told for detecting attacks and answering them: health checks, and rules of its own in a web ACL. There are no attacks here, and so no rules are ever made."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Need

from . import errors, protections
from . import service as shield
from .protections import Protection

if TYPE_CHECKING:
    from cloche.shapes import shield as t

CHECK = re.compile(r"arn:aws:route53:::healthcheck/([\w-]+)")
NOBODY = "nobody attacks a cloud on one's own machine: no rules are ever made"


def _check(call: Call, arn: str) -> str:
    match = CHECK.fullmatch(arn)
    if match is None:
        raise errors.invalid(f"The ARN of the health check is not valid: {arn}")
    try:
        call.as_root().do("route53", "GetHealthCheck", HealthCheckId=match[1])
    except AwsError:
        raise errors.no_resource(arn) from None
    return match[1]


def _with_check(call: Call, req: Any) -> list[Need]:
    return [Need(f"shield:{call.op}", protections.by_id(call, req)), *([Need("route53:GetHealthCheck", req["HealthCheckArn"])] if call.op == "AssociateHealthCheck" else [])]


@shield.op(needs=_with_check)
def associate_health_check(call: Call, req: t.AssociateHealthCheckRequest) -> t.AssociateHealthCheckResponse:
    one = protections.find(call, req["ProtectionId"])
    if one.of == "ROUTE_53_HOSTED_ZONE":
        raise errors.bad_resource(one.resource)
    call.put(one.but(checks=(_check(call, req["HealthCheckArn"]),)))      # a protection has one
    return {}


@shield.op(needs=_with_check)
def disassociate_health_check(call: Call, req: t.DisassociateHealthCheckRequest) -> t.DisassociateHealthCheckResponse:
    one = protections.find(call, req["ProtectionId"])
    id_ = req["HealthCheckArn"].rpartition("/")[2]
    if id_ not in one.checks:
        raise errors.no_resource(req["HealthCheckArn"])
    call.put(one.but(checks=tuple(each for each in one.checks if each != id_)))
    return {}


# -- automatic answers at the application layer -------------------------------------------------------------------------------

def _protection(call: Call, req: Any) -> Protection:
    found = next((one for one in call.all(Protection) if one.resource == req["ResourceArn"]), None)
    if found is None:
        raise errors.no_protection(req["ResourceArn"])
    return found


def _needs(call: Call, req: Any) -> list[Need]:
    return [Need(f"shield:{call.op}", "*"), *([Need("wafv2:GetWebACLForResource", req["ResourceArn"])] if call.op.startswith("Enable") else [])]


def _action(req: Any) -> str:
    if len(req["Action"]) != 1:
        raise errors.invalid("Exactly one of Block and Count is required.")
    return str(next(iter(req["Action"])))


@shield.op(needs=_needs, partly=NOBODY)
def enable_application_layer_automatic_response(call: Call, req: t.EnableApplicationLayerAutomaticResponseRequest) -> t.EnableApplicationLayerAutomaticResponseResponse:
    from cloche.services.wafv2 import public as wafv2
    one, action = _protection(call, req), _action(req)
    if one.of not in ("APPLICATION_LOAD_BALANCER", "CLOUDFRONT_DISTRIBUTION"):
        raise errors.bad_response(f"Automatic application layer mitigation is for CloudFront distributions and Application Load Balancers: {one.resource}")
    if not wafv2.acl_before(call.at(call.account, one.resource.split(":")[3] or "us-east-1"), one.resource):
        raise errors.wrong_moment("The resource has no AWS WAF web ACL.")
    if one.answer:
        raise errors.wrong_moment("Automatic application layer mitigation is enabled already.")
    call.put(one.but(answer=action))
    return {}


@shield.op(needs=_needs, partly=NOBODY)
def update_application_layer_automatic_response(call: Call, req: t.UpdateApplicationLayerAutomaticResponseRequest) -> t.UpdateApplicationLayerAutomaticResponseResponse:
    one = _protection(call, req)
    if not one.answer:
        raise errors.wrong_moment("Automatic application layer mitigation is not enabled.")
    call.put(one.but(answer=_action(req)))
    return {}


@shield.op(needs=_needs)
def disable_application_layer_automatic_response(call: Call, req: t.DisableApplicationLayerAutomaticResponseRequest) -> t.DisableApplicationLayerAutomaticResponseResponse:
    call.put(_protection(call, req).but(answer=""))
    return {}


# -- attacks ------------------------------------------------------------------------------------------------------------------

DAY = 86400


@shield.op(ANY, partly="nobody attacks a cloud on one's own machine: the list is empty")
def list_attacks(call: Call, req: t.ListAttacksRequest) -> t.ListAttacksResponse:
    return {"AttackSummaries": []}


@shield.op(lambda call, req: f"arn:aws:shield::{call.account}:attack/{req['AttackId']}", partly="nobody attacks a cloud on one's own machine: there is none to describe")
def describe_attack(call: Call, req: t.DescribeAttackRequest) -> t.DescribeAttackResponse:
    raise errors.no_attack(req["AttackId"])


@shield.op(ANY, partly="nobody attacks a cloud on one's own machine: it counts none")
def describe_attack_statistics(call: Call, req: Any) -> t.DescribeAttackStatisticsResponse:
    """Of the year up to the last midnight."""
    midnight = call.now // DAY * DAY
    return {"TimeRange": {"FromInclusive": midnight - 365 * DAY, "ToExclusive": midnight}, "DataItems": [{"AttackCount": 0}]}  # type: ignore[typeddict-item]
