"""The execution role: sessions of it for environments, and Lambda acting under it (logs, queues, streams, destinations)."""
from __future__ import annotations

from typing import NamedTuple

from cloche.kernel import Call
from cloche.services.sts import public as sts

SPARE_SECONDS = 900.0  # the longest invocation: an environment's credentials must outlive it
SESSION_SECONDS = 43200.0
SERVICE = "lambda.amazonaws.com"


class Credentials(NamedTuple):
    access_key: str
    secret: str
    token: str
    expires: float


def session(call: Call, role: str, name: str) -> Credentials:
    """A new session for an environment; raises AccessDenied if the role does not trust Lambda."""
    with call.step():
        made, _ = sts.service_session(call, role, name[:64], SERVICE, SESSION_SECONDS, call.arn(f"function:{name}"))
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], made["Expiration"])


def acting(call: Call, role: str, name: str) -> Call:
    """A call under the role; what it may is decided as its policies stand at that moment."""
    return call.as_principal(sts.role_principal(call, role, name[:64], SERVICE))
