"""What an alarm does when its state changes: topics, functions, instances, scaling policies; an event on the default bus always.

Composite alarms may have their actions held back by another alarm (the suppressor), with a time to wait for it and a time to stay quiet after it.
"""
from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, AwsEvent, Call
from cloche.services.iam import public as iam
from cloche.services.sns import public as sns

from . import errors, history
from . import service as cloudwatch
from .public import AlarmMoved

if TYPE_CHECKING:
    from .alarms import Alarm

MEMBERS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
EC2 = {"stop": "StopInstances", "terminate": "TerminateInstances", "reboot": "RebootInstances", "recover": "RebootInstances"}
SWF = re.compile(r"arn:[\w-]+:swf:[\w-]+:\d{12}:action/actions/AWS_EC2\.InstanceId\.(Stop|Terminate|Reboot|Recover)/1\.0")
OPS_ITEM = re.compile(r"arn:[\w-]+:ssm:[\w-]+:\d{12}:opsitem:[1-4](#CATEGORY=(Availability|Cost|Performance|Recovery|Security))?")
AUTOMATE = re.compile(r"arn:[\w-]+:automate:[\w-]+:ec2:(stop|terminate|reboot|recover)")


def check(arn: str) -> None:
    parts = arn.split(":")
    if len(parts) < 5 or parts[0] != "arn":
        raise errors.bad_action(arn)
    if parts[2] in ("sns", "lambda", "autoscaling") and len(parts) >= 6:
        return
    if parts[2] in ("automate", "swf"):
        if AUTOMATE.fullmatch(arn) or SWF.fullmatch(arn):
            return
    elif parts[2] == "ssm":
        if OPS_ITEM.fullmatch(arn):
            return
    elif parts[2] in ("ssm-incidents", "aiops"):
        raise errors.not_built(f"an alarm action of {parts[2]}")
    raise errors.bad_action(arn)


# -- on a change ------------------------------------------------------------------------------------------------------

def act(call: Call, alarm: Alarm, before: str) -> None:
    """Run the actions of the new state, unless they are switched off or held back."""
    if not alarm.enabled or (alarm.composite and held_back(call, alarm)):
        return
    run(call, alarm, before)


def run(call: Call, alarm: Alarm, before: str) -> None:
    call.put(alarm.but(told=alarm.state, suppressed=""))
    for arn in alarm.actions.get(alarm.state, ()):
        attempt(call, alarm, arn, before)


def repeats(alarm: Alarm) -> bool:
    """Scaling policies are called every minute for as long as the alarm lasts."""
    return alarm.enabled and any(":autoscaling:" in arn for arn in alarm.actions.get("ALARM", ()))


def again(call: Call, alarm: Alarm) -> None:
    if alarm.enabled:
        for arn in alarm.actions.get(alarm.state, ()):
            if ":autoscaling:" in arn:
                attempt(call, alarm, arn, alarm.state, quiet=True)


def attempt(call: Call, alarm: Alarm, arn: str, before: str, quiet: bool = False) -> None:
    said = {"actionState": "Succeeded", "notificationResource": arn}
    try:
        with call.step():
            waiting = one(call, alarm, arn, before)
    except AwsError as error:
        said |= {"actionState": "Failed", "error": f"{error.code}: {error.message}"}
    else:
        if inspect.isawaitable(waiting):
            call.spawn(finish(call, alarm, arn, waiting, before))
            return
    if not quiet or said["actionState"] == "Failed":
        note(call, alarm, arn, said)


async def finish(call: Call, alarm: Alarm, arn: str, waiting: Any, before: str) -> None:
    said = {"actionState": "Succeeded", "notificationResource": arn}
    try:
        await waiting
    except AwsError as error:
        said |= {"actionState": "Failed", "error": f"{error.code}: {error.message}"}
    with call.step():
        note(call, alarm, arn, said)


