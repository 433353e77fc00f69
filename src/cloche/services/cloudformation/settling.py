"""A description waits a moment for what is going on.

Clients' waiters look once and then sleep 5 to 30 seconds. Most stacks are done in milliseconds, so whoever asks about a
stack at work is answered when it rests, or after two seconds of real time, once per operation.
"""
from __future__ import annotations

import asyncio

from cloche.kernel import Call

from .records import Stack, find

PATIENCE = 2.0
AGES = 10 * 365 * 86400.0


async def settled(call: Call, stack_id: str) -> Stack:
    stack = find(call, stack_id)
    patient: set[str] = call.cloud.memory.setdefault("cloudformation.patience", set())
    operation = stack.operation
    if operation is None or operation.id in patient:
        return stack
    patient.add(operation.id)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while stack.operation is not None and not stack.operation.watch_until and loop.time() < deadline:  # monitoring time is the clock's: nothing to wait for
        try:
            async with asyncio.timeout_at(deadline):
                await call.wait(f"cloudformation/{stack_id}", call.now + AGES)
        except TimeoutError:
            pass
        stack = find(call, stack_id)
    if stack.operation is None:
        patient.discard(operation.id)
    return stack
