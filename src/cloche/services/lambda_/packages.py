"""Code packages: the zip as it came, named by its sha256 and kept as long as something refers to it, and the tree as a function sees it.

The zips are the truth; trees lie in the cache and are made again where they are missing (a snapshot brought back). Unpacking is done beside the loop and
into a directory that is renamed into place when it is whole; a name that leads out of it, a bomb, a link that something is written through are
refused. Files that no row counts (a crash, a refused request) go at the next start.
"""
from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from cloche.kernel import AwsError, Call

from . import errors
from . import service as lambda_

ZIP_LIMIT = 52_428_800  # sent directly
REQUEST_LIMIT = 70_167_211
S3_ZIP_LIMIT = 262_144_000
UNZIPPED_LIMIT = 262_144_000
FILES_LIMIT = 100_000
IMAGES = "images"  # among the trees: the roots of images

lambda_.table("CREATE TABLE IF NOT EXISTS lambda_package (sha TEXT PRIMARY KEY, size INTEGER NOT NULL, unzipped INTEGER NOT NULL, refs INTEGER NOT NULL) WITHOUT ROWID")


class Package(NamedTuple):
    sha: str
    size: int
    unzipped: int


NOTHING = Package("", 0, 0)  # of a function from an image


def code_root(cloud: Any) -> Path:
    return Path(cloud.data) / "cache" / "lambda" / "code"


def zip_path(cloud: Any, sha: str) -> Path:
    return Path(cloud.files) / "lambda" / sha


async def take(call: Call, source: Any) -> Package:
    """The package that a request brings, on disk but not yet counted: `hold` it in the step that names it."""
    if source.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise errors.cannot_run("Cloche runs a copy of the code. Leave S3ObjectStorageMode out, or say COPY.")
    if source.get("SourceKMSKeyArn"):
        raise errors.cannot_run("Cloche does not keep code under a key of yours: it lies unpacked on this disk to be run. Leave SourceKMSKeyArn out.")
    if "ZipFile" in source:
        if source.get("S3Bucket") or source.get("S3Key"):
            raise errors.two_sources()
        data = source["ZipFile"]
        if len(data) > ZIP_LIMIT:
            raise errors.request_too_large(REQUEST_LIMIT, call.op)
    elif source.get("S3Bucket") and source.get("S3Key"):
        data = await from_s3(call, source)
    else:
        raise errors.no_code()
    return await asyncio.to_thread(unpack, data, code_root(call.cloud), zip_path(call.cloud, ""), call.id())


async def from_s3(call: Call, source: Any) -> bytes:
    where = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
    if source.get("S3ObjectVersion"):
        where["VersionId"] = source["S3ObjectVersion"]
    try:
        answer = call.do("s3", "GetObject", **where)
        if asyncio.iscoroutine(answer):
            answer = await answer
    except AwsError as error:
        raise errors.s3_refused(error.code, error.message) from None
    body = answer["Body"]
    if isinstance(body, bytes):
        return body
    if hasattr(body, "path"):
        return await asyncio.to_thread(body.read, S3_ZIP_LIMIT + 1)
    parts, size = [], 0
    async for part in body:
        size += len(part)
        if size > S3_ZIP_LIMIT:
            raise errors.zip_too_large(S3_ZIP_LIMIT)
        parts.append(part)
    return b"".join(parts)


def unpack(data: bytes, root: Path, zips: Path, token: str) -> Package:
    sha = hashlib.sha256(data).hexdigest()
    final = root / sha
    root.mkdir(parents=True, exist_ok=True)
    zips.mkdir(parents=True, exist_ok=True)
    room = root / f".{sha}-{token}"
    try:
        room.mkdir()
        unzipped = extract(data, room)
        if not (zips / sha).exists():
            (zips / room.name).write_bytes(data)
            os.replace(zips / room.name, zips / sha)
        room.chmod(0o755)
        if not final.exists():
            room.rename(final)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return Package(sha, len(data), unzipped)


def extract(data: bytes, room: Path) -> int:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, IndexError):
        raise errors.not_a_zip() from None
    if not entries:
        raise errors.empty_zip()
    if len(entries) > FILES_LIMIT or sum(e.file_size for e in entries) > UNZIPPED_LIMIT:
        raise errors.unzipped_too_large(UNZIPPED_LIMIT)
    links, total = [], 0
    for entry in entries:
        target = room / inside(entry.filename)
        mode = entry.external_attr >> 16
        try:
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                links.append((target, archive.read(entry).decode("utf-8", "surrogateescape") if entry.file_size < 4096 else ""))
                continue
            total = pour(archive, entry, target, total)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):  # damaged, encrypted, a file where a directory is
            raise errors.not_a_zip() from None
        target.chmod(0o755 if mode & 0o111 else 0o644)
    for target, to in links:  # last, so that nothing is written through one; what they point at exists only inside the sandbox
        if to and "\0" not in to and not target.exists():
            target.symlink_to(to)
    return total


