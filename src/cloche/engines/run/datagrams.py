"""Datagrams that nobody answers: each is handed on as it comes."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("cloche")


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes], Any]) -> None:
        self.take = take

    def datagram_received(self, data: bytes, addr: Any) -> None:
        try:
            self.take(data)
        except Exception:   # one bad packet must not close the socket for the others
            log.exception("a datagram of %d bytes", len(data))
