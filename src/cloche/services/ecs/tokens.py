"""Client tokens: a launch asked for twice is one launch, for a day."""
from __future__ import annotations

from cloche.kernel import Call, Record

from . import service as ecs

KEPT_SECONDS = 86400.0


class Token(Record, frozen=True):
    kind = "ecs.token"

    name: str
    made: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.name


def seen(call: Call, operation: str, token: str) -> tuple[str, ...] | None:
    found = call.get(Token, f"{operation} {token}")
    return found.made if found else None


def keep(call: Call, operation: str, token: str, made: list[str]) -> None:
    one = call.put(Token(f"{operation} {token}", tuple(made)))
    call.after(KEPT_SECONDS, token_forgotten, one.name, token=one.name)


@ecs.timer
def token_forgotten(call: Call, token: str) -> None:
    if one := call.get(Token, token):
        call.delete(one)
