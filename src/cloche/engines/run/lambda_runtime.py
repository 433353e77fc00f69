"""The engine of function environments: one object per server, `start(spec)` gives an environment that is being initialised.

    engine = Engine(code, cache, serve_endpoint)
    environment = await engine.start(spec); outcome = await environment.invoke(Invocation(...)); environment.kill()

`serve_endpoint(sock)` is the server's: it serves Cloche on a listener that lives inside the environment's network, and gives back something with
`.close()`. Inside, it listens on every port of `ports`: the one that the server has outside comes first, so that a URL made inside can be followed
outside and the other way round; AWS's own hosts are found by name (`names.py`; `serve_secure` is as `serve_endpoint`, with TLS). Where the kernel gives no network space the environment shares the host's, and `capabilities()` says so.
"""
from __future__ import annotations

import asyncio
import functools
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from . import interpreters
from .channel import Channel
from .datagrams import Datagrams
from .environment import Environment
from .extensions import HIDDEN, Extensions
from .interpreters import Interpreter
from .invocation import Spec
from .loglines import LogLines
from .names import PORTS, RESOLVER, Names
from .root import LIBRARY_PATH, PATH
from .runtime_api import RuntimeApi
from .sandbox import Host, SandboxError, Zygote

RUNTIME_PORT, DAEMON_PORT = 9001, 2000
WATCH_SECONDS = 0.05
ENTRY = {"provided": [["/var/runtime/bootstrap"], ["/var/task/bootstrap"], ["/opt/bootstrap"]]}


