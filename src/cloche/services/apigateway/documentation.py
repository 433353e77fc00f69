"""Documentation parts, what is said about a part of an API, and versions, what was said at a moment."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, find
from .patch import TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t


class Part(Record, frozen=True):
    kind = "apigateway.documentation"

    api: str
    id: str
    location: dict[str, Any]
    properties: str

    @property
    def key(self) -> str:
        return f"{self.api}/{self.id}"


class Version(Record, frozen=True):
    kind = "apigateway.documentation_version"

    api: str
    version: str
    created: float
    description: str | None = None
    parts: list[dict[str, Any]] = []

    @property
    def key(self) -> str:
        return f"{self.api}/{self.version}"


def parts_of(call: Call, api: str) -> list[Part]:
    return [p for p in call.all(Part) if p.api == api]


def described(part: Part) -> dict[str, Any]:
    return {"id": part.id, "location": part.location, "properties": part.properties}


def find_part(call: Call, req: Any) -> Part:
    if part := call.get(Part, f"{find(call, req).id}/{req['documentationPartId']}"):
        return part
    raise errors.no_such("Documentation part")


@apigateway.op(needs=asked)
def create_documentation_part(call: Call, req: t.CreateDocumentationPartRequest) -> t.DocumentationPart:
    api = find(call, req)
    if any(p.location == req["location"] for p in parts_of(call, api.id)):
        raise errors.conflict(f"Documentation part already exists for the specified location: type '{req['location']['type']}', path '{req['location'].get('path', '/')}'")
    return described(call.put(Part(api.id, call.pick(LETTERS, 6), req["location"], req["properties"])))


@apigateway.op(needs=asked)
def get_documentation_part(call: Call, req: t.GetDocumentationPartRequest) -> t.DocumentationPart:
    return described(find_part(call, req))


@apigateway.op(needs=asked)
def get_documentation_parts(call: Call, req: t.GetDocumentationPartsRequest) -> t.DocumentationParts:
    api = find(call, req)
    wanted = {k: req.get(name) for k, name in (("type", "type"), ("name", "nameQuery"), ("path", "path"))}
    parts = [p for p in parts_of(call, api.id) if all(v in (None, p.location.get(k)) for k, v in wanted.items())]
    return pages.page(req, parts, lambda p: p.id, described)


@apigateway.op(needs=asked)
def update_documentation_part(call: Call, req: t.UpdateDocumentationPartRequest) -> t.DocumentationPart:
    part = find_part(call, req)
    return described(call.put(part.but(**apply({"properties": part.properties}, req.get("patchOperations"), {"/properties": TEXT}))))


@apigateway.op(needs=asked)
def delete_documentation_part(call: Call, req: t.DeleteDocumentationPartRequest) -> None:
    call.delete(find_part(call, req))


# versions
def shown(version: Version) -> dict[str, Any]:
    return {"version": version.version, "createdDate": version.created} | ({"description": version.description} if version.description is not None else {})


def find_version(call: Call, req: Any) -> Version:
    if version := call.get(Version, f"{find(call, req).id}/{req['documentationVersion']}"):
        return version
    raise errors.no_such("Documentation version")


@apigateway.op(needs=asked)
def create_documentation_version(call: Call, req: t.CreateDocumentationVersionRequest) -> t.DocumentationVersion:
    api = find(call, req)
    if call.get(Version, f"{api.id}/{req['documentationVersion']}"):
        raise errors.conflict(f"Documentation version already exists: {req['documentationVersion']}")
    if name := req.get("stageName"):
        from .stages import find_stage
        stage = find_stage(call, api, name)
        call.put(stage.but(values={**stage.values, "documentationVersion": req["documentationVersion"]}))
    return shown(call.put(Version(api.id, req["documentationVersion"], call.now, req.get("description"), [described(p) for p in parts_of(call, api.id)])))


@apigateway.op(needs=asked)
def get_documentation_version(call: Call, req: t.GetDocumentationVersionRequest) -> t.DocumentationVersion:
    return shown(find_version(call, req))


@apigateway.op(needs=asked)
def get_documentation_versions(call: Call, req: t.GetDocumentationVersionsRequest) -> t.DocumentationVersions:
    api = find(call, req)
    return pages.page(req, [v for v in call.all(Version) if v.api == api.id], lambda v: v.version, shown)


@apigateway.op(needs=asked)
def update_documentation_version(call: Call, req: t.UpdateDocumentationVersionRequest) -> t.DocumentationVersion:
    version = find_version(call, req)
    return shown(call.put(version.but(**apply({"description": version.description}, req.get("patchOperations"), {"/description": TEXT}))))


@apigateway.op(needs=asked)
def delete_documentation_version(call: Call, req: t.DeleteDocumentationVersionRequest) -> None:
    call.delete(find_version(call, req))
