"""Who else may use an application: statements of accounts and organizations, which IAM reads as the application's resource policy."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as serverlessrepo
from .grants import ACTIONS
from .records import ON, find, home

if TYPE_CHECKING:
    from cloche.shapes import serverlessrepo as t

@serverlessrepo.op(**ON)
def put_application_policy(call: Call, req: t.PutApplicationPolicyRequest) -> t.PutApplicationPolicyResponse:
    one = find(call, req["ApplicationId"])
    statements: list[dict[str, Any]] = []
    for given in req["Statements"]:
        if not given["Principals"]:
            raise errors.bad("Principals must not be empty")
        for who in given["Principals"]:
            if who != "*" and not (len(who) == 12 and who.isdecimal()):
                raise errors.bad(f"Invalid principal: {who}. A principal is an AWS account ID, or * to share with everybody")
        if strange := [x for x in given["Actions"] if x not in ACTIONS]:
            raise errors.bad(f"Invalid action: {strange[0]}")
        if "*" in given["Principals"] and not given.get("PrincipalOrgIDs") and not ({"SpdxLicenseId", "LicenseUrl"} <= one.about.keys()):
            raise errors.bad("An application that is shared publicly must have a license: SpdxLicenseId, and LicenseBody or LicenseUrl")
        statements.append({"StatementId": given.get("StatementId") or call.uuid(), **{k: v for k, v in given.items() if k != "StatementId"}})
    if len({x["StatementId"] for x in statements}) < len(statements):
        raise errors.bad("StatementId must be unique")
    home(call, one.arn).put(one.but(statements=statements))
    return {"Statements": statements}  # type: ignore[typeddict-item]


@serverlessrepo.op(**ON)
def get_application_policy(call: Call, req: t.GetApplicationPolicyRequest) -> t.GetApplicationPolicyResponse:
    return {"Statements": find(call, req["ApplicationId"]).statements}  # type: ignore[typeddict-item]


@serverlessrepo.op(**ON)
def unshare_application(call: Call, req: t.UnshareApplicationRequest) -> None:
    """An organization's management account takes an application back from its organization."""
    one, wanted = find(call, req["ApplicationId"]), req["OrganizationId"]
    left = []
    for statement in one.statements:
        organizations = [x for x in statement.get("PrincipalOrgIDs", []) if x != wanted]
        if len(organizations) == len(statement.get("PrincipalOrgIDs", [])):
            left.append(statement)
        elif organizations:
            left.append({**statement, "PrincipalOrgIDs": organizations})
    if left == one.statements:
        raise errors.bad(f"Application {one.arn} is not shared with organization {wanted}")
    home(call, one.arn).put(one.but(statements=left))
