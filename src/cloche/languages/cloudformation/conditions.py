"""Conditions and rules: what the caller's parameters decide before any resource is looked at."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import TemplateError, format_error, template_error
from .functions import NO_VALUE, Scope, Unknown, evaluate
from .reading import text_of


def evaluate_all(declared: Mapping[str, Any], scope: Scope) -> dict[str, bool]:
    """Every condition's truth. Conditions may name each other in any order, but not in a circle."""
    known: dict[str, bool] = {}

    def named(name: Any, path: tuple[str, ...]) -> bool:
        if not isinstance(name, str) or name not in declared:
            raise format_error(f"Unresolved dependencies [{text_of(name)}]. Cannot reference resources in the Conditions block of the template")
        if name in path:
            raise format_error(f"Circular dependencies between conditions: [{', '.join(path[path.index(name):])}]")
        if name not in known:
            known[name] = truth(declared[name], scope, lambda other: named(other, (*path, name)))
        return known[name]

    for name in declared:
        named(name, ())
    return known


def truth(value: Any, scope: Scope, named: Any) -> bool:
    if isinstance(value, dict) and len(value) == 1:
        [(name, argument)] = value.items()
        if name == "Condition":
            return named(argument)
        if name in ("Fn::And", "Fn::Or"):
            if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
                raise template_error(f"every {name} object requires a list of at least 2 and at most 10 boolean parameters.")
            results = [truth(x, scope, named) for x in argument]
            return all(results) if name == "Fn::And" else any(results)
        if name == "Fn::Not":
            if not isinstance(argument, list) or len(argument) != 1:
                raise template_error("every Fn::Not object requires one boolean parameter.")
            return not truth(argument[0], scope, named)
        if name == "Fn::Equals":
            if not isinstance(argument, list) or len(argument) != 2:
                raise template_error("every Fn::Equals object requires a list of 2 string parameters.")
            left, right = (_settled(x, scope) for x in argument)
            return left == right
        if rule := RULES.get(name):
            return rule(argument, scope)
    plain = _settled(value, scope)
    if plain in ("true", "false"):
        return plain == "true"
    raise format_error("Every Conditions member must be a boolean function: Fn::And, Fn::Or, Fn::Not, Fn::Equals or Condition")


def _settled(value: Any, scope: Scope) -> Any:
    plain = evaluate(value, scope)
    if isinstance(plain, Unknown):
        raise format_error(f"Unresolved dependencies [{plain.resource}]. Cannot reference resources in the Conditions block of the template")
    if plain is NO_VALUE:
        return ""
    return [text_of(x) for x in plain] if isinstance(plain, list) else plain if isinstance(plain, dict) else text_of(plain)


# -- rules: assertions over parameters ------------------------------------------------------------------------------

def _lists(argument: Any, scope: Scope) -> tuple[list[str], list[str]]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise template_error("rule-specific functions require a list of two elements")
    left, right = (_settled(x, scope) for x in argument)
    if right == []:
        raise template_error("rule-specific functions require a list of two elements")
    return (left if isinstance(left, list) else [left]), (right if isinstance(right, list) else [right])


def contains(argument: Any, scope: Scope) -> bool:
    values, [wanted, *_] = _lists(argument, scope)
    return wanted in values


def each_member_equals(argument: Any, scope: Scope) -> bool:
    values, [wanted, *_] = _lists(argument, scope)
    return all(x == wanted for x in values)


def each_member_in(argument: Any, scope: Scope) -> bool:
    values, allowed = _lists(argument, scope)
    return all(x in allowed for x in values)


RULES = {"Fn::Contains": contains, "Fn::EachMemberEquals": each_member_equals, "Fn::EachMemberIn": each_member_in}


def check_rules(rules: Mapping[str, Any], scope: Scope, declared: Mapping[str, Any]) -> None:
    """Raise for the assertions that do not hold, naming rule and description as CloudFormation does."""
    def named(name: Any) -> bool:
        return truth(declared[name], scope, named) if isinstance(name, str) and name in declared else _unknown(name)

    failures = []
    for name, rule in rules.items():
        asserted = rule.get("Assertions") if isinstance(rule, dict) else None
        if not isinstance(asserted, list) or not all(isinstance(x, dict) and "Assert" in x for x in asserted):
            raise format_error(f"Every Rules object must contain a list of Assertions: {name}")
        if "RuleCondition" in rule and not truth(rule["RuleCondition"], scope, named):
            continue
        for assertion in asserted:
            if not truth(assertion["Assert"], scope, named):
                failures.append(f"{assertion.get('AssertDescription', 'Rule failed')}")
        if failures:
            raise TemplateError(f"Template validation failed for the following rules: [{name}: {'; '.join(failures)}]")


def _unknown(name: Any) -> bool:
    raise format_error(f"Unresolved condition dependency {name} in the Rules block of the template")
