"""The way to Lambda: which function a URI names, and what asking it may end with."""
from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from cloche.kernel import AwsError, Call

URI = re.compile(r"arn:aws[\w-]*:apigateway:[\w-]+:lambda:path/2015-03-31/functions/(.+?)/(?:response-streaming-)?invocations", re.S)


ROLE = "BackplaneAssumeRoleSession"


class Failed(Exception):
    """Lambda was not reached: it refused (no permission, throttled), or the function does not exist."""


class TooLong(Failed):
    """The event is longer than Lambda takes."""


class TimedOut(Exception):
    """No answer within the integration's time."""


def function_of(uri: str) -> str:
    found = URI.fullmatch(uri)
    if found is None:
        raise Failed(f"{uri} names no function")
    return found[1]


async def ask(call: Call, uri: str, payload: Any, *, source_arn: str, credentials: str | None, seconds: float, trace: str = "") -> tuple[bytes, str | None]:
    """(what it returned, how it failed). With credentials the role is asked, else the function's own policy."""
    arn = function_of(uri)
    body = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    try:
        from cloche.services.lambda_ import public
        if not arn.startswith("arn:"):
            raise Failed(f"{arn} is no function's ARN")
        caller = call.as_role(credentials, ROLE, "apigateway.amazonaws.com") if credentials else call.as_service("apigateway.amazonaws.com", source_arn)
        async with asyncio.timeout(seconds):
            result = await public.invoke(caller, arn, body, trace=trace)
        return result.outcome.payload, "Unhandled" if result.failed else None
    except TimeoutError:
        raise TimedOut from None
    except AwsError as error:
        raise (TooLong if error.status == 413 else Failed)(f"{error.code}: {error.message}") from None
