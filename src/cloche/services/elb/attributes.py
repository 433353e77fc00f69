"""Attributes: cross-zone balancing, access logs, connection draining, the idle timeout."""
from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.elbv2 import public as elbv2

from . import errors, nodes
from . import service as elb
from .balancers import DEFAULTS, LoadBalancer, by_name, facts, find

if TYPE_CHECKING:
    from cloche.shapes import elb as t


def shown(one: LoadBalancer) -> Any:
    out: dict[str, Any] = {name: one.setting(name) for name in DEFAULTS if name != "AdditionalAttributes"}
    out["AdditionalAttributes"] = [{"Key": k, "Value": v} for k, v in one.setting("AdditionalAttributes").items()]
    return out


@elb.op(resource=by_name, action="elasticloadbalancing:DescribeLoadBalancerAttributes")
def describe_load_balancer_attributes(call: Call, req: t.DescribeLoadBalancerAttributesInput) -> t.DescribeLoadBalancerAttributesOutput:
    return {"LoadBalancerAttributes": shown(find(call, req["LoadBalancerName"]))}


@elb.op(resource=by_name, context=facts)
def modify_load_balancer_attributes(call: Call, req: t.ModifyLoadBalancerAttributesInput) -> Any:
    one, given = find(call, req["LoadBalancerName"]), dict(req["LoadBalancerAttributes"])
    kept = dict(one.attributes)
    for part, value in given.items():
        if part == "AdditionalAttributes":
            fresh = {each.get("Key", ""): each.get("Value", "") for each in value}  # type: ignore[attr-defined]
            for key, text in fresh.items():
                if key != "elb.http.desyncmitigationmode" or text not in ("monitor", "defensive", "strictest"):
                    raise errors.bad_attribute(key)
            kept[part] = kept.get(part, {}) | fresh
        else:
            kept[part] = one.setting(part) | dict(value)  # type: ignore[call-overload]
    new = one.but(attributes=kept)
    if not 1 <= new.setting("ConnectionDraining")["Timeout"] <= 3600:
        raise errors.bad_attribute("ConnectionDraining.Timeout")
    logs = new.setting("AccessLog")
    if logs["Enabled"] and logs.get("EmitInterval", 60) not in (5, 60):
        raise errors.bad_attribute("EmitInterval")
    if logs["Enabled"] and not logs.get("S3BucketName"):
        raise errors.bad_attribute("S3BucketName")
    if logs["Enabled"] and logs != one.setting("AccessLog"):
        return _tried(call, new, given)
    return done(call, new, given)


def done(call: Call, new: LoadBalancer, given: Any) -> Any:
    nodes.changed(call, call.put(new))
    whole = shown(new)
    return {"LoadBalancerName": new.name, "LoadBalancerAttributes": {part: whole[part] for part in given}}


def writer(call: Call, one: LoadBalancer) -> Any:
    """The load balancer as the writer of access logs knows it."""
    logs = one.setting("AccessLog")
    names = {"access_logs.s3.bucket": logs.get("S3BucketName", ""), "access_logs.s3.prefix": logs.get("S3BucketPrefix", "")}
    return SimpleNamespace(arn=call.arn(f"loadbalancer/{one.name}"), name=one.name, attribute=names.__getitem__)


async def _tried(call: Call, new: LoadBalancer, given: Any) -> Any:
    """A bucket for logs is tried before it is taken."""
    logs = elbv2.access_logs
    there = writer(call, new)
    await logs.put(call, there, f"{logs.root(call, there)}/ELBAccessLogTestFile", f"Enable AccessLog for ELB: {new.name} at {logs.stamp(call.now)}".encode())
    with call.step():
        return done(call, find(call, new.name).but(attributes=new.attributes), given)
