"""Where instances meet AWS's services: at public addresses beyond the internet gateway, at gateway endpoints in the VPC's own router, at interface endpoints.

Each is a socket in a namespace, served like Cloche's own port, but what is not AWS's (`/_cloche`) is not there, and the request knows by which VPC and endpoint it came.
"""
from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cloche.engines import certificates
from cloche.engines.net.compile import Compiled
from cloche.engines.net.topology import INTERNET, Topology
from cloche.engines.world import World, WorldError
from cloche.kernel import Call, Response

from . import network

PORTS = (80, 443)
log = logging.getLogger("cloche")


class Doors:
    def __init__(self, world: World) -> None:
        self.world = world
        self.open: dict[tuple[str, str, int], Any] = {}  # (namespace, address, port) -> listener
        self.server: Any = None
        self.tls: Any = None
        self.topology = Topology()

    def leave(self, spaces: Iterable[str]) -> None:
        """Close what stands in namespaces that are about to go: a socket would hold them."""
        there = set(spaces)
        for key in [key for key in self.open if key[0] not in there]:
            self.server.unlisten(self.open.pop(key))

    async def settle(self, call: Call, topology: Topology, compiled: Compiled) -> None:
        self.topology = topology
        wanted: dict[tuple[str, str, int], dict[str, Any]] = {}
        for port in PORTS:
            if INTERNET in compiled.plan.spaces:
                wanted[INTERNET, "0.0.0.0", port] = {}
            for one in topology.endpoints.values():
                if one.kind == "Gateway" and one.vpc in compiled.parts:
                    wanted[one.vpc, "0.0.0.0", port] = {"transparent": 1, "reuseport": 1}     # beside the metadata service
                elif one.kind == "Interface":
                    for id_ in one.interfaces:
                        plug = topology.interfaces.get(id_)
                        if plug is not None and plug.id in compiled.plan.spaces:
                            wanted[plug.id, plug.private, port] = {}
        for key in [key for key in self.open if key not in wanted]:
            self.server.unlisten(self.open.pop(key))
        for key, options in wanted.items():
            if key not in self.open:
                try:
                    await self._open(call, key, options)
                except (WorldError, OSError) as trouble:
                    log.error("the door to AWS's services at %s:%d in %s: %s", key[1], key[2], key[0], trouble)

    async def _open(self, call: Call, key: tuple[str, str, int], options: dict[str, Any]) -> None:
        space, address, port = key
        outer = call.cloud.memory.get("server")
        if outer is None:
            return
        if self.server is None:
            self.server = type(outer)(None, outer.date, outer.trouble)
        sock = await self.world.socket(space, "tcp", address, port, **options)
        if port == 443 and self.tls is None:
            self.tls = certificates.context(Path(call.cloud.data))
        self.open[key] = await self.server.listen(sock=sock, ssl=self.tls if port == 443 else None, handle=self._handle(call.cloud, space))

    def _handle(self, cloud: Any, space: str) -> Any:
        def handle(request: Any, send: Any) -> None:
            if request.path.startswith("/_cloche"):
                send(Response(403, [("content-type", "text/plain")], b"Instances cannot reach Cloche's own controls.\n"))
                return
            request.via = self.via(space, request)
            cloud.handle(request, send)
        return handle

    def via(self, space: str, request: Any) -> dict[str, str]:
        """By which VPC and endpoint a request came: the condition keys that AWS gives it. From the public side there are none."""
        if space == INTERNET:
            return {}
        if space.startswith("vpc-"):
            service = "dynamodb" if "dynamodb" in request.host else "s3"
            found = next((one for one in self.topology.endpoints.values() if one.vpc == space and one.kind == "Gateway" and one.service == service), None)
        else:
            found = next((one for one in self.topology.endpoints.values() if space in one.interfaces), None)
        return {"aws:SourceVpc": found.vpc, "aws:SourceVpce": found.id, "aws:VpcSourceIp": request.peer} if found else {}


network.DOORS.append(Doors)
