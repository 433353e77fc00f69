"""Request validators: whether bodies and parameters are checked before anything else is asked."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, RestApi, edit, find, without
from .patch import BOOLEAN, TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

PATCHABLE = {"/name": TEXT, "/validateRequestBody": BOOLEAN, "/validateRequestParameters": BOOLEAN}


def find_validator(api: RestApi, id_: str) -> dict[str, Any]:
    if validator := api.definition.validators.get(id_):
        return validator
    raise errors.no_such("Request Validator")


@apigateway.op(needs=asked)
def create_request_validator(call: Call, req: t.CreateRequestValidatorRequest) -> t.RequestValidator:
    api = find(call, req)
    validator = {"id": call.pick(LETTERS, 6), "validateRequestBody": req.get("validateRequestBody", False), "validateRequestParameters": req.get("validateRequestParameters", False)}
    if req.get("name"):
        validator["name"] = req["name"]
    edit(call, api, validators={**api.definition.validators, validator["id"]: validator})
    return validator


@apigateway.op(needs=asked)
def get_request_validator(call: Call, req: t.GetRequestValidatorRequest) -> t.RequestValidator:
    return find_validator(find(call, req), req["requestValidatorId"])


@apigateway.op(needs=asked)
def get_request_validators(call: Call, req: t.GetRequestValidatorsRequest) -> t.RequestValidators:
    return pages.page(req, find(call, req).definition.validators.values(), lambda v: v["id"], dict)


@apigateway.op(needs=asked)
def update_request_validator(call: Call, req: t.UpdateRequestValidatorRequest) -> t.RequestValidator:
    api = find(call, req)
    changed = apply(find_validator(api, req["requestValidatorId"]), req.get("patchOperations"), PATCHABLE)
    edit(call, api, validators={**api.definition.validators, changed["id"]: changed})
    return changed


@apigateway.op(needs=asked)
def delete_request_validator(call: Call, req: t.DeleteRequestValidatorRequest) -> None:
    api = find(call, req)
    validator = find_validator(api, req["requestValidatorId"])
    for resource in api.definition.resources.values():
        for verb, method in resource.methods.items():
            if method.get("requestValidatorId") == validator["id"]:
                raise errors.validator_in_use(validator.get("name", ""), f"method request: {verb} {resource.path}")
    edit(call, api, validators=without(api.definition.validators, validator["id"]))
