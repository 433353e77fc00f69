"""Which of a user's, group's or role's policies let it do anything with a service."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.iam import Policy, parse
from cloche.iam.globs import glob
from cloche.iam.policy import texts
from cloche.kernel import Call

from . import errors, groups, policies, roles, users
from . import service as iam

if TYPE_CHECKING:
    from cloche.shapes import iam as t


def grants(policy: Policy, namespace: str) -> bool:
    """Some Allow names an action of the service, or all but some of other services."""
    for s in policy.statements:
        if s.allows:
            if "NotAction" in s.raw:
                if s.matches_action(f"{namespace}:*"):
                    return True
                continue
            for action in texts(s.raw["Action"]):
                vendor = action.lower().partition(":")[0]
                if vendor == "*" or glob(vendor)(namespace):
                    return True
    return False


@iam.op(resource=lambda call, req: req["Arn"])
def list_policies_granting_service_access(call: Call, req: t.ListPoliciesGrantingServiceAccessRequest) -> t.ListPoliciesGrantingServiceAccessResponse:
    parts = req["Arn"].split(":", 5)
    kind, _, name = parts[5].partition("/") if len(parts) == 6 else ("", "", "")
    if kind not in ("user", "group", "role"):
        raise errors.bad_arn(req["Arn"])
    entity: Any = {"user": users.find, "group": groups.find, "role": roles.find}[kind](call, name.rpartition("/")[2])
    held = [(kind, entity)] + [("group", groups.find(call, one)) for one in (entity.groups if kind == "user" else [])]
    found: list[tuple[dict[str, str], Policy]] = []
    for which, one in held:
        for policy, text in one.inline.items():
            found.append(({"PolicyName": policy, "PolicyType": "INLINE", "EntityType": which.upper(), "EntityName": one.name}, parse(text)))
        for arn in one.attached:
            if text := policies.document(call, arn):
                found.append(({"PolicyName": arn.rpartition("/")[2], "PolicyType": "MANAGED", "PolicyArn": arn}, parse(text)))
    return {"PoliciesGrantingServiceAccess": [
        {"ServiceNamespace": namespace, "Policies": [said for said, policy in found if grants(policy, namespace.lower())]} for namespace in req["ServiceNamespaces"]
    ], "IsTruncated": False}
