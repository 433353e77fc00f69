"""A machine's disk: for every part of its root a directory that holds what the machine wrote, above what it shares with others.

An image is a directory of the same form, made by copying a disk; it is never written again. Ids on disk are the guests' (shifted), so a copy keeps them.
"""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .skeleton import Skeleton


def prepare(disk: Path, base: Skeleton, shift: int) -> None:
    """Make what is not there yet."""
    for part in base.names:
        for path, mode in ((disk / part, 0o755), (disk / f"{part}.work", 0o700)):
            if not path.exists():
                path.mkdir(parents=True)
                path.chmod(mode)
                if shift:
                    os.chown(path, shift, shift)


def image(disk: Path, to: Path) -> None:
    """What the machine has written so far, as an image: written beside its place and renamed into it. Whiteouts and owners are kept."""
    made = to.with_name(to.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for part in sorted(disk.iterdir()):
        if part.is_dir() and not part.name.endswith(".work"):
            subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=always", str(part), str(made / part.name)], check=True, capture_output=True)
    made.rename(to)


def remove(disk: Path) -> None:
    shutil.rmtree(disk, ignore_errors=True)
