"""Resources: the tree of paths below an API's root."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, Resource, RestApi, edit, find

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

PART = re.compile(r"[\w.\-:$~!*'(),;=@%]+|\{[\w.\-:]+\+?\}", re.ASCII)


def find_resource(api: RestApi, resource_id: str) -> Resource:
    if resource := api.definition.resources.get(resource_id):
        return resource
    raise errors.no_such("Resource")


def described(resource: Resource, embed: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": resource.id, "path": resource.path}
    if resource.parent:
        shown |= {"parentId": resource.parent, "pathPart": resource.part}
    if resource.methods:
        shown["resourceMethods"] = {name: method if embed else {} for name, method in resource.methods.items()}
    return shown


def joined(parent: Resource, part: str) -> str:
    return f"{parent.path.rstrip('/')}/{part}"


def check_place(api: RestApi, parent: Resource, part: str, me: str = "") -> None:
    """May a resource of this name live there? A level has one variable, and nothing is below a greedy one."""
    if not PART.fullmatch(part):
        raise errors.bad_path_part()
    if parent.part.endswith("+}"):
        raise errors.below_greedy(parent.path)
    for sibling in api.definition.resources.values():
        if sibling.parent == parent.id and sibling.id != me:
            if sibling.part == part:
                raise errors.same_name(part)
            if sibling.part.startswith("{") and part.startswith("{"):
                raise errors.second_variable(sibling.part)


@apigateway.op(needs=asked)
def create_resource(call: Call, req: t.CreateResourceRequest) -> t.Resource:
    api = find(call, req)
    parent = find_resource(api, req["parentId"])
    check_place(api, parent, req["pathPart"])
    resource = Resource(call.pick(LETTERS, 6), parent.id, req["pathPart"], joined(parent, req["pathPart"]))
    edit(call, api, resources={**api.definition.resources, resource.id: resource})
    return described(resource)


@apigateway.op(needs=asked)
def get_resource(call: Call, req: t.GetResourceRequest) -> t.Resource:
    return described(find_resource(find(call, req), req["resourceId"]), "methods" in (req.get("embed") or []))


@apigateway.op(needs=asked)
def get_resources(call: Call, req: t.GetResourcesRequest) -> t.Resources:
    embed = "methods" in (req.get("embed") or [])
    return pages.page(req, find(call, req).definition.resources.values(), lambda r: r.id, lambda r: described(r, embed))


@apigateway.op(needs=asked)
def update_resource(call: Call, req: t.UpdateResourceRequest) -> t.Resource:
    api = find(call, req)
    resource = find_resource(api, req["resourceId"])
    part, parent = resource.part, resource.parent
    for operation in req.get("patchOperations") or []:
        op, path = operation["op"], operation.get("path", "")
        if op != "replace" or path not in ("/pathPart", "/parentId"):
            raise errors.bad_patch(op, path, ["/pathPart", "/parentId"])
        if not resource.parent:
            raise errors.bad_request("Root resource cannot update its parent without context." if path == "/parentId" else "Root resource cannot be renamed.")
        part, parent = (operation["value"], parent) if path == "/pathPart" else (part, operation["value"])
    if (part, parent) == (resource.part, resource.parent):
        return described(resource)
    if parent in descendants(api, resource.id):
        raise errors.bad_request("Resources cannot be their own parent.")
    above = find_resource(api, parent)
    check_place(api, above, part, resource.id)
    moved = {**api.definition.resources, resource.id: msgspec.structs.replace(resource, part=part, parent=parent, path=joined(above, part))}
    for below in descendants(api, resource.id)[1:]:            # parents come before their children
        moved[below] = msgspec.structs.replace(moved[below], path=joined(moved[moved[below].parent], moved[below].part))
    edit(call, api, resources=moved)
    return described(moved[resource.id])


def descendants(api: RestApi, resource_id: str) -> list[str]:
    """The resource and everything below it, from the top."""
    found = [resource_id]
    for above in found:
        found.extend(r.id for r in api.definition.resources.values() if r.parent == above)
    return found


@apigateway.op(needs=asked)
def delete_resource(call: Call, req: t.DeleteResourceRequest) -> None:
    api = find(call, req)
    resource = find_resource(api, req["resourceId"])
    if not resource.parent:
        raise errors.root_stays()
    gone = set(descendants(api, resource.id))
    edit(call, api, resources={k: v for k, v in api.definition.resources.items() if k not in gone})
