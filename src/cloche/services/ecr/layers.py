"""Layers: blobs by their digest, a file each, a name for it in every repository that has it; and uploads on their way to be one."""
from __future__ import annotations

import asyncio
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.wire.http import FileBody

from . import errors, tickets
from . import service as ecr
from .repositories import ON, find

if TYPE_CHECKING:
    from cloche.shapes import ecr as t

ecr.table("""
CREATE TABLE IF NOT EXISTS ecr_layer (account TEXT, region TEXT, repository TEXT, digest TEXT, size INTEGER NOT NULL, file TEXT NOT NULL,
    PRIMARY KEY (account, region, repository, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ecr_upload (id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, repository TEXT NOT NULL, size INTEGER NOT NULL, small INTEGER NOT NULL,
    file TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ecr_uploads ON ecr_upload (account, region, repository);
""")

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PART = 10 << 20           # what InitiateLayerUpload proposes
LEAST = 5 << 20           # of a part that is not the last
DOWNLOAD = 3600.0         # seconds that a download's URL is good


class Upload:
    """One upload: an open end of a file, of which `size` bytes have been acknowledged."""

    __slots__ = ("file", "id", "path", "repository", "size", "small")

    def __init__(self, call: Call, row: Any) -> None:
        self.id, self.repository, self.size, self.small, self.file = row
        self.path = call.cloud.files / self.file


# -- what both ways in share --------------------------------------------------------------------------------------------------


def begin(call: Call, repository: str) -> str:
    id_, path = call.uuid(), call.file("ecr")
    path.touch()
    call.sql("INSERT INTO ecr_upload VALUES (?,?,?,?,0,0,?)", id_, call.account, call.region, repository, str(path.relative_to(call.cloud.files)))
    return id_


def upload(call: Call, repository: str, id_: str) -> Upload:
    row = call.row("SELECT id, repository, size, small, file FROM ecr_upload WHERE id=? AND account=? AND region=? AND repository=?", id_, call.account, call.region, repository)
    if row is None:
        raise errors.no_upload(id_, repository, call.account)
    return Upload(call, row)


def grown(call: Call, one: Upload, size: int) -> None:
    """So many bytes more are in the file."""
    call.sql("UPDATE ecr_upload SET size=?, small=? WHERE id=?", one.size + size, int(one.small or 0 < size < LEAST), one.id)


def digest_of(path: Path, size: int) -> str:
    """sha256 of the acknowledged bytes; what a broken request left behind them is cut off."""
    os.truncate(path, size)
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def complete(call: Call, one: Upload, digest: str) -> None:
    """The upload becomes the layer of this digest; if the repository has it already, that one stays."""
    call.sql("DELETE FROM ecr_upload WHERE id=?", one.id)
    if size_of(call, one.repository, digest) is None:
        call.sql("INSERT INTO ecr_layer VALUES (?,?,?,?,?,?)", call.account, call.region, one.repository, digest, one.size, one.file)
    else:
        call.drop([one.path])


def abandon(call: Call, one: Upload) -> None:
    call.sql("DELETE FROM ecr_upload WHERE id=?", one.id)
    call.drop([one.path])


def size_of(call: Call, repository: str, digest: str) -> int | None:
    row = call.row("SELECT size FROM ecr_layer WHERE account=? AND region=? AND repository=? AND digest=?", call.account, call.region, repository, digest)
    return None if row is None else int(row[0])


def body_of(call: Call, repository: str, digest: str, offset: int = 0, length: int | None = None) -> FileBody | None:
    row = call.row("SELECT size, file FROM ecr_layer WHERE account=? AND region=? AND repository=? AND digest=?", call.account, call.region, repository, digest)
    return None if row is None else FileBody(str(call.cloud.files / row[1]), offset, row[0] - offset if length is None else length)


def mount(call: Call, source: str, repository: str, digest: str, origin: Call | None = None) -> bool:
    """Give the layer of one repository to another too: a second name for the same bytes. False if there is none such."""
    there = origin or call
    row = there.row("SELECT size, file FROM ecr_layer WHERE account=? AND region=? AND repository=? AND digest=?", there.account, there.region, source, digest)
    if row is None:
        return False
    if size_of(call, repository, digest) is None:
        path = call.file("ecr")
        os.link(call.cloud.files / row[1], path)
        call.sql("INSERT INTO ecr_layer VALUES (?,?,?,?,?,?)", call.account, call.region, repository, digest, row[0], str(path.relative_to(call.cloud.files)))
    return True


