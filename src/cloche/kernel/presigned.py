"""How old is something that a client signed with its own clock, now that ours may have jumped since.

A date on the wire is a whole second, and a jump may have happened within it. Then it is told by what was seen (who came before the
jump was signed before it), and else by size: a jump a little longer than the lifetime is somebody who wants to see the thing expire.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cloud import Cloud

A_LITTLE = 10
# Version 2 says only until when. It was given the shortest of the usual lifetimes that it can have had when it was first seen.
LIFETIMES = (10, 15, 20, 30, 45, 60, 90, 120, 150, 180, 240, 300, 360, 420, 480, 540, 600, 900, 1200, 1500, 1800, 2400, 2700, 3600, 5400, 7200, 10800, 14400, 18000,
             21600, 28800, 36000, 43200, 86400, 172800, 259200, 604800)


def over(cloud: Cloud, signature: str, signed: float, lifetime: float) -> bool:
    """Whether what was signed at a (whole) second of the client's clock has outlived its lifetime in seconds."""
    return cloud.clock.now() > _begin(cloud, signature, signed, lifetime) + lifetime


def age(cloud: Cloud, signature: str, signed: float, lifetime: float) -> float:
    return cloud.clock.now() - _begin(cloud, signature, signed, lifetime)


def _begin(cloud: Cloud, signature: str, signed: float, lifetime: float) -> float:
    """The virtual moment at which it was signed."""
    clock, first = cloud.clock, _first_seen(cloud, signature)
    late = clock.virtual(signed + 0.999)
    moment, far = clock.last_jump(signed + 0.999)
    if moment > signed and (lifetime < far <= A_LITTLE * lifetime or first < moment):
        return late - far
    return late


def _first_seen(cloud: Cloud, signature: str) -> float:
    """The real moment at which it was first presented."""
    seen: dict[str, float] = cloud.memory.setdefault("presigned", {})
    if signature not in seen and len(seen) > 10_000:
        seen.clear()
    return seen.setdefault(signature, cloud.clock.real())


def signed_at(cloud: Cloud, signature: str, until: float) -> float:
    """When something was signed that says only until when it is good."""
    left = until - _first_seen(cloud, signature)
    return until - next((seconds for seconds in LIFETIMES if seconds >= left), left)
