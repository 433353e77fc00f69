"""What others ask CloudFront: the pairs of a key value store, distributions by their ARN, who stands behind a web ACL."""
from __future__ import annotations

from cloche.kernel import Call

from . import key_value_stores
from .distributions import Distribution
from .edge import pairs
from .things import Thing

__all__ = ["distribution", "distributions", "pairs", "store"]


def store(call: Call, arn: str) -> Thing | None:
    """The key value store of an ARN of this account. `pairs` reads and writes what is in it, by its id."""
    there = call.of("cloudfront")
    found = there.get(Thing, f"{key_value_stores.NOUN.path}/{arn.rpartition('/')[2]}")
    return found if found is not None and key_value_stores.NOUN.arn(there, found.id) == arn else None


def distribution(call: Call, arn: str) -> Distribution | None:
    found = call.of("cloudfront").get(Distribution, arn.rpartition("/")[2])
    return found if found is not None and found.arn == arn else None


def distributions(call: Call) -> list[Distribution]:
    """Of the call's account."""
    return sorted(call.of("cloudfront").all(Distribution), key=lambda one: one.id)
