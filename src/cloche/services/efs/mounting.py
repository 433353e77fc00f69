"""File systems in instances: a mount target listens at TCP 2049 in its own namespace, and `mount` in an instance gets the directory if it can reach it.

No NFS is spoken: the machine's mount call is answered with the directory itself (engines/world/inside/filesystems.py). But whether it is answered is decided by a
real connection from the instance's network to the mount target's address, under all routes, ACLs and groups between them.
"""
from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import re
from pathlib import Path

from cloche.engines.world import WorldError
from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from . import access_points, file_systems, mount_targets, public
from . import service as efs
from .mount_targets import MountTarget

PORT = 2049
REACH_SECONDS = 3.0    # AWS's client tries for minutes; who is not let through hears so sooner here
NAME = re.compile(r"(?:(?P<zone>[a-z0-9-]+)\.)?(?P<id>fs-[0-9a-f]+)(?:\.efs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com)?$")
log = logging.getLogger("cloche")


@efs.boot
def attend_again(call: Call) -> None:
    attend(call)


def attend(call: Call) -> None:
    """Once per cloud: hear of mounts, and of networks that came or went."""
    memory = call.cloud.memory
    if "efs.listeners" not in memory:
        memory["efs.listeners"] = {}
        inside = call.cloud.internal(efs, "", "")
        ec2.on_mount(inside, answer)
        call.cloud.work.watch(ec2.SETTLED, lambda: inside.spawn(listen(inside)))
        call.cloud.closers.append(lambda: [server.close() for server in memory.get("efs.listeners", {}).values()])


async def listen(call: Call) -> None:
    """Every mount target that is plugged in listens; who is there no more does not."""
    listeners: dict[str, asyncio.Server] = call.cloud.memory["efs.listeners"]
    there, held = ec2.standing(call), ec2.running_world(call)
    for id_ in [id_ for id_ in listeners if id_ not in there or held is None]:
        listeners.pop(id_).close()
    if held is None:
        return
    for where in call.cloud.store.scopes(MountTarget.kind):
        for one in call.at(*where).all(MountTarget):
            if one.interface in there and one.interface not in listeners:
                try:
                    sock = await held.socket(one.interface, "tcp", one.address, PORT)
                except WorldError as error:
                    log.warning("mount target %s: %s", one.id, error)
                    continue
                listeners[one.interface] = await asyncio.start_server(_close, sock=sock)


async def _close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def answer(call: Call, instance_id: str, source: str, options: str) -> tuple[str, bool]:
    """What an instance's `mount` gets: the directory, and whether it is read-only; OSError with what it hears instead."""
    call = call.of("efs")
    host, _, path = source.partition(":")
    wanted = dict(option.partition("=")[::2] for option in options.split(","))
    one, target = _named(call, instance_id, host)
    await _reach(call, instance_id, target)
    read_only = "ro" in wanted or _may(call, one, instance_id, "iam" in wanted)
    held = ec2.running_world(call)
    shift = held.shift if held else 0
    root = public.directory(call, one.id)
    await asyncio.to_thread(_owned, root, shift)
    if point := wanted.get("accesspoint"):
        if (found := call.get(access_points.AccessPoint, point)) is None or found.file_system != one.id:
            raise OSError(errno.ENOENT, f"no access point {point}")
        root = root / found.root.get("Path", "/").strip("/")
        if info := found.root.get("CreationInfo"):
            await asyncio.to_thread(_made, root, shift, int(info["OwnerUid"]), int(info["OwnerGid"]), int(str(info["Permissions"]), 8))
    inner = (root / path.strip("/")).resolve() if path.strip("/") else root
    if (inner != root and not inner.is_relative_to(root.resolve())) or not inner.is_dir():
        raise OSError(errno.ENOENT, f"no such directory on the file system: {path}")
    return str(inner), read_only


def _named(call: Call, instance_id: str, host: str) -> tuple[file_systems.FileSystem, MountTarget]:
    """By id, by DNS name, or by the address of a mount target; the mount target that serves the instance's zone."""
    vpc, zone = ec2.place_of(call, instance_id)
    if found := NAME.match(host):
        one = call.get(file_systems.FileSystem, found["id"])
        targets = [each for each in mount_targets.of(call, found["id"]) if each.vpc == vpc] if one else []
        best = next((each for each in targets if each.zone == (found["zone"] or zone)), None) or (targets[0] if targets and not found["zone"] else None)
        if one is None or best is None or one.state != "available":
            raise OSError(errno.EHOSTUNREACH, f"no mount target for {host} in {zone}")
        return one, best
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise OSError(errno.ENOENT, f"{host} is no file system") from None
    for each in call.all(MountTarget):
        if each.address == host and each.vpc == vpc and (one := call.get(file_systems.FileSystem, each.file_system)):
            return one, each
    raise OSError(errno.ETIMEDOUT, f"nobody has file systems at {host}")


