"""What services ask about their things: who besides the owner may use them."""
from __future__ import annotations

from cloche.kernel import Call

from .shares import others


def shared(call: Call, type_: str) -> list[str]:
    """The ARNs of a type (`ec2:Subnet`) that others share with the call's account in its region."""
    from . import types
    return [arn for share in others(call.of("ram")) for arn, entry in share.resources.items() if entry.status == "ASSOCIATED" and types.of(arn) == type_]


def is_shared(call: Call, arn: str) -> bool:
    """Does the call's account share it with anybody?"""
    from .shares import mine
    return any((entry := share.resources.get(arn)) is not None and entry.status == "ASSOCIATED" for share in mine(call.of("ram")) if share.status == "ACTIVE")


def lets(call: Call, arn: str) -> bool:
    """May the call's account use a thing of another's? The principal's own policies are asked besides."""
    return any((entry := share.resources.get(arn)) is not None and entry.status == "ASSOCIATED" for share in others(call.of("ram")))
