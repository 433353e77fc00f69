"""Findings in the AWS Security Finding Format, whoever made them. Its product writes a finding (BatchImportFindings); those who work with it write the rest (BatchUpdateFindings).

Everything that is new or changed is an event on the default bus.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsEvent, Call, Record, pages

from . import automation, errors, filters, finding_history, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

LABELS = {"INFORMATIONAL": 0, "LOW": 1, "MEDIUM": 40, "HIGH": 70, "CRITICAL": 90}
# what a product cannot overwrite once the finding is there
CUSTOMERS = ("Note", "UserDefinedFields", "VerificationState", "Workflow", "WorkflowState")
SHARED = ("Confidence", "Criticality", "RelatedFindings", "Severity", "Types")
PRODUCT = re.compile(r"arn:aws:securityhub:([a-z0-9-]+):(\d*):product/([^/]+)/([^/]+)")


class Finding(Record, frozen=True):
    kind = "securityhub.finding"

    product: str
    id: str
    body: dict[str, Any]
    processed: float
    control: str = ""                                  # of Security Hub's own: which control, for which standard ("": for all), about what
    standard: str = ""
    about: str = ""

    @property
    def key(self) -> str:
        return f"{self.product}|{self.id}"


def changed(call: Call, old: Finding | None, new: Finding, source: str, identity: str) -> Finding:
    """Kept, with whose word it was; and told."""
    call.put(new)
    finding_history.remember(call, old, new, source, identity)
    tell(call, new)
    return new


def tell(call: Call, one: Finding) -> None:
    """To the account itself, to its administrator, and to the Region that gathers findings."""
    from . import aggregators, members
    event = AwsEvent("aws.securityhub", "Security Hub Findings - Imported", {"findings": [one.body]}, [f"{one.product}/{one.id}"])
    bond = members.administrator(call)
    for there in [call, *([call.at(bond.administrator, call.region)] if bond else [])]:
        there.emit(event)
        gathers = aggregators.of(there)
        if gathers and gathers.home != call.region and aggregators.links(gathers, call.region):
            there.at(there.account, gathers.home).emit(event)


def by_product(call: Call, req: Any) -> list[str]:
    """`product/COMPANY/NAME` is the resource, as often as one is named."""
    return sorted({one["ProductArn"] for one in req["Findings"] if "ProductArn" in one}) or ["*"]


# -- what products write ----------------------------------------------------------------------------------------------------

@securityhub.op(by_product, context=lambda call, req: {"securityhub:TargetAccount": sorted({one["AwsAccountId"] for one in req["Findings"] if "AwsAccountId" in one})})
def batch_import_findings(call: Call, req: t.BatchImportFindingsRequest) -> t.BatchImportFindingsResponse:
    hub.find(call)
    failed: list[Any] = []
    for finding in req["Findings"]:
        wrong = _wrong(call, finding)
        if wrong:
            failed.append({"Id": finding["Id"], "ErrorCode": "InvalidInput", "ErrorMessage": wrong})
        else:
            take(call, finding)
    return {"FailedCount": len(failed), "SuccessCount": len(req["Findings"]) - len(failed), "FailedFindings": failed}


def _wrong(call: Call, finding: Any) -> str:
    match = PRODUCT.fullmatch(finding["ProductArn"])
    if match is None or match[1] != call.region:
        return f"Invalid parameter: ProductArn {finding['ProductArn']} is not of this Region."
    if finding["AwsAccountId"] != call.account:
        return f"Invalid parameter: AwsAccountId {finding['AwsAccountId']} is not the account that imports."
    if match[2] != call.account or (match[3], match[4]) != (call.account, "default"):
        return f"Invalid parameter: the account {call.account} may not import findings of the product {finding['ProductArn']}."
    if not finding["Resources"]:
        return "Invalid parameter: Resources must have at least one resource."
    if "Severity" not in finding and "Severity" not in finding.get("FindingProviderFields", {}):
        return "Invalid parameter: a Severity is required."
    for name in ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt"):
        if name in finding and not TIME.fullmatch(finding[name]):
            return f"Invalid parameter: {name} does not adhere to the date-time format of ISO 8601."
    return ""


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)")


def take(call: Call, given: dict[str, Any]) -> Finding | None:
    """A new finding, or the product's newer word on one that is there."""
    old = call.get(Finding, f"{given['ProductArn']}|{given['Id']}")
    if old is not None and filters.moment(given["UpdatedAt"]) < filters.moment(old.body["UpdatedAt"]):
        return None                                    # yesterday's news
    body = {name: value for name, value in given.items() if name not in ("ProcessedAt", "Region", "ProductName", "CompanyName")}
    product = PRODUCT.fullmatch(given["ProductArn"])
    assert product is not None
    company, name = (given.get("CompanyName", "Personal"), given.get("ProductName", "Default")) if product[4] == "default" else (given.get("CompanyName", "AWS"), given.get("ProductName", product[4]))
    body |= {"Region": call.region, "ProductName": name, "CompanyName": company, "ProcessedAt": hub.stamp(call.now)}
    if "Severity" in body:
        body["Severity"] = rated(body["Severity"])
    said = dict(body.get("FindingProviderFields") or {})
    if "Severity" not in said and "Severity" in body:
        said["Severity"] = {key: body["Severity"][key] for key in ("Label", "Original") if key in body["Severity"]}
    if "Types" not in said and "Types" in body:
        said["Types"] = body["Types"]
    body["FindingProviderFields"] = said
    body.setdefault("RecordState", "ACTIVE")
    if old is None:
        for member in ("Types", "Confidence", "Criticality", "RelatedFindings"):
            if member in said and member not in body:
                body[member] = said[member]
        body.setdefault("Severity", rated(said.get("Severity", {})))
        body.setdefault("Workflow", {"Status": "NEW"})
        body.setdefault("WorkflowState", "NEW")
    else:
        body = {**{key: value for key, value in body.items() if key not in (*CUSTOMERS, *SHARED)}, **{key: old.body[key] for key in (*CUSTOMERS, *SHARED) if key in old.body}}
        body |= _provided(old.body, said)
        reopened = old.body["RecordState"] == "ARCHIVED" and body["RecordState"] == "ACTIVE"
        worse = old.body.get("Compliance", {}).get("Status") == "PASSED" and body.get("Compliance", {}).get("Status") in ("FAILED", "WARNING", "NOT_AVAILABLE")
        if (reopened or worse) and body["Workflow"]["Status"] in ("RESOLVED", "NOTIFIED"):
            body["Workflow"] = {"Status": "NEW"}
    if body.get("Compliance", {}).get("Status") == "PASSED" and old is None:
        body["Workflow"] = {"Status": "RESOLVED"}
    return imported(call, old, Finding(given["ProductArn"], given["Id"], body, call.now))


