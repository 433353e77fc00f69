"""Listeners of a load balancer that send traffic to one of two target groups: their default action, and the rules that do the same."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from .lifecycle import Failure


def ask(role: Call, operation: str, **members: Any) -> Any:
    try:
        return role.do("elbv2", operation, **members)
    except AwsError as error:
        if "AccessDenied" in error.code or "Unauthorized" in error.code:
            raise
        raise Failure("ELASTIC_LOAD_BALANCING_INVALID", error.message) from None


def forwards(action: dict[str, Any]) -> dict[str, int]:
    """Target group -> weight, of an action that forwards."""
    if action.get("Type") != "forward":
        return {}
    several = action.get("ForwardConfig", {}).get("TargetGroups") or ()
    return {each["TargetGroupArn"]: each.get("Weight", 1) for each in several} or {action["TargetGroupArn"]: 1}


def actions(role: Call, listener: str) -> list[tuple[str, list[Any]]]:
    """(rule, actions): "" is the listener's own."""
    own = ask(role, "DescribeListeners", ListenerArns=[listener])["Listeners"][0]
    out = [("", own["DefaultActions"])]
    if own["Protocol"] in ("HTTP", "HTTPS"):
        out += [(rule["RuleArn"], rule["Actions"]) for rule in ask(role, "DescribeRules", ListenerArn=listener)["Rules"] if not rule["IsDefault"]]
    return out


def serving(role: Call, listener: str, groups: list[str]) -> str | None:
    """The group of the two that has the traffic now."""
    for _, each in actions(role, listener):
        for action in each:
            there = {arn: weight for arn, weight in forwards(action).items() if arn in groups}
            if there:
                return max(there, key=lambda arn: there[arn])
    return None


def turn(role: Call, listener: str, groups: list[str], weights: dict[str, int]) -> None:
    """What went to either group goes to them by these weights; everything else of the listener stays. Inside a step. A group of weight 0 stays the listener's
    as well, so that tasks can register with it, except where a listener cannot weigh (TCP)."""
    weighs = ask(role, "DescribeListeners", ListenerArns=[listener])["Listeners"][0]["Protocol"] in ("HTTP", "HTTPS")
    given = {arn: weight for arn, weight in weights.items() if weight or weighs}
    for rule, each in actions(role, listener):
        if not any(arn in groups for action in each for arn in forwards(action)):
            continue
        changed = [fresh(action, given) if any(arn in groups for arn in forwards(action)) else action for action in each]
        if rule:
            ask(role, "ModifyRule", RuleArn=rule, Actions=changed)
        else:
            ask(role, "ModifyListener", ListenerArn=listener, DefaultActions=changed)


def fresh(action: dict[str, Any], weights: dict[str, int]) -> dict[str, Any]:
    order = {"Order": action["Order"]} if "Order" in action else {}
    if len(weights) == 1:
        return {"Type": "forward", "TargetGroupArn": next(iter(weights)), **order}
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]}, **order}
