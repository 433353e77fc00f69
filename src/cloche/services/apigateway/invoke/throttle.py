"""Throttling: buckets of tokens on the virtual clock, and the quotas of usage plans.

A request must find a token in every bucket that concerns it, the narrowest first: method in the plan, plan, method in the stage,
stage, account. The buckets are memory: a restart fills them.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from .. import account, plans
from .exchange import Exchange
from .refusals import Refused


def take(call: Call, bucket: Any, rate: float, burst: float) -> bool:
    """One token, if there is one."""
    buckets = call.cloud.memory.setdefault("apigateway.buckets", {})
    tokens, at = buckets.get(bucket, (burst, call.now))
    tokens = min(burst, tokens + max(0.0, call.now - at) * rate)
    allowed = tokens >= 1
    buckets[bucket] = (tokens - 1 if allowed else tokens, call.now)
    return allowed


def check(x: Exchange) -> None:
    call, path, verb = x.call, x.resource.path, x.spec["httpMethod"]
    if x.plan is not None:
        plan, key = x.plan, x.context["identity"]["apiKeyId"]
        stage = next((s for s in plan.values.get("apiStages") or [] if (s["apiId"], s["stage"]) == (x.api, x.stage.name)), {})
        rules = stage.get("throttle") or {}
        rule = rules.get(f"{path}/{x.method}") or rules.get(f"{path}/ANY")
        if rule:
            limit(call, ("plan", plan.id, x.api, x.stage.name, key, path, x.method), rule)
        elif plan.values.get("throttle"):
            limit(call, ("plan", plan.id, key), plan.values["throttle"])
    settings = method_setting(x.stage.values.get("methodSettings") or {}, path, verb)
    if settings and "throttlingRateLimit" in settings and settings["throttlingRateLimit"] >= 0:
        bucket = ("stage", x.api, x.stage.name, path, verb)
        limit(call, bucket, {"rateLimit": settings["throttlingRateLimit"], "burstLimit": settings.get("throttlingBurstLimit", account.BURST)})
    if not take(call, ("account", call.account, call.region), account.RATE, account.BURST):
        raise Refused("THROTTLED")
    if x.plan is not None and x.plan.values.get("quota"):
        quota(x)


def quota(x: Exchange) -> None:
    with x.call.step():
        if plans.left(x.call, x.plan, x.context["identity"]["apiKeyId"], x.call.now) <= 0:
            raise Refused("QUOTA_EXCEEDED")


def count(x: Exchange) -> None:
    """Every request that a key carries through a plan counts."""
    with x.call.step():
        plans.count(x.call, x.plan, x.context["identity"]["apiKeyId"])


def limit(call: Call, bucket: Any, rule: dict[str, Any]) -> None:
    rate, burst = rule.get("rateLimit"), rule.get("burstLimit")
    if rate is None and burst is None:
        return
    rate = float(rate if rate is not None else account.RATE)
    if not take(call, bucket, rate, float(burst if burst is not None else max(rate, 1))):
        raise Refused("THROTTLED")


def method_setting(settings: dict[str, Any], path: str, verb: str) -> dict[str, Any] | None:
    return settings.get(f"{path.lstrip('/')}/{verb}" if path != "/" else f"/{verb}") or settings.get(f"{path}/{verb}") or settings.get("*/*")
