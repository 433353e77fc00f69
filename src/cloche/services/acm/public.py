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


def issuer(call: Call, arn: str) -> str:
    """IMPORTED or AMAZON_ISSUED; "" if there is none."""
    found = look(call.of("acm"), arn)
    return found.type if found else ""


def use(call: Call, arn: str, user: str) -> None:
    """`user` (an ARN) serves with it from now on: it cannot be deleted, and is renewed when its end comes near."""
    at = call.of("acm", region=arn.split(":")[3])
    found = look(at, arn)
    if found and user not in found.users:
        at.put(found.but(users=(*found.users, user)))


def release(call: Call, arn: str, user: str) -> None:
    at = call.of("acm", region=arn.split(":")[3])
    found = look(at, arn)
    if found and user in found.users:
        at.put(found.but(users=tuple(x for x in found.users if x != user)))
