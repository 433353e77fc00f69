"""Environments, warm and cold, of every version: started when asked for, kept while idle, ended when they age or what they were made from changes.

In memory only: after a restart all functions are cold. Idle time is real time, the age of credentials virtual.
"""
from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from pathlib import Path
from typing import Any

from cloche.engines import certificates
from cloche.engines.net.hyperplane import Way
from cloche.engines.run.invocation import Joined, Spec
from cloche.engines.run.lambda_runtime import Engine, Environment, SandboxError
from cloche.engines.world import WorldError
from cloche.kernel import AwsError, Call, Response, doors
from cloche.services.ec2 import public as ec2

from . import errors, file_systems, images, pace, packages, sealing, snapshots, trust, vpc
from .records import Version
from .roles import SPARE_SECONDS, session

IDLE_SECONDS = 600.0
MOST = 300  # environments on this machine at a time; whoever wants more waits for one

Key = tuple[str, str, str, str, str]  # account, region, function, version, tenant


class Warm:
    """An environment with what the service knows of it."""

    __slots__ = ("environment", "expires", "idle_since", "key", "made_from", "provisioned", "stream", "way")

    def __init__(self, key: Key, made_from: str, environment: Environment, stream: str, expires: float, provisioned: bool, way: Way | None = None) -> None:
        self.key, self.made_from, self.environment, self.stream, self.expires, self.provisioned = key, made_from, environment, stream, expires, provisioned
        self.way = way
        self.idle_since = 0.0


