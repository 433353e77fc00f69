"""Identifiers and secrets: AIDA (user), AROA (role), AGPA (group), ANPA (policy), AIPA (instance profile), AKIA (access key)."""
from __future__ import annotations

from cloche.kernel import Call

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def identifier(call: Call, prefix: str, digits: int = 17) -> str:
    return prefix + call.pick(DIGITS, digits)


def secret(call: Call) -> str:
    """40 characters nobody can guess."""
    return call.secret(30).replace("-", "+").replace("_", "/")


def moment(call: Call) -> float:
    """Now, in whole seconds: IAM shows no finer."""
    return float(int(call.now))
