"""Metrics that are a level and not an event: how many messages a queue holds, how many instances a group has.

AWS measures them every minute. Here they are measured when somebody asks, and every minute while an alarm watches: an idle queue
costs nothing, but its past has holes where nobody looked.
"""
from __future__ import annotations

import importlib
import json
from typing import Any

from cloche.kernel import Call

from . import datapoints
from .datapoints import Cell, Key

# namespace -> (package, dimension, how the names of its levels begin)
LEVELS = {
    "AWS/SQS": ("sqs", "QueueName", "Approximate"), "AWS/AutoScaling": ("autoscaling", "AutoScalingGroupName", "Group"), "AWS/DynamoDB": ("dynamodb", "TableName", "Provisioned"),
}


def sample(call: Call, key: Key, moment: float) -> None:
    """Measure what the key names, as of the minute of the moment; inside a step."""
    level = LEVELS.get(key[0])
    if level is None or not key[1].startswith(level[2]):
        return
    package, dimension, _ = level
    found: Any = json.loads(key[2])
    if len(found) != 1 or found[0][0] != dimension:
        return
    neighbour = importlib.import_module(f"cloche.services.{package}.public")
    for name, value, unit in neighbour.gauges(call, found[0][1]):
        if name != key[1]:
            continue
        slot, metric, cell = int(moment) // 60 * 60, datapoints.number(call, key), Cell()
        cell.add(float(value))
        call.sql("DELETE FROM cloudwatch_point WHERE metric=? AND ts=? AND res=60 AND unit=?", metric, slot, unit)
        datapoints.write(call, key, slot, unit, cell)


def beside(namespace: str) -> str:
    """How the names of a namespace's levels begin; "" if it has none."""
    return LEVELS[namespace][2] if namespace in LEVELS else ""
