"""SnapStart: a published version is initialised once, and its environments are copies of that.

The snapshot is a process that is kept (engines/run/inside/snapshot.py), so it lives as long as the server: after a restart the first invocation takes
another, as AWS does now and then. Credentials are not in it: a copy asks for its own where AWS_CONTAINER_CREDENTIALS_FULL_URI says.
"""
from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.engines.run.invocation import Credentials, Spec
from cloche.engines.run.lambda_runtime import Environment, SandboxError
from cloche.engines.run.runtime_api import CREDENTIALS
from cloche.engines.run.sandbox import Zygote
from cloche.kernel import AwsError, Call

from . import errors, logs, packages, trust
from . import service as lambda_
from .records import Version
from .roles import session

if TYPE_CHECKING:
    from .pool import Pools

INIT_SECONDS = 130.0
SHORT_SECONDS = 30.0  # what a snapshot itself is told of its credentials: whoever holds them in a copy asks anew
IN_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Snapshot(NamedTuple):
    environment: Environment
    copier: Zygote
    failed: str  # what its init ended with
    why: str


def spec(call: Call, version: Version, opt: str | None, credentials: Any, stream: str, seconds: float | None = None) -> Spec:
    from .pool import spec as ordinary
    made = ordinary(call, version, opt, credentials, stream, "snap-start")
    authorization = f"snapstart-{version.sha[:32]}"
    variables = {name: value for name, value in made.variables.items() if name not in IN_VARIABLES}
    variables |= trust.VARIABLES | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:9001{CREDENTIALS}", "AWS_CONTAINER_AUTHORIZATION_TOKEN": authorization}
    left = credentials.expires - call.now if seconds is None else seconds
    return made._replace(variables=variables, credentials=Credentials(credentials.access_key, credentials.secret, credentials.token, left, authorization))


def place(call: Call, version: Version) -> tuple[str, str, str, str]:
    return call.account, call.region, version.function, version.version


@lambda_.worker
async def take(call: Call, key: str) -> None:
    """At publishing: the version is Pending until its snapshot is there."""
    from .running import settled
    await settled(call, key.partition(":")[0])
    version = call.get(Version, key)
    if version is None or version.state != "Pending":
        return
    code, why = "", ""
    try:
        snapshot = await photograph(call, version)
        code, why = snapshot.failed, snapshot.why
    except AwsError as error:
        code, why = error.code, error.message
    except SandboxError as error:
        code, why = "InternalError", f"Cloche could not take the snapshot: {error}"
    with call.step():
        version = call.get(Version, key)
        if version and version.state == "Pending":
            status = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off" if code else "On"}
            call.put(version.but(state="Failed" if code else "Active", code="FunctionError" if "." in code else code and "InternalError", reason=why, config=version.config | {"SnapStart": status}))


async def copier(call: Call, version: Version) -> Zygote:
    """Who makes environments of it; after a restart, or when somebody ended the process, the snapshot is taken again."""
    from .pool import pools
    held = pools(call.cloud).snapshots.get(place(call, version))
    if held is None or held.environment.dead or held.copier.dead:
        held = await photograph(call, version)
    if held.failed:
        raise errors.snapshot_failed(held.why)
    return held.copier


async def photograph(call: Call, version: Version) -> Snapshot:
    """Those who ask at the same moment get the same."""
    from .pool import pools
    room = pools(call.cloud)
    taking: dict[Any, asyncio.Task[Snapshot]] = call.cloud.memory.setdefault("lambda.photographs", {})
    key = place(call, version)
    if key not in taking:
        taking[key] = asyncio.ensure_future(_photograph(call, version, room))
        taking[key].add_done_callback(lambda _: taking.pop(key, None))
    return await asyncio.shield(taking[key])


async def _photograph(call: Call, version: Version, room: Pools) -> Snapshot:
    opt = await packages.ready(call, version.sha, version.layers)
    extensions = packages.code_root(call.cloud) / (opt or "") / "extensions"
    if opt and extensions.is_dir() and any(extensions.iterdir()):
        raise errors.cannot_run("Cloche's SnapStart snapshots hold one process: an extension cannot be in one.")
    credentials = session(call, version.role, version.function)
    stream = f"{time.strftime('%Y/%m/%d', time.gmtime(call.now))}/[{version.version}]{call.id(digits=32)}"
    await trust.made(call.cloud)
    made = spec(call, version, opt, credentials, stream, SHORT_SECONDS)._replace(binds=trust.binds(call.cloud))
    environment, copier_ = await room.engine.photograph(made)
    await asyncio.wait({environment.ready}, timeout=INIT_SECONDS)
    outcome = environment.ready.result() if environment.ready.done() else None
    failed = outcome.error_type if outcome else "" if environment.ready.done() else "Runtime.InitTimeout"
    why = outcome.payload.decode("utf-8", "replace") if outcome else f"Init timed out after {INIT_SECONDS:.0f} seconds" if failed else ""
    out = logs.initialised(version, environment, failed)
    with call.step():
        logs.put(call, version, stream, out, time_of(out))
    if failed:
        environment.kill()
        return Snapshot(environment, copier_, failed, why)
    held = room.snapshots[place(call, version)] = Snapshot(environment, copier_, failed, why)
    return held


def time_of(out: list[tuple[float, str]]) -> float:
    return out[-1][0]
