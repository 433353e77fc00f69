"""EC2: virtual networks, the machines in them, their disks and addresses. One module per noun."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from cloche.kernel import AwsError, Service

DRY_RUN = "Request would have succeeded, but DryRun flag is set."


class Ec2(Service):
    """Every operation knows `DryRun`: permission and parameters are really tried, and everything is taken back."""

    def op(self, *args: Any, **declared: Any) -> Callable[[Any], Any]:
        register = super().op(*args, **declared)

        def wrap(fn: Any) -> Any:
            if inspect.iscoroutinefunction(fn):  # one that waits for the world changes nothing before it is asked for real
                @functools.wraps(fn)
                async def waiting(call: Any, req: Any) -> Any:
                    if req.get("DryRun"):
                        raise AwsError("DryRunOperation", DRY_RUN, 412)
                    with call.step():
                        _settle(call)
                    return await fn(call, req)
                register(waiting)
            else:
                @functools.wraps(fn)
                def plain(call: Any, req: Any) -> Any:
                    _settle(call)
                    answer = fn(call, req)
                    if req.get("DryRun"):
                        raise AwsError("DryRunOperation", DRY_RUN, 412)
                    return answer
                register(plain)
            return fn
        return wrap


def _settle(call: Any) -> None:
    from .defaults import settle
    settle(call)


service = Ec2(__name__, doors=("endpoint_policy", "packet"))
