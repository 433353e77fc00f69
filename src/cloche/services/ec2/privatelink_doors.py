"""PrivateLink: what connects to an endpoint's interface is passed on, byte by byte, to the provider's Network Load Balancer.

The endpoint listens at the ports of the balancer's listeners. On the other side a connection begins at the balancer's own node, so that the provider
sees the node's address and nothing of the consumer's network; nothing goes the other way. Which ports there are is looked up when the network changes.
"""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from cloche.engines.net.compile import Compiled
from cloche.engines.net.topology import Topology
from cloche.engines.world import World, WorldError
from cloche.kernel import AwsError, Call

from . import links, network, vpc_endpoint_services
from .network_interfaces import NetworkInterface

PIECE = 1 << 16
CONNECT_SECONDS = 5.0
log = logging.getLogger("cloche")


def listeners(call: Call, service: str) -> dict[int, str]:
    """Port -> the balancer that listens there."""
    home = vpc_endpoint_services.home(call, service)
    held = vpc_endpoint_services.look(call, service)
    if home is None or held is None:
        return {}
    out: dict[int, str] = {}
    for arn in held.balancers:
        try:
            told: Any = home.as_root().do("elbv2", "DescribeListeners", LoadBalancerArn=arn)
        except AwsError:
            continue
        out |= {one["Port"]: arn for one in told["Listeners"] if one["Protocol"] in ("TCP", "TLS", "TCP_UDP")}
    return out


def nodes(call: Call, service: str, arn: str, zone: str, standing: Iterable[str]) -> list[NetworkInterface]:
    """The balancer's nodes that stand in the network, the one in the consumer's zone first."""
    home = vpc_endpoint_services.home(call, service)
    if home is None:
        return []
    told: Any = home.as_root().do("elbv2", "DescribeLoadBalancers", LoadBalancerArns=[arn])
    spaces, found = set(standing), []
    for place in told["LoadBalancers"][0]["AvailabilityZones"]:
        found += [one for id_ in links.users(home, place["SubnetId"], "eni-") if id_ in spaces and (one := home.get(NetworkInterface, id_)) and one.owner == arn]
    return sorted(found, key=lambda one: one.zone != zone)


class PrivateLinks:
    def __init__(self, world: World) -> None:
        self.world = world
        self.open: dict[tuple[str, int], asyncio.Server] = {}      # (the endpoint's interface, port)

    def leave(self, spaces: Iterable[str]) -> None:
        there = set(spaces)
        for key in [key for key in self.open if key[0] not in there]:
            self.open.pop(key).close()

    async def settle(self, call: Call, topology: Topology, compiled: Compiled) -> None:
        wanted: dict[tuple[str, int], tuple[str, str, str]] = {}
        for one in topology.endpoints.values():
            if one.kind == "PrivateLink" and one.vpc in topology.vpcs:
                for port, arn in listeners(call.of("ec2", region=topology.vpcs[one.vpc].region), one.service).items():
                    wanted |= {(id_, port): (topology.interfaces[id_].private, one.service, arn) for id_ in one.interfaces if id_ in compiled.plan.spaces and id_ in topology.interfaces}
        for key in [key for key in self.open if key not in wanted]:
            self.open.pop(key).close()
        for key, (private, service, arn) in wanted.items():
            if key not in self.open:
                subnet = topology.subnets.get(topology.interfaces[key[0]].subnet)
                sock = await self.world.socket(key[0], "tcp", private, key[1])
                self.open[key] = await asyncio.start_server(self._passes(call.of("ec2"), service, arn, subnet.zone if subnet else "", key[1]), sock=sock)

    def _passes(self, call: Call, service: str, arn: str, zone: str, port: int) -> Any:
        async def passes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                for node in nodes(call, service, arn, zone, network.spaces(call)):
                    sock = await self.world.socket(node.id, "tcp", node.private, 0, backlog=0)
                    try:
                        async with asyncio.timeout(CONNECT_SECONDS):
                            await asyncio.get_running_loop().sock_connect(sock, (node.private, port))
                    except (OSError, TimeoutError):
                        sock.close()
                        continue
                    far_reader, far_writer = await asyncio.open_connection(sock=sock)
                    await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
                    break
            except (OSError, WorldError, AwsError) as trouble:
                log.debug("PrivateLink %s: %s", service, trouble)
            finally:
                writer.close()
        return passes


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that one side says; its end is told to the other."""
    try:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


network.DOORS.append(PrivateLinks)
