"""Assignments: this user or group gets this permission set in this account. The first in an account makes the role there, the last takes it away.

Everything here goes on behind the answer, as AWS does it: a request is IN_PROGRESS, and a moment later it has succeeded or says why not.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages
from cloche.services.identitystore import public as identities
from cloche.services.organizations import public as organizations

from . import applications, errors, instances, roles, token_issuers
from . import service as sso
from .permission_sets import PermissionSet, both, find, of

if TYPE_CHECKING:
    from cloche.shapes import sso_admin as t


class Held(Record, frozen=True):
    """What a user or a group is assigned: the other half of `PermissionSet.assigned`."""

    kind = "sso.held"

    id: str
    type: str
    sets: list[tuple[str, str]]                        # (account, permission set)

    @property
    def key(self) -> str:
        return f"{self.type}/{self.id}"


class Request(Record, frozen=True):
    """What was asked for, and what became of it."""

    kind = "sso.request"

    id: str
    what: str                                          # create | delete | provision
    created: float
    asked: dict[str, str]
    status: str = "IN_PROGRESS"
    failure: str = ""

    @property
    def key(self) -> str:
        return self.id


MEMBERS = ("TargetId", "TargetType", "PermissionSetArn", "PrincipalType", "PrincipalId")


def targets(call: Call, req: Any) -> list[str]:
    return [*both(call, req), f"arn:aws:sso:::account/{req['TargetId']}" if "TargetId" in req else f"arn:aws:sso:::account/{req.get('AccountId', '*')}"]


def begin(call: Call, there: Call, what: str, asked: dict[str, str]) -> Request:
    made = there.put(Request(call.uuid(), what, call.now, asked))
    there.wake(finish, made.id)
    return made


def view(request: Request) -> Any:
    found = {"Status": request.status, "RequestId": request.id, "CreatedDate": request.created, **{name: value for name, value in request.asked.items() if name != "InstanceArn"}}
    return found | ({"FailureReason": request.failure} if request.failure else {})


@sso.op(resource=targets)
def create_account_assignment(call: Call, req: t.CreateAccountAssignmentRequest) -> t.CreateAccountAssignmentResponse:
    there, _, _ = find(call, req)
    return {"AccountAssignmentCreationStatus": view(begin(call, there, "create", {name: req[name] for name in (*MEMBERS, "InstanceArn")}))}  # type: ignore[literal-required]


@sso.op(resource=targets)
def delete_account_assignment(call: Call, req: t.DeleteAccountAssignmentRequest) -> t.DeleteAccountAssignmentResponse:
    there, _, one = find(call, req)
    if (req["PrincipalType"], req["PrincipalId"]) not in map(tuple, one.assigned.get(req["TargetId"], [])):
        raise errors.not_found("AccountAssignment", f"{req['TargetId']}, {one.arn}, {req['PrincipalType']} {req['PrincipalId']}")
    return {"AccountAssignmentDeletionStatus": view(begin(call, there, "delete", {name: req[name] for name in (*MEMBERS, "InstanceArn")}))}  # type: ignore[literal-required]


@sso.op(resource=targets)
def provision_permission_set(call: Call, req: t.ProvisionPermissionSetRequest) -> t.ProvisionPermissionSetResponse:
    there, _, one = find(call, req)
    if req["TargetType"] == "AWS_ACCOUNT" and "TargetId" not in req:
        raise errors.invalid("TargetId is required where TargetType is AWS_ACCOUNT.")
    if "TargetId" in req and req["TargetId"] not in one.provisioned:
        raise errors.not_found("Provisioned account", req["TargetId"])
    asked = {"PermissionSetArn": one.arn, "InstanceArn": req["InstanceArn"]} | ({"AccountId": req["TargetId"]} if "TargetId" in req else {})
    return {"PermissionSetProvisioningStatus": view(begin(call, there, "provision", asked))}


@sso.worker
async def finish(call: Call, key: str) -> None:
    """`call` is at the instance's owner."""
    one = call.get(Request, key)
    if one is None or one.status != "IN_PROGRESS":
        return
    with call.step():
        instance = call.get(instances.Instance, one.asked["InstanceArn"].rpartition("/")[2])
        held = call.get(PermissionSet, one.asked["PermissionSetArn"].rpartition("/")[2])
        failure = "The permission set does not exist any more." if instance is None or held is None else WORK[one.what](call, instance, held, one.asked)
        call.put(one.but(status="FAILED" if failure else "SUCCEEDED", failure=failure))


