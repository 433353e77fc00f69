"""The whole cloud, kept, brought back, forked. State is one SQLite file and immutable body files, so a copy is a copy and hard links.

What machines write while they run (disks, shared file systems) are trees that change: they are copied as they are at the moment, holes staying holes, and as on
a machine that lost its power what was not synced may be missing.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cloud import Cloud

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")
LEFT_OUT = {"cloud.db", "cloud.db-wal", "cloud.db-shm", "snapshots", "files", "lock", "cloche.log", "cloche.json", "run", "disks", "efs", "world"}
TREES = ("disks", "efs")  # of machines


class Unknown(Exception):
    """There is no such snapshot."""


def _folder(cloud: Cloud) -> Path:
    return cloud.data / "snapshots"


def _copy(cloud: Cloud, to: Path) -> None:
    cloud.store.flush()
    to.mkdir(parents=True, mode=0o700)
    cloud.store.run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    shutil.copyfile(cloud.data / "cloud.db", to / "cloud.db")
    _link(cloud.files, to / "files")
    _trees(cloud.data, to)
    for extra in cloud.data.iterdir():  # the master key and whatever else is small and lies beside
        if extra.name not in LEFT_OUT and extra.is_file():
            shutil.copy2(extra, to / extra.name)


def _trees(source: Path, to: Path) -> None:
    for name in TREES:
        if (source / name).is_dir():
            subprocess.run(["cp", "-a", "--sparse=always", "--reflink=auto", str(source / name), str(to / name)], check=True, capture_output=True)


def _link(source: Path, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _link(Path(entry.path), to / entry.name)
            elif entry.is_symlink():
                os.symlink(os.readlink(entry.path), to / entry.name)
            else:
                os.link(entry.path, to / entry.name)


def take(cloud: Cloud, name: str) -> dict[str, Any]:
    place = _folder(cloud) / name
    if place.exists():
        shutil.rmtree(place)
    _copy(cloud, place)
    return {"snapshot": name, "bytes": (place / "cloud.db").stat().st_size}


def fork(cloud: Cloud, directory: str) -> dict[str, Any]:
    """A data directory of its own. `cloche up --data DIRECTORY` makes it a second cloud."""
    place = Path(directory)
    if not place.is_absolute():
        place = Path.cwd() / place
    if place.exists() and any(place.iterdir()):
        raise Unknown(f"{place} is there already and is not empty")
    if place.exists():
        place.rmdir()
    try:
        _copy(cloud, place)
    except OSError as error:
        raise Unknown(f"{place}: {error.strerror}") from None
    return {"fork": str(place)}


def listing(cloud: Cloud) -> list[dict[str, Any]]:
    folder = _folder(cloud)
    if not folder.is_dir():
        return []
    return [{"snapshot": p.name, "bytes": (p / "cloud.db").stat().st_size} for p in sorted(folder.iterdir())]


def delete(cloud: Cloud, name: str) -> None:
    place = _folder(cloud) / name
    if not place.is_dir():
        raise Unknown(f"no snapshot {name}")
    shutil.rmtree(place)


async def restore(cloud: Cloud, name: str) -> None:
    place = _folder(cloud) / name
    if not place.is_dir():
        raise Unknown(f"no snapshot {name}")

    def change() -> None:
        _clear(cloud)
        shutil.copyfile(place / "cloud.db", cloud.data / "cloud.db")
        _link(place / "files", cloud.files)
        _trees(place, cloud.data)
        for extra in place.iterdir():
            if extra.name not in LEFT_OUT:
                shutil.copy2(extra, cloud.data / extra.name)
    await cloud.become(change)


async def reset(cloud: Cloud) -> None:
    """Everything is gone, the clock follows the wall again; snapshots stay."""
    await cloud.become(lambda: _clear(cloud))


def _clear(cloud: Cloud) -> None:
    for tree in (cloud.files, *(cloud.data / name for name in TREES)):
        shutil.rmtree(tree, ignore_errors=True)
    for name in ("cloud.db", "cloud.db-wal", "cloud.db-shm"):
        (cloud.data / name).unlink(missing_ok=True)
