"""Permission sets: what becomes a role in each account in which somebody is assigned. A change reaches a role when the set is provisioned again.

The set itself holds who is assigned where, and which version of it each account's role has.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call, Record, pages
from cloche.services.iam import public as iam

from . import errors, instances
from . import service as sso

if TYPE_CHECKING:
    from cloche.shapes import sso_admin as t

MOST_MANAGED, MOST_INLINE = 20, 10240
HOUR, TWELVE_HOURS = 3600, 43200


class PermissionSet(Record, frozen=True):
    kind = "sso.permission-set"

    id: str                                            # ps-...
    instance: str
    name: str
    created: float
    description: str | None = None
    duration: str | None = None
    relay: str | None = None
    managed: list[str] = []
    customer: list[tuple[str, str]] = []               # (path, name) of policies that each account has itself
    inline: str = ""
    boundary: dict[str, Any] | None = None
    tags: dict[str, str] = {}
    version: int = 1
    provisioned: dict[str, tuple[str, int]] = {}       # account -> (role, version it was made from)
    assigned: dict[str, list[tuple[str, str]]] = {}    # account -> [(USER | GROUP, id)]

    @property
    def key(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return f"arn:aws:sso:::permissionSet/{self.instance}/{self.id}"

    @property
    def seconds(self) -> int:
        return seconds(self.duration) if self.duration else HOUR


_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def seconds(text: str) -> int:
    found = _DURATION.fullmatch(text)
    total = sum(int(part or 0) * unit for part, unit in zip(found.groups(), (86400, 3600, 60, 1))) if found else 0
    if not HOUR <= total <= TWELVE_HOURS:
        raise errors.invalid("SessionDuration must be between 1 hour and 12 hours")
    return total


def both(call: Call, req: Any) -> list[str]:
    """The resources IAM is asked about."""
    return [req["InstanceArn"], *([req["PermissionSetArn"]] if "PermissionSetArn" in req else [])]


def find(call: Call, req: Any) -> tuple[Call, instances.Instance, PermissionSet]:
    there, instance = instances.of_organization(call, req)
    return there, instance, of(there, instance, req["PermissionSetArn"])


def of(there: Call, instance: instances.Instance, arn: str) -> PermissionSet:
    found = there.get(PermissionSet, arn.rpartition("/")[2])
    if found is None or found.arn != arn or found.instance != instance.id:
        raise errors.not_found("PermissionSet", arn)
    return found


def view(one: PermissionSet) -> Any:
    found = {"Name": one.name, "PermissionSetArn": one.arn, "Description": one.description, "CreatedDate": one.created, "SessionDuration": one.duration or "PT1H", "RelayState": one.relay}
    return {name: value for name, value in found.items() if value is not None}


def change(there: Call, one: PermissionSet, **changes: Any) -> dict[str, Any]:
    there.put(one.but(version=one.version + 1, **changes))
    return {}


@sso.op(resource=both)
def create_permission_set(call: Call, req: t.CreatePermissionSetRequest) -> t.CreatePermissionSetResponse:
    there, instance = instances.of_organization(call, req)
    if any(one.name == req["Name"] for one in there.all(PermissionSet)):
        raise errors.conflict(f"PermissionSet with name {req['Name']} already exists.")
    if "SessionDuration" in req:
        seconds(req["SessionDuration"])
    made = there.put(PermissionSet(f"ps-{call.pick(instances.HEX, 16)}", instance.id, req["Name"], call.now, req.get("Description"), req.get("SessionDuration"), req.get("RelayState"),
                                   tags={tag["Key"]: tag["Value"] for tag in req.get("Tags", [])}))
    return {"PermissionSet": view(made)}


@sso.op(resource=both)
def describe_permission_set(call: Call, req: t.DescribePermissionSetRequest) -> t.DescribePermissionSetResponse:
    return {"PermissionSet": view(find(call, req)[2])}


@sso.op(resource=both)
def list_permission_sets(call: Call, req: t.ListPermissionSetsRequest) -> t.ListPermissionSetsResponse:
    there, _ = instances.of_organization(call, req)
    found, more = pages.page(sorted(one.arn for one in there.all(PermissionSet)), req, str, 100, errors.bad_token)
    return {"PermissionSets": found, **more}


@sso.op(resource=both)
def update_permission_set(call: Call, req: t.UpdatePermissionSetRequest) -> t.UpdatePermissionSetResponse:
    there, _, one = find(call, req)
    if "SessionDuration" in req:
        seconds(req["SessionDuration"])
    return change(there, one, description=req.get("Description", one.description), duration=req.get("SessionDuration", one.duration), relay=req.get("RelayState", one.relay))  # type: ignore[return-value]


@sso.op(resource=both)
def delete_permission_set(call: Call, req: t.DeletePermissionSetRequest) -> t.DeletePermissionSetResponse:
    there, _, one = find(call, req)
    if one.assigned:
        raise errors.conflict("PermissionSet still has account assignments. Delete them first.")
    there.delete(one)
    return {}


# -- its policies ---------------------------------------------------------------------------------------------------------

@sso.op(resource=both)
def attach_managed_policy_to_permission_set(call: Call, req: t.AttachManagedPolicyToPermissionSetRequest) -> t.AttachManagedPolicyToPermissionSetResponse:
    there, _, one = find(call, req)
    arn = req["ManagedPolicyArn"]
    if iam.managed_document(call, call.account, arn) is None:
        raise errors.not_found("Policy", arn)
    if arn in one.managed:
        raise errors.conflict(f"Policy {arn} is attached already.")
    if len(one.managed) >= MOST_MANAGED:
        raise errors.quota("managed policies in a permission set", MOST_MANAGED)
    return change(there, one, managed=[*one.managed, arn])  # type: ignore[return-value]


@sso.op(resource=both)
def list_managed_policies_in_permission_set(call: Call, req: t.ListManagedPoliciesInPermissionSetRequest) -> t.ListManagedPoliciesInPermissionSetResponse:
    found, more = pages.page(find(call, req)[2].managed, req, str, 100, errors.bad_token)
    return {"AttachedManagedPolicies": [{"Name": arn.rpartition("/")[2], "Arn": arn} for arn in found], **more}


@sso.op(resource=both)
def detach_managed_policy_from_permission_set(call: Call, req: t.DetachManagedPolicyFromPermissionSetRequest) -> t.DetachManagedPolicyFromPermissionSetResponse:
    there, _, one = find(call, req)
    if req["ManagedPolicyArn"] not in one.managed:
        raise errors.not_found("Policy", req["ManagedPolicyArn"])
    return change(there, one, managed=[arn for arn in one.managed if arn != req["ManagedPolicyArn"]])  # type: ignore[return-value]


def reference(given: Any) -> tuple[str, str]:
    return given.get("Path", "/"), given["Name"]


@sso.op(resource=both)
def attach_customer_managed_policy_reference_to_permission_set(
    call: Call, req: t.AttachCustomerManagedPolicyReferenceToPermissionSetRequest,
) -> t.AttachCustomerManagedPolicyReferenceToPermissionSetResponse:
    there, _, one = find(call, req)
    path, name = reference(req["CustomerManagedPolicyReference"])
    if (path, name) in map(tuple, one.customer):
        raise errors.conflict(f"Policy {path}{name} is attached already.")
    if len(one.customer) >= MOST_MANAGED:
        raise errors.quota("customer managed policies in a permission set", MOST_MANAGED)
    return change(there, one, customer=[*one.customer, (path, name)])  # type: ignore[return-value]


@sso.op(resource=both)
def list_customer_managed_policy_references_in_permission_set(
    call: Call, req: t.ListCustomerManagedPolicyReferencesInPermissionSetRequest,
) -> t.ListCustomerManagedPolicyReferencesInPermissionSetResponse:
    found, more = pages.page(find(call, req)[2].customer, req, lambda pair: "".join(pair), 100, errors.bad_token)
    return {"CustomerManagedPolicyReferences": [{"Name": name, "Path": path} for path, name in found], **more}


@sso.op(resource=both)
def detach_customer_managed_policy_reference_from_permission_set(
    call: Call, req: t.DetachCustomerManagedPolicyReferenceFromPermissionSetRequest,
) -> t.DetachCustomerManagedPolicyReferenceFromPermissionSetResponse:
    there, _, one = find(call, req)
    gone = reference(req["CustomerManagedPolicyReference"])
    if gone not in map(tuple, one.customer):
        raise errors.not_found("Policy", "".join(gone))
    return change(there, one, customer=[pair for pair in one.customer if tuple(pair) != gone])  # type: ignore[return-value]


@sso.op(resource=both)
def put_inline_policy_to_permission_set(call: Call, req: t.PutInlinePolicyToPermissionSetRequest) -> t.PutInlinePolicyToPermissionSetResponse:
    there, _, one = find(call, req)
    try:
        grammar.identity(req["InlinePolicy"])
    except MalformedPolicy as error:
        raise errors.invalid(f"The policy document is not valid: {error.message}") from None
    if len(re.sub(r"\s", "", req["InlinePolicy"])) > MOST_INLINE:
        raise errors.quota("characters in an inline policy", MOST_INLINE)
    return change(there, one, inline=req["InlinePolicy"])  # type: ignore[return-value]


@sso.op(resource=both)
def get_inline_policy_for_permission_set(call: Call, req: t.GetInlinePolicyForPermissionSetRequest) -> t.GetInlinePolicyForPermissionSetResponse:
    return {"InlinePolicy": find(call, req)[2].inline}


@sso.op(resource=both)
def delete_inline_policy_from_permission_set(call: Call, req: t.DeleteInlinePolicyFromPermissionSetRequest) -> t.DeleteInlinePolicyFromPermissionSetResponse:
    there, _, one = find(call, req)
    if not one.inline:
        raise errors.not_found("Inline policy", one.arn)
    return change(there, one, inline="")  # type: ignore[return-value]


@sso.op(resource=both)
def put_permissions_boundary_to_permission_set(call: Call, req: t.PutPermissionsBoundaryToPermissionSetRequest) -> t.PutPermissionsBoundaryToPermissionSetResponse:
    there, _, one = find(call, req)
    given = req["PermissionsBoundary"]
    if ("ManagedPolicyArn" in given) == ("CustomerManagedPolicyReference" in given):
        raise errors.invalid("Only one of ManagedPolicyArn or CustomerManagedPolicyReference should be given.")
    return change(there, one, boundary=dict(given))  # type: ignore[return-value]


@sso.op(resource=both)
def get_permissions_boundary_for_permission_set(call: Call, req: t.GetPermissionsBoundaryForPermissionSetRequest) -> t.GetPermissionsBoundaryForPermissionSetResponse:
    one = find(call, req)[2]
    if one.boundary is None:
        raise errors.not_found("PermissionsBoundary", one.arn)
    return {"PermissionsBoundary": one.boundary}  # type: ignore[typeddict-item]


@sso.op(resource=both)
def delete_permissions_boundary_from_permission_set(
    call: Call, req: t.DeletePermissionsBoundaryFromPermissionSetRequest,
) -> t.DeletePermissionsBoundaryFromPermissionSetResponse:
    there, _, one = find(call, req)
    if one.boundary is None:
        raise errors.not_found("PermissionsBoundary", one.arn)
    return change(there, one, boundary=None)  # type: ignore[return-value]
