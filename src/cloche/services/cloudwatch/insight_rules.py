"""Contributor Insights: rules that say who contributes most to a log, or (managed by DynamoDB) to the capacity of a table. A report is reckoned when it is asked for.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContributorInsights-RuleSyntax.html
"""
from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.languages import jsonpath

from . import errors
from . import service as cloudwatch

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

NAME = re.compile(r"[\x20-\x7e]{1,128}")
MOST, DEFAULT = 100, 10
METRICS = ("UniqueContributors", "MaxContributorValue", "SampleCount", "Sum", "Minimum", "Maximum", "Average")
CONDITIONS = ("In", "NotIn", "StartsWith", "GreaterThan", "LessThan", "EqualTo", "NotEqualTo", "IsPresent")


class InsightRule(Record, frozen=True):
    kind = "cloudwatch.insight_rule"

    name: str
    definition: str
    created: float
    state: str = "ENABLED"
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"insight-rule/{req['RuleName']}")


def by_names(call: Call, req: Any) -> list[str]:
    return [call.arn(f"insight-rule/{name}") for name in req["RuleNames"]]


def bad_definition(why: str) -> AwsError:
    return AwsError("InvalidParameterValueException", f"The value for the parameter RuleDefinition is not valid: {why}", query_code="InvalidParameterValue")


