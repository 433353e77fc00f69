"""How often in the last while: one counter a second and key, so that a window costs its seconds and not its requests."""
from __future__ import annotations

KEYS = 10_000   # keys that one rule remembers, as on AWS


class Rates:
    def __init__(self) -> None:
        self.rules: dict[str, dict[str, dict[int, int]]] = {}

    def count(self, rule: str, key: str, now: float, window: int) -> int:
        """This request and those of the window before it."""
        keys = self.rules.setdefault(rule, {})
        seconds = keys.pop(key, {})
        keys[key] = seconds                    # the latest stands last
        while len(keys) > KEYS:
            del keys[next(iter(keys))]
        second = int(now)
        for old in [one for one in seconds if one <= second - window]:
            del seconds[old]
        seconds[second] = seconds.get(second, 0) + 1
        return sum(seconds.values())

    def over(self, rule: str, now: float, window: int, limit: int) -> list[str]:
        """The keys that are over the limit now."""
        first = int(now) - window
        return [key for key, seconds in self.rules.get(rule, {}).items() if sum(n for at, n in seconds.items() if at > first) > limit]

    def forget(self, prefix: str) -> None:
        for rule in [one for one in self.rules if one.startswith(prefix)]:
            del self.rules[rule]
