"""The checksums S3 knows, incremental, and CRCs of a whole joined from the CRCs of its parts.

CRC32C and CRC64NVME come from awscrt where it is installed (`pip install awscrt`, gigabytes a second), else from a table
(some megabytes a second, the same numbers).
"""
from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Callable
from functools import cache

SIZES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
_REFLECTED = {"crc32": 0xEDB88320, "crc32c": 0x82F63B78, "crc64nvme": 0x9A6C9329AC4BC9B5}


class Crc:
    """Like hashlib's objects."""

    __slots__ = ("_step", "size", "value")

    def __init__(self, kind: str):
        self._step, self.size, self.value = _stepper(kind), SIZES[kind], 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        self.value = self._step(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(self.size, "big")


def new(kind: str):
    """An object with `update(bytes)` and `digest()`; kind as in x-amz-checksum-KIND."""
    return Crc(kind) if kind in _REFLECTED else hashlib.new(kind, usedforsecurity=False)


def of(kind: str, data: bytes) -> str:
    summing = new(kind)
    summing.update(data)
    return text(summing.digest())


def text(digest: bytes) -> str:
    return b64encode(digest).decode()


def fast() -> bool:
    """Whether CRC32C and CRC64NVME cost next to nothing here."""
    return _stepper("crc64nvme").__module__ != __name__


def join(kind: str, parts: list[tuple[bytes, int]]) -> bytes:
    """The CRC of everything, from (CRC, length) of each part in order."""
    whole = 0
    for digest, length in parts:
        whole = _times(kind, _x_to_the(kind, length), whole) ^ int.from_bytes(digest, "big")
    return whole.to_bytes(SIZES[kind], "big")


@cache
def _stepper(kind: str) -> Callable[[bytes, int], int]:
    if kind == "crc32":
        return zlib.crc32
    try:
        from awscrt import checksums
    except ImportError:
        return _by_table(kind)
    # its buffers are asked for as a whole: a memoryview will do
    return checksums.crc32c if kind == "crc32c" else checksums.crc64nvme


def _by_table(kind: str) -> Callable[[bytes, int], int]:
    table, full = _table(kind), (1 << SIZES[kind] * 8) - 1

    def step(data: bytes, value: int = 0) -> int:
        value ^= full
        for byte in bytes(data):
            value = table[(value ^ byte) & 255] ^ (value >> 8)
        return value ^ full
    return step


@cache
def _table(kind: str) -> list[int]:
    polynomial, table = _REFLECTED[kind], []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ polynomial if value & 1 else value >> 1
        table.append(value)
    return table


def _times(kind: str, a: int, b: int) -> int:
    """a times b modulo the polynomial, bits reflected as CRCs are."""
    polynomial, bit, product = _REFLECTED[kind], 1 << SIZES[kind] * 8 - 1, 0
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        bit >>= 1
        b = (b >> 1) ^ polynomial if b & 1 else b >> 1
    return product


def _x_to_the(kind: str, length: int) -> int:
    """x to the power of eight times the length: what that many bytes do to a CRC that stands before them."""
    one = 1 << SIZES[kind] * 8 - 1
    result, square = one, one >> 1
    for _ in range(3):
        square = _times(kind, square, square)
    while length:
        if length & 1:
            result = _times(kind, result, square)
        square = _times(kind, square, square)
        length >>= 1
    return result
