"""The account's quotas, as AWS sets them for a new account."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call

from . import pages
from . import service as elbv2

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

BALANCERS = {"application": 50, "network": 50}
LISTENERS, RULES, CERTIFICATES, TARGETS, GROUPS_PER_ACTION = 50, 100, 25, 1000, 5
CONDITION_VALUES, CONDITION_WILDCARDS = 5, 6
LIMITS = {
    "target-groups": 3000, "targets-per-application-load-balancer": 1000, "listeners-per-application-load-balancer": LISTENERS, "rules-per-application-load-balancer": RULES,
    "network-load-balancers": 50, "targets-per-network-load-balancer": 3000, "listeners-per-network-load-balancer": LISTENERS, "certificates-per-application-load-balancer": CERTIFICATES,
    "condition-values-per-alb-rule": CONDITION_VALUES, "condition-wildcards-per-alb-rule": CONDITION_WILDCARDS, "target-groups-per-action-on-application-load-balancer": GROUPS_PER_ACTION,
    "target-groups-per-application-load-balancer": 100, "certificates-per-network-load-balancer": CERTIFICATES, "targets-per-target-group": TARGETS,
    "target-id-registrations-per-application-load-balancer": 1000, "targets-per-availability-zone-per-network-load-balancer": 500, "application-load-balancers": 50,
}


@elbv2.op(resource=ANY)
def describe_account_limits(call: Call, req: t.DescribeAccountLimitsInput) -> t.DescribeAccountLimitsOutput:
    shown, more = pages.page(list(LIMITS), req, 400, str)
    return {"Limits": [{"Name": name, "Max": str(LIMITS[name])} for name in shown], **more}  # type: ignore[typeddict-item]
