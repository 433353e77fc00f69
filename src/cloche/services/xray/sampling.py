"""Sampling: which requests are traced. The first of a rule's reservoir in each second, and a share of the rest; rules are asked in the order of their priority.

Services here (API Gateway, Lambda, Step Functions) ask `decide`; the SDKs fetch the rules, and every ten seconds their share of the reservoirs.
"""
from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors
from . import service as xray

if TYPE_CHECKING:
    from cloche.shapes import xray as t

DEFAULT = "Default"
MOST = 25
INTERVAL_SECONDS, QUOTA_SECONDS = 10, 300
NAME = re.compile(r"[\w.-]{1,32}")
STRINGS = ("ResourceARN", "ServiceName", "ServiceType", "Host", "HTTPMethod", "URLPath")

xray.table("CREATE TABLE IF NOT EXISTS xray_client (account TEXT, region TEXT, rule TEXT, client TEXT, at REAL NOT NULL, PRIMARY KEY (account, region, rule, client)) WITHOUT ROWID")
xray.table("CREATE TABLE IF NOT EXISTS xray_sampled (account TEXT, region TEXT, rule TEXT, at REAL, requests INTEGER, borrowed INTEGER, sampled INTEGER, PRIMARY KEY (account, region, rule, at)) WITHOUT ROWID")


class Rule(Record, frozen=True):
    kind = "xray.sampling-rule"

    name: str
    arn: str
    values: dict[str, Any]             # as SamplingRule has them, but for the two above
    created: float
    modified: float
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def priority(self) -> int:
        return int(self.values["Priority"])


def default(call: Call) -> Rule:
    """It is always there, and the last one asked."""
    return call.get(Rule, DEFAULT) or Rule(DEFAULT, call.arn("sampling-rule/Default"), {
        "Priority": 10000, "FixedRate": 0.05, "ReservoirSize": 1, "Version": 1, "Attributes": {}, **dict.fromkeys(STRINGS, "*")}, 0.0, 0.0)


def rules(call: Call) -> list[Rule]:
    return [*sorted((one for one in call.all(Rule) if one.name != DEFAULT), key=lambda one: (one.priority, one.name)), default(call)]


def by_named(call: Call, req: Any) -> str:
    given = req.get("SamplingRule") or req.get("SamplingRuleUpdate") or req
    return str(given.get("RuleARN") or call.arn(f"sampling-rule/{given.get('RuleName') or '*'}"))


def find(call: Call, given: Any) -> Rule:
    name, arn = given.get("RuleName"), given.get("RuleARN")
    if bool(name) == bool(arn):
        raise errors.invalid("Either RuleName or RuleARN must be provided, and not both")
    name = name or str(arn).rpartition("sampling-rule/")[2]
    found = default(call) if name == DEFAULT else call.get(Rule, name)
    if found is None or (arn and found.arn != arn):
        raise errors.no_rule()
    return found


def shown(one: Rule) -> Any:
    return {"SamplingRule": {"RuleName": one.name, "RuleARN": one.arn, **one.values}, "CreatedAt": one.created, "ModifiedAt": one.modified}


def checked(call: Call, values: dict[str, Any], name: str) -> dict[str, Any]:
    if not 1 <= values["Priority"] <= 9999:
        raise errors.invalid("Priority must be between 1 and 9999")
    if not 0 <= values["FixedRate"] <= 1:
        raise errors.invalid("FixedRate must be between 0 and 1")
    if values["ReservoirSize"] < 0:
        raise errors.invalid("ReservoirSize must not be negative")
    return values


@xray.op(resource=by_named, partly="rates are not boosted when anomalies are seen")
def create_sampling_rule(call: Call, req: t.CreateSamplingRuleRequest) -> t.CreateSamplingRuleResult:
    from .tags import taken
    given: dict[str, Any] = dict(req["SamplingRule"])
    name = given.pop("RuleName", None)
    if given.pop("RuleARN", None) or not name:
        raise errors.invalid("A new sampling rule has a RuleName, and no RuleARN")
    if not NAME.fullmatch(name):
        raise errors.invalid("RuleName may have letters, digits, dots, dashes and underscores")
    if given["Version"] != 1:
        raise errors.invalid("Version must be 1")
    if name.lower() == DEFAULT.lower() or call.get(Rule, name):
        raise errors.invalid(f"Sampling rule {name} already exists")
    if len([one for one in call.all(Rule) if one.name != DEFAULT]) >= MOST:
        raise errors.too_many_rules()
    arn, now = call.arn(f"sampling-rule/{name}"), call.now
    one = call.put(Rule(name, arn, checked(call, {"Attributes": {}, **given}, name), now, now, taken(call, arn, {}, req.get("Tags") or [])))
    return {"SamplingRuleRecord": shown(one)}


@xray.op(resource=lambda call, req: "*")
def get_sampling_rules(call: Call, req: t.GetSamplingRulesRequest) -> t.GetSamplingRulesResult:
    found, more = pages.page(rules(call), req, lambda one: f"{one.priority:05d} {one.name}", 100, errors.bad_token)
    return {"SamplingRuleRecords": [shown(one) for one in found], **more}  # type: ignore[typeddict-item]


