"""How fast functions may be invoked and grow: buckets that fill on the virtual clock.

A function gets at most a thousand new environments in ten seconds; whoever waits for the answer may ask ten times a second for each environment that
could be running (pollers and events that wait in Lambda's queue are not counted).
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.services.service_quotas import public as quotas

from .records import SCALING

GROWTH_SECONDS, REQUESTS = 10.0, 10


def take(call: Call, name: tuple[str, ...], most: float, seconds: float) -> bool:
    """One out of the bucket that holds `most` and is filled in so many seconds; False if it is empty."""
    buckets: dict[Any, tuple[float, float]] = call.cloud.memory.setdefault("lambda.pace", {})
    left, at = buckets.get(name, (most, call.now))
    left = min(most, left + (call.now - at) * most / seconds)
    if left < 1:
        buckets[name] = left, call.now
        return False
    buckets[name] = left - 1, call.now
    return True


def may_grow(there: Call, function: str) -> bool:
    return take(there, ("grow", there.account, there.region, function), quotas.value(there, SCALING), GROWTH_SECONDS)


def may_ask(there: Call, function: str, environments: int) -> bool:
    return take(there, ("ask", there.account, there.region, function), REQUESTS * environments, 1.0)
