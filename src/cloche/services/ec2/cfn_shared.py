"""What EC2's resource types share: tags at creation and later, lookups, and patience with what is still on its way."""
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Step, dig, tag_map

PATIENCE_SECONDS = 120  # CloudFormation tries again while a dependency is being taken down


def specification(r: Resource, kind: str) -> list[dict[str, Any]] | None:
    """The resource's tags as TagSpecifications."""
    tags = tag_map(r.get("Tags"))
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}] if tags else None


async def retag(r: Resource) -> None:
    """Bring the tags of `r.physical` from what they were to what they are to be."""
    await retag_id(r, r.physical)


async def retag_id(r: Resource, id_: str) -> None:
    old, new = tag_map(r.old.get("Tags")), tag_map(r.get("Tags"))
    if gone := [{"Key": key} for key in old if key not in new]:
        await r.do("ec2", "DeleteTags", Resources=[id_], Tags=gone)
    if fresh := [{"Key": key, "Value": value} for key, value in new.items() if old.get(key) != value]:
        await r.do("ec2", "CreateTags", Resources=[id_], Tags=fresh)


def only(r: Resource, *names: str) -> None:
    """A property that nothing here would look at fails the resource: none is dropped in silence."""
    if strays := [name for name in r.properties if name not in names and name != "Tags"]:
        raise AwsError("NotImplemented", f"Cloche does not build the property {strays[0]} of {r.type} yet")


def makes(kind: str, operation: str, path: str, *send: str, also: tuple[str, ...] = ()) -> Step:
    """A creation: properties `send` go along, tags as TagSpecifications; `also` are for a later step; `path` is where the answer has the id."""
    async def create(r: Resource) -> str:
        only(r, *send, *also)
        given = {name: r.properties[name] for name in send if name in r.properties}
        r.physical = str(dig(await r.do("ec2", operation, **given, **({"TagSpecifications": specification(r, kind)} if kind else {})), path))
        return r.physical
    return create


def looks(operation: str, ids: str, answer: str) -> Callable[[Resource], Awaitable[Any]]:
    """`await look(r)`: the resource as a describe operation has it."""
    async def look(r: Resource) -> Any:
        return (await r.do("ec2", operation, **{ids: [r.physical]}))[answer][0]
    return look


def itself(*names: str) -> Step:
    """Attributes that are the resource's own id."""
    async def read(r: Resource) -> None:
        r.attributes |= dict.fromkeys(names, r.physical)
    return read


def patient(step: Step) -> Step:
    """A deletion that is tried again, every second, while something else still holds on to the resource."""
    async def run(r: Resource) -> None:
        begun = float(r.stage or r.call.now)
        try:
            await step(r)
        except AwsError as refused:
            if refused.code not in ("DependencyViolation", "InvalidIPAddress.InUse", "InvalidCidr.InUse") or r.call.now - begun > PATIENCE_SECONDS:
                raise
            r.not_yet(str(begun))
    return run


def true(value: Any) -> bool:
    return str(value).lower() == "true"
