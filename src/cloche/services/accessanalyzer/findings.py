"""Findings: each outsider in each resource's policy. They are found anew when somebody asks and anything in the cloud has changed since."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, parse
from cloche.iam.external import openings
from cloche.kernel import Call, Record, pages

from . import errors, resources, unused
from . import service as analyzer
from .analyzers import Analyzer, by_arn, of_arn, rule, zone

if TYPE_CHECKING:
    from cloche.shapes import accessanalyzer as t


class Finding(Record, frozen=True):
    kind = "access-analyzer.finding"

    id: str
    analyzer: str
    name: str                                          # of resource and opening: the same at every look
    resource: str
    type: str
    owner: str
    principal: dict[str, str]
    actions: list[str]
    condition: dict[str, str]
    public: bool
    created: float
    analyzed: float
    updated: float
    status: str = "ACTIVE"

    @property
    def key(self) -> str:
        return self.id


def look(call: Call, one: Analyzer, again: bool = False) -> list[Finding]:
    """The analyzer's findings as of now."""
    if one.unused:  # time alone makes such findings
        return unused.look(call, one, zone(call, one)[0], lambda fresh: any(matches(fresh, each["filter"]) for each in one.rules.values()))  # type: ignore[return-value]
    memo = call.cloud.memory.setdefault("access-analyzer.seen", {})
    place = (call.account, call.region, one.name)
    mine = {finding.name: finding for finding in call.all(Finding) if finding.analyzer == one.name}
    if memo.get(place) == call.cloud.store.version and not again:
        return list(mine.values())
    trusted, organization = zone(call, one)
    seen: set[str] = set()
    for account in sorted(trusted):
        for arn, type, text in resources.every(call, account):
            try:
                policy = parse(text)
            except MalformedPolicy:
                continue
            for opening in openings(policy, trusted, organization):
                name = f"{arn} {opening.name}"
                seen.add(name)
                known = mine.get(name)
                if known is None:
                    fresh = Finding(call.uuid(), one.name, name, arn, type, account, opening.principal, list(opening.actions), opening.condition, opening.public, call.now, call.now, call.now)
                    archived = any(matches(fresh, each["filter"]) for each in one.rules.values())
                    mine[name] = call.put(fresh.but(status="ARCHIVED" if archived else "ACTIVE"))
                elif known.status == "RESOLVED":
                    mine[name] = call.put(known.but(status="ACTIVE", analyzed=call.now, updated=call.now))
    for name, known in mine.items():
        if name not in seen and known.status != "RESOLVED":
            mine[name] = call.put(known.but(status="RESOLVED", analyzed=call.now, updated=call.now))
    memo[place] = call.cloud.store.version
    return list(mine.values())


ATTRIBUTES = {"resource": lambda f: [f.resource], "resourceType": lambda f: [f.type], "resourceOwnerAccount": lambda f: [f.owner], "isPublic": lambda f: [str(f.public).lower()],
              "status": lambda f: [f.status], "id": lambda f: [f.id], "action": lambda f: f.actions, "findingType": lambda f: [kind(f)], "error": lambda f: []}


def matches(finding: Finding, filter: dict[str, Any]) -> bool:
    for name, wanted in filter.items():
        if name.startswith("principal."):
            have = [finding.principal[name[10:]]] if name[10:] in finding.principal else []
        elif name.startswith("condition."):
            have = [finding.condition[name[10:]]] if name[10:] in finding.condition else []
        elif name in ATTRIBUTES:
            have = ATTRIBUTES[name](finding)
        else:
            raise errors.invalid(f"The filter key {name} is not valid.")
        if ("eq" in wanted and not set(wanted["eq"]) & set(have)) or ("neq" in wanted and set(wanted["neq"]) & set(have)):
            return False
        if ("contains" in wanted and not any(part in one for part in wanted["contains"] for one in have)) or ("exists" in wanted and wanted["exists"] != bool(have)):
            return False
    return True


