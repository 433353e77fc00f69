"""Who may use an application: users and groups assigned to it, or everybody where no assignment is required."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages
from cloche.services.identitystore import public as identities

from . import errors, instances
from . import service as sso
from .applications import Application, by_arn, find

if TYPE_CHECKING:
    from cloche.shapes import sso_admin as t


def view(one: Application, type: str, id: str) -> Any:
    return {"ApplicationArn": one.arn, "PrincipalId": id, "PrincipalType": type}


def missing(req: Any) -> Exception:
    return errors.not_found("ApplicationAssignment", f"{req['ApplicationArn']}, {req['PrincipalType']} {req['PrincipalId']}")


@sso.op(resource=by_arn)
def create_application_assignment(call: Call, req: t.CreateApplicationAssignmentRequest) -> Any:
    there, _, one = find(call, req)
    who = (req["PrincipalType"], req["PrincipalId"])
    if not identities.exists(there, *who):
        raise errors.not_found(who[0], who[1])
    if who in map(tuple, one.assigned):
        raise errors.conflict("The principal is assigned to the application already.")
    there.put(one.but(assigned=[*one.assigned, who]))
    return {}


@sso.op(resource=by_arn)
def delete_application_assignment(call: Call, req: t.DeleteApplicationAssignmentRequest) -> Any:
    there, _, one = find(call, req)
    who = (req["PrincipalType"], req["PrincipalId"])
    if who not in map(tuple, one.assigned):
        raise missing(req)
    there.put(one.but(assigned=[each for each in one.assigned if tuple(each) != who]))
    return {}


@sso.op(resource=by_arn)
def describe_application_assignment(call: Call, req: t.DescribeApplicationAssignmentRequest) -> t.DescribeApplicationAssignmentResponse:
    _, _, one = find(call, req)
    if (req["PrincipalType"], req["PrincipalId"]) not in map(tuple, one.assigned):
        raise missing(req)
    return view(one, req["PrincipalType"], req["PrincipalId"])  # type: ignore[no-any-return]


@sso.op(resource=by_arn)
def list_application_assignments(call: Call, req: t.ListApplicationAssignmentsRequest) -> t.ListApplicationAssignmentsResponse:
    _, _, one = find(call, req)
    found, more = pages.page(sorted(map(tuple, one.assigned)), req, lambda who: f"{who[0]}/{who[1]}", 100, errors.bad_token)
    return {"ApplicationAssignments": [view(one, *who) for who in found], **more}


@sso.op(resource=instances.by_arn)
def list_application_assignments_for_principal(call: Call, req: t.ListApplicationAssignmentsForPrincipalRequest) -> t.ListApplicationAssignmentsForPrincipalResponse:
    there, instance = instances.find(call, req)
    who, wanted = (req["PrincipalType"], req["PrincipalId"]), req.get("Filter", {}).get("ApplicationArn")
    those = sorted((one for one in there.all(Application) if one.instance == instance.id and wanted in (None, one.arn) and who in map(tuple, one.assigned)), key=lambda one: one.id)
    found, more = pages.page(those, req, lambda one: one.id, 100, errors.bad_token)
    return {"ApplicationAssignments": [view(one, *who) for one in found], **more}


@sso.op(resource=by_arn)
def put_application_assignment_configuration(call: Call, req: t.PutApplicationAssignmentConfigurationRequest) -> Any:
    there, _, one = find(call, req)
    there.put(one.but(assignment_required=req["AssignmentRequired"]))
    return {}


@sso.op(resource=by_arn)
def get_application_assignment_configuration(call: Call, req: t.GetApplicationAssignmentConfigurationRequest) -> t.GetApplicationAssignmentConfigurationResponse:
    return {"AssignmentRequired": find(call, req)[2].assignment_required}