@xray.op(resource=by_named)
def update_sampling_rule(call: Call, req: t.UpdateSamplingRuleRequest) -> t.UpdateSamplingRuleResult:
    given: dict[str, Any] = dict(req["SamplingRuleUpdate"])
    one = find(call, given)
    changes = {name: value for name, value in given.items() if name not in ("RuleName", "RuleARN")}
    if one.name == DEFAULT:
        if set(changes) - {"FixedRate", "ReservoirSize"}:
            raise errors.invalid("Of the Default rule only FixedRate and ReservoirSize can be changed")
        checked(call, {**one.values, "Priority": 1, **changes}, one.name)
        return {"SamplingRuleRecord": shown(call.put(one.but(values=one.values | changes, modified=call.now)))}
    return {"SamplingRuleRecord": shown(call.put(one.but(values=checked(call, one.values | changes, one.name), modified=call.now)))}


@xray.op(resource=by_named)
def delete_sampling_rule(call: Call, req: t.DeleteSamplingRuleRequest) -> t.DeleteSamplingRuleResult:
    one = find(call, req)
    if one.name == DEFAULT:
        raise errors.invalid("The Default sampling rule cannot be deleted")
    call.delete(one)
    for table in ("xray_client", "xray_sampled"):
        call.sql(f"DELETE FROM {table} WHERE account = ? AND region = ? AND rule = ?", call.account, call.region, one.name)
    return {"SamplingRuleRecord": shown(one)}


# -- who samples by himself -----------------------------------------------------------------------------------------------------

@xray.op(resource=lambda call, req: "*", partly="rates are not boosted when anomalies are seen")
def get_sampling_targets(call: Call, req: t.GetSamplingTargetsRequest) -> t.GetSamplingTargetsResult:
    told, lost = [], []
    known = {one.name: one for one in rules(call)}
    for said in req["SamplingStatisticsDocuments"]:
        one = known.get(said["RuleName"])
        if one is None:
            lost.append({"RuleName": said["RuleName"], "ErrorCode": "400", "Message": "Unknown rule"})
            continue
        call.sql("INSERT OR REPLACE INTO xray_client VALUES (?,?,?,?,?)", call.account, call.region, one.name, said["ClientID"], call.now)
        call.sql("DELETE FROM xray_client WHERE account = ? AND region = ? AND rule = ? AND at < ?", call.account, call.region, one.name, call.now - QUOTA_SECONDS)
        call.sql("INSERT INTO xray_sampled VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, borrowed = borrowed + excluded.borrowed, "
                 "sampled = sampled + excluded.sampled", call.account, call.region, one.name, call.now // INTERVAL_SECONDS * INTERVAL_SECONDS, said["RequestCount"], said.get("BorrowCount", 0),
                 said["SampledCount"])
        call.sql("DELETE FROM xray_sampled WHERE account = ? AND region = ? AND rule = ? AND at < ?", call.account, call.region, one.name, call.now - 86_400)
        clients = [row[0] for row in call.sql("SELECT client FROM xray_client WHERE account = ? AND region = ? AND rule = ? ORDER BY client", call.account, call.region, one.name)]
        share, rest = divmod(one.values["ReservoirSize"], len(clients))
        told.append({"RuleName": one.name, "FixedRate": one.values["FixedRate"], "ReservoirQuota": share + (clients.index(said["ClientID"]) < rest),
                     "ReservoirQuotaTTL": call.now + QUOTA_SECONDS, "Interval": INTERVAL_SECONDS})
    lost_boosts = [{"RuleName": said["RuleName"], "ErrorCode": "400", "Message": "Sampling rates are not boosted in Cloche"} for said in req.get("SamplingBoostStatisticsDocuments") or ()]
    return {"SamplingTargetDocuments": told, "LastRuleModification": max(one.modified for one in known.values()), "UnprocessedStatistics": lost,  # type: ignore[typeddict-item]
            **({"UnprocessedBoostStatistics": lost_boosts} if lost_boosts else {})}


@xray.op(resource=lambda call, req: "*")
def get_sampling_statistic_summaries(call: Call, req: t.GetSamplingStatisticSummariesRequest) -> t.GetSamplingStatisticSummariesResult:
    rows = call.sql("SELECT rule, at, requests, borrowed, sampled FROM xray_sampled WHERE account = ? AND region = ? ORDER BY rule, at", call.account, call.region)
    found, more = pages.page(rows, req, lambda row: f"{row[0]} {row[1]:020.3f}", 100, errors.bad_token)
    return {"SamplingStatisticSummaries": [{"RuleName": rule, "Timestamp": at, "RequestCount": requests, "BorrowCount": borrowed, "SampledCount": sampled}
                                           for rule, at, requests, borrowed, sampled in found], **more}  # type: ignore[typeddict-item]


# -- services here --------------------------------------------------------------------------------------------------------------

@lru_cache(maxsize=1024)
def like(pattern: str) -> Any:
    """`*` is anything, `?` one character; capitals do not matter."""
    return re.compile("".join(".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in pattern), re.IGNORECASE | re.DOTALL).fullmatch


def chosen(call: Call, about: dict[str, str]) -> Rule:
    """The first rule that fits: `about` has the members of STRINGS that are known."""
    return next((one for one in rules(call) if not one.values.get("Attributes") and all(like(one.values[name])(about.get(name, "")) for name in STRINGS)), default(call))


def decide(call: Call, **about: str) -> bool:
    """Is this request to be traced? Its rule's reservoir is counted by the second, in memory."""
    one = chosen(call, about)
    counters = call.cloud.memory.setdefault("xray.reservoirs", {})
    key, second = (call.account, call.region, one.name), int(call.now)
    at, used = counters.get(key, (second, 0))
    if at != second:
        used = 0
    if used < one.values["ReservoirSize"]:
        counters[key] = (second, used + 1)
        return True
    return bool(call.cloud.dice.random() < one.values["FixedRate"])
