"""Lists of applications and of protocols, which audit policies may name: one's own, each with an update token and the versions before."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import admins, errors
from . import service as fms
from .policies import tags_of

if TYPE_CHECKING:
    from cloche.shapes import fms as t

APPS, PROTOCOLS = ("AppsList", "applications-list"), ("ProtocolsList", "protocols-list")
MOST, MOST_APPS, MOST_PROTOCOLS = 10, 50, 20
KEPT = 10


class Named(Record, frozen=True):
    kind = "fms.list"

    noun: str
    id: str
    name: str
    token: str
    items: list[Any]
    created: float
    updated: float
    before: dict[str, list[Any]] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.noun}/{self.id}"


def arn(call: Call, path: str, id_: str) -> str:
    return call.arn(f"{path}/{id_}")


def on(kind: tuple[str, str]) -> Any:
    return lambda call, req: arn(call, kind[1], req["ListId"])


def putting(kind: tuple[str, str]) -> Any:
    return lambda call, req: arn(call, kind[1], req[kind[0]].get("ListId") or "*")


def find(call: Call, noun: str, req: Any) -> Named:
    if not req.get("DefaultList") and (one := call.get(Named, f"{noun}/{req['ListId']}")):
        return one
    raise errors.missing(f"The list {req['ListId']} does not exist.")


def shown(one: Named) -> Any:
    return {"ListId": one.id, "ListName": one.name, "ListUpdateToken": one.token, "CreateTime": one.created, "LastUpdateTime": one.updated, one.noun: one.items,
            f"Previous{one.noun}": one.before}


def put(call: Call, kind: tuple[str, str], req: Any, most: int) -> Any:
    noun, path = kind
    admins.required(call, f"Put{noun}")
    given = req[noun]
    items = list(given[noun])
    if len(items) > most:
        raise errors.limit(f"entries of a {noun}")
    if given.get("ListId"):
        old = find(call, noun, given)
        if given.get("ListUpdateToken") != old.token:
            raise errors.stale()
        before = dict(list({**old.before, str(len(old.before) + 1): old.items}.items())[-KEPT:])
        one = old.but(name=given["ListName"], items=items, token=call.uuid(), updated=call.now, before=before)
    else:
        here = [one for one in call.all(Named) if one.noun == noun]
        if len(here) >= MOST:
            raise errors.limit(f"lists ({noun})")
        if any(one.name == given["ListName"] for one in here):
            raise errors.invalid(f"A list with the name {given['ListName']} exists already.")
        one = Named(noun, call.uuid(), given["ListName"], call.uuid(), items, call.now, call.now, {}, {tag["Key"]: tag["Value"] for tag in req.get("TagList") or ()})
    call.put(one)
    return {noun: shown(one), f"{noun}Arn": arn(call, path, one.id)}


def get(call: Call, kind: tuple[str, str], req: Any) -> Any:
    admins.required(call, f"Get{kind[0]}")
    one = find(call, kind[0], req)
    return {kind[0]: shown(one), f"{kind[0]}Arn": arn(call, kind[1], one.id)}


def every(call: Call, kind: tuple[str, str], req: Any) -> Any:
    """AWS's own default lists are not published here: there are none."""
    admins.required(call, f"List{kind[0]}s")
    here = [] if req.get("DefaultLists") else sorted((one for one in call.all(Named) if one.noun == kind[0]), key=lambda one: one.name)
    found, more = pages.page(here, req, lambda one: one.id, 100, errors.bad_token)
    return {f"{kind[0]}s": [{"ListArn": arn(call, kind[1], one.id), "ListId": one.id, "ListName": one.name, kind[0]: one.items} for one in found], **more}


def drop(call: Call, kind: tuple[str, str], req: Any) -> None:
    admins.required(call, f"Delete{kind[0]}")
    call.delete(find(call, kind[0], req))


@fms.op(resource=putting(APPS), context=tags_of)
def put_apps_list(call: Call, req: t.PutAppsListRequest) -> t.PutAppsListResponse:
    return put(call, APPS, req, MOST_APPS)  # type: ignore[no-any-return]


@fms.op(resource=on(APPS))
def get_apps_list(call: Call, req: t.GetAppsListRequest) -> t.GetAppsListResponse:
    return get(call, APPS, req)  # type: ignore[no-any-return]


@fms.op(resource=lambda call, req: "*", partly="AWS's default lists are not here.")
def list_apps_lists(call: Call, req: t.ListAppsListsRequest) -> t.ListAppsListsResponse:
    return every(call, APPS, req)  # type: ignore[no-any-return]


@fms.op(resource=on(APPS))
def delete_apps_list(call: Call, req: t.DeleteAppsListRequest) -> None:
    drop(call, APPS, req)


@fms.op(resource=putting(PROTOCOLS), context=tags_of)
def put_protocols_list(call: Call, req: t.PutProtocolsListRequest) -> t.PutProtocolsListResponse:
    return put(call, PROTOCOLS, req, MOST_PROTOCOLS)  # type: ignore[no-any-return]


@fms.op(resource=on(PROTOCOLS))
def get_protocols_list(call: Call, req: t.GetProtocolsListRequest) -> t.GetProtocolsListResponse:
    return get(call, PROTOCOLS, req)  # type: ignore[no-any-return]


@fms.op(resource=lambda call, req: "*", partly="AWS's default lists are not here.")
def list_protocols_lists(call: Call, req: t.ListProtocolsListsRequest) -> t.ListProtocolsListsResponse:
    return every(call, PROTOCOLS, req)  # type: ignore[no-any-return]


@fms.op(resource=on(PROTOCOLS))
def delete_protocols_list(call: Call, req: t.DeleteProtocolsListRequest) -> None:
    drop(call, PROTOCOLS, req)
