"""Commands for hosts."""
from __future__ import annotations

from cloche.kernel import Call

from .records import Deployment


def withdraw(call: Call, one: Deployment) -> None:
    """placeholder"""