def inside(name: str) -> str:
    """A name that stays below the directory it is unpacked in."""
    parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
    if ".." in parts or "\0" in name or not parts or any(len(os.fsencode(p)) > 255 for p in parts):
        raise errors.not_a_zip()
    return "/".join(parts)


def pour(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, total: int) -> int:
    with archive.open(entry) as source, open(target, "wb") as sink:
        while piece := source.read(1 << 20):
            total += len(piece)
            if total > UNZIPPED_LIMIT:  # whatever its directory claimed
                raise errors.unzipped_too_large(UNZIPPED_LIMIT)
            sink.write(piece)
    return total


def hold(call: Call, package: Package) -> None:
    call.sql("INSERT INTO lambda_package VALUES (?,?,?,1) ON CONFLICT (sha) DO UPDATE SET refs = refs + 1", package.sha, package.size, package.unzipped)


def hold_again(call: Call, *shas: str) -> None:
    for sha in shas:
        call.sql("UPDATE lambda_package SET refs = refs + 1 WHERE sha = ?", sha)


def release(call: Call, sha: str) -> None:
    call.sql("UPDATE lambda_package SET refs = refs - 1 WHERE sha = ?", sha)
    if (row := call.row("SELECT refs FROM lambda_package WHERE sha = ?", sha)) and row[0] <= 0:
        call.sql("DELETE FROM lambda_package WHERE sha = ?", sha)
        call.cloud.store.then(forget, call.cloud, sha)


def forget(cloud: Any, sha: str) -> None:
    if not cloud.store.run("SELECT 1 FROM lambda_package WHERE sha = ?", (sha,)).fetchone():
        cloud.work.spawn(asyncio.to_thread(remove, cloud, sha))


def remove(cloud: Any, sha: str) -> None:
    shutil.rmtree(code_root(cloud) / sha, ignore_errors=True)
    zip_path(cloud, sha).unlink(missing_ok=True)


def describe(call: Call, sha: str) -> Package:
    row = call.row("SELECT sha, size, unzipped FROM lambda_package WHERE sha = ?", sha)
    return Package(*row)


@lambda_.boot
def sweep(call: Call) -> None:
    """Packages that a crash left uncounted."""
    known = {row[0] for row in call.sql("SELECT sha FROM lambda_package")}
    trees, zips = code_root(call.cloud), zip_path(call.cloud, "")
    for place in trees.iterdir() if trees.exists() else ():
        if place.name not in known and place.name != IMAGES:  # merged layers too: they are made again when they are wanted
            shutil.rmtree(place, ignore_errors=True)
    for place in zips.iterdir() if zips.exists() else ():
        if place.name not in known:
            place.unlink()


async def ready(call: Call, sha: str, layers: list[str]) -> str | None:
    """See that the trees of a version are there; the name of its merged layers, if it has any."""
    root = code_root(call.cloud)
    opt = merged(layers) if layers else None
    if not (root / sha).exists() or (opt and not (root / opt).exists()):
        await asyncio.to_thread(make, root, zip_path(call.cloud, ""), sha, layers, call.id())
    return opt


def make(root: Path, zips: Path, sha: str, layers: list[str], token: str) -> None:
    for one in (sha, *layers):
        if not (root / one).exists():
            unpack((zips / one).read_bytes(), root, zips, token)
    if layers:
        merge(root, layers, token)


def merged(shas: list[str]) -> str:
    return "opt-" + hashlib.sha256(",".join(shas).encode()).hexdigest()


# layers, merged: one directory for each list of layers, made of hard links

def merge(root: Path, shas: list[str], token: str) -> str:
    """The directory that /opt is for these layers; later ones win."""
    name = merged(shas)
    final = root / name
    if final.exists():
        return name
    room = root / f".{name}-{token}"
    room.mkdir(parents=True)
    try:
        for sha in shas:
            link_tree(root / sha, room)
        room.chmod(0o755)
        if not final.exists():
            room.rename(final)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return name


def link_tree(source: Path, target: Path) -> None:
    for entry in os.scandir(source):
        to = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            if to.is_symlink() or (to.exists() and not to.is_dir()):
                to.unlink()
            to.mkdir(exist_ok=True)
            link_tree(Path(entry.path), to)
        else:
            if to.is_dir() and not to.is_symlink():
                shutil.rmtree(to)
            elif to.exists() or to.is_symlink():
                to.unlink()
            os.link(entry.path, to, follow_symlinks=False)
