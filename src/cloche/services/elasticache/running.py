"""The servers of clusters and groups: begun, linked, failed over and ended, so that what is `available` answers at its address.

What is waited for stands in the records (`does`); one worker a cluster and one a group do it, and again after a crash. Redis keeps a log of what was written, so that a kill loses nothing; Memcached
has nothing but memory.
"""
from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import socket
from functools import partial
from pathlib import Path

import msgspec

from cloche.engines import loopback
from cloche.engines.db import memcached, redis, redis_front
from cloche.engines.db.memcached import Memcached
from cloche.engines.db.process import Failed, Unavailable
from cloche.engines.db.redis import Redis
from cloche.kernel import Call

from . import groups, offers
from . import service as elasticache
from .clusters import Cluster, Node
from .replication_groups import ReplicationGroup
from .snapshots import Snapshot

log = logging.getLogger("cloche")


class Server:
    """A node that runs, and who listens for it."""

    def __init__(self, engine: Redis | Memcached, port: int) -> None:
        self.engine, self.port = engine, port     # port: for its replicas, on the loopback
        self.listener: asyncio.Server | None = None


class Held:
    def __init__(self) -> None:
        self.servers: dict[tuple[str, str], Server] = {}              # (cluster's number, node)
        self.endpoints: dict[tuple[str, str], asyncio.Server] = {}    # (group's number, primary or reader)


def held(call: Call) -> Held:
    memory = call.cloud.memory
    if "elasticache" not in memory:
        made = Held()
        memory["elasticache"] = made
        call.cloud.closers.append(lambda: _end(made))
    return memory["elasticache"]  # type: ignore[no-any-return]


def _end(one: Held) -> None:
    for listener in one.endpoints.values():
        listener.close()
    for server in one.servers.values():
        if server.listener is not None:
            server.listener.close()
        if server.engine.process is not None:
            server.engine.process.send(signal.SIGKILL)
    one.servers.clear()
    one.endpoints.clear()


def wake(call: Call, name: str) -> None:
    call.wake(settle, name)


def wake_group(call: Call, name: str) -> None:
    call.wake(settle_group, name)


@elasticache.boot
def begin_again(call: Call) -> None:
    for where in call.cloud.store.scopes("elasticache.cluster"):
        there = call.at(*where)
        for one in there.all(Cluster):
            there.wake(settle, one.name)
    for where in call.cloud.store.scopes("elasticache.group"):
        there = call.at(*where)
        for group in there.all(ReplicationGroup):
            there.wake(settle_group, group.name)


def folder(call: Call, one: Cluster, node: str) -> Path:
    return Path(call.cloud.data) / "elasticache" / one.number / node


# -- a cluster ------------------------------------------------------------------------------------------------------------


@elasticache.worker
async def settle(call: Call, name: str) -> None:
    while (one := call.get(Cluster, name)) is not None:
        try:
            await _snapshots(call, one)
            nodes = await _nodes(call, one)
        except (Failed, Unavailable, OSError) as trouble:
            log.warning("elasticache: %s: %s", name, trouble)
            with call.step():
                if (now := call.get(Cluster, name)) is not None:
                    call.put(now.but(status="restore-failed" if one.restored else "create-failed", does=""))
            return
        with call.step():
            now = call.get(Cluster, name)
            if now is None or now.number != one.number:
                return
            if now.does == one.does == "delete":
                call.delete(now)
            elif now.does == one.does:
                call.put(now.but(nodes=nodes, status="available", does="", restored=""))
            if now.group:
                call.wake(settle_group, now.group)
        now = call.get(Cluster, name)
        if now is None or (not now.does and not _waiting(call, now)):
            return


async def _nodes(call: Call, one: Cluster) -> list[Node]:
    """Every node that is to run runs, no other does."""
    there = held(call)
    keep = set() if one.does == "delete" else {node.id for node in one.nodes}
    for key in [key for key in there.servers if key[0] == one.number and (key[1] not in keep or one.does == "reboot")]:
        await _stop(there.servers.pop(key))
        if key[1] not in keep:
            await asyncio.to_thread(shutil.rmtree, folder(call, one, key[1]), ignore_errors=True)
    if one.does == "delete":
        await asyncio.to_thread(shutil.rmtree, folder(call, one, "x").parent, ignore_errors=True)
        return one.nodes
    nodes = []
    for node in one.nodes:
        server = there.servers.get((one.number, node.id))
        if server is not None and not server.engine.running:
            await _stop(there.servers.pop((one.number, node.id)))
            server = None
        if server is None:
            server = await _start(call, one, node)
            there.servers[one.number, node.id] = server
        if one.does == "users" and isinstance(server.engine, Redis):
            for line in _users(one):
                await server.engine.ask("ACL", "SETUSER", *line.split()[1:])
        if server.listener is None:
            node = await _listen(call, one, node, server)
        nodes.append(node)
    if one.redis:
        await _parameters(call, one)
    return nodes


def _users(one: Cluster) -> list[str]:
    password = str(one.token)
    return [f"user default reset on {'>' + password if password else 'nopass'} ~* &* +@all {redis.WITHHELD}"]


