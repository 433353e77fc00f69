"""Rules: a pattern or a schedule (or both), and whether it is enabled. Their targets live in the same record."""
from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.languages import event_pattern, schedule

from . import errors
from . import service as events
from .buses import DEFAULT, bus_name, find, page

if TYPE_CHECKING:
    from cloche.shapes import events as t

MOST_RULES = 300
READS_TOO = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"  # also calls that only read; other rules are not told of them


class Rule(Record, frozen=True):
    kind = "events.rule"

    bus: str
    name: str
    arn: str
    pattern: str = ""
    schedule: str = ""
    state: str = "ENABLED"
    description: str = ""
    role: str = ""
    created_by: str = ""
    tags: dict[str, str] = {}
    targets: tuple[dict[str, Any], ...] = ()
    managed_by: str = ""  # the service whose rule it is

    @property
    def key(self) -> str:
        return f"{self.bus}/{self.name}"

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"


# -- finding --------------------------------------------------------------------------------------------------------

def rule_arn(call: Call, bus: str, name: str) -> str:
    return call.arn(f"rule/{name}" if bus == DEFAULT else f"rule/{bus}/{name}")


def by_name(call: Call, req: Any) -> str:
    return rule_arn(call, bus_name(req.get("EventBusName")), req.get("Name") or req.get("Rule"))


def all_rules(call: Call, req: Any) -> str:
    return call.arn("rule/*")


def look(call: Call, req: Any) -> Rule:
    bus, name = find(call, req.get("EventBusName")).name, req.get("Name") or req["Rule"]
    rule = call.get(Rule, f"{bus}/{name}")
    if rule is None:
        raise errors.no_such_rule(name, bus)
    return rule


def rules_of(call: Call, bus: str) -> list[Rule]:
    return sorted((rule for rule in call.all(Rule) if rule.bus == bus), key=lambda rule: rule.name)


compiled = lru_cache(4096)(event_pattern.compile_pattern)


# -- operations -----------------------------------------------------------------------------------------------------

@events.op(resource=by_name)
def put_rule(call: Call, req: t.PutRuleRequest) -> t.PutRuleResponse:
    from . import managed
    bus, name = find(call, req.get("EventBusName")).name, req["Name"]
    pattern, when = req.get("EventPattern") or "", req.get("ScheduleExpression") or ""
    check(bus, pattern, when)
    if role := req.get("RoleArn"):
        call.pass_role(role, "events.amazonaws.com")
    old = call.get(Rule, f"{bus}/{name}")
    managed.refuse(old)
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    if old is None:
        if len(rules_of(call, bus)) >= MOST_RULES:
            raise errors.limit()
        if tags:
            call.require("events:TagResource", rule_arn(call, bus, name))
    rule = call.put(Rule(
        bus, name, rule_arn(call, bus, name), pattern, when, req.get("State") or "ENABLED", req.get("Description") or "", role or "", call.account,
        old.tags if old else tags, old.targets if old else ()))  # tags of an existing rule are not changed by PutRule
    plan(call, rule, old)
    return {"RuleArn": rule.arn}


def check(bus: str, pattern: str, when: str) -> None:
    if not pattern and not when:
        raise errors.invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        try:
            compiled(pattern)
        except event_pattern.Invalid as error:
            raise errors.bad_pattern(str(error)) from None
    if when:
        if bus != DEFAULT:
            raise errors.invalid("ScheduleExpression is supported only on the default event bus.")
        try:
            if isinstance(schedule.parse(when), schedule.At):  # EventBridge Scheduler knows at(), rules do not
                raise schedule.Invalid(when)
        except schedule.Invalid:
            raise errors.parameter("ScheduleExpression") from None


def plan(call: Call, rule: Rule, old: Rule | None) -> None:
    """The timer of a rule that follows the clock; a change of anything but its times leaves the rhythm as it is."""
    from .schedules import begin, end
    if rule.schedule and rule.enabled:
        if old is None or not old.enabled or old.schedule != rule.schedule:
            begin(call, rule)
    elif old is not None and old.schedule and old.enabled:
        end(call, rule)


@events.op(resource=by_name)
def describe_rule(call: Call, req: t.DescribeRuleRequest) -> t.DescribeRuleResponse:
    rule = look(call, req)
    return shown(rule) | {"CreatedBy": rule.created_by}


def shown(rule: Rule) -> dict[str, Any]:
    members = {
        "Name": rule.name, "Arn": rule.arn, "EventPattern": rule.pattern, "ScheduleExpression": rule.schedule, "State": rule.state, "Description": rule.description,
        "RoleArn": rule.role, "EventBusName": rule.bus, "ManagedBy": rule.managed_by,
    }
    return {name: value for name, value in members.items() if value}


@events.op(resource=all_rules)
def list_rules(call: Call, req: t.ListRulesRequest) -> t.ListRulesResponse:
    prefix = req.get("NamePrefix") or ""
    found, token = page([rule for rule in rules_of(call, find(call, req.get("EventBusName")).name) if rule.name.startswith(prefix)], req)
    result: dict[str, Any] = {"Rules": [shown(rule) for rule in found]}
    return result | {"NextToken": token} if token else result


@events.op(resource=by_name)
def enable_rule(call: Call, req: t.EnableRuleRequest) -> None:
    set_state(call, look(call, req), "ENABLED")


@events.op(resource=by_name)
def disable_rule(call: Call, req: t.DisableRuleRequest) -> None:
    set_state(call, look(call, req), "DISABLED")


def set_state(call: Call, old: Rule, state: str) -> None:
    from . import managed
    managed.refuse(old)
    plan(call, call.put(old.but(state=state)), old)


@events.op(resource=by_name)
def delete_rule(call: Call, req: t.DeleteRuleRequest) -> None:
    """Deleting what is not there succeeds."""
    bus = find(call, req.get("EventBusName")).name
    rule = call.get(Rule, f"{bus}/{req['Name']}")
    if rule is None:
        return
    from . import managed
    managed.refuse(rule, req.get("Force", False))
    if rule.targets and not rule.managed_by:
        raise errors.invalid("Rule can't be deleted since it has targets.")
    call.delete(rule)
    if rule.schedule:
        from .schedules import end
        end(call, rule)


@events.op(resource=all_rules)
def list_rule_names_by_target(call: Call, req: t.ListRuleNamesByTargetRequest) -> t.ListRuleNamesByTargetResponse:
    bus = find(call, req.get("EventBusName")).name
    found, token = page([rule.name for rule in rules_of(call, bus) if any(target["Arn"] == req["TargetArn"] for target in rule.targets)], req)
    result: dict[str, Any] = {"RuleNames": found}
    return result | {"NextToken": token} if token else result
