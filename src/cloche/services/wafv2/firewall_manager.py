"""Web ACLs of Firewall Manager: its rule groups come first and last, the account's own rules between them; who owns the account cannot delete such an ACL."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import associations, entities, logging, rules, sampling
from .entities import Entity

FIRST, LAST, MARK = "PreProcessFirewallManagerRuleGroups", "PostProcessFirewallManagerRuleGroups", "ManagedByFirewallManager"
FAR = 1 << 40                    # beyond any priority of an account's own rules


def plain(groups: list[Any]) -> list[dict[str, Any]]:
    """As ordinary rules."""
    return [{"Name": one["Name"], "Priority": one["Priority"], "Statement": one["FirewallManagerStatement"], "OverrideAction": one["OverrideAction"], "VisibilityConfig": one["VisibilityConfig"]}
            for one in groups]


def weigh(call: Call, groups: list[Any]) -> int:
    """What the groups cost, once they make sense to who names them."""
    here, given = call.of("wafv2"), plain(groups)
    for one in given:
        rules.checked(here, [one])
    return rules.cost(here, given)


def effective(values: dict[str, Any]) -> dict[str, Any]:
    """The ACL with Firewall Manager's groups among its rules."""
    if not values.get(MARK):
        return values
    first = [{**one, "Priority": one["Priority"] - FAR} for one in plain(values[FIRST])]
    last = [{**one, "Priority": one["Priority"] + FAR} for one in plain(values[LAST])]
    return {**values, "Rules": [*first, *values["Rules"], *last]}


def managed(call: Call, arn: str, name: str, given: dict[str, Any], reach: str = "REGIONAL") -> str:
    """The ACL with this ARN as it should be; made under the name if there is none."""
    from . import web_acls
    here = call.of("wafv2")
    old = here.get(Entity, arn) if arn else None
    if old is not None:
        values = {**old.values, **given}
        if values != old.values:
            here.put(old.but(values=values, token=here.uuid()))
        return old.arn
    values = {"Rules": [], "Capacity": 0, "LabelNamespace": web_acls.prefix(here.account, name), "Description": "Created by AWS Firewall Manager", MARK: True, **given}
    return str(entities.make(here, "webacl", {"Name": name, "Scope": reach}, values)["Summary"]["ARN"])


def drop(call: Call, arn: str) -> None:
    here = call.of("wafv2")
    one = here.get(Entity, arn)
    for resource in associations.of(here, arn):
        if (link := here.get(associations.Association, resource)) is not None:
            here.delete(link)
    if one is not None:
        logging.forget(here, arn)
        here.delete(one)
        sampling.rates(here).forget(arn)


def release(call: Call, arn: str) -> None:
    """It is the account's own now."""
    here = call.of("wafv2")
    if (one := here.get(Entity, arn)) is not None:
        here.put(one.but(values={k: v for k, v in one.values.items() if k not in (FIRST, LAST, MARK)}, token=here.uuid()))
