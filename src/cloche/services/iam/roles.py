"""Roles: identities without keys of their own, assumed by whom their trust policy names."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cloche.kernel import ANY, Call, Record

from . import errors, tags, trust
from . import service as iam
from .names import identifier, moment
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

LINKED = "/aws-service-role/"
RESERVED = (LINKED, "/aws-reserved/")


class Role(Record, frozen=True):
    kind = "iam.role"
    scope = "account"

    name: str
    id: str
    path: str
    created: float
    trust: str                                         # as written
    trusted: dict[str, str] = {}                       # ARN in the trust policy -> the unique id it had
    description: str | None = None
    max_session: int = 3600
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    attached: list[str] = []
    boundary: str = ""
    profiles: list[str] = []

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def protected(self) -> bool:
        """Only AWS changes it: service-linked roles and those of Identity Center."""
        return self.path.startswith(RESERVED)


# When a role's credentials were last used; once a minute and role at most.
iam.table("CREATE TABLE IF NOT EXISTS iam_role_used (id TEXT PRIMARY KEY, moment REAL NOT NULL, region TEXT NOT NULL) WITHOUT ROWID")


def arn(call: Call, role: Role) -> str:
    return call.arn(f"role{role.path}{role.name}", service="iam", region="")


def by_name(call: Call, req: Any) -> str:
    found = call.get(Role, req["RoleName"].lower())
    return arn(call, found) if found else call.arn(f"role{req.get('Path', '/')}{req['RoleName']}", service="iam", region="")


def facts(call: Call, req: Any) -> dict[str, Any]:
    """Condition keys of a request about a role."""
    return tags.facts(req, call.get(Role, req["RoleName"].lower()))


def find(call: Call, name: str) -> Role:
    found = call.get(Role, name.lower())
    if found is None:  # case does not matter (two users cannot be told apart by it)
        raise errors.no_such("role", name)
    return found


def changeable(call: Call, name: str) -> Role:
    role = find(call, name)
    if role.protected:
        raise errors.protected(name)
    return role


def view(call: Call, role: Role) -> t.Role:
    """A role as lists and instance profiles show it."""
    found: t.Role = {
        "Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": arn(call, role), "CreateDate": role.created,
        "AssumeRolePolicyDocument": quote(trust.shown(call, role), safe=""),
    }
    if role.description is not None:
        found["Description"] = role.description
    return found


def listed(call: Call, role: Role) -> t.Role:
    return {**view(call, role), "MaxSessionDuration": role.max_session}


def whole(call: Call, role: Role) -> t.Role:
    found: t.Role = listed(call, role)
    if role.boundary:
        found["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": role.boundary}
    if role.tags:
        found["Tags"] = tags.pairs(role.tags)
    used = call.row("SELECT moment, region FROM iam_role_used WHERE id = ?", role.id)
    found["RoleLastUsed"] = {"LastUsedDate": used[0], "Region": used[1]} if used else {}
    return found


@iam.op(resource=by_name, action=tags.action("CreateRole", "TagRole"), context=facts)
def create_role(call: Call, req: t.CreateRoleRequest) -> t.CreateRoleResponse:
    from . import boundaries
    name, path = req["RoleName"], req.get("Path", "/")
    if path.startswith(RESERVED):
        raise errors.validation(f"Value at 'path' failed to satisfy constraint: paths under /{path.split('/')[1]}/ are reserved for AWS.")
    trusted = trust.checked(call, req["AssumeRolePolicyDocument"])
    if call.get(Role, name.lower()):
        raise errors.exists("Role", name)
    role = call.put(Role(name, identifier(call, "AROA"), path, moment(call), req["AssumeRolePolicyDocument"], trusted, req.get("Description"),
                         req.get("MaxSessionDuration", 3600), tags.given(call, req)))
    if "PermissionsBoundary" in req:
        role = boundaries.put(call, role, req["PermissionsBoundary"])
    found = view(call, role)
    if role.max_session != 3600:
        found["MaxSessionDuration"] = role.max_session
    if role.tags:
        found["Tags"] = tags.pairs(role.tags)
    if role.boundary:
        found["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": role.boundary}
    return {"Role": found}


@iam.op(resource=by_name, context=facts)
def get_role(call: Call, req: t.GetRoleRequest) -> t.GetRoleResponse:
    return {"Role": whole(call, find(call, req["RoleName"]))}


@iam.op(resource=ANY)
def list_roles(call: Call, req: t.ListRolesRequest) -> t.ListRolesResponse:
    prefix = req.get("PathPrefix", "/")
    found, more = page(req, (role for role in call.all(Role) if role.path.startswith(prefix)), key=lambda role: role.name.lower())
    return {"Roles": [listed(call, role) for role in found], **more}


@iam.op(resource=by_name, context=facts)
def update_role(call: Call, req: t.UpdateRoleRequest) -> t.UpdateRoleResponse:
    role = changeable(call, req["RoleName"])
    call.put(role.but(description=req.get("Description", role.description), max_session=req.get("MaxSessionDuration", role.max_session)))
    return {}


@iam.op(resource=by_name, context=facts)
def update_role_description(call: Call, req: t.UpdateRoleDescriptionRequest) -> t.UpdateRoleDescriptionResponse:
    role = find(call, req["RoleName"])                 # AWS lets people describe even a service-linked role
    return {"Role": listed(call, call.put(role.but(description=req["Description"])))}


@iam.op(resource=by_name, context=facts)
def update_assume_role_policy(call: Call, req: t.UpdateAssumeRolePolicyRequest) -> None:
    role = changeable(call, req["RoleName"])
    call.put(role.but(trust=req["PolicyDocument"], trusted=trust.checked(call, req["PolicyDocument"])))


@iam.op(resource=by_name, context=facts)
def delete_role(call: Call, req: t.DeleteRoleRequest) -> None:
    role = changeable(call, req["RoleName"])
    if role.profiles:
        raise errors.conflict("remove roles from instance profile")
    if role.attached:
        raise errors.conflict("detach all policies")
    if role.inline:
        raise errors.conflict("delete policies")
    remove(call, role)


def remove(call: Call, role: Role) -> None:
    from . import mentions
    for policy in role.attached:
        mentions.remove(call, policy, "permission", "role", role.name)
    if role.boundary:
        mentions.remove(call, role.boundary, "boundary", "role", role.name)
    call.delete(role)
    call.sql("DELETE FROM iam_role_used WHERE id = ?", role.id)


@iam.op(resource=by_name, context=facts)
def tag_role(call: Call, req: t.TagRoleRequest) -> None:
    tags.add(call, changeable(call, req["RoleName"]), req)


@iam.op(resource=by_name, context=facts)
def untag_role(call: Call, req: t.UntagRoleRequest) -> None:
    tags.remove(call, changeable(call, req["RoleName"]), req)


@iam.op(resource=by_name, context=facts)
def list_role_tags(call: Call, req: t.ListRoleTagsRequest) -> t.ListRoleTagsResponse:
    return tags.listed(req, find(call, req["RoleName"]).tags)
