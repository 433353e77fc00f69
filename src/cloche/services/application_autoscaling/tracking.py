"""Target tracking of scalable targets.

DynamoDB's alarms watch consumed units against a share of what is provisioned, so they change with it, and two more watch what is
provisioned itself. All others watch a metric against the target, as those of EC2 groups do.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages import scaling as arithmetic

from . import errors, resources
from .targets import Target

if TYPE_CHECKING:
    from .policies import Policy

DYNAMODB = {"DynamoDBReadCapacityUtilization": "ReadCapacityUnits", "DynamoDBWriteCapacityUtilization": "WriteCapacityUnits"}
DYNAMODB_LOW = 20  # the low alarm stands so many percent below the target
OTHERS = {
    "ECSServiceAverageCPUUtilization": ("AWS/ECS", "CPUUtilization", "Average"), "ECSServiceAverageMemoryUtilization": ("AWS/ECS", "MemoryUtilization", "Average"),
    "LambdaProvisionedConcurrencyUtilization": ("AWS/Lambda", "ProvisionedConcurrencyUtilization", "Maximum"),
    "EC2SpotFleetRequestAverageCPUUtilization": ("AWS/EC2Spot", "CPUUtilization", "Average"), "EC2SpotFleetRequestAverageNetworkIn": ("AWS/EC2Spot", "NetworkIn", "Average"),
    "EC2SpotFleetRequestAverageNetworkOut": ("AWS/EC2Spot", "NetworkOut", "Average"),
}


def check(one: Target, config: Any) -> None:
    predefined, customized = config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")
    if (predefined is None) == (customized is None):
        raise errors.invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified.")
    if config["TargetValue"] <= 0:
        raise errors.invalid("TargetValue must be greater than 0.")
    if customized:
        if "Metrics" in customized:
            raise errors.not_built("metric math in a target tracking policy")
        if any(name not in customized for name in ("MetricName", "Namespace", "Statistic")):
            raise errors.invalid("MetricName, Namespace and Statistic are required in a CustomizedMetricSpecification.")
        return
    type_ = predefined["PredefinedMetricType"]
    if type_ in DYNAMODB:
        if one.namespace != "dynamodb" or not one.dimension.endswith(DYNAMODB[type_]):
            raise errors.invalid(f"The predefined metric type {type_} does not fit the scalable dimension {one.dimension}.")
        if not 20 <= config["TargetValue"] <= 90:
            raise errors.invalid("TargetValue must be between 20 and 90 for DynamoDB.")
    elif type_ == "ALBRequestCountPerTarget":
        if len((predefined.get("ResourceLabel") or "").split("/")) != 6:
            raise errors.invalid("A ResourceLabel of the form app/NAME/ID/targetgroup/NAME/ID is required for the predefined metric type ALBRequestCountPerTarget.")
    elif type_ not in OTHERS:
        raise errors.not_built(f"target tracking on {type_}")


def watch(call: Call, one: Target, policy: Policy, current: int) -> list[str]:
    """Put the alarms; their names, high first."""
    role = resources.acting(call, resources.DIMENSIONS[one.dimension])
    kinds = ["AlarmHigh"] + ([] if policy.config.get("DisableScaleIn") else ["AlarmLow"]) + (["ProvisionedCapacityHigh", "ProvisionedCapacityLow"] if by_share(policy) else [])
    old = {name[len(f"TargetTracking-{one.resource}-"):].split("-")[0]: name for name in policy.alarms}
    if gone := [name for kind, name in old.items() if kind not in kinds]:
        role.do("cloudwatch", "DeleteAlarms", AlarmNames=gone)
    names = []
    for kind in kinds:
        name = old.get(kind) or f"TargetTracking-{one.resource}-{kind}-{call.uuid()}"
        role.do("cloudwatch", "PutMetricAlarm", AlarmName=name, AlarmActions=[policy.arn], AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
                **(share_alarm(one, policy, kind, current) if by_share(policy) else plain_alarm(one, policy, kind)))
        names.append(name)
    return names


def by_share(policy: Policy) -> bool:
    return (policy.config.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType") in DYNAMODB


def share_alarm(one: Target, policy: Policy, kind: str, current: int) -> dict[str, Any]:
    _, match = resources.find(one.namespace, one.resource, one.dimension)
    dims = [{"Name": "TableName", "Value": match["table"]}] + ([{"Name": "GlobalSecondaryIndexName", "Value": match["index"]}] if "index" in match.groupdict() else [])
    units, share = one.dimension.rsplit(":", 1)[1], policy.config["TargetValue"]
    over = "GreaterThanThreshold" if kind.endswith("High") else "LessThanThreshold"
    base: dict[str, Any] = {"Namespace": "AWS/DynamoDB", "Dimensions": dims, "ComparisonOperator": over}
    if kind.startswith("Provisioned"):
        return base | {"MetricName": f"Provisioned{units}", "Statistic": "Average", "Period": 300, "EvaluationPeriods": 3, "Threshold": float(current)}
    percent = share if kind == "AlarmHigh" else max(share - DYNAMODB_LOW, 1)
    return base | {"MetricName": f"Consumed{units}", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 2 if kind == "AlarmHigh" else 15, "Threshold": percent / 100 * current * 60}


def plain_alarm(one: Target, policy: Policy, kind: str) -> dict[str, Any]:
    target = policy.config["TargetValue"]
    high = kind == "AlarmHigh"
    return metric(one, policy.config) | {
        "Threshold": target if high else target * arithmetic.LOW_SHARE, "ComparisonOperator": "GreaterThanThreshold" if high else "LessThanThreshold", "EvaluationPeriods": 3 if high else 15}


def metric(one: Target, config: Any) -> dict[str, Any]:
    if custom := config.get("CustomizedMetricSpecification"):
        out = {"Namespace": custom["Namespace"], "MetricName": custom["MetricName"], "Statistic": custom["Statistic"], "Period": 60, "Dimensions": [dict(d) for d in custom.get("Dimensions") or ()]}
        return out | ({"Unit": custom["Unit"]} if "Unit" in custom else {})
    predefined = config["PredefinedMetricSpecification"]
    if predefined["PredefinedMetricType"] == "ALBRequestCountPerTarget":
        label = "/".join(predefined["ResourceLabel"].split("/")[3:])
        return {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCountPerTarget", "Statistic": "Sum", "Period": 60, "Dimensions": [{"Name": "TargetGroup", "Value": label}]}
    namespace, name, statistic = OTHERS[predefined["PredefinedMetricType"]]
    _, match = resources.find(one.namespace, one.resource, one.dimension)
    dims = {"ecs": lambda: [("ClusterName", match["cluster"]), ("ServiceName", match["service"])], "ec2": lambda: [("FleetRequestId", match["fleet"])],
            "lambda": lambda: [("FunctionName", match["function"]), ("Resource", f"{match['function']}:{match['alias']}")]}[one.namespace]()
    return {"Namespace": namespace, "MetricName": name, "Statistic": statistic, "Period": 60, "Dimensions": [{"Name": k, "Value": v} for k, v in dims]}


def wanted(one: Target, policy: Policy, alarm: str, current: int, value: float) -> int | None:
    target, out = policy.config["TargetValue"], "-AlarmHigh-" in alarm
    new = arithmetic.tracked(1, value / 60, target / 100) if by_share(policy) else arithmetic.tracked(current, value, target)
    return (max(new, current) if out else min(new, current)) if out or not policy.config.get("DisableScaleIn") else None
