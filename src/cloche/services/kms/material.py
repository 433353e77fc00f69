"""Key material at rest: sealed under the cloud's master key (`kernel/sealing.py`).

A wiped key's sealed material leaves the store with its record: then nothing opens its ciphertexts.
"""
from __future__ import annotations

import base64

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
    description: str = ""  # of a brought one
    valid_to: float = 0  # when a brought one expires

    @property
    def there(self) -> bool:
        """A brought one that was deleted or has expired keeps its id, and can be brought again."""
        return bool(self.sealed)


def master(call: Call) -> AESGCM:
    return call.cloud.store.seal.master()


def random_bytes(call: Call, count: int) -> bytes:
    """Not from the cloud's dice, which can be replayed: keys are nobody's to guess."""
    return base64.urlsafe_b64decode(call.secret(count) + "==") if count else b""


def seal(call: Call, secret: bytes, name: str) -> bytes:
    return call.cloud.store.seal.close(secret, name.encode())


def unseal(call: Call, sealed: bytes, name: str) -> bytes:
    return call.cloud.store.seal.open(sealed, name.encode())


def make(call: Call, key_id: str, secret: bytes, how: str = "") -> Material:
    id_ = call.id(digits=64)
    return Material(id_, seal(call, secret, f"{key_id}/{id_}"), call.now, how)


def open_(call: Call, key_id: str, material: Material) -> bytes:
    return unseal(call, material.sealed, f"{key_id}/{material.id}")


__all__ = ["InvalidTag", "Material", "make", "master", "open_", "random_bytes", "seal", "unseal"]
