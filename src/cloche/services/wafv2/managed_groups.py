"""AWS's managed rule groups, as far as `languages/waf/managed.py` has them. They have no versions here: there is one of each."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call, pages
from cloche.languages.waf import managed

from . import entities, errors
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

LACKS = ("No versions, and none of the Marketplace and of AI security. The patterns are Cloche's own. What only Amazon knows never matches: lists of addresses (data centres, reputation, anonymous), "
         "verified bots, leaked credentials but for the pair for tests, risk scores, models and baselines of traffic, reuse of tokens by country and network, TLS fingerprints.")


@wafv2.op(ANY, partly=LACKS)
def list_available_managed_rule_groups(call: Call, req: t.ListAvailableManagedRuleGroupsRequest) -> t.ListAvailableManagedRuleGroupsResponse:
    entities.reach(call, req["Scope"])
    found, more = pages.page(managed.names(), req, str, 100, errors.bad_token, size="Limit", token="NextMarker")
    return {"ManagedRuleGroups": [{"VendorName": "AWS", "Name": name, "VersioningSupported": False, "Description": (managed.group(name) or {})["Description"]} for name in found], **more}  # type: ignore[typeddict-item]


@wafv2.op(ANY, partly=LACKS)
def describe_managed_rule_group(call: Call, req: t.DescribeManagedRuleGroupRequest) -> t.DescribeManagedRuleGroupResponse:
    entities.reach(call, req["Scope"])
    one = managed.group(req["Name"]) if req["VendorName"] == "AWS" and "VersionName" not in req else None
    if one is None:
        raise errors.missing()
    labels = [*(label["Name"] for rule in one["Rules"] for label in rule["RuleLabels"]), *one.get("MoreLabels", ())]
    return {  # type: ignore[typeddict-item]
        "Capacity": one["Capacity"], "LabelNamespace": one["LabelPrefix"], "Rules": [{"Name": rule["Name"], "Action": rule["Action"]} for rule in one["Rules"]],
        "AvailableLabels": [{"Name": one["LabelPrefix"] + label} for label in labels], "ConsumedLabels": []}
