"""What nobody has used since a moment: roles, access keys, passwords, and the services that policies allow. From the same rows as the access advisor's."""
from __future__ import annotations

from typing import Any, NamedTuple

from cloche.kernel import Call

from . import access, granting, keys, logins, roles, users


class Unused(NamedTuple):
    what: str                                          # UnusedIAMRole, UnusedIAMUserAccessKey, UnusedIAMUserPassword, UnusedPermission
    about: str                                         # the key's id; "" where there is but one
    arn: str
    type: str
    tags: dict[str, str]
    details: list[dict[str, Any]]


def since(call: Call, moment: float) -> list[Unused]:
    """Of one account. What has not been there for so long is not told of."""
    out = []
    for role in sorted(call.all(roles.Role), key=lambda one: one.name):
        if role.path.startswith("/aws-service-role/"):
            continue
        arn = roles.arn(call, role)
        row = call.row("SELECT moment FROM iam_role_used WHERE id = ?", role.id)
        if role.created <= moment and (row is None or row[0] < moment):
            out.append(Unused("UnusedIAMRole", "", arn, "AWS::IAM::Role", role.tags, [{"unusedIamRoleDetails": {"lastAccessed": row[0]} if row else {}}]))
        elif role.created <= moment:
            out += permissions(call, role, arn, "AWS::IAM::Role", moment)
    for user in sorted(call.all(users.User), key=lambda one: one.name):
        arn = users.arn(call, user)
        for id_ in user.keys:
            key, row = call.get(keys.AccessKey, id_), call.row("SELECT moment FROM iam_key_used WHERE id = ?", id_)
            if key and key.active and key.created <= moment and (row is None or row[0] < moment):
                details: dict[str, Any] = {"accessKeyId": id_} | ({"lastAccessed": row[0]} if row else {})
                out.append(Unused("UnusedIAMUserAccessKey", id_, arn, "AWS::IAM::User", user.tags, [{"unusedIamUserAccessKeyDetails": details}]))
        login = call.get(logins.Login, user.key)
        if login and login.created <= moment:          # nobody signs in with a password here but to try it
            out.append(Unused("UnusedIAMUserPassword", "", arn, "AWS::IAM::User", user.tags, [{"unusedIamUserPasswordDetails": {}}]))
        if user.created <= moment:
            out += permissions(call, user, arn, "AWS::IAM::User", moment)
    return out


def permissions(call: Call, entity: Any, arn: str, type_: str, moment: float) -> list[Unused]:
    """One finding for all services that its policies allow and it has not used."""
    used = {row[0]: row[1] for row in call.sql("SELECT service, moment FROM iam_access WHERE id = ?", entity.id)}
    _, allowed = access.subject(call, arn)
    details = []
    for namespace in access.namespaces():
        if used.get(namespace, 0) < moment and any(granting.grants(policy, namespace) for policy in allowed):
            details.append({"unusedPermissionDetails": {"serviceNamespace": namespace} | ({"lastAccessed": used[namespace]} if namespace in used else {})})
    return [Unused("UnusedPermission", "", arn, type_, entity.tags, details)] if details else []
