"""Key material at rest: sealed under the cloud's master key, a file that only its owner may read, beside the store.

A wiped key's sealed material leaves the store with its record: then nothing opens its ciphertexts.
"""
from __future__ import annotations

import base64
import os
from functools import lru_cache
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloche.kernel import Call


class Material(msgspec.Struct, frozen=True):
    """One generation of a key: old ones still decrypt."""

    id: str
    sealed: bytes
    created: float
    how: str = ""  # how it came: "" first, AUTOMATIC or ON_DEMAND rotation


@lru_cache(maxsize=64)
def _master(path: Path, stamp: tuple[int, int]) -> AESGCM:
    return AESGCM(path.read_bytes())


def master(call: Call) -> AESGCM:
    path = call.cloud.data / "master.key"
    try:
        stat = path.stat()
    except FileNotFoundError:
        fresh = path.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(AESGCM.generate_key(256))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        stat = path.stat()
    return _master(path, (stat.st_ino, stat.st_mtime_ns))


def random_bytes(call: Call, count: int) -> bytes:
    """Not from the cloud's dice, which can be replayed: keys are nobody's to guess."""
    return base64.urlsafe_b64decode(call.secret(count) + "==") if count else b""


def seal(call: Call, secret: bytes, name: str) -> bytes:
    nonce = random_bytes(call, 12)
    return nonce + master(call).encrypt(nonce, secret, name.encode())


def unseal(call: Call, sealed: bytes, name: str) -> bytes:
    return master(call).decrypt(sealed[:12], sealed[12:], name.encode())


def make(call: Call, key_id: str, secret: bytes, how: str = "") -> Material:
    id_ = call.id(digits=64)
    return Material(id_, seal(call, secret, f"{key_id}/{id_}"), call.now, how)


def open_(call: Call, key_id: str, material: Material) -> bytes:
    return unseal(call, material.sealed, f"{key_id}/{material.id}")


__all__ = ["InvalidTag", "Material", "make", "master", "open_", "random_bytes", "seal", "unseal"]
