"""The servers of instances: made, started, stopped and looked after, so that an instance is `available` when it answers at its address, and not before.

What an instance's server is waited for with stands in its record (`does`); one worker an instance does it, and does it again after a crash.
"""
from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cloche.engines import loopback
from cloche.engines.db import mariadb, passing, postgres_front
from cloche.engines.db.mariadb import MariaDB
from cloche.engines.db.postgres import Postgres
from cloche.engines.db.process import Failed, Unavailable, copy, own
from cloche.kernel import Call
from cloche.services.kms import public as kms

from . import events, instances, offers, parameter_groups, snapshots, tokens
from . import service as rds
from .instances import Instance
from .snapshots import Snapshot

log = logging.getLogger("cloche")


class Server:
    """What runs for an instance, and who listens for it."""

    def __init__(self, engine: Postgres | MariaDB) -> None:
        self.engine = engine
        self.settings: dict[str, str] = {}
        self.listener: asyncio.Server | None = None
        self.clients: set[asyncio.StreamWriter] = set()
        self.watch: asyncio.Task[None] | None = None

    def silence(self) -> None:
        """Nobody listens any more, and those who were connected are not."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        for writer in self.clients:
            writer.close()
        if self.watch is not None and self.watch is not asyncio.current_task():
            self.watch.cancel()


def servers(call: Call) -> dict[str, Server]:
    memory = call.cloud.memory
    if "rds.servers" not in memory:
        held: dict[str, Server] = {}
        memory["rds.servers"] = held
        call.cloud.closers.append(lambda: _end(held))
    return memory["rds.servers"]  # type: ignore[no-any-return]


def _end(held: dict[str, Server]) -> None:
    for one in held.values():
        one.silence()
        if one.engine.process is not None:
            one.engine.process.send(signal.SIGKILL)
    held.clear()


def folder(call: Call, resource: str) -> Path:
    return Path(call.cloud.data) / "rds" / resource


def wake(call: Call, name: str) -> None:
    call.wake(settle, name)


@rds.boot
def begin_again(call: Call) -> None:
    for where in call.cloud.store.scopes("rds.instance"):
        there = call.at(*where)
        for one in there.all(Instance):
            if one.status not in ("stopped", "failed"):
                there.wake(settle, one.name)


# -- one instance ---------------------------------------------------------------------------------------------------------


@rds.worker
async def settle(call: Call, name: str) -> None:
    """Until nothing is left to be done for it."""
    while (one := call.get(Instance, name)) is not None:
        try:
            await _fill(call, one)
            if not one.real:
                _say(call, one, status=after(one), does="")
            elif not await _do(call, one):
                return
        except (Failed, Unavailable, OSError) as trouble:
            log.warning("rds: %s: %s", name, trouble)
            with call.step():
                if (now := call.get(Instance, name)) is not None:
                    events.add(call, "db-instance", name, f"The server of the DB instance failed: {str(trouble)[-400:]}", "failure")
                    call.put(now.but(status="failed", does=""))
            return
        now = call.get(Instance, name)
        if now is None or (not now.does and not _waiting(call, now)):
            return


def after(one: Instance) -> str:
    return {"stop": "stopped"}.get(one.does, "available")


def _say(call: Call, one: Instance, **changes: Any) -> None:
    """The work is done, unless it has become another's meanwhile."""
    with call.step():
        now = call.get(Instance, one.name)
        if now is None or now.resource != one.resource:
            return
        if now.does == one.does:
            if one.does == "delete":
                call.delete(now)
                events.add(call, "db-instance", one.name, "DB instance deleted", "deletion")
                return
            call.put(now.but(**changes))
        else:
            call.put(now.but(**{key: value for key, value in changes.items() if key in ("address", "applied", "zone", "second_zone")}))


