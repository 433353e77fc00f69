"""A queue as source. What went through is deleted, and so is what the filter leaves out; what failed comes back when its visibility ends."""
from __future__ import annotations

import logging
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.lambda_ import public as functions
from cloche.services.sqs import public as sqs

from . import flow
from .pipes import Pipe, acting

LOOK_AGAIN_SECONDS = 60.0
RECEIVE_MOST = 10
log = logging.getLogger("cloche")


async def drain(call: Call, pipe: Pipe) -> float | None:
    """Until the queue has nothing more to give; says when to look again."""
    from .polling import running
    try:
        while (current := running(call, pipe)) is not None:
            there = acting(call, current)
            batch = collect(there, current)
            if not batch:
                held = windows(call).get(current.arn)
                return min((m for m in (sqs.next_visible(there, current.source), held[0] if held else None) if m is not None), default=None)
            failed = await flow.through(call, there, current, [functions.message_record(current.source, m) for m in batch], "messageId")
            done = [m["ReceiptHandle"] for m in batch if m["MessageId"] not in failed]
            with there.step():
                sqs.delete(there, current.source, done)
        return None
    except AwsError as error:
        log.info("pipe %s: %s", pipe.name, error.message)
        return call.now + LOOK_AGAIN_SECONDS  # the queue or a permission is missing; it may come back


def windows(call: Call) -> dict[str, tuple[float, list[Any]]]:
    """Messages held back for a batching window: (its end, messages). A crash loses the hold, not the messages."""
    return call.cloud.memory.setdefault("pipes.windows", {})  # type: ignore[no-any-return]


def collect(there: Call, pipe: Pipe) -> list[Any]:
    """The next batch; empty if there is none, or its window is still open."""
    until, batch = windows(there).pop(pipe.arn, (there.now + pipe.window, []))
    filters = pipe.filters()
    with there.step():
        while len(batch) < pipe.batch_size:
            got = sqs.receive(there, pipe.source, min(RECEIVE_MOST, pipe.batch_size - len(batch)))
            if not got:
                break
            wanted = [m for m in got if functions.matches(filters, functions.filterable(functions.message_record(pipe.source, m)))]
            if len(wanted) < len(got):
                sqs.delete(there, pipe.source, [m["ReceiptHandle"] for m in got if m not in wanted])
            batch += wanted
    if batch and len(batch) < pipe.batch_size and there.now < until:
        windows(there)[pipe.arn] = (until, batch)
        return []
    return batch  # type: ignore[no-any-return]
