"""Rule groups: rules under a name and a capacity that never changes, so that web ACLs that use them stay within theirs."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import entities, errors, rules
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t


def prefix(account: str, name: str) -> str:
    return f"awswaf:{account}:rulegroup:{name}:"


def _values(call: Call, req: Any, units: int) -> dict[str, Any]:
    given = rules.checked(call, req.get("Rules") or [], req.get("CustomResponseBodies"), within_group=True)
    if rules.cost(call, given) > units:
        raise errors.too_much()
    return {"Capacity": units, "Rules": given, "VisibilityConfig": req["VisibilityConfig"], "LabelNamespace": prefix(call.account, req["Name"]),
            **({"CustomResponseBodies": req["CustomResponseBodies"]} if "CustomResponseBodies" in req else {})}


@wafv2.op(**entities.made("rulegroup"))
def create_rule_group(call: Call, req: t.CreateRuleGroupRequest) -> t.CreateRuleGroupResponse:
    entities.reach(call, req["Scope"])
    return entities.make(call, "rulegroup", req, _values(call, req, req["Capacity"]))  # type: ignore[return-value]


@wafv2.op(**entities.on("rulegroup"))
def get_rule_group(call: Call, req: t.GetRuleGroupRequest) -> t.GetRuleGroupResponse:
    one = entities.find(call, "rulegroup", req)
    left = [{"Name": one.values["LabelNamespace"] + label["Name"]} for rule in one.values["Rules"] for label in rule.get("RuleLabels") or ()]
    seen = [{"Name": how["Key"]} for rule in one.values["Rules"] for kind, how in entities.statements(rule["Statement"]) if kind == "LabelMatchStatement"]
    return {"RuleGroup": entities.whole(one, AvailableLabels=left, ConsumedLabels=seen), "LockToken": one.token}  # type: ignore[typeddict-item]


@wafv2.op(ANY)
def list_rule_groups(call: Call, req: t.ListRuleGroupsRequest) -> t.ListRuleGroupsResponse:
    return entities.listed(call, "rulegroup", "RuleGroups")(req)  # type: ignore[return-value]


@wafv2.op(**entities.on("rulegroup"))
def update_rule_group(call: Call, req: t.UpdateRuleGroupRequest) -> t.UpdateRuleGroupResponse:
    one = entities.locked(call, "rulegroup", req)
    return entities.change(call, one, req, _values(call, req, one.values["Capacity"]))  # type: ignore[return-value]


@wafv2.op(**entities.on("rulegroup"))
def delete_rule_group(call: Call, req: t.DeleteRuleGroupRequest) -> t.DeleteRuleGroupResponse:
    entities.drop(call, entities.locked(call, "rulegroup", req))
    return {}