async def _start(call: Call, one: Cluster, node: Node) -> Server:
    with call.step():
        group = groups.parameters(call, one.parameters)
        megabytes, cores = offers.size(call, one.type)
    where = folder(call, one, node.id)
    if not one.redis:
        engine = Memcached(where)
        switches = [part for name, value in group.values.items() if name in groups.MEMCACHED for part in (groups.MEMCACHED[name], value)]
        await engine.start(megabytes * 3 // 4, cores, switches)
        return Server(engine, 0)
    server = Redis(where, str(one.secret))
    if one.restored and not (where / "data").exists():
        server.restored(Path(call.cloud.data) / one.restored)
    settings = {name: value for name, (value, _) in groups.known(group.family).items()} | group.values | {"maxmemory": str((megabytes << 20) * 3 // 4)}
    port = _free() if one.group else 0
    await server.start({name: value for name, value in settings.items() if value}, _users(one), port=port)
    return Server(server, port)


def _free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def _stop(server: Server) -> None:
    if server.listener is not None:
        server.listener.close()
    await server.engine.stop()


async def _listen(call: Call, one: Cluster, node: Node, server: Server) -> Node:
    sock, address = loopback.bound(node.address, one.port)
    inside, name = call.cloud.internal(elasticache, call.account, call.region), one.name

    def nodes() -> tuple[int, str]:
        now = inside.get(Cluster, name)
        return (now.changes, " ".join(f"{each.address}|{each.address}|{now.port}" for each in now.nodes if each.address)) if now else (0, "")

    engine = server.engine
    speak = partial(redis_front.serve, server=engine.socket, end=engine.end) if isinstance(engine, Redis) else partial(memcached.serve, server=engine.socket, nodes=nodes)
    server.listener = await asyncio.start_server(speak, sock=sock, ssl=loopback.context(Path(call.cloud.data), "elasticache", address) if one.tls else None)
    return msgspec.structs.replace(node, address=address)


async def _parameters(call: Call, one: Cluster) -> None:
    """What a running server takes, it is given."""
    with call.step():
        group = groups.parameters(call, one.parameters)
    settings = {name: value for name, (value, _) in groups.known(group.family).items()} | group.values
    for node in one.nodes:
        server = held(call).servers.get((one.number, node.id))
        if server is not None and isinstance(server.engine, Redis):
            for name, value in settings.items():
                if name not in groups.STATIC:
                    said = await server.engine.ask(server.engine.hidden("CONFIG"), "SET", name, value)
                    if said != "OK":
                        log.info("elasticache: %s does not take %s %s: %s", one.name, name, value, said)


def parameters_changed(call: Call, name: str) -> None:
    for one in call.all(Cluster):
        if one.parameters == name and one.redis and one.status == "available":
            call.put(one.but(does="change"))
            wake(call, one.name)


def _waiting(call: Call, one: Cluster) -> list[Snapshot]:
    return [each for each in call.all(Snapshot) if each.status == "creating" and each.of.number == one.number]


async def _snapshots(call: Call, one: Cluster) -> None:
    for snapshot in _waiting(call, one):
        server = held(call).servers.get((one.number, one.nodes[0].id))
        if server is None or not isinstance(server.engine, Redis):
            continue
        files = f"elasticache/snapshots/{call.uuid()}"
        await server.engine.saved(Path(call.cloud.data) / files)
        with call.step():
            now = call.get(Snapshot, snapshot.name)
            if now is not None:
                call.put(now.but(status="available", files=files))


# -- a group --------------------------------------------------------------------------------------------------------------


@elasticache.worker
async def settle_group(call: Call, name: str) -> None:
    """Members follow their primary, and its endpoints lead there; a primary that is gone is replaced, if the group asks for that."""
    one = call.get(ReplicationGroup, name)
    if one is None:
        return
    there = held(call)
    if one.does == "delete":
        for role in ("primary", "reader"):
            if (listener := there.endpoints.pop((one.number, role), None)) is not None:
                listener.close()
        with call.step():
            call.delete(one)
        return
    members = [call.get(Cluster, member) for member in one.members]
    servers = {member.name: there.servers.get((member.number, "0001")) for member in members if member is not None}
    if any(server is None or not server.engine.running for server in servers.values()) or len(servers) < len(one.members):
        return     # whoever is not there yet wakes the group when it is
    first = servers[one.primary]
    if first is None or not isinstance(first.engine, Redis):
        return
    await first.engine.lead()
    for member, server in servers.items():
        if member != one.primary and server is not None and isinstance(server.engine, Redis):
            await server.engine.follow(first.port)
    addresses = {role: await _endpoint(call, one, role, address) for role, address in (("primary", one.primary_address), ("reader", one.reader_address))}
    with call.step():
        now = call.get(ReplicationGroup, name)
        if now is not None and now.number == one.number:
            done = now.does == one.does and now.primary == one.primary
            call.put(now.but(primary_address=addresses["primary"], reader_address=addresses["reader"], **({"status": "available", "does": ""} if done else {})))
            if not done:
                call.wake(settle_group, name)


async def _endpoint(call: Call, one: ReplicationGroup, role: str, address: str) -> str:
    there = held(call)
    if (one.number, role) in there.endpoints:
        return address
    sock, address = loopback.bound(address, one.port)
    inside, name, turn = call.cloud.internal(elasticache, call.account, call.region), one.name, [0]

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        now = inside.get(ReplicationGroup, name)
        replicas = [member for member in now.members if member != now.primary] if now else []
        turn[0] += 1
        chosen = now and (now.primary if role == "primary" or not replicas else replicas[turn[0] % len(replicas)])
        member = inside.get(Cluster, chosen) if chosen else None
        server = there.servers.get((member.number, "0001")) if member else None
        if server is None or not isinstance(server.engine, Redis):
            writer.close()
            return
        await redis_front.serve(reader, writer, server.engine.socket, server.engine.end)

    there.endpoints[one.number, role] = await asyncio.start_server(client, sock=sock, ssl=loopback.context(Path(call.cloud.data), "elasticache", address) if one.tls else None)
    return address