def view(one: Finding) -> Any:
    return {"id": one.id, "principal": one.principal, "action": one.actions, "resource": one.resource, "isPublic": one.public, "resourceType": one.type, "condition": one.condition,
            "createdAt": one.created, "analyzedAt": one.analyzed, "updatedAt": one.updated, "status": one.status, "resourceOwnerAccount": one.owner, "sources": [{"type": "POLICY"}]}


def kind(one: Any) -> str:
    return getattr(one, "what", "ExternalAccess")


def short(one: Finding) -> Any:
    return {name: value for name, value in view(one).items() if name not in ("principal", "action", "isPublic", "condition", "sources")} | {"findingType": kind(one)}


def wanted(call: Call, req: Any) -> tuple[list[Finding], dict[str, str]]:
    those = [one for one in look(call, of_arn(call, req["analyzerArn"])) if matches(one, req.get("filter", {}))]
    sort = req.get("sort", {})
    key = {"resource": lambda one: one.resource, "createdAt": lambda one: one.created, "status": lambda one: one.status}.get(sort.get("attributeName"), lambda one: one.updated)
    those.sort(key=lambda one: (key(one), one.id), reverse=sort.get("orderBy", "ASC") == "DESC")
    return pages.page(those, req, lambda one: one.id, 100, errors.bad_token, size="maxResults", token="nextToken")


@analyzer.op(resource=by_arn)
def list_findings(call: Call, req: t.ListFindingsRequest) -> t.ListFindingsResponse:
    external(call, req)
    found, more = wanted(call, req)
    return {"findings": [view(one) for one in found], **more}


@analyzer.op(resource=by_arn)
def list_findings_v2(call: Call, req: t.ListFindingsV2Request) -> t.ListFindingsV2Response:
    found, more = wanted(call, req)
    return {"findings": [short(one) for one in found], **more}


def external(call: Call, req: Any) -> None:
    if of_arn(call, req["analyzerArn"]).unused:
        raise errors.invalid("The analyzer finds unused access: use ListFindingsV2 and GetFindingV2.")


def find(call: Call, req: Any) -> Finding:
    one = of_arn(call, req["analyzerArn"])
    found = next((finding for finding in look(call, one) if finding.id == req["id"]), None)
    if found is None:
        raise errors.not_found("finding", req["id"])
    return found


@analyzer.op(resource=by_arn)
def get_finding(call: Call, req: t.GetFindingRequest) -> t.GetFindingResponse:
    external(call, req)
    return {"finding": view(find(call, req))}


@analyzer.op(resource=by_arn)
def get_finding_v2(call: Call, req: t.GetFindingV2Request) -> t.GetFindingV2Response:
    one: Any = find(call, req)
    if isinstance(one, unused.Unused):
        found, more = pages.page(list(enumerate(one.details)), req, lambda pair: str(pair[0]), 100, errors.bad_token, size="maxResults", token="nextToken")
        return short(one) | {"findingDetails": [each for _, each in found], **more}  # type: ignore[no-any-return]
    details = {"action": one.actions, "condition": one.condition, "isPublic": one.public, "principal": one.principal, "sources": [{"type": "POLICY"}]}
    return short(one) | {"findingDetails": [{"externalAccessDetails": details}]}  # type: ignore[no-any-return]


@analyzer.op(resource=by_arn)
def update_findings(call: Call, req: t.UpdateFindingsRequest) -> None:
    ids, resource = set(req.get("ids", [])), req.get("resourceArn")
    if not ids and resource is None:
        raise errors.invalid("Either ids or resourceArn must be given.")
    for one in look(call, of_arn(call, req["analyzerArn"])):
        if (one.id in ids or one.resource == resource) and one.status != "RESOLVED":
            call.put(one.but(status=req["status"], updated=call.now))


