"""The arithmetic of scaling, shared by EC2 Auto Scaling and Application Auto Scaling: adjustments, steps, target tracking."""
from __future__ import annotations

import itertools
import math
from typing import Any


def adjusted(current: int, kind: str, amount: int, least_change: int = 0) -> int:
    """ChangeInCapacity, ExactCapacity, or PercentChangeInCapacity with AWS's rounding: away from nothing below one, else towards it."""
    if kind == "ExactCapacity":
        return amount
    if kind == "ChangeInCapacity":
        return current + amount
    change = current * amount / 100
    if change > 1:
        whole = math.floor(change)
    elif change > 0:
        whole = 1
    elif change > -1:
        whole = -1 if change < 0 else 0
    else:
        whole = math.ceil(change)
    if least_change and amount and abs(whole) < least_change:
        whole = int(math.copysign(least_change, amount))
    return current + whole


def step_for(steps: list[dict[str, Any]], value: float, threshold: float) -> int | None:
    """The adjustment of the step whose interval (relative to the alarm's threshold) holds the value."""
    distance = value - threshold
    for step in steps:
        low, high = step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
        # the bound nearer to the threshold belongs to the step
        if distance >= 0:
            if (low is None or distance >= low) and (high is None or distance < high):
                return int(step["ScalingAdjustment"])
        elif (low is None or distance > low) and (high is None or distance <= high):
            return int(step["ScalingAdjustment"])
    return None


def wrong_steps(steps: list[dict[str, Any]]) -> str:
    """What is wrong with a list of step adjustments; "" if nothing."""
    if not steps:
        return "At least one StepAdjustment must be specified"
    spans = [(step.get("MetricIntervalLowerBound", -math.inf), step.get("MetricIntervalUpperBound", math.inf)) for step in steps]
    for low, high in spans:
        if low >= high:
            return "MetricIntervalLowerBound must be less than the MetricIntervalUpperBound"
        if low == -math.inf and high == math.inf and len(steps) > 1:
            return "Only one StepAdjustment may have unspecified bounds on both sides"
    spans.sort()
    if sum(low == -math.inf for low, _ in spans) > 1 or sum(high == math.inf for _, high in spans) > 1:
        return "At most one StepAdjustment may have an unspecified MetricIntervalLowerBound, and one an unspecified MetricIntervalUpperBound"
    for (_, end), (begin, _) in itertools.pairwise(spans):
        if end > begin:
            return "StepAdjustment intervals can't overlap"
        if end < begin:
            return "There must not be gaps between StepAdjustment intervals"
    return ""


def tracked(current: int, value: float, target: float) -> int:
    """The capacity at which a metric that shrinks with capacity would meet its target."""
    return math.ceil(current * value / target - 1e-9)


LOW_SHARE = 0.9  # the low alarm stands at nine tenths of the target, so that the two do not chase each other
