"""What is in a disk: a sparse file for a block device, a directory for a root's tree. The machine attaches the file through a loop device and boots from the tree.

A volume's is `DATA/disks/vol-...`, a snapshot's `DATA/disks/snap-...`; files of disks without content are made when they are first asked for.
"""
from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

from cloche.kernel import Call

from . import service as ec2

GIB = 1 << 30


def path(call: Call, id_: str) -> Path:
    """Where a volume's or a snapshot's content is; it may not be there yet."""
    return Path(call.cloud.data) / "disks" / call.account / call.region / id_


async def copy(origin: Path, to: Path) -> None:
    """Whole or not at all: beside the place first, then renamed into it. Holes stay holes; where the file system can, blocks are shared."""
    if not origin.exists() or to.exists():
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    beside = to.with_name(f".{to.name}.{os.getpid()}.{id(origin):x}")
    process = await asyncio.create_subprocess_exec("cp", "-a", "--sparse=always", "--reflink=auto", "-T", str(origin), str(beside),
                                                   stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode:
        await asyncio.to_thread(_remove, beside)
        raise OSError(f"{origin} could not be copied: {said.decode(errors='replace').strip()}")
    beside.rename(to)


def block(call: Call, id_: str, gib: int) -> Path:
    """The file behind a volume, at least as long as the volume: what a loop device is put over."""
    file = path(call, id_)
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "ab") as handle:
        if handle.tell() < gib * GIB:
            os.truncate(file, gib * GIB)
    return file


@ec2.worker
async def fill(call: Call, key: str) -> None:
    """A volume begins as its snapshot was."""
    from . import volumes
    one = call.get(volumes.Volume, key)
    if one is None or one.filled:
        return
    if one.origin:
        await copy(path(call.at(*one.origin.split("/")), one.snapshot_id), path(call, one.id))
    with call.step():
        if one := call.get(volumes.Volume, key):
            volumes.put(call, one.but(filled=True))
            call.signal(f"ec2.volume.{key}")


def remove(call: Call, record: Any) -> None:
    call.cloud.store.then(_remove, path(call, record.id))


def _remove(file: Path) -> None:
    if file.is_dir():
        shutil.rmtree(file, ignore_errors=True)
    else:
        file.unlink(missing_ok=True)
