"""Archives: put whole, each a file that never changes, and deleted. A row stays after its archive until an inventory has missed it."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors, trees
from . import service as glacier
from .vaults import ON_VAULT, Vault, facts, find, locate

if TYPE_CHECKING:
    from cloche.shapes import glacier as t

DAY = 86_400
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"

glacier.table("""
CREATE TABLE IF NOT EXISTS glacier_archive (id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, vault TEXT NOT NULL, description TEXT NOT NULL, made REAL NOT NULL,
    size INTEGER NOT NULL, tree TEXT NOT NULL, leaves BLOB NOT NULL, file TEXT, listed INTEGER NOT NULL DEFAULT 0, deleted REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS glacier_archives ON glacier_archive (account, region, vault, made, id);
""")


class Archive(msgspec.Struct):
    id: str
    vault: str
    description: str
    made: float
    size: int
    tree: str
    leaves: bytes
    file: str | None


def archive(call: Call, vault: str, id_: str) -> Archive | None:
    row = call.row("SELECT id, vault, description, made, size, tree, leaves, file FROM glacier_archive WHERE id=? AND account=? AND region=? AND vault=? AND deleted=0",
                   id_, call.account, call.region, vault)
    return Archive(*row) if row else None


def path_of(call: Call, file: str) -> Path:
    return call.cloud.files / file


def name_of(call: Call, path: Path) -> str:
    return str(path.relative_to(call.cloud.files))


def checked(text: str | None) -> str:
    """A tree hash as a header says it."""
    if text is None:
        raise errors.lacking("x-amz-sha256-tree-hash")
    if len(text) != 64 or text.strip("0123456789abcdefABCDEF"):
        raise errors.number("x-amz-sha256-tree-hash", text)
    return text.lower()


def described(text: str) -> str:
    if len(text) > 1024 or any(not " " <= letter <= "~" for letter in text):
        raise errors.bad("Invalid archive description: it may have 1,024 printable ASCII characters")
    return text


def enter(there: Call, vault: Vault, description: str, size: int, leaves: list[bytes], pieces: Iterable[bytes | Path]) -> str:
    """A new archive, made of pieces; the next inventory will have it."""
    path = there.file("glacier")
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece if isinstance(piece, bytes) else piece.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    id_ = there.pick(ALPHABET, 138)
    there.sql("INSERT INTO glacier_archive VALUES (?,?,?,?,?,?,?,?,?,?,0,0)", id_, there.account, there.region, vault.name, description, there.now, size, trees.root(leaves),
              b"".join(leaves), name_of(there, path))
    wrote(there, vault)
    return id_


def wrote(there: Call, vault: Vault) -> None:
    if not vault.changed:
        there.put(vault.but(changed=True))
        there.due(max(vault.inventoried, there.now - DAY / 2) + DAY, take_inventory, name=vault.name, vault=vault.name)


@glacier.timer
def take_inventory(call: Call, vault: str) -> None:
    """Once a day, where something was written: half a day after the first archive of a new vault."""
    found = call.get(Vault, vault)
    if found is None or not found.changed:
        return
    call.sql("DELETE FROM glacier_archive WHERE account=? AND region=? AND vault=? AND deleted>0", call.account, call.region, vault)
    call.sql("UPDATE glacier_archive SET listed=1 WHERE account=? AND region=? AND vault=? AND listed=0", call.account, call.region, vault)
    [count, size] = call.row("SELECT count(*), coalesce(sum(size), 0) FROM glacier_archive WHERE account=? AND region=? AND vault=?", call.account, call.region, vault)
    call.put(found.but(archives=count, size=size, inventoried=call.now, changed=False))


@glacier.op(**ON_VAULT, partly="one request carries at most 100 MB; more goes in parts")
def upload_archive(call: Call, req: t.UploadArchiveInput) -> t.ArchiveCreationOutput:
    there, vault, _ = find(call, req)
    said, description, body = checked(req.get("checksum")), described(req.get("archiveDescription", "")), req.get("body", b"")
    if not body:
        raise errors.bad("Invalid Content-Length: 0")
    leaves = trees.leaves(body)
    if (tree := trees.root(leaves)) != said:
        raise errors.differs(said, tree)
    id_ = enter(there, vault, description, len(body), leaves, [body])
    return {"location": f"/{there.account}/vaults/{vault.name}/archives/{id_}", "checksum": tree, "archiveId": id_}


def age(call: Call, req: Any) -> dict[str, Any]:
    """What a lock policy may ask: how many days an archive has been kept."""
    there, _ = locate(call, req)
    id_ = req.get("archiveId") or (req.get("jobParameters") or {}).get("ArchiveId")
    found = archive(there, req["vaultName"], id_) if id_ else None
    return facts(call, req) | ({"glacier:ArchiveAgeInDays": str(int((call.now - found.made) // DAY))} if found else {})


@glacier.op(**ON_VAULT | {"context": age})
def delete_archive(call: Call, req: t.DeleteArchiveInput) -> None:
    there, vault, _ = find(call, req)
    found = archive(there, vault.name, req["archiveId"])
    if found is None:
        if there.row("SELECT 1 FROM glacier_archive WHERE id=? AND account=? AND region=? AND vault=?", req["archiveId"], there.account, there.region, vault.name):
            return  # deleted before
        raise errors.no_archive(req["archiveId"])
    if found.file:
        there.drop([path_of(there, found.file)])
    there.sql("UPDATE glacier_archive SET deleted=?, file=NULL WHERE id=?", there.now, found.id)
    wrote(there, vault)


@glacier.boot
def sweep(call: Call) -> None:
    """Files that nothing names are what an upload left when everything stopped."""
    folder = call.cloud.files / "glacier"
    if folder.is_dir():
        known = {row[0] for row in call.each("SELECT file FROM glacier_archive WHERE file IS NOT NULL UNION ALL SELECT file FROM glacier_part UNION ALL SELECT file FROM glacier_output")}
        for path in folder.glob("*/*"):
            if name_of(call, path) not in known:
                path.unlink(missing_ok=True)
