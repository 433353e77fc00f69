"""The cloud: store, clock, services, and the one path every request takes through them.

`handle` reads top to bottom: identify, authenticate, read, authorize, run, write, deliver, answer. A plain handler runs to its end
inside `handle`; a coroutine goes on in a task. Either way the answer leaves after the commit of the turn that it belongs to.
"""
from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import os
import random
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import CoroutineType
from typing import Any

import msgspec

from .. import _index
from ..iam import principal as principals
from ..wire import codec, model, route, sigv4
from ..wire.http import Request, Response, TooLarge
from . import authorize, errors, front, hosts
from .authenticate import authenticate
from .call import Call
from .clock import Clock
from .errors import AwsError
from .events import Event
from .journal import Journal
from .service import Entry, Service
from .store import Store
from .timeline import Timeline
from .work import Work

log = logging.getLogger("cloche")
Send = Callable[[Response], None]
BODY_LIMIT = 100 << 20  # of a request that is collected before its handler sees it


class Cloud:
    """One region and all its neighbours, in one directory. Needs a running event loop."""

    def __init__(self, data: str | Path, *, schedule: Callable[[Callable[[], None]], Any] | None = None, seed: int | None = None, host: str = "127.0.0.1:4566", token: str = "") -> None:
        self.data = Path(data)
        self.files = self.data / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        os.chmod(self.data, 0o700)
        self.host = host
        self.token = token  # guards a cloud that the network can reach; "" on loopback
        self.secret = token or "test"  # of the root keys
        self.dice = random.Random(seed if seed is not None else os.urandom(16))
        self.services: dict[str, Service] = {}
        self.memory: dict[str, Any] = {}  # what services remember between calls and may forget: buckets of tokens, warm functions
        self.closers: list[Callable[[], Any]] = []
        self.check = authorize.check  # whether a request goes on; `faults` stands here while there are any
        x = f"{self.dice.getrandbits(80):020x}"
        self.family, self.count = f"{x[:8]}-{x[8:12]}-4{x[13:16]}-a{x[17:]}", self.dice.getrandbits(24)
        self.requests: set[Any] = set()
        self.timeline = Timeline()
        self.store = Store(self.data / "cloud.db", schedule)
        self.store.lost = self._lost
        self.journal = Journal(self)
        self.clock = Clock(self)
        self.work = Work(self)
        self.undelivered = True  # there may be some from before a crash

    # -- services -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what was going on when this cloud last stopped, however it stopped."""
        for (name,) in self.store.run("SELECT service FROM used").fetchall():
            self.service(name)
        self.deliver()
        self.work.resume()

    def service(self, name: str) -> Service:
        """A service is imported, and its tables made, at the first word addressed to it."""
        service = self.services.get(name)
        if service is None:
            package = _index.PACKAGES.get(name)
            if package is None:
                raise LookupError(name)
            service = importlib.import_module(f"cloche.services.{package}").service.load()
            self._settle_in(service)
        return service

    def _settle_in(self, service: Service) -> None:
        store = self.store
        if store._steps:  # its tables belong to a step that may fail: then it is loaded again next time
            store.on_rollback(lambda: self.services.pop(service.name, None))
        else:
            store.flush()
        with store:
            for sql in service.tables:
                for statement in statements(sql):
                    store.write(statement)
            if service.boots:  # the others wait for a word, a timer or an event that concerns them
                store.write("INSERT OR IGNORE INTO used VALUES (?)", (service.name,))
        self.services[service.name] = service
        for boot in service.boots:
            with store:
                boot(self.internal(service, "", ""))

    def internal(self, service: Service, account: str, region: str) -> Call:
        """A call that the service makes to itself: a timer, a worker, a start."""
        return Call(self, service, account, region, principals.service(f"{service.iam}.amazonaws.com", "", account), self.new_id())

    def new_id(self) -> str:
        """A request's id: this cloud's own beginning, and a count."""
        self.count += 1
        return f"{self.family}-{self.count:012x}"

    # -- the path of a request ------------------------------------------------------------------------------------------

    def handle(self, request: Request, send: Send) -> None:
        """Answer through `send`, exactly once, now or later."""
        special = front.find(self, request)
        if special is not None:
            self._task(self._special(special, send), request, send)
            return
        request_id = self.new_id()
        try:
            claim = sigv4.parse(request)
            name, protocol = front.identify(request, claim)
        except (AwsError, sigv4.Malformed) as error:
            send(front.plain_error(request, error, request_id))
            return
        except Exception:
            log.exception("identifying request %s", request_id)
            send(front.plain_error(request, errors.internal(request_id), request_id))
            return
        wire_model = model.load(name)
        call: Call | None = None
        value: Any = None
        try:
            service = self.service(name) if name in _index.PACKAGES else None
            if name == "s3" and "origin" in request.headers and service is not None:
                send = front.shared(self, request, send)
            region = (claim.scope[1] if claim is not None else "") or front.region_of(request)
            if request.stream is not None and (service is None or name != "s3"):
                self._task(self._collect(request, send), request, send)
                return
            principal = authenticate(self, request, claim, wire_model)
            if name == "s3":
                front.path_style(request)
            elif "content-encoding" in request.headers:
                front.unpack(request, name)
            op = route.operation(wire_model, protocol, request)
            if request.stream is not None and op.streaming_input is None:
                self._task(self._collect(request, send), request, send)
                return
            entry = service.entries.get(op.name) if service is not None else None
            call = Call(self, service or Service(f"x.{name}", name=name), principal.account, region, principal, request_id, request, entry)
            call.wire = True
            if entry is None:
                call.service.model = wire_model
                raise errors.not_implemented(name, op.name)
            value = codec.read(op, protocol, request)
            self.check(call, entry, value)
            if entry.waits:
                self._task(self._finish(call, entry, protocol, value, send), request, send)
                return
            with self.store:
                result = entry.run(call, value)
            if type(result) is CoroutineType:  # a plain handler that found that it must wait after all
                self._task(self._finish(call, entry, protocol, value, send, result), request, send)
                return
            response = result if type(result) is Response else codec.write(op, protocol, result or {}, request_id)
        except Exception as error:
            self._refuse(call, wire_model, protocol, error, request_id, send, value)
            return
        if entry.category in self.journal.asked:
            self.journal.add(call, value, result)
        if self.undelivered:
            self.deliver()
        self.timeline.add(call, response.status)
        if self.store.open:
            self.store.after.append((send, (response,)))
        else:
            send(response)

    async def _special(self, answer: Coroutine[Any, Any, Response], send: Send) -> None:
        response = await answer
        self.deliver()
        self.leave(send, response)

    async def _collect(self, request: Request, send: Send) -> None:
        """A long body for an operation that wants it whole."""
        try:
            await request.read(BODY_LIMIT)
        except TooLarge:
            claim = sigv4.parse(request)
            name, protocol = front.identify(request, claim)
            error = AwsError("RequestEntityTooLargeException", f"Request must be smaller than {BODY_LIMIT} bytes.", 413)
            send(codec.write_error(model.load(name), protocol, error, self.new_id()))
            return
        self.handle(request, send)

    async def _finish(self, call: Call, entry: Entry, protocol: str, value: Any, send: Send, begun: Any = None) -> None:
        try:
            result = await (begun or entry.run(call, value))
            response = result if type(result) is Response else codec.write(entry.op, protocol, result or {}, call.request_id)
        except Exception as error:
            self._refuse(call, entry.service.model, protocol, error, call.request_id, send, value)
            return
        if entry.category in self.journal.asked:
            self.journal.add(call, value, result)
        self.deliver()
        self.timeline.add(call, response.status)
        self.leave(send, response)

    def leave(self, send: Send, response: Response) -> None:
        """Send it once everything written so far is on disk."""
        if self.store.open:
            self.store.then(send, response)
        else:
            send(response)

    def _task(self, work: Coroutine[Any, Any, Any], request: Request, send: Send) -> None:
        """Requests are not `work`: `advance` must not wait for a long poll, nor for itself."""
        task = asyncio.get_running_loop().create_task(work)
        self.requests.add(task)
        task.add_done_callback(self.requests.discard)
        task.add_done_callback(lambda t: self._broke(t, request, send))

    def _broke(self, task: Any, request: Request, send: Send) -> None:
        if task.cancelled() or task.exception() is None:
            return
        request_id = self.new_id()
        log.error("request %s failed outside its handler", request_id, exc_info=task.exception())
        send(front.plain_error(request, errors.internal(request_id), request_id))

    def _refuse(self, call: Call | None, wire_model: model.Model, protocol: str, error: Exception, request_id: str, send: Send, value: Any = None) -> None:
        if isinstance(error, route.Unknown):
            error = errors.unknown_operation(error.name, wire_model.name, protocol, wire_model.meta["apiVersion"])
        elif isinstance(error, codec.Invalid | sigv4.Malformed):
            error = AwsError(error.code, error.message, getattr(error, "status", 400), extra=getattr(error, "extra", None))
        elif not isinstance(error, AwsError):
            log.error("request %s: %s %s", request_id, wire_model.name, call.op if call else "", exc_info=error)
            error = errors.internal(request_id)
        if call is not None:
            if call.entry is not None and call.entry.category in self.journal.asked:
                self.journal.add(call, value, None, error)
                if self.undelivered:
                    self.deliver()
            self.timeline.add(call, error.status, error)
        self.leave(send, codec.write_error(wire_model, protocol, error, request_id))

    def _lost(self, after: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
        """The commit failed: whoever waited for it learns that nothing happened."""
        log.critical("a commit failed; %d answers become 500", len(after))
        self.journal.forget()
        for function, args in after:
            if len(args) == 1 and type(args[0]) is Response:
                function(Response(500, [("content-type", "text/plain")], b"Cloche could not write to its disk; nothing was changed.\n"))

    # -- between services -----------------------------------------------------------------------------------------------

    def invoke(self, caller: Call, service_name: str, op_name: str, value: Any) -> Any:
        """The same path without the wire: checked, authorized, one step inside the caller's; an awaitable if the operation waits."""
        entry = self.service(service_name).entries.get(op_name) if service_name in _index.PACKAGES else None
        if entry is None:
            raise errors.not_implemented(service_name, op_name)
        try:
            codec.check(entry.op, value)
        except codec.Invalid as error:
            raise AwsError(error.code, error.message) from None
        call = Call(self, entry.service, caller.account, caller.region, caller.principal, caller.request_id, caller.request, entry)
        by = f"{caller.service.iam}.amazonaws.com" if entry.category in self.journal.asked and caller.service is not entry.service else ""
        try:
            authorize.check(call, entry, value)
            if entry.waits:
                return self._told(call, entry.run(call, value), value, by) if by else entry.run(call, value)
            with self.store:
                result = entry.run(call, value) or {}
                if self.timeline.witnesses and not call.principal.inside:
                    self.timeline.tell(call, 200, None, value)
        except AwsError as error:
            if by:
                self.journal.add(call, value, None, error, by)
            raise
        if by:
            if type(result) is CoroutineType:  # it waits after all
                return self._told(call, result, value, by)
            self.journal.add(call, value, result, None, by)
        return result

    async def _told(self, call: Call, work: Any, value: Any, by: str) -> Any:
        try:
            result = await work
        except AwsError as error:
            self.journal.add(call, value, None, error, by)
            raise
        self.journal.add(call, value, result, None, by)
        return result

    def emit(self, event: Event, account: str, region: str) -> None:
        if event.kind in _index.LISTENERS:
            self.store.write("INSERT INTO outbox (kind, account, region, body) VALUES (?,?,?,?)", (event.kind, account, region, msgspec.msgpack.encode(event)))
            self.undelivered = True

    def deliver(self) -> None:
        """Hand every stored event to its listeners. Delivery and removal are one step: within the cloud, exactly once."""
        while self.undelivered:
            self.undelivered = False
            for id_, kind, account, region, body in self.store.run("SELECT id, kind, account, region, body FROM outbox ORDER BY id").fetchall():
                listeners = [self.service(name) for name in _index.LISTENERS.get(kind, ())]
                with self.store:
                    self.store.write("DELETE FROM outbox WHERE id=?", (id_,))
                for service in listeners:
                    for type_, function in service.listeners:
                        if type_.kind == kind:
                            self._guarded(function, self.internal(service, account, region), msgspec.msgpack.decode(body, type=type_))

    def _guarded(self, function: Callable[..., Any], call: Call, *args: Any, **more: Any) -> None:
        try:
            with self.store:
                function(call, *args, **more)
        except Exception:
            log.exception("%s.%s in %s/%s", call.service.name, function.__name__, call.account, call.region)

    def run_timer(self, id_: int, fn: str, account: str, region: str, body: bytes) -> None:
        service_name, function = fn.split(".", 1)
        with self.store:
            self.store.write("DELETE FROM timer WHERE id=?", (id_,))
        service = self.service(service_name)
        self._guarded(service.timers[function], self.internal(service, account, region), **msgspec.msgpack.decode(body))
        self.deliver()

    async def settle(self, seconds: float) -> None:
        self.deliver()
        await self.work.settle(seconds)
        self.deliver()

    # -- life -----------------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        await self.work.stop()
        for task in self.requests - {asyncio.current_task()}:  # a reset or a restore is a request too, and answers afterwards
            task.cancel()
        for close in reversed(self.closers):
            result = close()
            if inspect.isawaitable(result):
                await result
        self.closers.clear()
        self.store.close()

    async def become(self, change: Callable[[], None]) -> None:
        """Stop, let `change` exchange the files underneath, and start again as what is there then (reset, restore)."""
        await self.stop()
        change()
        self.files.mkdir(parents=True, exist_ok=True)
        self.services.clear()
        self.timeline.witnesses.clear()
        self.check = authorize.check
        self.memory = {name: kept for name, kept in self.memory.items() if name in ("server", "compute", "tls")}  # the sockets are the same, and so is how it was started
        self.store.open_file()
        self.journal.load()
        self.clock.load()
        self.work.reload()
        self.undelivered = True
        hosts.ask(self)
        self.start()


def statements(sql: str) -> list[str]:
    """The single statements of a script (`executescript` would commit behind our back)."""
    out, part = [], ""
    for piece in sql.split(";"):
        part += piece + ";"
        if sqlite3.complete_statement(part):
            if part.strip(" \n;"):
                out.append(part)
            part = ""
    return out
