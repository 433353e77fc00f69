"""How bytes lie on disk under a data key: AES-256 in counter mode, so that any stretch opens by itself and parts join without being opened.

The counter is the version's nonce (8 bytes), the number of the part (2, 0 if not uploaded in parts) and the block within it (6): no block of key
stream is used twice. What is stored is as long as what came. That nothing was changed is for the version's checksums to tell.
"""
from __future__ import annotations

from typing import Any

import msgspec

BLOCK = 16


class Cipher(msgspec.Struct, frozen=True):
    key: bytes                                 # 32 bytes, in memory only
    nonce: bytes                               # 8 bytes
    parts: tuple[tuple[int, int], ...] = ()    # number, size; of a version that was uploaded in parts

    def writer(self, part: int = 0, at: int = 0) -> Any:
        """Something whose `update(bytes)` turns one into the other, from byte `at` of the part on."""
        from cryptography.hazmat.primitives.ciphers import Cipher as Aes
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import CTR
        made = Aes(AES(self.key), CTR(self.nonce + part.to_bytes(2, "big") + (at // BLOCK).to_bytes(6, "big"))).encryptor()
        made.update(bytes(at % BLOCK))
        return made

    def reader(self, offset: int) -> Reader:
        return Reader(self, offset)


class Reader:
    """Opens a version's bytes in order, from `offset` on, over the joints of its parts."""

    def __init__(self, cipher: Cipher, offset: int) -> None:
        self.cipher, self.left, self.rest = cipher, 0, list(cipher.parts)
        while self.rest and offset >= self.rest[0][1]:
            offset -= self.rest.pop(0)[1]
        self._next(offset)

    def _next(self, at: int) -> None:
        if self.rest:
            number, size = self.rest.pop(0)
            self.left, self.stream = size - at, self.cipher.writer(number, at)
        else:
            self.left, self.stream = 1 << 62, self.cipher.writer(0, at)

    def update(self, data: bytes) -> bytes:
        out = b""
        while len(data) > self.left:
            out += self.stream.update(data[:self.left])
            data = data[self.left:]
            self._next(0)
        self.left -= len(data)
        return out + self.stream.update(data) if out else self.stream.update(data)
