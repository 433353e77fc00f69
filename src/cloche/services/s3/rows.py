"""Objects as they are kept: one row a version, the body in it when small, else in a file that nobody else names.

The current version of each key is in one covering index (what a listing needs is in the index itself), older ones in another. Rows are
numbered as they are written, so that "newer" is a larger id; a version id ends in that number, so it finds its row without an index. Replicas have
the version id of their source, and a table that finds their rows.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from cloche.kernel import Call
from cloche.wire.http import FileBody

from . import errors
from . import service as s3
from .cipher import Cipher

INLINE = 64 * 1024  # bodies up to this live in the row
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

s3.table("""
CREATE TABLE IF NOT EXISTS s3_object (
    id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, current INTEGER NOT NULL, marker INTEGER NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, modified REAL NOT NULL, class TEXT NOT NULL, summed TEXT NOT NULL, owner TEXT NOT NULL, about BLOB NOT NULL,
    file TEXT, body BLOB);
CREATE INDEX IF NOT EXISTS s3_current ON s3_object (bucket, key, marker, size, etag, modified, class, summed, owner, version) WHERE current = 1;
CREATE INDEX IF NOT EXISTS s3_older ON s3_object (bucket, key, id DESC, marker, size, etag, modified, class, summed, owner, version) WHERE current = 0;
CREATE INDEX IF NOT EXISTS s3_null ON s3_object (bucket, key) WHERE current = 0 AND version = 'null';
CREATE TABLE IF NOT EXISTS s3_replica (bucket TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (bucket, key, version)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS s3_file ON s3_object (file) WHERE file IS NOT NULL;
""")


class About(msgspec.Struct, omit_defaults=True):
    """What is known of a version beside what listings show."""

    headers: dict[str, str] = {}        # content-type and its kin, as they are sent back
    meta: dict[str, str] = {}
    sse: str = "AES256"
    kms_key: str = ""
    bucket_key: bool = False
    sealed: bytes = b""                 # KMS's data key, as only KMS can open it
    kms_context: dict[str, str] = {}
    customer: str = ""                  # SSE-C: salt:digest of the key
    nonce: bytes = b""                  # of the cipher; without one the bytes lie open (SSE-S3)
    customer_md5: str = ""
    sums: dict[str, str] = {}           # kind -> base64 (composite ones end in -PARTS)
    whole: bool = True                  # FULL_OBJECT or COMPOSITE
    parts: list[tuple[int, int, dict[str, str]]] = []  # number, size, sums
    acl: list[dict[str, Any]] | None = None
    tags: dict[str, str] = {}
    lock_mode: str = ""
    lock_until: float = 0.0
    hold: str = ""
    restored: float = 0.0               # an archived object is readable until then
    restoring: float = 0.0              # and will be readable from then
    restore_days: int = 0
    accessed: float = 0.0               # last read, of what lies in INTELLIGENT_TIERING; to the day
    redirect: str = ""
    replication: str = ""               # PENDING, COMPLETED, FAILED, REPLICA


class Version(msgspec.Struct):
    """One row. `about` is decoded, the body is not read (`body` is there when it was asked for)."""

    id: int
    bucket: str
    key: str
    version: str
    current: int
    marker: int
    size: int
    etag: str
    modified: float
    storage_class: str
    summed: str
    owner: str
    about: About
    file: str | None
    body: bytes | None = None
    cipher: Cipher | None = None  # to open or to seal its bytes with, where a key was given or asked for


COLUMNS = "id, bucket, key, version, current, marker, size, etag, modified, class, summed, owner, about, file"
_decode = msgspec.msgpack.Decoder(About).decode
encode = msgspec.msgpack.Encoder().encode


def read(row: Any) -> Version | None:
    return None if row is None else Version(*row[:12], _decode(row[12]), *row[13:])


def current(call: Call, bucket: str, key: str, body: bool = False) -> Version | None:
    """The current version, which may be a delete marker."""
    return read(call.row(f"SELECT {COLUMNS}{', body' if body else ''} FROM s3_object WHERE bucket=? AND key=? AND current=1", bucket, key))


def numbered(call: Call, bucket: str, key: str, version: str, body: bool = False) -> Version | None:
    """The version with this id."""
    extra = ", body" if body else ""
    if version == "null":
        found = current(call, bucket, key, body)
        if found is not None and found.version == "null":
            return found
        return read(call.row(f"SELECT {COLUMNS}{extra} FROM s3_object WHERE bucket=? AND key=? AND current=0 AND version='null'", bucket, key))
    if len(version) != 32 or not version.replace(".", "").replace("_", "").isalnum():
        raise errors.bad_version(version)
    number = 0
    for digit in version[-9:]:
        number = number * 62 + max(ALPHABET.find(digit), 0)
    found = read(call.row(f"SELECT {COLUMNS}{extra} FROM s3_object WHERE id=?", number)) if number < 1 << 63 else None
    if found is not None and (found.bucket, found.key, found.version) == (bucket, key, version):
        return found
    replica = call.row("SELECT id FROM s3_replica WHERE bucket=? AND key=? AND version=?", bucket, key, version)
    found = read(call.row(f"SELECT {COLUMNS}{extra} FROM s3_object WHERE id=?", replica[0])) if replica else None
    return found if found is not None and (found.bucket, found.key, found.version) == (bucket, key, version) else None


def next_id(call: Call) -> int:
    """Larger than that of any version there is. (One that was deleted may come back: the rest of a version id is dice.)"""
    return (call.row("SELECT max(id) FROM s3_object")[0] or 0) + 1


def version_id(call: Call, number: int) -> str:
    tail = ""
    for _ in range(9):
        number, digit = divmod(number, 62)
        tail = ALPHABET[digit] + tail
    return call.pick(ALPHABET, 23) + tail


def insert(call: Call, v: Version) -> None:
    call.sql("INSERT INTO s3_object VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", v.id or None, v.bucket, v.key, v.version, 1, v.marker, v.size, v.etag,
             v.modified, v.storage_class, v.summed, v.owner, encode(v.about), v.file, v.body)


def replace(call: Call, id_: int, version: str, file: str | None, v: Version) -> None:
    """Write a version over the null version of the same key, in its row."""
    v.id = id_
    call.sql("UPDATE s3_object SET version=?, current=?, marker=?, size=?, etag=?, modified=?, class=?, summed=?, owner=?, about=?, file=?, body=? WHERE id=?",
             v.version, 1, v.marker, v.size, v.etag, v.modified, v.storage_class, v.summed, v.owner, encode(v.about), v.file, v.body, id_)
    if file and file != v.file:
        call.drop([path_of(call, file)])


def describe(call: Call, v: Version) -> None:
    """Write back what is known about a version after changing it."""
    call.sql("UPDATE s3_object SET about=?, class=? WHERE id=?", encode(v.about), v.storage_class, v.id)


def remove(call: Call, v: Version) -> None:
    """Forget one version; if it was the current one, the newest of the others is current now."""
    call.sql("DELETE FROM s3_object WHERE id=?", v.id)
    if v.about.replication == "REPLICA":
        call.sql("DELETE FROM s3_replica WHERE bucket=? AND key=? AND version=?", v.bucket, v.key, v.version)
    if v.file:
        call.drop([path_of(call, v.file)])
    if v.current and (older := call.row("SELECT id FROM s3_object WHERE bucket=? AND key=? AND current=0 ORDER BY id DESC LIMIT 1", v.bucket, v.key)):
        call.sql("UPDATE s3_object SET current=1 WHERE id=?", older[0])


def add(call: Call, versioning: str, v: Version, version: str = "") -> Version:
    """Make `v` the current version of its key, as the bucket's versioning has it. A replica comes with its `version`."""
    old = call.row("SELECT id, version, file FROM s3_object WHERE bucket=? AND key=? AND current=1", v.bucket, v.key)
    v.current = 1
    if not versioning:
        v.version = "null"
        if old is None:
            insert(call, v)
        else:
            replace(call, *old, v)
        return v
    v.id = next_id(call)
    if old is not None and (versioning == "Enabled" or old[1] != "null"):
        call.sql("UPDATE s3_object SET current=0 WHERE id=?", old[0])
    if version:
        v.version = version
        call.sql("INSERT OR REPLACE INTO s3_replica VALUES (?,?,?,?)", v.bucket, v.key, version, v.id)
    elif versioning == "Enabled":
        v.version = version_id(call, v.id)
    else:
        v.version = "null"
        if (null := numbered(call, v.bucket, v.key, "null")) is not None:
            remove_row(call, null)
    insert(call, v)
    return v


def remove_row(call: Call, v: Version) -> None:
    call.sql("DELETE FROM s3_object WHERE id=?", v.id)
    if v.file:
        call.drop([path_of(call, v.file)])


def path_of(call: Call, file: str) -> Path:
    return call.cloud.files / file


def name_of(call: Call, path: Path) -> str:
    """How a row names a file: below the data directory, so that a cloud may be copied elsewhere."""
    return str(path.relative_to(call.cloud.files))


def content(call: Call, v: Version, offset: int = 0, length: int | None = None) -> bytes | FileBody:
    """The bytes of a version; it was read with its body."""
    length = v.size - offset if length is None else length
    if v.file is not None:
        return FileBody(str(path_of(call, v.file)), offset, length, v.cipher)
    body = v.body or b""
    if length != v.size:
        body = body[offset : offset + length]
    return body if v.cipher is None else v.cipher.reader(offset).update(body)


@s3.boot
def sweep(call: Call) -> None:
    """Files that no row names are what an upload left when everything stopped."""
    folder = call.cloud.files / "s3"
    if folder.is_dir():
        known = {row[0] for row in call.each("SELECT file FROM s3_object WHERE file IS NOT NULL UNION ALL SELECT file FROM s3_part")}
        for path in folder.glob("*/*"):
            if name_of(call, path) not in known:
                path.unlink(missing_ok=True)
