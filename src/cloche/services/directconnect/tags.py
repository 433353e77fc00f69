"""Tags of connections, LAGs, virtual interfaces and gateways, by ARN."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as directconnect

if TYPE_CHECKING:
    from cloche.shapes import directconnect as t

MOST = 50


class Tags(Record, frozen=True):
    kind = "directconnect.tags"
    scope = "account"

    arn: str
    tags: dict[str, str]

    @property
    def key(self) -> str:
        return self.arn


def of(call: Call, arn: str) -> dict[str, str]:
    found = call.get(Tags, arn)
    return found.tags if found else {}


def shown(call: Call, arn: str) -> list[dict[str, str]]:
    return [{"key": k, "value": v} for k, v in of(call, arn).items()]


def put(call: Call, arn: str, given: Any) -> None:
    keys = [one["key"] for one in given or ()]
    if len(keys) != len(set(keys)):
        raise errors.duplicate_tags()
    merged = of(call, arn) | {one["key"]: one.get("value", "") for one in given or ()}
    if len(merged) > MOST:
        raise errors.too_many_tags()
    if merged:
        call.put(Tags(arn, merged))


def drop(call: Call, arn: str) -> None:
    if found := call.get(Tags, arn):
        call.delete(found)


def facts(call: Call, req: Any) -> dict[str, Any]:
    """What IAM may look at: the request's tags, and the resource's."""
    given = {one["key"]: one.get("value", "") for one in req.get("tags") or ()}
    out: dict[str, Any] = {f"aws:ResourceTag/{k}": v for k, v in of(call, req["resourceArn"]).items()} if req.get("resourceArn") else {}
    keys = [*given, *(req.get("tagKeys") or ())]
    return out | ({"aws:TagKeys": keys, **{f"aws:RequestTag/{k}": v for k, v in given.items()}} if keys else {})


def by_arn(call: Call, req: Any) -> Any:
    return req.get("resourceArn") or req.get("resourceArns") or "*"


@directconnect.op(resource=by_arn, context=facts)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    put(call, req["resourceArn"], req["tags"])


@directconnect.op(resource=by_arn, context=facts)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    left = {k: v for k, v in of(call, req["resourceArn"]).items() if k not in req["tagKeys"]}
    drop(call, req["resourceArn"])
    if left:
        call.put(Tags(req["resourceArn"], left))


@directconnect.op(resource=by_arn, context=facts)
def describe_tags(call: Call, req: t.DescribeTagsRequest) -> t.DescribeTagsResponse:
    return {"resourceTags": [{"resourceArn": arn, "tags": shown(call, arn)} for arn in req["resourceArns"]]}  # type: ignore[typeddict-item]
