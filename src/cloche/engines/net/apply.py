"""A plan made true: the steps from what is there to what is wanted, in the world's namespaces.

Filters come before the links they filter. A transaction of nftables that the kernel refuses is made again from the whole table, once: what is believed
to be there may be wrong after a fault, the wanted text is not.
"""
from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Protocol

from ..world import WorldError
from .nft import TABLE
from .plan import RULE6, Plan, Space, Step, steps

log = logging.getLogger("cloche")


class World(Protocol):
    async def namespace(self, name: str) -> None: ...
    async def drop(self, name: str) -> None: ...
    async def run(self, name: str, argv: list[str], stdin: bytes = b"", timeout: float = ...) -> tuple[int, bytes, bytes]: ...
    async def sysctl(self, name: str, **values: str | int) -> None: ...


class Refused(Exception):
    """The kernel did not take a step; the text says which and why."""


class Network:
    """What is in the kernel, as far as this process put it there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = Plan()

    async def become(self, plan: Plan) -> None:
        """From the plan that stands to this one; steps of a kind run together, kinds one after the other. A step that fails keeps none of the others
        from being tried; Refused says at the end which did."""
        todo = steps(self.plan, plan)
        self.plan = plan
        failed: list[str] = []

        async def take(step: Step) -> None:
            try:
                await self._step(plan, step)
            except (Refused, WorldError) as error:
                failed.append(f"{step.do} in {step.space}: {error}")

        for _, alike in itertools.groupby(todo, key=lambda one: one.do):
            await asyncio.gather(*(take(step) for step in alike))
        if failed:
            raise Refused("; ".join(failed))

    async def refresh(self, name: str) -> None:
        """Addresses and routes of a space once more, for one whose owner may have changed them: what is there already is left alone."""
        space = self.plan.spaces.get(name)
        if space is None:
            return
        links = sorted({line.link for line in space.lines if line.link})
        text = "".join(f"link set dev {link} up\n" for link in links) + "".join(f"{line.verb} add {line.text}\n" for line in sorted(space.lines) if line.rank != RULE6)
        await self.world.run(name, ["ip", "-force", "-batch", "-"], text.encode())

    async def _step(self, plan: Plan, step: Step) -> None:
        if step.do == "space":
            await self.world.namespace(step.space)
        elif step.do == "drop":
            await self.world.drop(step.space)
        elif step.do == "sysctl":
            await self.world.sysctl(step.space, **dict(step.values))
        elif step.do == "nft":
            await self._filter(step, plan.spaces.get(step.space, Space()))
        else:
            argv = ["ip", *(["-6"] if step.do == "ip6" else []), "-force", "-batch", "-"]
            code, _, err = await self.world.run(step.space, argv, step.text.encode())
            if code:
                log.warning("network %s: ip said %s", step.space, err.decode(errors="replace").strip())

    async def _filter(self, step: Step, space: Space) -> None:
        code, _, err = await self.world.run(step.space, ["nft", "-f", "-"], step.text.encode())
        if not code:
            return
        log.warning("network %s: nft said %s; its table is made anew", step.space, err.decode(errors="replace").strip())
        whole = f"add table {TABLE}\ndelete table {TABLE}\n{space.rules.text()}"
        code, _, err = await self.world.run(step.space, ["nft", "-f", "-"], whole.encode())
        if code:
            raise Refused(f"{step.space}: {err.decode(errors='replace').strip()}")
