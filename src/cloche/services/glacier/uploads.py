"""Archives in parts: all but the last of one size, which is a power of two megabytes. What nobody touches for a day goes."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors, trees
from . import service as glacier
from .archives import ALPHABET, DAY, checked, described, enter, name_of, path_of
from .vaults import ON_VAULT, find, paged, stamp

if TYPE_CHECKING:
    from cloche.shapes import glacier as t

LARGEST_PART, MOST_PARTS = 4 << 30, 10_000
RANGE = re.compile(r"bytes (\d+)-(\d+)/\*\Z")

glacier.table("""
CREATE TABLE IF NOT EXISTS glacier_upload (id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, vault TEXT NOT NULL, description TEXT NOT NULL, part INTEGER NOT NULL,
    made REAL NOT NULL, archive TEXT NOT NULL DEFAULT '', tree TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS glacier_uploads ON glacier_upload (account, region, vault, made, id);
CREATE TABLE IF NOT EXISTS glacier_part (upload TEXT NOT NULL, first INTEGER NOT NULL, size INTEGER NOT NULL, leaves BLOB NOT NULL, file TEXT NOT NULL, PRIMARY KEY (upload, first)) WITHOUT ROWID;
""")


class Upload(msgspec.Struct):
    id: str
    account: str
    region: str
    vault: str
    description: str
    part: int
    made: float
    archive: str     # once it is one
    tree: str


def upload(there: Call, req: Any, over: bool = False) -> Upload:
    row = there.row("SELECT * FROM glacier_upload WHERE id=?", req["uploadId"])
    found = Upload(*row) if row else None
    if found is None or (found.account, found.region, found.vault) != (there.account, there.region, req["vaultName"]) or (found.archive and not over):
        raise errors.no_upload(req["uploadId"])
    return found


@glacier.op(**ON_VAULT)
def initiate_multipart_upload(call: Call, req: t.InitiateMultipartUploadInput) -> t.InitiateMultipartUploadOutput:
    there, vault, _ = find(call, req)
    said = req.get("partSize")
    if said is None:
        raise errors.lacking("x-amz-part-size")
    size = int(said) if said.isdigit() else 0
    if not trees.MEGABYTE <= size <= LARGEST_PART or size & (size - 1):
        raise errors.number("x-amz-part-size", f"{said}. It must be a megabyte multiplied by a power of two, and at most 4 GB")
    id_ = there.pick(ALPHABET, 92)
    there.sql("INSERT INTO glacier_upload VALUES (?,?,?,?,?,?,?,'','')", id_, there.account, there.region, vault.name, described(req.get("archiveDescription", "")), size, there.now)
    there.after(DAY, lapse, name=id_, upload=id_)
    return {"location": f"/{there.account}/vaults/{vault.name}/multipart-uploads/{id_}", "uploadId": id_}


@glacier.timer
def lapse(call: Call, upload: str) -> None:
    forget(call, upload)


def forget(call: Call, id_: str) -> None:
    call.drop([path_of(call, file) for (file,) in call.sql("SELECT file FROM glacier_part WHERE upload=?", id_)])
    call.sql("DELETE FROM glacier_part WHERE upload=?", id_)
    call.sql("DELETE FROM glacier_upload WHERE id=?", id_)


def forget_all(call: Call, vault: str) -> None:
    for (id_,) in call.sql("SELECT id FROM glacier_upload WHERE account=? AND region=? AND vault=?", call.account, call.region, vault):
        forget(call, id_)


@glacier.op(**ON_VAULT, partly="one request carries at most 100 MB, so parts are at most 64 MB")
def upload_multipart_part(call: Call, req: t.UploadMultipartPartInput) -> t.UploadMultipartPartOutput:
    there, _, _ = find(call, req)
    found, said, body = upload(there, req), checked(req.get("checksum")), req.get("body", b"")
    if "range" not in req:
        raise errors.lacking("Content-Range")
    place = RANGE.match(req["range"])
    if place is None:
        raise errors.number("Content-Range", req["range"])
    first, last = int(place[1]), int(place[2])
    if first % found.part or last - first + 1 > found.part or last < first or first // found.part >= MOST_PARTS:
        raise errors.bad(f"Content-Range: {req['range']} does not align with the part size {found.part}")
    if last - first + 1 != len(body):
        raise errors.bad(f"Content-Range: {req['range']} does not have the length of the body: {len(body)}")
    leaves = trees.leaves(body)
    if (tree := trees.root(leaves)) != said:
        raise errors.differs(said, tree)
    path = there.file("glacier")
    path.write_bytes(body)
    there.drop([path_of(there, file) for (file,) in there.sql("SELECT file FROM glacier_part WHERE upload=? AND first=?", found.id, first)])
    there.sql("INSERT OR REPLACE INTO glacier_part VALUES (?,?,?,?,?)", found.id, first, len(body), b"".join(leaves), name_of(there, path))
    there.after(DAY, lapse, name=found.id, upload=found.id)
    return {"checksum": tree}


def _hashes(packed: bytes) -> list[bytes]:
    return [packed[at:at + 32] for at in range(0, len(packed), 32)]


@glacier.op(**ON_VAULT)
def list_parts(call: Call, req: t.ListPartsInput) -> t.ListPartsOutput:
    there, _, arn = find(call, req)
    found = upload(there, req)
    parts = there.sql("SELECT first, size, leaves FROM glacier_part WHERE upload=? ORDER BY first", found.id)
    page, more = paged(parts, req, lambda part: str(part[0]), 50, "Marker")
    return {"MultipartUploadId": found.id, "VaultARN": arn, "ArchiveDescription": found.description, "PartSizeInBytes": found.part, "CreationDate": stamp(found.made),  # type: ignore[typeddict-item]
            "Parts": [{"RangeInBytes": f"{first}-{first + size - 1}", "SHA256TreeHash": trees.root(_hashes(leaves))} for first, size, leaves in page], **more}


@glacier.op(**ON_VAULT)
def list_multipart_uploads(call: Call, req: t.ListMultipartUploadsInput) -> t.ListMultipartUploadsOutput:
    there, vault, arn = find(call, req)
    rows = there.sql("SELECT * FROM glacier_upload WHERE account=? AND region=? AND vault=? AND archive='' ORDER BY made, id", there.account, there.region, vault.name)
    page, more = paged([Upload(*row) for row in rows], req, lambda one: one.id, 50, "Marker")
    return {"UploadsList": [{"MultipartUploadId": one.id, "VaultARN": arn, "ArchiveDescription": one.description, "PartSizeInBytes": one.part, "CreationDate": stamp(one.made)}  # type: ignore[typeddict-item]
                            for one in page], **more}


@glacier.op(**ON_VAULT)
def complete_multipart_upload(call: Call, req: t.CompleteMultipartUploadInput) -> t.ArchiveCreationOutput:
    there, vault, _ = find(call, req)
    found, said, size = upload(there, req, over=True), checked(req.get("checksum")), req.get("archiveSize")
    if size is None:
        raise errors.lacking("x-amz-archive-size")
    if found.archive:  # once more, because the first answer was lost
        if found.tree != said:
            raise errors.differs(said, found.tree)
        return {"location": f"/{there.account}/vaults/{vault.name}/archives/{found.archive}", "checksum": found.tree, "archiveId": found.archive}
    parts = there.sql("SELECT first, size, leaves, file FROM glacier_part WHERE upload=? ORDER BY first", found.id)
    at = 0
    for first, length, _, _ in parts:
        if first != at:
            raise errors.bad(f"The upload lacks the bytes {at}-{first - 1}")
        at += length
    if not parts or not size.isdigit() or int(size) != at:
        raise errors.bad(f"Invalid x-amz-archive-size: {size}. The parts have {at} bytes")
    leaves = [leaf for _, _, packed, _ in parts for leaf in _hashes(packed)]
    if (tree := trees.root(leaves)) != said:
        raise errors.differs(said, tree)
    id_ = enter(there, vault, found.description, at, leaves, [path_of(there, file) for _, _, _, file in parts])
    there.drop([path_of(there, file) for _, _, _, file in parts])
    there.sql("DELETE FROM glacier_part WHERE upload=?", found.id)
    there.sql("UPDATE glacier_upload SET archive=?, tree=? WHERE id=?", id_, tree, found.id)
    there.after(DAY, lapse, name=found.id, upload=found.id)
    return {"location": f"/{there.account}/vaults/{vault.name}/archives/{id_}", "checksum": tree, "archiveId": id_}


@glacier.op(**ON_VAULT)
def abort_multipart_upload(call: Call, req: t.AbortMultipartUploadInput) -> None:
    there, _, _ = find(call, req)
    found = upload(there, req)
    there.cancel(lapse, found.id)
    forget(there, found.id)
