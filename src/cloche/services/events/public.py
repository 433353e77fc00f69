"""What others ask of EventBridge behind the curtain: CloudTrail, and whoever starts targets as rules do (Scheduler, Pipes)."""
from __future__ import annotations

from cloche.kernel import Call

from .api_destinations import call_destination
from .connections import by_arn as connection
from .connections import send as send_over
from .managed import drop_rule, has_bus, keep_rule
from .reaching import call_rest_api, stands, start
from .rules import READS_TOO, Rule

__all__ = ["call_destination", "call_rest_api", "connection", "drop_rule", "has_bus", "hears_reads", "keep_rule", "send_over", "stands", "start"]


def hears_reads(call: Call) -> bool:
    """Is there a rule that wants to hear of calls that only read?"""
    return any(rule.state == READS_TOO for rule in call.of("events").all(Rule))
