"""AWS's managed rule groups, as far as `languages/waf/managed.py` has them. They have no versions here: there is one of each."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call, pages
from cloche.languages.waf import managed

from . import entities, errors
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

LACKS = "The common lists without versions; bot control, account takeover and creation fraud, and DDoS groups and those of the Marketplace are missing. The patterns are Cloche's own."


@wafv2.op(ANY, partly=LACKS)
def list_available_managed_rule_groups(call: Call, req: t.ListAvailableManagedRuleGroupsRequest) -> t.ListAvailableManagedRuleGroupsResponse:
    entities.reach(call, req["Scope"])
    found, more = pages.page(sorted(managed.GROUPS), req, str, 100, errors.bad_token, size="Limit", token="NextMarker")
    return {"ManagedRuleGroups": [{"VendorName": "AWS", "Name": name, "VersioningSupported": False, "Description": managed.GROUPS[name][2]} for name in found], **more}  # type: ignore[typeddict-item]


@wafv2.op(ANY, partly=LACKS)
def describe_managed_rule_group(call: Call, req: t.DescribeManagedRuleGroupRequest) -> t.DescribeManagedRuleGroupResponse:
    entities.reach(call, req["Scope"])
    one = managed.group(req["Name"]) if req["VendorName"] == "AWS" and "VersionName" not in req else None
    if one is None:
        raise errors.missing()
    return {  # type: ignore[typeddict-item]
        "Capacity": one["Capacity"], "LabelNamespace": one["LabelPrefix"], "Rules": [{"Name": rule["Name"], "Action": rule["Action"]} for rule in one["Rules"]],
        "AvailableLabels": [{"Name": one["LabelPrefix"] + label["Name"]} for rule in one["Rules"] for label in rule["RuleLabels"]], "ConsumedLabels": []}
