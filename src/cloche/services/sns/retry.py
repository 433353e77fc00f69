"""When an HTTP endpoint is tried again: AWS's four phases, or the subscription's own delivery policy. Pure."""
from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

# 3 at once, 2 after a second each, 10 with growing pauses from 1 to 20 s, 35 more every 20 s: 50 in all
DEFAULT = {"numRetries": 50, "numNoDelayRetries": 3, "numMinDelayRetries": 2, "numMaxDelayRetries": 35, "minDelayTarget": 1, "maxDelayTarget": 20, "backoffFunction": "exponential"}


def pause(delivery_policy: str | None, tries: int) -> float | None:
    """Seconds until the next try, after so many retries; None when it is given up."""
    pauses = schedule(delivery_policy or "")
    return pauses[tries] if tries < len(pauses) else None


@lru_cache(256)
def schedule(delivery_policy: str) -> tuple[float, ...]:
    policy: dict[str, Any] = DEFAULT
    if delivery_policy:
        own = json.loads(delivery_policy).get("healthyRetryPolicy")
        if own:
            policy = {"numRetries": 3, "numNoDelayRetries": 0, "numMinDelayRetries": 0, "numMaxDelayRetries": 0, "minDelayTarget": 20, "maxDelayTarget": 20, "backoffFunction": "linear"} | own
    low, high = float(policy["minDelayTarget"]), float(policy["maxDelayTarget"])
    middle = policy["numRetries"] - policy["numNoDelayRetries"] - policy["numMinDelayRetries"] - policy["numMaxDelayRetries"]
    pauses = [0.0] * policy["numNoDelayRetries"] + [low] * policy["numMinDelayRetries"]
    pauses += [backoff(policy["backoffFunction"], at, middle, low, high) for at in range(middle)]
    return tuple((pauses + [high] * policy["numMaxDelayRetries"])[:policy["numRetries"]])


def backoff(function: str, at: int, count: int, low: float, high: float) -> float:
    share = at / max(1, count - 1)
    if function == "linear":
        return low + (high - low) * share
    if function == "arithmetic":
        return low + (high - low) * share * share
    return low * (high / low) ** share if low else high * share  # geometric and exponential
