"""What a distribution counts into CloudWatch (AWS/CloudFront in us-east-1, Region Global), and the further metrics that a subscription switches on."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from . import distributions, errors
from . import service as cloudfront
from .things import Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

TYPE = "monitoring-subscription"
STATUSES = (401, 403, 404, 502, 503, 504)


def find(call: Call, id_: str) -> Thing | None:
    return call.get(Thing, f"{TYPE}/{id_}")


def forget(call: Call, id_: str) -> None:
    if found := find(call, id_):
        call.delete(found)


@cloudfront.op(**distributions.on("DistributionId"))
def create_monitoring_subscription(call: Call, req: t.CreateMonitoringSubscriptionRequest) -> t.CreateMonitoringSubscriptionResult:
    distributions.find(call, req["DistributionId"])
    if find(call, req["DistributionId"]) is not None:
        raise errors.said("MonitoringSubscriptionAlreadyExists", "A monitoring subscription already exists for the specified distribution.")
    call.put(Thing(TYPE, req["DistributionId"], "", call.now, call.now, dict(req["MonitoringSubscription"])))
    return {"MonitoringSubscription": req["MonitoringSubscription"]}


def existing(call: Call, req: Any) -> Thing:
    distributions.find(call, req["DistributionId"])
    found = find(call, req["DistributionId"])
    if found is None:
        raise errors.missing("NoSuchMonitoringSubscription", "monitoring subscription")
    return found


@cloudfront.op(**distributions.on("DistributionId"))
def get_monitoring_subscription(call: Call, req: t.GetMonitoringSubscriptionRequest) -> t.GetMonitoringSubscriptionResult:
    return {"MonitoringSubscription": existing(call, req).config}  # type: ignore[typeddict-item]


@cloudfront.op(**distributions.on("DistributionId"))
def delete_monitoring_subscription(call: Call, req: t.DeleteMonitoringSubscriptionRequest) -> None:
    call.delete(existing(call, req))


def count(x: Any, status: int, sent: int) -> None:
    call, where = x.call, (("DistributionId", x.distribution.id), ("Region", "Global"))

    def put(name: str, value: float, unit: str = "None") -> None:
        cloudwatch.put(call, "AWS/CloudFront", name, where, value, unit)

    put("Requests", 1)
    put("BytesDownloaded", sent)
    put("BytesUploaded", x.received)
    put("4xxErrorRate", 100.0 * (400 <= status < 500), "Percent")
    put("5xxErrorRate", 100.0 * (status >= 500), "Percent")
    put("TotalErrorRate", 100.0 * (status >= 400), "Percent")
    if any(one["EventType"] for one in (x.behaviour.get("LambdaFunctionAssociations") or {}).get("Items") or ()):
        put("LambdaExecutionError", float(x.result == "LambdaExecutionError"))
        put("LambdaValidationError", float(x.result == "LambdaValidationError"))
        put("LambdaLimitExceededError", float(x.result == "LambdaLimitExceeded"))
    found = find(call, x.distribution.id)
    if found is None or found.config.get("RealtimeMetricsSubscriptionConfig", {}).get("RealtimeMetricsSubscriptionStatus") != "Enabled":
        return
    if x.method in ("GET", "HEAD"):
        put("CacheHitRate", 100.0 * (x.result in ("Hit", "RefreshHit")), "Percent")
    if x.origin_seconds:
        put("OriginLatency", x.origin_seconds * 1000, "Milliseconds")
    for one in STATUSES:
        put(f"{one}ErrorRate", 100.0 * (status == one), "Percent")
