"""The machines behind instances: a worker per instance makes what runs agree with its record, and says so when it does.

The record says what is wanted (its state, how often it was to be booted, what is attached to it); the world says what is there. `carry` reads both and
takes no hints, so it repairs what a crash left: after kill -9 the world is empty, and whatever should run is booted again from its disks, as AWS's automatic
recovery does, with the addresses that it had.
"""
from __future__ import annotations

import asyncio
import errno
import logging

from msgspec import Struct

from cloche.engines.world import Attachment as Plug
from cloche.engines.world import Machine, Unavailable, World, WorldError
from cloche.kernel import Call

from . import addresses, dhcp_options, disk_files, instance_types, instances, key_pairs, life, network, network_map, sharing, vpcs, world
from . import service as ec2
from .instances import Instance
from .volumes import Volume

FILL_SECONDS = 600.0
BUSY_SECONDS = 0.5
log = logging.getLogger("cloche")


class Runs(Struct):
    """What this process knows of a machine that it booted."""
    account: str
    region: str
    boots: int
    plugs: dict[str, Plug]  # volume id -> how it is plugged in


def known(call: Call) -> dict[str, Runs]:
    found: dict[str, Runs] = call.cloud.memory.setdefault("ec2.machines", {})
    return found


# -- what `life` asks ----------------------------------------------------------------------------------------------------------------

def wake(call: Call, one: Instance) -> None:
    call.wake(carry, one.id)


def console(call: Call, id_: str) -> bytes:
    held = call.cloud.memory.get("world")
    return held.console(id_) if held else b""


def rewire(call: Call, one: Instance, _: Volume) -> None:
    """A volume comes or goes."""
    call.wake(carry, one.id)


def grow(call: Call, disk: Volume) -> None:
    for on in disk.attachments:
        call.wake(carry, on.instance_id)


def has_network(call: Call, id_: str) -> bool:
    one = call.get(Instance, id_)
    return one is not None and one.state in ("pending", "running", "stopping", "shutting-down") and not life.records_only(call)


network_map.OWNERS["i"] = has_network
life.LISTENERS.append(lambda call, one: network.changed(call) if one.state in ("pending", "stopped", "terminated") else None)  # it has its network in all others alike
life.MACHINES.update(wake=wake, lacks=world.lacks, console=console, attach=rewire, detach=rewire, grow=grow)


# -- the worker ------------------------------------------------------------------------------------------------------------------------

@ec2.worker
async def carry(call: Call, key: str) -> None:
    one = call.get(Instance, key)
    if one is None or life.records_only(call):
        return
    try:
        held = await world.start(call)
    except Unavailable as error:
        call.cloud.memory["world.unavailable"] = str(error)
        with call.step():
            _cannot(call, one, str(error))
        return
    listen(call, held)
    if one.state in ("stopping", "shutting-down"):
        await _end(call, held, one)
    elif one.state in ("pending", "running"):
        await _run(call, held, one)


async def _run(call: Call, held: World, one: Instance) -> None:
    runs = known(call).get(one.id)
    if runs and one.id in held.machines.running and runs.boots == one.boots:
        await _plug(call, held, one, runs)
        return
    try:
        if one.id in held.machines.running:
            await held.halt(one.id, "reboot")
        await _boot(call, held, one)
    except (WorldError, OSError, LookupError) as error:
        log.warning("instance %s: %s", one.id, error)
        with call.step():
            _cannot(call, one, str(error))
        return
    with call.step():
        if one.state == "pending":
            life.arrive(call, one.id)


async def _boot(call: Call, held: World, one: Instance) -> None:
    await _filled(call, one)
    for ready in world.READY:
        await ready(call, one.id)
    plugs = {disk.id: plug for disk in instances.disks(call, one) if not disk.tree and (plug := _as_plug(call, disk, one.id))}
    await held.boot(described(call, one, tuple(plugs.values())))
    known(call)[one.id] = Runs(call.account, call.region, one.boots, plugs)


async def _filled(call: Call, one: Instance) -> None:
    """Volumes of snapshots begin as those were: not before they are copied."""
    for disk in instances.disks(call, one):
        until = call.now + FILL_SECONDS
        while (found := call.get(Volume, disk.id)) and found.snapshot_id and not found.filled and call.now < until:
            await call.wait(f"ec2.volume.{disk.id}", until)


def described(call: Call, one: Instance, plugs: tuple[Plug, ...]) -> Machine:
    """The instance as a machine: its root volume is its disk."""
    kind = instance_types.find(one.type)
    root = next(disk for disk in instances.disks(call, one) if disk.tree)
    first = next(iter(instances.interfaces(call, one)), None)
    name, domain, resolvers = told(call, one)
    environment = {"AWS_DEFAULT_REGION": call.region, "AWS_REGION": call.region}
    for more in world.ENVIRONMENT:
        environment |= more(call, one.id)
    keys = (f"{found.public} {found.name}",) if one.key_name and (found := call.get(key_pairs.KeyPair, one.key_name)) else ()
    return Machine(
        id=one.id, disk=disk_files.path(call, root.id), hostname=name, domain=domain, resolvers=resolvers, address=first.private if first else "", memory_mb=kind.mib,
        cpus=kind.vcpus, user_data=one.user_data, keys=keys, login=one.login, environment=environment, volumes=plugs)


def told(call: Call, one: Instance) -> tuple[str, str, tuple[str, ...]]:
    """What DHCP tells it: its name, the domain, who resolves names."""
    vpc = sharing.vpc_lived_in(call, one.vpc) or vpcs.find(call, one.vpc)
    first = next(iter(instances.interfaces(call, one)), None)
    name = instances.private_name(call, one, first) if first and first.addresses else one.id
    chosen = sharing.home(call, vpc.id).get(dhcp_options.DhcpOptions, vpc.dhcp_options_id)
    options = chosen.options if chosen else {}
    given = options.get("domain-name-servers", ["AmazonProvidedDNS"] if chosen is None else [])
    own = str(addresses.network(vpc.cidr)[2])
    return name, " ".join(options.get("domain-name", [])), tuple(own if each == "AmazonProvidedDNS" else each for each in given)


