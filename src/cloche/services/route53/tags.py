"""Tags of hosted zones and health checks, up to ten a request and fifty a thing."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, health_checks, names, zones
from . import service as route53

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

MOST = 50


def by_id(call: Call, req: Any) -> list[str]:
    return [call.arn(f"{req['ResourceType']}/{names.bare(id_)}", region="", account="") for id_ in req.get("ResourceIds") or [req["ResourceId"]]]


def facts(call: Call, req: Any) -> dict[str, Any]:
    added = {one["Key"]: one.get("Value", "") for one in req.get("AddTags", ())}
    keys = [*added, *req.get("RemoveTagKeys", ())]
    return {"aws:TagKeys": keys, **{f"aws:RequestTag/{k}": v for k, v in added.items()}} if keys else {}


def _find(call: Call, kind: str, id_: str) -> Any:
    return zones.find(call, id_) if kind == "hostedzone" else health_checks.find(call, id_)


def _told(kind: str, id_: str, tags: dict[str, str]) -> Any:
    return {"ResourceType": kind, "ResourceId": names.bare(id_), "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}


@route53.op(resource=by_id, context=facts)
def change_tags_for_resource(call: Call, req: t.ChangeTagsForResourceRequest) -> None:
    held = _find(call, req["ResourceType"], req["ResourceId"])
    if not req.get("AddTags") and not req.get("RemoveTagKeys"):
        raise errors.invalid_input("You must add or remove at least one tag.")
    added = {one["Key"]: one.get("Value", "") for one in req.get("AddTags", ()) if one.get("Key")}
    if call.reserves(added):
        raise errors.invalid_input("Tag keys that start with aws: are reserved.")
    tags = {k: v for k, v in held.tags.items() if k not in req.get("RemoveTagKeys", ())} | added
    if len(tags) > MOST:
        raise errors.invalid_input(f"A resource can have no more than {MOST} tags.")
    call.put(held.but(tags=tags))


@route53.op(resource=by_id)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    held = _find(call, req["ResourceType"], req["ResourceId"])
    return {"ResourceTagSet": _told(req["ResourceType"], req["ResourceId"], held.tags)}


@route53.op(resource=by_id)
def list_tags_for_resources(call: Call, req: t.ListTagsForResourcesRequest) -> t.ListTagsForResourcesResponse:
    return {"ResourceTagSets": [_told(req["ResourceType"], id_, _find(call, req["ResourceType"], id_).tags) for id_ in req["ResourceIds"]]}
