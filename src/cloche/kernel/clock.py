"""Virtual time. `now()` follows the wall until someone advances it; timers live in the store and survive kill -9.

Prefer a comparison with `now` (message visible? token expired?) to a timer; a timer is for what must happen although nobody asks.
A look is a timer that comes again and again to see whether something in the real world has changed (a health check). Once every look has looked and
found nothing new, `advance` goes on to the next thing that can change anything, and does not stop at each look on the way.
The journal of jumps maps a moment on a client's clock to virtual time, so that a URL presigned before a jump has aged by it.
"""
from __future__ import annotations

import asyncio
import heapq
import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .cloud import Cloud

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SETTLE_SECONDS = 30.0  # of real time, that `advance` waits at one moment for what fell due


class Clock:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.offset, self.frozen = 0.0, None
        self.journal: list[tuple[float, float]] = []  # (real moment, offset from then on)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._changed = asyncio.Event()
        self._moving = asyncio.Lock()
        self._date = (0, "")
        self.load()

    def load(self) -> None:
        state = self.cloud.store.meta("clock", {})
        self.offset: float = state.get("offset", 0.0)
        self.frozen: float | None = state.get("frozen")
        self.journal = [(a, b) for a, b in state.get("journal", [])]

    def save(self) -> None:
        with self.cloud.store:
            self.cloud.store.set_meta("clock", {"offset": self.offset, "frozen": self.frozen, "journal": self.journal[-1000:]})

    def now(self) -> float:
        return self.frozen if self.frozen is not None else time.time() + self.offset

    def real(self) -> float:
        return time.time()

    def http_date(self) -> str:
        """`Date` of an answer: virtual."""
        second = int(self.now())
        if self._date[0] != second:
            t = time.gmtime(second)
            self._date = (second, time.strftime(f"{DAYS[t.tm_wday]}, %d {MONTHS[t.tm_mon - 1]} %Y %H:%M:%S GMT", t))
        return self._date[1]

    def virtual(self, client_moment: float) -> float:
        """What the virtual clock showed when a client's (real) clock showed this."""
        offset = 0.0
        for moment, then in self.journal:
            if moment > client_moment:
                break
            offset = then
        return client_moment + offset

    def last_jump(self, until: float) -> tuple[float, float]:
        """(the real moment of the last jump up to a client's moment, how far it went)"""
        for i in range(len(self.journal) - 1, -1, -1):
            moment, offset = self.journal[i]
            if moment <= until:
                return moment, offset - (self.journal[i - 1][1] if i else 0.0)
        return 0.0, 0.0

    # -- moving -------------------------------------------------------------------------------------------------------

    async def advance(self, seconds: float) -> None:
        """Move time on, stopping at every timer that falls due on the way, in order; return when what fell due has run."""
        async with self._moving:
            store, goal = self.cloud.store, self.now() + seconds
            await self.cloud.settle(SETTLE_SECONDS)
            news = self.now()  # when something happened last
            while (due := self._next_due(store.run("SELECT 1 FROM timer WHERE look <= ? LIMIT 1", (news,)).fetchone() is not None)) is not None and due <= goal:
                before = store.version
                self._set(max(due, self.now()))
                more = self.run_due()
                await self.cloud.settle(SETTLE_SECONDS)
                if more or store.version != before:
                    news = self.now()
            self._set(max(goal, self.now()))
            self.run_due()  # the looks that were passed by
            self.save()
            self._changed.set()
            await self.cloud.settle(SETTLE_SECONDS)

    async def freeze(self, frozen: bool) -> None:
        if frozen and self.frozen is None:
            self.frozen = self.now()
        elif not frozen and self.frozen is not None:
            at, self.frozen = self.frozen, None
            self._set(at)
            for _, _, future in self._sleepers:  # they were asleep for good; let them look again
                if not future.done():
                    future.set_result(None)
        self.save()
        self._changed.set()

    def _set(self, at: float) -> None:
        real = time.time()
        if self.frozen is not None:
            self.frozen = at
        else:
            self.offset = at - real
        if not self.journal or abs(self.journal[-1][1] - (at - real)) > 0.001:
            self.journal.append((real, at - real))
        while self._sleepers and self._sleepers[0][0] <= at:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    # -- timers -------------------------------------------------------------------------------------------------------

    def add(self, due: float, fn: str, account: str, region: str, name: str | None, body: dict[str, Any], look: bool = False) -> None:
        if name is not None:
            self.cancel(fn, account, region, name)
        store = self.cloud.store
        store.write("INSERT INTO timer (due, fn, account, region, name, body, look) VALUES (?,?,?,?,?,?,?)",
                    (due, fn, account, region, name, msgspec.msgpack.encode(body), self.now() if look else None))
        store.then(self._changed.set)

    def cancel(self, fn: str, account: str, region: str, name: str) -> None:
        self.cloud.store.write("DELETE FROM timer WHERE fn=? AND account=? AND region=? AND name=?", (fn, account, region, name))

    def forget(self, accounts: Iterable[str]) -> None:
        """Cancel all that is planned for accounts."""
        with self.cloud.store:
            self.cloud.store.write("DELETE FROM timer WHERE account IN (SELECT value FROM json_each(?))", (json.dumps(list(accounts)),))

    def _next_due(self, looks: bool = True) -> float | None:
        row = self.cloud.store.run(f"SELECT due FROM timer {'' if looks else 'WHERE look IS NULL '}ORDER BY due LIMIT 1").fetchone()
        return row and row[0]

    def run_due(self) -> bool:
        """Run every timer that is due; whether there was one that is no look. One that fails is logged and gone: it must not stop time."""
        store, more = self.cloud.store, False
        while True:
            row = store.run("SELECT id, fn, account, region, body, look FROM timer WHERE due <= ? ORDER BY due, id LIMIT 1", (self.now() + 1e-6,)).fetchone()
            if row is None:
                return more
            more = more or row[5] is None
            self.cloud.run_timer(*row[:5])

    async def sleep_until(self, due: float) -> None:
        """Wake at the virtual moment, however it comes about."""
        if due > self.now():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            handle = self.plan(due, future)
            try:
                await future
            finally:
                handle.cancel()

    def plan(self, due: float, future: asyncio.Future[None]) -> asyncio.TimerHandle:
        """Resolve the future at a virtual moment; cancel the handle when nobody waits any more."""
        self._count += 1
        heapq.heappush(self._sleepers, (due, self._count, future))
        if len(self._sleepers) > 64 and sum(f.done() for _, _, f in self._sleepers) > len(self._sleepers) // 2:
            self._sleepers = [s for s in self._sleepers if not s[2].done()]
            heapq.heapify(self._sleepers)
        seconds = 1e7 if self.frozen is not None else max(0.0, due - self.now())
        return asyncio.get_running_loop().call_later(min(seconds, 1e7), lambda: future.done() or future.set_result(None))

    async def run(self) -> None:
        """The task that fires timers as real time passes."""
        while True:
            due = self._next_due()
            self._changed.clear()
            wait = None if due is None or self.frozen is not None else min(max(0.0, due - self.now()), 3600.0)
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                if not self._moving.locked():
                    self.run_due()
