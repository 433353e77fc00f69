"""The form of a ciphertext: which key and which of its materials, then AES-256-GCM over the plaintext, bound to the encryption context.

    01 02 02 00 | length | account/key id/material id | nonce (12) | encrypted, with its tag (16)
"""
from __future__ import annotations

import json
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import errors

MAGIC, OUTSIDE = b"\x01\x02\x02\x00", b"\x01\x02\x02X"   # the second: encrypted once more by a key outside (`outside.py`)
NONCE, TAG = 12, 16


class Parsed(NamedTuple):
    account: str
    key_id: str
    material_id: str
    nonce: bytes
    body: bytes
    head: bytes

    @property
    def outside(self) -> bool:
        return self.head.startswith(OUTSIDE)


def head(magic: bytes, account: str, key_id: str, material_id: str) -> bytes:
    name = f"{account}/{key_id}/{material_id}".encode()
    return magic + bytes((len(name),)) + name


def bound(begin: bytes, context: dict[str, str] | None) -> bytes:
    return begin + json.dumps(sorted((context or {}).items())).encode()


def write(account: str, key_id: str, material_id: str, secret: bytes, nonce: bytes, plaintext: bytes, context: dict[str, str] | None) -> bytes:
    begin = head(MAGIC, account, key_id, material_id)
    return begin + nonce + AESGCM(secret).encrypt(nonce, plaintext, bound(begin, context))


def parse(blob: bytes) -> Parsed:
    if not blob.startswith((MAGIC, OUTSIDE)) or len(blob) < 5:
        raise errors.bad_ciphertext()
    end = 5 + blob[4]
    parts = blob[5:end].decode("ascii", "replace").split("/")
    if len(parts) != 3 or len(blob) < end + 28:
        raise errors.bad_ciphertext()
    return Parsed(*parts, blob[end : end + 12], blob[end + 12 :], blob[:end])


def read(parsed: Parsed, secret: bytes, context: dict[str, str] | None) -> bytes:
    try:
        return AESGCM(secret).decrypt(parsed.nonce, parsed.body, bound(parsed.head, context))
    except InvalidTag:
        raise errors.bad_ciphertext() from None
