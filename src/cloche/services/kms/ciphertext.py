"""The form of a ciphertext: which key and which of its materials, then AES-256-GCM over the plaintext, bound to the encryption context.

    01 02 02 00 | length | account/key id/material id | nonce (12) | encrypted, with its tag (16)
"""
from __future__ import annotations

import json
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import errors

MAGIC = b"\x01\x02\x02\x00"


class Parsed(NamedTuple):
    account: str
    key_id: str
    material_id: str
    nonce: bytes
    body: bytes
    head: bytes


def _bound(head: bytes, context: dict[str, str] | None) -> bytes:
    return head + json.dumps(sorted((context or {}).items())).encode()


def write(account: str, key_id: str, material_id: str, secret: bytes, nonce: bytes, plaintext: bytes, context: dict[str, str] | None) -> bytes:
    name = f"{account}/{key_id}/{material_id}".encode()
    head = MAGIC + bytes((len(name),)) + name
    return head + nonce + AESGCM(secret).encrypt(nonce, plaintext, _bound(head, context))


def parse(blob: bytes) -> Parsed:
    if not blob.startswith(MAGIC) or len(blob) < 5:
        raise errors.bad_ciphertext()
    end = 5 + blob[4]
    parts = blob[5:end].decode("ascii", "replace").split("/")
    if len(parts) != 3 or len(blob) < end + 28:
        raise errors.bad_ciphertext()
    return Parsed(*parts, blob[end : end + 12], blob[end + 12 :], blob[:end])


def read(parsed: Parsed, secret: bytes, context: dict[str, str] | None) -> bytes:
    try:
        return AESGCM(secret).decrypt(parsed.nonce, parsed.body, _bound(parsed.head, context))
    except InvalidTag:
        raise errors.bad_ciphertext() from None