def _create(call: Call, instance: instances.Instance, one: PermissionSet, asked: dict[str, str]) -> str:
    account, who = asked["TargetId"], (asked["PrincipalType"], asked["PrincipalId"])
    member = organizations.members(call.cloud, instance.owner).get(account)
    if member is None or member.state != "ACTIVE":
        return f"The account {account} is not an active member of the organization."
    if not identities.exists(call, *who):
        return f"Received a 404 status error: {who[0]} not found."
    if failure := roles.provision(call, instance, one, account):
        return failure
    one = call.get(PermissionSet, one.id)  # type: ignore[assignment]
    if who not in map(tuple, one.assigned.get(account, [])):
        call.put(one.but(assigned={**one.assigned, account: [*one.assigned.get(account, []), who]}))
        held = call.get(Held, f"{who[0]}/{who[1]}") or Held(who[1], who[0], [])
        call.put(held.but(sets=[*held.sets, (account, one.id)]))
    return ""


def _delete(call: Call, instance: instances.Instance, one: PermissionSet, asked: dict[str, str]) -> str:
    account, who = asked["TargetId"], (asked["PrincipalType"], asked["PrincipalId"])
    left = [pair for pair in one.assigned.get(account, []) if tuple(pair) != who]
    assigned = {number: pairs for number, pairs in one.assigned.items() if number != account} | ({account: left} if left else {})
    one = call.put(one.but(assigned=assigned))
    if held := call.get(Held, f"{who[0]}/{who[1]}"):
        sets = [pair for pair in held.sets if tuple(pair) != (account, one.id)]
        call.put(held.but(sets=sets)) if sets else call.delete(held)
    if not left:
        roles.withdraw(call, one, account)
    return ""


def _provision(call: Call, instance: instances.Instance, one: PermissionSet, asked: dict[str, str]) -> str:
    for account in [asked["AccountId"]] if "AccountId" in asked else list(one.provisioned):
        if failure := roles.provision(call, instance, call.get(PermissionSet, one.id) or one, account):
            return failure
    return ""


WORK = {"create": _create, "delete": _delete, "provision": _provision}


# -- what became of it ------------------------------------------------------------------------------------------------------

def request(call: Call, req: Any, what: str, id: str) -> Any:
    there, _ = instances.of_organization(call, req)
    found = there.get(Request, id)
    if found is None or found.what != what:
        raise errors.no_request(id)
    return view(found)


def listed(call: Call, req: Any, what: str) -> tuple[list[Any], dict[str, str]]:
    there, _ = instances.of_organization(call, req)
    wanted = req.get("Filter", {}).get("Status")
    found, more = pages.page(sorted((one for one in there.all(Request) if one.what == what and wanted in (None, one.status)), key=lambda one: one.id), req, lambda one: one.id, 100, errors.bad_token)
    return [{"Status": one.status, "RequestId": one.id, "CreatedDate": one.created} for one in found], more


@sso.op(resource=both)
def describe_account_assignment_creation_status(
    call: Call, req: t.DescribeAccountAssignmentCreationStatusRequest,
) -> t.DescribeAccountAssignmentCreationStatusResponse:
    return {"AccountAssignmentCreationStatus": request(call, req, "create", req["AccountAssignmentCreationRequestId"])}


@sso.op(resource=both)
def describe_account_assignment_deletion_status(
    call: Call, req: t.DescribeAccountAssignmentDeletionStatusRequest,
) -> t.DescribeAccountAssignmentDeletionStatusResponse:
    return {"AccountAssignmentDeletionStatus": request(call, req, "delete", req["AccountAssignmentDeletionRequestId"])}


@sso.op(resource=both)
def describe_permission_set_provisioning_status(
    call: Call, req: t.DescribePermissionSetProvisioningStatusRequest,
) -> t.DescribePermissionSetProvisioningStatusResponse:
    return {"PermissionSetProvisioningStatus": request(call, req, "provision", req["ProvisionPermissionSetRequestId"])}


@sso.op(resource=both)
def list_account_assignment_creation_status(call: Call, req: t.ListAccountAssignmentCreationStatusRequest) -> t.ListAccountAssignmentCreationStatusResponse:
    found, more = listed(call, req, "create")
    return {"AccountAssignmentsCreationStatus": found, **more}  # type: ignore[typeddict-item]


@sso.op(resource=both)
def list_account_assignment_deletion_status(call: Call, req: t.ListAccountAssignmentDeletionStatusRequest) -> t.ListAccountAssignmentDeletionStatusResponse:
    found, more = listed(call, req, "delete")
    return {"AccountAssignmentsDeletionStatus": found, **more}  # type: ignore[typeddict-item]


