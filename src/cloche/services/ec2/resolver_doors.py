"""Where a VPC's resolver listens: port 53 at the VPC's base + 2 and at 169.254.169.253, in the VPC's own namespace, as long as DNS support is on."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from cloche.engines.net import dns
from cloche.engines.net.compile import Compiled
from cloche.engines.net.topology import RESOLVER, RESOLVER6, Topology
from cloche.engines.world import World
from cloche.kernel import Call
from cloche.services.route53 import public as route53
from cloche.services.route53resolver import public as rules

from . import network, resolver

PORT = 53
LISTENERS: list[Callable[[Call, str, str, str], None]] = []  # f(call, VPC, name, address that asks): told of each query (GuardDuty)
FORWARD_SECONDS = 2.0                                  # a server that is asked by a rule has so long, then the next is asked


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
        for account, region in {(vpc.account, vpc.region) for vpc in topology.vpcs.values()}:
            for vpc_id, interface, address in rules.inbound(call.at(account, region)):
                if interface in compiled.plan.spaces and vpc_id in topology.vpcs:
                    wanted[interface, address] = topology.vpcs[vpc_id]
        for key in [key for key in self.open if key not in wanted]:
            self.open.pop(key).close()
        for key, vpc in wanted.items():
            if key not in self.open:
                udp = await self.world.socket(key[0], "udp", key[1], PORT, freebind=1)
                tcp = await self.world.socket(key[0], "tcp", key[1], PORT, freebind=1)
                self.open[key] = await dns.Server().serve(self._resolve(call.cloud, vpc.account, vpc.region, vpc.id), udp, tcp)

    def _resolve(self, cloud: Any, account: str, region: str, vpc: str) -> dns.Resolve:
        def resolve(query: dns.Query, asker: str) -> Any:
            call = cloud.internal(cloud.service("ec2"), account, region)
            for listener in LISTENERS:
                listener(call, vpc, query.name, asker)
            rule = rules.forward(call, vpc, query.name)
            if rule is not None:
                held = route53.private_zone(call.of("route53"), vpc, query.name)
                if held is None or len(held[0].name) <= len(rule.domain):       # the more specific decides, and of two alike the rule
                    return self._forward(call, rule, query)
            return resolver.answer(call, vpc, query.name, query.type, asker)
        return resolve

    async def _forward(self, call: Call, rule: rules.Forward, query: dns.Query) -> Any:
        """What a rule's servers say: asked one after the other, from the endpoint's own interface and so under the VPC's routes and rules."""
        standing = network.spaces(call)
        mine = next(((interface, address) for interface, address in rule.interfaces if interface in standing), None)
        for server in rule.targets if mine else ():
            sock = await self.world.socket(mine[0], "udp", mine[1], 0)
            try:
                loop = asyncio.get_running_loop()
                await loop.sock_connect(sock, server)
                await loop.sock_sendall(sock, dns.ask(query.name, query.type, query.id))
                async with asyncio.timeout(FORWARD_SECONDS):
                    return await loop.sock_recv(sock, 4096)
            except (OSError, TimeoutError):
                continue
            finally:
                sock.close()
        return dns.Reply("SERVFAIL")


network.DOORS.append(Resolvers)
