"""Docker's bridge on an instance: each container in a network of its own behind the instance's address, its ports reached at ports of the instance."""
from __future__ import annotations

import asyncio

from cloche.engines.world import World, WorldError
from cloche.kernel import Call

from . import endpoint
from .definitions import Definition
from .index import index
from .pods import Live, Pod, pods
from .tasks import Task

FIRST, LAST = 32768, 60999
NET, GATEWAY = "172.17.0.0/16", "172.17.0.1"


def bound(call: Call, task: Task, definition: Definition) -> Task:
    """networkBindings: what is dynamic gets the lowest port that is free on the instance."""
    if definition.network not in ("bridge", "host"):
        return task
    taken = {(one["hostPort"], one["protocol"]) for other in index(call).tasks_on(task.instance) if other.status != "STOPPED" for each in other.containers for one in each.get("networkBindings", ())}
    out = []
    for shown, said in zip(task.containers, definition.containers):
        bindings = []
        for port in said["portMappings"]:
            number = port.get("hostPort") or next(n for n in range(FIRST, LAST) if (n, port["protocol"]) not in taken)
            taken.add((number, port["protocol"]))
            bindings.append({"bindIP": "0.0.0.0", "containerPort": port["containerPort"], "hostPort": number, "protocol": port["protocol"]})
        out.append({**shown, "networkBindings": bindings} if bindings else shown)
    return task.but(containers=tuple(out))


async def _ip(held: World, space: str, *lines: str) -> None:
    code, _, err = await held.run(space, ["ip", "-batch", "-"], "\n".join(lines).encode())
    if code:
        raise WorldError(err.decode(errors="replace").strip())


async def join(call: Call, held: World, pod: Pod, live: Live, task: Task) -> str:
    """A network for the container; `none` has its loopback alone."""
    space = f"{live.machine}-net"
    await held.namespace(space)
    live.network = space
    if pod.definition.network == "bridge":
        used = {other.address for each in pods(call).values() if each.host == pod.host for other in each.lives.values()}
        live.address = next(f"172.17.{n // 256}.{n % 256}" for n in range(2, 65000) if f"172.17.{n // 256}.{n % 256}" not in used)
        near = "v" + live.machine[4:11] + live.machine[-3:].replace("-", "")
        async with _one_by_one(call, pod.host):
            code, _, _ = await held.run(pod.host, ["ip", "link", "show", "docker0"])
            if code:
                await _ip(held, pod.host, "link add docker0 type bridge", f"addr add {GATEWAY}/16 dev docker0", "link set docker0 up")
                await held.sysctl(pod.host, **{"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/route_localnet": 1})
        await _ip(held, pod.host, f"link add {near} type veth peer name eth0 netns {space}", f"link set {near} master docker0", f"link set {near} up")
        await _ip(held, space, f"addr add {live.address}/16 dev eth0", "link set eth0 up", f"route add default via {GATEWAY}")
        async with _one_by_one(call, pod.host):
            await _rules(call, held, pod.host, task)
    await endpoint.open_(call, held, space)
    return space


async def leave(call: Call, held: World | None, pod: Pod, live: Live) -> None:
    if not live.network or held is None or not held.running:
        return
    server = call.cloud.memory.get("ecs.doors", {}).pop(live.network, None)
    if server is not None:
        server.close()
    await held.drop(live.network)
    if pod.definition.network == "bridge" and held.machines.up(pod.host):
        live.address = ""
        async with _one_by_one(call, pod.host):
            await _rules(call, held, pod.host, None)


def _one_by_one(call: Call, host: str) -> asyncio.Lock:
    """Tasks that come to an instance at once change its network one after the other."""
    locks: dict[str, asyncio.Lock] = call.cloud.memory.setdefault("ecs.bridges", {})
    return locks.setdefault(host, asyncio.Lock())


async def _rules(call: Call, held: World, host: str, task: Task | None) -> None:
    """All that the instance's ports lead to, in one piece."""
    found: dict[str, dict[str, list[str]]] = {"tcp": {}, "udp": {}}
    for id_, pod in pods(call).items():
        if pod.host != host:
            continue
        one = task if task is not None and task.id == id_ else call.at(pod.account, pod.region).get(Task, id_)
        for shown in one.containers if one else ():
            live = pod.lives.get(shown["name"])
            if live is None or not live.address:
                continue
            for binding in shown.get("networkBindings", ()):
                found[binding["protocol"]][str(binding["hostPort"])] = [live.address, str(binding["containerPort"])]
    maps: list[str] = []
    dnat: list[str] = []
    for protocol, ports in found.items():
        if ports:
            maps.append(f"map {protocol}_ports {{ type inet_service : ipv4_addr . inet_service; elements = {{ " + ", ".join(f"{port} : {to[0]} . {to[1]}" for port, to in ports.items()) + " } }")
            dnat.append(f"fib daddr type local dnat ip to {protocol} dport map @{protocol}_ports")
    text = "\n".join([
        "table ip cloche_docker {}", "delete table ip cloche_docker", "table ip cloche_docker {", *maps,
        "chain prerouting {", "type nat hook prerouting priority dstnat", *dnat, "}", "chain output {", "type nat hook output priority -100", *dnat, "}",
        "chain postrouting {", "type nat hook postrouting priority srcnat", f'ip saddr {NET} oifname != "docker0" masquerade', 'ip saddr 127.0.0.0/8 oifname "docker0" masquerade', "}", "}", ""])
    code, _, err = await held.run(host, ["nft", "-f", "-"], text.encode())
    if code:
        raise WorldError(err.decode(errors="replace").strip())