class Engine:
    def __init__(self, code: Path, cache: Path, serve_endpoint: Callable[[socket.socket], Awaitable[Any]] | None = None, ports: tuple[int, ...] = (4566,),
                 shared: Path | None = None, serve_secure: Callable[[socket.socket], Awaitable[Any]] | None = None,
                 heard: Callable[[Spec, bytes], None] | None = None) -> None:
        self.heard = heard
        self.shared = shared
        self.code, self.cache, self.serve_endpoint, self.ports, self.serve_secure = code, cache, serve_endpoint, ports, serve_secure
        self.host: Host | None = None
        self.environments: set[Environment] = set()
        self.watching = False

    def open(self) -> Host:
        if self.host is None:
            if os.uname().sysname != "Linux":
                raise SandboxError("Functions run in Linux namespaces; this machine has none.")
            self.code.mkdir(parents=True, exist_ok=True)
            self.host = Host(self.code, self.cache, self.shared)
        return self.host

    def capabilities(self) -> dict[str, Any]:
        host = self.open()
        return {
            "network": "own" if host.net else "host: this kernel gives no network namespaces here, functions see the host's loopback",
            "memory": "cgroup and watch" if host.cgroups.bases else "watch",
            "rootless": host.rootless,
            "runtimes": interpreters.available(),
            "node_sdk": interpreters.node_sdk() or "no @aws-sdk is installed on this machine (npm install -g @aws-sdk/client-s3 ...)",
        }

    def _zygote(self, runtime: str) -> asyncio.Task[Zygote]:
        host, found = self.open(), interpreters.find(runtime or "provided")  # an image brings its own
        if found is None:
            raise SandboxError(interpreters.missing(runtime))
        if runtime.startswith("python"):
            return host.zygote(runtime, found, {}, True)
        own = interpreters.python(f"{sys.version_info[0]}.{sys.version_info[1]}")
        if own is None:
            raise SandboxError("The interpreter that runs Cloche cannot be found for the sandbox.")
        others = {f"node{major}": node.prefix for major in interpreters.NODES if (node := interpreters.node(major))}
        if sdk := interpreters.node_sdk():
            others["node_modules"] = sdk
        return host.zygote("plain", own, others, False)

    async def prepare(self, runtime: str) -> None:
        """Make sure that the next cold start of this runtime finds its zygote."""
        await asyncio.shield(self._zygote(runtime))

    async def start(self, spec: Spec) -> Environment:
        """A new environment; a zygote that somebody killed is replaced once."""
        zygote = await asyncio.shield(self._zygote(spec.runtime))
        try:
            return await self._start(spec, zygote)
        except SandboxError:
            await asyncio.sleep(0.02)  # for its end to be seen
            if not zygote.dead:
                raise
        return await self._start(spec, await asyncio.shield(self._zygote(spec.runtime)))

    async def photograph(self, spec: Spec) -> tuple[Environment, Zygote]:
        """An environment that is initialised and then only copied (`restore`); the second is who makes the copies. `ready` of the first says how it went."""
        host = self.open()
        if not host.net:
            raise SandboxError("Snapshots need network namespaces, and this machine gives none.")
        zygote = await asyncio.shield(self._zygote(spec.runtime))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            environment = await self._start(spec, zygote, forks=theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        copier = Zygote(ours, {})
        environment.closers.append(copier.close)
        return environment, copier

    async def restore(self, spec: Spec, copier: Zygote) -> Environment:
        return await self._start(spec, copier, restored=True)

    async def _start(self, spec: Spec, zygote: Zygote, forks: socket.socket | None = None, restored: bool = False) -> Environment:
        host = self.open()
        log, voice = LogLines(), None
        ours: socket.socket | None = None
        theirs: socket.socket | None = None
        python = spec.runtime.startswith("python")
        if python:
            ours, theirs = socket.socketpair()
        try:
            order = self._order(spec, host.net)
            if "extensions" in order:
                voice = LogLines()
            sandbox = await host.start(zygote, order, [*[one.writing for one in (log, voice) if one], *([forks.fileno()] if forks else [])], theirs, spec.joined.descriptor if spec.joined else -1)
        except BaseException:
            for one in (log, voice):
                if one:
                    one.close()
            if ours:
                ours.close()
            raise
        finally:
            if theirs:
                theirs.close()
        environment = Environment(spec, sandbox, log)
        environment.restored = restored
        for one in (log, voice):
            if one:
                one.started()
        if order["api"]:
            environment.voice = voice
            extensions = environment.extensions = Extensions(environment, order.get("extensions"))
            sandbox.on_process = extensions.process_ended
            log.heard = functools.partial(extensions.telemetry.line, "function")
            if voice:
                voice.heard = functools.partial(extensions.telemetry.line, "extension")
        environment.on_dead = self.environments.discard
        self.environments.add(environment)
        try:
            sandbox.named = "resolver" in order
            if "daemon" in order and self.heard:
                await self._listen(environment, sandbox.listeners.pop())
            await self._connect(environment, ours)
            sandbox.go(spec.memory_mb + spec.tmp_mb)
            if environment.extensions:
                environment.extensions.begin()
        except BaseException:
            environment.kill()
            raise
        if not self.watching:
            self.watching = True
            asyncio.get_running_loop().call_later(WATCH_SECONDS, self._watch)
        return environment

    async def _listen(self, environment: Environment, sock: socket.socket) -> None:
        """The datagrams that a program sends to the daemon's port; nobody answers them."""
        sock.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Datagrams(lambda packet: self.heard and self.heard(environment.spec, packet)), sock=sock)
        environment.closers.append(transport.close)

    async def _connect(self, environment: Environment, channel: socket.socket | None) -> None:
        loop = asyncio.get_running_loop()
        listeners = environment.sandbox.listeners
        for s in listeners:
            s.setblocking(False)
        if environment.sandbox.named and self.serve_endpoint and self.serve_secure:
            plain, secure, asked = listeners[-3:]
            del listeners[-3:]
            environment.closers.append((await Names(plain, secure, self.serve_endpoint, self.serve_secure).listen(asked)).close)
        if channel:
            channel.setblocking(False)
            _, environment.link = await loop.create_unix_connection(lambda: Channel(environment), sock=channel)
        if environment.extensions:
            api = RuntimeApi(environment)
            environment.link = environment.link or api
            environment.closers.append(api.close)
            await api.listen(listeners.pop())
        while listeners and self.serve_endpoint:
            served = await self.serve_endpoint(listeners.pop(0))
            environment.closers.append(served.close)

    def _order(self, spec: Spec, net: bool) -> dict[str, Any]:
        if spec.image:
            return self._order_of_image(spec, net)
        python = spec.runtime.startswith("python")
        ports = list(self.ports) if net and self.serve_endpoint and not spec.joined else []
        runtime_port = RUNTIME_PORT
        wrapper = "" if spec.runtime.startswith("provided") else spec.variables.get("AWS_LAMBDA_EXEC_WRAPPER", "")  # those have a bootstrap of their own to do it
        family = bool(spec.opt or wrapper) and spec.credentials is None  # who may have extensions; a snapshot holds one process
        api = family or not python or spec.credentials is not None
        if api:
            runtime_port = RUNTIME_PORT if net else free_port()
            ports.append(runtime_port)
        order: dict[str, Any] = {"joined": spec.joined is not None, "binds": spec.joined.binds if spec.joined else spec.binds, "task": spec.task, "opt": spec.opt, "tmp_mb": spec.tmp_mb, "ports": ports}
        order["api"] = api
        if spec.mounts:
            order["mounts"] = [mount._asdict() for mount in spec.mounts]
        if net and self.serve_endpoint and self.serve_secure and not spec.joined:
            order |= {"doors": PORTS, "resolver": RESOLVER}
        if net and self.heard:
            order["daemon"] = DAEMON_PORT
        order["env"] = {
            "PATH": PATH, "LD_LIBRARY_PATH": LIBRARY_PATH, "LANG": "en_US.UTF-8", "TZ": ":UTC", "LAMBDA_TASK_ROOT": "/var/task",
            "LAMBDA_RUNTIME_DIR": "/var/runtime", "_HANDLER": spec.handler, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime_port}",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}", **({} if spec.joined else {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports[0]}"}), **spec.variables,
        }
        found = interpreters.find(spec.runtime)
        if spec.runtime.startswith("nodejs") and found:
            order["lang"] = f"node{found.version.split('.')[0]}"
            order["exec"] = [[f"/var/lang/{found.executable}", "/var/runtime/cloche/bootstrap.mjs"]]
            order["modules"] = interpreters.node_sdk() is not None
            order["env"].setdefault("NODE_PATH", f"/opt/nodejs/{order['lang']}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task")
        elif not python:
            order["exec"] = ENTRY["provided"]
        elif wrapper:
            order["exec"], order["channel"] = [["/var/lang/bin/" + spec.runtime, "/var/runtime/bootstrap.py"]], True
        if wrapper:
            order["exec"] = [[wrapper, *argv] for argv in order["exec"]]
        if family:
            order["extensions"] = self._extensions(spec.opt)
            order["extension_env"] = {name: value for name, value in order["env"].items() if name not in HIDDEN}
        return order

    def _order_of_image(self, spec: Spec, net: bool) -> dict[str, Any]:
        """Its author says what is run and with which variables; Lambda adds its own."""
        image = spec.image
        assert image
        port = RUNTIME_PORT if net else free_port()
        order: dict[str, Any] = {
            "joined": spec.joined is not None, "binds": spec.joined.binds if spec.joined else spec.binds, "image": image.root, "tmp_mb": spec.tmp_mb, "home": image.directory, "api": True,
            "ports": [*(self.ports if net and self.serve_endpoint and not spec.joined else ()), port], "exec": [list(image.argv)],
            "extensions": self._extensions(f"{image.root}/opt"),
            "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", **image.variables, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "_HANDLER": image.variables.get("_HANDLER", spec.handler),
                    **({} if spec.joined else {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports[0]}"}), **spec.variables},
        }
        if spec.mounts:
            order["mounts"] = [mount._asdict() for mount in spec.mounts]
        if net and self.serve_endpoint and self.serve_secure and not spec.joined:
            order |= {"doors": PORTS, "resolver": RESOLVER}
        if net and self.heard:
            order["daemon"] = DAEMON_PORT
        order["extension_env"] = {name: value for name, value in order["env"].items() if name not in HIDDEN}
        return order

    def _extensions(self, opt: str | None) -> list[str]:
        """The programs in /opt/extensions."""
        place = self.code / (opt or "") / "extensions"
        return sorted(one.name for one in place.iterdir() if one.is_file()) if opt and place.is_dir() else []

    def _watch(self) -> None:
        busy = [e for e in self.environments if e.current]
        for environment in busy:
            environment.watch()
        self.watching = bool(self.environments)
        if self.watching:
            asyncio.get_running_loop().call_later(WATCH_SECONDS if busy else WATCH_SECONDS * 4, self._watch)

    async def close(self) -> None:
        if self.host:
            for environment in list(self.environments):
                environment.kill()  # extensions have two seconds to go
            await asyncio.gather(*[environment.sandbox.ended for environment in list(self.environments)])
            await self.host.close()
            self.host = None


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


__all__ = ["Engine", "Environment", "Interpreter", "SandboxError", "Spec"]
