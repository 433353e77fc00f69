"""Capacity arithmetic: a write unit is 1 KB, a read unit 4 KB read strongly or twice that read eventually."""
from __future__ import annotations


def write_units(size: int) -> int:
    return max(1, -(-size // 1024))


def read_units(size: int, consistent: bool) -> float:
    units = max(1, -(-size // 4096))
    return float(units) if consistent else units / 2
