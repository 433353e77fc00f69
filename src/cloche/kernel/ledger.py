"""What behaves, what does partly, what does not yet: read off the operations themselves, so it cannot be out of date."""
from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

from .. import _index
from ..wire import model


@lru_cache(None)
def one(name: str) -> dict[str, Any] | None:
    """{operation: {"status": "behaves" | "partly" | "not yet", "missing": sentence}} of one service; None if AWS has no such service."""
    if name not in _index.PROTOCOLS:
        return None
    operations = model.load(name).operations
    entries: dict[str, Any] = {}
    if name in _index.PACKAGES:
        entries = importlib.import_module(f"cloche.services.{_index.PACKAGES[name]}").service.load().entries
    out = {}
    for operation in sorted(operations):
        entry = entries.get(operation)
        if entry is None:
            out[operation] = {"status": "not yet"}
        elif entry.partly:
            out[operation] = {"status": "partly", "missing": entry.partly}
        else:
            out[operation] = {"status": "behaves"}
    return out


def all_services() -> dict[str, Any]:
    return {name: one(name) for name in sorted(_index.PACKAGES)}
