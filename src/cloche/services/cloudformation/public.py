"""What the tables of resource types (`services/<x>/cfn.py`) are made of.

A type says which public operations make, change, read and delete it. `op` covers most: properties go to the members of
the same name, in the shape the model wants (text to numbers, documents to JSON text, tag lists to maps). What is odd is
a small coroutine over a `Resource`. Nothing is dropped in silence: a property that an operation does not take, and that
the table does not name in `skip`, fails the resource with a sentence.
"""
from __future__ import annotations

import asyncio
import json
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError
from cloche.wire import model

if TYPE_CHECKING:
    from cloche.kernel import Call

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Resource:
    """One resource at one step: what the template says, what there was, and the caller's rights."""

    def __init__(self, call: Call, stack_id: str, logical: str, type_: str, properties: dict[str, Any], *, old: dict[str, Any] | None = None, physical: str = "",
                 attributes: dict[str, Any] | None = None, token: str = "", planned: str = "", pending: dict[str, Any] | None = None, resuming: bool = False) -> None:
        self.call, self.stack_id, self.logical, self.type = call, stack_id, logical, type_
        self.properties, self.old, self.physical = properties, old or {}, physical
        self.attributes = dict(attributes or {})
        self.token, self.planned, self.pending, self.resuming = token, planned, pending, resuming
        self.stage = ""  # how far a type that is changed in several turns has come; kept while it waits to be ready
        self.extra: dict[str, Any] = {}  # of the template's resource: CreationPolicy and the like
        self.signals: dict[str, str] = {}  # what SignalResource has brought while it waited to be ready: UniqueId to SUCCESS or FAILURE
        self.notes: list[str] = []         # what is to be told as events of the resource

    @property
    def stack_name(self) -> str:
        return self.stack_id.split("/")[1]

    def get(self, name: str, default: Any = None) -> Any:
        return self.properties.get(name, default)

    def changed(self, *names: str) -> bool:
        return any(self.properties.get(name) != self.old.get(name) for name in names)

    def text(self, template: str) -> str:
        """`{id}` is the physical id, `{Name}` a property, `{.Arn}` an attribute."""
        out, rest = "", template
        while "{" in rest:
            before, _, rest = rest.partition("{")
            name, _, rest = rest.partition("}")
            value = self.physical if name == "id" else self.attributes.get(name[1:]) if name[0] == "." else self.properties.get(name, self.old.get(name))
            out += before + ("" if value is None else _text(value))
        return out + rest

    def say(self, note: str) -> None:
        self.notes.append(note)

    def not_yet(self, stage: str = "") -> None:
        """A deletion that is under way: the type's `delete` is asked again every second, with `stage` as it was left."""
        self.stage, self.pending = stage, {"kind": "poll", "stage": stage}

    @types.coroutine
    def wait(self, awaitable: Awaitable[Any]) -> Generator[Any, Any, Any]:
        """Whoever drives this coroutine ends its step, awaits, and opens another."""
        return (yield awaitable)

    async def do(self, service: str, operation: str, /, **members: Any) -> Any:
        """A public operation, under the stack's rights; members are fitted to the model, those that are None left out."""
        given = {name: value for name, value in members.items() if value is not None}
        shape = model.load(service).operations[operation].input
        answer = self.call.do(service, operation, **(fit(shape, given, self.logical) if shape else {}))
        if isinstance(answer, Awaitable):
            answer = await self.wait(answer)
        return answer or {}


