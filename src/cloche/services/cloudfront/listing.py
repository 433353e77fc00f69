"""Distributions by what they use: a policy, a key group, a web ACL, a log configuration."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import cache_policies, distributions, keys, origin_request_policies, realtime_logs, response_headers_policies, things
from . import service as cloudfront
from .distributions import Distribution

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t


def ids(call: Call, req: Any, found: list[Distribution]) -> Any:
    return {"DistributionIdList": things.listed(req, found, lambda one: one.id, whole=True)}


def using(call: Call, holds: Callable[[Distribution], bool]) -> list[Distribution]:
    return [one for one in distributions.every(call) if holds(one)]


@cloudfront.op(ANY)
def list_distributions_by_cache_policy_id(call: Call, req: t.ListDistributionsByCachePolicyIdRequest) -> t.ListDistributionsByCachePolicyIdResult:
    cache_policies.find(call, req["CachePolicyId"])
    return ids(call, req, things.users(call, cache_policies.NOUN, req["CachePolicyId"]))  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def list_distributions_by_origin_request_policy_id(call: Call, req: t.ListDistributionsByOriginRequestPolicyIdRequest) -> t.ListDistributionsByOriginRequestPolicyIdResult:
    origin_request_policies.find(call, req["OriginRequestPolicyId"])
    return ids(call, req, things.users(call, origin_request_policies.NOUN, req["OriginRequestPolicyId"]))  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def list_distributions_by_response_headers_policy_id(call: Call, req: t.ListDistributionsByResponseHeadersPolicyIdRequest) -> t.ListDistributionsByResponseHeadersPolicyIdResult:
    response_headers_policies.find(call, req["ResponseHeadersPolicyId"])
    return ids(call, req, things.users(call, response_headers_policies.NOUN, req["ResponseHeadersPolicyId"]))  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def list_distributions_by_key_group(call: Call, req: t.ListDistributionsByKeyGroupRequest) -> t.ListDistributionsByKeyGroupResult:
    things.find(call, keys.GROUP, req["KeyGroupId"])
    return ids(call, req, things.users(call, keys.GROUP, req["KeyGroupId"]))  # type: ignore[no-any-return]


def whole(call: Call, req: Any, found: list[Distribution]) -> Any:
    return {"DistributionList": things.listed(req, found, lambda one: distributions.summary(call, one), whole=True)}


@cloudfront.op(ANY)
def list_distributions_by_web_acl_id(call: Call, req: t.ListDistributionsByWebACLIdRequest) -> t.ListDistributionsByWebACLIdResult:
    """`null`: those without one."""
    wanted = "" if req["WebACLId"] == "null" else req["WebACLId"]
    return whole(call, req, using(call, lambda one: one.config["WebACLId"] == wanted))  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def list_distributions_by_realtime_log_config(call: Call, req: t.ListDistributionsByRealtimeLogConfigRequest) -> t.ListDistributionsByRealtimeLogConfigResult:
    found = realtime_logs.find(call, {"ARN": req.get("RealtimeLogConfigArn"), "Name": req.get("RealtimeLogConfigName")})
    return whole(call, req, realtime_logs.users(call, realtime_logs.arn(call, found.id)))  # type: ignore[no-any-return]
