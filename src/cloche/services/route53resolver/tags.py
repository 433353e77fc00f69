"""Tags, by ARN."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import service as resolver

if TYPE_CHECKING:
    from cloche.shapes import route53resolver as t


class Tags(Record, frozen=True):
    kind = "route53resolver.tags"

    arn: str
    tags: dict[str, str]

    @property
    def key(self) -> str:
        return self.arn


def of(call: Call, arn: str) -> dict[str, str]:
    found = call.get(Tags, arn)
    return found.tags if found else {}


def put(call: Call, arn: str, given: Any) -> None:
    if given:
        call.put(Tags(arn, of(call, arn) | {one["Key"]: one.get("Value", "") for one in given}))


def drop(call: Call, arn: str) -> None:
    if found := call.get(Tags, arn):
        call.delete(found)


def by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def facts(call: Call, req: Any) -> dict[str, Any]:
    given = {one["Key"]: one.get("Value", "") for one in req.get("Tags") or ()}
    return {"aws:TagKeys": [*given, *(req.get("TagKeys") or ())], **{f"aws:RequestTag/{k}": v for k, v in given.items()}} if given or req.get("TagKeys") else {}


@resolver.op(resource=by_arn, context=facts)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    put(call, req["ResourceArn"], req["Tags"])


@resolver.op(resource=by_arn, context=facts)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    left = {k: v for k, v in of(call, req["ResourceArn"]).items() if k not in req["TagKeys"]}
    drop(call, req["ResourceArn"])
    if left:
        call.put(Tags(req["ResourceArn"], left))


@resolver.op(resource=by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": [{"Key": k, "Value": v} for k, v in of(call, req["ResourceArn"]).items()]}
