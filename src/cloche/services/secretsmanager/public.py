"""Secrets that another service keeps here and owns (`events!connection/...`): whoever may read secrets may read them, and only their owner changes them."""
from __future__ import annotations

from cloche.kernel import Call

from . import sealing, secrets, versions
from .records import CURRENT, Secret


def keep(call: Call, name: str, value: str, owner: str) -> str:
    """Make the secret, or give it a new value; its ARN."""
    inside = call.of("secretsmanager").as_root()
    found = inside.get(Secret, name)
    if found is None:
        found = inside.put(Secret(name, inside.arn(f"secret:{name}-{inside.pick(secrets.LETTERS, 6)}"), inside.now, inside.now, owner=owner))
    return versions.add(inside, found, inside.uuid(), value).arn


def value(call: Call, name: str) -> str | None:
    """What it says now; nobody is asked."""
    inside = call.of("secretsmanager").as_root()
    found = inside.get(Secret, name)
    said = sealing.get(inside, found, found.at(CURRENT)) if found is not None else None
    return said if isinstance(said, str) else None


def forget(call: Call, name: str) -> None:
    inside = call.of("secretsmanager").as_root()
    if (found := inside.get(Secret, name)) is not None:
        secrets.bury(inside, found)
