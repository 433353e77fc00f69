"""Tags of state machines and activities."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as states
from .activities import Activity
from .machines import MOST_TAGS, Machine, tags_asked, tags_given

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t


def _by_arn(call: Call, req: Any) -> str:
    return str(req["resourceArn"])


def _find(call: Call, arn: str) -> Any:
    parts = arn.split(":")
    if len(parts) < 7 or parts[5] not in ("stateMachine", "activity"):
        raise errors.invalid_arn(arn)
    one = call.get(Machine if parts[5] == "stateMachine" else Activity, parts[6])
    if one is None:
        raise errors.not_found(arn)
    return one


@states.op(_by_arn, context=tags_asked)
def tag_resource(call: Call, req: t.TagResourceInput) -> t.TagResourceOutput:
    one = _find(call, req["resourceArn"])
    tags = one.tags | tags_given(req)
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    call.put(one.but(tags=tags))
    return {}


@states.op(_by_arn, context=lambda call, req: {"aws:TagKeys": req["tagKeys"]})
def untag_resource(call: Call, req: t.UntagResourceInput) -> t.UntagResourceOutput:
    one = _find(call, req["resourceArn"])
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["tagKeys"]}))
    return {}


@states.op(_by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceInput) -> t.ListTagsForResourceOutput:
    return {"tags": [{"key": k, "value": v} for k, v in _find(call, req["resourceArn"]).tags.items()]}
