"""Rules that follow the clock: one timer a rule, which plans its successor each time it runs."""
from __future__ import annotations

from cloche.kernel import Call
from cloche.languages import schedule

from . import delivery
from . import service as events
from .rules import Rule

LATE_SECONDS = 60  # a cloud that was down so long does not make up for every firing it slept through


def begin(call: Call, rule: Rule) -> None:
    """A rate fires first one period from now."""
    due = schedule.parse(rule.schedule).next(call.now)
    if due is None:
        end(call, rule)
    else:
        call.due(due, fire, name=rule.key, rule=rule.key, at=due)


def end(call: Call, rule: Rule) -> None:
    call.cancel(fire, rule.key)


@events.timer
def fire(call: Call, rule: str, at: float) -> None:
    from .putting import envelope
    found = call.get(Rule, rule)
    if found is None or not found.enabled or not found.schedule:
        return
    following = schedule.parse(found.schedule).next(at if call.now - at < LATE_SECONDS else call.now)
    if following is not None:
        call.due(following, fire, name=rule, rule=rule, at=following)
    event = envelope(call, "aws.events", "Scheduled Event", {}, [found.arn], at)
    for target in found.targets:
        delivery.hand_over(call, found, target, event)
