"""Access advisor of an organization: which services its control policies let through at a place of its tree, and when the accounts below really used them.

Counted are accounts, from the same rows as in `access`: what users and roles did.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.services.organizations import public as organizations

from . import access, errors, granting, roles, users
from . import service as iam
from .names import moment
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t


class OrganizationReport(Record, frozen=True):
    kind = "iam.organization-report"
    scope = "account"

    id: str
    created: float
    services: list[dict[str, Any]]

    @property
    def key(self) -> str:
        return self.id


@iam.op(resource=ANY, partly="of AWS's services those built here are listed; what root users do is not counted")
def generate_organizations_access_report(call: Call, req: t.GenerateOrganizationsAccessReportRequest) -> t.GenerateOrganizationsAccessReportResponse:
    found = organizations.management(call.cloud, call.account)
    if found is None or found[0] != call.account:
        raise AwsError("AccessDenied", "Only the management account of an organization may ask for its access report.", 403)
    place = organizations.place(call.cloud, call.account, req["EntityPath"])
    if place is None:
        raise errors.invalid(f"The entity path {req['EntityPath']} is not one of this organization.")
    levels, accounts = place
    if "OrganizationsPolicyId" in req:
        levels = [chosen for level in levels if (chosen := [named for named in level if named[0].rpartition("/")[2] == req["OrganizationsPolicyId"]])]
        if not levels:
            raise errors.invalid(f"The policy {req['OrganizationsPolicyId']} is not attached to the entity or above it.")
    used = {account: _used(call.at(account, call.region)) for account in accounts}
    services = []
    for namespace, name in access.namespaces().items():
        if not all(any(granting.grants(policy, namespace) for _, _, policy in level) for level in levels):
            continue
        line: dict[str, Any] = {"ServiceName": name, "ServiceNamespace": namespace, "TotalAuthenticatedEntities": sum(namespace in those for those in used.values())}
        if line["TotalAuthenticatedEntities"]:
            when, region, account = max((*those[namespace], account) for account, those in used.items() if namespace in those)
            line |= {"LastAuthenticatedTime": when, "Region": region, "EntityPath": accounts[account]}
        services.append(line)
    return {"JobId": call.put(OrganizationReport(call.uuid(), moment(call), services)).id}


def _used(there: Call) -> dict[str, tuple[float, str]]:
    """Of one account: service -> when and where last."""
    found: dict[str, tuple[float, str]] = {}
    for entity in (*there.all(users.User), *there.all(roles.Role)):
        for service, when, region in there.sql("SELECT service, moment, region FROM iam_access WHERE id = ?", entity.id):
            found[service] = max(found.get(service, (0.0, "")), (when, region))
    return found


@iam.op(resource=ANY)
def get_organizations_access_report(call: Call, req: t.GetOrganizationsAccessReportRequest) -> t.GetOrganizationsAccessReportResponse:
    report = call.get(OrganizationReport, req["JobId"])
    if report is None:
        raise AwsError("NoSuchEntity", f"No job found for job id {req['JobId']}", 404)
    by_time = req.get("SortKey", "").startswith("LAST_AUTHENTICATED_TIME")
    lines = sorted(report.services, key=lambda line: (line.get("LastAuthenticatedTime", 0.0) if by_time else 0, line["ServiceNamespace"]), reverse=req.get("SortKey", "").endswith("_DESCENDING"))
    found, more = page(req, enumerate(lines), key=lambda pair: str(pair[0]), ordered=True)
    return {
        "JobStatus": "COMPLETED", "JobCreationDate": report.created, "JobCompletionDate": report.created, "NumberOfServicesAccessible": len(lines),
        "NumberOfServicesNotAccessed": sum(not line["TotalAuthenticatedEntities"] for line in lines), "AccessDetails": [line for _, line in found], **more,
    }
