"""A layer's files, laid over those of the layers below it in one directory: whiteouts take away, everything else replaces.

A layer comes from a stranger. Names are resolved inside the directory as in a chroot, links to outside lead to its top, device nodes are not made, and what
is more than `room` bytes is refused. Nobody else writes there meanwhile, so looking before doing is enough.
"""
from __future__ import annotations

import gzip
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
LINKS = 40  # in one name
PIECE = 1 << 20


class Broken(Exception):
    """An image cannot be unpacked; the text says why."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The tar in a blob, whatever it is packed with: what it says of itself counts, not its media type."""
    with path.open("rb") as file:
        begin = file.read(4)
        file.seek(0)
        if begin[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=file) as plain:
                yield plain
        elif begin == b"\x28\xb5\x2f\xfd":
            if shutil.which("zstd") is None:
                raise Broken("a layer is packed with zstd, and this machine has no `zstd`: apt-get install zstd")
            os.lseek(file.fileno(), 0, os.SEEK_SET)  # the child reads where the descriptor stands, not where our buffer does
            with subprocess.Popen(["zstd", "-dcq"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                yield process.stdout
                if process.wait():
                    raise Broken("a layer packed with zstd cannot be read")
        else:
            yield file


class Layers:
    """What has been laid into one directory so far."""

    def __init__(self, root: Path, shift: int = 0, room: int = 20 << 30) -> None:
        self.root, self.shift, self.left = root, shift, room
        self.own = os.geteuid() == 0

    def lay(self, path: Path) -> None:
        try:
            with opened(path) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
                fresh: set[str] = set()
                times: list[tuple[str, float]] = []
                for member in tar:
                    self.enter(tar, member, fresh, times)
                for place, moment in reversed(times):
                    with suppress(OSError):
                        os.utime(place, (moment, moment))
                while plain.read(PIECE):  # to the end: what unpacks it must not find a closed pipe
                    pass
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, UnicodeError) as error:
            raise Broken(f"a layer cannot be read: {error}") from None

    def enter(self, tar: tarfile.TarFile, member: tarfile.TarInfo, fresh: set[str], times: list[tuple[str, float]]) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise Broken(f"a layer has a name that leads outside: {member.name!r}")
        if not parts:  # the root itself
            self.about(str(self.root), member)
            return
        folder = self.folder(parts[:-1])
        name = parts[-1]
        place = os.path.join(folder, name)
        if name == OPAQUE:
            for below in os.listdir(folder):
                if os.path.join(folder, below) not in fresh:  # what this layer itself has put there stays
                    remove(os.path.join(folder, below))
            return
        if name.startswith(WHITEOUT):
            gone = name.removeprefix(WHITEOUT)
            if gone in ("", ".", ".."):
                raise Broken(f"a layer takes away what is no name: {member.name!r}")
            remove(os.path.join(folder, gone))
            return
        self.make(tar, member, place, times)
        fresh.add(place)
        while folder != str(self.root) and folder not in fresh:
            fresh.add(folder)
            folder = os.path.dirname(folder)

    def make(self, tar: tarfile.TarFile, member: tarfile.TarInfo, place: str, times: list[tuple[str, float]]) -> None:
        if member.isdir():
            if not os.path.isdir(place) or os.path.islink(place):
                remove(place)
                os.mkdir(place)
            times.append((place, member.mtime))
        elif member.isreg():
            self.left -= member.size
            if self.left < 0:
                raise Broken("no space left on device")
            remove(place)
            source = tar.extractfile(member)
            with open(place, "xb") as file:
                if source:
                    shutil.copyfileobj(source, file, PIECE)
        elif member.issym():
            remove(place)
            os.symlink(member.linkname, place)
        elif member.islnk():
            names = [part for part in member.linkname.split("/") if part not in ("", ".")]
            if not names or ".." in names:
                raise Broken(f"a layer has a link that leads outside: {member.linkname!r}")
            source_path = os.path.join(self.folder(names[:-1]), names[-1])
            if source_path == place:
                return
            remove(place)
            try:
                os.link(source_path, place, follow_symlinks=False)
            except FileNotFoundError:
                raise Broken(f"a layer has a link to what is not there: {member.linkname!r}") from None
            return
        elif member.isfifo():
            remove(place)
            os.mkfifo(place)
        else:  # a device, or what nobody knows
            return
        self.about(place, member)

    def about(self, place: str, member: tarfile.TarInfo) -> None:
        """Whose it is and what may be done with it; without a shift nothing on the host's disk is set-uid."""
        if self.own:
            os.chown(place, self.shift + member.uid, self.shift + member.gid, follow_symlinks=False)
        if member.issym():
            return
        mode = member.mode & (0o7777 if self.own and self.shift else 0o1777)
        os.chmod(place, mode if self.own else mode | (0o700 if member.isdir() else 0o600))
        with suppress(OSError):
            os.utime(place, (member.mtime, member.mtime))

    def folder(self, parts: list[str]) -> str:
        """The directory of that name inside, made where there is none. Links are followed as if the root were the whole world."""
        here, todo, links = str(self.root), list(reversed(parts)), 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                here = here if here == str(self.root) else os.path.dirname(here)
                continue
            place = os.path.join(here, part)
            try:
                mode = os.lstat(place).st_mode
            except FileNotFoundError:
                os.mkdir(place, 0o755)
                if self.own:
                    os.chown(place, self.shift, self.shift)
                here = place
                continue
            if stat.S_ISLNK(mode):
                links += 1
                if links > LINKS:
                    raise Broken("a layer has links in a circle")
                to = os.readlink(place)
                if to.startswith("/"):
                    here = str(self.root)
                todo += reversed(to.split("/"))
            elif stat.S_ISDIR(mode):
                here = place
            else:  # a file below which something lies: the later one counts
                os.unlink(place)
                todo.append(part)
        return here


def remove(place: str) -> None:
    """Whatever it is, and if it is anything."""
    try:
        mode = os.lstat(place).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        shutil.rmtree(place)
    else:
        os.unlink(place)


def unpack(blobs: list[Path], root: Path, shift: int = 0, room: int = 20 << 30) -> None:
    """All layers, the lowest first, into a directory that is there and empty."""
    layers = Layers(root, shift, room)
    if layers.own:
        os.chown(root, shift, shift)
    os.chmod(root, 0o755)
    for path in blobs:
        layers.lay(path)
