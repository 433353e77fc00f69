"""Rules of web ACLs and rule groups: what the model cannot say about them, and what they cost."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import regex

from cloche.kernel import ANY, Call
from cloche.languages.waf import capacity, managed, threats
from cloche.languages.waf.evaluate import compiled

from . import entities, errors
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

GROUPS = ("RuleGroupReferenceStatement", "ManagedRuleGroupStatement")
OUTER = (*GROUPS, "RateBasedStatement")   # only as the whole of a rule
REFERENCES = {"RuleGroupReferenceStatement": "rulegroup", "IPSetReferenceStatement": "ipset", "RegexPatternSetReferenceStatement": "regexpatternset"}


def check_pattern(pattern: str) -> None:
    try:
        compiled(pattern)
    except regex.error:
        raise errors.bad_format("REGEX_PATTERN_SET" if not pattern else "STATEMENT", pattern) from None


def checked(call: Call, rules: list[Any], bodies: Any = None, within_group: bool = False, scope: str = "REGIONAL") -> list[Any]:
    for name in ("Name", "Priority"):
        values = [rule[name] for rule in rules]
        if twice := [one for one in values if values.count(one) > 1]:
            raise errors.invalid(f"Your request contains two rules with the same {name.lower()}.", "RULE", str(twice[0]))
    for rule in rules:
        _rule(call, rule, bodies or {}, within_group, scope)
    return rules


def _rule(call: Call, rule: Any, bodies: Any, within_group: bool, scope: str) -> None:
    _one(rule["Statement"], "STATEMENT", "Statement")
    kind = next(iter(rule["Statement"]))
    if kind in GROUPS:
        if within_group:
            raise errors.invalid("A rule group can't contain a reference to a rule group.", "STATEMENT", kind)
        _one(rule.get("OverrideAction") or {}, "OVERRIDE_ACTION", "OverrideAction")
        if "Action" in rule:
            raise errors.not_one("RULE_ACTION", "RuleAction")
    else:
        _one(rule.get("Action") or {}, "RULE_ACTION", "RuleAction")
        if "OverrideAction" in rule:
            raise errors.not_one("OVERRIDE_ACTION", "OverrideAction")
        check_response(rule["Action"], bodies)
    for i, (inner, how) in enumerate(entities.statements(rule["Statement"])):
        if i and inner in OUTER:
            raise errors.invalid("The statement can't be nested in another.", "STATEMENT", inner)
        _statement(call, inner, how, scope)


def check_response(action: Any, bodies: Any) -> None:
    response = (action.get("Block") or {}).get("CustomResponse") or {}
    if (key := response.get("CustomResponseBodyKey")) and key not in bodies:
        raise errors.invalid("The custom response body key is not defined.", "CUSTOM_RESPONSE_BODY", key)


def _one(choice: Any, field: str, parameter: str) -> None:
    if len(choice) != 1:
        raise errors.not_one(field, parameter)


def _statement(call: Call, kind: str, how: Any, scope: str) -> None:
    if kind in REFERENCES:
        entities.by_arn(call, how["ARN"], REFERENCES[kind])
    if kind == "ManagedRuleGroupStatement" and (how["VendorName"] != "AWS" or managed.group(how["Name"]) is None or "Version" in how):
        raise errors.missing()
    if kind == "ManagedRuleGroupStatement":
        _configured(how, scope)
    if kind == "RegexMatchStatement":
        check_pattern(how["RegexString"])
    if kind in ("AndStatement", "OrStatement") and len(how["Statements"]) < 2:
        raise errors.not_one("AND_STATEMENT" if kind.startswith("And") else "OR_STATEMENT", "Statements")
    for inner in [*how.get("Statements", ()), *(how[name] for name in ("Statement", "ScopeDownStatement") if how.get(name))]:
        _one(inner, "STATEMENT", "Statement")
    if "FieldToMatch" in how:
        _one(how["FieldToMatch"], "FIELD_TO_MATCH", "FieldToMatch")
        orders = [step["Priority"] for step in how["TextTransformations"]]
        if len(set(orders)) < len(orders):
            raise errors.invalid("Two text transformations have the same priority.", "TEXT_TRANSFORMATION", str(orders[0]))
    if kind == "RateBasedStatement":
        if how.get("EvaluationWindowSec", 300) not in (60, 120, 300, 600):
            raise errors.invalid("The evaluation window is 60, 120, 300 or 600 seconds.", "RATE_BASED_STATEMENT", str(how["EvaluationWindowSec"]))
        if how["AggregateKeyType"] == "CONSTANT" and not how.get("ScopeDownStatement"):
            raise errors.not_one("SCOPE_DOWN", "ScopeDownStatement")
        if (how["AggregateKeyType"] == "CUSTOM_KEYS") != bool(how.get("CustomKeys")):
            raise errors.not_one("CUSTOM_KEYS", "CustomKeys")
        if how["AggregateKeyType"] == "FORWARDED_IP" and not how.get("ForwardedIPConfig"):
            raise errors.not_one("FORWARDED_IP_CONFIG", "ForwardedIPConfig")


def _configured(how: Any, scope: str) -> None:
    """What a group against threats must be told of the application."""
    needs, given = (managed.group(how["Name"]) or {}).get("Needs"), how.get("ManagedRuleGroupConfigs") or []
    if needs and not threats.config(needs, given):
        raise errors.not_one("MANAGED_RULE_GROUP_CONFIG", needs)
    for member in (one for settings in given for one in settings if one.startswith("AWSManagedRules") and one != how["Name"]):
        raise errors.invalid("The configuration is that of another managed rule group.", "MANAGED_RULE_GROUP_CONFIG", member)
    config = threats.config(how["Name"], given)
    if (response := config.get("ResponseInspection")) is not None and (scope != "CLOUDFRONT" or len(response) > 1):
        raise errors.invalid("Response inspection is available only in web ACLs that protect CloudFront distributions, and inspects one component.",
                             "ATP_RULE_SET_RESPONSE_INSPECTION" if "LoginPath" in config else "ACP_RULE_SET_RESPONSE_INSPECTION", how["Name"])
    if config.get("EnableRegexInPath"):
        for name in ("LoginPath", "CreationPath", "RegistrationPagePath"):
            check_pattern(config.get(name, ""))
    for one in config.get("ClientSideActionConfig", {}).get("Challenge", {}).get("ExemptUriRegularExpressions") or ():
        check_pattern(one.get("RegexString", ""))


def refused_by_user_pools(rules: list[Any]) -> bool:
    return any(how.get("Name") in managed.NOT_FOR_USER_POOLS for rule in rules for kind, how in entities.statements(rule["Statement"]) if kind == "ManagedRuleGroupStatement")


def cost(call: Call, rules: list[Any]) -> int:
    units = capacity.of(rules, lambda arn: int(entities.by_arn(call, arn, "rulegroup").values["Capacity"]), managed.cost)
    if units > capacity.MOST:
        raise errors.too_much()
    return units


@wafv2.op(ANY)
def check_capacity(call: Call, req: t.CheckCapacityRequest) -> t.CheckCapacityResponse:
    entities.reach(call, req["Scope"])
    return {"Capacity": cost(call, checked(call, req["Rules"], scope=req["Scope"]))}
