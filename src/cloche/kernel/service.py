"""A service: a name, and what its modules register: operations, timers, workers, listeners, tables.

An operation is declared with what IAM must be asked. `Entry` is one operation ready to run.
"""
from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from ..wire import model
from ..wire.model import Model, Operation
from .events import Event
from .journal import category

F = TypeVar("F", bound=Callable[..., Any])


def ANY(call: Any, req: Any) -> str:
    """The operation is not about one resource; IAM sees `*`."""
    return "*"


class Need(msgspec.Struct, frozen=True):
    """One question to IAM. `policy` is the resource's own policy (JSON text), if it has one; `rule` says how it counts."""

    action: str
    resource: str = "*"
    context: Mapping[str, Any] = {}
    policy: str | None = None
    account: str = ""  # whose the resource is, where its ARN does not say (S3)
    rule: str = "normal"  # "kms", "trust": without an allow in the resource's policy, nothing


class Entry:
    """One operation: its model, its function, and the questions to ask before it runs."""

    __slots__ = ("action", "category", "context", "needs", "op", "open", "partly", "policy", "resource", "run", "service", "unsigned", "waits")

    def __init__(self, service: Service, run: Callable[..., Any], **declared: Any) -> None:
        self.service, self.run, self.waits = service, run, inspect.iscoroutinefunction(run)
        self.op: Operation = None  # type: ignore[assignment]  # bound when the service loads
        self.category = ""  # of its lines in the journal
        self.resource, self.action = declared["resource"], declared["action"]
        self.context, self.policy, self.needs = declared["context"], declared["policy"], declared["needs"]
        self.open, self.unsigned, self.partly = declared["open"] or declared["unsigned"], declared["unsigned"], declared["partly"]

    def questions(self, call: Any, req: Any) -> list[Need]:
        if self.needs is not None:
            return self.needs(call, req)  # type: ignore[no-any-return]
        action = self.action
        if callable(action):
            action = action(call, req)
        actions = [action] if isinstance(action, str) else action
        resource = self.resource(call, req)
        resources = [resource] if isinstance(resource, str) else resource
        context = self.context(call, req) if self.context else {}
        return [Need(a, r, context, self.policy(call, r) if self.policy else None) for r in resources for a in actions]


def once(service: Service, registered: Mapping[str, Any], fn: Callable[..., Any]) -> None:
    """Timers, workers and operations are found by name: a second function of the name would silently run in place of the first."""
    if fn.__name__ in registered:
        raise TypeError(f"{service.name}: two functions are called {fn.__name__}; the second is in {fn.__module__}")


class Service:
    """`hosts` and `paths` are templates of data planes (`{id}.lambda-url.{region}.on.aws`), answered by the function under `@serve`;
    `doors` are the kernel's questions that the service's `public.py` answers (`kernel/doors.py`)."""

    def __init__(
        self, package: str, *, name: str | None = None, iam: str | None = None, hosts: tuple[str, ...] = (), paths: tuple[str, ...] = (), doors: tuple[str, ...] = (),
    ) -> None:
        self.package = package
        self.name = name or package.rsplit(".", 1)[1].rstrip("_").replace("_", "-")
        self.iam, self.hosts, self.paths, self.doors = iam, hosts, paths, doors
        self.entries: dict[str, Entry] = {}  # by the function's name; by the operation's once loaded
        self.timers: dict[str, Callable[..., Any]] = {}
        self.workers: dict[str, Callable[..., Any]] = {}
        self.listeners: list[tuple[type[Event], Callable[..., Any]]] = []
        self.boots: list[Callable[..., Any]] = []
        self.tables: list[str] = []
        self.front: Callable[..., Any] | None = None
        self.shows: Callable[..., Any] | None = None
        self.model: Model = None  # type: ignore[assignment]

    def op(
        self, resource: Callable[..., Any] | None = None, *, action: Any = None, context: Callable[..., Any] | None = None, policy: Callable[..., Any] | None = None,
        needs: Callable[..., list[Need]] | None = None, open: bool = False, unsigned: bool = False, partly: str = "",
    ) -> Callable[[F], F]:
        """Register an operation under its own name, and say what IAM must be asked. `partly` is what the ledger says is missing."""
        if resource is None and needs is None and not open and not unsigned:
            raise TypeError("an operation says which resource IAM is asked about, or that nobody is asked")

        def register(fn: F) -> F:
            once(self, self.entries, fn)
            self.entries[fn.__name__] = Entry(self, fn, resource=resource, action=action, context=context, policy=policy, needs=needs, open=open, unsigned=unsigned, partly=partly)
            return fn
        return register

    def timer(self, fn: F) -> F:
        """A plain function `f(call, **body)` that `call.after` may plan."""
        once(self, self.timers, fn)
        self.timers[fn.__name__] = fn
        return fn

    def worker(self, fn: F) -> F:
        """A coroutine function `f(call, key)` that `call.wake` starts; idempotent, returns when there is nothing to do."""
        once(self, self.workers, fn)
        self.workers[fn.__name__] = fn
        return fn

    def on(self, event: type[Event]) -> Callable[[F], F]:
        def register(fn: F) -> F:
            self.listeners.append((event, fn))
            return fn
        return register

    def boot(self, fn: F) -> F:
        """Run when the service is loaded, and at every start of a cloud that ever loaded it."""
        self.boots.append(fn)
        return fn

    def table(self, sql: str) -> None:
        """A data-plane table of this service, in its own words."""
        self.tables.append(sql)

    def serve(self, fn: F) -> F:
        """The data plane behind `hosts` and `paths`: `async def f(call, request, match) -> Response`."""
        self.front = fn
        return fn

    def secure(self, fn: F) -> F:
        """The certificate for a host that the service claimed (`kernel/hosts.py`): `f(call, name) -> ssl.SSLContext | None`."""
        self.shows = fn
        return fn

    def load(self) -> Service:
        """Import the package's modules, bind functions to the model. A function that names no operation is a mistake."""
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if module.name != "public" and not module.name.startswith("cfn"):
                importlib.import_module(f"{self.package}.{module.name}")
        if self.model is not None:
            return self
        self.model = model.load(self.name)
        self.iam = self.iam or self.model.meta.get("signingName") or self.model.meta["endpointPrefix"]
        known = self.model.snake
        if strays := self.entries.keys() - known.keys():
            raise TypeError(f"{self.name}: no such operation: {', '.join(sorted(strays))}")
        entries = {}
        for name, entry in self.entries.items():
            entry.op = known[name]
            entry.action = entry.action or f"{self.iam}:{entry.op.name}"
            entry.category = category(self.name, entry.op.name)
            entries[entry.op.name] = entry
        self.entries = entries
        return self