def fit(shape: Any, value: Any, where: str = "") -> Any:
    """A template's value in the form that the model's shape wants."""
    kind = shape.type
    if kind == "structure":
        if shape.spec.get("document"):
            return value
        if not isinstance(value, Mapping):
            raise _wrong(where, "an object")
        members = shape.members
        out = {}
        for name, each in value.items():
            member = name if name in members else _alike(members, name)
            if member is None:
                logical, _, path = where.partition("/")
                raise AwsError("ValidationError", f"Properties validation failed for resource {logical} with message:\n#{path and '/' + path}: extraneous key [{name}] is not permitted")
            if each is not None:
                out[member] = fit(members[member][0], each, f"{where}/{name}")
        return out
    if kind == "list":
        if isinstance(value, Mapping) and shape.item.type == "structure" and {x.lower() for x in shape.item.members} >= {"key", "value"}:
            value = [{"Key": k, "Value": v} for k, v in value.items()]
        return [fit(shape.item, x, where) for x in (value if isinstance(value, list) else [value])]
    if kind == "map":
        if isinstance(value, list) and all(isinstance(x, Mapping) and "Key" in x for x in value):
            value = {_text(x["Key"]): x.get("Value", "") for x in value}
        if not isinstance(value, Mapping):
            raise _wrong(where, "an object")
        return {k: fit(shape.value, v, f"{where}/{k}") for k, v in value.items()}
    if isinstance(value, (Mapping, list)):
        if kind not in ("string", "blob"):
            raise _wrong(where, "a Boolean" if kind == "boolean" else "a Number")
        value = json.dumps(value, separators=(",", ":"))
    try:
        if kind in ("integer", "long"):
            return int(float(value))
        if kind in ("float", "double"):
            return float(value)
    except (ValueError, OverflowError):
        raise _wrong(where, "a Number") from None
    if kind == "boolean":
        return value if isinstance(value, bool) else _text(value).lower() == "true"
    if kind == "blob":
        return value if isinstance(value, bytes) else _text(value).encode()
    return _text(value) if kind == "string" else value


def _wrong(where: str, what: str) -> AwsError:
    return AwsError("ValidationError", f"Value of property {where.rpartition('/')[2]} must be {what}")


def _alike(members: Mapping[str, Any], name: str) -> str | None:
    lower = name.lower()
    return next((x for x in members if x.lower() == lower), None)


def _text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else str(value)


def strings(value: Any) -> Any:
    """All scalars as text: what custom resources see, and what query-like attributes want."""
    if isinstance(value, Mapping):
        return {k: strings(v) for k, v in value.items()}
    if isinstance(value, list):
        return [strings(x) for x in value]
    return _text(value)


def tag_map(value: Any) -> dict[str, str]:
    """Tags as a map, whichever way the template wrote them."""
    if isinstance(value, Mapping):
        return {k: _text(v) for k, v in value.items()}
    if value and not (isinstance(value, list) and all(isinstance(x, Mapping) and "Key" in x for x in value)):
        raise AwsError("ValidationError", "Value of property Tags must be a list of Key and Value")
    return {_text(x["Key"]): _text(x.get("Value", "")) for x in value or []}


