"""When an HTTP endpoint is tried again: AWS's four phases, or the subscription's own delivery policy. Pure."""
from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

# 3 at once, 2 after a second each, 10 with growing pauses from 1 to 20 s, 35 more every 20 s: 50 in all
DEFAULT = {"numRetries": 50, "numNoDelayRetries": 3, "numMinDelayRetries": 2, "numMaxDelayRetries": 35, "minDelayTarget": 1, "maxDelayTarget": 20, "backoffFunction": "exponential"}


LIMITS = {
    "numRetries": (0, 100), "numNoDelayRetries": (0, 100), "numMinDelayRetries": (0, 100), "numMaxDelayRetries": (0, 100), "minDelayTarget": (1, 3600), "maxDelayTarget": (1, 3600),
}
BACKOFF = ("linear", "arithmetic", "geometric", "exponential")
OWN_DEFAULT = {"numRetries": 3, "numNoDelayRetries": 0, "numMinDelayRetries": 0, "numMaxDelayRetries": 0, "minDelayTarget": 20, "maxDelayTarget": 20, "backoffFunction": "linear"}


class Invalid(ValueError):
    """A delivery policy that says nonsense; `str(error)` says which."""


def check(policy: dict[str, Any]) -> None:
    own = policy.get("healthyRetryPolicy")
    if own is None:
        return
    if not isinstance(own, dict):
        raise Invalid("healthyRetryPolicy must be a JSON object")
    for name, value in own.items():
        if name == "backoffFunction":
            if value not in BACKOFF:
                raise Invalid(f"healthyRetryPolicy.backoffFunction must be one of: {', '.join(BACKOFF)}")
        elif name not in LIMITS:
            raise Invalid(f"Unexpected JSON member: healthyRetryPolicy.{name}")
        elif not isinstance(value, int) or isinstance(value, bool) or not LIMITS[name][0] <= value <= LIMITS[name][1]:
            raise Invalid(f"healthyRetryPolicy.{name} must be from {LIMITS[name][0]} to {LIMITS[name][1]}")
    whole = OWN_DEFAULT | own
    if whole["minDelayTarget"] > whole["maxDelayTarget"]:
        raise Invalid("healthyRetryPolicy.maxDelayTarget must be greater than or equal to minDelayTarget")
    if whole["numNoDelayRetries"] + whole["numMinDelayRetries"] + whole["numMaxDelayRetries"] > whole["numRetries"]:
        raise Invalid("healthyRetryPolicy.numRetries must be greater than or equal to the sum of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries")


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
            policy = OWN_DEFAULT | own
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
