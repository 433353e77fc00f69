"""What stands behind a custom domain: base paths, each with an API and perhaps a stage; the longest that fits a request's path counts."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, RestApi
from .domains import Domain, find
from .patch import TEXT, apply
from .stages import Stage

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

NONE = "(none)"
BASE_PATH = re.compile(r"[\w\-.!~*'()$+]*", re.ASCII)


def fitting(domain: Domain, path: str) -> tuple[str, dict[str, Any]] | None:
    """The base path that a request's path begins with, and its mapping."""
    inner = path.lstrip("/")
    parts = inner.split("/") if inner else []
    for length in range(len(parts), -1, -1):
        key = "/".join(parts[:length])
        if (found := domain.mappings.get(key)) is not None:
            return key, found
    return None


def key_of(base_path: str | None) -> str:
    return "" if base_path in (None, NONE, "") else base_path  # type: ignore[return-value]


def described(key: str, mapping: dict[str, Any]) -> dict[str, Any]:
    return {"basePath": key or NONE, "restApiId": mapping["api"]} | ({"stage": mapping["stage"]} if mapping.get("stage") else {})


def check(call: Call, key: str, mapping: dict[str, Any]) -> None:
    if "/" in key:
        raise errors.slash_in_base_path()
    if not BASE_PATH.fullmatch(key):
        raise errors.bad_request("Base path must contain only letters, numbers, and one of $-_.+!*'()")
    api = call.get(RestApi, mapping["api"])
    if api is None:
        raise errors.bad_request("Invalid REST API identifier specified")
    if mapping.get("stage") and call.get(Stage, f"{api.id}/{mapping['stage']}") is None:
        raise errors.bad_request("Invalid stage identifier specified")


def add(call: Call, domain: Domain, key: str, mapping: dict[str, Any]) -> dict[str, Any]:
    if key in domain.mappings:
        raise errors.mapping_exists(key)
    made = {"id": call.pick(LETTERS, 6), **mapping}
    call.put(domain.but(mappings={**domain.mappings, key: made}))
    return made


def mapping_of(domain: Domain, base_path: str | None) -> tuple[str, dict[str, Any]]:
    key = key_of(base_path)
    if key not in domain.mappings:
        raise errors.not_found("Invalid base path mapping identifier specified")
    return key, domain.mappings[key]


@apigateway.op(needs=asked)
def create_base_path_mapping(call: Call, req: t.CreateBasePathMappingRequest) -> t.BasePathMapping:
    domain, key = find(call, req["domainName"]), key_of(req.get("basePath"))
    mapping = {"api": req["restApiId"], "stage": req.get("stage") or ""}
    check(call, key, mapping)
    return described(key, add(call, domain, key, mapping))


@apigateway.op(needs=asked)
def get_base_path_mapping(call: Call, req: t.GetBasePathMappingRequest) -> t.BasePathMapping:
    return described(*mapping_of(find(call, req["domainName"]), req["basePath"]))


@apigateway.op(needs=asked)
def get_base_path_mappings(call: Call, req: t.GetBasePathMappingsRequest) -> t.BasePathMappings:
    return pages.page(req, find(call, req["domainName"]).mappings.items(), lambda pair: pair[0] or NONE, lambda pair: described(*pair))


@apigateway.op(needs=asked)
def update_base_path_mapping(call: Call, req: t.UpdateBasePathMappingRequest) -> t.BasePathMapping:
    domain = find(call, req["domainName"])
    key, mapping = mapping_of(domain, req["basePath"])
    values = apply({"basePath": key, "restapiId": mapping["api"], "stage": mapping.get("stage", "")}, req.get("patchOperations"),
                   {"/basePath": TEXT, "/restapiId": TEXT, "/restApiId": TEXT, "/stage": TEXT})
    new, changed = key_of(values["basePath"]), {**mapping, "api": values.get("restApiId") or values["restapiId"], "stage": values.get("stage") or ""}
    check(call, new, changed)
    if new != key and new in domain.mappings:
        raise errors.mapping_exists(new)
    call.put(domain.but(mappings={k: v for k, v in domain.mappings.items() if k != key} | {new: changed}))
    return described(new, changed)


@apigateway.op(needs=asked)
def delete_base_path_mapping(call: Call, req: t.DeleteBasePathMappingRequest) -> None:
    domain = find(call, req["domainName"])
    key, _ = mapping_of(domain, req["basePath"])
    call.put(domain.but(mappings={k: v for k, v in domain.mappings.items() if k != key}))
