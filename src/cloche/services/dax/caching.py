"""What a cluster remembers: items by their keys (also that there is none), and answers to queries and scans by what was asked.

Writes that go through the cluster change its items, and never an answer: that one is as old as it may be. Nothing of it survives a restart.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import parameter_groups

if TYPE_CHECKING:
    from .clusters import Cluster

MOST = 10_000  # of either kind; the oldest goes first


class Cache:
    __slots__ = ("answers", "items", "schemas")

    def __init__(self) -> None:
        self.items: dict[tuple[str, bytes], tuple[float, Any]] = {}  # (table, key) -> (until, item or None)
        self.answers: dict[bytes, tuple[float, Any]] = {}
        self.schemas: dict[str, tuple[float, Any]] = {}


def of(call: Call, cluster: Cluster) -> Cache:
    found = call.cloud.memory.setdefault("dax.caches", {}).get(cluster.number)
    if found is None:
        found = call.cloud.memory["dax.caches"][cluster.number] = Cache()
    return found  # type: ignore[no-any-return]


def forget(call: Call, cluster: Cluster) -> None:
    call.cloud.memory.get("dax.caches", {}).pop(cluster.number, None)


def until(call: Call, cluster: Cluster, parameter: str) -> float:
    millis = parameter_groups.find(call, cluster.parameters).millis(parameter)
    return call.now + millis / 1000 if millis else float("inf")


def keep(kept: dict[Any, tuple[float, Any]], key: Any, moment: float, value: Any) -> None:
    kept.pop(key, None)
    if len(kept) >= MOST:
        del kept[next(iter(kept))]
    kept[key] = (moment, value)


def fresh(call: Call, kept: dict[Any, tuple[float, Any]], key: Any) -> tuple[bool, Any]:
    """(is it there, what it is)."""
    found = kept.get(key)
    if found is None or found[0] <= call.now:
        return False, None
    return True, found[1]