async def _reach(call: Call, instance_id: str, target: MountTarget) -> None:
    """A connection from the instance itself, through everything between."""
    try:
        held = await ec2.plugged_in(call, target.interface)
        await listen(call)
        sock = await held.socket(instance_id, "tcp")
    except (WorldError, LookupError) as error:
        raise OSError(errno.EHOSTUNREACH, str(error)) from None
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (target.address, PORT)), REACH_SECONDS)
    except TimeoutError:
        raise OSError(errno.ETIMEDOUT, "the network lets nothing through") from None
    finally:
        sock.close()


async def way(call: Call, access_point_id: str, vpc: str, zone: str, role: Call) -> public.Way:
    """What `answer` is for instances, for others: a function's environment tries the connection itself."""
    point = call.get(access_points.AccessPoint, access_point_id)
    one = call.get(file_systems.FileSystem, point.file_system) if point else None
    if point is None or one is None:
        raise LookupError(f"no access point {access_point_id}")
    targets = [each for each in mount_targets.of(call, one.id) if each.vpc == vpc and each.state == "available"]
    target = next((each for each in targets if each.zone == zone), targets[0] if targets else None)
    if target is None:
        raise LookupError(f"no mount target of {one.id} in {zone}")
    read_only = False
    if one.policy:
        arn = file_systems.arn(call, one.id)
        if not role.allowed("elasticfilesystem:ClientMount", arn, policy=one.policy):
            raise PermissionError("the file system's policy does not allow elasticfilesystem:ClientMount")
        read_only = not role.allowed("elasticfilesystem:ClientWrite", arn, policy=one.policy)
    try:
        held = await ec2.plugged_in(call, target.interface)
    except WorldError as error:
        raise LookupError(str(error)) from None
    await listen(call)
    root = public.directory(call, one.id)
    await asyncio.to_thread(_owned, root, held.shift)
    root = root / point.root.get("Path", "/").strip("/")
    if info := point.root.get("CreationInfo"):
        await asyncio.to_thread(_made, root, held.shift, int(info["OwnerUid"]), int(info["OwnerGid"]), int(str(info["Permissions"]), 8))
    if not root.is_dir():
        raise LookupError(f"the root directory {point.root.get('Path')} of {access_point_id} does not exist")
    user = point.user
    return public.Way(root, int(user["Uid"]) if user else None, int(user["Gid"]) if user else None, read_only, target.address, PORT, held.shift)


def _may(call: Call, one: file_systems.FileSystem, instance_id: str, by_role: bool) -> bool:
    """Without a policy everybody who reaches it may do all. With one, the role (or nobody in particular) needs ClientMount; without ClientWrite it is read-only."""
    if not one.policy:
        return False
    arn = file_systems.arn(call, one.id)
    if not by_role:
        from cloche.iam import ANONYMOUS, Question, decide, parse
        def allowed(action: str) -> bool:
            return decide(Question(principal=ANONYMOUS, action=action, resource=arn, resource_account=call.account, now=call.now, resource_policy=(arn, parse(one.policy)))).allowed
    else:
        try:
            role = ec2.acting(call, instance_id)
        except AwsError as error:
            raise OSError(errno.EPERM, error.message) from None

        def allowed(action: str) -> bool:
            return role.allowed(action, arn, policy=one.policy)
    if not allowed("elasticfilesystem:ClientMount"):
        raise OSError(errno.EPERM, "the file system's policy does not allow elasticfilesystem:ClientMount")
    return not allowed("elasticfilesystem:ClientWrite")


def _owned(path: Path, shift: int) -> None:
    """A file system begins as root's."""
    if os.geteuid() == 0 and path.stat().st_uid == 0 and shift:
        os.chown(path, shift, shift)


def _made(path: Path, shift: int, uid: int, gid: int, mode: int) -> None:
    if path.is_dir():
        return
    path.mkdir(parents=True)
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, shift + uid, shift + gid)

