"""An execution environment: one sandbox, one invocation at a time, from init to the end.

Two ways lead to its runtime, `Channel` (our Python) and `RuntimeApi` (all others); both tell the environment the same few things: ready, init failed,
responded, erred, chunk. Whatever ends the sandbox, a waiting invocation gets its outcome from `_ended`.
"""
from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from . import invocation as say
from .channel import Channel
from .invocation import Invocation, Outcome, Spec
from .loglines import LogLines
from .runtime_api import RuntimeApi
from .sandbox import Sandbox

INIT_SECONDS = 10.0
DYING_SECONDS = 2.0


class Environment:
    def __init__(self, spec: Spec, sandbox: Sandbox, log: LogLines, memory_slack_mb: int = 0) -> None:
        self.spec, self.sandbox, self.log = spec, sandbox, log
        self.loop = asyncio.get_running_loop()
        self.link: Channel | RuntimeApi | None = None
        self.closers: list[Callable[[], Any]] = []
        self.ready: asyncio.Future[Outcome | None] = self.loop.create_future()  # None: ready; an outcome: init failed
        self.init_began = time.perf_counter()
        self.init_ms: float | None = None
        self.init_told = False
        self.peak_kb = 0
        self.current: Invocation | None = None
        self.began = 0.0
        self.answer: asyncio.Future[Outcome] | None = None
        self.out_of_memory = False
        self.killed = False  # by us
        self.dead = False
        self.on_dead: Callable[[Environment], None] = lambda e: None
        sandbox.on_end = self._ended

    # what the service does
    async def invoke(self, inv: Invocation) -> Outcome:
        assert self.current is None, "one invocation at a time"
        self.current, self.answer = inv, self.loop.create_future()
        self.began, real = time.perf_counter(), time.time()
        try:
            outcome = await self._init(inv) or await self._run(inv)
        finally:
            self.current, self.answer = None, None
        outcome.lines[:0] = self.log.take()
        outcome.began, outcome.ended = real, time.time()
        if not self.init_told:
            outcome.init_ms, self.init_told = self.init_ms, True
        outcome.memory_mb = min(max(1, -(-self.peak_kb // 1024)), self.spec.memory_mb)
        if outcome.status in ("timeout", "failure") or self.out_of_memory:
            self.kill()
        return outcome

    async def _init(self, inv: Invocation) -> Outcome | None:
        if not self.ready.done():
            await asyncio.wait({self.ready}, timeout=INIT_SECONDS + inv.timeout)
        if not self.ready.done():
            outcome = say.timed_out(inv.id, inv.timeout)
            outcome.duration_ms = inv.timeout * 1000
            return outcome
        failed = self.ready.result()
        if failed is None:
            self.began = time.perf_counter()
            return None
        if failed.status == "vanished":
            return failed
        if failed.error_type in ("Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint"):
            return say.exited(inv.id, self.sandbox.report, self.out_of_memory)
        return Outcome(say.with_request_id(failed.payload, inv.id), "failure", failed.error_type)

    async def _run(self, inv: Invocation) -> Outcome:
        assert self.link and self.answer
        if self.dead:
            return say.exited(inv.id, self.sandbox.report, self.out_of_memory) if self.sandbox.report else say.vanished()
        self.link.send(inv)
        timer = self.loop.call_later(inv.timeout, self._time_out)
        try:
            outcome = await self.answer
        finally:
            timer.cancel()
        outcome.duration_ms = (time.perf_counter() - self.began) * 1000
        if outcome.status in ("success", "error") and self.peak_kb > self.spec.memory_mb * 1024:
            self.out_of_memory = True  # it was over its memory and faster than the watch
            outcome = say.exited(inv.id, {"signal": 9}, True)
        return outcome

    def kill(self) -> None:
        self.killed = True
        self.sandbox.kill()

    # what the runtime tells
    @property
    def request_id(self) -> str:
        return self.current.id if self.current and self.answer and not self.answer.done() else ""

    @property
    def limit(self) -> int:
        return self.current.limit if self.current else 0

    def became_ready(self) -> None:
        if not self.ready.done():
            self.init_ms = (time.perf_counter() - self.init_began) * 1000
            self.ready.set_result(None)

    def init_failed(self, body: bytes, kind: str) -> None:
        if not self.ready.done():
            self.init_ms = (time.perf_counter() - self.init_began) * 1000
            self.ready.set_result(Outcome(body, "failure", kind))

    def responded(self, payload: bytes, content_type: str = "") -> None:
        if len(payload) > self.limit:
            self.too_large()
        else:
            self._resolve(Outcome(payload, content_type=content_type))

    def erred(self, payload: bytes, kind: str) -> None:
        self._resolve(Outcome(payload, "error", kind))

    def too_large(self) -> None:
        self._resolve(say.too_large(self.limit))

    def chunk(self, data: bytes, content_type: str) -> bool:
        if self.current is None or self.current.on_chunk is None:
            return False
        self.current.on_chunk(data, content_type)
        return True

    def stream_ended(self, kind: str, body: bytes) -> None:
        self._resolve(Outcome(body, "error" if kind else "success", kind, streamed=True))

    def _resolve(self, outcome: Outcome) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_result(outcome)

    # what happens to it
    def _time_out(self) -> None:
        if self.current:
            self._resolve(say.timed_out(self.current.id, self.current.timeout))

    def watch(self) -> None:
        """Called now and then while an invocation runs."""
        used = self.sandbox.memory()
        self.peak_kb = max(self.peak_kb, used >> 10)
        if used > self.spec.memory_mb << 20:
            self.out_of_memory = True
            self.kill()

    def _ended(self) -> None:
        self.dead = True
        self.out_of_memory = self.out_of_memory or self.sandbox.out_of_memory
        if self.out_of_memory:
            self.peak_kb = max(self.peak_kb, self.spec.memory_mb << 10)
        if self.sandbox.report or self.killed or self.out_of_memory:
            outcome = say.exited(self.current.id if self.current else "", self.sandbox.report, self.out_of_memory)
        else:
            outcome = say.vanished()
        if not self.ready.done():
            self.init_ms = (time.perf_counter() - self.init_began) * 1000
            self.ready.set_result(outcome)
        self._resolve(outcome)
        if self.link:
            self.link.close()
        for close in self.closers:
            close()
        self.log.drain()
        self.log.close()
        self.on_dead(self)
