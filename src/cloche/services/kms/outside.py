"""Keys in an external key store: what KMS has encrypted with material of its own is encrypted once more by the key outside, which alone can open it again.

    01 02 02 58 | length | account/key id/material id | IV (12) | tag (16) | length | the proxy's metadata | encrypted

The blob's head and the encryption context are the additional data of the outer encryption: neither half opens under another key or context.
"""
from __future__ import annotations

import base64
import hashlib
from typing import Any

from cloche.kernel import Call

from . import ciphertext, errors, proxy
from .key_stores import KeyStore
from .keys import Key, home
from .material import open_, random_bytes


def store_of(call: Call, key: Key) -> KeyStore:
    """The key's store, connected."""
    found = home(call, key).get(KeyStore, key.store)
    if found is None or found.state != "CONNECTED":
        raise proxy.Failed("NotConnected").of_use()
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Sealing:
    """An encryption under way: `question` is for the proxy, `blob` takes its answer."""

    def __init__(self, call: Call, key: Key, plaintext: bytes, context: dict[str, str] | None, operation: str, service: str = "") -> None:
        store = store_of(call, key)
        self.head = ciphertext.head(ciphertext.OUTSIDE, key.account, key.id, key.material.id)
        self.bound = ciphertext.bound(self.head, context)
        nonce = random_bytes(call, ciphertext.NONCE)
        inner = nonce + ciphertext.AESGCM(open_(call, key.id, key.material)).encrypt(nonce, plaintext, self.bound)
        self.question = proxy.question(call, store, f"keys/{key.external}/encrypt", operation, key.arn, service, additionalAuthenticatedData=_text(self.bound), plaintext=_text(inner),
                                       encryptionAlgorithm="AES_GCM", ciphertextDataIntegrityValueAlgorithm="SHA_256")

    def blob(self, said: dict[str, Any]) -> bytes:
        body, vector, tag = (proxy.bytes_of(said, name) for name in ("ciphertext", "initializationVector", "authenticationTag"))
        meta = proxy.bytes_of(said, "ciphertextMetadata", optional=True)
        whole = hashlib.sha256(self.bound + meta + vector + body + tag).digest()
        if len(vector) != ciphertext.NONCE or len(tag) != ciphertext.TAG or len(meta) > 20 or not body or proxy.bytes_of(said, "ciphertextDataIntegrityValue") != whole:
            raise proxy.Failed("Garbled")
        return self.head + vector + tag + bytes((len(meta),)) + meta + body

    def now(self) -> bytes:
        try:
            return self.blob(self.question.ask_now())
        except proxy.Failed as failed:
            raise failed.of_use() from None

    async def later(self) -> bytes:
        try:
            return self.blob(await self.question.ask())
        except proxy.Failed as failed:
            raise failed.of_use() from None


class Opening:
    """A decryption under way: the proxy opens the outer layer, KMS the inner."""

    def __init__(self, call: Call, key: Key, parsed: ciphertext.Parsed, context: dict[str, str] | None, operation: str, service: str = "") -> None:
        self.secret = next((open_(call, key.id, m) for m in key.materials if m.id == parsed.material_id), b"")
        if not self.secret or len(parsed.body) < ciphertext.TAG + 1:
            raise errors.bad_ciphertext()
        store = store_of(call, key)
        tag, size = parsed.body[:ciphertext.TAG], parsed.body[ciphertext.TAG]
        meta, body = parsed.body[ciphertext.TAG + 1 : ciphertext.TAG + 1 + size], parsed.body[ciphertext.TAG + 1 + size :]
        self.bound = ciphertext.bound(parsed.head, context)
        self.question = proxy.question(
            call, store, f"keys/{key.external}/decrypt", operation, key.arn, service, additionalAuthenticatedData=_text(self.bound), encryptionAlgorithm="AES_GCM", ciphertext=_text(body),
            initializationVector=_text(parsed.nonce), authenticationTag=_text(tag), **({"ciphertextMetadata": _text(meta)} if meta else {}))

    def plaintext(self, said: dict[str, Any]) -> bytes:
        inner = proxy.bytes_of(said, "plaintext")
        try:
            return ciphertext.AESGCM(self.secret).decrypt(inner[:ciphertext.NONCE], inner[ciphertext.NONCE :], self.bound)
        except (ciphertext.InvalidTag, ValueError):
            raise proxy.Failed("Garbled") from None      # the key outside opened it, and to something else than KMS had closed

    def now(self) -> bytes:
        try:
            return self.plaintext(self.question.ask_now())
        except proxy.Failed as failed:
            raise failed.of_use() from None

    async def later(self) -> bytes:
        try:
            return self.plaintext(await self.question.ask())
        except proxy.Failed as failed:
            raise failed.of_use() from None
