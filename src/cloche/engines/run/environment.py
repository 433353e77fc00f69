"""An execution environment: one sandbox, one invocation at a time, from init to the end.

Two ways lead to its runtime, `Channel` (our Python) and `RuntimeApi` (all others); both tell the environment the same few things: ready, init failed,
responded, erred, chunk. Whatever ends the sandbox, a waiting invocation gets its outcome from `_ended`.
"""
from __future__ import annotations

import asyncio
import dataclasses
import time
import uuid
from collections.abc import Callable
from typing import Any

from . import invocation as say
from .channel import Channel
from .extensions import Extensions
from .invocation import Invocation, Outcome, Spec
from .loglines import LogLines
from .runtime_api import RuntimeApi
from .sandbox import Sandbox

INIT_SECONDS = 10.0
DYING_SECONDS = 2.0


class Environment:
    def __init__(self, spec: Spec, sandbox: Sandbox, log: LogLines) -> None:
        self.spec, self.sandbox, self.log = spec, sandbox, log
        self.voice: LogLines | None = None  # what extensions print
        self.extensions: Extensions | None = None
        self.platform: list[tuple[float, str, dict[str, Any]]] = []  # what extensions did, until an invocation takes it into its log
        self.runtime_ready = False
        self.restored = False  # from a snapshot
        self.resting: asyncio.Future[bool] | None = None  # resolved when the extensions are done with an invocation
        self.loop = asyncio.get_running_loop()
        self.link: Channel | RuntimeApi | None = None
        self.closers: list[Callable[[], Any]] = []
        self.ready: asyncio.Future[Outcome | None] = self.loop.create_future()  # None: ready; an outcome: init failed
        self.born, self.init_began = time.time(), time.perf_counter()
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
        outcome = None
        try:
            outcome = await self._init(inv) or await self._run(inv)
        finally:
            self.answer = None
            if outcome is None or self.extensions is None:
                self.current = None
        outcome.began = real
        if self.extensions:
            self.extensions.telemetry.answered(inv, outcome)
            if self.extensions.busy and outcome.status in ("success", "error") and not self.killed:
                outcome.rest = self._rest(inv, outcome)
                return outcome
            self.current = None
        return self._end(inv, outcome)

    def _end(self, inv: Invocation, outcome: Outcome) -> Outcome:
        """All that is told of an invocation, once nobody works on it any more."""
        outcome.lines[:0] = self.log.take()
        if self.voice:
            outcome.lines = sorted([*outcome.lines, *self.voice.take()], key=lambda line: line[0])
        outcome.platform, self.platform = self.platform, []
        outcome.ended = time.time()
        outcome.initialization = self.spec.variables.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        if not self.init_told and self.restored:
            outcome.restore_ms, self.init_told = self.init_ms, True
        if not self.init_told:
            outcome.init_ms, self.init_told = self.init_ms, True
            outcome.init_failed = self.ready.done() and self.ready.result() is not None
        outcome.memory_mb = min(max(1, -(-self.peak_kb // 1024)), self.spec.memory_mb)
        if self.extensions:
            self.extensions.telemetry.reported(inv, outcome)
        if outcome.status in ("timeout", "failure") or self.out_of_memory:
            self.kill("timeout" if outcome.status == "timeout" else "failure")
        return outcome

    async def _rest(self, inv: Invocation, answered: Outcome) -> Outcome:
        """Extensions go on after the answer, within the function's time. Gives the outcome as its log shall tell it."""
        assert self.extensions
        self.resting = self.loop.create_future()
        overdue = self.loop.call_later(max(0.0, inv.timeout - (time.perf_counter() - self.began)), self._rested, False)
        in_time = await self.resting if self.extensions.busy else True
        overdue.cancel()
        self.resting = self.current = None
        outcome = answered if in_time else dataclasses.replace(say.timed_out(inv.id, inv.timeout), payload=answered.payload, began=answered.began)
        outcome.duration_ms = (time.perf_counter() - self.began) * 1000
        return self._end(inv, outcome)

    def _rested(self, in_time: bool = True) -> None:
        if self.resting and not self.resting.done():
            self.resting.set_result(in_time)

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
        if failed.error_type in ("Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint", "Runtime.InvalidWorkingDir"):
            return say.exited(inv.id, self.sandbox.report, self.out_of_memory, self.spec.image)
        if failed.error_type.startswith("Extension."):
            return Outcome(failed.payload.replace(b"RequestId:  Error", f"RequestId: {inv.id} Error".encode()), "failure", failed.error_type)
        return Outcome(say.with_request_id(failed.payload, inv.id), "failure", failed.error_type)

    async def _run(self, inv: Invocation) -> Outcome:
        assert self.link and self.answer
        if self.dead:
            return say.exited(inv.id, self.sandbox.report, self.out_of_memory, self.spec.image) if self.sandbox.report else say.vanished()
        if self.extensions:
            self.extensions.telemetry.started(inv)
            self.extensions.invoked(inv)
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

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def kill(self, reason: str = "spindown") -> None:
        """End it; extensions are told why and have their moment to go."""
        self.killed = True
        if self.dead or self.extensions is None or self.out_of_memory or not self.extensions.shut_down(reason):
            self.sandbox.kill()

    # what the runtime tells
    @property
    def request_id(self) -> str:
        return self.current.id if self.current and self.answer and not self.answer.done() else ""

    @property
    def extended(self) -> bool:
        return self.extensions is not None and bool(self.extensions.registered)

    @property
    def limit(self) -> int:
        return self.current.limit if self.current else 0

    def became_ready(self) -> None:
        self.runtime_ready = True
        self.settle()

    def settle(self) -> None:
        """Somebody has asked for what comes next: that may be the end of a phase."""
        if not self.ready.done():
            if self.runtime_ready and (self.extensions is None or self.extensions.ready):
                self._initialised(None)
        elif self.extensions and not self.extensions.busy:
            self._rested()

    def init_failed(self, body: bytes, kind: str) -> None:
        if not self.ready.done():
            self._initialised(Outcome(body, "failure", kind))

    def _initialised(self, outcome: Outcome | None) -> None:
        self.init_ms = (time.perf_counter() - self.init_began) * 1000
        if self.extensions:
            self.extensions.initialised(outcome.error_type if outcome else "")
        self.ready.set_result(outcome)

    def runtime_ended(self, report: dict[str, int]) -> None:
        """Among several processes: the others live on until they have been told."""
        self.sandbox.report = report
        outcome = say.exited(self.request_id, report, False, self.spec.image)
        if not self.ready.done():
            self._initialised(outcome)
        if self.answer and not self.answer.done():
            self._resolve(outcome)
        else:
            self.kill("failure")

    def extension_failed(self, kind: str, how: str) -> None:
        outcome = say.extension_failed(self.request_id, kind, how)
        if not self.ready.done():
            self._initialised(outcome)
        if self.answer and not self.answer.done():
            self._resolve(outcome)
        else:
            self._rested()
            self.kill("failure")

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
            self._initialised(outcome)
        self._resolve(outcome)
        self._rested()
        if self.link:
            self.link.close()
        for close in self.closers:
            close()
        for log in (self.log, self.voice):
            if log:
                log.drain()
                log.close()
        self.on_dead(self)
