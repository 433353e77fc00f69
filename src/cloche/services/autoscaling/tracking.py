"""Target tracking: two alarms around the target, and the capacity that would bring the metric back to it.

High: three of three minutes above the target. Low: fifteen of fifteen below nine tenths of it. Out at once, in only when nobody warms up.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages import scaling
from cloche.services.cloudwatch import public as cloudwatch

from . import errors
from .groups import Group, acting
from .instances import of_group

if TYPE_CHECKING:
    from .policies import Policy

HIGH_PERIODS, LOW_PERIODS = 3, 15
PREDEFINED = {
    "ASGAverageCPUUtilization": ("AWS/EC2", "CPUUtilization", "Average"), "ASGAverageNetworkIn": ("AWS/EC2", "NetworkIn", "Average"), "ASGAverageNetworkOut": ("AWS/EC2", "NetworkOut", "Average"),
}


def check(config: Any) -> None:
    predefined, customized = config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")
    if (predefined is None) == (customized is None):
        raise errors.invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified.")
    if config["TargetValue"] <= 0:
        raise errors.invalid("TargetValue must be greater than 0.")
    if predefined:
        label = predefined.get("ResourceLabel")
        if predefined["PredefinedMetricType"] == "ALBRequestCountPerTarget":
            if not label or len(label.split("/")) != 6:
                raise errors.invalid("A ResourceLabel of the form app/NAME/ID/targetgroup/NAME/ID is required for the predefined metric type ALBRequestCountPerTarget.")
        elif label:
            raise errors.invalid(f"ResourceLabel is not supported for the predefined metric type {predefined['PredefinedMetricType']}.")
        elif predefined["PredefinedMetricType"] not in PREDEFINED:
            raise errors.not_built(f"target tracking on {predefined['PredefinedMetricType']}")
    elif "Metrics" not in customized and any(name not in customized for name in ("MetricName", "Namespace", "Statistic")):
        raise errors.invalid("MetricName, Namespace and Statistic are required in a CustomizedMetricSpecification without Metrics.")


def metric(group: Group, config: Any) -> dict[str, Any]:
    """What the alarms watch, as PutMetricAlarm says it."""
    if custom := config.get("CustomizedMetricSpecification"):
        if "Metrics" in custom:
            metrics = []
            for one in custom["Metrics"]:
                q = {key: one[key] for key in ("Id", "Expression", "Label", "ReturnData") if key in one}
                if stat := one.get("MetricStat"):
                    q["MetricStat"] = {"Metric": stat["Metric"], "Period": stat.get("Period", 60), "Stat": stat["Stat"]} | ({"Unit": stat["Unit"]} if "Unit" in stat else {})
                metrics.append(q)
            return {"Metrics": metrics}
        out = {"Namespace": custom["Namespace"], "MetricName": custom["MetricName"], "Statistic": custom["Statistic"], "Period": custom.get("Period", 60),
               "Dimensions": [dict(d) for d in custom.get("Dimensions") or ()]}
        return out | ({"Unit": custom["Unit"]} if "Unit" in custom else {})
    predefined = config["PredefinedMetricSpecification"]
    if predefined["PredefinedMetricType"] == "ALBRequestCountPerTarget":
        parts = predefined["ResourceLabel"].split("/")
        return {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCountPerTarget", "Statistic": "Sum", "Period": 60,
                "Dimensions": [{"Name": "TargetGroup", "Value": "/".join(parts[3:])}]}
    namespace, name, statistic = PREDEFINED[predefined["PredefinedMetricType"]]
    return {"Namespace": namespace, "MetricName": name, "Statistic": statistic, "Period": 60, "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group.name}]}


def watch(call: Call, group: Group, policy: Policy) -> list[str]:
    """Make (or change) the alarms; their names, high first."""
    config = policy.config["TargetTrackingConfiguration"]
    names = policy.alarms or [f"TargetTracking-{group.name}-AlarmHigh-{call.uuid()}", f"TargetTracking-{group.name}-AlarmLow-{call.uuid()}"]
    if config.get("DisableScaleIn") and len(names) > 1:
        acting(call, group).do("cloudwatch", "DeleteAlarms", AlarmNames=names[1:])
        names = names[:1]
    elif not config.get("DisableScaleIn") and len(names) < 2:
        names = [*names, f"TargetTracking-{group.name}-AlarmLow-{call.uuid()}"]
    target = config["TargetValue"]
    for name, threshold, comparison, periods in zip(names, (target, target * scaling.LOW_SHARE), ("GreaterThanThreshold", "LessThanThreshold"), (HIGH_PERIODS, LOW_PERIODS), strict=False):
        acting(call, group).do(
            "cloudwatch", "PutMetricAlarm", AlarmName=name, AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.", ActionsEnabled=True,
            AlarmActions=[policy.arn], EvaluationPeriods=periods, Threshold=threshold, ComparisonOperator=comparison, **metric(group, config))
    return names


def unwatch(call: Call, policy: Policy) -> None:
    if policy.alarms:
        acting(call).do("cloudwatch", "DeleteAlarms", AlarmNames=policy.alarms)


def follow(call: Call, group: Group, policy: Policy, alarm: str) -> None:
    from .policies import apply, warming
    measured = cloudwatch.measured(call, alarm)
    if measured is None:
        return
    config, warm = policy.config["TargetTrackingConfiguration"], warming(call, group, policy)
    target = config["TargetValue"]
    serving = [one for one in of_group(call, group.name) if one.lifecycle == "InService" and one not in warm]
    out = bool(policy.alarms) and alarm == policy.alarms[0]
    wanted = scaling.tracked(len(serving) or group.desired, measured[0], target)
    why = f"a monitor alarm {alarm} in state ALARM triggered policy {policy.name}"
    if (out and wanted > group.desired) or (not out and wanted < group.desired and not warm):
        apply(call, group, policy, wanted, why)