def no_rule(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The rule {name} does not exist", 404)


def read(text: str) -> dict[str, Any]:
    """A definition, or why it is none."""
    try:
        said = json.loads(text)
    except ValueError:
        raise bad_definition("it must be JSON") from None
    if not isinstance(said, dict) or (said.get("Schema") or {}).get("Name") not in ("CloudWatchLogRule",):
        raise bad_definition("Schema must be {\"Name\": \"CloudWatchLogRule\", \"Version\": 1}")
    body = said.get("Contribution")
    if not isinstance(body, dict) or not isinstance(body.get("Keys"), list) or not 1 <= len(body["Keys"]) <= 4:
        raise bad_definition("Contribution must have one to four Keys")
    if not said.get("LogGroupNames") and not said.get("LogGroupARNs"):
        raise bad_definition("LogGroupNames must be given")
    if said.get("LogFormat", "JSON") not in ("JSON", "CLF"):
        raise bad_definition("LogFormat must be JSON or CLF")
    if said.get("AggregateOn", "Count") not in ("Count", "Sum") or (said.get("AggregateOn") == "Sum") != ("ValueOf" in body):
        raise bad_definition("AggregateOn is Count, or Sum with a ValueOf")
    for rule in body.get("Filters") or ():
        if not isinstance(rule, dict) or "Match" not in rule or sum(name in rule for name in CONDITIONS) != 1:
            raise bad_definition("a filter has a Match and one condition")
    return said


# -- operations -----------------------------------------------------------------------------------------------------------


@cloudwatch.op(resource=by_name)
def put_insight_rule(call: Call, req: t.PutInsightRuleInput) -> t.PutInsightRuleOutput:
    if not NAME.fullmatch(req["RuleName"]):
        raise bad_definition("the name has a character that is not allowed")
    read(req["RuleDefinition"])
    old = call.get(InsightRule, req["RuleName"])
    call.put(InsightRule(req["RuleName"], req["RuleDefinition"], old.created if old else call.now, req.get("RuleState") or "ENABLED",
                         old.tags if old else {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}))
    return {}


def managed(call: Call) -> list[tuple[str, str]]:
    from cloche.services.dynamodb import public as dynamodb
    return dynamodb.insight_rules(call)


@cloudwatch.op(resource=ANY)
def describe_insight_rules(call: Call, req: t.DescribeInsightRulesInput) -> t.DescribeInsightRulesOutput:
    every = [{"Name": one.name, "State": one.state, "Schema": json.dumps(read(one.definition)["Schema"]), "Definition": one.definition, "ManagedRule": False} for one in call.all(InsightRule)]
    every += [{"Name": name, "State": "ENABLED", "Schema": json.dumps(json.loads(definition)["Schema"]), "Definition": definition, "ManagedRule": True} for name, definition in managed(call)]
    found, more = page(sorted(every, key=lambda one: str(one["Name"])), req, lambda one: str(one["Name"]), 500, lambda: AwsError("InvalidNextToken", "The next token is not valid"))
    return {"InsightRules": found, **more}  # type: ignore[typeddict-item]


def _each(call: Call, req: Any, change: Any) -> list[dict[str, str]]:
    failures = []
    for name in req["RuleNames"]:
        one = call.get(InsightRule, name)
        if one is None:
            failures.append({"FailureResource": name, "ExceptionType": "ResourceNotFoundException", "FailureCode": "404", "FailureDescription": f"The rule {name} does not exist"})
        else:
            change(one)
    return failures


@cloudwatch.op(resource=by_names)
def delete_insight_rules(call: Call, req: t.DeleteInsightRulesInput) -> t.DeleteInsightRulesOutput:
    return {"Failures": _each(call, req, call.delete)}  # type: ignore[typeddict-item]


@cloudwatch.op(resource=by_names)
def enable_insight_rules(call: Call, req: t.EnableInsightRulesInput) -> t.EnableInsightRulesOutput:
    return {"Failures": _each(call, req, lambda one: call.put(one.but(state="ENABLED")))}  # type: ignore[typeddict-item]


@cloudwatch.op(resource=by_names)
def disable_insight_rules(call: Call, req: t.DisableInsightRulesInput) -> t.DisableInsightRulesOutput:
    return {"Failures": _each(call, req, lambda one: call.put(one.but(state="DISABLED")))}  # type: ignore[typeddict-item]


@cloudwatch.op(resource=by_name)
def get_insight_rule_report(call: Call, req: t.GetInsightRuleReportInput) -> t.GetInsightRuleReportOutput:
    if req["StartTime"] >= req["EndTime"] or req["Period"] < 60 or req["Period"] % 60:
        raise errors.invalid("The time range or the period is not valid.")
    if wrong := [name for name in req.get("Metrics") or () if name not in METRICS]:
        raise errors.invalid(f"{wrong[0]} is no metric of a rule.")
    labels, statistic, found = report(call, req["RuleName"], req["StartTime"], req["EndTime"], req["Period"])
    totals: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for contributors in found.values():
        for keys, value in contributors.items():
            totals[keys].append(value)
    order = max if req.get("OrderBy") == "Maximum" else sum
    ranked = sorted(totals, key=lambda keys: (-order(totals[keys]), keys))[:min(req.get("MaxContributorCount") or DEFAULT, MOST)]
    answer: dict[str, Any] = {
        "KeyLabels": labels, "AggregationStatistic": statistic, "AggregateValue": float(sum(map(sum, totals.values()))), "ApproximateUniqueCount": len(totals),
        "Contributors": [{"Keys": list(keys), "ApproximateAggregateValue": float(sum(totals[keys])),
                          "Datapoints": [{"Timestamp": moment, "ApproximateValue": float(contributors[keys])} for moment, contributors in sorted(found.items()) if keys in contributors]} for keys in ranked]}
    if req.get("Metrics"):
        answer["MetricDatapoints"] = [{"Timestamp": moment, **{name: metric(name, list(contributors.values())) for name in req["Metrics"]}} for moment, contributors in sorted(found.items())]
    return answer  # type: ignore[return-value]


def metric(name: str, values: list[float]) -> float:
    """Over the contributors of a period."""
    return {"UniqueContributors": float(len(values)), "MaxContributorValue": max(values), "SampleCount": float(len(values)), "Sum": float(sum(values)), "Minimum": min(values),
            "Maximum": max(values), "Average": sum(values) / len(values)}[name]


# -- reckoning ------------------------------------------------------------------------------------------------------------


def report(call: Call, name: str, start: float, end: float, period: int) -> tuple[list[str], str, dict[float, dict[tuple[str, ...], float]]]:
    """Labels, the statistic, and by the beginning of each period what each contributor brought."""
    one = call.get(InsightRule, name)
    if one is None:
        if name not in [known for known, _ in managed(call)]:
            raise no_rule(name)
        from cloche.services.dynamodb import public as dynamodb
        labels, rows = dynamodb.contributions(call, name, start, end)
        return labels, "Sum", gathered(iter(rows), period)
    rule = read(one.definition)
    if one.state != "ENABLED":
        return rule["Contribution"]["Keys"], rule.get("AggregateOn", "Count"), {}
    return rule["Contribution"]["Keys"], rule.get("AggregateOn", "Count"), gathered(of_logs(call, rule, max(start, one.created), end), period)


def gathered(rows: Iterator[tuple[float, tuple[str, ...], float]], period: int) -> dict[float, dict[tuple[str, ...], float]]:
    found: dict[float, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
    for moment, keys, value in rows:
        found[moment // period * period][keys] += value
    return found


def of_logs(call: Call, rule: dict[str, Any], start: float, end: float) -> Iterator[tuple[float, tuple[str, ...], float]]:
    from cloche.services.logs import public as logs
    body, names = rule["Contribution"], [*(rule.get("LogGroupNames") or ()), *(arn.split(":")[6] for arn in rule.get("LogGroupARNs") or ())]
    for moment, message in logs.between(call, names, int(start * 1000), int(end * 1000)):
        event = fields(message, rule)
        if event is None or not all(holds(event, one) for one in body.get("Filters") or ()):
            continue
        keys = [value(event, key) for key in body["Keys"]]
        if any(key is None for key in keys):
            continue
        amount: Any = 1.0
        if "ValueOf" in body:
            try:
                amount = float(value(event, body["ValueOf"]))
            except (TypeError, ValueError):
                continue
        yield moment / 1000, tuple(key if isinstance(key, str) else json.dumps(key) for key in keys), amount


def fields(message: str, rule: dict[str, Any]) -> Any:
    """A line as an object: JSON, or the words of the common log format under their numbers and names."""
    if rule.get("LogFormat", "JSON") == "JSON":
        try:
            found = json.loads(message)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None
    try:
        words = shlex.split(message.replace("[", '"').replace("]", '"'))
    except ValueError:
        return None
    found = {str(number): word for number, word in enumerate(words, 1)}
    return found | {name: found[number] for number, name in (rule.get("Fields") or {}).items() if number in found}


def value(event: Any, path: str) -> Any:
    if not path.startswith("$"):
        return event.get(path)
    try:
        return jsonpath.compile(path).find(event)
    except (jsonpath.NoSuchPath, jsonpath.InvalidPath):
        return None


def holds(event: Any, rule: dict[str, Any]) -> bool:
    found = value(event, rule["Match"])
    if "IsPresent" in rule:
        return (found is not None) == rule["IsPresent"]
    if found is None:
        return False
    if "In" in rule:
        return found in rule["In"]
    if "NotIn" in rule:
        return found not in rule["NotIn"]
    if "StartsWith" in rule:
        return any(str(found).startswith(one) for one in rule["StartsWith"])
    name = next(one for one in ("GreaterThan", "LessThan", "EqualTo", "NotEqualTo") if one in rule)
    try:
        number, limit = float(found), float(rule[name])
    except (TypeError, ValueError):
        return False
    return {"GreaterThan": number > limit, "LessThan": number < limit, "EqualTo": number == limit, "NotEqualTo": number != limit}[name]
