"""Response headers policies: headers that viewers are told, whatever the origin said; headers they are not told."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import cache_policies, errors, managed, things
from . import service as cloudfront
from .things import Noun, Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

NOUN = Noun("response-headers-policy", "response headers policy", "ResponseHeadersPolicy", "ResponseHeadersPolicy", 20, "TooManyResponseHeadersPolicies",
            used=things.named("ResponseHeadersPolicyId"), uuid=True)
MOST = 10
FIXED = ("connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
         "upgrade", "via", "warning", "x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-amz-cf-", "x-amzn-auth", "x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff",
         "x-amzn-errortype", "x-amzn-fle-profile", "x-amzn-header-count", "x-amzn-header-order", "x-amzn-lambda-integration-tag", "x-amzn-requestid", "x-cache", "x-edge-", "x-forwarded-proto")


def find(call: Call, id_: str) -> Thing:
    return managed.RESPONSE_HEADERS.get(id_) or things.find(call, NOUN, id_)


def checked(config: Any) -> dict[str, Any]:
    custom, removed = things.items(config.get("CustomHeadersConfig")), things.items(config.get("RemoveHeadersConfig"))
    if len(custom) > MOST:
        raise errors.too_many("TooManyCustomHeadersInResponseHeadersPolicy", "custom headers")
    if len(removed) > MOST:
        raise errors.too_many("TooManyRemoveHeadersInResponseHeadersPolicy", "headers to remove")
    for one in (*custom, *removed):
        if one["Header"].lower().startswith(FIXED):
            raise errors.invalid(f"The parameter Header contains {one['Header']} that is not allowed.")
    cors = config.get("CorsConfig")
    if cors and cors["AccessControlAllowCredentials"] and "*" in (*things.items(cors["AccessControlAllowOrigins"]), *things.items(cors["AccessControlAllowHeaders"]),
                                                                  *things.items(cors.get("AccessControlExposeHeaders"))):
        raise errors.invalid("The parameter AccessControlAllowCredentials cannot be true where origins, headers or exposed headers are *.")
    return config  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def create_response_headers_policy(call: Call, req: t.CreateResponseHeadersPolicyRequest) -> t.CreateResponseHeadersPolicyResult:
    return things.answer(NOUN, things.make(call, NOUN, checked(req["ResponseHeadersPolicyConfig"])), made=True)


@cloudfront.op(**NOUN.on())
def get_response_headers_policy(call: Call, req: t.GetResponseHeadersPolicyRequest) -> t.GetResponseHeadersPolicyResult:
    return things.answer(NOUN, find(call, req["Id"]))


@cloudfront.op(**NOUN.on())
def get_response_headers_policy_config(call: Call, req: t.GetResponseHeadersPolicyConfigRequest) -> t.GetResponseHeadersPolicyConfigResult:
    return things.config_of(NOUN, find(call, req["Id"]))


@cloudfront.op(ANY)
def list_response_headers_policies(call: Call, req: t.ListResponseHeadersPoliciesRequest) -> t.ListResponseHeadersPoliciesResult:
    return {"ResponseHeadersPolicyList": cache_policies.policies(call, req, NOUN, managed.RESPONSE_HEADERS)}  # type: ignore[typeddict-item]


@cloudfront.op(**NOUN.on())
def update_response_headers_policy(call: Call, req: t.UpdateResponseHeadersPolicyRequest) -> t.UpdateResponseHeadersPolicyResult:
    cache_policies.own(req, managed.RESPONSE_HEADERS)
    return things.answer(NOUN, things.change(call, NOUN, req, checked(req["ResponseHeadersPolicyConfig"])))


@cloudfront.op(**NOUN.on())
def delete_response_headers_policy(call: Call, req: t.DeleteResponseHeadersPolicyRequest) -> None:
    cache_policies.own(req, managed.RESPONSE_HEADERS, True)
    things.drop(call, NOUN, req)
