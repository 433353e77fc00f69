"""What others ask of EventBridge behind the curtain: CloudTrail, and whoever starts targets as rules do (Scheduler, Pipes)."""
from __future__ import annotations

from cloche.kernel import Call

from .api_destinations import call_destination
from .reaching import call_rest_api, stands, start
from .rules import READS_TOO, Rule

__all__ = ["call_destination", "call_rest_api", "hears_reads", "stands", "start"]


def hears_reads(call: Call) -> bool:
    """Is there a rule that wants to hear of calls that only read?"""
    return any(rule.state == READS_TOO for rule in call.of("events").all(Rule))