class Pools:
    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.engine = Engine(packages.code_root(cloud), Path(cloud.data) / "cache", self._serve, ports_of(cloud), file_systems.shared(cloud), self._serve_secure, self._heard)
        self.idle: dict[Key, list[Warm]] = {}
        self.busy: dict[Key, set[Warm]] = {}
        self.snapshots: dict[tuple[str, str, str, str], Any] = {}  # account, region, function, version -> snapshots.Snapshot
        self.inside: Any = None  # the server that environments see
        self.tls: Any = None
        self.count = 0  # alive or being made
        self.queue: deque[asyncio.Future[None]] = deque()
        self.running: dict[tuple[str, str, str], int] = {}  # account, region, function ("" for all without a reservation) -> invocations now
        self.reaper: asyncio.TimerHandle | None = None
        cloud.closers.append(self.close)

    async def _serve(self, sock: Any) -> Any:
        if self.inside is None:
            server = self.cloud.memory["server"]
            self.inside = type(server)(self._handle, server.date, server.trouble)
        return Listening(self.inside, await self.inside.listen(sock=sock))

    async def _serve_secure(self, sock: Any) -> Any:
        """AWS's hosts by name, as HTTPS."""
        if self.tls is None:
            self.tls = certificates.context(Path(self.cloud.data))
        return Listening(self.inside, await self.inside.listen(sock=sock, ssl=self.tls))

    def _heard(self, of: Spec, packet: bytes) -> None:
        """What a function's code sends to its X-Ray daemon."""
        account, region, function, role = of.owner
        doors.heard(self.cloud, packet, account, region, role, function)

    def _handle(self, request: Any, send: Any) -> None:
        """What a function may ask is what AWS offers: the clock, the snapshots and the timeline of this cloud are not its business."""
        if request.path.startswith("/_cloche"):
            send(Response(403, [("content-type", "text/plain")], b"Functions cannot reach Cloche's own controls.\n"))
        else:
            self.cloud.handle(request, send)

    async def take(self, call: Call, version: Version, provisioned: bool = False, tenant: str = "") -> Warm:
        """A free environment of this version, warm if there is one."""
        key = (call.account, call.region, version.function, version.version, tenant)
        while not provisioned and (waiting := self.idle.get(key)):
            warm = waiting.pop()
            if not warm.environment.dead and not warm.environment.killed and (warm.way is None or warm.way.alive) and warm.made_from == version.revision and warm.expires > call.now + SPARE_SECONDS:
                self.busy.setdefault(key, set()).add(warm)
                return warm
            warm.environment.kill()
            self._replace(call, warm, version)
        if not provisioned and not pace.may_grow(call, version.function):
            raise errors.throttled("ConcurrentInvocationLimitExceeded")
        while self.count >= MOST and not self._drop_idle(1):
            turn = asyncio.get_running_loop().create_future()
            self.queue.append(turn)
            await turn
        self.count += 1
        try:
            warm = await self._start(call, version, key, provisioned)
        except SandboxError as error:
            self._gone(None)
            if "UNREACHABLE" in str(error):
                raise errors.mount_failed(str(error).partition("UNREACHABLE ")[2]) from None
            raise errors.sandbox_failed(str(error)) from None
        except BaseException:
            self._gone(None)
            raise
        warm.environment.on_dead = self._both(warm.environment.on_dead)
        self.busy.setdefault(key, set()).add(warm)
        return warm

    def _both(self, before: Any) -> Any:
        def dead(environment: Environment) -> None:
            before(environment)
            self._gone(environment)
        return dead

    def _gone(self, environment: Environment | None) -> None:
        self.count -= 1
        while self.queue:
            turn = self.queue.popleft()
            if not turn.done():
                turn.set_result(None)
                break

    async def _start(self, call: Call, version: Version, key: Key, provisioned: bool) -> Warm:
        try:
            credentials = session(call, version.role, version.function)
        except AwsError:
            raise errors.role_lost() from None
        day = time.strftime("%Y/%m/%d", time.gmtime(call.now))
        stream = f"{day}/[{version.version}]{call.id(digits=32)}"
        opt = None if version.image else await packages.ready(call, version.sha, version.layers)
        if version.snapstart:
            copier = await snapshots.copier(call, version)
            made = snapshots.spec(call, version, opt, credentials, stream)._replace(binds=trust.binds(self.cloud))
            return Warm(key, version.revision, await self.engine.restore(made, copier), stream, credentials.expires, provisioned)
        made = spec(call, version, opt, credentials, stream, "provisioned-concurrency" if provisioned else "on-demand")
        if version.image:
            made = made._replace(image=images.image_of(version, await images.ready(call, version)))
        await trust.made(self.cloud)
        if not vpc.attached(version.config):
            made = made._replace(binds=trust.binds(self.cloud), variables=trust.VARIABLES | made.variables)
            return Warm(key, version.revision, await self.engine.start(made), stream, credentials.expires, provisioned)
        environment, way = await self._start_in_vpc(call, version, made)
        return Warm(key, version.revision, environment, stream, credentials.expires, provisioned, way)

    async def _start_in_vpc(self, call: Call, version: Version, made: Spec) -> tuple[Environment, Way]:
        try:
            way = await vpc.way(call, version)
        except (ec2.Unavailable, WorldError, LookupError) as error:
            raise SandboxError(f"its network could not be made: {error}") from error
        try:
            mounts = await file_systems.mounts(call, version, ec2.interface(call, way.interface).zone) if version.config.get("FileSystemConfigs") else ()
            descriptor = await way.descriptor()
            try:
                joined = Joined(descriptor, vpc.binds(call, version))
                environment = await self.engine.start(made._replace(joined=joined, mounts=mounts, variables=trust.VARIABLES | made.variables))
            finally:
                os.close(descriptor)
        except BaseException:
            way.leave()
            raise
        environment.closers.append(way.leave)
        return environment, way

    def give_back(self, call: Call, warm: Warm, version: Version) -> None:
        self.busy.get(warm.key, set()).discard(warm)
        if warm.environment.dead or warm.environment.killed:
            self._replace(call, warm, version)
            return
        if warm.environment.ready.done() and warm.environment.ready.result() is not None:
            warm.environment.kill()  # its init failed: the next invocation tries again
            return
        warm.idle_since = time.monotonic()
        self.idle.setdefault(warm.key, []).append(warm)
        if self.reaper is None:
            self.reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 4, self._reap)

    def _replace(self, call: Call, warm: Warm, version: Version) -> None:
        ready = warm.environment.ready
        if warm.provisioned and ready.done() and ready.result() is None:  # one that could not be initialised is told of, not tried for ever
            from .concurrency import replace
            replace(call, version)

    def _reap(self) -> None:
        self.reaper = None
        old = time.monotonic() - IDLE_SECONDS
        for key, waiting in list(self.idle.items()):
            for warm in waiting:
                if warm.idle_since < old and not warm.provisioned:
                    warm.environment.kill()
            self.idle[key] = [w for w in waiting if not w.environment.dead and (w.idle_since >= old or w.provisioned)]
            if not self.idle[key]:
                del self.idle[key]
        if self.idle:
            self.reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 4, self._reap)

    def _drop_idle(self, count: int) -> bool:
        """Make room: end who has waited longest."""
        candidates = sorted((w for waiting in self.idle.values() for w in waiting if not w.provisioned), key=lambda w: w.idle_since)
        for warm in candidates[:count]:
            self.idle[warm.key].remove(warm)
            warm.environment.kill()
        return False  # it dies a moment later; `_gone` calls the next in the queue

    def forget(self, account: str, region: str, function: str, version: str | None = None) -> None:
        """What an environment was made from has changed or gone: end the idle; the busy end with their invocation (their revision no longer fits)."""
        for place in [k for k in self.snapshots if k[:3] == (account, region, function) and version in (None, k[3])]:
            self.snapshots.pop(place).environment.kill()
        for key in [k for k in self.idle if k[:3] == (account, region, function) and version in (None, k[3])]:
            for warm in self.idle.pop(key):
                warm.environment.kill()

    def provisioned(self, key: Key) -> list[Warm]:
        return [w for w in (*self.idle.get(key, ()), *self.busy.get(key, ())) if w.provisioned and not w.environment.dead and not w.environment.killed]

    async def close(self) -> None:
        if self.reaper:
            self.reaper.cancel()
        if self.inside:
            self.inside.close()
        await self.engine.close()


