"""Tags of HTTP APIs and their stages, by the ARN `arn:aws:apigateway:REGION::/apis/ID`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cloche.kernel import Call
from cloche.services.apigateway.public import Domain, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api
from .stages import Stage
from .vpc_links import VpcLink

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t


def find_tagged(call: Call, arn: str) -> Any:
    parts = unquote(arn).split(":", 5)
    match parts[5].strip("/").split("/") if len(parts) == 6 else []:
        case ["apis", api]:
            found = call.get(Api, api)
        case ["apis", api, "stages", stage]:
            found = call.get(Stage, f"{api}/{stage}")
        case ["vpclinks", link]:
            found = call.get(VpcLink, link)
        case ["domainnames", name]:
            found = call.get(Domain, name)
        case _:
            raise errors.bad_request("Invalid resource ARN specified in the request")
    if found is None:
        raise errors.not_found("Invalid resource identifier specified")
    return found


def key(it: Any) -> str:
    """Custom domains are REST APIs' records, and spell it as they do."""
    return "tags" if isinstance(it, Domain) else "Tags"


@apigatewayv2.op(needs=asked)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    it = find_tagged(call, req["ResourceArn"])
    name = key(it)
    call.put(it.but(values={**it.values, name: {**it.values.get(name, {}), **(req.get("Tags") or {})}}))


@apigatewayv2.op(needs=asked)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    it = find_tagged(call, req["ResourceArn"])
    name = key(it)
    call.put(it.but(values={**it.values, name: {k: v for k, v in it.values.get(name, {}).items() if k not in req["TagKeys"]}}))


@apigatewayv2.op(needs=asked)
def get_tags(call: Call, req: t.GetTagsRequest) -> t.GetTagsResponse:
    it = find_tagged(call, req["ResourceArn"])
    return {"Tags": it.values.get(key(it), {})}
