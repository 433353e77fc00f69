"""Which instance goes and where the next one comes: pure functions over what is there."""
from __future__ import annotations

from collections import Counter
from typing import Any

from .instances import COUNTED, Instance


def spread(subnets: dict[str, str], members: list[Instance], count: int) -> list[str]:
    """Subnets for so many new instances, so that zones (and in a zone its subnets) stay even."""
    zones = Counter({zone: 0 for zone in subnets.values()})
    places = Counter({subnet: 0 for subnet in subnets})
    for one in members:
        if one.lifecycle in COUNTED and not one.warm:
            if one.zone in zones:
                zones[one.zone] += 1
            if one.subnet in places:
                places[one.subnet] += 1
    chosen = []
    for _ in range(count):
        zone = min(zones, key=lambda name: (zones[name], name))
        subnet = min((s for s, where in subnets.items() if where == zone), key=lambda s: (places[s], s))
        chosen.append(subnet)
        zones[zone] += 1
        places[subnet] += 1
    return chosen


def uneven(subnets: dict[str, str], members: list[Instance]) -> bool:
    """Could one more here and one less there make zones more even?"""
    zones = Counter({zone: 0 for zone in subnets.values()})
    for one in members:
        if one.lifecycle in COUNTED and not one.warm:
            zones[one.zone] += 1
    return bool(zones) and max(zones.values()) - min(zones.values()) > 1


def victims(members: list[Instance], count: int, policies: list[str], current: dict[str, Any], now: float) -> list[Instance]:
    """Unhealthy ones first; then of the fullest zone, by the termination policies in their order. Protected ones never."""
    left = [one for one in members if one.lifecycle in COUNTED and not one.warm]
    chosen: list[Instance] = []
    while len(chosen) < count:
        free = [one for one in left if not one.protected]
        if not free:
            break
        sick = [one for one in free if one.health != "Healthy"]
        zones = Counter(one.zone for one in left)
        most = max(zones[one.zone] for one in free)
        pool = sick or [one for one in free if zones[one.zone] == most]
        victim = narrowed(pool, policies, current, now)
        chosen.append(victim)
        left.remove(victim)
    return chosen


def narrowed(pool: list[Instance], policies: list[str], current: dict[str, Any], now: float) -> Instance:
    for policy in policies:
        if len(pool) == 1:
            break
        pool = one_policy(policy, pool, current, now)
    return min(pool, key=lambda one: (one.launched, one.id))


def one_policy(policy: str, pool: list[Instance], current: dict[str, Any], now: float) -> list[Instance]:
    if policy == "OldestInstance":
        return extreme(pool, lambda one: one.launched)
    if policy == "NewestInstance":
        return extreme(pool, lambda one: -one.launched)
    if policy in ("OldestLaunchConfiguration", "OldestLaunchTemplate"):
        return old_ones(pool, current) or pool
    if policy == "ClosestToNextInstanceHour":
        return extreme(pool, lambda one: 3600 - (now - one.launched) % 3600)
    if policy == "Default":
        return extreme(old_ones(pool, current) or pool, lambda one: 3600 - (now - one.launched) % 3600)
    return pool


def old_ones(pool: list[Instance], current: dict[str, Any]) -> list[Instance]:
    """Those launched from something else than the group would launch now."""
    other = [one for one in pool if one.note != current]
    versions = [int(one.note["LaunchTemplate"]["Version"]) for one in other if "LaunchTemplate" in one.note]
    if versions and len(versions) == len(other):
        return [one for one in other if int(one.note["LaunchTemplate"]["Version"]) == min(versions)]
    return other


def extreme(pool: list[Instance], key: Any) -> list[Instance]:
    least = min(key(one) for one in pool)
    return [one for one in pool if key(one) == least]
