"""From what a control saw to findings: one for each resource (or one for each standard too), kept up as the resource is better or worse."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import Call

from . import parameters
from .catalogue import STANDARDS, Control, remedy
from .finding_history import IMPORTED
from .findings import LABELS, Finding, changed, imported
from .hub import find, stamp
from .looking import PASSED, Seen

PRODUCT = "aws/securityhub"


def product_arn(call: Call, product: str = PRODUCT) -> str:
    return call.arn(f"product/{product}", account="")


def report(call: Call, control: Control, standards: list[str], seen: list[Seen]) -> None:
    """A resource that is seen no more has its finding archived."""
    whole = find(call).generator == "SECURITY_CONTROL"
    old = {(one.standard, one.about): one for one in call.all(Finding) if one.control == control.id and one.body["RecordState"] == "ACTIVE"}
    kept = set()
    for standard in [""] if whole else standards:
        for one in seen:
            kept.add((standard, one.id))
            before = old.get((standard, one.id))
            imported(call, before, _again(call, before, one) if before else _first(call, control, standards, standard, one))
    archive(call, lambda one: one.control == control.id and (one.standard, one.about) not in kept)


def archive(call: Call, which: Callable[[Finding], bool]) -> None:
    for one in call.all(Finding):
        if one.control and one.body["RecordState"] == "ACTIVE" and which(one):
            changed(call, one, one.but(body={**one.body, "RecordState": "ARCHIVED", "UpdatedAt": stamp(call.now)}, processed=call.now), IMPORTED, one.product)


def _compliance(before: dict[str, Any], one: Seen, used: list[dict[str, Any]]) -> dict[str, Any]:
    out = {**{name: value for name, value in before.items() if name not in ("StatusReasons", "SecurityControlParameters")}, "Status": one.status}
    if used:
        out["SecurityControlParameters"] = used
    return out | ({"StatusReasons": [{"ReasonCode": one.reason[0], "Description": one.reason[1]}]} if one.reason else {})


def _resource(call: Call, one: Seen) -> dict[str, Any]:
    return {"Type": one.kind, "Id": one.id, "Partition": "aws", "Region": call.region, **({"Details": one.details} if one.details else {}), **({"Tags": one.tags} if one.tags else {})}


def severity(control: Control, status: str) -> dict[str, Any]:
    """What has passed is for information."""
    label = "INFORMATIONAL" if status == PASSED else control.severity
    return {"Label": label, "Normalized": LABELS[label], "Original": label}


def _first(call: Call, control: Control, standards: list[str], standard: str, one: Seen) -> Finding:
    now, path = stamp(call.now), STANDARDS[standard].path if standard else ""
    id_ = call.arn(f"subscription/{path}/{control.id}/finding/{call.uuid()}" if standard else f"security-control/{control.id}/finding/{call.uuid()}")
    related = sorted({each for name in ([standard] if standard else standards) for each in control.standards[name]})
    rated = severity(control, one.status)
    body = {
        "SchemaVersion": "2018-10-08", "Id": id_, "ProductArn": product_arn(call), "ProductName": "Security Hub", "CompanyName": "AWS", "Region": call.region,
        "GeneratorId": f"{path}/{control.id}" if standard else f"security-control/{control.id}", "AwsAccountId": call.account,
        "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"], "FirstObservedAt": now, "LastObservedAt": now, "CreatedAt": now, "UpdatedAt": now,
        "Severity": rated, "Title": f"{control.id} {control.title}" if standard else control.title, "Description": control.what,
        "Remediation": {"Recommendation": {"Text": "For information on how to correct this issue, consult the AWS Security Hub controls documentation.", "Url": remedy(control)}},
        "ProductFields": {"aws/securityhub/ProductName": "Security Hub", "aws/securityhub/CompanyName": "AWS", "Resources:0/Id": one.id,
                          "aws/securityhub/FindingId": f"{product_arn(call)}/{id_}"},
        "Resources": [_resource(call, one)],
        "Compliance": _compliance({"SecurityControlId": control.id, "AssociatedStandards": [{"StandardsId": _named(name)} for name in ([standard] if standard else standards)],
                                   **({"RelatedRequirements": related} if related else {})}, one, parameters.used(call, control.id)),
        "WorkflowState": "NEW", "Workflow": {"Status": "RESOLVED" if one.status == PASSED else "NEW"}, "RecordState": "ACTIVE",
        "FindingProviderFields": {"Severity": {"Label": rated["Label"], "Original": rated["Original"]}, "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"]},
        "ProcessedAt": now}
    return Finding(product_arn(call), id_, body, call.now, control.id, standard, one.id)


def _named(standard: str) -> str:
    one = STANDARDS[standard]
    return f"{'standards' if one.regional else 'ruleset'}/{one.path}"


def _again(call: Call, before: Finding, one: Seen) -> Finding:
    """A better resource resolves its finding, a worse one opens it anew; what somebody said of it otherwise stays."""
    from .catalogue import CONTROLS
    body, now = before.body, stamp(call.now)
    was = body["Compliance"]["Status"]
    news: dict[str, Any] = {"UpdatedAt": now, "LastObservedAt": now, "ProcessedAt": now, "Resources": [_resource(call, one)], "Compliance": _compliance(body["Compliance"], one, parameters.used(call, before.control))}
    if one.status != was:
        rated = severity(CONTROLS[before.control], one.status)
        news["Severity"], news["FindingProviderFields"] = rated, {**body["FindingProviderFields"], "Severity": {"Label": rated["Label"], "Original": rated["Original"]}}
        if one.status == PASSED and body["Workflow"]["Status"] in ("NEW", "NOTIFIED"):
            news["Workflow"] = {"Status": "RESOLVED"}
        elif was == PASSED and body["Workflow"]["Status"] in ("RESOLVED", "NOTIFIED"):
            news["Workflow"] = {"Status": "NEW"}
    return before.but(body={**body, **news}, processed=call.now)
