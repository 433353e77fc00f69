"""What rules cost in web ACL capacity units (AWS WAF Developer Guide, "Rule statements list")."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

MOST = 5000       # of a web ACL or rule group
TRANSFORMATION = 10


def of(rules: list[Any], group: Callable[[str], int], managed: Callable[[str], int]) -> int:
    return sum(statement(rule["Statement"], group, managed) for rule in rules)


def statement(one: dict[str, Any], group: Callable[[str], int], managed: Callable[[str], int]) -> int:
    kind, how = next(iter(one.items()))
    match kind:
        case "AndStatement" | "OrStatement":
            return sum(statement(each, group, managed) for each in how["Statements"])
        case "NotStatement":
            return statement(how["Statement"], group, managed)
        case "RuleGroupReferenceStatement":
            return group(how["ARN"])
        case "ManagedRuleGroupStatement" | "RateBasedStatement":
            down = statement(how["ScopeDownStatement"], group, managed) if how.get("ScopeDownStatement") else 0
            return down + (managed(how["Name"]) if kind.startswith("Managed") else 2 + 30 * len(how.get("CustomKeys") or ()))
        case "GeoMatchStatement" | "LabelMatchStatement" | "AsnMatchStatement":
            return 1
        case "IPSetReferenceStatement":
            return 5 if (how.get("IPSetForwardedIPConfig") or {}).get("Position") == "ANY" else 1
        case "ByteMatchStatement":
            base = 10 if how["PositionalConstraint"] in ("CONTAINS", "CONTAINS_WORD") else 2
        case "RegexMatchStatement":
            base = 3
        case "RegexPatternSetReferenceStatement":
            base = 25
        case "SizeConstraintStatement":
            base = 1
        case "SqliMatchStatement":
            base = 30 if how.get("SensitivityLevel") == "HIGH" else 20
        case "XssMatchStatement":
            base = 40
        case _:
            base = 1
    field = how["FieldToMatch"]
    if "AllQueryArguments" in field:
        base += 10
    if "JsonBody" in field:
        base *= 2
    return base + sum(TRANSFORMATION for step in how["TextTransformations"] if step["Type"] != "NONE")
