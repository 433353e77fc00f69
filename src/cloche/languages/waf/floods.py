"""AWSManagedRulesAntiDDoSRuleSet: an event is a minute with many times the requests of the hour before it, and whoever sends a great share of them is suspect.

AWS learns what is usual from a resource's traffic by models of its own; here it is the mean of the last hour, and never less than a floor: a handful of requests is no flood.
"""
from __future__ import annotations

from typing import Any

import regex

from .threats import Group, Sensed, token_labels

MINUTE, HOUR = 60, 3600
FLOOR, TIMES = 200, 10               # requests a minute below which nothing is a flood, and how many times the usual is one
SHARES = (("high", 0.5), ("medium", 0.2), ("low", 0.05))   # of the minute's requests that come from one address
REACH = {"LOW": ("high",), "MEDIUM": ("high", "medium"), "HIGH": ("high", "medium", "low")}


def challengeable(asked: Any, action: dict[str, Any]) -> bool:
    """Could a browser's script answer in its place? The application says of which URIs not."""
    host = next((value for name, value in asked.headers if name.lower() == "host"), "").partition(":")[0]
    parts = [part for part in asked.path.split("/") if part not in ("", ".")]
    where = host + "/" + "/".join(parts)
    for one in action.get("ExemptUriRegularExpressions") or ():
        try:
            if regex.search(one.get("RegexString", ""), where, timeout=0.05):
                return False
        except (regex.error, TimeoutError):
            continue
    return True


def sense(asked: Any, how: dict[str, Any], world: Any, place: str) -> Sensed:
    action = how["ClientSideActionConfig"]["Challenge"]
    labels, rules = token_labels(asked), set()
    minute, hour = world.count(f"{place}/minute", "", MINUTE), world.count(f"{place}/hour", "", HOUR)
    mine = world.count(f"{place}/mine", asked.address, MINUTE)
    event = minute > max(FLOOR, TIMES * (hour - minute) / (HOUR / MINUTE - 1))
    able = action["UsageOfAction"] == "ENABLED" and challengeable(asked, action)
    if able:
        labels.add("challengeable-request")
    if not event:
        return Sensed(labels, rules)
    labels.add("event-detected")
    suspicion = next((word for word, share in SHARES if mine > share * minute), "")
    if suspicion:
        labels |= {"ddos-request", f"{suspicion}-suspicion-ddos-request"}
    if able:
        rules.add("ChallengeAllDuringEvent")
        if suspicion in REACH[action.get("Sensitivity", "HIGH")]:
            rules.add("ChallengeDDoSRequests")
    if suspicion in REACH[how.get("SensitivityToBlock", "LOW")]:
        rules.add("DDoSRequests")
    return Sensed(labels, rules)


GROUP = Group(
    "anti-ddos", "Provides protection against distributed denial of service (DDoS) attacks at the application layer.", "AWSManagedRulesAntiDDoSRuleSet",
    (("ChallengeAllDuringEvent", "Challenge", ()), ("ChallengeDDoSRequests", "Challenge", ()), ("DDoSRequests", "Block", ())),
    ("event-detected", "ddos-request", "low-suspicion-ddos-request", "medium-suspicion-ddos-request", "high-suspicion-ddos-request", "challengeable-request"), sense)
