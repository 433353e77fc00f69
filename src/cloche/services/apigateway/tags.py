"""Tags of APIs, stages, keys and usage plans, by the ARN `arn:aws:apigateway:REGION::/restapis/ID`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cloche.kernel import Call

from . import errors
from . import service as apigateway
from .access import asked
from .apis import RestApi
from .domains import Domain
from .keys import ApiKey
from .plans import UsagePlan
from .stages import Stage
from .vpc_links import VpcLink

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t


def find_tagged(call: Call, arn: str) -> Any:
    parts = unquote(arn).split(":", 5)
    path = parts[5].strip("/").split("/") if len(parts) == 6 else []
    match path:
        case ["restapis", api]:
            found = call.get(RestApi, api)
        case ["restapis", api, "stages", stage]:
            found = call.get(Stage, f"{api}/{stage}")
        case ["apikeys", key]:
            found = call.get(ApiKey, key)
        case ["usageplans", plan]:
            found = call.get(UsagePlan, plan)
        case ["vpclinks", link]:
            found = call.get(VpcLink, link)
        case ["domainnames", name]:
            found = call.get(Domain, name)
        case _:
            raise errors.bad_request("Invalid ARN specified in the request")
    if found is None:
        raise errors.not_found("Invalid resource identifier specified")
    return found


@apigateway.op(needs=asked)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    it = find_tagged(call, req["resourceArn"])
    tags = {**it.values.get("tags", {}), **req["tags"]}
    if len(tags) > 50:
        raise errors.bad_request("The number of tags exceeds the limit of 50")
    call.put(it.but(values={**it.values, "tags": tags}))


@apigateway.op(needs=asked)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    it = find_tagged(call, req["resourceArn"])
    call.put(it.but(values={**it.values, "tags": {k: v for k, v in it.values.get("tags", {}).items() if k not in req["tagKeys"]}}))


@apigateway.op(needs=asked)
def get_tags(call: Call, req: t.GetTagsRequest) -> t.Tags:
    return {"tags": find_tagged(call, req["resourceArn"]).values.get("tags", {})}