def drop(call: Call, repository: str, digests: list[str]) -> None:
    for digest in digests:
        rows = call.sql("DELETE FROM ecr_layer WHERE account=? AND region=? AND repository=? AND digest=? RETURNING file", call.account, call.region, repository, digest)
        call.drop([call.cloud.files / file for file, in rows])


def drop_all(call: Call, repository: str) -> None:
    for table in ("ecr_layer", "ecr_upload"):
        rows = call.sql(f"DELETE FROM {table} WHERE account=? AND region=? AND repository=? RETURNING file", call.account, call.region, repository)
        call.drop([call.cloud.files / file for file, in rows])


# -- operations -----------------------------------------------------------------------------------------------------------


@ecr.op(**ON)
def initiate_layer_upload(call: Call, req: t.InitiateLayerUploadRequest) -> t.InitiateLayerUploadResponse:
    here, one = find(call, req)
    return {"uploadId": begin(here, one.name), "partSize": PART}


@ecr.op(**ON)
def upload_layer_part(call: Call, req: t.UploadLayerPartRequest) -> t.UploadLayerPartResponse:
    here, repository = find(call, req)
    one, first, last, data = upload(here, repository.name, req["uploadId"]), req["partFirstByte"], req["partLastByte"], req["layerPartBlob"]
    if first != one.size:
        raise errors.wrong_part(here.account, repository.name, one.id, one.size, first)
    if last - first + 1 != len(data):
        raise errors.invalid("partLastByte", f"must be {first + len(data) - 1}: the part has {len(data)} bytes")
    if one.small:
        raise errors.small_part()
    with one.path.open("r+b") as file:
        file.seek(one.size)
        file.write(data)
    grown(here, one, len(data))
    return {"registryId": here.account, "repositoryName": repository.name, "uploadId": one.id, "lastByteReceived": last}


@ecr.op(**ON)
async def complete_layer_upload(call: Call, req: t.CompleteLayerUploadRequest) -> t.CompleteLayerUploadResponse:
    here, repository = find(call, req)
    one = upload(here, repository.name, req["uploadId"])
    if not one.size:
        raise errors.empty_upload(one.id)
    found = await asyncio.to_thread(digest_of, one.path, one.size)
    if found not in req["layerDigests"]:
        raise errors.wrong_layer(req["layerDigests"][0], found)
    with call.step():
        if size_of(here, repository.name, found) is not None:
            raise errors.layer_exists(found, repository.name)
        complete(here, upload(here, repository.name, one.id), found)
    return {"registryId": here.account, "repositoryName": repository.name, "uploadId": one.id, "layerDigest": found}


@ecr.op(**ON)
def batch_check_layer_availability(call: Call, req: t.BatchCheckLayerAvailabilityRequest) -> t.BatchCheckLayerAvailabilityResponse:
    here, repository = find(call, req)
    out: Any = {"layers": [], "failures": []}
    for digest in req["layerDigests"]:
        if not DIGEST.fullmatch(digest):
            out["failures"].append({"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": "Invalid layer digest"})
            continue
        size = size_of(here, repository.name, digest)
        out["layers"].append({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"} if size is None else
                             {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size, "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"})
    return out  # type: ignore[no-any-return]


@ecr.op(**ON)
def get_download_url_for_layer(call: Call, req: t.GetDownloadUrlForLayerRequest) -> t.GetDownloadUrlForLayerResponse:
    here, repository = find(call, req)
    digest = req["layerDigest"]
    if size_of(here, repository.name, digest) is None:
        raise errors.no_layer(digest, repository.name, here.account)
    ticket = tickets.make(call, "layer", [here.account, here.region, repository.name, digest], call.now + DOWNLOAD)
    return {"downloadUrl": f"http://{call.cloud.host}/_ecr/layer/{ticket}", "layerDigest": digest}
