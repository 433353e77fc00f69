"""Resources as they are: read by their identifier, or listed."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call, pages
from cloche.services.cloudformation import public as cloudformation

from . import errors, requests
from . import service as cloudcontrol

if TYPE_CHECKING:
    from cloche.shapes import cloudcontrol as t


@cloudcontrol.op(resource=ANY, action="cloudformation:GetResource")
async def get_resource(call: Call, req: t.GetResourceInput) -> t.GetResourceOutput:
    room, name = cloudformation.handling(), req["TypeName"]
    requests.check_type(name)
    if not room.readable(name):
        raise errors.unsupported(name, "READ")
    if role := req.get("RoleArn", ""):
        call.pass_role(role, "cloudformation.amazonaws.com")
    found = await requests.look(call, name, req["Identifier"], requests.identifier(name, req["Identifier"]), role)
    return {"TypeName": name, "ResourceDescription": {"Identifier": req["Identifier"], "Properties": room.text(found)}}


@cloudcontrol.op(resource=ANY, action="cloudformation:ListResources", partly="a listed resource shows its identifier, not all its properties; types that are listed within another are refused")
async def list_resources(call: Call, req: t.ListResourcesInput) -> t.ListResourcesOutput:
    room, name = cloudformation.handling(), req["TypeName"]
    requests.check_type(name)
    if role := req.get("RoleArn", ""):
        call.pass_role(role, "cloudformation.amazonaws.com")
    found = await room.listed(requests.acting(call, role), name)
    if found is None:
        raise errors.unsupported(name, "LIST")
    names = room.facts(name).get("identifier", [])
    page, token = pages.page(sorted(found), req, lambda x: x, 100, errors.bad_token)
    return {"TypeName": name, "ResourceDescriptions": [{"Identifier": x, "Properties": room.text({names[0]: x})} for x in page], **token}