class Listening:
    """A listener inside an environment; it goes with it."""

    def __init__(self, server: Any, listener: Any) -> None:
        self.server, self.listener = server, listener

    def close(self) -> None:
        self.server.unlisten(self.listener)


def ports_of(cloud: Any) -> tuple[int, ...]:
    """The port that the server has outside, and the usual one."""
    return tuple(dict.fromkeys((int(cloud.host.rpartition(":")[2]), 4566)))


def pools(cloud: Any) -> Pools:
    found = cloud.memory.get("lambda")
    if found is None:
        found = cloud.memory["lambda"] = Pools(cloud)
    return found  # type: ignore[no-any-return]


def spec(call: Call, version: Version, opt: str | None, credentials: Any, stream: str, initialization: str) -> Spec:
    config = version.config
    logging = config["LoggingConfig"]
    variables = {
        **sealing.for_role(call, version),
        "AWS_LAMBDA_FUNCTION_NAME": version.function, "AWS_LAMBDA_FUNCTION_VERSION": version.version, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": logging["LogGroup"], "AWS_LAMBDA_LOG_STREAM_NAME": stream, "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        "AWS_REGION": call.region, "AWS_DEFAULT_REGION": call.region, "AWS_ACCESS_KEY_ID": credentials.access_key, "AWS_SECRET_ACCESS_KEY": credentials.secret,
        "AWS_SESSION_TOKEN": credentials.token, "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000", "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1", "_AWS_XRAY_DAEMON_PORT": "2000", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if logging["LogFormat"] == "JSON":
        variables |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": logging["ApplicationLogLevel"]}
    return Spec(config.get("Runtime", ""), config.get("Handler", ""), version.sha, opt, config["MemorySize"], config["EphemeralStorage"]["Size"], variables, call.account,
                owner=(call.account, call.region, version.function, version.role))