def note(call: Call, alarm: Alarm, arn: str, said: dict[str, Any]) -> None:
    verb = "Successfully executed" if said["actionState"] == "Succeeded" else "Failed to execute"
    history.add(call, alarm, "Action", f"{verb} action {arn}", said | {"stateUpdateTimestamp": int(alarm.updated * 1000)})


def one(call: Call, alarm: Alarm, arn: str, before: str) -> Any:
    parts = arn.split(":")
    if parts[2] == "sns":
        sns.publish(speaker(call, alarm, arn), arn, Subject=f'{alarm.state}: "{alarm.name}" in {region_name(call.region)}'[:100], Message=json.dumps(message(call, alarm, before)))
    elif parts[2] == "lambda":
        from cloche.services.lambda_ import public as functions
        functions.enqueue(call, arn, json.dumps(for_function(call, alarm, before)).encode(), service="lambda.alarms.cloudwatch.amazonaws.com", source_arn=alarm.arn, source_account=call.account)
    elif parts[2] == "autoscaling":
        return scale(call, alarm, arn)
    elif parts[2] == "ssm":
        from cloche.services.ssm import public as ops
        ops.alarmed(call, arn, alarm.arn, alarm.name, alarm.config.get("AlarmDescription", ""))
    else:
        verb, instance = on_instance(alarm.config, arn)
        if not instance:
            raise errors.validation("The alarm has no dimension InstanceId.")
        if arn in alarm.barred:
            raise errors.not_yours(verb)
        role = iam.ensure_linked(call, "events.amazonaws.com")
        arn = call.arn(f"role{role.path}{role.name}", service="iam", region="")
        return call.as_role(arn, "cloudwatch", "events.amazonaws.com").do("ec2", verb, InstanceIds=[instance])
    return None


def on_instance(config: Any, arn: str) -> tuple[str, str]:
    """The operation that an action means, and the instance that the alarm is about."""
    found = AUTOMATE.fullmatch(arn) or SWF.fullmatch(arn)
    instance = next((d["Value"] for d in config.get("Dimensions") or () if d["Name"] == "InstanceId"), "")
    return EC2[found[1].lower()] if found else "", instance


def may(call: Call, config: Any, arn: str) -> bool:
    """Whoever may not stop an instance can put an alarm that would, but it is not done."""
    verb, instance = on_instance(config, arn)
    return not verb or call.allowed(f"ec2:{verb}", call.arn(f"instance/{instance or '*'}", service="ec2"))


def speaker(call: Call, alarm: Alarm, topic: str) -> Call:
    """To a topic of the same owner that has its default policy (AWS:SourceOwner) an alarm speaks as the owner; else the policy must name CloudWatch."""
    found = sns.topic(call, topic)
    policy = found.attributes.get("Policy") if found else None
    if topic.split(":")[4] == call.account and (not policy or ("SourceOwner" in policy and call.account in policy)):
        return call.as_root()
    return call.as_service("cloudwatch.amazonaws.com", alarm.arn, call.account)


def scale(call: Call, alarm: Alarm, arn: str) -> Any:
    """Groups have their policies in `autoscaling`, everything else in `application-autoscaling`."""
    if ":resource/" in arn:
        from cloche.services.application_autoscaling import public as targets
        return targets.alarmed(call, arn, alarm.name, alarm.state)
    from cloche.services.autoscaling import public as groups
    return groups.alarmed(call, arn, alarm.name, alarm.state)


# -- words ------------------------------------------------------------------------------------------------------------

REGIONS = {
    "us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-1": "US West (N. California)", "us-west-2": "US West (Oregon)", "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)", "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)", "eu-north-1": "EU (Stockholm)", "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)", "ap-northeast-1": "Asia Pacific (Tokyo)", "ap-northeast-2": "Asia Pacific (Seoul)", "ap-south-1": "Asia Pacific (Mumbai)",
    "sa-east-1": "South America (Sao Paulo)", "ca-central-1": "Canada (Central)",
}


def region_name(region: str) -> str:
    return REGIONS.get(region, region)


