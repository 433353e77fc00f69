"""Models of WebSocket APIs: JSON schemas by name."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, edit, find, given, page, without

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

FIELDS = ("Name", "ContentType", "Description", "Schema")


def find_model(api: Api, id_: str) -> dict[str, Any]:
    if found := api.definition.models.get(id_):
        return found
    raise errors.no_such("Model", id_)


@apigatewayv2.op(needs=asked)
def create_model(call: Call, req: t.CreateModelRequest) -> t.CreateModelResponse:
    api = find(call, req)
    if any(one["Name"] == req["Name"] for one in api.definition.models.values()):
        raise errors.conflict(f"Model name already exists: {req['Name']}")
    model = {"ModelId": call.pick(LETTERS, 6), "ContentType": "application/json", **given(req, FIELDS)}
    edit(call, api, models={**api.definition.models, model["ModelId"]: model})
    return model


@apigatewayv2.op(needs=asked)
def get_model(call: Call, req: t.GetModelRequest) -> t.GetModelResponse:
    return find_model(find(call, req), req["ModelId"])


@apigatewayv2.op(needs=asked)
def get_models(call: Call, req: t.GetModelsRequest) -> t.GetModelsResponse:
    return page(req, find(call, req).definition.models.values(), lambda m: m["ModelId"], dict)


@apigatewayv2.op(needs=asked)
def update_model(call: Call, req: t.UpdateModelRequest) -> t.UpdateModelResponse:
    api = find(call, req)
    model = find_model(api, req["ModelId"]) | given(req, FIELDS)
    edit(call, api, models={**api.definition.models, model["ModelId"]: model})
    return model


@apigatewayv2.op(needs=asked)
def delete_model(call: Call, req: t.DeleteModelRequest) -> None:
    api = find(call, req)
    find_model(api, req["ModelId"])
    edit(call, api, models=without(api.definition.models, req["ModelId"]))
