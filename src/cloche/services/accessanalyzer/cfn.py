"""Access Analyzer in templates: Analyzer, ArchiveRule."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, tag_map


def criteria(filters: Any) -> dict[str, Any]:
    """A template's list of {Property, Eq, ...} as the API's map."""
    return {one["Property"]: {name.lower(): value for name, value in one.items() if name != "Property"} for one in filters or []}


def configuration(given: Any) -> Any:
    """A template's AnalyzerConfiguration in the API's spelling."""
    if not given:
        return None
    found = dict(given.get("UnusedAccessConfiguration") or {})
    out: dict[str, Any] = {"unusedAccessAge": int(found["UnusedAccessAge"])} if "UnusedAccessAge" in found else {}
    if exclusions := (found.get("AnalysisRule") or {}).get("Exclusions"):
        out["analysisRule"] = {"exclusions": [
            ({"accountIds": one["AccountIds"]} if one.get("AccountIds") else {}) | ({"resourceTags": [{tag["Key"]: tag.get("Value", "") for tag in tags} for tags in one["ResourceTags"]]} if one.get("ResourceTags") else {})
            for one in exclusions]}
    return {"unusedAccess": out}


async def create(r: Resource) -> str:
    name = r.get("AnalyzerName") or f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"
    made = await r.do("accessanalyzer", "CreateAnalyzer", analyzerName=name, type=r.properties["Type"], tags=tag_map(r.get("Tags")) or None, configuration=configuration(r.get("AnalyzerConfiguration")),
                      archiveRules=[{"ruleName": rule["RuleName"], "filter": criteria(rule["Filter"])} for rule in r.get("ArchiveRules") or []] or None)
    r.attributes["Arn"] = made["arn"]
    return str(made["arn"])


async def update(r: Resource) -> None:
    name = r.physical.rpartition("/")[2]
    new, old = ({rule["RuleName"]: criteria(rule["Filter"]) for rule in source.get("ArchiveRules") or []} for source in (r.properties, r.old))
    for rule, filter in new.items():
        if old.get(rule) != filter:
            await r.do("accessanalyzer", "UpdateArchiveRule" if rule in old else "CreateArchiveRule", analyzerName=name, ruleName=rule, filter=filter)
    for rule in [each for each in old if each not in new]:
        await r.do("accessanalyzer", "DeleteArchiveRule", analyzerName=name, ruleName=rule)
    if r.changed("AnalyzerConfiguration"):
        await r.do("accessanalyzer", "UpdateAnalyzer", analyzerName=name, configuration=configuration(r.get("AnalyzerConfiguration")))
    fresh, stale = tag_map(r.get("Tags")), tag_map(r.old.get("Tags"))
    if gone := [key for key in stale if key not in fresh]:
        await r.do("accessanalyzer", "UntagResource", resourceArn=r.physical, tagKeys=gone)
    if fresh and fresh != stale:
        await r.do("accessanalyzer", "TagResource", resourceArn=r.physical, tags=fresh)


async def delete(r: Resource) -> None:
    await r.do("accessanalyzer", "DeleteAnalyzer", analyzerName=r.physical.rpartition("/")[2])


async def rule(r: Resource) -> str:
    await r.do("accessanalyzer", "UpdateArchiveRule" if r.physical else "CreateArchiveRule", analyzerName=r.properties["AnalyzerName"], ruleName=r.properties["RuleName"],
               filter=criteria(r.properties["Filter"]))
    return f"{r.properties['AnalyzerName']}|{r.properties['RuleName']}"


TYPES = {
    "AWS::AccessAnalyzer::Analyzer": Type(create=create, update=update, delete=delete),
    "AWS::AccessAnalyzer::ArchiveRule": Type(create=rule, update=rule, delete=op("accessanalyzer", "DeleteArchiveRule", analyzerName="{AnalyzerName}", ruleName="{RuleName}")),
}
