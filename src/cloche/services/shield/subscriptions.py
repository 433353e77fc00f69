"""The subscription: a year at a time, renewed unless one says otherwise in its last thirty days."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors
from . import service as shield

if TYPE_CHECKING:
    from cloche.shapes import shield as t

YEAR = 365 * 86400
LAST_DAYS = 30 * 86400  # the renewal can be changed then
KINDS = ("ELASTIC_IP_ADDRESS", "CLOUDFRONT_DISTRIBUTION", "ROUTE_53_HOSTED_ZONE", "GLOBAL_ACCELERATOR", "APPLICATION_LOAD_BALANCER", "CLASSIC_LOAD_BALANCER")
MOST = 1000  # of a kind
MOST_GROUPS, MOST_MEMBERS = 100, 1000


class Subscription(Record, frozen=True):
    kind = "shield.subscription"
    scope = "account"

    start: float
    end: float
    renew: bool = True

    @property
    def key(self) -> str:
        return "subscription"


def held(call: Call) -> Subscription | None:
    """The subscription as it is now: it has been renewed as often as was due, or has ended."""
    found = call.get(Subscription, "subscription")
    if found is None or call.now < found.end:
        return found
    if not found.renew:
        return None
    return found.but(end=found.end + YEAR * (1 + int((call.now - found.end) // YEAR)))


@shield.op(ANY)
def create_subscription(call: Call, req: Any) -> None:
    if held(call):
        raise errors.subscribed()
    call.put(Subscription(call.now, call.now + YEAR))


@shield.op(ANY)
def describe_subscription(call: Call, req: Any) -> t.DescribeSubscriptionResponse:
    from .response_team import access
    one = held(call)
    if one is None:
        raise errors.no_subscription()
    return {"Subscription": {  # type: ignore[typeddict-item]
        "StartTime": one.start, "EndTime": one.end, "TimeCommitmentInSeconds": YEAR, "AutoRenew": "ENABLED" if one.renew else "DISABLED", "ProactiveEngagementStatus": access(call).proactive,
        "Limits": [{"Type": kind, "Max": MOST} for kind in KINDS], "SubscriptionArn": f"arn:aws:shield::{call.account}:subscription",
        "SubscriptionLimits": {"ProtectionLimits": {"ProtectedResourceTypeLimits": [{"Type": kind, "Max": MOST} for kind in KINDS]},
                               "ProtectionGroupLimits": {"MaxProtectionGroups": MOST_GROUPS, "PatternTypeLimits": {"ArbitraryPatternLimits": {"MaxMembers": MOST_MEMBERS}}}}}}


@shield.op(ANY)
def get_subscription_state(call: Call, req: Any) -> t.GetSubscriptionStateResponse:
    return {"SubscriptionState": "ACTIVE" if held(call) else "INACTIVE"}


@shield.op(ANY)
def update_subscription(call: Call, req: t.UpdateSubscriptionRequest) -> None:
    one = held(call)
    if one is None:
        raise errors.no_subscription()
    if call.now < one.end - LAST_DAYS:
        raise errors.locked()
    call.put(one.but(renew=req.get("AutoRenew", "ENABLED") == "ENABLED"))


@shield.op(ANY)
def delete_subscription(call: Call, req: Any) -> None:
    one = held(call)
    if one is None:
        raise errors.no_subscription()
    if call.now < one.start + YEAR:
        raise errors.locked()
    call.delete(one)
