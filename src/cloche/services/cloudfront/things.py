"""What most nouns of CloudFront are: a configuration under an id, with an ETag that every change renews and that whoever changes must know.

A module of such a noun has its `Noun` and the operations, each a line or two; what is peculiar to it stands there.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from cloche.kernel import ANY, AwsError, Call, Record

from . import errors

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
HOST = "https://cloudfront.amazonaws.com/2020-05-31"


class Thing(Record, frozen=True):
    kind = "cloudfront.thing"
    scope = "account"

    type: str
    id: str
    etag: str
    created: float
    modified: float
    config: dict[str, Any]
    more: dict[str, Any] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def name(self) -> str:
        return self.config.get("Name", "")  # type: ignore[no-any-return]


class Noun(NamedTuple):
    """`path` as in the API's paths and in ARNs; `code` is the error codes' stem: NoSuchCachePolicy, CachePolicyAlreadyExists, CachePolicyInUse."""

    path: str
    words: str
    code: str
    member: str                                   # of answers: CachePolicy, with CachePolicyConfig in it
    limit: int = 100
    few: str = ""                                 # code when there are too many
    arns: bool = True                             # has it ARNs that IAM can be asked about?
    used: Callable[[dict[str, Any]], Iterable[Any]] = lambda config: ()   # the ids of this noun that a distribution's configuration names
    uuid: bool = False                            # ids are UUIDs instead of E...

    def arn(self, call: Call, id_: str) -> str:
        return f"arn:aws:cloudfront::{call.account}:{self.path}/{id_}"

    def lost(self) -> AwsError:
        return errors.missing(f"NoSuch{self.code}", self.words)

    def on(self, member: str = "Id") -> dict[str, Any]:
        """How IAM is asked about one that is there."""
        if not self.arns:
            return {"resource": ANY}
        return {"resource": lambda call, req: self.arn(call, req.get(member) or "*"), "context": lambda call, req: tagged(call.get(Thing, f"{self.path}/{req.get(member)}"))}


def tagged(thing: Any) -> dict[str, Any]:
    return {f"aws:ResourceTag/{key}": value for key, value in thing.tags.items()} if thing is not None else {}


def etag(call: Call) -> str:
    return "E" + call.pick(LETTERS, 13)


def new_id(call: Call) -> str:
    return "E" + call.pick(LETTERS, 13)


def find(call: Call, noun: Noun, id_: str) -> Thing:
    found = call.get(Thing, f"{noun.path}/{id_}")
    if found is None:
        raise noun.lost()
    return found


def every(call: Call, noun: Noun) -> list[Thing]:
    return sorted((one for one in call.all(Thing) if one.type == noun.path), key=lambda one: one.id)


def locked(thing: Any, req: Any) -> Any:
    """One that is to be changed or deleted: only by who has seen it as it is."""
    if not req.get("IfMatch"):
        raise errors.no_version()
    if req["IfMatch"] != thing.etag:
        raise errors.stale()
    return thing


def make(call: Call, noun: Noun, config: dict[str, Any], id_: str = "", by: str = "Name", **more: Any) -> Thing:
    counted(config)
    here = every(call, noun)
    if by and any(one.config.get(by) == config.get(by) for one in here):
        raise (errors.reference if by == "CallerReference" else errors.taken)(f"{noun.code}AlreadyExists", f"a {noun.words}")
    if len(here) >= noun.limit:
        raise errors.too_many(noun.few, noun.words)
    return call.put(Thing(noun.path, id_ or (call.uuid() if noun.uuid else new_id(call)), etag(call), call.now, call.now, config, **more))


def change(call: Call, noun: Noun, req: Any, config: dict[str, Any]) -> Thing:
    thing = locked(find(call, noun, req["Id"]), req)
    counted(config)
    if any(one.name == config.get("Name") != "" and one.id != thing.id for one in every(call, noun) if "Name" in config):
        raise errors.taken(f"{noun.code}AlreadyExists", f"A {noun.words}")
    return call.put(thing.but(config=config, etag=etag(call), modified=call.now))


def drop(call: Call, noun: Noun, req: Any) -> Thing:
    thing = locked(find(call, noun, req["Id"]), req)
    if users(call, noun, thing.id):
        raise errors.in_use(f"{noun.code}InUse", noun.words)
    call.delete(thing)
    return thing


def users(call: Call, noun: Noun, id_: str) -> list[Any]:
    """The distributions that name it."""
    from .distributions import Distribution
    return [one for one in sorted(call.all(Distribution), key=lambda one: one.id) if id_ in noun.used(one.config)]


def shown(noun: Noun, thing: Thing) -> dict[str, Any]:
    """The thing with its envelope: Id, LastModifiedTime and the configuration."""
    return {"Id": thing.id, "LastModifiedTime": thing.modified, f"{noun.member}Config": thing.config}


def answer(noun: Noun, thing: Thing, value: dict[str, Any] | None = None, made: bool = False) -> Any:
    out = {noun.member: shown(noun, thing) if value is None else value, "ETag": thing.etag}
    return out | ({"Location": f"{HOST}/{noun.path}/{thing.id}"} if made else {})


def config_of(noun: Noun, thing: Thing) -> Any:
    return {f"{noun.member}Config": thing.config, "ETag": thing.etag}


def page(req: Any, things: list[Any], key: Callable[[Any], str] = lambda one: one.id) -> tuple[list[Any], dict[str, Any]]:
    """The next of a list in the order of its keys: after Marker, as many as MaxItems. What the API tells of a page besides its items."""
    most = most_of(req)
    marker = req.get("Marker") or ""
    rest = [one for one in things if key(one) > marker] if marker else list(things)
    found = rest[: min(most, 100)]
    more = len(rest) > len(found)
    out: dict[str, Any] = {"MaxItems": most, "Quantity": len(found)}
    if more:
        out["NextMarker"] = key(found[-1])
    return found, out


def most_of(req: Any) -> int:
    given = str(req.get("MaxItems") or 100)
    if not given.isdecimal() or not 1 <= int(given) <= 100000:
        raise errors.invalid("The MaxItems parameter is not valid.")
    return int(given)


def listed(req: Any, things: list[Any], show: Callable[[Any], Any], *, whole: bool = False, key: Callable[[Any], str] = lambda one: one.id) -> dict[str, Any]:
    """A list as AWS writes it. `whole`: the older lists also say Marker and IsTruncated."""
    found, out = page(req, things, key)
    if found:
        out["Items"] = [show(one) for one in found]
    if whole:
        out |= {"Marker": req.get("Marker") or "", "IsTruncated": "NextMarker" in out}
    return out


def counted(value: Any) -> None:
    """Every Quantity says how many Items there are."""
    if isinstance(value, list):
        for one in value:
            counted(one)
    elif isinstance(value, dict):
        if "Quantity" in value and value["Quantity"] != len(value.get("Items") or ()):
            raise errors.quantities()
        for one in value.values():
            counted(one)


def items(value: Any) -> list[Any]:
    """What is in a list of Quantity and Items, or in none."""
    return (value or {}).get("Items") or []


def behaviours(config: dict[str, Any]) -> list[dict[str, Any]]:
    """In the order in which they are tried; the default one last."""
    return [*items(config.get("CacheBehaviors")), config["DefaultCacheBehavior"]]


def named(member: str) -> Callable[[dict[str, Any]], set[Any]]:
    """The values of a member over all behaviours of a distribution."""
    return lambda config: {one.get(member) for one in behaviours(config)}