@sso.op(resource=both)
def list_permission_set_provisioning_status(call: Call, req: t.ListPermissionSetProvisioningStatusRequest) -> t.ListPermissionSetProvisioningStatusResponse:
    found, more = listed(call, req, "provision")
    return {"PermissionSetsProvisioningStatus": found, **more}  # type: ignore[typeddict-item]


# -- who has what -------------------------------------------------------------------------------------------------------------

@sso.op(resource=targets)
def list_account_assignments(call: Call, req: t.ListAccountAssignmentsRequest) -> t.ListAccountAssignmentsResponse:
    _, _, one = find(call, req)
    found, more = pages.page(sorted(map(tuple, one.assigned.get(req["AccountId"], []))), req, "/".join, 100, errors.bad_token)
    return {"AccountAssignments": [{"AccountId": req["AccountId"], "PermissionSetArn": one.arn, "PrincipalType": type, "PrincipalId": id} for type, id in found], **more}  # type: ignore[typeddict-item]


@sso.op(resource=both)
def list_account_assignments_for_principal(call: Call, req: t.ListAccountAssignmentsForPrincipalRequest) -> t.ListAccountAssignmentsForPrincipalResponse:
    there, instance = instances.of_organization(call, req)
    type, id, account = req["PrincipalType"], req["PrincipalId"], req.get("Filter", {}).get("AccountId")
    if not identities.exists(there, type, id):
        raise errors.not_found(type.capitalize(), id)
    groups = list(identities.user(there, id).groups) if type == "USER" else []       # a user's groups' assignments are its own too
    held = [(kind, who, one) for kind, who in ((type, id), *(("GROUP", group) for group in groups)) if (one := there.get(Held, f"{kind}/{who}"))]
    told = [{"AccountId": number, "PermissionSetArn": f"arn:aws:sso:::permissionSet/{instance.id}/{set_}", "PrincipalId": who, "PrincipalType": kind}
            for kind, who, one in held for number, set_ in one.sets if account in (None, number)]
    found, more = pages.page(sorted(told, key=_name), req, _name, 100, errors.bad_token)
    return {"AccountAssignments": found, **more}  # type: ignore[typeddict-item]


def _name(told: dict[str, str]) -> str:
    return "/".join(told.values())


def _of_status(one: PermissionSet, account: str, status: str | None) -> bool:
    latest = one.provisioned[account][1] == one.version
    return status is None or latest == (status == "LATEST_PERMISSION_SET_PROVISIONED")


@sso.op(resource=both)
def list_accounts_for_provisioned_permission_set(call: Call, req: t.ListAccountsForProvisionedPermissionSetRequest) -> t.ListAccountsForProvisionedPermissionSetResponse:
    _, _, one = find(call, req)
    found, more = pages.page(sorted(account for account in one.provisioned if _of_status(one, account, req.get("ProvisioningStatus"))), req, str, 100, errors.bad_token)
    return {"AccountIds": found, **more}


@sso.op(resource=targets)
def list_permission_sets_provisioned_to_account(call: Call, req: t.ListPermissionSetsProvisionedToAccountRequest) -> t.ListPermissionSetsProvisionedToAccountResponse:
    there, _ = instances.of_organization(call, req)
    account = req["AccountId"]
    those = sorted(one.arn for one in there.all(PermissionSet) if account in one.provisioned and _of_status(one, account, req.get("ProvisioningStatus")))
    found, more = pages.page(those, req, str, 100, errors.bad_token)
    return {"PermissionSets": found, **more}


# -- tags ---------------------------------------------------------------------------------------------------------------------

def _tagged(call: Call, req: Any) -> tuple[Call, Any]:
    arn = req["ResourceArn"]
    if ":application/" in arn:
        there, _, one = applications.lookup(call, arn)
        return there, one
    if ":trustedTokenIssuer/" in arn:
        return token_issuers.lookup(call, arn)
    instance = arn.split(":permissionSet/")[-1].split("/")[0] if ":permissionSet/" in arn else arn.rpartition("/")[2]
    there, found = instances.lookup(call, f"arn:aws:sso:::instance/{instance}")
    return there, (of(there, found, arn) if ":permissionSet/" in arn else found)


def by_resource(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


@sso.op(resource=by_resource)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    there, one = _tagged(call, req)
    there.put(one.but(tags=one.tags | {tag["Key"]: tag["Value"] for tag in req["Tags"]}))
    return {}


@sso.op(resource=by_resource)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    there, one = _tagged(call, req)
    there.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["TagKeys"]}))
    return {}


@sso.op(resource=by_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    _, one = _tagged(call, req)
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(one.tags.items())]}
