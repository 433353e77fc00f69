"""A definition ready to answer: its routes as a tree. One is made for each deployment and kept in memory."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from ..stages import Deployment


class Place:
    __slots__ = ("greedy", "routes", "static", "variable")

    def __init__(self) -> None:
        self.static: dict[str, Place] = {}
        self.variable: Place | None = None
        self.greedy: Place | None = None
        self.routes: dict[str, dict[str, Any]] = {}     # by verb


class Live:
    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.definition = deployment, deployment.definition
        self.root = Place()
        self.default: dict[str, Any] | None = None
        for route in self.definition.routes.values():
            if route["RouteKey"] == "$default":
                self.default = route
                continue
            verb, _, path = route["RouteKey"].partition(" ")
            place = self.root
            for part in segments_of(path):
                if part.endswith("+}"):
                    place.greedy = place.greedy or Place()
                    place = place.greedy
                elif part.startswith("{"):
                    place.variable = place.variable or Place()
                    place = place.variable
                else:
                    place = place.static.setdefault(part, Place())
            place.routes[verb] = route

    def match(self, path: str, verb: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        found = walk(self.root, segments_of(path), 0, verb, [])
        if found is None:
            return (self.default, {}) if self.default else None
        route, values = found
        names = [p.strip("{}").rstrip("+") for p in route["RouteKey"].partition(" ")[2].split("/") if p.startswith("{")]
        return route, dict(zip(names, values))


def segments_of(path: str) -> list[str]:
    inner = path.strip("/")
    return inner.split("/") if inner else []


def walk(place: Place, segments: list[str], i: int, verb: str, values: list[str]) -> tuple[dict[str, Any], list[str]] | None:
    """A full match wins over a greedy one, wherever the greedy one begins."""
    if i == len(segments):
        if route := place.routes.get(verb) or place.routes.get("ANY"):
            return route, values
        return None
    if (below := place.static.get(segments[i])) and (found := walk(below, segments, i + 1, verb, values)):
        return found
    if place.variable and (found := walk(place.variable, segments, i + 1, verb, [*values, segments[i]])):
        return found
    if place.greedy and (route := place.greedy.routes.get(verb) or place.greedy.routes.get("ANY")):
        return route, [*values, "/".join(segments[i:])]
    return None


def live(call: Call, deployment: Deployment) -> Live:
    kept = call.cloud.memory.setdefault("apigatewayv2.live", {})
    found = kept.get(deployment.key)
    if found is None or found.deployment is not deployment:
        if len(kept) > 500:
            kept.clear()
        found = kept[deployment.key] = Live(deployment)
    return found  # type: ignore[no-any-return]
