"""Routing rules of a custom domain: by priority, the first whose conditions hold names the API and stage. Base paths and headers are what they ask about."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, Domain, asked, domain_arn

from . import errors
from . import service as apigatewayv2
from .domains import find
from .stages import stage_exists

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t


def described(call: Call, domain: Domain, rule: dict[str, Any]) -> dict[str, Any]:
    return {**rule, "RoutingRuleArn": f"arn:aws:apigateway:{call.region}:{call.account}:{domain_arn(call, domain).partition('::')[2]}/routingrules/{rule['RoutingRuleId']}"}


def rule_of(domain: Domain, id_: str) -> dict[str, Any]:
    if found := domain.rules.get(id_):
        return found
    raise errors.not_found("The resource specified in the request was not found.")


def keep(call: Call, domain: Domain, rule: dict[str, Any]) -> dict[str, Any]:
    if domain.type != "REGIONAL":
        raise errors.bad_request("Routing rules are supported for Regional custom domain names only.")
    if not 1 <= rule["Priority"] <= 1_000_000:
        raise errors.bad_request("Priority must be between 1 and 1000000.")
    if any(other["Priority"] == rule["Priority"] and other["RoutingRuleId"] != rule["RoutingRuleId"] for other in domain.rules.values()):
        raise errors.conflict("A routing rule with this priority already exists for the domain name.")
    if len(rule["Actions"]) != 1:
        raise errors.bad_request("A routing rule has exactly one action.")
    to = rule["Actions"][0]["InvokeApi"]
    if not stage_exists(call, to["ApiId"], to["Stage"]):
        raise errors.bad_request("Invalid API or stage identifier specified")
    call.put(domain.but(rules={**domain.rules, rule["RoutingRuleId"]: rule}))
    return described(call, domain, rule)


@apigatewayv2.op(needs=asked)
def create_routing_rule(call: Call, req: t.CreateRoutingRuleRequest) -> t.CreateRoutingRuleResponse:
    rule = {"RoutingRuleId": call.pick(LETTERS, 8), "Priority": req["Priority"], "Conditions": req["Conditions"], "Actions": req["Actions"]}
    return keep(call, find(call, req["DomainName"]), rule)


@apigatewayv2.op(needs=asked)
def put_routing_rule(call: Call, req: t.PutRoutingRuleRequest) -> t.PutRoutingRuleResponse:
    domain = find(call, req["DomainName"])
    return keep(call, domain, rule_of(domain, req["RoutingRuleId"]) | {"Priority": req["Priority"], "Conditions": req["Conditions"], "Actions": req["Actions"]})


@apigatewayv2.op(needs=asked)
def get_routing_rule(call: Call, req: t.GetRoutingRuleRequest) -> t.GetRoutingRuleResponse:
    domain = find(call, req["DomainName"])
    return described(call, domain, rule_of(domain, req["RoutingRuleId"]))


@apigatewayv2.op(needs=asked)
def list_routing_rules(call: Call, req: t.ListRoutingRulesRequest) -> t.ListRoutingRulesResponse:
    domain = find(call, req["DomainName"])
    ordered = sorted((r for r in domain.rules.values() if r["Priority"] > int(req.get("NextToken") or 0)), key=lambda r: r["Priority"])
    shown = ordered[:req.get("MaxResults") or 100]
    answer: dict[str, Any] = {"RoutingRules": [described(call, domain, rule) for rule in shown]}
    return answer | ({"NextToken": str(shown[-1]["Priority"])} if len(shown) < len(ordered) else {})


@apigatewayv2.op(needs=asked)
def delete_routing_rule(call: Call, req: t.DeleteRoutingRuleRequest) -> None:
    domain = find(call, req["DomainName"])
    rule_of(domain, req["RoutingRuleId"])
    call.put(domain.but(rules={k: v for k, v in domain.rules.items() if k != req["RoutingRuleId"]}))
