"""Replicas of Lambda functions at the edge: while a distribution uses a version, and for half an hour after, Lambda does not let it go."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.services.iam import public as iam
from cloche.services.lambda_ import public as lambdas

from . import HOME, associations

LEFT_SECONDS = 1800.0
ROLES = ("replicator.lambda.amazonaws.com", "logger.cloudfront.amazonaws.com")


def settle(call: Call, one: Any, old: dict[str, Any], new: dict[str, Any]) -> None:
    """`old` and `new` configurations of the distribution; {} for none."""
    before, after = associations.of(old), associations.of(new)
    here = call.at(call.account, HOME)
    if after - before:
        for service in ROLES:
            iam.ensure_linked(here.of("iam"), service)
    for arn in after - before:
        lambdas.replicate(here, arn, one.arn)
    for arn in before - after:
        lambdas.withdraw(here, arn, one.arn, call.now + LEFT_SECONDS)
