"""Replicas at CloudFront's edge: a version that a distribution uses, or used a moment ago, cannot be deleted."""
from __future__ import annotations

from cloche.kernel import Call, Record

from . import errors


class Replica(Record, frozen=True):
    kind = "lambda.replica"

    arn: str
    users: tuple[str, ...]     # distributions
    until: float = 0.0         # when the last replica is gone, once nobody uses it

    @property
    def key(self) -> str:
        return self.arn


def add(call: Call, arn: str, user: str) -> None:
    found = call.get(Replica, arn) or Replica(arn, ())
    call.put(found.but(users=tuple(sorted({*found.users, user}))))


def withdraw(call: Call, arn: str, user: str, until: float) -> None:
    if found := call.get(Replica, arn):
        call.put(found.but(users=tuple(one for one in found.users if one != user), until=until))


def let_go(call: Call, function_arn: str, numbers: list[str]) -> None:
    """These versions are to be deleted."""
    for number in numbers:
        found = call.get(Replica, f"{function_arn}:{number}")
        if found is None:
            continue
        if found.users or call.now < found.until:
            raise errors.replicated(found.arn)
        call.delete(found)
