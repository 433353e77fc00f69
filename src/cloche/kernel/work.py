"""Work that waits for the world: workers, background tasks, and who waits for what.

A worker's wish to run is a row until the worker has returned, so a crash does not lose it. `settle` is what makes `advance`
honest: it returns when nothing that was started is still running.
"""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cloud import Cloud
    from .service import Service

log = logging.getLogger("cloche")
Name = tuple[str, str, str, str]  # "service.worker", account, region, key


class Work:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.tasks: set[asyncio.Task[Any]] = set()
        self.running: dict[Name, bool] = {}  # True: woken again meanwhile
        self.waiting: dict[Any, set[Callable[[], Any]]] = {}
        self._idle = asyncio.Event()
        self.reload()

    def reload(self) -> None:
        self.awake: set[Name] = {tuple(row) for row in self.cloud.store.run("SELECT fn, account, region, key FROM awake")}

    # -- workers ------------------------------------------------------------------------------------------------------

    def wake(self, service: Service, fn: str, account: str, region: str, key: str) -> None:
        name = (f"{service.name}.{fn}", account, region, key)
        if name in self.running:
            self.running[name] = True
            return
        if name not in self.awake:
            self.cloud.store.write("INSERT OR IGNORE INTO awake VALUES (?,?,?,?)", name)
        self.cloud.store.then(self._start, name)

    def resume(self) -> None:
        """After a start: whoever had not finished begins again."""
        for name in sorted(self.awake):
            self._start(name)

    def _start(self, name: Name) -> None:
        if name in self.running:
            self.running[name] = True
        else:
            self.running[name] = False
            self.spawn(self._run(name))

    async def _run(self, name: Name) -> None:
        fn, account, region, key = name
        service_name, function = fn.split(".", 1)
        self.awake.add(name)
        try:
            while True:
                self.running[name] = False
                service = self.cloud.service(service_name)
                await service.workers[function](self.cloud.internal(service, account, region), key)
                if not self.running[name]:
                    break
            with self.cloud.store:
                self.cloud.store.write("DELETE FROM awake WHERE fn=? AND account=? AND region=? AND key=?", name)
            self.awake.discard(name)
        except Exception:
            log.exception("worker %s(%s) in %s/%s failed; it is tried again at the next wake or start", fn, key, account, region)
        finally:
            del self.running[name]

    # -- tasks ----------------------------------------------------------------------------------------------------------

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a background task failed", exc_info=error)
        if not self.tasks:
            self._idle.set()

    async def settle(self, seconds: float) -> None:
        """Until nothing is running that was started here, or so much real time has passed."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 3:  # a turn to commit, one to start what waited for it, one to see that nothing came of it
            self.cloud.store.flush()
            await asyncio.sleep(0)
            if not self.tasks:
                quiet += 1
                continue
            quiet = 0
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return

    async def stop(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # -- waiting --------------------------------------------------------------------------------------------------------

    def ring(self, topic: Any) -> None:
        for callback in list(self.waiting.get(topic, ())):
            callback()

    def watch(self, topic: Any, callback: Callable[[], Any]) -> None:
        """Call back whenever the topic is signalled, until `unwatch`. In memory only."""
        self.waiting.setdefault(topic, set()).add(callback)

    def unwatch(self, topic: Any, callback: Callable[[], Any]) -> None:
        callbacks = self.waiting.get(topic, set())
        callbacks.discard(callback)
        if not callbacks:
            self.waiting.pop(topic, None)

    async def wait(self, topics: list[Any], until: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ring() -> None:
            if not future.done():
                future.set_result(None)

        for topic in topics:
            self.watch(topic, ring)
        handle = self.cloud.clock.plan(until, future)
        try:
            await future
        finally:
            handle.cancel()
            for topic in topics:
                self.unwatch(topic, ring)