async def _do(call: Call, one: Instance) -> bool:
    """One step for it; False: there was nothing to do."""
    held, does = servers(call), one.does
    server = held.get(one.resource)
    if does in ("stop", "delete"):
        if server is not None:
            await _stopped(call, one, server)
        if does == "delete":
            await asyncio.to_thread(shutil.rmtree, folder(call, one.resource), ignore_errors=True)
        with call.step():
            if does == "stop":
                events.add(call, "db-instance", one.name, "DB instance stopped", "notification")
                call.after(instances.WEEK, instances.week_over, one.name, instance=one.name)
        _say(call, one, status="stopped", does="", restarts=call.now + instances.WEEK)
        return True
    if one.encrypted and not kms.is_usable(call, one.key_arn):
        if server is not None:
            await _stopped(call, one, server)
        return False
    if does in ("make", "restore", "replicate") and server is None:
        await _files(call, one)
    if server is not None and (does == "restart" or not server.engine.running):
        await _stopped(call, one, server)
        server = None
    fresh = server is None
    if server is None:
        server = await _started(call, one)
    address = one.address
    if server.listener is None:
        address = await _listen(call, one, server)
    if does == "make":
        if isinstance(server.engine, Postgres):
            await server.engine.roles(one.master, str(one.password), one.database)
    elif does == "password":
        if isinstance(server.engine, Postgres):
            await server.engine.password(one.master, str(one.password))
        else:
            await server.engine.ask(mariadb.changed(one.master, str(one.password)), str(one.admin))
    elif does == "promote" and isinstance(server.engine, Postgres) and not fresh:
        await server.engine.promote()
    applied = await _parameters(call, one, server)
    if not does and one.status == "available" and (address, applied) == (one.address, one.applied) and not fresh:
        return False
    changes: dict[str, Any] = {"status": "available", "does": "", "address": address, "applied": applied, "failover": False}
    with call.step():
        _tell(call, one)
        if does in ("make", "restore") and one.retention:
            moment = datetime.fromtimestamp(call.now, UTC)
            snapshots.begin(call, one, f"rds:{one.name}-{moment:%Y-%m-%d-%H-%M}-{one.resource[3:7].lower()}", {}, "automated")
    if one.failover:
        changes |= {"zone": one.second_zone, "second_zone": one.zone}
    _say(call, one, **changes)
    return True


TOLD = {"make": ("DB instance created", "creation"), "restore": ("Restored from snapshot", "restoration"), "replicate": ("DB instance created", "creation"), "start": ("DB instance started", "notification"),
        "restart": ("DB instance restarted", "availability"), "password": ("Reset master credentials", "configuration change"), "promote": ("Promoted Read Replica instance to be a stand-alone DB instance", "read replica")}


def _tell(call: Call, one: Instance) -> None:
    if one.failover:
        events.add(call, "db-instance", one.name, "Multi-AZ instance failover started.", "failover")
    if one.does in TOLD:
        events.add(call, "db-instance", one.name, *TOLD[one.does])
    if one.failover:
        events.add(call, "db-instance", one.name, "Multi-AZ instance failover completed", "failover")


# -- its server -----------------------------------------------------------------------------------------------------------


def _engine(call: Call, one: Instance) -> Postgres | MariaDB:
    if one.engine != "postgres":
        return MariaDB(folder(call, one.resource))
    source = call.get(Instance, one.source) if one.source else None
    return Postgres(folder(call, one.resource), folder(call, source.resource) if source else None)


async def _files(call: Call, one: Instance) -> None:
    """What it begins with: nothing yet, a snapshot, or its source's files of this moment."""
    where = folder(call, one.resource)
    await asyncio.to_thread(shutil.rmtree, where, ignore_errors=True)
    engine = _engine(call, one)
    if one.does == "make":
        async with call.cloud.memory.setdefault("rds.template", asyncio.Lock()):      # the first of all makes what the others copy
            await engine.make(Path(call.cloud.data) / "rds" / "templates" / f"{'postgres' if one.engine == 'postgres' else 'mariadb'}")
    elif one.does == "restore":
        own(where)
        await asyncio.to_thread(copy, Path(call.cloud.data) / one.restored / "data", where / "data")
    else:
        source = call.get(Instance, one.source)
        server = servers(call).get(source.resource) if source else None
        if server is None:
            raise Failed("the source of the replica does not run")
        await server.engine.copied(where)
        if isinstance(engine, Postgres):
            engine.standby()


def _settings(call: Call, one: Instance) -> dict[str, str]:
    return parameter_groups.effective(call, one.parameters, offers.memory(call, one.cls), one.storage, one.port)


async def _started(call: Call, one: Instance) -> Server:
    server = Server(_engine(call, one))
    with call.step():
        server.settings = _settings(call, one)
    settings = {key: value for key, value in server.settings.items() if not key.startswith("rds.")}
    if isinstance(server.engine, Postgres):
        if one.source:
            server.engine.standby()
        else:
            (server.engine.folder / "data" / "standby.signal").unlink(missing_ok=True)
        await server.engine.start(settings)
    else:
        certificate, key = loopback.certificate(Path(call.cloud.data), "rds", one.address or "127.0.0.1")
        first = mariadb.accounts(str(one.admin), one.master, str(one.password), one.database) if one.does == "make" else ""
        await server.engine.start(settings, certificate=certificate, key=key, first=first)
    servers(call)[one.resource] = server
    server.watch = asyncio.ensure_future(_watched(call, one, server))
    return server


async def _stopped(call: Call, one: Instance, server: Server) -> None:
    servers(call).pop(one.resource, None)
    server.silence()
    await server.engine.stop(hard=one.failover)


async def _watched(call: Call, one: Instance, server: Server) -> None:
    """A server that ends by itself is begun again; of a Multi-AZ instance in the other zone."""
    process = server.engine.process
    if process is None or process.process is None:
        return
    await process.process.wait()
    if servers(call).get(one.resource) is not server:
        return
    server.silence()
    with call.step():
        now = call.get(Instance, one.name)
        if now is not None and now.resource == one.resource and now.status == "available":
            events.add(call, "db-instance", one.name, "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.", "recovery")
            call.put(now.but(status="rebooting", does="restart", failover=bool(now.second_zone)))
            call.wake(settle, one.name)


