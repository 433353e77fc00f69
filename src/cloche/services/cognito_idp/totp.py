"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds. Pure."""
from __future__ import annotations

import base64
import hmac

STEP_SECONDS, SLACK = 30, 1


def code(secret: str, step: int) -> str:
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def accepted(secret: str, given: str, now: float, after: int = 0) -> int | None:
    """The step whose code it is: this one or a neighbour, later than the last one used."""
    here = int(now) // STEP_SECONDS
    return next((step for step in range(here - SLACK, here + SLACK + 1) if step > after and hmac.compare_digest(code(secret, step), given)), None)
