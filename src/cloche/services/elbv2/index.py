"""Who belongs to whom: listeners of a load balancer, rules of a listener, targets and users of a target group. Made anew when a record has changed."""
from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

if TYPE_CHECKING:
    from .listeners import Listener
    from .rules import Rule
    from .targets import Target


class Index:
    def __init__(self, call: Call) -> None:
        from . import listeners, rules, targets
        self.listeners: dict[str, list[Listener]] = defaultdict(list)
        self.rules: dict[str, list[Rule]] = defaultdict(list)
        self.targets: dict[str, list[Target]] = defaultdict(list)
        self.users: dict[str, set[str]] = defaultdict(set)          # target group's ARN -> ARNs of load balancers
        self.listeners_by_arn: dict[str, Listener] = {}
        for listener in sorted(call.all(listeners.Listener), key=lambda one: one.created):
            self.listeners[listener.balancer].append(listener)
            self.listeners_by_arn[listener.arn] = listener
            self._uses(listener.actions, listener.balancer)
        for rule in sorted(call.all(rules.Rule), key=lambda one: one.priority):
            self.rules[rule.listener].append(rule)
            if owner := self.listeners_by_arn.get(rule.listener):
                self._uses(rule.actions, owner.balancer)
        for target in call.all(targets.Target):
            self.targets[target.group].append(target)

    def _uses(self, actions: Any, balancer: str) -> None:
        for action in actions:
            for one in (action.get("ForwardConfig") or {}).get("TargetGroups", ()):
                self.users[one["TargetGroupArn"]].add(balancer)


def index(call: Call) -> Index:
    kept = call.cloud.memory.setdefault("elbv2.index", {})
    version, where = call.cloud.store.version, (call.account, call.region)
    found = kept.get(where)
    if found is None or found[0] != version:
        found = kept[where] = (version, Index(call))
    return found[1]
