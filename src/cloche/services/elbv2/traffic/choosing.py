"""Which target group, and which target in it. Pure but for the dice and the counters that are handed in.

Healthy targets are chosen from; if there are none, all are (fail open). In slow start a target gets a growing share of its turns.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def group(groups: Sequence[Any], dice: Any) -> str | None:
    """By weight; a group of weight 0 gets nothing."""
    total = sum(one["Weight"] for one in groups)
    if not total:
        return None
    at = dice.random() * total
    for one in groups:
        at -= one["Weight"]
        if at < 0:
            return str(one["TargetGroupArn"])
    return str(groups[-1]["TargetGroupArn"])


def candidates(targets: Sequence[Any], count: int = 1, percentage: int = 0) -> list[Any]:
    """Those that get requests. `count` and `percentage`: with fewer healthy ones than that, all do."""
    there = [one for one in targets if not one.draining and one.state != "unused"]
    well = [one for one in there if one.state in ("healthy", "unavailable")]
    if not well or len(well) < count or len(well) * 100 < percentage * len(there):
        return there
    return well


def target(found: list[Any], algorithm: str, turns: dict[str, int], key: str, busy: Mapping[str, int], dice: Any, share: Callable[[Any], float]) -> Any:
    """One of the candidates. `share` says how much of its turns a target takes, 1 unless it is starting slowly."""
    ready = [one for one in found if share(one) >= 1 or dice.random() < share(one)] or found
    if algorithm == "least_outstanding_requests":
        least = min(busy.get(one.key, 0) for one in ready)
        ready = [one for one in ready if busy.get(one.key, 0) == least]
    if algorithm == "weighted_random":
        return dice.choice(ready)
    turn = turns.get(key, -1) + 1
    turns[key] = turn
    return ready[turn % len(ready)]


def share(since: float, now: float, seconds: float) -> float:
    """Linear from the moment a target became healthy until its slow start is over."""
    return 1.0 if not seconds or now >= since + seconds else max(0.05, (now - since) / seconds)
