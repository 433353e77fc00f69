"""SHA-256 tree hashes: of each megabyte, then of each pair of hashes, up to the root. Pure."""
from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

MEGABYTE = 1 << 20


def leaves(data: bytes) -> list[bytes]:
    view = memoryview(data)
    return [sha256(view[at:at + MEGABYTE]).digest() for at in range(0, len(data), MEGABYTE)] or [sha256(b"").digest()]


def root(hashes: Iterable[bytes]) -> str:
    """The hash over hashes of one level; one that is left over goes up as it is."""
    level = list(hashes)
    while len(level) > 1:
        pairs = [sha256(level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2:]
    return level[0].hex()


def aligned(first: int, end: int, size: int) -> bool:
    """Whether the bytes from `first` to before `end` are those under one node of the tree: only then their hash is one of the tree's."""
    if first % MEGABYTE or (end % MEGABYTE and end != size):
        return False
    begin, count = first // MEGABYTE, -(-end // MEGABYTE) - first // MEGABYTE
    whole = -(-size // MEGABYTE)
    width = 1
    while width < count:
        width *= 2
    return begin % width == 0 and (count == width or begin + count == whole)
