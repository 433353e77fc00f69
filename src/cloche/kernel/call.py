"""One request (or timer, or event) as its handler sees it: who, where, when, and the state within reach."""
from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ..iam import principal as principals
from ..iam.principal import Principal
from ..wire.http import Request
from . import authorize, doors
from .events import Event
from .service import Entry, Need, Service
from .store import Record, Store

if TYPE_CHECKING:
    from .cloud import Cloud

R = TypeVar("R", bound=Record)
_UUID_FREE, _UUID_SET = ~(0xF << 76 | 0x3 << 62), 4 << 76 | 2 << 62  # version 4 and its variant


class Call:
    __slots__ = ("account", "cloud", "decision", "entry", "principal", "region", "request", "request_id", "service", "wire")

    def __init__(
        self, cloud: Cloud, service: Service, account: str, region: str, principal: Principal, request_id: str = "", request: Request | None = None, entry: Entry | None = None
    ) -> None:
        self.cloud, self.service, self.account, self.region, self.principal = cloud, service, account, region, principal
        self.request_id, self.request, self.entry = request_id, request, entry
        self.decision: Any = None
        self.wire = False  # True where the answer goes straight to a client: then a handler may return a Response it wrote by hand

    # -- about the request ----------------------------------------------------------------------------------------------

    @property
    def op(self) -> str:
        return self.entry.op.name if self.entry else ""

    @property
    def host(self) -> str:
        """The Host that the client used, to build URLs it can follow."""
        return self.request.host if self.request is not None and self.request.host else self.cloud.host

    @property
    def source_ip(self) -> str:
        return self.request.peer if self.request is not None else ""

    @property
    def user_agent(self) -> str:
        return self.request.headers.get("user-agent", "") if self.request is not None else ""

    @property
    def now(self) -> float:
        """Virtual seconds since the epoch."""
        return self.cloud.clock.now()

    # -- records of this scope --------------------------------------------------------------------------------------------

    def _table(self, type_: type[R]) -> dict[str, R]:
        return self.cloud.store.table(type_, *self._scope(type_))

    def _scope(self, type_: type[Record] | Record) -> tuple[str, str]:
        scope = type_.scope
        return (self.account, self.region) if scope == "region" else (self.account, "") if scope == "account" else ("", "")

    def get(self, type_: type[R], key: str) -> R | None:
        return self._table(type_).get(key)

    def all(self, type_: type[R]) -> list[R]:
        return list(self._table(type_).values())

    def put(self, record: R) -> R:
        self.cloud.store.change(record, record, *self._scope(record))
        return record

    def delete(self, record: Record) -> None:
        self.cloud.store.change(record, None, *self._scope(record))

    def at(self, account: str, region: str) -> Call:
        """The same call, looking at another account and region."""
        call = Call(self.cloud, self.service, account, region, self.principal, self.request_id, self.request, self.entry)
        return call

    # -- this service's own tables ----------------------------------------------------------------------------------------

    def sql(self, text: str, *args: Any) -> list[Any]:
        """Rows of a statement. One that does not begin with SELECT or WITH is a write, and part of this step."""
        store = self.cloud.store
        if text.startswith(("SELECT", "WITH")):
            return store.run(text, args).fetchall()
        return store.write(text, args).fetchall()

    def row(self, text: str, *args: Any) -> Any:
        """The first row, or None."""
        store = self.cloud.store
        if text.startswith(("SELECT", "WITH")):
            return store.run(text, args).fetchone()
        return store.write(text, args).fetchone()

    def each(self, text: str, *args: Any) -> Any:
        """The rows of a SELECT one by one, for who may stop before the last. Change nothing meanwhile."""
        return self.cloud.store.run(text, args)

    def step(self) -> Store:
        """One atomic step of a handler that waits: `with call.step():`. Plain handlers are one step already."""
        return self.cloud.store

    # -- time and work ------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, timer: Callable[..., Any], name: str | None = None, **body: Any) -> None:
        """Run `timer(call, **body)` that much later. It is written with the rest of this step."""
        self.due(self.now + seconds, timer, name, **body)

    def due(self, moment: float, timer: Callable[..., Any], name: str | None = None, **body: Any) -> None:
        self.cloud.clock.add(moment, self._name(timer), self.account, self.region, name, body)

    def again(self, seconds: float, timer: Callable[..., Any], name: str, **body: Any) -> None:
        """Look again that much later. A look that finds nothing new must change no record: then `advance` need not stop at every one (`kernel/clock.py`)."""
        self.cloud.clock.add(self.now + seconds, self._name(timer), self.account, self.region, name, body, look=True)

    def cancel(self, timer: Callable[..., Any], name: str) -> None:
        self.cloud.clock.cancel(self._name(timer), self.account, self.region, name)

    def _name(self, function: Callable[..., Any]) -> str:
        return f"{self.service.name}.{function.__name__}"

    def wake(self, worker: Callable[..., Any], key: str = "") -> None:
        """Start the worker once this step is on disk; the wish survives a crash."""
        self.cloud.work.wake(self.service, worker.__name__, self.account, self.region, key)

    def signal(self, topic: Any) -> None:
        """Wake who waits for the topic, once this step is on disk."""
        if topic in self.cloud.work.waiting:
            self.cloud.store.then(self.cloud.work.ring, topic)

    async def wait(self, topics: Any, until: float) -> None:
        """Until one of the topics (a list, or one) is signalled or the virtual moment comes."""
        await self.cloud.work.wait(topics if isinstance(topics, list) else [topics], until)

    async def turn(self) -> None:
        """Let others have a turn of the loop, in the middle of long work."""
        await asyncio.sleep(0)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """A background task that `advance` waits for."""
        return self.cloud.work.spawn(coroutine)

    # -- other services -----------------------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Tell whoever listens. Written with the rest of this step, delivered after it."""
        self.cloud.emit(event, self.account, self.region)

    def do(self, service: str, operation: str, /, **req: Any) -> Any:
        """Call another service as AWS does: its public operation, checked and authorized for this call's principal."""
        return self.cloud.invoke(self, service, operation, req)

    def of(self, service: str, account: str | None = None, region: str | None = None) -> Call:
        """The same caller, standing in another service (for its `public.py`)."""
        return Call(self.cloud, self.cloud.service(service), account or self.account, region or self.region, self.principal, self.request_id, self.request)

    def as_principal(self, principal: Principal) -> Call:
        return Call(self.cloud, self.service, self.account, self.region, principal, self.request_id, self.request, self.entry)

    def as_service(self, name: str, source_arn: str = "", source_account: str = "") -> Call:
        """An AWS service acting in its own name (`sns.amazonaws.com`): only resource policies can allow it anything."""
        return self.as_principal(principals.service(name, source_arn, source_account or self.account))

    def as_role(self, role_arn: str, session_name: str, service: str, source_arn: str = "") -> Call:
        """The service acting under a role that trusts it. Raises AccessDenied if it does not."""
        return self.as_principal(doors.role_principal(self, role_arn, session_name, service, source_arn))

    def as_root(self) -> Call:
        """The account's root from within, where AWS asks nobody: no control policy of an organization binds it."""
        return self.as_principal(principals.inside(self.account))

    def reserves(self, tags: Iterable[str]) -> bool:
        """Is there a tag among these keys that only AWS may set? CloudFormation may: `aws:cloudformation:stack-name` and its like; so may a service under its linked role."""
        return "cloudformation.amazonaws.com" not in self.principal.via and not self.principal.service_linked and any(key.lower().startswith("aws:") for key in tags)

    def happened(self, name: str, **details: Any) -> None:
        """What the service did by itself, that no request asked for just now: CloudTrail tells it as an event of the service."""
        self.cloud.journal.happen(self, name, details)

    # -- permission -----------------------------------------------------------------------------------------------------------

    def require(self, action: str, resource: str = "*", context: Mapping[str, Any] | None = None, policy: str | None = None, rule: str = "normal") -> None:
        authorize.require(self, Need(action, resource, context or {}, policy, rule=rule))

    def allowed(self, action: str, resource: str = "*", context: Mapping[str, Any] | None = None, policy: str | None = None, rule: str = "normal") -> bool:
        return authorize.decide(self, Need(action, resource, context or {}, policy, rule=rule)).allowed

    def pass_role(self, role_arn: str, service: str) -> None:
        """Whoever hands a role to a service needs iam:PassRole on it."""
        self.require("iam:PassRole", role_arn, {"iam:PassedToService": service})

    # -- names and files ------------------------------------------------------------------------------------------------------

    def id(self, prefix: str = "", digits: int = 17) -> str:
        """A fresh identifier from the cloud's own dice."""
        return f"{prefix}{self.cloud.dice.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        x = "%032x" % (self.cloud.dice.getrandbits(128) & _UUID_FREE | _UUID_SET)
        return f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}"

    def pick(self, alphabet: str, digits: int) -> str:
        return "".join(self.cloud.dice.choices(alphabet, k=digits))

    def secret(self, bytes_: int = 30) -> str:
        """Url-safe text nobody can guess."""
        return secrets.token_urlsafe(bytes_)

    def arn(self, rest: str, service: str | None = None, region: str | None = None, account: str | None = None) -> str:
        region = self.region if region is None else region
        partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
        return f"arn:{partition}:{service or self.service.iam}:{region}:{self.account if account is None else account}:{rest}"

    def file(self, kind: str) -> Path:
        """A fresh path below the data directory. The file there is kept if this step succeeds, and unlinked if it fails."""
        folder = self.cloud.files / kind / f"{self.cloud.dice.getrandbits(8):02x}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.cloud.dice.getrandbits(120):030x}"
        if self.cloud.store._steps:
            self.cloud.store.on_rollback(lambda: path.unlink(missing_ok=True))
        return path

    def drop(self, paths: Iterable[Path]) -> None:
        """Unlink the files once this step is on disk."""
        for path in paths:
            self.cloud.store.then(path.unlink, True)

    def encode(self, value: Any) -> bytes:
        return msgspec.json.encode(value)
