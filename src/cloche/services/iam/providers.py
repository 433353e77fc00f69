"""What providers of identities have in common, SAML and OpenID Connect: they are found by the whole of their ARN, and only by their own account."""
from __future__ import annotations

from typing import TypeVar

from cloche.kernel import AwsError, Call, Record

from . import errors

R = TypeVar("R", bound=Record)


def find(call: Call, type_: type[R], kind: str, arn: str, missing: str) -> R:
    parts = arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith(f"{kind}/"):
        raise errors.bad_arn(arn)
    found = call.get(type_, parts[5].partition("/")[2]) if parts[4] == call.account else None
    if found is None:
        raise AwsError("NoSuchEntity", f"{missing} not found for arn {arn}", 404)
    return found
