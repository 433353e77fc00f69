"""Alarms: put, described, switched, deleted. How their state is found is in `evaluating.py`, what they then do in `acting.py`.

A metric alarm and a composite one share a record and a name space; `rule` is what a composite has and a metric alarm has not.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.languages import alarm_rule

from . import acting, errors, evaluating, history, queries, statistics, watching
from . import service as cloudwatch

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t


PAGE = 50
BANDS = ("LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold")
SINGLE = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit")
CONFIG = (
    "AlarmDescription", "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "EvaluationPeriods", "DatapointsToAlarm", "Threshold",
    "ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile", "Metrics", "ThresholdMetricId", "AlarmRule", "ActionsSuppressor", "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod")
MISSING = ("breaching", "notBreaching", "ignore", "missing")


class Alarm(Record, frozen=True):
    kind = "cloudwatch.alarm"

    name: str
    arn: str
    config: dict[str, Any]
    configured: float
    created: float
    enabled: bool = True
    actions: dict[str, list[str]] = {}   # OK, ALARM, INSUFFICIENT_DATA
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    updated: float = 0.0                 # the state, or its reason
    changed: float = 0.0                 # the state
    tags: dict[str, str] = {}
    suppressed: str = ""                 # a composite's actions are held back by: Alarm, WaitPeriod, ExtensionPeriod
    told: str = ""                       # the last state whose actions were run
    since: float = 0.0                   # the suppressor last changed
    barred: list[str] = []               # actions on instances that who put the alarm may not do himself

    @property
    def key(self) -> str:
        return self.name

    @property
    def composite(self) -> bool:
        return "AlarmRule" in self.config

    @property
    def type(self) -> str:
        return "CompositeAlarm" if self.composite else "MetricAlarm"


# -- finding ----------------------------------------------------------------------------------------------------------

def by_name(call: Call, req: Any) -> str:
    return call.arn(f"alarm:{req['AlarmName']}")


def by_names(call: Call, req: Any) -> list[str]:
    return [call.arn(f"alarm:{name}") for name in req["AlarmNames"]]


def all_alarms(call: Call, req: Any) -> str:
    return call.arn(f"alarm:{req.get('AlarmName') or '*'}")


def put_context(call: Call, req: Any) -> dict[str, Any]:
    actions = [arn for name in ("OKActions", "AlarmActions", "InsufficientDataActions") for arn in req.get(name) or ()]
    context: dict[str, Any] = {"cloudwatch:AlarmActions": actions} if actions else {}
    for tag in req.get("Tags") or ():
        context[f"aws:RequestTag/{tag['Key']}"] = tag["Value"]
    return context | ({"aws:TagKeys": [tag["Key"] for tag in req["Tags"]]} if req.get("Tags") else {})


# -- putting ----------------------------------------------------------------------------------------------------------

@cloudwatch.op(resource=by_name, context=put_context, partly="PromQL (EvaluationCriteria), anomaly detection bands, WarmUpConfiguration and metrics of other accounts are refused")
def put_metric_alarm(call: Call, req: t.PutMetricAlarmInput) -> None:
    config = {name: req[name] for name in CONFIG if name in req}  # type: ignore[literal-required]
    for name in ("EvaluationCriteria", "EvaluationInterval", "WarmUpConfiguration", "ActionConfiguration"):
        if name in req:
            raise errors.not_built(f"PutMetricAlarm with {name}")
    if "WallClockWindow" in (req.get("EvaluationWindow") or {}):
        raise errors.not_built("PutMetricAlarm with a WallClockWindow")
    check_metric(call, req)
    check_periods(req)
    keep(call, req, config)
    watching.watch(call, req["AlarmName"], queries.metrics_of(config))
    watching.soon(call, req["AlarmName"], evaluating.step_of(config))


def check_metric(call: Call, req: Any) -> None:
    if "ComparisonOperator" not in req:
        raise errors.missing("The parameter ComparisonOperator is required.")
    if req["ComparisonOperator"] in BANDS or "ThresholdMetricId" in req:
        raise errors.not_built("anomaly detection")
    if "EvaluationPeriods" not in req:
        raise errors.missing("The parameter EvaluationPeriods is required.")
    if "Threshold" not in req:
        raise errors.missing("The parameter Threshold is required.")
    if req.get("TreatMissingData", "missing") not in MISSING:
        raise errors.validation(f"Option {req['TreatMissingData']} is not supported. Supported options for TreatMissingData are [breaching, notBreaching, ignore, missing].")
    if req.get("EvaluateLowSampleCountPercentile", "evaluate") not in ("evaluate", "ignore"):
        raise errors.validation(f"Option {req['EvaluateLowSampleCountPercentile']} is not supported. Supported options for EvaluateLowSampleCountPercentile are [evaluate, ignore].")
    for name in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        for arn in req.get(name) or ():
            acting.check(arn)
    if req.get("Metrics"):
        for name in SINGLE:
            if name in req:
                raise errors.validation(f"{name} must not be set when Metrics is set.")
        queries.check(req["Metrics"], alarm=True, account=call.account)
        return
    for name in ("MetricName", "Namespace", "Period"):
        if name not in req:
            raise errors.validation(f"The parameter {name} is required for alarms based on metrics.")
    if ("Statistic" in req) == ("ExtendedStatistic" in req):
        raise errors.exclusive("Statistic", "ExtendedStatistic") if "Statistic" in req else errors.missing("Exactly one of Statistic or ExtendedStatistic must be specified.")
    if "ExtendedStatistic" in req and (req["ExtendedStatistic"] in statistics.SIMPLE or statistics.parse(req["ExtendedStatistic"]) is None):
        raise errors.validation(f"The value {req['ExtendedStatistic']} for parameter ExtendedStatistic is not supported.")
    if req["Period"] not in (10, 20, 30) and req["Period"] % 60:
        raise errors.validation("Period must be 10, 20, 30 or a multiple of 60.")


def check_periods(req: Any) -> None:
    number, wanted = req["EvaluationPeriods"], req.get("DatapointsToAlarm")
    if wanted is not None and wanted > number:
        raise errors.validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    period = evaluating.period_of(req)
    if number * period > (604_800 if period >= 3600 else 86_400):
        raise errors.too_long() if period >= 3600 else errors.too_long_short()


@cloudwatch.op(resource=by_name, context=put_context, partly="ActionConfiguration (tags passed to actions) is refused")
def put_composite_alarm(call: Call, req: t.PutCompositeAlarmInput) -> None:
    if "ActionConfiguration" in req:
        raise errors.not_built("PutCompositeAlarm with ActionConfiguration")
    for name in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        for arn in req.get(name) or ():
            acting.check(arn)
            if ":ec2:" in arn or ":autoscaling:" in arn or ":swf:" in arn:
                raise errors.validation(f"Composite alarms do not support the action {arn}.")
    if req.get("ActionsSuppressor") is not None:
        for name in ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
            if name not in req:
                raise errors.validation(f"{name} is required when ActionsSuppressor is set.")
    names = children(call, req["AlarmRule"])
    for name in names:
        if name == req["AlarmName"]:
            raise errors.bad_rule("an alarm cannot depend on itself.")
        if call.get(Alarm, name) is None:
            raise errors.bad_rule(f"alarm {name} does not exist.")
        if (cycle := reaches(call, name, req["AlarmName"])):
            raise errors.bad_rule(f"{cycle} depends on {req['AlarmName']}: there would be a cycle.")
    if req.get("ActionsSuppressor") and call.get(Alarm, bare(req["ActionsSuppressor"])) is None:
        raise errors.validation(f"ActionsSuppressor {req['ActionsSuppressor']} does not exist.")
    config = {name: req[name] for name in CONFIG if name in req}  # type: ignore[literal-required]
    alarm = keep(call, req, config)
    evaluating.composite(call, alarm)


def bare(name: str) -> str:
    """An alarm is named by its name or its ARN."""
    return name.split(":alarm:", 1)[1] if name.startswith("arn:") and ":alarm:" in name else name


def children(call: Call, rule: str) -> list[str]:
    try:
        return [bare(name) for name in alarm_rule.names(alarm_rule.parse(rule))]
    except alarm_rule.Invalid as error:
        raise errors.bad_rule(str(error)) from None


def reaches(call: Call, name: str, goal: str) -> str:
    """Does this alarm depend on that one, however far down?"""
    alarm = call.get(Alarm, name)
    if alarm is None or not alarm.composite:
        return ""
    below = children(call, alarm.config["AlarmRule"])
    return name if goal in below or any(reaches(call, one, goal) for one in below) else ""


def keep(call: Call, req: Any, config: dict[str, Any]) -> Alarm:
    name = req["AlarmName"]
    old = call.get(Alarm, name)
    if old is not None and old.composite != ("AlarmRule" in config):
        raise errors.validation(f"An alarm named {name} of another type exists.")
    if call.reserves(tag["Key"] for tag in req.get("Tags") or ()):
        raise errors.validation("Tag keys starting with 'aws:' are reserved.")
    actions = {state: list(req.get(member) or []) for state, member in acting.MEMBERS.items()}
    enabled = req.get("ActionsEnabled", True)
    barred = [arn for arns in actions.values() for arn in arns if not acting.may(call, config, arn)]
    if old is None:
        tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
        alarm = call.put(Alarm(name, call.arn(f"alarm:{name}"), config, call.now, call.now, enabled, actions, updated=call.now, changed=call.now, tags=tags, barred=barred))
        history.add(call, alarm, "ConfigurationUpdate", f'Alarm "{name}" created', {"type": "Create", "createdAlarm": described(alarm)})
    else:
        alarm = call.put(old.but(config=config, enabled=enabled, actions=actions, configured=call.now, barred=barred))
        history.add(call, alarm, "ConfigurationUpdate", f'Alarm "{name}" updated', {"type": "Update", "updatedAlarm": described(alarm)})
    acting.told_configuration(call, alarm, old)
    return alarm


# -- describing -------------------------------------------------------------------------------------------------------

def described(alarm: Alarm) -> dict[str, Any]:
    out: dict[str, Any] = {
        "AlarmName": alarm.name, "AlarmArn": alarm.arn, "AlarmConfigurationUpdatedTimestamp": alarm.configured, "ActionsEnabled": alarm.enabled,
        "StateValue": alarm.state, "StateReason": alarm.reason, "StateUpdatedTimestamp": alarm.updated, "StateTransitionedTimestamp": alarm.changed,
    } | alarm.config | {member: alarm.actions.get(state, []) for state, member in acting.MEMBERS.items()}
    if not alarm.composite and "Metrics" not in alarm.config:
        out.setdefault("Dimensions", [])
    if alarm.reason_data:
        out["StateReasonData"] = alarm.reason_data
    if alarm.suppressed:
        out |= {"ActionsSuppressedBy": alarm.suppressed, "ActionsSuppressedReason": f"Actions suppressed by {alarm.config.get('ActionsSuppressor')}"}
    return out


@cloudwatch.op(resource=all_alarms)
def describe_alarms(call: Call, req: t.DescribeAlarmsInput) -> t.DescribeAlarmsOutput:
    if req.get("AlarmNames") and req.get("AlarmNamePrefix"):
        raise errors.exclusive("AlarmNames", "AlarmNamePrefix")
    types = req.get("AlarmTypes") or ["MetricAlarm"]
    if "AlarmTypes" not in req and req.get("AlarmNames"):
        types = ["MetricAlarm"]
    child, parent = req.get("ChildrenOfAlarmName"), req.get("ParentsOfAlarmName")
    if child or parent:
        found = related(call, child, parent)
    else:
        names, prefix = req.get("AlarmNames"), req.get("AlarmNamePrefix", "")
        found = [a for name in names if (a := call.get(Alarm, name))] if names else [a for a in call.all(Alarm) if a.name.startswith(prefix)]
        found = [a for a in found if a.type in types and req.get("StateValue") in (None, a.state)]
        if start := req.get("ActionPrefix"):
            found = [a for a in found if any(arn.startswith(start) for arns in a.actions.values() for arn in arns)]
    found.sort(key=lambda a: a.name)
    shown, token = page(found, req, PAGE if not names_given(req) else 100)
    if child or parent:
        brief = ("AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp") if child else ("AlarmName", "AlarmArn")
        answers = [(a.composite, {name: described(a)[name] for name in brief}) for a in shown]
    else:
        answers = [(a.composite, described(a)) for a in shown]
    return {"MetricAlarms": [one for composite, one in answers if not composite], "CompositeAlarms": [one for composite, one in answers if composite]} | token


def names_given(req: Any) -> bool:
    return bool(req.get("AlarmNames"))


def related(call: Call, child: str | None, parent: str | None) -> list[Alarm]:
    if child:
        alarm = call.get(Alarm, child)
        if alarm is None or not alarm.composite:
            return []
        return [a for name in children(call, alarm.config["AlarmRule"]) if (a := call.get(Alarm, name))]
    return [a for a in call.all(Alarm) if a.composite and parent in children(call, a.config["AlarmRule"])]


def page(items: list[Any], req: Any, usual: int) -> tuple[list[Any], dict[str, str]]:
    token = req.get("NextToken") or "0"
    if not token.isdigit():
        raise errors.bad_token()
    start = int(token)
    end = start + (req.get("MaxRecords") or usual)
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}


@cloudwatch.op(resource=all_alarms)
def describe_alarms_for_metric(call: Call, req: t.DescribeAlarmsForMetricInput) -> t.DescribeAlarmsForMetricOutput:
    def names(dimensions: Any) -> set[tuple[str, str]]:
        return {(d["Name"], d["Value"]) for d in dimensions or ()}

    found = []
    for alarm in call.all(Alarm):
        c = alarm.config
        if (c.get("Namespace"), c.get("MetricName")) == (req["Namespace"], req["MetricName"]) and names(c.get("Dimensions")) == names(req.get("Dimensions")) \
                and all(name not in req or c.get(name) == req[name] for name in ("Statistic", "ExtendedStatistic", "Period", "Unit")):  # type: ignore[literal-required]
            found.append(described(alarm))
    return {"MetricAlarms": sorted(found, key=lambda one: one["AlarmName"])}


# -- changing ---------------------------------------------------------------------------------------------------------

@cloudwatch.op(resource=by_name)
def set_alarm_state(call: Call, req: t.SetAlarmStateInput) -> None:
    """Until the next evaluation finds otherwise."""
    alarm = call.get(Alarm, req["AlarmName"])
    if alarm is None:
        raise errors.no_such_alarm()
    data = req.get("StateReasonData", "")
    if data:
        try:
            json.loads(data)
        except ValueError:
            raise errors.bad_json("StateReasonData must be a valid JSON string.") from None
    evaluating.enter(call, alarm, req["StateValue"], req["StateReason"], data)
    if not alarm.composite:
        watching.soon(call, alarm.name, evaluating.step_of(alarm.config))


@cloudwatch.op(resource=by_names)
def enable_alarm_actions(call: Call, req: t.EnableAlarmActionsInput) -> None:
    switch(call, req["AlarmNames"], True)


@cloudwatch.op(resource=by_names)
def disable_alarm_actions(call: Call, req: t.DisableAlarmActionsInput) -> None:
    switch(call, req["AlarmNames"], False)


def switch(call: Call, names: list[str], enabled: bool) -> None:
    for name in names:
        if (alarm := call.get(Alarm, name)) and alarm.enabled != enabled:
            alarm = call.put(alarm.but(enabled=enabled, configured=call.now))
            history.add(call, alarm, "ConfigurationUpdate", f'Alarm "{name}" updated', {"type": "Update", "updatedAlarm": described(alarm)})


@cloudwatch.op(resource=by_names)
def delete_alarms(call: Call, req: t.DeleteAlarmsInput) -> None:
    """Names that are not there are passed over; one composite alarm at a time, and no child of a composite."""
    found = [alarm for name in req["AlarmNames"] if (alarm := call.get(Alarm, name))]
    going = {alarm.name for alarm in found}
    if sum(alarm.composite for alarm in found) > 1:
        raise errors.validation("DeleteAlarms can delete at most one composite alarm at a time.")
    for parent in call.all(Alarm):
        if parent.composite and parent.name not in going:
            for name in children(call, parent.config["AlarmRule"]):
                if name in going:
                    raise errors.in_use(name, parent.name)
    for alarm in found:
        history.add(call, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" deleted', {"type": "Delete", "deletedAlarm": described(alarm)})
        watching.forget(call, alarm.name)
        call.delete(alarm)
        acting.told_configuration(call, alarm, alarm, "delete")
