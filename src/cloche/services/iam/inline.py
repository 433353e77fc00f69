"""Policies written into a user, a group or a role. All of one entity's together have a size limit, white space not counted."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cloche.kernel import Call

from . import errors, groups, policies, roles, users
from . import service as iam
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

MOST_CHARACTERS = {"user": 2048, "group": 5120, "role": 10240}


def put(call: Call, entity: Any, kind: str, req: Any) -> None:
    inline = entity.inline | {req["PolicyName"]: policies.checked(req["PolicyDocument"], managed=False)}
    if sum(map(policies.size, inline.values())) > MOST_CHARACTERS[kind]:
        raise errors.inline_too_long(MOST_CHARACTERS[kind], kind, entity.name)
    call.put(entity.but(inline=inline))


def get(entity: Any, kind: str, req: Any) -> dict[str, str]:
    if req["PolicyName"] not in entity.inline:
        raise errors.no_such(f"{kind} policy", req["PolicyName"])
    return {f"{kind.capitalize()}Name": entity.name, "PolicyName": req["PolicyName"], "PolicyDocument": quote(entity.inline[req["PolicyName"]], safe="")}


def names(entity: Any, req: Any) -> dict[str, Any]:
    found, more = page(req, entity.inline, key=str)
    return {"PolicyNames": found, **more}


def delete(call: Call, entity: Any, kind: str, req: Any) -> None:
    if req["PolicyName"] not in entity.inline:
        raise errors.no_such(f"{kind} policy", req["PolicyName"])
    call.put(entity.but(inline={name: text for name, text in entity.inline.items() if name != req["PolicyName"]}))


@iam.op(resource=users.by_name, context=users.facts)
def put_user_policy(call: Call, req: t.PutUserPolicyRequest) -> None:
    put(call, users.find(call, req["UserName"]), "user", req)


@iam.op(resource=users.by_name, context=users.facts)
def get_user_policy(call: Call, req: t.GetUserPolicyRequest) -> t.GetUserPolicyResponse:
    return get(users.find(call, req["UserName"]), "user", req)


@iam.op(resource=users.by_name, context=users.facts)
def list_user_policies(call: Call, req: t.ListUserPoliciesRequest) -> t.ListUserPoliciesResponse:
    return names(users.find(call, req["UserName"]), req)


@iam.op(resource=users.by_name, context=users.facts)
def delete_user_policy(call: Call, req: t.DeleteUserPolicyRequest) -> None:
    delete(call, users.find(call, req["UserName"]), "user", req)


@iam.op(resource=groups.by_name)
def put_group_policy(call: Call, req: t.PutGroupPolicyRequest) -> None:
    put(call, groups.find(call, req["GroupName"]), "group", req)


@iam.op(resource=groups.by_name)
def get_group_policy(call: Call, req: t.GetGroupPolicyRequest) -> t.GetGroupPolicyResponse:
    return get(groups.find(call, req["GroupName"]), "group", req)


@iam.op(resource=groups.by_name)
def list_group_policies(call: Call, req: t.ListGroupPoliciesRequest) -> t.ListGroupPoliciesResponse:
    return names(groups.find(call, req["GroupName"]), req)


@iam.op(resource=groups.by_name)
def delete_group_policy(call: Call, req: t.DeleteGroupPolicyRequest) -> None:
    delete(call, groups.find(call, req["GroupName"]), "group", req)


@iam.op(resource=roles.by_name, context=roles.facts)
def put_role_policy(call: Call, req: t.PutRolePolicyRequest) -> None:
    put(call, roles.changeable(call, req["RoleName"]), "role", req)


@iam.op(resource=roles.by_name, context=roles.facts)
def get_role_policy(call: Call, req: t.GetRolePolicyRequest) -> t.GetRolePolicyResponse:
    return get(roles.find(call, req["RoleName"]), "role", req)


@iam.op(resource=roles.by_name, context=roles.facts)
def list_role_policies(call: Call, req: t.ListRolePoliciesRequest) -> t.ListRolePoliciesResponse:
    return names(roles.find(call, req["RoleName"]), req)


@iam.op(resource=roles.by_name, context=roles.facts)
def delete_role_policy(call: Call, req: t.DeleteRolePolicyRequest) -> None:
    delete(call, roles.changeable(call, req["RoleName"]), "role", req)
