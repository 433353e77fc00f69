"""Tags of HTTP APIs and their stages, by the ARN `arn:aws:apigateway:REGION::/apis/ID`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cloche.kernel import Call
from cloche.services.apigateway.public import asked

from . import errors
from . import service as apigatewayv2
from .apis import HttpApi
from .stages import Stage

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t


def find_tagged(call: Call, arn: str) -> Any:
    parts = unquote(arn).split(":", 5)
    match parts[5].strip("/").split("/") if len(parts) == 6 else []:
        case ["apis", api]:
            found = call.get(HttpApi, api)
        case ["apis", api, "stages", stage]:
            found = call.get(Stage, f"{api}/{stage}")
        case _:
            raise errors.bad_request("Invalid resource ARN specified in the request")
    if found is None:
        raise errors.not_found("Invalid resource identifier specified")
    return found


@apigatewayv2.op(needs=asked)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    it = find_tagged(call, req["ResourceArn"])
    call.put(it.but(values={**it.values, "Tags": {**it.values.get("Tags", {}), **(req.get("Tags") or {})}}))


@apigatewayv2.op(needs=asked)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    it = find_tagged(call, req["ResourceArn"])
    call.put(it.but(values={**it.values, "Tags": {k: v for k, v in it.values.get("Tags", {}).items() if k not in req["TagKeys"]}}))


@apigatewayv2.op(needs=asked)
def get_tags(call: Call, req: t.GetTagsRequest) -> t.GetTagsResponse:
    return {"Tags": find_tagged(call, req["ResourceArn"]).values.get("Tags", {})}
