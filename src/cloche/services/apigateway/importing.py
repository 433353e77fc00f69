"""ImportRestApi and PutRestApi: definitions that come as OpenAPI documents (`openapi.py` reads them, `exporting.py` writes them)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import openapi
from . import service as apigateway
from .access import asked, filled
from .apis import described, find, new

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t


@apigateway.op(needs=asked)
def import_rest_api(call: Call, req: t.ImportRestApiRequest) -> t.RestApi:
    document = openapi.parse(filled(call, req["body"]))
    parameters = req.get("parameters") or {}
    values: dict[str, Any] = {"name": str((document.get("info") or {}).get("title") or "api")}
    if kind := parameters.get("endpointConfigurationTypes"):
        values["endpointConfiguration"] = {"types": kind.split(","), "ipAddressType": "ipv4"}
    api, warnings = openapi.apply(call, new(call, values), document, "overwrite", parameters, bool(req.get("failOnWarnings")))
    return described(api) | ({"warnings": warnings} if warnings else {})


@apigateway.op(needs=asked)
def put_rest_api(call: Call, req: t.PutRestApiRequest) -> t.RestApi:
    api, warnings = openapi.apply(call, find(call, req), req["body"], req.get("mode") or "merge", req.get("parameters") or {}, bool(req.get("failOnWarnings")))
    return described(api) | ({"warnings": warnings} if warnings else {})
