"""Where the metadata service listens: at 169.254.169.254:80 in every VPC's router. Whose request it is, the address says that it came from: nobody else can have it there."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloche.engines.net import small_http
from cloche.engines.net.compile import Compiled
from cloche.engines.net.small_http import Answer, Asked
from cloche.engines.net.topology import METADATA, METADATA6, Topology
from cloche.engines.world import World
from cloche.kernel import Call

from . import metadata, network
from .instances import Instance


class Door:
    """One listener a VPC (two where it has IPv6)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.open: dict[tuple[str, str], Any] = {}
        self.topology = Topology()

    def leave(self, spaces: Iterable[str]) -> None:
        there = set(spaces)
        for key in [key for key in self.open if key[0] not in there]:
            self.open.pop(key).close()

    async def settle(self, call: Call, topology: Topology, compiled: Compiled) -> None:
        self.topology = topology
        for vpc in topology.vpcs.values():
            if vpc.id not in compiled.plan.spaces:
                continue
            for address in (METADATA, METADATA6) if vpc.cidrs6 else (METADATA,):
                if (vpc.id, address) not in self.open:
                    sock = await self.world.socket(vpc.id, "tcp", address, 80, reuseport=1)   # a gateway endpoint may listen for everybody
                    self.open[vpc.id, address] = await small_http.serve(sock, self._answer(call.of("ec2"), vpc.id), call.cloud.clock.http_date)

    def _answer(self, call: Call, vpc: str) -> Any:
        async def answer(asked: Asked) -> Answer:
            plug = self.topology.by_address.get((vpc, asked.peer))
            if plug is None or not plug.instance:
                return metadata.refusal(404)
            there = call.at(plug.account or self.topology.vpcs[vpc].account, self.topology.vpcs[vpc].region)
            one = there.get(Instance, plug.instance)
            return await metadata.answer(there, one, asked) if one else metadata.refusal(404)
        return answer


network.DOORS.append(Door)
