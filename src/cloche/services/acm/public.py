"""For those who serve with certificates: their texts, and the note that they do (`InUseBy`)."""
from __future__ import annotations

from typing import NamedTuple

from cloche.kernel import Call

from . import certificates


class Pem(NamedTuple):
    domain: str
    names: tuple[str, ...]
    certificate: str
    chain: str
    key: str
    type: str                                          # IMPORTED | AMAZON_ISSUED
    issued: float                                      # changes when it is renewed or imported again


def pem(call: Call, arn: str) -> Pem | None:
    """A certificate of the caller's account that is issued, or None."""
    region = arn.split(":")[3] if arn.count(":") >= 5 else call.region
    found = certificates.look(call.of("acm", region=region), arn)
    if found is None or not found.body:
        return None
    return Pem(found.domain, found.names, found.body, found.chain, found.private, found.type, found.issued or found.imported)


def use(call: Call, arn: str, user: str) -> None:
    """`user` (an ARN) serves with it from now on: it cannot be deleted, and is renewed."""
    at = call.of("acm", region=arn.split(":")[3])
    found = certificates.look(at, arn)
    if found and user not in found.users:
        at.put(found.but(users=(*found.users, user)))


def release(call: Call, arn: str, user: str) -> None:
    at = call.of("acm", region=arn.split(":")[3])
    found = certificates.look(at, arn)
    if found and user in found.users:
        at.put(found.but(users=tuple(x for x in found.users if x != user)))
