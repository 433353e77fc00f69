"""Automation rules: what is changed of findings as their products bring them in, in the order of the rules, up to the first terminal one that fits. An administrator's count for its members, too."""
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, filters, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

    from .findings import Finding

MOST = 100


class Rule(Record, frozen=True):
    kind = "securityhub.automation-rule"

    arn: str
    values: dict[str, Any]                             # as CreateAutomationRule has it, but for the tags
    created: float
    updated: float
    by: str
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


def by_arns(call: Call, req: Any) -> list[str]:
    return [str(arn) for arn in req["AutomationRulesArns"]]


def view(one: Rule) -> Any:
    return {**about(one), "Criteria": one.values["Criteria"], "Actions": one.values["Actions"]}


def about(one: Rule) -> Any:
    return {"RuleArn": one.arn, "RuleStatus": one.values["RuleStatus"], "RuleOrder": one.values["RuleOrder"], "RuleName": one.values["RuleName"], "Description": one.values["Description"],
            "IsTerminal": one.values["IsTerminal"], "CreatedAt": one.created, "UpdatedAt": one.updated, "CreatedBy": one.by}


@securityhub.op(hub.arn, context=hub.tag_context)
def create_automation_rule(call: Call, req: t.CreateAutomationRuleRequest) -> t.CreateAutomationRuleResponse:
    hub.find(call)
    if len(call.all(Rule)) >= MOST:
        raise errors.limit("automation rules")
    values = {"RuleStatus": "ENABLED", "IsTerminal": False, **{name: value for name, value in req.items() if name != "Tags"}}
    one = call.put(Rule(call.arn(f"automation-rule/{call.uuid()}"), values, call.now, call.now, call.principal.arn, req.get("Tags") or {}))
    return {"RuleArn": one.arn}


def _each(call: Call, arns: list[str]) -> tuple[list[Rule], list[Any]]:
    hub.find(call)
    found = [call.get(Rule, arn) for arn in arns]
    return [one for one in found if one], [{"RuleArn": arn, "ErrorCode": 404, "ErrorMessage": "The automation rule does not exist."} for arn, one in zip(arns, found, strict=True) if one is None]


@securityhub.op(by_arns)
def batch_get_automation_rules(call: Call, req: t.BatchGetAutomationRulesRequest) -> t.BatchGetAutomationRulesResponse:
    found, lost = _each(call, list(req["AutomationRulesArns"]))
    return {"Rules": [view(one) for one in found], "UnprocessedAutomationRules": lost}


@securityhub.op(lambda call, req: [str(one["RuleArn"]) for one in req["UpdateAutomationRulesRequestItems"]])
def batch_update_automation_rules(call: Call, req: t.BatchUpdateAutomationRulesRequest) -> t.BatchUpdateAutomationRulesResponse:
    asked = {one["RuleArn"]: {name: value for name, value in one.items() if name != "RuleArn"} for one in req["UpdateAutomationRulesRequestItems"]}
    found, lost = _each(call, list(asked))
    for one in found:
        call.put(one.but(values=one.values | asked[one.arn], updated=call.now))
    return {"ProcessedAutomationRules": [one.arn for one in found], "UnprocessedAutomationRules": lost}


@securityhub.op(by_arns)
def batch_delete_automation_rules(call: Call, req: t.BatchDeleteAutomationRulesRequest) -> t.BatchDeleteAutomationRulesResponse:
    found, lost = _each(call, list(req["AutomationRulesArns"]))
    for one in found:
        call.delete(one)
    return {"ProcessedAutomationRules": [one.arn for one in found], "UnprocessedAutomationRules": lost}


@securityhub.op(hub.arn)
def list_automation_rules(call: Call, req: t.ListAutomationRulesRequest) -> t.ListAutomationRulesResponse:
    hub.find(call)
    found, more = pages.page(_ordered(call), req, lambda one: one.arn, 100, errors.bad_token)
    return {"AutomationRulesMetadata": [about(one) for one in found], **more}  # type: ignore[typeddict-item]


def _ordered(call: Call) -> list[Rule]:
    return sorted(call.all(Rule), key=lambda one: (one.values["RuleOrder"], one.created, one.arn))


def steps(call: Call, one: Finding) -> Iterator[tuple[str, Finding]]:
    """The finding after each rule of its account, or of its administrator, that fits: (the rule's ARN, the finding)."""
    from . import members
    bond = members.administrator(call)
    rules = _ordered(call.at(bond.administrator, call.region) if bond else call)
    for rule in rules:
        if rule.values["RuleStatus"] == "ENABLED" and filters.matches(one.body, rule.values["Criteria"], call.now):
            for action in rule.values["Actions"]:
                one = one.but(body=changed(call, one.body, action.get("FindingFieldsUpdate") or {}))
            yield rule.arn, one
            if rule.values["IsTerminal"]:
                break


def changed(call: Call, body: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    from .findings import rated
    out = {**body, **{name: given[name] for name in ("VerificationState", "Confidence", "Criticality", "Types", "UserDefinedFields", "RelatedFindings", "Workflow") if name in given}}
    if "Severity" in given:
        out["Severity"] = rated({**{name: value for name, value in body["Severity"].items() if name == "Original"}, **given["Severity"]})
    if "Note" in given:
        out["Note"] = {**given["Note"], "UpdatedAt": hub.stamp(call.now)}
    return out
