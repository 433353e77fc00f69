"""What happened lately: one line a request, in memory. `cloche why`, the console and /_cloche/requests read it."""
from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import Call

KEPT = 4096
log = logging.getLogger("cloche")


class Timeline:
    def __init__(self) -> None:
        self.lines: deque[tuple[Any, ...]] = deque(maxlen=KEPT)
        self.witnesses: list[Callable[[Call, int, Any, Any], None]] = []  # told of every request once it is done: f(call, status, error, its values where they are at hand)

    def add(self, call: Call, status: int, error: Any = None) -> None:
        self.lines.append((call.now, call.request_id, call.service.name, call.op, call.account, call.region, call.principal, status, error, call.decision))
        if self.witnesses:
            self.tell(call, status, error)

    def tell(self, call: Call, status: int, error: Any = None, value: Any = None) -> None:
        for witness in self.witnesses:
            try:
                witness(call, status, error, value)
            except Exception:  # who looks on must not come between a client and its answer
                log.exception("a witness of request %s", call.request_id)

    def find(self, request_id: str) -> dict[str, Any] | None:
        for line in reversed(self.lines):
            if line[1] == request_id:
                return plain(line)
        return None

    def latest(self, limit: int = 100) -> list[dict[str, Any]]:
        return [plain(line) for line in islice(reversed(self.lines), limit)]


def plain(line: tuple[Any, ...]) -> dict[str, Any]:
    """A line as data: `why` holds each statement that counted."""
    moment, request_id, service, operation, account, region, principal, status, error, decision = line
    out = {
        "time": moment, "request_id": request_id, "service": service, "operation": operation, "account": account, "region": region,
        "principal": principal.arn, "principal_kind": principal.kind, "status": status,
    }
    if error is not None:
        out["error"] = {"code": error.code, "message": error.message}
    if decision is not None:
        from ..iam import explain
        out["why"] = explain.plain(decision)
    return out
