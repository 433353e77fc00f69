"""What CloudTrail asks EventBridge behind the curtain."""
from __future__ import annotations

from cloche.kernel import Call

from .rules import READS_TOO, Rule


def hears_reads(call: Call) -> bool:
    """Is there a rule that wants to hear of calls that only read?"""
    return any(rule.state == READS_TOO for rule in call.of("events").all(Rule))
