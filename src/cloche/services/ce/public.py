"""Where services say what is paid by the time it lasts. Only at its beginning, its change and its end: no request pays for it."""
from __future__ import annotations

from cloche.kernel import Call

from . import ledger
from .prices import PRICES


def keep(call: Call, service: str, usage: str, resource: str, quantity: float = 1.0, rate: float = 0.0, kind: str = "") -> None:
    """From now on there is so much of `resource` (of usage type `usage`; `rate` dollars an hour where the price table does not know it)."""
    if rate or usage in PRICES:
        ledger.keep(call.of("ce"), service, usage, resource, quantity, rate, kind)


def end(call: Call, resource: str, tags: dict[str, str] | None = None) -> None:
    ledger.end(call.of("ce"), resource, tags)
