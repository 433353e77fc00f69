"""Faults on demand: what a service shall answer instead of doing what it was asked, and how often. For who wants to see his retries work.

A rule strikes where AWS's own faults do: the caller is known and may do this, the request is well formed, and nothing has been done yet. While there are
rules `cloud.check` is `strike`, in the place of the question of permission that every request passes; without rules nothing is paid.
They live in memory: a restart, a reset and a restore end them.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _index
from ..wire import model
from . import authorize
from .errors import AwsError

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud
    from .service import Entry

# what any service may say, beside the errors of its model
STATUS = {"InternalFailure": 500, "InternalError": 500, "InternalServerError": 500, "ServiceUnavailable": 503, "ServiceUnavailableException": 503, "SlowDown": 503,
          "RequestLimitExceeded": 503, "Throttling": 400, "ThrottlingException": 400, "RequestTimeout": 400, "ProvisionedThroughputExceededException": 400}
TEXT = {500: "An internal error occurred. Please try again.", 503: "The service is temporarily unavailable. Please try again.", 429: "Rate exceeded"}


class Rule:
    __slots__ = ("account", "code", "extra", "headers", "id", "left", "message", "operation", "service", "share", "status", "struck")

    def __init__(self, id_: str, service: str, operation: str, account: str, code: str, message: str, status: int, times: int | None, share: float,
                 headers: dict[str, str], extra: dict[str, Any]) -> None:
        self.id, self.service, self.operation, self.account = id_, service, operation, account
        self.code, self.message, self.status, self.headers, self.extra = code, message, status, headers, extra
        self.left, self.share, self.struck = times, share, 0

    def told(self) -> dict[str, Any]:
        return {"id": self.id, "service": self.service, "operation": self.operation, "account": self.account, "code": self.code, "message": self.message, "status": self.status,
                "share": self.share, "left": self.left, "struck": self.struck}


def rules(cloud: Cloud) -> list[Rule]:
    return cloud.memory.setdefault("faults", [])  # type: ignore[no-any-return]


def add(cloud: Cloud, wish: dict[str, Any]) -> Rule:
    """A rule from {"service", "code", "operation"?, "account"?, "message"?, "status"?, "times"? (1; null: until it is deleted), "share"?, "retry_after"?, "extra"?}; ValueError says what is wrong."""
    known = {"service", "code", "operation", "account", "message", "status", "times", "share", "retry_after", "extra"}
    if unknown := wish.keys() - known:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; a fault takes {', '.join(sorted(known))}")
    service, operation, code = str(wish.get("service", "")), str(wish.get("operation", "")), str(wish.get("code", ""))
    if service not in _index.PACKAGES:
        raise ValueError(f"service is one of {', '.join(sorted(_index.PACKAGES))}")
    if not code:
        raise ValueError("code is what the service shall answer, such as ServiceException or ThrottlingException")
    wire = model.load(service)
    if operation and operation not in wire.operations:
        raise ValueError(f"{service} has no operation {operation}")
    status = wish.get("status") or status_of(wire, code)
    times, share, wait = wish.get("times", 1), wish.get("share", 1.0), wish.get("retry_after")
    if not isinstance(status, int) or not 400 <= status <= 599:
        raise ValueError("status is a number from 400 to 599")
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise ValueError("times is a number from 1 on, or null for always")
    if not isinstance(share, int | float) or not 0 < share <= 1:
        raise ValueError("share is the part of the requests that it strikes, above 0 and at most 1")
    if wait is not None and (not isinstance(wait, int) or wait < 0):
        raise ValueError("retry_after is a number of seconds")
    if not isinstance(extra := wish.get("extra") or {}, dict):
        raise ValueError("extra holds further members of the error, by their names")
    headers = {} if wait is None else {"retry-after": str(wait)}
    rule = Rule(cloud.new_id(), service, operation, str(wish.get("account", "")), code, str(wish.get("message") or TEXT.get(status, code)), status, times, float(share), headers, extra)
    rules(cloud).append(rule)
    cloud.check = strike
    return rule


def status_of(wire: model.Model, code: str) -> int:
    """Of the error in the service's model, else of what all services say, else a fault of the server."""
    for operation in wire.operations.values():
        if shape := operation.errors.get(code):
            said = shape.spec.get("error", {}).get("httpStatusCode")
            return int(said) if said else 500 if shape.spec.get("fault") else 400
    return STATUS.get(code, 500)


def forget(cloud: Cloud, id_: str = "", account: str = "") -> int:
    """One rule, those of an account, or all; says how many."""
    before = rules(cloud)
    kept = [rule for rule in before if (id_ and rule.id != id_) or (account and rule.account != account)]
    cloud.memory["faults"] = kept
    if not kept:
        cloud.check = authorize.check
    return len(before) - len(kept)


def strike(call: Call, entry: Entry, req: Any) -> None:
    """In the place of `authorize.check`: first that, then the first rule that fits and is not spent."""
    authorize.check(call, entry, req)
    for rule in rules(call.cloud):
        if rule.service != entry.service.name or rule.operation not in ("", entry.op.name) or rule.account not in ("", call.account):
            continue
        if rule.share < 1 and call.cloud.dice.random() >= rule.share:
            continue
        rule.struck += 1
        if rule.left is not None:
            rule.left -= 1
            if not rule.left:
                forget(call.cloud, rule.id)
        raise AwsError(rule.code, rule.message, rule.status, headers=rule.headers, extra=rule.extra)