def _as_plug(call: Call, disk: Volume, instance_id: str) -> Plug | None:
    on = disk.on(instance_id)
    if on is None or on.state not in ("attaching", "attached"):
        return None
    asked = on.device.removeprefix("/dev/")
    node = f"nvme{on.index}n1"
    return Plug(disk.id, disk_files.block(call, disk.id, disk.size), (node,) if asked == node else (node, asked))


async def _plug(call: Call, held: World, one: Instance, runs: Runs) -> None:
    """A running machine gets and loses volumes."""
    from . import volume_attachments
    wanted = {disk.id: plug for disk in instances.disks(call, one) if not disk.tree and (plug := _as_plug(call, disk, one.id))}
    for gone in [id_ for id_ in runs.plugs if id_ not in wanted]:
        busy = await held.machines.detach(one.id, gone)
        del runs.plugs[gone]
        if busy:  # mounted still: it goes when it is not
            known_waits(call).add(task := asyncio.ensure_future(_unmounted(call, held, one.id, gone)))
            task.add_done_callback(known_waits(call).discard)
        else:
            _gone(call, one.id, gone)
    for id_, plug in wanted.items():
        if id_ not in runs.plugs:
            await _filled(call, one)
            try:
                await held.machines.attach(one.id, plug)
            except WorldError as error:  # this computer has no block devices to give: the volume is free again, and the log says why
                log.warning("volume %s cannot be a device in %s: %s", id_, one.id, error)
                _gone(call, one.id, id_)
                continue
            runs.plugs[id_] = plug
            with call.step():
                volume_attachments.attached(call, id_, one.id)
        else:
            await held.machines.grow(id_)


def known_waits(call: Call) -> set[asyncio.Task[None]]:
    found: set[asyncio.Task[None]] = call.cloud.memory.setdefault("ec2.unmounting", set())
    return found


async def _unmounted(call: Call, held: World, instance_id: str, volume_id: str) -> None:
    """Until the machine has let go of a volume: no event tells of it."""
    while held.running and await held.machines.busy(volume_id):
        await asyncio.wait([asyncio.ensure_future(held.machines.pause(BUSY_SECONDS))])
    _gone(call, instance_id, volume_id)


def _gone(call: Call, instance_id: str, volume_id: str) -> None:
    from . import volume_attachments
    with call.step():
        volume_attachments.detached(call, volume_id, instance_id)


async def _end(call: Call, held: World, one: Instance) -> None:
    await held.halt(one.id, "kill" if one.state == "shutting-down" else "poweroff")
    runs = known(call).pop(one.id, None)
    for id_ in runs.plugs if runs else ():
        await held.machines.detach(one.id, id_)
    with call.step():
        life.arrive(call, one.id)


def _cannot(call: Call, one: Instance, why: str) -> None:
    """A machine that cannot be booted: the instance says why, and does not say that it runs."""
    one = call.get(Instance, one.id) or one
    if one.state == "pending":
        life.failed(call, one.id, why)
    elif one.state == "running":
        text = f"Server.InternalError: {why}"
        life.enter(call, one, "stopping", reason_code="Server.InternalError", reason=text, transition=text)
    elif one.state in life.NEXT:
        life.arrive(call, one.id)  # nothing of it runs, since nothing can


# -- what machines do by themselves -------------------------------------------------------------------------------------------------

def listen(call: Call, held: World) -> None:
    """Once per world: hear of machines that end, and of the world's own end."""
    if call.cloud.memory.get("ec2.listening") is held:
        return
    call.cloud.memory["ec2.listening"] = held
    inside = call.cloud.internal(call.cloud.service("ec2"), "", "")
    held.machines.on_end.append(lambda id_, how: ended(inside, id_, how))
    held.on_end.append(lambda: again(inside))
    held.machines.on_mount = lambda id_, source, options: mounting(inside, id_, source, options)


def ended(call: Call, id_: str, how: str) -> None:
    """`poweroff` inside is the instance's shutdown behaviour; after a reboot, or a death that nobody wanted, it is booted again."""
    runs = known(call).get(id_)
    if runs is None:
        return
    there = call.at(runs.account, runs.region)
    runs.boots = 0
    with there.step():
        if how in ("halt", "poweroff"):
            life.powered_off(there, id_)
        elif (one := there.get(Instance, id_)) and one.state == "running":
            there.wake(carry, id_)


async def mounting(call: Call, id_: str, source: str, options: str) -> tuple[str, bool]:
    """A machine wants a network file system: whoever has file systems answers. OSError is what its `mount` gets."""
    answer, runs = call.cloud.memory.get("ec2.mounts"), known(call).get(id_)
    if answer is None or runs is None:
        raise OSError(errno.ENODEV, "no network file system is known")
    path, read_only = await answer(call.at(runs.account, runs.region), id_, source, options)
    return str(path), bool(read_only)


def again(call: Call) -> None:
    """The holder died, and all machines with it."""
    with call.step():
        recover(call)


@ec2.boot
def recover(call: Call) -> None:
    """After a start nothing runs: what should is booted again, what was ending has ended."""
    for where in call.cloud.store.scopes("ec2.instance"):
        there = call.at(*where)
        for one in there.all(Instance):
            if one.state in ("pending", "running", "stopping", "shutting-down") and not life.records_only(there):
                there.wake(carry, one.id)