@analyzer.op(resource=by_arn)
def apply_archive_rule(call: Call, req: t.ApplyArchiveRuleRequest) -> None:
    one = of_arn(call, req["analyzerArn"])
    filter = rule(one, req["ruleName"])["filter"]
    for finding in look(call, one):
        if finding.status == "ACTIVE" and matches(finding, filter):
            call.put(finding.but(status="ARCHIVED", updated=call.now))


@analyzer.op(resource=by_arn)
def start_resource_scan(call: Call, req: t.StartResourceScanRequest) -> None:
    look(call, of_arn(call, req["analyzerArn"]), again=True)


@analyzer.op(resource=by_arn)
def get_analyzed_resource(call: Call, req: t.GetAnalyzedResourceRequest) -> t.GetAnalyzedResourceResponse:
    one = of_arn(call, req["analyzerArn"])
    account = req["resourceArn"].split(":")[4] or call.account
    found = next((each for each in resources.every(call, account) if each[0] == req["resourceArn"]), None) if account in zone(call, one)[0] else None
    if found is None:
        raise errors.not_found("resource", req["resourceArn"])
    open_ = [finding for finding in look(call, one) if finding.resource == found[0] and finding.status != "RESOLVED"]
    answer = {"resourceArn": found[0], "resourceType": found[1], "createdAt": one.created, "analyzedAt": call.now, "updatedAt": call.now, "isPublic": any(each.public for each in open_),
              "resourceOwnerAccount": account, "actions": sorted({action for each in open_ for action in each.actions})}
    return {"resource": answer | ({"status": open_[0].status} if open_ else {})}  # type: ignore[typeddict-item]


@analyzer.op(resource=by_arn)
def list_analyzed_resources(call: Call, req: t.ListAnalyzedResourcesRequest) -> t.ListAnalyzedResourcesResponse:
    one = of_arn(call, req["analyzerArn"])
    every = [(arn, type, account) for account in sorted(zone(call, one)[0]) for arn, type, _ in resources.every(call, account) if req.get("resourceType") in (None, type)]
    found, more = pages.page(sorted(every), req, lambda each: each[0], 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"analyzedResources": [{"resourceArn": arn, "resourceType": type, "resourceOwnerAccount": account} for arn, type, account in found], **more}  # type: ignore[typeddict-item]


@analyzer.op(resource=by_arn)
def get_findings_statistics(call: Call, req: t.GetFindingsStatisticsRequest) -> t.GetFindingsStatisticsResponse:
    one = of_arn(call, req["analyzerArn"])
    found = look(call, one)
    totals = {f"total{status.capitalize()}Findings": sum(each.status == status for each in found) for status in ("ACTIVE", "ARCHIVED", "RESOLVED")}
    active = [each for each in found if each.status == "ACTIVE"]
    answer: dict[str, Any]
    if one.unused:
        per_type = [{"unusedAccessType": what, "total": sum(kind(each) == what for each in active)} for what in ("UnusedIAMRole", "UnusedIAMUserAccessKey", "UnusedIAMUserPassword", "UnusedPermission")]
        counted = sorted(((sum(each.owner == owner for each in active), owner) for owner in {each.owner for each in active}), reverse=True)[:10]
        answer = {"unusedAccessFindingsStatistics": totals | {"unusedAccessTypeStatistics": per_type} | ({"topAccounts": [{"account": owner, "numberOfActiveFindings": n} for n, owner in counted]} if counted else {})}
    else:
        per: dict[str, dict[str, int]] = {}
        for each in active:
            line = per.setdefault(each.type, {"totalActivePublic": 0, "totalActiveCrossAccount": 0})
            line["totalActivePublic" if each.public else "totalActiveCrossAccount"] += 1
        answer = {"externalAccessFindingsStatistics": totals | {"resourceTypeStatistics": per}}
    return {"findingsStatistics": [answer], "lastUpdatedAt": call.now}  # type: ignore[typeddict-item]
