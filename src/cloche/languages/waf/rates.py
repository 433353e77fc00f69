"""How often in the last while: one counter a second and key, so that a window costs its seconds and not its requests."""
from __future__ import annotations

KEYS = 10_000   # keys that one rule remembers, as on AWS
VALUES = 200    # different values that are remembered with a key


class Rates:
    def __init__(self) -> None:
        self.rules: dict[str, dict[str, dict[int, int]]] = {}
        self.values: dict[str, dict[str, dict[str, float]]] = {}

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

    def seen(self, rule: str, key: str, now: float, window: int) -> int:
        """Those of the window, without adding one."""
        return sum(n for at, n in self.rules.get(rule, {}).get(key, {}).items() if at > int(now) - window)

    def different(self, rule: str, key: str, value: str, now: float, window: int) -> int:
        """How many different values came with the key in the window, this one among them."""
        keys = self.values.setdefault(rule, {})
        seen = {one: at for one, at in keys.pop(key, {}).items() if at > now - window}
        seen[value] = now
        while len(seen) > VALUES:
            del seen[next(iter(seen))]
        keys[key] = seen
        while len(keys) > KEYS:
            del keys[next(iter(keys))]
        return len(seen)

    def over(self, rule: str, now: float, window: int, limit: int) -> list[str]:
        """The keys that are over the limit now."""
        first = int(now) - window
        return [key for key, seconds in self.rules.get(rule, {}).items() if sum(n for at, n in seconds.items() if at > first) > limit]

    def forget(self, prefix: str) -> None:
        for kept in (self.rules, self.values):
            for rule in [one for one in kept if one.startswith(prefix)]:
                del kept[rule]
