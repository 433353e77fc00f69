"""Rules of a listener: by priority, the first whose conditions all hold; the listener's default actions are the last of them."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import actions, conditions, errors, health, limits, listeners, names, pages
from . import service as elbv2
from .index import index
from .listeners import Listener

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

TRANSFORMS = {"host-header-rewrite": "HostHeaderRewriteConfig", "url-rewrite": "UrlRewriteConfig"}


class Rule(Record, frozen=True):
    kind = "elbv2.rule"

    arn: str
    listener: str                   # ARN
    priority: int
    conditions: list[Any]
    actions: list[Any]
    transforms: list[Any] = []
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn.split("/", 1)[1]


def split(arn: str) -> tuple[str, str]:
    """(the rule's key, its listener's)"""
    parts = names.split(arn, "listener-rule", "rule")
    return "/".join(parts), "/".join(parts[:4])


def find(call: Call, arn: str) -> Rule:
    found = call.get(Rule, split(arn)[0])
    if found is None or found.arn != arn:
        raise errors.no_such_rule()
    return found


def default_of(call: Call, arn: str) -> Listener | None:
    """The listener whose default rule this is."""
    found = call.get(Listener, split(arn)[1])
    return found if found and found.default_rule == arn else None


def facts(call: Call, req: Any) -> dict[str, Any]:
    arn = req.get("RuleArn") or ""
    found = call.get(Rule, arn.split("/", 1)[1]) if "/" in arn else None
    return names.asked(req) | (names.tagged(found.tags) if found else {})


@elbv2.op(resource=listeners.LISTENER, action=names.making("CreateRule"), context=listeners.facts)
def create_rule(call: Call, req: t.CreateRuleInput) -> t.CreateRuleOutput:
    from . import tags
    listener = listeners.find(call, req["ListenerArn"])
    balancer = listeners.owner(call, listener)
    if balancer.type != "application":
        raise errors.rules_need_http()
    tagged = tags.given(call, req)
    there = index(call).rules.get(listener.arn, ())
    if any(one.priority == req["Priority"] for one in there):
        raise errors.priority_in_use(req["Priority"])
    if sum(len(index(call).rules.get(one.arn, ())) for one in listeners.of(call, balancer)) >= limits.RULES:
        raise errors.too_many_rules()
    when = conditions.checked(list(req["Conditions"]))
    done = actions.checked(call, balancer, listener.protocol, list(req["Actions"]))
    arn = call.arn(f"listener-rule/{listener.key}/{call.id(digits=16)}")
    made = call.put(Rule(arn, listener.arn, req["Priority"], when, done, transformed(list(req.get("Transforms") or [])), tagged))
    health.follow_arns(call, actions.groups_of(done))
    return {"Rules": [view(made)]}


def transformed(given: list[Any]) -> list[Any]:
    if len({one["Type"] for one in given}) < len(given):
        raise errors.validation("A rule can have only one transform of each type")
    for one in given:
        config = one.get(TRANSFORMS[one["Type"]]) or {}
        rewrites = config.get("Rewrites") or []
        if len(rewrites) != 1:
            raise errors.validation(f"A transform with type '{one['Type']}' must have exactly one rewrite")
        try:
            re.compile(rewrites[0]["Regex"])
        except re.error:
            raise errors.validation(f"The regular expression '{rewrites[0]['Regex']}' is not valid") from None
    return given


def view(one: Rule) -> Any:
    out = {"RuleArn": one.arn, "Priority": str(one.priority), "Conditions": one.conditions, "Actions": actions.shown(one.actions), "IsDefault": False}
    return out | ({"Transforms": one.transforms} if one.transforms else {})


def view_default(one: Listener) -> Any:
    return {"RuleArn": one.default_rule, "Priority": "default", "Conditions": [], "Actions": actions.shown(one.actions), "IsDefault": True}


@elbv2.op(resource=ANY)
def describe_rules(call: Call, req: t.DescribeRulesInput) -> t.DescribeRulesOutput:
    found: list[Any] = []
    if bool(req.get("RuleArns")) == bool(req.get("ListenerArn")):
        raise errors.validation("You must specify either a listener ARN or rule ARNs")
    if arn := req.get("ListenerArn"):
        listener = listeners.find(call, arn)
        found = [view(one) for one in index(call).rules.get(arn, ())] + [view_default(listener)]
    for arn in req.get("RuleArns") or ():
        default = default_of(call, arn)
        found.append(view_default(default) if default else view(find(call, arn)))
    shown, more = pages.page(found, req, 400, lambda one: one["RuleArn"])
    return {"Rules": shown, **more}  # type: ignore[typeddict-item]


RULE = names.member("RuleArn")


@elbv2.op(resource=RULE, context=facts)
def modify_rule(call: Call, req: t.ModifyRuleInput) -> t.ModifyRuleOutput:
    if default_of(call, req["RuleArn"]):
        raise errors.default_rule_elsewhere()
    old = find(call, req["RuleArn"])
    listener = listeners.find(call, old.listener)
    when = conditions.checked(list(req["Conditions"])) if req.get("Conditions") else old.conditions
    done = actions.checked(call, listeners.owner(call, listener), listener.protocol, list(req["Actions"]), old.actions) if req.get("Actions") else old.actions
    if req.get("ResetTransforms") and req.get("Transforms"):
        raise errors.validation("You cannot specify both ResetTransforms and Transforms")
    transforms = [] if req.get("ResetTransforms") else transformed(list(req["Transforms"])) if req.get("Transforms") else old.transforms
    new = call.put(old.but(conditions=when, actions=done, transforms=transforms))
    health.follow_arns(call, actions.groups_of(done) | actions.groups_of(old.actions))
    return {"Rules": [view(new)]}


@elbv2.op(resource=RULE, context=facts)
def delete_rule(call: Call, req: t.DeleteRuleInput) -> None:
    if default_of(call, req["RuleArn"]):
        raise errors.default_rule_stays(req["RuleArn"])
    one = find(call, req["RuleArn"])
    call.delete(one)
    health.follow_arns(call, actions.groups_of(one.actions))


@elbv2.op(resource=lambda call, req: [one.get("RuleArn", "*") for one in req["RulePriorities"]] or ["*"])
def set_rule_priorities(call: Call, req: t.SetRulePrioritiesInput) -> t.SetRulePrioritiesOutput:
    """All at once: two rules can change places."""
    pairs = req["RulePriorities"]
    for pair in pairs:
        if default_of(call, pair["RuleArn"]):
            raise errors.default_rule_priority()
    wanted = {pair["RuleArn"]: (find(call, pair["RuleArn"]), pair["Priority"]) for pair in pairs}
    for listener in {rule.listener for rule, _ in wanted.values()}:
        after = [wanted[one.arn][1] if one.arn in wanted else one.priority for one in index(call).rules.get(listener, ())]
        for priority in after:
            if after.count(priority) > 1:
                raise errors.priority_in_use(priority)
    return {"Rules": [view(call.put(rule.but(priority=priority))) for rule, priority in wanted.values()]}
