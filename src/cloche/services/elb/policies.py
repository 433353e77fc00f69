"""Policies: stickiness by the load balancer's cookie or the application's, TLS negotiation, the proxy protocol."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, Call

from . import errors, nodes
from . import service as elb
from .balancers import LoadBalancer, by_name, facts, find

if TYPE_CHECKING:
    from cloche.shapes import elb as t

APP, COOKIE, TLS, PROXY = "AppCookieStickinessPolicyType", "LBCookieStickinessPolicyType", "SSLNegotiationPolicyType", "ProxyProtocolPolicyType"
KEY, BACKEND = "PublicKeyPolicyType", "BackendServerAuthenticationPolicyType"
TYPES: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    APP: ("Stickiness policy with session lifetimes controlled by the lifetime of the application-generated cookie. This policy can be associated only with HTTP/HTTPS listeners.",
          [("CookieName", "String", "ONE")]),
    COOKIE: ("Stickiness policy with session lifetimes controlled by the browser (user-agent) or a specified expiration period. This policy can be associated only with HTTP/HTTPS listeners.",
             [("CookieExpirationPeriod", "Long", "ZERO_OR_ONE")]),
    TLS: ("Listener policy that defines the ciphers and protocols that will be accepted by the load balancer. This policy can be associated only with HTTPS/SSL listeners.",
          [("Reference-Security-Policy", "String", "ZERO_OR_ONE")]),
    PROXY: ("Policy that controls whether to include the IP address and port of the originating request for TCP messages. This policy operates on TCP/SSL listeners only",
            [("ProxyProtocol", "Boolean", "ONE")]),
}
DEFAULT_TLS = "ELBSecurityPolicy-2016-08"


def listed(one: LoadBalancer) -> Any:
    shown: dict[str, Any] = {"AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": []}
    for name, policy in one.policies.items():
        if policy["type"] == APP:
            shown["AppCookieStickinessPolicies"].append({"PolicyName": name, "CookieName": policy["CookieName"]})
        elif policy["type"] == COOKIE:
            seconds = policy.get("CookieExpirationPeriod")
            shown["LBCookieStickinessPolicies"].append({"PolicyName": name} | ({"CookieExpirationPeriod": int(seconds)} if seconds else {}))
        else:
            shown["OtherPolicies"].append(name)
    return shown


def add(call: Call, one: LoadBalancer, name: str, policy: dict[str, Any]) -> None:
    if name in one.policies:
        raise errors.duplicate_policy(name)
    call.put(one.but(policies=one.policies | {name: policy}))


@elb.op(resource=by_name, context=facts)
def create_app_cookie_stickiness_policy(call: Call, req: t.CreateAppCookieStickinessPolicyInput) -> None:
    add(call, find(call, req["LoadBalancerName"]), req["PolicyName"], {"type": APP, "CookieName": req["CookieName"]})


@elb.op(resource=by_name, context=facts)
def create_lb_cookie_stickiness_policy(call: Call, req: t.CreateLBCookieStickinessPolicyInput) -> None:
    seconds = req.get("CookieExpirationPeriod")
    add(call, find(call, req["LoadBalancerName"]), req["PolicyName"], {"type": COOKIE} | ({"CookieExpirationPeriod": str(seconds)} if seconds else {}))


@elb.op(resource=by_name, context=facts, partly="authentication of back-end servers by their public keys is not built; of TLS policies only AWS's own are, by their names")
def create_load_balancer_policy(call: Call, req: t.CreateLoadBalancerPolicyInput) -> None:
    kind = req["PolicyTypeName"]
    if kind not in TYPES:
        raise errors.no_such_type(kind)
    given = {each.get("AttributeName", ""): each.get("AttributeValue", "") for each in req.get("PolicyAttributes") or ()}
    known = {name for name, _, _ in TYPES[kind][1]}
    if strange := [name for name in given if name not in known]:
        raise errors.configuration(f"The attribute {strange[0]} is not known to policies of type {kind}.")
    if missing := [name for name, _, times in TYPES[kind][1] if times == "ONE" and name not in given]:
        raise errors.configuration(f"The attribute {missing[0]} must be given for policies of type {kind}.")
    add(call, find(call, req["LoadBalancerName"]), req["PolicyName"], {"type": kind} | given)


@elb.op(resource=by_name, context=facts)
def delete_load_balancer_policy(call: Call, req: t.DeleteLoadBalancerPolicyInput) -> None:
    one, name = find(call, req["LoadBalancerName"]), req["PolicyName"]
    if any(name in each.policies for each in one.listeners) or any(name in names for names in one.backends.values()):
        raise errors.policy_in_use(name)
    call.put(one.but(policies={k: v for k, v in one.policies.items() if k != name}))


@elb.op(resource=by_name, context=facts)
def set_load_balancer_policies_of_listener(call: Call, req: t.SetLoadBalancerPoliciesOfListenerInput) -> None:
    """All of the listener's policies; an empty list takes them off."""
    one = find(call, req["LoadBalancerName"])
    listener = next((each for each in one.listeners if each.port == req["LoadBalancerPort"]), None)
    if listener is None:
        raise errors.no_such_listener(one.name, req["LoadBalancerPort"])
    for name in req["PolicyNames"]:
        if name not in one.policies:
            raise errors.no_such_policy(name)
        kind = one.policies[name]["type"]
        if (kind in (APP, COOKIE) and listener.protocol not in ("HTTP", "HTTPS")) or (kind == TLS and listener.protocol not in ("HTTPS", "SSL")) or kind == PROXY:
            raise errors.policy_not_here(name)
    if sum(one.policies[name]["type"] in (APP, COOKIE) for name in req["PolicyNames"]) > 1:
        raise errors.configuration("Only one stickiness policy can be enabled for a listener.")
    new = msgspec.structs.replace(listener, policies=tuple(req["PolicyNames"]))
    nodes.changed(call, call.put(one.but(listeners=tuple(new if each is listener else each for each in one.listeners))))


