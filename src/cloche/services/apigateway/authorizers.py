"""Authorizers: the functions (or user pools) that are asked who may call a method."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, RestApi, edit, find, without
from .patch import INTEGER, ITEM, TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

FIELDS = ("name", "type", "providerARNs", "authType", "authorizerUri", "authorizerCredentials", "identitySource", "identityValidationExpression", "authorizerResultTtlInSeconds")
AUTH_TYPES = {"TOKEN": "custom", "REQUEST": "custom", "COGNITO_USER_POOLS": "cognito_user_pools"}
SOURCE = re.compile(r"\s*(method\.request\.(header|querystring)\.[\w.\-]+|context\.[\w.\-]+|stageVariables\.\w+)\s*")
PATCHABLE = {
    "/name": TEXT, "/type": TEXT, "/authType": TEXT, "/authorizerUri": TEXT, "/authorizerCredentials": TEXT, "/identitySource": TEXT, "/identityValidationExpression": TEXT,
    "/authorizerResultTtlInSeconds": INTEGER, "/providerARNs/*": ITEM, "/providerARNs": ITEM,
}


def find_authorizer(api: RestApi, id_: str) -> dict[str, Any]:
    if authorizer := api.definition.authorizers.get(id_):
        return authorizer
    raise errors.no_such("Authorizer")


def check(it: dict[str, Any]) -> None:
    ttl = it.get("authorizerResultTtlInSeconds", 300)
    if not 0 <= ttl <= 3600:
        raise errors.bad_request("Authorizer result TTL in seconds must be greater than or equal to 0 and less than or equal to 3600")
    if it["type"] in ("TOKEN", "REQUEST"):
        if not re.fullmatch(r"arn:aws[\w-]*:apigateway:[\w-]+:lambda:path/2015-03-31/functions/.+/invocations", it.get("authorizerUri") or ""):
            raise errors.bad_request("Invalid Authorizer URI: " + (it.get("authorizerUri") or "") + ". Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.")
        sources = [s for s in (it.get("identitySource") or "").split(",") if s.strip()]
        if it["type"] == "TOKEN" and (len(sources) != 1 or not re.fullmatch(r"\s*method\.request\.header\.[\w.\-]+\s*", sources[0])):
            raise errors.bad_request("Identity source for a TOKEN authorizer must be a single header, such as method.request.header.Authorization")
        for source in sources:
            if not SOURCE.fullmatch(source):
                raise errors.bad_request(f"Invalid identity source: {source}")
        if it["type"] == "REQUEST" and ttl > 0 and not sources:
            raise errors.bad_request("Identity source is required for a REQUEST authorizer with caching enabled")
    elif not it.get("providerARNs"):
        raise errors.bad_request("Invalid Provider ARNs. At least one is required.")


def made(call: Call, req: Any) -> dict[str, Any]:
    it = {"id": call.pick(LETTERS, 6)} | {k: req[k] for k in FIELDS if req.get(k) is not None}
    if it["type"] not in AUTH_TYPES:
        raise AwsError("NotImplemented", f"{it['type']} authorizers of REST APIs are not built in Cloche yet.", 501)
    it.setdefault("authType", AUTH_TYPES[it["type"]])
    it.setdefault("authorizerResultTtlInSeconds", 300)
    check(it)
    return it


@apigateway.op(needs=asked, partly="JWT authorizers are not built.")
def create_authorizer(call: Call, req: t.CreateAuthorizerRequest) -> t.Authorizer:
    api = find(call, req)
    if any(a["name"] == req["name"] for a in api.definition.authorizers.values()):
        raise errors.bad_request("Authorizer name must be unique. Authorizer " + req["name"] + " already exists in this RestApi.")
    it = made(call, req)
    if it.get("authorizerCredentials"):
        call.pass_role(it["authorizerCredentials"], "apigateway.amazonaws.com")
    edit(call, api, authorizers={**api.definition.authorizers, it["id"]: it})
    return it


@apigateway.op(needs=asked)
def get_authorizer(call: Call, req: t.GetAuthorizerRequest) -> t.Authorizer:
    return find_authorizer(find(call, req), req["authorizerId"])


@apigateway.op(needs=asked)
def get_authorizers(call: Call, req: t.GetAuthorizersRequest) -> t.Authorizers:
    return pages.page(req, find(call, req).definition.authorizers.values(), lambda a: a["id"], dict)


@apigateway.op(needs=asked)
def update_authorizer(call: Call, req: t.UpdateAuthorizerRequest) -> t.Authorizer:
    api = find(call, req)
    changed = apply(find_authorizer(api, req["authorizerId"]), req.get("patchOperations"), PATCHABLE)
    check(changed)
    edit(call, api, authorizers={**api.definition.authorizers, changed["id"]: changed})
    return changed


@apigateway.op(needs=asked)
def delete_authorizer(call: Call, req: t.DeleteAuthorizerRequest) -> None:
    api = find(call, req)
    it = find_authorizer(api, req["authorizerId"])
    for resource in api.definition.resources.values():
        for verb, method in resource.methods.items():
            if method.get("authorizerId") == it["id"]:
                raise errors.authorizer_in_use(f"{verb} {resource.path}")
    edit(call, api, authorizers=without(api.definition.authorizers, it["id"]))
