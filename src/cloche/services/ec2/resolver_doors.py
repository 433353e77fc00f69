"""Where a VPC's resolver listens: port 53 at the VPC's base + 2 and at 169.254.169.253, in the VPC's own namespace, as long as DNS support is on."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloche.engines.net import dns
from cloche.engines.net.compile import Compiled
from cloche.engines.net.topology import RESOLVER, RESOLVER6, Topology
from cloche.engines.world import World
from cloche.kernel import Call

from . import network, resolver

PORT = 53


class Resolvers:
    def __init__(self, world: World) -> None:
        self.world = world
        self.open: dict[tuple[str, str], dns.Server] = {}      # (VPC, address) -> what listens there

    def leave(self, spaces: Iterable[str]) -> None:
        """Close what stands in namespaces that are about to go: a socket would hold them."""
        there = set(spaces)
        for key in [key for key in self.open if key[0] not in there]:
            self.open.pop(key).close()

    async def settle(self, call: Call, topology: Topology, compiled: Compiled) -> None:
        wanted: dict[tuple[str, str], Any] = {}
        for vpc in topology.vpcs.values():
            if vpc.id in compiled.parts and vpc.dns_support:
                for address in (vpc.resolver, RESOLVER, *((RESOLVER6,) if vpc.cidrs6 else ())):
                    wanted[vpc.id, address] = vpc
        for key in [key for key in self.open if key not in wanted]:
            self.open.pop(key).close()
        for key, vpc in wanted.items():
            if key not in self.open:
                udp = await self.world.socket(vpc.id, "udp", key[1], PORT, freebind=1)
                tcp = await self.world.socket(vpc.id, "tcp", key[1], PORT, freebind=1)
                self.open[key] = await dns.Server().serve(self._resolve(call.cloud, vpc.account, vpc.region, vpc.id), udp, tcp)

    def _resolve(self, cloud: Any, account: str, region: str, vpc: str) -> dns.Resolve:
        def resolve(query: dns.Query, asker: str) -> dns.Reply:
            return resolver.answer(cloud.internal(cloud.service("ec2"), account, region), vpc, query.name, query.type, asker)
        return resolve


network.DOORS.append(Resolvers)