def imported(call: Call, old: Finding | None, new: Finding) -> Finding:
    """What a product says, and then what the rules make of it."""
    finding_history.remember(call, old, new, finding_history.IMPORTED, new.product)
    for rule, after in automation.steps(call, new):
        finding_history.remember(call, new, after, finding_history.UPDATED, rule)
        new = after
    tell(call, call.put(new))
    return new


def _provided(old: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """What the product says anew reaches the finding where no customer has said otherwise since."""
    before, out = old.get("FindingProviderFields") or {}, {}
    if said.get("Severity") != before.get("Severity") and old.get("Severity", {}).get("Label") == before.get("Severity", {}).get("Label"):
        out["Severity"] = rated(said.get("Severity", {}))
    for member in ("Types", "Confidence", "Criticality", "RelatedFindings"):
        if member in said and said[member] != before.get(member) and old.get(member) == before.get(member):
            out[member] = said[member]
    return out


def rated(given: dict[str, Any]) -> dict[str, Any]:
    """Label and number of a severity, each from the other."""
    out = dict(given)
    if "Label" not in out:
        number = out.get("Normalized", 0)
        out["Label"] = next(label for label, least in reversed(LABELS.items()) if number >= least)
    out.setdefault("Normalized", LABELS[out["Label"]])
    return out


# -- what people ask and say ------------------------------------------------------------------------------------------------

def places(call: Call) -> list[Call]:
    """Where the findings are that the account sees: its own, as administrator its members', and where it gathers them those of other Regions."""
    from . import aggregators, members
    return [call.at(account, region) for account in (call.account, *members.associated(call)) for region in aggregators.regions(call, account)]


def every(call: Call) -> list[tuple[Call, Finding]]:
    return [(there, one) for there in places(call) for one in there.all(Finding)]


def chosen(call: Call, wanted: Any, sort: Any = None) -> list[dict[str, Any]]:
    return filters.ordered([one.body for _, one in every(call) if filters.matches(one.body, wanted or {}, call.now)], sort)


@securityhub.op(hub.arn)
def get_findings(call: Call, req: t.GetFindingsRequest) -> t.GetFindingsResponse:
    hub.find(call)
    found, more = pages.page(chosen(call, req.get("Filters"), req.get("SortCriteria")), req, lambda one: f"{one['ProductArn']}|{one['Id']}", 100, errors.bad_token)
    return {"Findings": found, **more}  # type: ignore[typeddict-item]


def _syntax(call: Call, req: Any) -> dict[str, Any]:
    """`securityhub:ASFFSyntaxPath/Workflow.Status` and the like: what is asked to be changed."""
    out: dict[str, Any] = {}
    for member, value in req.items():
        if member == "FindingIdentifiers":
            continue
        for path, leaf in ([(f"{member}.{name}", inner) for name, inner in value.items()] if isinstance(value, dict) and member != "UserDefinedFields" else [(member, value)]):
            out[f"securityhub:ASFFSyntaxPath/{path}"] = [str(each) for each in leaf] if isinstance(leaf, list) else str(leaf)
    return out


@securityhub.op(hub.arn, context=_syntax)
def batch_update_findings(call: Call, req: t.BatchUpdateFindingsRequest) -> t.BatchUpdateFindingsResponse:
    hub.find(call)
    done, lost, seen = [], [], places(call)
    changes: dict[str, Any] = {name: req[name] for name in ("VerificationState", "Confidence", "Criticality", "Types", "UserDefinedFields", "RelatedFindings", "Workflow") if name in req}  # type: ignore[literal-required]
    if "Note" in req:
        changes["Note"] = {**req["Note"], "UpdatedAt": hub.stamp(call.now)}
    for named in req["FindingIdentifiers"]:
        where = next(((place, one) for place in seen if (one := place.get(Finding, f"{named['ProductArn']}|{named['Id']}"))), None)
        if where is None:
            lost.append({"FindingIdentifier": named, "ErrorCode": "FindingNotFound", "ErrorMessage": "Finding Not Found"})
            continue
        there, one = where
        body = {**one.body, **changes, "UpdatedAt": hub.stamp(call.now)}
        if "Severity" in req:
            given = dict(req["Severity"])
            body["Severity"] = rated({**{k: v for k, v in one.body["Severity"].items() if k == "Original"}, **given})
        changed(there, one, one.but(body=body, processed=call.now), finding_history.UPDATED, call.principal.arn)
        done.append(named)
    return {"ProcessedFindings": done, "UnprocessedFindings": lost}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def update_findings(call: Call, req: t.UpdateFindingsRequest) -> t.UpdateFindingsResponse:
    """The old way, by filters; a product's next word may undo it."""
    hub.find(call)
    for there, one in every(call):
        if filters.matches(one.body, req["Filters"], call.now):
            body = {**one.body, "UpdatedAt": hub.stamp(call.now)}
            if "Note" in req:
                body["Note"] = {**req["Note"], "UpdatedAt": hub.stamp(call.now)}
            if "RecordState" in req:
                body["RecordState"] = req["RecordState"]
            changed(there, one, one.but(body=body, processed=call.now), finding_history.UPDATED, call.principal.arn)
    return {}
