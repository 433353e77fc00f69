"""Unused access: what of an account's identities nobody has used for so many days, found anew whenever somebody asks."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cloche.kernel import Call, Record
from cloche.services.iam import public as iam

if TYPE_CHECKING:
    from .analyzers import Analyzer

DAY, AGE = 86400, 90


class Unused(Record, frozen=True):
    kind = "access-analyzer.unused"

    id: str
    analyzer: str
    name: str                                          # kind, entity and key: the same at every look
    resource: str
    type: str
    owner: str
    what: str
    details: list[dict[str, Any]]
    created: float
    analyzed: float
    updated: float
    status: str = "ACTIVE"

    @property
    def key(self) -> str:
        return self.id

    # what filters ask of a finding of the other kind
    principal: ClassVar[dict[str, str]] = {}
    condition: ClassVar[dict[str, str]] = {}
    actions: ClassVar[list[str]] = []
    public: ClassVar[bool] = False


def settings(one: Analyzer) -> dict[str, Any]:
    return one.configuration.get("unusedAccess", {})  # type: ignore[no-any-return]


def look(call: Call, one: Analyzer, accounts: frozenset[str], archived: Any) -> list[Unused]:
    age = settings(one).get("unusedAccessAge", AGE)
    exclusions = settings(one).get("analysisRule", {}).get("exclusions", [])
    mine = {finding.name: finding for finding in call.all(Unused) if finding.analyzer == one.name}
    seen = set()
    for account in sorted(accounts):
        for found in iam.unused(call.at(account, call.region), call.now - age * DAY):
            if any(excluded(rule, account, found.tags) for rule in exclusions):
                continue
            name = f"{found.what} {found.arn} {found.about}"
            seen.add(name)
            known = mine.get(name)
            if known is None:
                fresh = Unused(call.uuid(), one.name, name, found.arn, found.type, account, found.what, found.details, call.now, call.now, call.now)
                mine[name] = call.put(fresh.but(status="ARCHIVED" if archived(fresh) else "ACTIVE"))
            elif known.status == "RESOLVED" or known.details != found.details:
                mine[name] = call.put(known.but(status="ACTIVE" if known.status == "RESOLVED" else known.status, details=found.details, analyzed=call.now, updated=call.now))
    for name, known in mine.items():
        if name not in seen and known.status != "RESOLVED":
            mine[name] = call.put(known.but(status="RESOLVED", analyzed=call.now, updated=call.now))
    return list(mine.values())


def excluded(rule: dict[str, Any], account: str, tags: dict[str, str]) -> bool:
    """All that an exclusion names must be true of it."""
    accounts, wanted = rule.get("accountIds"), rule.get("resourceTags")
    if not accounts and not wanted:
        return False
    return (not accounts or account in accounts) and (not wanted or any(all(tags.get(k) == v or (v == "" and k in tags) for k, v in each.items()) for each in wanted))
