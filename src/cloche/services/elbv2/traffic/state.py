"""What a load balancer remembers between requests and may forget: connections to targets, whose turn it is, how many requests are out."""
from __future__ import annotations

from collections import Counter
from typing import Any

from cloche.engines.relay.upstream import Pool
from cloche.kernel import Call, Record


class Traffic:
    def __init__(self) -> None:
        self.pool = Pool()
        self.turns: dict[str, int] = {}
        self.busy: Counter[str] = Counter()
        self.listeners: dict[Any, Any] = {}                # what really listens: (account, region, balancer) -> traffic/listening's own

    def close(self) -> None:
        """The cloud ends, or becomes another."""
        for opened in self.listeners.values():
            for one in opened.values():
                one.close(True)
        self.listeners.clear()
        self.pool.close()


class Seal(Record, frozen=True):
    """The key that cookies are sealed with; it is the cloud's, and outlives it."""

    kind = "elbv2.seal"
    scope = "cloud"

    secret: bytes

    @property
    def key(self) -> str:
        return "seal"


def traffic(call: Call) -> Traffic:
    found = call.cloud.memory.get("elbv2.traffic")
    if found is None:
        found = call.cloud.memory["elbv2.traffic"] = Traffic()
        call.cloud.closers.append(found.close)
    return found


def seal(call: Call) -> bytes:
    found = call.get(Seal, "seal")
    if found is None:
        with call.step():
            found = call.put(Seal(call.secret(48).encode()[:32]))
    return found.secret


def nonce(call: Call) -> bytes:
    return call.cloud.dice.getrandbits(96).to_bytes(12, "big")
