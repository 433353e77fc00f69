"""Tags of groups and sampling rules."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages

from . import errors, groups, sampling
from . import service as xray

if TYPE_CHECKING:
    from cloche.shapes import xray as t

MOST = 50


def by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceARN"])


def taken(call: Call, arn: str, old: dict[str, str], given: Any) -> dict[str, str]:
    if call.reserves(one["Key"] for one in given):
        raise errors.invalid("Tag keys must not begin with aws:")
    tags = old | {one["Key"]: one["Value"] for one in given}
    if len(tags) > MOST:
        raise errors.too_many_tags(arn)
    return tags


def find(call: Call, arn: str) -> groups.Group | sampling.Rule:
    found = next((one for one in (*groups.known(call), *sampling.rules(call)) if one.arn == arn), None)
    if found is None:
        raise errors.no_resource(arn)
    return found


@xray.op(resource=by_arn)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    one = find(call, req["ResourceARN"])
    call.put(one.but(tags=taken(call, one.arn, one.tags, req["Tags"])))
    return {}


@xray.op(resource=by_arn)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    one = find(call, req["ResourceARN"])
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["TagKeys"]}))
    return {}


@xray.op(resource=by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    one = find(call, req["ResourceARN"])
    found, more = pages.page(sorted(one.tags.items()), req, lambda pair: pair[0], 200, errors.bad_token)
    return {"Tags": [{"Key": key, "Value": value} for key, value in found], **more}  # type: ignore[typeddict-item]
