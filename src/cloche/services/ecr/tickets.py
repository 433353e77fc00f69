"""Tickets: what a client carries away and shows again, sealed under the cloud's master key: docker's password, and the URL of a layer."""
from __future__ import annotations

import base64
from typing import Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag

from cloche.kernel import Call

T = TypeVar("T")


def make(call: Call, kind: str, says: Any, until: float) -> str:
    raw = msgspec.json.encode([until, says])
    return base64.urlsafe_b64encode(call.cloud.store.seal.close(raw, f"ecr.{kind}".encode())).decode().rstrip("=")


def read(call: Call, kind: str, text: str, type_: type[T]) -> tuple[float, T] | None:
    """Until when it is good, and what it says; None if it is not one of ours."""
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(call.cloud.store.seal.open(sealed, f"ecr.{kind}".encode()), type=tuple[float, type_])  # type: ignore[valid-type]
    except (ValueError, InvalidTag):
        return None
