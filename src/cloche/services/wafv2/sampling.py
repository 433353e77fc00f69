"""What was seen lately: sampled requests of the last three hours by web ACL and metric name, and the addresses that rate rules hold back. In memory: a restart forgets."""
from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages.waf.rates import Rates

from . import entities
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

KEPT_SECONDS, MOST = 3 * 3600, 500


def rates(call: Call) -> Rates:
    found: Rates = call.cloud.memory.setdefault("wafv2.rates", Rates())
    return found


def _samples(call: Call) -> dict[tuple[str, str], deque[Any]]:
    found: dict[tuple[str, str], deque[Any]] = call.cloud.memory.setdefault("wafv2.samples", {})
    return found


def keep(call: Call, acl: str, metric: str, sample: dict[str, Any]) -> None:
    _samples(call).setdefault((acl, metric), deque(maxlen=MOST)).append(sample)


@wafv2.op(resource=lambda call, req: entities.own(call, req["WebAclArn"]))
def get_sampled_requests(call: Call, req: t.GetSampledRequestsRequest) -> t.GetSampledRequestsResponse:
    acl = entities.by_arn(call, req["WebAclArn"], "webacl")
    start, end = max(req["TimeWindow"]["StartTime"], call.now - KEPT_SECONDS), min(req["TimeWindow"]["EndTime"], call.now)
    found = [one for one in _samples(call).get((acl.arn, req["RuleMetricName"]), ()) if start <= one["Timestamp"] <= end + 1]
    return {"SampledRequests": found[-req["MaxItems"]:], "PopulationSize": len(found), "TimeWindow": {"StartTime": start, "EndTime": max(start, end)}}  # type: ignore[typeddict-item]


@wafv2.op(resource=lambda call, req: entities.arn_of(call, "webacl", req["Scope"], req["WebACLName"], req["WebACLId"]))
def get_rate_based_statement_managed_keys(call: Call, req: t.GetRateBasedStatementManagedKeysRequest) -> t.GetRateBasedStatementManagedKeysResponse:
    from . import errors
    acl = entities.find(call, "webacl", {"Name": req["WebACLName"], "Scope": req["Scope"], "Id": req["WebACLId"]})
    outer = req.get("RuleGroupRuleName")
    rules = acl.values["Rules"]
    if outer:
        place = next((rule["Statement"].get("RuleGroupReferenceStatement") for rule in rules if rule["Name"] == outer), None)
        rules = entities.by_arn(call, place["ARN"]).values["Rules"] if place else []
    how = next((rule["Statement"].get("RateBasedStatement") for rule in rules if rule["Name"] == req["RuleName"]), None)
    if how is None:
        raise errors.missing()
    name = f"{acl.arn}/{outer + '/' if outer else ''}{req['RuleName']}"
    held = rates(call).over(name, call.now, how.get("EvaluationWindowSec") or 300, how["Limit"]) if how["AggregateKeyType"] in ("IP", "FORWARDED_IP") else []
    return {"ManagedKeysIPV4": {"IPAddressVersion": "IPV4", "Addresses": [f"{one}/32" for one in held if ":" not in one]},
            "ManagedKeysIPV6": {"IPAddressVersion": "IPV6", "Addresses": [f"{one}/128" for one in held if ":" in one]}}
