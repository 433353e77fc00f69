"""What this process holds of a task that runs: its network, its containers. Lost with the process, and so are they."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from cloche.engines.oci import Config
from cloche.engines.world.containers import Main, Person
from cloche.kernel import Call

from .definitions import Definition


class Failed(Exception):
    """A task cannot start; the text is its stoppedReason."""

    def __init__(self, reason: str, container: str = "") -> None:
        super().__init__(reason)
        self.reason, self.container = reason, container


class Live:
    """A container: `said` is its definition, `over` what the launch says otherwise."""

    def __init__(self, said: dict[str, Any], over: dict[str, Any], machine: str, runtime: str, root: Path, config: Config, values: dict[str, str]) -> None:
        self.name: str = said["name"]
        self.said, self.over, self.machine, self.runtime, self.root, self.config, self.values = said, over, machine, runtime, root, config, values
        self.state = "waiting"          # running, ended
        self.code = 0
        self.why = ""
        self.health = "UNKNOWN"
        self.failed = 0                 # checks in a row
        self.began = 0.0
        self.restarts = 0
        self.asked = self.killed = False
        self.main: Main | None = None
        self.person = Person()
        self.host = ""
        self.network = ""               # of its own, in bridge mode
        self.address = ""
        self.lines: list[tuple[int, str]] = []
        self.partial = {False: b"", True: b""}
        self.used = 0.0                 # seconds of processor at the last look


class Pod:
    def __init__(self, task: str, account: str, region: str, definition: Definition) -> None:
        self.task, self.account, self.region, self.definition = task, account, region, definition
        self.network = self.vpc = self.address = self.host = ""
        self.lives: dict[str, Live] = {}
        self.mounts: dict[str, list[Any]] = {}
        self.ending = False
        self.credentials: dict[str, Any] = {}
        self.secret = ""                # the path under which its credentials are


def pods(call: Call) -> dict[str, Pod]:
    found: dict[str, Pod] = call.cloud.memory.setdefault("ecs.pods", {})
    return found
