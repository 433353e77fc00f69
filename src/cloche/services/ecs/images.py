"""Images of containers: pulled from Cloche's own ECR by who may, unpacked once for all, and how their process is begun."""
from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from cloche.engines.oci import Broken, Config, Rooms, configs, people, references
from cloche.engines.world import World
from cloche.engines.world.containers import Person
from cloche.kernel import AwsError, Call
from cloche.services.ecr import public as ecr

from .pods import Failed, Live


def rooms(call: Call, held: World) -> Rooms:
    kept = call.cloud.memory.get("ecs.rooms")
    if kept is None or kept.shift != held.shift:
        kept = call.cloud.memory["ecs.rooms"] = Rooms(Path(call.cloud.data) / "ecs" / "images", held.shift)
    return kept  # type: ignore[no-any-return]


async def pulled(call: Call, held: World, role: Any, one: dict[str, Any]) -> tuple[Path, Config, str]:
    """Root, configuration and digest. Raises Failed in ECS's words."""
    wanted = references.parse(one["image"])
    if wanted is None:
        raise Failed(f"CannotPullContainerError: invalid reference format: {one['image']}", one["name"])
    if not wanted.account:
        raise Failed(f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {named(wanted)}: failed to do request: "
                     f"{wanted.registry} cannot be reached from here (push the image to an ECR repository of this cloud)", one["name"])
    try:
        found = ecr.pull(role.acting("pull"), wanted)
        return await rooms(call, held).root(found.layers), found.config, found.named
    except AwsError as error:
        if error.code in ("RepositoryNotFoundException", "ImageNotFoundException"):
            why = f"pull image manifest has been retried 1 time(s): failed to resolve ref {named(wanted)}: {named(wanted)}: not found"
        elif error.code.startswith("AccessDenied"):
            why = f"pull image manifest has been retried 1 time(s): failed to resolve ref {named(wanted)}: pulling from host {wanted.registry} failed with status code 403 Forbidden: {error.message}"
        else:
            why = error.message
        raise Failed(f"CannotPullContainerError: {why}", one["name"]) from None
    except Broken as error:
        raise Failed(f"CannotPullContainerError: {error}", one["name"]) from None


def named(wanted: references.Reference) -> str:
    return f"{wanted.registry}/{wanted.repository}" + (f"@{wanted.digest}" if wanted.digest else f":{wanted.tag}")


def argv(live: Live) -> list[str]:
    return configs.argv(live.config, live.said.get("entryPoint"), live.over.get("command") or live.said.get("command"))


def person(live: Live) -> Person:
    try:
        uid, gid, home = people.who(live.root, live.said.get("user") or live.config.user)
    except Broken as error:
        raise Failed(f"CannotStartContainerError: Error response from daemon: {error}", live.name) from None
    return Person(uid, gid, home, live.said.get("workingDirectory") or live.config.directory)


async def removed(path: Path) -> None:
    await asyncio.to_thread(shutil.rmtree, path, True)
