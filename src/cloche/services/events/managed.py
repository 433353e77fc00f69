"""Rules that an AWS service keeps on a bus for its own use. Their owner alone changes them; who deletes one by force is let."""
from __future__ import annotations

from cloche.kernel import Call

from . import errors, rules
from .buses import look
from .rules import Rule


def keep_rule(call: Call, bus: str, name: str, pattern: str, target: str, by: str) -> None:
    here = call.of("events")
    here.put(Rule(bus, name, rules.rule_arn(here, bus, name), pattern, created_by=here.account, managed_by=by, targets=({"Id": name[:64], "Arn": target},)))


def drop_rule(call: Call, bus: str, name: str) -> None:
    here = call.of("events")
    found = here.get(Rule, f"{bus}/{name}")
    if found is not None:
        here.delete(found)


def has_bus(call: Call, name: str) -> bool:
    return look(call.of("events"), name) is not None


def refuse(rule: Rule | None, force: bool = False) -> None:
    if rule is not None and rule.managed_by and not force:
        raise errors.managed(rule.name, rule.managed_by)
