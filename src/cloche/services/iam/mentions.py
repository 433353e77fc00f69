"""Where a managed policy is in use: one record a policy, so that attachment counts and ListEntitiesForPolicy ask nobody else."""
from __future__ import annotations

from cloche.kernel import Call, Record


class Mention(Record, frozen=True):
    kind = "iam.mention"
    scope = "account"

    arn: str
    permission: list[tuple[str, str]] = []             # ("user" | "group" | "role", name)
    boundary: list[tuple[str, str]] = []

    @property
    def key(self) -> str:
        return self.arn


def of(call: Call, arn: str) -> Mention:
    return call.get(Mention, arn) or Mention(arn)


def add(call: Call, arn: str, use: str, kind: str, name: str) -> None:
    mention = of(call, arn)
    call.put(mention.but(**{use: [*getattr(mention, use), (kind, name)]}))


def remove(call: Call, arn: str, use: str, kind: str, name: str) -> None:
    mention = of(call, arn)
    left = mention.but(**{use: [pair for pair in getattr(mention, use) if tuple(pair) != (kind, name)]})
    if left.permission or left.boundary:
        call.put(left)
    else:
        call.delete(mention)


def rename(call: Call, entity: object, name: str) -> None:
    """The user or group got another name."""
    kind, old = type(entity).kind.partition(".")[2], entity.name                   # type: ignore[attr-defined]
    uses = [(arn, "permission") for arn in entity.attached] + ([(entity.boundary, "boundary")] if getattr(entity, "boundary", "") else [])   # type: ignore[attr-defined]
    for arn, use in uses:
        remove(call, arn, use, kind, old)
        add(call, arn, use, kind, name)
