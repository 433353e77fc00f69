"""The way to Lambda: which function a URI names, and what asking it may end with."""
from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from cloche.kernel import AwsError, Call

URI = re.compile(r"arn:aws[\w-]*:apigateway:[\w-]+:lambda:path/2015-03-31/functions/(.+?)/(?:response-streaming-)?invocations", re.S)


class Failed(Exception):
    """Lambda was not reached: it refused (no permission, throttled), or the function does not exist."""


class TimedOut(Exception):
    """No answer within the integration's time."""


def function_of(uri: str) -> str:
    found = URI.fullmatch(uri)
    if found is None:
        raise Failed(f"{uri} names no function")
    return found[1]


async def ask(call: Call, uri: str, payload: Any, *, source_arn: str, credentials: str | None, seconds: float) -> tuple[bytes, str | None]:
    """(what it returned, how it failed). With credentials the role is asked, else the function's own policy."""
    arn = function_of(uri)
    body = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        async with asyncio.timeout(seconds):
            if credentials:
                role = call.as_role(credentials, "BackplaneAssumeRoleSession", "apigateway.amazonaws.com")
                found = role.do("lambda", "Invoke", FunctionName=arn, Payload=body)
                if asyncio.iscoroutine(found):
                    found = await found
                answer = found["Payload"]
                return answer if isinstance(answer, bytes) else await collected(answer), found.get("FunctionError")
            from cloche.services.lambda_ import public
            result = await public.invoke(call, arn, body, service="apigateway.amazonaws.com", source_arn=source_arn)
            return result.payload, result.function_error
    except TimeoutError:
        raise TimedOut from None
    except AwsError as error:
        raise Failed(f"{error.code}: {error.message}") from None


async def collected(stream: Any) -> bytes:
    return b"".join([part async for part in stream])