def message(call: Call, alarm: Alarm, before: str) -> dict[str, Any]:
    """What a subscriber of the topic reads."""
    c = alarm.config
    out: dict[str, Any] = {
        "AlarmName": alarm.name, "AlarmDescription": c.get("AlarmDescription"), "AWSAccountId": call.account, "AlarmConfigurationUpdatedTimestamp": history.moment(alarm.configured),
        "NewStateValue": alarm.state, "NewStateReason": alarm.reason, "StateChangeTime": history.moment(alarm.changed), "Region": region_name(call.region), "AlarmArn": alarm.arn,
        "OldStateValue": before,
    } | {member: alarm.actions.get(state, []) for state, member in MEMBERS.items()}
    if alarm.composite:
        return out | {"AlarmRule": c["AlarmRule"]} | ({"TriggeringChildren": triggers(alarm)} if alarm.state == "ALARM" else {})
    trigger: dict[str, Any] = {}
    if "Metrics" in c:
        trigger["Metrics"] = c["Metrics"]
    else:
        statistic = c.get("Statistic")
        trigger = {
            "MetricName": c["MetricName"], "Namespace": c["Namespace"], "StatisticType": "Statistic" if statistic else "ExtendedStatistic",
            "Statistic": {"Average": "AVERAGE", "Sum": "SUM", "Minimum": "MINIMUM", "Maximum": "MAXIMUM", "SampleCount": "SAMPLE_COUNT"}.get(statistic or "", c.get("ExtendedStatistic")),
            "Unit": c.get("Unit"), "Dimensions": [{"value": d["Value"], "name": d["Name"]} for d in c.get("Dimensions", ())], "Period": c["Period"],
        }
    trigger |= {"EvaluationPeriods": c["EvaluationPeriods"], "ComparisonOperator": c["ComparisonOperator"], "Threshold": c["Threshold"], "TreatMissingData": c.get("TreatMissingData", "missing"),
                "EvaluateLowSampleCountPercentile": c.get("EvaluateLowSampleCountPercentile", "")}
    if "DatapointsToAlarm" in c:
        trigger["DatapointsToAlarm"] = c["DatapointsToAlarm"]
    return out | {"Trigger": trigger}


def triggers(alarm: Alarm) -> list[dict[str, Any]]:
    data = json.loads(alarm.reason_data) if alarm.reason_data else {}
    return [{"Arn": one["arn"], "State": {"Value": one["state"]["value"], "Timestamp": one["state"]["timestamp"]}} for one in data.get("triggeringAlarms", ())]


def state_detail(alarm: Alarm, state: str, reason: str, data: str, at: float) -> dict[str, Any]:
    return {"value": state, "reason": reason, "timestamp": history.moment(at)} | ({"reasonData": data} if data else {})


