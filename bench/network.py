"""Measure the network: throughput between two instances in two subnets beside a bare veth pair's, what many rules cost, and how long a change of one rule takes.

    python bench/network.py [--seconds 3] [--rounds 3]

One tool (iperf3), one run, bare and routed in turns; medians. Needs iperf3, iproute2, nftables and namespaces.
"""
from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from cloche.engines.net import compile as compiler
from cloche.engines.net.apply import Network
from cloche.engines.net.topology import Acl, Address, Entry, Group, Interface, Route, RouteTable, Rule, Subnet, Topology, Vpc
from cloche.engines.world import World

VPC = "vpc-0000000000000aaaa"
OPEN = Entry(100, True, "0.0.0.0/0")
OUT = (Rule("0.0.0.0/0"),)


def network(hosts: int = 2, groups: int = 1, rules: int = 1, world: bool = False, acl: int = 0) -> Topology:
    """Two subnets; each group has so many rules, each host five of the groups. `world`: the flow is an untracked one."""
    entries = (*(Entry(number + 1, False, f"192.0.2.{number}/32", 6, 1000, 2000) for number in range(acl)), OPEN)
    found = Topology().with_(Vpc(VPC, "1", "us-east-1", ("10.0.0.0/16",)), RouteTable("rtb-1", VPC, (Route("10.9.0.0/16", "igw-1", False),)), Acl("acl-1", VPC, entries, entries))
    for number in (1, 2):
        found = found.with_(Subnet(f"subnet-{number}", VPC, "us-east-1a", f"10.0.{number}.0/24", "rtb-1", "acl-1"))
    names = [f"sg-{number:017x}" for number in range(groups)]
    for number, name in enumerate(names):
        some = tuple(Rule(f"10.{number}.{n}.0/24", 6, 6000 + n, 6100 + n) for n in range(rules - 1))
        found = found.with_(Group(name, VPC, (*some, Rule("0.0.0.0/0" if world else "10.0.0.0/16", 6, 5201, 5201)), OUT))
    for number in range(hosts):
        mine = tuple(names[(number + k) % groups] for k in range(min(5, groups)))
        found = found.with_(Interface(f"eni-{number:017x}", VPC, f"subnet-{number % 2 + 1}", f"06:00:00:00:{number // 256:02x}:{number % 256:02x}",
                                      (Address(f"10.0.{number % 2 + 1}.{number // 2 + 4}"),), groups=mine, owner=f"h-{number}", up=True))
    return found


async def iperf(world: World, server: str, client: str, address: str, seconds: float) -> float:
    """Gbit/s that the receiver saw."""
    listening = asyncio.create_task(world.run(server, ["iperf3", "-s", "-1", "-B", address], timeout=seconds + 20))
    await asyncio.sleep(0.3)
    code, out, err = await world.run(client, ["iperf3", "-c", address, "-t", str(seconds), "-O", "1", "-J"], timeout=seconds + 20)
    if code:
        raise SystemExit(f"iperf3: {err.decode()} {out.decode()[-500:]}")
    await listening
    return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    world = World(Path(tempfile.mkdtemp(prefix="cloche-bench-")))
    await world.start()
    try:
        for name in ("bare-a", "bare-b"):
            await world.namespace(name)
        await world.run("bare-a", ["ip", "-batch", "-"], b"link add eth0 mtu 9001 type veth peer name eth0 mtu 9001 netns bare-b\naddr add 10.9.0.1/24 dev eth0\nlink set eth0 up\n")
        await world.run("bare-b", ["ip", "-batch", "-"], b"addr add 10.9.0.2/24 dev eth0\nlink set eth0 up\n")
        kernel, compiled = Network(world), compiler.Compiled()
        kinds = {"one rule": network(), "50 groups of 200 rules": network(groups=50, rules=200), "untracked, 50 groups of 200 rules": network(groups=50, rules=200, world=True),
                 "ACLs of 20 entries": network(acl=19)}
        found: dict[str, list[float]] = {"bare veth pair": []} | {name: [] for name in kinds}
        for _ in range(options.rounds):
            found["bare veth pair"].append(await iperf(world, "bare-b", "bare-a", "10.9.0.2", options.seconds))
            for name, topology in kinds.items():
                compiled = compiler.compile(topology, compiled)
                await kernel.become(compiled.plan)
                found[name].append(await iperf(world, "h-1", "h-0", "10.0.2.4", options.seconds))
        bare = statistics.median(found["bare veth pair"])
        for name, values in found.items():
            print(f"{name:38} {statistics.median(values):7.2f} Gbit/s  {statistics.median(values) / bare:5.2f} of bare")
        await changes(world, kernel, compiled)
    finally:
        await world.close()


async def changes(world: World, kernel: Network, compiled: compiler.Compiled) -> None:
    """A rule given and taken in a VPC of a hundred hosts, with 50 groups of 60 rules."""
    topology = network(hosts=100, groups=50, rules=60)
    begin = time.perf_counter()
    compiled = compiler.compile(topology, compiled)
    middle = time.perf_counter()
    await kernel.become(compiled.plan)
    print(f"100 hosts: compiled in {(middle - begin) * 1000:.0f} ms, in the kernel in {(time.perf_counter() - middle) * 1000:.0f} ms")
    group = topology.groups["sg-00000000000000000"]
    times = []
    for number in range(20):
        wanted = topology.with_(Group(group.id, group.vpc, (*group.ingress, Rule("10.0.0.0/16", 6, 81 + number, 81 + number)), group.egress)) if number % 2 else topology
        begin = time.perf_counter()
        compiled = compiler.compile(wanted, compiled)
        await kernel.become(compiled.plan)
        times.append((time.perf_counter() - begin) * 1000)
    print(f"one rule changed: median {statistics.median(times):.1f} ms, worst {max(times[1:]):.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
