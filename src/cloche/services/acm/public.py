"""What those who speak TLS in an account's name take from Certificate Manager: the certificate with its private key, which the API never tells."""
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .certificates import look

if TYPE_CHECKING:
    from cloche.kernel import Call


class Material(NamedTuple):
    body: str
    chain: str
    private: str
    names: tuple[str, ...]


def material(call: Call, arn: str) -> Material | None:
    """None if there is no such certificate here, or it is not issued."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[2:5] != ["acm", call.region, call.account]:
        return None
    found = look(call.of("acm"), arn)
    return Material(found.body, found.chain, found.private, found.names) if found and found.private and found.status(call.now) in ("ISSUED", "EXPIRED") else None


def status(call: Call, arn: str) -> str:
    """"" if there is none."""
    found = look(call.of("acm"), arn)
    return found.status(call.now) if found else ""
