"""A cloud behind its sockets: what `cloche up` runs in a process and `Cloche()` in a thread."""
from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from .engines.run.datagrams import Datagrams
from .kernel import Request, doors, hosts
from .kernel.cloud import Cloud
from .server.http import Server

log = logging.getLogger("cloche")


class InUse(Exception):
    """The data directory or the port belongs to somebody else."""


class Bell:
    """`data=None` is a cloud that leaves nothing behind."""

    def __init__(self, data: str | Path | None, host: str = "127.0.0.1", port: int = 4566, tls_port: int | None = None, token: str = "", compute: str = "", xray_port: int | None = None) -> None:
        self.ephemeral = data is None
        self.data = Path(tempfile.mkdtemp(prefix="cloche-")) if data is None else Path(data).absolute()
        self.host, self.port, self.tls_port, self.token = host, port, tls_port, token
        self.daemon: Any = None  # the X-Ray daemon's UDP socket
        self.xray_port = xray_port  # of the X-Ray daemon, UDP and TCP; None for none
        self.compute = compute  # "none": instances and networks are records
        self.notes: list[str] = []  # what a person should know about this start

    async def start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.lock = open(self.data / "lock", "a+")  # noqa: SIM115 - held as long as the cloud is up
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(f"another Cloche is using {self.data}") from None
        loop = asyncio.get_running_loop()
        self.cloud = Cloud(self.data, schedule=loop.call_soon, host=f"{self._name()}:{self.port}", token=self.token)
        self.server = Server(self.cloud.handle, self.cloud.clock.http_date, lambda what: log.warning(what, exc_info=True))
        self.cloud.memory["server"] = self.server
        self.cloud.memory["compute"] = self.compute
        try:
            listener = await self.server.listen(self.host, self.port)
        except OSError as error:
            raise InUse(f"port {self.port} on {self.host}: {error.strerror or error}") from None
        if not self.port:
            self.port = listener.sockets[0].getsockname()[1]
            self.cloud.host = f"{self._name()}:{self.port}"
        if self.tls_port is not None:
            await self._listen_tls()
        self.cloud.start()
        if self.xray_port is not None:
            await self._listen_as_daemon()
        self.ticking = loop.create_task(self.cloud.clock.run())

    def _name(self) -> str:
        return "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host

    async def _listen_tls(self) -> None:
        from .server import tls
        self.cloud.memory["tls"] = context = tls.context(self.data, lambda name: hosts.context(self.cloud, name))
        hosts.ask(self.cloud)
        try:
            await self.server.listen(self.host, self.tls_port, ssl=context)
        except OSError as error:
            self.notes.append(f"no HTTPS: port {self.tls_port}: {error.strerror or error} (--tls-port chooses another, --tls-port 0 none)")
            self.tls_port = None

    async def _listen_as_daemon(self) -> None:
        """X-Ray's daemon protocol: segments as datagrams, and what SDKs ask it to ask for them over TCP. Its service is loaded by the first word.
        It asks nobody who he is, as the daemon does: it listens to this machine alone, whatever address the cloud is bound to."""
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"

        def asked(request: Request, send: Any) -> None:
            doors.proxied(self.cloud, request, send, region)

        loop, tries = asyncio.get_running_loop(), 1 if self.xray_port else 10    # a free port must be free for both
        for left in reversed(range(tries)):
            listener = None
            try:
                listener = await self.server.listen("127.0.0.1", self.xray_port, handle=asked)
                port = listener.sockets[0].getsockname()[1]
                self.daemon, _ = await loop.create_datagram_endpoint(lambda: Datagrams(lambda packet: doors.heard(self.cloud, packet, region=region)), local_addr=("127.0.0.1", port))
                self.xray_port = port
                return
            except OSError as error:
                if listener is not None:
                    self.server.unlisten(listener)
                if not left:
                    self.notes.append(f"no X-Ray daemon: port {self.xray_port}: {error.strerror or error} (--xray-port chooses another, -1 none)")
                    self.xray_port = None

    async def stop(self) -> None:
        self.ticking.cancel()
        if self.daemon is not None:
            self.daemon.close()
        self.server.close()
        await self.cloud.stop()
        self.lock.close()
        if self.ephemeral:
            shutil.rmtree(self.data, ignore_errors=True)


def run(bell: Bell, ready: Any = None) -> None:
    """Run until SIGINT or SIGTERM. `ready(bell)` is called when it listens."""
    import signal

    async def main() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, over.set)
        await bell.start()
        if ready is not None:
            ready(bell)
        await over.wait()
        await bell.stop()

    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())


def default_data() -> Path:
    return Path(os.environ.get("CLOCHE_DATA", ".cloche"))
