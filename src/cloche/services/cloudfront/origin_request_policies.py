"""Origin request policies: what the origin is told besides what a cached answer is found by."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import cache_policies, managed, things
from . import service as cloudfront
from .things import Noun, Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

NOUN = Noun("origin-request-policy", "origin request policy", "OriginRequestPolicy", "OriginRequestPolicy", 20, "TooManyOriginRequestPolicies", used=things.named("OriginRequestPolicyId"), uuid=True)


def find(call: Call, id_: str) -> Thing:
    return managed.ORIGIN_REQUEST.get(id_) or things.find(call, NOUN, id_)


def checked(config: Any) -> dict[str, Any]:
    for part, behaviour, names in (("HeadersConfig", "HeaderBehavior", "Headers"), ("CookiesConfig", "CookieBehavior", "Cookies"), ("QueryStringsConfig", "QueryStringBehavior", "QueryStrings")):
        cache_policies.chosen(config[part], behaviour, names)
    return config  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def create_origin_request_policy(call: Call, req: t.CreateOriginRequestPolicyRequest) -> t.CreateOriginRequestPolicyResult:
    return things.answer(NOUN, things.make(call, NOUN, checked(req["OriginRequestPolicyConfig"])), made=True)


@cloudfront.op(**NOUN.on())
def get_origin_request_policy(call: Call, req: t.GetOriginRequestPolicyRequest) -> t.GetOriginRequestPolicyResult:
    return things.answer(NOUN, find(call, req["Id"]))


@cloudfront.op(**NOUN.on())
def get_origin_request_policy_config(call: Call, req: t.GetOriginRequestPolicyConfigRequest) -> t.GetOriginRequestPolicyConfigResult:
    return things.config_of(NOUN, find(call, req["Id"]))


@cloudfront.op(ANY)
def list_origin_request_policies(call: Call, req: t.ListOriginRequestPoliciesRequest) -> t.ListOriginRequestPoliciesResult:
    return {"OriginRequestPolicyList": cache_policies.policies(call, req, NOUN, managed.ORIGIN_REQUEST)}  # type: ignore[typeddict-item]


@cloudfront.op(**NOUN.on())
def update_origin_request_policy(call: Call, req: t.UpdateOriginRequestPolicyRequest) -> t.UpdateOriginRequestPolicyResult:
    cache_policies.own(req, managed.ORIGIN_REQUEST)
    return things.answer(NOUN, things.change(call, NOUN, req, checked(req["OriginRequestPolicyConfig"])))


@cloudfront.op(**NOUN.on())
def delete_origin_request_policy(call: Call, req: t.DeleteOriginRequestPolicyRequest) -> None:
    cache_policies.own(req, managed.ORIGIN_REQUEST, True)
    things.drop(call, NOUN, req)