def dig(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


Step = Callable[[Resource], Awaitable[Any]]


def op(service: str, operation: str, *, physical: str = "", attributes: Mapping[str, str] | None = None, send: bool | tuple[str, ...] = False, skip: tuple[str, ...] = (),
       rename: Mapping[str, str] | None = None, **members: Any) -> Step:
    """One operation. `send`: properties that go along (True: all but `skip`); `members`: texts for `Resource.text`, or plain values;
    `physical`: a path in the answer, or a text with `{}`; `attributes`: GetAtt name to path in the answer."""
    renamed, wanted = rename or {}, attributes or {}

    async def run(r: Resource) -> str:
        chosen = () if send is False else [x for x in r.properties if x not in skip] if send is True else [x for x in send if x in r.properties]
        values = {renamed.get(name, name): r.properties[name] for name in chosen}
        for name, value in members.items():
            values[name] = (r.text(value) or None) if isinstance(value, str) else value
        answer = await r.do(service, operation, **values)
        for name, path in wanted.items():
            value = r.text(path) if "{" in path else dig(answer, path)
            if value is not None:
                r.attributes[name] = value
        if not physical:
            return r.physical
        r.physical = r.text(physical) if "{" in physical else str(dig(answer, physical))
        return r.physical

    return run


def steps(*all_: Step) -> Step:
    """One after the other; the last answer counts."""
    async def run(r: Resource) -> Any:
        answer = None
        for each in all_:
            answer = await each(r) or answer
        return answer

    return run


def retag(service: str, tag: str, untag: str, *, keys: str = "TagKeys", tags: str = "Tags", prop: str = "Tags", **members: str) -> Step:
    """Bring the tags from what they were to what they are to be; `members` name the resource."""
    async def run(r: Resource) -> None:
        old, new = tag_map(r.old.get(prop)), tag_map(r.properties.get(prop))
        named = {name: r.text(value) for name, value in members.items()}
        if gone := [key for key in old if key not in new]:
            await r.do(service, untag, **named, **{keys: gone})
        if fresh := {key: value for key, value in new.items() if old.get(key) != value}:
            await r.do(service, tag, **named, **{tags: fresh})

    return run


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """A resource type. `create` answers with the physical id; `read` fills what GetAtt gives. Without `update` every change replaces."""

    create: Step
    update: Step | None = None
    delete: Step | None = None      # asked again every second while it says `r.not_yet()`
    read: Step | None = None
    ready: Step | None = None       # True once it is as good as it says; asked again every second until then
    snapshot: Step | None = None    # DeletionPolicy Snapshot: True once there is one; `r.stage` is its to write behind "snapshot:"
    live: Step | None = None        # the properties as they are now, for drift: those it can tell
    name: str = ""                  # the property that names it; made up from stack and logical id if the template is silent
    limit: int = 64                 # longest name
    lower: bool = False             # names are lower case
    suffix: Callable[[Resource], str] | None = None
    renews: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], bool] | None = None  # does an update policy want a new one? f(old properties, new ones, policies)
    replaces: tuple[str, ...] = ()  # changes that replace, beyond the schema's create-only properties
    attributes: tuple[str, ...] = ()  # what GetAtt may ask for beyond the schema's read-only properties
    gone: tuple[str, ...] = ()      # error codes that mean: it is not there any more

    def make_name(self, r: Resource) -> str:
        """stack-logical-RANDOM, as CloudFormation does; shortened in the middle, never at the random end."""
        end = (self.suffix(r) if self.suffix else "")
        random = r.call.pick(LETTERS, 12)
        room = self.limit - len(random) - len(end) - 2
        logical = r.logical[: max(room // 2, room - len(r.stack_name))] if len(r.logical) + len(r.stack_name) > room else r.logical
        made = f"{r.stack_name[: room - len(logical)]}-{logical}-{random}{end}"
        return made.lower() if self.lower else made


def handling() -> Any:
    """The types' functions for one resource without a stack: what Cloud Control works with."""
    from . import handling as room
    return room


async def serverless(call: Call, text: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """A template read, the same as its transforms make it under its parameters' defaults, and the capabilities that IAM asks for."""
    from . import templates
    return await templates.serverless(call, text)


def await_signals(r: Resource) -> None:
    """A CreationPolicy with a ResourceSignal: the resource is made when as many SignalResource calls have come, and has failed when they are late."""
    policy = r.extra.get("CreationPolicy", {}).get("ResourceSignal")
    if policy is None:
        return
    from . import callbacks
    count, token = int(policy.get("Count", 1)), r.call.secret(12)
    least = int(r.extra["CreationPolicy"].get("AutoScalingCreationPolicy", {}).get("MinSuccessfulInstancesPercent", 100))
    r.pending = {"kind": "signals", "token": token, "count": count, "handle": "", "got": {}, "bad": {}, "percent": least}
    r.call.after(duration(policy.get("Timeout", "PT5M")), callbacks.time_out, token, stack=r.stack_id, logical=r.logical, token=token,
                 reason=f"Failed to receive {count} resource signal(s) within the specified duration")


def duration(text: str) -> int:
    """PT1H30M15S in seconds."""
    total, number = 0, ""
    for char in text.removeprefix("PT"):
        if char.isdigit():
            number += char
        else:
            total += int(number or 0) * {"H": 3600, "M": 60, "S": 1}.get(char, 0)
            number = ""
    return total


async def whole(body: Any, limit: int) -> bytes | None:
    """A streaming body in one piece; None if it is longer than the limit."""
    if isinstance(body, AsyncIterator):
        data = b""
        async for piece in body:
            data += piece
            if len(data) > limit:
                return None
        return data
    if not isinstance(body, (bytes, bytearray)):  # a FileBody: a stretch of a file
        body = await asyncio.to_thread(body.read, limit + 1)
    return bytes(body) if len(body) <= limit else None
