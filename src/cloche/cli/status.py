"""Is it up, where, and what time is it in there."""
from __future__ import annotations

import argparse

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)


def run(args: argparse.Namespace) -> int:
    health = talk.ask(args, "health")
    clock = talk.ask(args, "clock")
    ahead = clock["offset_seconds"]
    print(f"up at {talk.url(args)}, version {health['version']}")
    print(f"it is {clock['now']} in there" + (f", {ahead:,.0f} s ahead of the wall" if abs(ahead) > 1 else "") + (", standing still" if clock["frozen"] else ""))
    print("services in use: " + (", ".join(health["services"]) or "none yet"))
    return 0