async def _listen(call: Call, one: Instance, server: Server) -> str:
    sock, address = loopback.bound(one.address, one.port)
    inside, data = call.cloud.internal(rds, call.account, call.region), Path(call.cloud.data)

    async def token(user: str, given: str, peer: str) -> bool:
        now = inside.get(Instance, one.name)
        return now is not None and now.resource == one.resource and tokens.good(inside, now, user, given, peer)

    if isinstance(server.engine, Postgres):
        speak: Any = partial(postgres_front.serve, server=server.engine.socket, context=loopback.context(data, "rds", address), token=token)
    else:
        speak = partial(passing.serve, server=server.engine.socket)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.clients.add(writer)
        try:
            await (speak(reader, writer, tls_only=server.settings.get("rds.force_ssl", "0") in ("1", "on", "true")) if isinstance(server.engine, Postgres) else speak(reader, writer))
        finally:
            server.clients.discard(writer)

    server.listener = await asyncio.start_server(client, sock=sock)
    return address


async def _parameters(call: Call, one: Instance, server: Server) -> str:
    """Bring what can be changed at once to the server; how the group's settings stand then."""
    with call.step():
        wanted = _settings(call, one)
    group = parameter_groups.find(call, one.parameters)
    changed = {key: wanted.get(key) for key in wanted.keys() | server.settings.keys() if wanted.get(key) != server.settings.get(key)}
    statics = parameter_groups.statics(group.family)
    later = {key for key in changed if key in statics or group.values.get(key, ("", "immediate"))[1] != "immediate"}
    waits = one.applied == "pending-reboot" and one.does != "restart"     # another group: all of it waits for the reboot
    if waits and not later:
        later = set(changed)
    now = {key: value for key, value in changed.items() if key not in later}
    ours = {key: value for key, value in now.items() if not key.startswith("rds.")}
    if ours and isinstance(server.engine, Postgres):
        await server.engine.apply(ours)
    elif ours and isinstance(server.engine, MariaDB):
        await server.engine.apply(ours, str(one.admin))
    server.settings = {key: value for key, value in (server.settings | now).items() if value is not None}
    return "pending-reboot" if later or waits else "in-sync"


def parameters_changed(call: Call, name: str) -> None:
    for one in call.all(Instance):
        if one.parameters == name and one.status == "available":
            call.put(one.but(applied="applying"))
            wake(call, one.name)


# -- snapshots ------------------------------------------------------------------------------------------------------------


def _waiting(call: Call, one: Instance) -> list[Snapshot]:
    return [each for each in call.all(Snapshot) if each.status == "creating" and each.of.resource == one.resource and not each.files and not each.source]


async def _fill(call: Call, one: Instance) -> None:
    """The snapshots of it that nobody has taken yet."""
    for snapshot in _waiting(call, one):
        server, files = servers(call).get(one.resource), f"rds/snapshots/{call.uuid()}"
        target = Path(call.cloud.data) / files
        if server is not None:
            await server.engine.copied(target)
        elif (folder(call, one.resource) / "data").exists():
            own(target)
            await asyncio.to_thread(copy, folder(call, one.resource) / "data", target / "data")
        elif one.real:
            return
        with call.step():
            now = call.get(Snapshot, snapshot.name)
            if now is not None:
                call.put(now.but(status="available", files=files))
                events.add(call, "db-snapshot", snapshot.name, "Automated snapshot created" if now.type == "automated" else "Manual snapshot created", "creation")
                if now.type == "manual":
                    events.add(call, "db-instance", one.name, "Finished DB Instance backup", "backup")


@rds.worker
async def copied(call: Call, name: str) -> None:
    """A copy of a snapshot shares its files: nobody changes them."""
    with call.step():
        one = call.get(Snapshot, name)
        if one is not None and one.status == "creating":
            call.put(one.but(status="available"))
            events.add(call, "db-snapshot", name, "Finished copy of snapshot", "notification")


def sweep(call: Call) -> None:
    """Files of snapshots that are no longer any snapshot's."""
    call.wake(swept, "files")


@rds.worker
async def swept(call: Call, key: str) -> None:
    used = {each.files for where in call.cloud.store.scopes("rds.snapshot") for each in call.at(*where).all(Snapshot)}
    used |= {each.restored for where in call.cloud.store.scopes("rds.instance") for each in call.at(*where).all(Instance) if each.does == "restore"}
    place = Path(call.cloud.data) / "rds" / "snapshots"
    with contextlib.suppress(FileNotFoundError):
        for path in place.iterdir():
            if f"rds/snapshots/{path.name}" not in used:
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
