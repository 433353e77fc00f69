"""The compiled network in the kernel: real packets through real namespaces, held against the explainer and against AWS's own sentences."""
import asyncio
import socket
import struct
import time

import pytest

from cloche.engines.net import compile as compiler
from cloche.engines.net.apply import Network
from cloche.engines.net.explain import explain
from cloche.engines.net.match import Packet
from cloche.engines.net.topology import ICMP, TCP, UDP, Route
from cloche.engines.world import Unavailable, World

from .networks import PORTS, Dice, any_network, some_id, two_subnets

PATIENCE = 0.9


class Bench:
    """A world, the network in it, and hosts that answer."""

    def __init__(self, directory):
        self.runner = asyncio.Runner()
        self.world = World(directory)
        self(self.world.start())
        self.network = Network(self.world)
        self.compiled = compiler.Compiled()
        self.servers = {}

    def __call__(self, coroutine):
        return self.runner.run(coroutine)

    def become(self, topology):
        self(self._become(topology))

    async def _become(self, topology):
        compiled = compiler.compile(topology, self.compiled)
        wanted = {}
        for one in topology.interfaces.values():
            if one.kind == "interface" and one.up:
                wanted |= {(one.owner, kind, port): one.private for kind, port in [("udp", 80), *(("tcp", port) for port in PORTS)]}
        for key in [key for key, (address, _) in self.servers.items() if wanted.get(key) != address]:
            self.stop(key)
        await self.network.become(compiled.plan)
        self.compiled = compiled
        for key, address in wanted.items():
            if key not in self.servers:
                await self.serve(*key, address)
        for vpc in compiled.parts:
            await self.serve(vpc, "tcp", 80, "0.0.0.0", transparent=1)
        if compiled.parts:
            await self.serve("internet", "tcp", 80, "0.0.0.0")

    async def serve(self, space, kind, port, address, **options):
        if (space, kind, port) in self.servers:
            return
        made = await self.world.socket(space, kind, address, port, **options)
        loop = asyncio.get_running_loop()
        def heard():
            try:
                if kind == "udp":
                    data, peer = made.recvfrom(100)
                    made.sendto(data, peer)
                else:
                    came, peer = made.accept()
                    came.send(peer[0].encode())
                    came.close()
            except OSError:
                pass
        loop.add_reader(made.fileno(), heard)
        self.servers[space, kind, port] = address, made

    def stop(self, key):
        _, made = self.servers.pop(key)
        self.runner.get_loop().remove_reader(made.fileno())
        made.close()

    async def probe(self, space, packet):
        """Whether an answer comes back; for TCP also from whom the server thought it came."""
        loop = asyncio.get_running_loop()
        if packet.protocol == ICMP:
            made = await self.world.socket(space, "raw", "", 0, protocol=ICMP)
        elif packet.protocol == UDP:
            made = await self.world.socket(space, "udp", packet.source, packet.source_port)
        else:
            made = await self.world.socket(space, "tcp", packet.source, packet.source_port, backlog=0)
        try:
            async with asyncio.timeout(PATIENCE):
                if packet.protocol == TCP:
                    await loop.sock_connect(made, (packet.destination, packet.port))
                    return (await loop.sock_recv(made, 100)).decode()
                if packet.protocol == UDP:
                    await loop.sock_connect(made, (packet.destination, packet.port))
                    await loop.sock_sendall(made, b"?")
                    return (await loop.sock_recv(made, 100)).decode()
                await loop.sock_sendto(made, echo(packet.source_port), (packet.destination, 0))
                while True:
                    data, peer = await loop.sock_recvfrom(made, 200)
                    if data[20] == 0 and data[24:26] == struct.pack("!H", packet.source_port) and peer[0] == packet.destination:
                        return "echo"
        except (TimeoutError, OSError) as error:
            return "" if isinstance(error, TimeoutError) else type(error).__name__
        finally:
            made.close()

    async def probes(self, packets):
        return await asyncio.gather(*(self.probe(space, packet) for space, packet in packets))

    async def text(self, space, *argv):
        code, out, err = await self.world.run(space, list(argv))
        assert code == 0, err
        return out.decode()

    def close(self):
        for key in list(self.servers):
            self.stop(key)
        self(self.world.close())
        self.runner.close()


def echo(number):
    body = struct.pack("!BBHHH", 8, 0, 0, number, 1) + b"cloche"
    total = sum(struct.unpack(f"!{len(body) // 2}H", body))
    total = (total & 0xFFFF) + (total >> 16)
    return body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("world")


@pytest.fixture
def bench(directory):
    try:
        bench = Bench(directory)
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield bench
    bench.close()


def packets(dice, topology, count, begin):
    """Questions for a network: from its hosts to its hosts, to public addresses, to services, to nobody."""
    hosts = [one for one in topology.interfaces.values() if one.kind == "interface"]
    privates = [one.private for one in hosts] + ["10.0.1.9", "10.0.1.77", "10.1.3.77", "10.9.9.9"]
    publics = [a.public for one in topology.interfaces.values() for a in one.addresses if a.public] + ["198.18.77.77"]
    for number in range(count):
        one = dice.choice(hosts)
        protocol = dice.choice((TCP, TCP, TCP, UDP, ICMP))
        to = dice.choice((dice.choice(privates), dice.choice(privates), dice.choice(publics), "198.19.1.4", "198.19.200.4")) if protocol != ICMP else dice.choice(privates[:-4])
        port = {TCP: dice.choice(PORTS), UDP: 80, ICMP: 8 * 256}[protocol]
        if to.startswith("198.19"):
            protocol, port = TCP, 80
        yield one, Packet(one.private, to, protocol, port, begin + number if dice.maybe(0.7) else 2000 + begin % 20000 + number)


def test_what_the_explainer_says_is_what_the_kernel_does(bench):
    """Random networks, each made out of the one before it by difference; real packets there and back."""
    asked = opened = 0
    for seed in range(int(__import__("os").environ.get("SEEDS", "10"))):
        topology = any_network(seed, vpcs=2 + seed % 2)
        bench.become(topology)
        questions = list(packets(Dice(seed + 1000), topology, 70, 33000 + 100 * seed))
        said = [explain(topology, one, packet).open for one, packet in questions]
        found = bench(bench.probes([(one.owner, packet) for one, packet in questions]))
        for (one, packet), expected, got in zip(questions, said, found):
            assert bool(got) == expected, (seed, one.id, packet, got, explain(topology, one, packet))
        asked, opened = asked + len(said), opened + sum(said)
    assert 0.15 < opened / asked < 0.85, opened
