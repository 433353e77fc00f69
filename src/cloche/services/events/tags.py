"""Tags of rules and buses."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as events
from .buses import DEFAULT, Bus, look
from .rules import Rule

if TYPE_CHECKING:
    from cloche.shapes import events as t


def by_resource(call: Call, req: Any) -> str:
    return str(req["ResourceARN"])


def find(call: Call, arn: str) -> Rule | Bus:
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    found: Rule | Bus | None = None
    if kind == "rule":
        found = call.get(Rule, name if "/" in name else f"{DEFAULT}/{name}")
    elif kind == "event-bus":
        found = look(call, name)
    if found is None or not arn.startswith(call.arn("")):
        raise errors.not_found(f"{'Rule' if kind == 'rule' else 'EventBus'} {name} does not exist.")
    return found


@events.op(resource=by_resource)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    found = find(call, req["ResourceARN"])
    tags = found.tags | {tag["Key"]: tag["Value"] for tag in req["Tags"]}
    if len(tags) > 50:
        raise errors.limit()
    call.put(found.but(tags=tags))


@events.op(resource=by_resource)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    found = find(call, req["ResourceARN"])
    call.put(found.but(tags={key: value for key, value in found.tags.items() if key not in req["TagKeys"]}))


@events.op(resource=by_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": [{"Key": key, "Value": value} for key, value in find(call, req["ResourceARN"]).tags.items()]}
