"""What CloudWatch asks of scalable targets: to follow an alarm."""
from __future__ import annotations

from cloche.kernel import Call


def alarmed(call: Call, policy: str, alarm: str, state: str) -> None:
    """The alarm is in a state for which it names this policy; inside a step."""
    from . import policies
    call.cloud.service("application-autoscaling")
    policies.alarmed(call.of("application-autoscaling"), policy, alarm, state)


__all__ = ["alarmed"]