def configuration(alarm: Alarm) -> dict[str, Any]:
    c = alarm.config
    out: dict[str, Any] = {"description": c["AlarmDescription"]} if "AlarmDescription" in c else {}
    if alarm.composite:
        return out | {"alarmRule": c["AlarmRule"]} | ({"actionsSuppressor": c["ActionsSuppressor"]} if c.get("ActionsSuppressor") else {})
    if "Metrics" in c:
        metrics = []
        for one in c["Metrics"]:
            shown: dict[str, Any] = {"id": one["Id"], "returnData": one.get("ReturnData", True)}
            if "Expression" in one:
                shown["expression"] = one["Expression"]
            if "Label" in one:
                shown["label"] = one["Label"]
            if stat := one.get("MetricStat"):
                metric = stat["Metric"]
                shown["metricStat"] = {"metric": {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": {d["Name"]: d["Value"] for d in metric.get("Dimensions") or ()}},
                                       "period": stat["Period"], "stat": stat["Stat"]}
            metrics.append(shown)
        return out | {"metrics": metrics}
    stat = {"metric": {"namespace": c["Namespace"], "name": c["MetricName"], "dimensions": {d["Name"]: d["Value"] for d in c.get("Dimensions", ())}}, "period": c["Period"],
            "stat": c.get("Statistic") or c.get("ExtendedStatistic")}
    return out | {"metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]}


def for_function(call: Call, alarm: Alarm, before: str) -> dict[str, Any]:
    old = {"value": before}
    return {
        "source": "aws.cloudwatch", "alarmArn": alarm.arn, "accountId": call.account, "time": history.moment(call.now), "region": call.region,
        "alarmData": {"alarmName": alarm.name, "state": state_detail(alarm, alarm.state, alarm.reason, alarm.reason_data, alarm.changed), "previousState": old, "configuration": configuration(alarm)},
    }


def told_state(call: Call, alarm: Alarm, old: Alarm) -> None:
    detail = {
        "alarmName": alarm.name, "state": state_detail(alarm, alarm.state, alarm.reason, alarm.reason_data, alarm.changed),
        "previousState": state_detail(old, old.state, old.reason, old.reason_data, old.changed), "configuration": configuration(alarm),
    }
    call.emit(AwsEvent("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm.arn]))
    call.emit(AlarmMoved(alarm.name, alarm.state))


def told_configuration(call: Call, alarm: Alarm, old: Alarm | None, operation: str = "") -> None:
    detail: dict[str, Any] = {"alarmName": alarm.name, "operation": operation or ("update" if old else "create"), "configuration": configuration(alarm) | {"alarmName": alarm.name, "actionsEnabled": alarm.enabled},
                              "state": {"value": alarm.state, "timestamp": history.moment(alarm.changed)}}
    call.emit(AwsEvent("aws.cloudwatch", "CloudWatch Alarm Configuration Change", detail, [alarm.arn]))


# -- suppression ------------------------------------------------------------------------------------------------------

def held_back(call: Call, alarm: Alarm) -> bool:
    """Is the suppressor in ALARM; or might it soon be (wait), or was it just now (extension)? Then the actions run later, if they still must."""
    from .alarms import Alarm, bare
    name = alarm.config.get("ActionsSuppressor")
    if not name or alarm.state == "INSUFFICIENT_DATA":
        return False
    suppressor = call.get(Alarm, bare(name))
    wait, extension = alarm.config.get("ActionsSuppressorWaitPeriod", 0), alarm.config.get("ActionsSuppressorExtensionPeriod", 0)
    if suppressor is not None and suppressor.state == "ALARM":
        call.put(alarm.but(suppressed="Alarm"))
        return True
    if suppressor is not None and alarm.since and call.now < alarm.since + extension:
        call.put(alarm.but(suppressed="ExtensionPeriod"))
        call.due(alarm.since + extension, release, name=alarm.name, alarm=alarm.name)
        return True
    if alarm.state == "ALARM" and wait:
        call.put(alarm.but(suppressed="WaitPeriod"))
        call.after(wait, release, name=alarm.name, alarm=alarm.name)
        return True
    return False


def suppressor_changed(call: Call, alarm: Alarm, suppressor: Alarm) -> None:
    if suppressor.state == "ALARM":
        if alarm.suppressed:
            call.cancel(release, alarm.name)
            call.put(alarm.but(suppressed="Alarm", since=0.0))
        return
    extension = alarm.config.get("ActionsSuppressorExtensionPeriod", 0)
    if alarm.suppressed == "Alarm":
        call.put(alarm.but(suppressed="ExtensionPeriod" if extension else "", since=call.now))
        call.after(extension, release, name=alarm.name, alarm=alarm.name)
    else:
        call.put(alarm.but(since=call.now))


@cloudwatch.timer
def release(call: Call, alarm: str) -> None:
    """The time is over: if the state has changed since actions last ran, they run now."""
    from .alarms import Alarm
    found = call.get(Alarm, alarm)
    if found is None or found.suppressed == "Alarm":
        return
    found = call.put(found.but(suppressed=""))
    if found.enabled and found.told != found.state:
        run(call, found, found.told or "OK")
