"""Analyzers and their archive rules. An analyzer's zone of trust is its account, or the organization it stands for."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages
from cloche.services.iam import public as iam
from cloche.services.organizations import public as organizations

from . import errors
from . import service as analyzer
from .unused import AGE

if TYPE_CHECKING:
    from cloche.shapes import accessanalyzer as t

BUILT = ("ACCOUNT", "ORGANIZATION", "ACCOUNT_UNUSED_ACCESS", "ORGANIZATION_UNUSED_ACCESS")
PRINCIPAL = "access-analyzer.amazonaws.com"


class Analyzer(Record, frozen=True):
    kind = "access-analyzer.analyzer"

    name: str
    type: str
    created: float
    rules: dict[str, dict[str, Any]] = {}              # archive rule -> {filter, created, updated}
    tags: dict[str, str] = {}
    configuration: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def unused(self) -> bool:
        return self.type.endswith("_UNUSED_ACCESS")


def arn(call: Call, name: str) -> str:
    return call.arn(f"analyzer/{name}")


def by_name(call: Call, req: Any) -> str:
    return arn(call, req["analyzerName"])


def by_arn(call: Call, req: Any) -> str:
    return str(req["analyzerArn"])


def by_rule(call: Call, req: Any) -> str:
    return f"{arn(call, req['analyzerName'])}/archive-rule/{req['ruleName']}"


def find(call: Call, name: str) -> Analyzer:
    found = call.get(Analyzer, name)
    if found is None:
        raise errors.not_found("analyzer", name)
    return found


def of_arn(call: Call, text: str) -> Analyzer:
    found = call.get(Analyzer, text.rpartition("/")[2])
    if found is None or arn(call, found.name) != text:
        raise errors.not_found("analyzer", text)
    return found


def zone(call: Call, one: Analyzer) -> tuple[frozenset[str], str]:
    """The accounts within, and the organization's id."""
    if one.type.startswith("ACCOUNT"):
        return frozenset((call.account,)), ""
    manager = organizations.administers(call.cloud, call.account, PRINCIPAL)
    if manager is None:
        return frozenset((call.account,)), ""
    found = organizations.management(call.cloud, call.account)
    return frozenset(organizations.members(call.cloud, manager)), found[1].id if found else ""


def view(call: Call, one: Analyzer) -> Any:
    return {"arn": arn(call, one.name), "name": one.name, "type": one.type, "createdAt": one.created, "tags": one.tags, "status": "ACTIVE", **({"configuration": one.configuration} if one.unused else {})}


@analyzer.op(resource=by_name, partly="analyzers of external and of unused access; those of internal access are not built")
def create_analyzer(call: Call, req: t.CreateAnalyzerRequest) -> t.CreateAnalyzerResponse:
    name, type = req["analyzerName"], req["type"]
    if type not in BUILT:
        raise errors.not_built(type)
    if call.get(Analyzer, name):
        raise errors.exists("analyzer", name)
    if any(one.type == type for one in call.all(Analyzer)):
        raise errors.quota(f"analyzers of type {type}")
    if type.startswith("ORGANIZATION") and organizations.administers(call.cloud, call.account, PRINCIPAL) is None:
        raise errors.no_organization()
    rules = {rule["ruleName"]: {"filter": rule["filter"], "created": call.now, "updated": call.now} for rule in req.get("archiveRules", [])}
    iam.ensure_linked(call.of("iam"), PRINCIPAL)
    made = call.put(Analyzer(name, type, call.now, rules, req.get("tags", {}), configured(type, req.get("configuration", {}))))
    return {"arn": arn(call, made.name)}


def configured(type: str, given: Any) -> dict[str, Any]:
    """What an analyzer of unused access looks for: ninety days, unless it is told."""
    if not type.endswith("_UNUSED_ACCESS"):
        if given:
            raise errors.invalid(f"An analyzer of type {type} takes no configuration.")
        return {}
    if "internalAccess" in given:
        raise errors.invalid(f"An analyzer of type {type} takes a configuration of unusedAccess.")
    found = {"unusedAccessAge": AGE} | given.get("unusedAccess", {})
    if not 1 <= found["unusedAccessAge"] <= 365:
        raise errors.invalid("unusedAccessAge must be from 1 to 365 days.")
    return {"unusedAccess": found}


