"""Models: JSON schemas by name, referring to each other by URL."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, RestApi, edit, find, without
from .patch import TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t


def find_model(api: RestApi, name: str) -> dict[str, Any]:
    if model := api.definition.models.get(name):
        return model
    raise errors.no_model(name)


def check(schema: str, content_type: str) -> None:
    if content_type != "application/json" or not schema:
        return
    from cloche.languages import json_schema  # heavy, and most APIs have no models
    try:
        read = json.loads(schema)
    except ValueError:
        raise errors.bad_schema("Unable to parse the schema as JSON") from None
    if fault := json_schema.fault(read):
        raise errors.bad_schema(fault)


@apigateway.op(needs=asked)
def create_model(call: Call, req: t.CreateModelRequest) -> t.Model:
    api, name = find(call, req), req["name"]
    if not (name.isascii() and name.isalnum()):
        raise errors.bad_model_name(name)
    if name in api.definition.models:
        raise errors.model_exists()
    check(req.get("schema") or "", req["contentType"])
    model = {"id": call.pick(LETTERS, 6)} | {k: req[k] for k in ("name", "description", "schema", "contentType") if req.get(k) is not None}
    edit(call, api, models={**api.definition.models, name: model})
    return model


@apigateway.op(needs=asked, partly="flatten does not resolve references into the schema.")
def get_model(call: Call, req: t.GetModelRequest) -> t.Model:
    return find_model(find(call, req), req["modelName"])


@apigateway.op(needs=asked)
def get_models(call: Call, req: t.GetModelsRequest) -> t.Models:
    return pages.page(req, find(call, req).definition.models.values(), lambda m: m["name"], dict)


@apigateway.op(needs=asked)
def update_model(call: Call, req: t.UpdateModelRequest) -> t.Model:
    api = find(call, req)
    changed = apply(find_model(api, req["modelName"]), req.get("patchOperations"), {"/description": TEXT, "/schema": TEXT})
    check(changed.get("schema") or "", changed["contentType"])
    edit(call, api, models={**api.definition.models, req["modelName"]: changed})
    return changed


@apigateway.op(needs=asked)
def delete_model(call: Call, req: t.DeleteModelRequest) -> None:
    api, name = find(call, req), req["modelName"]
    find_model(api, name)
    for resource in api.definition.resources.values():
        for verb, method in resource.methods.items():
            if name in (method.get("requestModels") or {}).values():
                raise errors.model_in_use(name, f"method request: {verb} {resource.path}")
            if any(name in (r.get("responseModels") or {}).values() for r in (method.get("methodResponses") or {}).values()):
                raise errors.model_in_use(name, f"method response: {verb} {resource.path}")
    for other in api.definition.models.values():
        if other["name"] != name and f"/models/{name}\"" in (other.get("schema") or ""):
            raise errors.model_in_use(name, f"model schema: {other['name']}")
    edit(call, api, models=without(api.definition.models, name))