@elb.op(resource=by_name, context=facts)
def set_load_balancer_policies_for_backend_server(call: Call, req: t.SetLoadBalancerPoliciesForBackendServerInput) -> None:
    one = find(call, req["LoadBalancerName"])
    for name in req["PolicyNames"]:
        if name not in one.policies:
            raise errors.no_such_policy(name)
        if one.policies[name]["type"] != PROXY:
            raise errors.policy_not_here(name)
    backends = {k: v for k, v in one.backends.items() if k != str(req["InstancePort"])}
    call.put(one.but(backends=backends | ({str(req["InstancePort"]): list(req["PolicyNames"])} if req["PolicyNames"] else {})))


@elb.op(resource=ANY)
def describe_load_balancer_policies(call: Call, req: t.DescribeLoadBalancerPoliciesInput) -> t.DescribeLoadBalancerPoliciesOutput:
    """Without a load balancer: AWS's own policies."""
    if name := req.get("LoadBalancerName"):
        there = find(call, name).policies
    else:
        from cloche.services.elbv2.public import certs
        there = {each: {"type": TLS, "Reference-Security-Policy": each} for each in certs.ssl_policies.POLICIES if "TLS13" not in each and "FS" not in each}
    wanted = req.get("PolicyNames") or list(there)
    if missing := [each for each in wanted if each not in there]:
        raise errors.no_such_policy(missing[0])
    return {"PolicyDescriptions": [{
        "PolicyName": each, "PolicyTypeName": there[each]["type"],
        "PolicyAttributeDescriptions": [{"AttributeName": k, "AttributeValue": v} for k, v in there[each].items() if k != "type"]} for each in wanted]}


@elb.op(resource=ANY)
def describe_load_balancer_policy_types(call: Call, req: t.DescribeLoadBalancerPolicyTypesInput) -> t.DescribeLoadBalancerPolicyTypesOutput:
    wanted = req.get("PolicyTypeNames") or list(TYPES)
    if missing := [each for each in wanted if each not in TYPES]:
        raise errors.no_such_type(missing[0])
    return {"PolicyTypeDescriptions": [{
        "PolicyTypeName": each, "Description": TYPES[each][0],
        "PolicyAttributeTypeDescriptions": [{"AttributeName": name, "AttributeType": kind, "Cardinality": times} for name, kind, times in TYPES[each][1]]} for each in wanted]}
