"""Roots of images on disk, one for each list of layers, shared by all who run it: a lower layer of overlays, or copied where overlays are not to be had.

A root is unpacked beside its place and renamed into it whole; after that nobody writes in it.
"""
from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

from .unpack import unpack


class Rooms:
    """`shift`: what uid 0 of an image is on disk."""

    def __init__(self, place: Path, shift: int = 0, room: int = 20 << 30) -> None:
        self.place, self.shift, self.room = place, shift, room
        self._making: dict[str, asyncio.Task[Path]] = {}

    def key(self, digests: list[str]) -> str:
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:32] + (f"-{self.shift:x}" if self.shift else "")

    async def root(self, blobs: list[tuple[str, Path]]) -> Path:
        """The root of these layers (digest, file), the lowest first. Raises Broken; who comes meanwhile waits for the same."""
        key = self.key([digest for digest, _ in blobs])
        to = self.place / key
        if to.is_dir():
            return to
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(asyncio.to_thread(make, [path for _, path in blobs], to, self.shift, self.room))
            task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    def keep(self, wanted: set[str]) -> None:
        """Remove all others (by their keys)."""
        if self.place.is_dir():
            for one in os.listdir(self.place):
                if one not in wanted and one not in self._making:
                    shutil.rmtree(self.place / one, ignore_errors=True)


def make(blobs: list[Path], to: Path, shift: int, room: int) -> Path:
    made = to.with_name(to.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        unpack(blobs, made, shift, room)
        made.rename(to)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return to
