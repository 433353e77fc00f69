"""WAFV2 policies: a web ACL `FMManagedWebACLV2-POLICY-MILLISECONDS` in each account, with the policy's rule groups first and last, before the resources that are meant."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.wafv2 import public as wafv2

from . import errors
from .place import Place, Thing
from .policies import DISTRIBUTION

ISSUE = "AWSWAF"


def check(call: Call, data: dict[str, Any]) -> None:
    if not isinstance(data.get("defaultAction"), dict) or data["defaultAction"].get("type") not in ("ALLOW", "BLOCK"):
        raise errors.invalid("The defaultAction of a WAFV2 policy is ALLOW or BLOCK.")
    values(call, data)


def values(call: Call, data: dict[str, Any]) -> dict[str, Any]:
    """The web ACL of a policy; its rule groups are the administrator's or AWS's."""
    first, last = (rule_groups(data.get(name) or []) for name in ("preProcessRuleGroups", "postProcessRuleGroups"))
    try:
        wafv2.weigh(call, [*first, *last])
    except AwsError as error:
        raise errors.invalid(error.message) from None
    word = data["defaultAction"]["type"].capitalize()
    seen = bool(data.get("sampledRequestsEnabledForDefaultActions", True))
    return {"DefaultAction": {word: {}}, "PreProcessFirewallManagerRuleGroups": first, "PostProcessFirewallManagerRuleGroups": last,
            "VisibilityConfig": {"SampledRequestsEnabled": seen, "CloudWatchMetricsEnabled": True, "MetricName": "FMManagedWebACLV2"}}


def rule_groups(given: list[Any]) -> list[dict[str, Any]]:
    found = []
    for i, one in enumerate(given):
        try:
            if one.get("ruleGroupType") == "ManagedRuleGroup":
                named = one["managedRuleGroupIdentifier"]
                name = named["managedRuleGroupName"]
                statement = {"ManagedRuleGroupStatement": {"VendorName": named["vendorName"], "Name": name}}
            else:
                name = one["ruleGroupArn"].split("/")[2]
                statement = {"RuleGroupReferenceStatement": {"ARN": one["ruleGroupArn"]}}
        except (KeyError, TypeError, AttributeError, IndexError):
            raise errors.invalid("A rule group has a ruleGroupArn, or a managedRuleGroupIdentifier with a vendorName and a managedRuleGroupName.") from None
        how: dict[str, Any] = next(iter(statement.values()))
        overrides = [{"Name": other["name"], "ActionToUse": {"Count": {}}} for other in one.get("excludeRules") or []]
        overrides += [{"Name": other["name"], "ActionToUse": {next(iter(other["actionToUse"])).capitalize(): {}}} for other in one.get("ruleActionOverrides") or []]
        if overrides:
            how["RuleActionOverrides"] = overrides
        word = ((one.get("overrideAction") or {}).get("type") or "NONE").capitalize()
        found.append({"Name": re.sub(r"[^\w-]", "-", name)[:128], "Priority": i, "FirewallManagerStatement": statement, "OverrideAction": {word: {}},
                      "VisibilityConfig": {"SampledRequestsEnabled": bool(one.get("sampledRequestsEnabled", True)), "CloudWatchMetricsEnabled": True, "MetricName": re.sub(r"[^\w-]", "-", name)[:128]}})
    return found


def apply(place: Place) -> None:
    policy, data, things = place.policy, place.policy.data, place.things()
    acl = place.mine("acl").get("acl", "")
    if policy.remedies and (things or not data.get("optimizeUnassociatedWebACL")):
        name = f"FMManagedWebACLV2-{re.sub(r'[^A-Za-z0-9_-]', '-', policy.name)[:90]}-{int(place.inside.now * 1000)}"
        acl = wafv2.managed_by_firewall_manager(place.inside, acl, name, values(place.admin, data), "CLOUDFRONT" if policy.kinds == [DISTRIBUTION] else "REGIONAL")
        place.keep("acl", "acl", acl)
    for thing in things:
        found = held(place, thing)
        if found == acl != "":
            continue
        if found and not data.get("overrideCustomerWebACLAssociation"):
            place.accuse(thing, "RESOURCE_INCORRECT_WEB_ACL")
        elif policy.remedies:
            put_before(place, thing.id, acl)
        else:
            place.accuse(thing, "RESOURCE_MISSING_WEB_ACL" if not found else "RESOURCE_INCORRECT_WEB_ACL")
    if acl and policy.values["DeleteUnusedFMManagedResources"]:
        for arn in set(wafv2.stands_before(place.inside, acl)) - {thing.id for thing in things}:
            put_before(place, arn, "")


def held(place: Place, thing: Thing) -> str:
    """The ARN of the web ACL before it, or ""."""
    if thing.kind == DISTRIBUTION:
        return str(thing.body["WebACLId"])
    return str((place.do("wafv2", "GetWebACLForResource", ResourceArn=thing.id).get("WebACL") or {}).get("ARN", ""))


def put_before(place: Place, arn: str, acl: str) -> None:
    """Distributions know their web ACL themselves."""
    if ":cloudfront:" in arn:
        verb, req = ("Associate", {"WebACLArn": acl}) if acl else ("Disassociate", {})
        place.do("cloudfront", f"{verb}DistributionWebACL", Id=arn.rpartition("/")[2], **req)
    elif acl:
        place.do("wafv2", "AssociateWebACL", WebACLArn=acl, ResourceArn=arn)
    else:
        place.do("wafv2", "DisassociateWebACL", ResourceArn=arn)


def clean(place: Place) -> None:
    if acl := place.mine("acl").get("acl"):
        for arn in wafv2.stands_before(place.inside, acl):
            if ":cloudfront:" in arn:
                put_before(place, arn, "")
        wafv2.drop_managed(place.inside, acl)
        place.lose("acl", "acl")


def release(place: Place) -> None:
    """The policy is gone and its web ACL stays: it is the account's own now, without the policy's rule groups."""
    if acl := place.mine("acl").get("acl"):
        wafv2.release(place.inside, acl)
