"""Processes of a group that may be suspended and resumed; the lists of words that the API can tell; metrics collection."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, reconciling
from . import service as autoscaling
from .groups import PROCESSES, TERMINATION, by_name, find, tags_context

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

METRICS = (
    "GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances",
    "GroupInServiceCapacity", "GroupPendingCapacity", "GroupStandbyCapacity", "GroupTerminatingCapacity", "GroupTotalCapacity")


def named(req: Any) -> list[str]:
    names = req.get("ScalingProcesses") or list(PROCESSES)
    for name in names:
        if name not in PROCESSES:
            raise errors.invalid(f"The process {name} is not a valid process type. Valid types are: {', '.join(PROCESSES)}")
    return list(names)


@autoscaling.op(resource=by_name, context=tags_context)
def suspend_processes(call: Call, req: t.ScalingProcessQuery) -> None:
    group, names = find(call, req["AutoScalingGroupName"]), named(req)
    why = f"User suspended at {reconciling.stamp(call.now)}"
    call.put(group.but(suspended=group.suspended | {name: why for name in names if name not in group.suspended}))


@autoscaling.op(resource=by_name, context=tags_context)
def resume_processes(call: Call, req: t.ScalingProcessQuery) -> None:
    group, names = find(call, req["AutoScalingGroupName"]), named(req)
    call.put(group.but(suspended={name: why for name, why in group.suspended.items() if name not in names}, retry=0.0))
    reconciling.soon(call, group.name)


@autoscaling.op(resource=lambda call, req: "*")
def describe_scaling_process_types(call: Call, req: Any) -> t.ProcessesType:
    return {"Processes": [{"ProcessName": name} for name in sorted(PROCESSES)]}


@autoscaling.op(resource=lambda call, req: "*")
def describe_adjustment_types(call: Call, req: Any) -> t.DescribeAdjustmentTypesAnswer:
    return {"AdjustmentTypes": [{"AdjustmentType": name} for name in ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")]}


@autoscaling.op(resource=lambda call, req: "*")
def describe_termination_policy_types(call: Call, req: Any) -> t.DescribeTerminationPolicyTypesAnswer:
    return {"TerminationPolicyTypes": list(TERMINATION)}


@autoscaling.op(resource=lambda call, req: "*")
def describe_metric_collection_types(call: Call, req: Any) -> t.DescribeMetricCollectionTypesAnswer:
    return {"Metrics": [{"Metric": name} for name in METRICS], "Granularities": [{"Granularity": "1Minute"}]}


def metrics(req: Any) -> list[str]:
    for name in req.get("Metrics") or ():
        if name not in METRICS:
            raise errors.invalid(f"{name} is not a valid metric type. Valid types are: {', '.join(METRICS)}")
    return list(req.get("Metrics") or METRICS)


@autoscaling.op(resource=by_name, context=tags_context, partly="the levels are measured when CloudWatch is asked and every minute while an alarm watches")
def enable_metrics_collection(call: Call, req: t.EnableMetricsCollectionQuery) -> None:
    group = find(call, req["AutoScalingGroupName"])
    if req["Granularity"] != "1Minute":
        raise errors.invalid("Granularity must be 1Minute.")
    call.put(group.but(metrics=sorted({*group.metrics, *metrics(req)})))


@autoscaling.op(resource=by_name, context=tags_context)
def disable_metrics_collection(call: Call, req: t.DisableMetricsCollectionQuery) -> None:
    group, going = find(call, req["AutoScalingGroupName"]), metrics(req)
    call.put(group.but(metrics=[name for name in group.metrics if name not in going]))
