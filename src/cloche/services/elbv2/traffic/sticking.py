"""Which target a client comes back to, by the cookies it brings, and which cookies its answer takes along."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from ..target_groups import TargetGroup
from ..targets import Target
from . import cookies
from .entry import Entry
from .state import nonce, seal

BALANCER, GROUP, APPLICATION = "AWSALB", "AWSALBTG", "AWSALBAPP-0"


class Sticking:
    """Of one request. `config` is the forward action's."""

    def __init__(self, call: Call, config: Any, entry: Entry) -> None:
        self.call, self.config = call, config
        self.given = cookies.given(entry.headers)
        self.groups = config.get("TargetGroupStickinessConfig") or {}
        self.stuck = False

    def _read(self, name: str) -> list[Any]:
        """What a cookie says, if it is ours and good still: [what, until]."""
        text = self.given.get(name) or self.given.get(f"{name}CORS")
        said = cookies.unseal(seal(self.call), text) if text else None
        return said if isinstance(said, list) and len(said) == 3 and said[0] == name and said[2] > self.call.now else []

    def _write(self, name: str, what: str, seconds: float) -> str:
        return cookies.seal(seal(self.call), nonce(self.call), [name, what, self.call.now + seconds])

    def group(self) -> str:
        """The target group that an earlier answer came from, if it still takes part with a weight."""
        if not self.groups.get("Enabled") or len(self.config["TargetGroups"]) < 2:
            return ""
        said = self._read(GROUP)
        return said[1] if said and any(one["TargetGroupArn"] == said[1] and one["Weight"] for one in self.config["TargetGroups"]) else ""

    def _kind(self, group: TargetGroup) -> str:
        return group.attribute("stickiness.type") if group.attribute("stickiness.enabled") == "true" else ""

    def target(self, group: TargetGroup, found: list[Target]) -> Target | None:
        """None: anyone. A target that is unwell or deregistered is not among `found`, so the client moves on."""
        kind = self._kind(group)
        if not kind:
            return None
        if kind == "app_cookie" and group.attribute("stickiness.app_cookie.cookie_name") not in self.given:
            return None                                        # the application's cookie is gone, and the binding with it
        said = self._read(BALANCER if kind == "lb_cookie" else APPLICATION)
        target = next((one for one in found if said and said[1] == f"{one.key}@{one.registered}"), None)
        self.stuck = target is not None
        return target

    def cookies(self, group: TargetGroup, target: Target, answered: list[tuple[str, str]]) -> list[tuple[str, str]]:
        out: list[tuple[str, str]] = []
        now, name = self.call.now, f"{target.key}@{target.registered}"
        if self.groups.get("Enabled") and len(self.config["TargetGroups"]) > 1:
            seconds = float(self.groups["DurationSeconds"])
            out += cookies.pair(GROUP, self._write(GROUP, group.arn, seconds), now + seconds)
        kind = self._kind(group)
        if kind == "lb_cookie":                                # made anew with each answer: its time runs from the last request
            seconds = float(group.attribute("stickiness.lb_cookie.duration_seconds"))
            out += cookies.pair(BALANCER, self._write(BALANCER, name, seconds), now + seconds)
        elif kind == "app_cookie" and cookies.sets(answered, group.attribute("stickiness.app_cookie.cookie_name")):
            seconds = float(group.attribute("stickiness.app_cookie.duration_seconds"))
            out += cookies.single(APPLICATION, self._write(APPLICATION, name, seconds), now + seconds)
        return out
