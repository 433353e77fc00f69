"""What a running template knows and what it may still spend.

Templates run inside the one loop, so each node costs a step and the purse is finite: nested loops cannot stop the world.
"""
from __future__ import annotations

from typing import Any

from .errors import VtlError

STEPS = 300_000
LENGTH = 10_000_000        # characters a single value or a whole answer may have
LOOPS = 1_000              # "foreach" iterations, API Gateway's quota
DEPTH = 20                 # Velocity's own limit of macro calls inside macro calls


class Break(Exception):
    """#break: leave the innermost #foreach."""


class Stop(Exception):
    """#stop: leave the template."""


class Scope:
    __slots__ = ("depth", "literal", "macros", "names", "steps")

    def __init__(self, names: dict[str, Any], literal: bool) -> None:
        self.names, self.literal, self.macros, self.steps, self.depth = names, literal, {}, STEPS, 0

    def spend(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise VtlError("the template takes too many steps")