@analyzer.op(resource=by_name)
def update_analyzer(call: Call, req: t.UpdateAnalyzerRequest) -> t.UpdateAnalyzerResponse:
    """The exclusions may change; the age stays as it was made."""
    one = find(call, req["analyzerName"])
    new = configured(one.type, req.get("configuration", one.configuration))
    if one.unused:
        if "unusedAccessAge" in req.get("configuration", {}).get("unusedAccess", {}) and new["unusedAccess"]["unusedAccessAge"] != one.configuration["unusedAccess"]["unusedAccessAge"]:
            raise errors.invalid("The unusedAccessAge of an analyzer cannot be changed.")
        new = {"unusedAccess": new["unusedAccess"] | {"unusedAccessAge": one.configuration["unusedAccess"]["unusedAccessAge"]}}
    one = call.put(one.but(configuration=new))
    return {"configuration": one.configuration}  # type: ignore[typeddict-item]


@analyzer.op(resource=by_name)
def get_analyzer(call: Call, req: t.GetAnalyzerRequest) -> t.GetAnalyzerResponse:
    return {"analyzer": view(call, find(call, req["analyzerName"]))}


@analyzer.op(resource=lambda call, req: arn(call, "*"))
def list_analyzers(call: Call, req: t.ListAnalyzersRequest) -> t.ListAnalyzersResponse:
    those = sorted((one for one in call.all(Analyzer) if req.get("type") in (None, one.type)), key=lambda one: one.name)
    found, more = pages.page(those, req, lambda one: one.name, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"analyzers": [view(call, one) for one in found], **more}


@analyzer.op(resource=by_name)
def delete_analyzer(call: Call, req: t.DeleteAnalyzerRequest) -> None:
    from .findings import Finding
    from .unused import Unused
    one = find(call, req["analyzerName"])
    for finding in (*call.all(Finding), *call.all(Unused)):
        if finding.analyzer == one.name:
            call.delete(finding)
    call.delete(one)


# -- archive rules --------------------------------------------------------------------------------------------------------

def rule(one: Analyzer, name: str) -> dict[str, Any]:
    if name not in one.rules:
        raise errors.not_found("archive rule", name)
    return one.rules[name]


def told(name: str, found: dict[str, Any]) -> Any:
    return {"ruleName": name, "filter": found["filter"], "createdAt": found["created"], "updatedAt": found["updated"]}


@analyzer.op(resource=by_rule)
def create_archive_rule(call: Call, req: t.CreateArchiveRuleRequest) -> None:
    one, name = find(call, req["analyzerName"]), req["ruleName"]
    if name in one.rules:
        raise errors.exists("archive rule", name)
    call.put(one.but(rules={**one.rules, name: {"filter": req["filter"], "created": call.now, "updated": call.now}}))


@analyzer.op(resource=by_rule)
def get_archive_rule(call: Call, req: t.GetArchiveRuleRequest) -> t.GetArchiveRuleResponse:
    return {"archiveRule": told(req["ruleName"], rule(find(call, req["analyzerName"]), req["ruleName"]))}


@analyzer.op(resource=by_name)
def list_archive_rules(call: Call, req: t.ListArchiveRulesRequest) -> t.ListArchiveRulesResponse:
    one = find(call, req["analyzerName"])
    found, more = pages.page(sorted(one.rules), req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"archiveRules": [told(name, one.rules[name]) for name in found], **more}


@analyzer.op(resource=by_rule)
def update_archive_rule(call: Call, req: t.UpdateArchiveRuleRequest) -> None:
    one = find(call, req["analyzerName"])
    call.put(one.but(rules={**one.rules, req["ruleName"]: rule(one, req["ruleName"]) | {"filter": req["filter"], "updated": call.now}}))


@analyzer.op(resource=by_rule)
def delete_archive_rule(call: Call, req: t.DeleteArchiveRuleRequest) -> None:
    one = find(call, req["analyzerName"])
    rule(one, req["ruleName"])
    call.put(one.but(rules={name: kept for name, kept in one.rules.items() if name != req["ruleName"]}))


# -- tags -------------------------------------------------------------------------------------------------------------------

def by_resource(call: Call, req: Any) -> str:
    return str(req["resourceArn"])


@analyzer.op(resource=by_resource)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    one = of_arn(call, req["resourceArn"])
    call.put(one.but(tags=one.tags | req["tags"]))
    return {}


@analyzer.op(resource=by_resource)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    one = of_arn(call, req["resourceArn"])
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["tagKeys"]}))
    return {}


@analyzer.op(resource=by_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"tags": of_arn(call, req["resourceArn"]).tags}
