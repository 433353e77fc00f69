"""Request validation: required parameters and the model of the body, where the method has a validator that asks for it."""
from __future__ import annotations

from .exchange import Exchange, last, read_json
from .refusals import Refused


def check(x: Exchange) -> None:
    validator = x.live.definition.validators.get(x.spec.get("requestValidatorId") or "")
    if validator is None:
        return
    if validator.get("validateRequestParameters"):
        parameters(x)
    if validator.get("validateRequestBody"):
        body(x)


def parameters(x: Exchange) -> None:
    missing = []
    for source, required in (x.spec.get("requestParameters") or {}).items():
        where, _, name = source.removeprefix("method.request.").partition(".")
        if not required:
            continue
        value = x.params.get(name) if where == "path" else (x.query.get(name) or [None])[-1] if "querystring" in where else last(x.headers, name)
        if value is None or (value == "" and where != "path"):
            missing.append(name)
    if missing:
        raise Refused("BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{', '.join(missing)}]")


def body(x: Exchange) -> None:
    models = x.spec.get("requestModels") or {}
    model = models.get(x.media) or models.get("$default")
    if model is None or model not in x.live.definition.models:
        return
    try:
        document = read_json(x.body) if x.body.strip() else {}
        faults = x.live.validator(model)(document)
    except (ValueError, RecursionError):
        faults = ["Invalid JSON"]
    except LookupError as error:  # a model refers to one that is not there
        raise Refused("DEFAULT_5XX", why=str(error)) from None
    if faults:
        raise Refused("BAD_REQUEST_BODY", why="[" + ", ".join(faults) + "]")
