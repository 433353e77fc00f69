"""Managed policies attached to a user, a group or a role: ten at most."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, groups, mentions, policies, roles, users
from . import service as iam
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

MOST = 10


def attach(call: Call, entity: Any, kind: str, arn: str) -> None:
    if policies.usable(call, arn) is None:
        raise errors.not_attachable(arn)
    if arn in entity.attached:
        return
    if len(entity.attached) >= MOST:
        raise errors.too_many(f"PoliciesPer{kind.capitalize()}", MOST)
    call.put(entity.but(attached=[*entity.attached, arn]))
    mentions.add(call, arn, "permission", kind, entity.name)


def detach(call: Call, entity: Any, kind: str, arn: str) -> None:
    policies.lookup(call, arn)                         # only to refuse what is no ARN
    if arn not in entity.attached:
        raise errors.no_such_policy(arn)
    call.put(entity.but(attached=[one for one in entity.attached if one != arn]))
    mentions.remove(call, arn, "permission", kind, entity.name)


def listed(entity: Any, req: Any) -> dict[str, Any]:
    prefix = req.get("PathPrefix", "/")
    wanted = [arn for arn in entity.attached if path(arn).startswith(prefix)]
    found, more = page(req, wanted, key=str, ordered=True)
    return {"AttachedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in found], **more}


def path(arn: str) -> str:
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"


@iam.op(resource=users.by_name, context=users.facts)
def attach_user_policy(call: Call, req: t.AttachUserPolicyRequest) -> None:
    attach(call, users.find(call, req["UserName"]), "user", req["PolicyArn"])


@iam.op(resource=users.by_name, context=users.facts)
def detach_user_policy(call: Call, req: t.DetachUserPolicyRequest) -> None:
    detach(call, users.find(call, req["UserName"]), "user", req["PolicyArn"])


@iam.op(resource=users.by_name, context=users.facts)
def list_attached_user_policies(call: Call, req: t.ListAttachedUserPoliciesRequest) -> t.ListAttachedUserPoliciesResponse:
    return listed(users.find(call, req["UserName"]), req)


@iam.op(resource=groups.by_name, context=groups.facts)
def attach_group_policy(call: Call, req: t.AttachGroupPolicyRequest) -> None:
    attach(call, groups.find(call, req["GroupName"]), "group", req["PolicyArn"])


@iam.op(resource=groups.by_name, context=groups.facts)
def detach_group_policy(call: Call, req: t.DetachGroupPolicyRequest) -> None:
    detach(call, groups.find(call, req["GroupName"]), "group", req["PolicyArn"])


@iam.op(resource=groups.by_name)
def list_attached_group_policies(call: Call, req: t.ListAttachedGroupPoliciesRequest) -> t.ListAttachedGroupPoliciesResponse:
    return listed(groups.find(call, req["GroupName"]), req)


@iam.op(resource=roles.by_name, context=roles.facts)
def attach_role_policy(call: Call, req: t.AttachRolePolicyRequest) -> None:
    attach(call, roles.changeable(call, req["RoleName"]), "role", req["PolicyArn"])


@iam.op(resource=roles.by_name, context=roles.facts)
def detach_role_policy(call: Call, req: t.DetachRolePolicyRequest) -> None:
    detach(call, roles.changeable(call, req["RoleName"]), "role", req["PolicyArn"])


@iam.op(resource=roles.by_name, context=roles.facts)
def list_attached_role_policies(call: Call, req: t.ListAttachedRolePoliciesRequest) -> t.ListAttachedRolePoliciesResponse:
    return listed(roles.find(call, req["RoleName"]), req)


@iam.op(resource=policies.by_arn)
def list_entities_for_policy(call: Call, req: t.ListEntitiesForPolicyRequest) -> t.ListEntitiesForPolicyResponse:
    policies.find(call, req["PolicyArn"])
    uses = mentions.of(call, req["PolicyArn"])
    wanted, prefix, only = req.get("PolicyUsageFilter"), req.get("PathPrefix", "/"), req.get("EntityFilter")
    pairs = {tuple(pair) for use, found in (("PermissionsPolicy", uses.permission), ("PermissionsBoundary", uses.boundary))
             if wanted in (None, use) for pair in found}
    entities = []
    for kind, name in pairs:
        if only in (None, kind.capitalize(), "LocalManagedPolicy", "AWSManagedPolicy"):
            entity = {"user": users.find, "group": groups.find, "role": roles.find}[kind](call, name)
            if entity.path.startswith(prefix):
                entities.append((kind, entity))
    found, more = page(req, entities, key=lambda pair: f"{pair[0]}/{pair[1].name}")
    return {
        "PolicyGroups": [{"GroupName": one.name, "GroupId": one.id} for kind, one in found if kind == "group"],
        "PolicyUsers": [{"UserName": one.name, "UserId": one.id} for kind, one in found if kind == "user"],
        "PolicyRoles": [{"RoleName": one.name, "RoleId": one.id} for kind, one in found if kind == "role"], **more,
    }
