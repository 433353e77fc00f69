"""Permissions boundaries: one managed policy that a user or role can never exceed."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, mentions, policies, roles, users
from . import service as iam

if TYPE_CHECKING:
    from cloche.shapes import iam as t


def put(call: Call, entity: Any, arn: str) -> Any:
    kind = type(entity).kind.partition(".")[2]
    if policies.usable(call, arn) is None:
        raise errors.no_such_boundary(arn)
    if entity.boundary:
        mentions.remove(call, entity.boundary, "boundary", kind, entity.name)
    mentions.add(call, arn, "boundary", kind, entity.name)
    return call.put(entity.but(boundary=arn))


def lift(call: Call, entity: Any) -> None:
    kind = type(entity).kind.partition(".")[2]
    if not entity.boundary:
        raise errors.no_boundary(kind, entity.name)
    mentions.remove(call, entity.boundary, "boundary", kind, entity.name)
    call.put(entity.but(boundary=""))


@iam.op(resource=users.by_name, context=users.facts)
def put_user_permissions_boundary(call: Call, req: t.PutUserPermissionsBoundaryRequest) -> None:
    put(call, users.find(call, req["UserName"]), req["PermissionsBoundary"])


@iam.op(resource=users.by_name, context=users.facts)
def delete_user_permissions_boundary(call: Call, req: t.DeleteUserPermissionsBoundaryRequest) -> None:
    lift(call, users.find(call, req["UserName"]))


@iam.op(resource=roles.by_name, context=roles.facts)
def put_role_permissions_boundary(call: Call, req: t.PutRolePermissionsBoundaryRequest) -> None:
    put(call, roles.changeable(call, req["RoleName"]), req["PermissionsBoundary"])


@iam.op(resource=roles.by_name, context=roles.facts)
def delete_role_permissions_boundary(call: Call, req: t.DeleteRolePermissionsBoundaryRequest) -> None:
    lift(call, roles.changeable(call, req["RoleName"]))
