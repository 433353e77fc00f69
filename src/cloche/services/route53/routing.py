"""Which of several sets of one name and type is answered: by weight, nearness, place, health. Pure but for the dice it is given."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import geography

MOST_VALUES = 8
Healthy = Callable[[dict[str, Any]], bool]


def choose(sets: list[dict[str, Any]], healthy: Healthy, region: str, dice: Any) -> list[dict[str, Any]]:
    """One set as a rule; up to eight for multivalue answers; none where no place fits. `sets` are of one kind."""
    first = sets[0]
    if "SetIdentifier" not in first:
        return [first]
    if "Weight" in first:
        return _weighted(sets, healthy, dice)
    if "Region" in first:
        nearest = sorted(sets, key=lambda one: geography.distance(one["Region"], region))
        return [next((one for one in nearest if healthy(one)), nearest[0])]
    if "Failover" in first:
        by_role = {one["Failover"]: one for one in sets}
        order = [by_role[role] for role in ("PRIMARY", "SECONDARY") if role in by_role]
        return [next((one for one in order if healthy(one)), order[0])]
    if "GeoLocation" in first:
        return _located(sets, healthy, region)
    well = [one for one in sets if healthy(one)] or sets
    return well if len(well) <= MOST_VALUES else dice.sample(well, MOST_VALUES)


def _weighted(sets: list[dict[str, Any]], healthy: Healthy, dice: Any) -> list[dict[str, Any]]:
    """Sets of weight 0 are answered only if no other is healthy; all of weight 0 are equally likely."""
    for among in ([one for one in sets if one["Weight"]], [one for one in sets if not one["Weight"]]):
        if well := [one for one in among if healthy(one)]:
            return dice.choices(well, [one["Weight"] or 1 for one in well])  # type: ignore[no-any-return]
    return dice.choices(sets, [one["Weight"] or 1 for one in sets])  # type: ignore[no-any-return]


def _located(sets: list[dict[str, Any]], healthy: Healthy, region: str) -> list[dict[str, Any]]:
    """The country before the continent before everywhere else (`*`)."""
    continent, country = geography.country(region)
    fitting = [one for where in ({"CountryCode": country}, {"ContinentCode": continent}, {"CountryCode": "*"}) for one in sets if one["GeoLocation"] == where]
    return [next((one for one in fitting if healthy(one)), fitting[0])] if fitting else []
