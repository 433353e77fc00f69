"""An image's configuration: what its author says of how it is to be run. Pure."""
from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from .unpack import Broken


class Config(Struct, frozen=True):
    env: dict[str, str] = {}
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    directory: str = "/"
    user: str = ""
    ports: tuple[tuple[int, str], ...] = ()   # (8080, "tcp")
    volumes: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    health: dict[str, Any] = {}               # Test, Interval (ns), Timeout, Retries, StartPeriod
    architecture: str = ""
    system: str = "linux"
    labels: dict[str, str] = {}


def read(raw: bytes) -> Config:
    try:
        document = json.loads(raw)
        its = document.get("config") or {}
        ports = []
        for port in its.get("ExposedPorts") or {}:
            number, _, protocol = port.partition("/")
            ports.append((int(number), protocol or "tcp"))
        return Config(
            env=dict(line.split("=", 1) if "=" in line else (line, "") for line in its.get("Env") or []), entrypoint=words(its.get("Entrypoint")), command=words(its.get("Cmd")),
            directory=its.get("WorkingDir") or "/", user=its.get("User") or "", ports=tuple(ports), volumes=tuple(its.get("Volumes") or {}),
            stop_signal=its.get("StopSignal") or "SIGTERM", health=its.get("Healthcheck") or {}, architecture=document.get("architecture", ""),
            system=document.get("os", "linux"), labels=its.get("Labels") or {})
    except (ValueError, AttributeError, TypeError):
        raise Broken("the image's configuration cannot be read") from None


def words(given: Any) -> tuple[str, ...]:
    """A command as a list; a text is the shell's."""
    return ("/bin/sh", "-c", given) if isinstance(given, str) else tuple(given or ())


def argv(config: Config, entrypoint: list[str] | None, command: list[str] | None) -> list[str]:
    """What is run: an entry point given to the container drops the image's command too, as docker has it."""
    if entrypoint:
        return [*entrypoint, *(command or ())]
    return [*config.entrypoint, *(command if command else config.command)]
