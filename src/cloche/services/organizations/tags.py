"""Tags of accounts, units, roots and policies."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as organizations
from .records import Account, Policy, Root, Unit, about, managing, reading

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

MOST = 50
KINDS = {"r": Root, "ou": Unit, "p": Policy}


def given(call: Call, req: Any) -> dict[str, str]:
    """The tags of a request that makes something."""
    pairs = req.get("Tags") or ()
    found = {one["Key"]: one["Value"] for one in pairs}
    if len(found) < len(pairs):
        raise errors.duplicate_tag()
    if call.reserves(found):
        raise errors.system_tag()
    return checked(found)


def checked(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MOST:
        raise errors.too_many_tags()
    return tags


def find(there: Call, id_: str) -> Any:
    found = there.get(KINDS.get(id_.partition("-")[0], Account), id_)  # type: ignore[type-var]
    if found is None:
        raise errors.no_target()
    return found


@organizations.op(needs=about("ResourceId"))
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    there, _ = managing(call)
    found = find(there, req["ResourceId"])
    there.put(found.but(tags=checked(found.tags | given(call, req))))


@organizations.op(needs=about("ResourceId"))
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    there, _ = managing(call)
    found = find(there, req["ResourceId"])
    there.put(found.but(tags={k: v for k, v in found.tags.items() if k not in req["TagKeys"]}))


@organizations.op(needs=about("ResourceId"))
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    there, _ = reading(call)
    return {"Tags": [{"Key": k, "Value": v} for k, v in find(there, req["ResourceId"]).tags.items()]}
