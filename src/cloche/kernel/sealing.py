"""Secrets at rest: sealed under the cloud's master key, a file that only its owner may read, beside the store.

A record's field of type `Sealed` is sealed when the record is written and opened when it is read; whoever holds the record has the text. What lies in a service's own
tables is sealed by hand: `call.cloud.store.seal`.
"""
from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FIELD = b"field"


class Sealed(str):
    """A text that goes to disk sealed."""

    __slots__ = ()


@lru_cache(maxsize=64)
def _opened(path: Path, stamp: tuple[int, int]) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # takes time and memory to import; many a cloud keeps no secret
    return AESGCM(path.read_bytes())


class Seal:
    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._own: AESGCM | None = None                    # of a store in memory

    def master(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        if self.path is None:
            self._own = self._own or AESGCM(AESGCM.generate_key(256))
            return self._own
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            fresh = self.path.with_suffix(".new")
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(AESGCM.generate_key(256))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            stat = self.path.stat()
        return _opened(self.path, (stat.st_ino, stat.st_mtime_ns))

    def close(self, secret: bytes, name: bytes) -> bytes:
        """Sealed under a name: under another it does not open."""
        nonce = os.urandom(12)
        return nonce + self.master().encrypt(nonce, secret, name)

    def open(self, sealed: bytes, name: bytes) -> bytes:
        """cryptography's InvalidTag where the key, the name or the bytes are not those."""
        return self.master().decrypt(sealed[:12], sealed[12:], name)

    # -- what the store's encoder and decoder ask -----------------------------------------------------------------------

    def encode(self, value: Any) -> bytes:
        if type(value) is Sealed:
            return self.close(value.encode(), FIELD)
        raise TypeError(f"records hold no {type(value).__name__}")

    def decode(self, type_: type, value: Any) -> Any:
        if type_ is Sealed:
            return Sealed(value if isinstance(value, str) else self.open(value, FIELD).decode())   # text: from before there were seals
        raise TypeError(f"records hold no {type_.__name__}")
