"""Regex pattern sets: up to ten patterns under a name."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import entities, errors, rules
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

MOST = 10


def _checked(patterns: list[Any]) -> list[Any]:
    if len(patterns) > MOST:
        raise errors.too_much()
    for one in patterns:
        rules.check_pattern(one.get("RegexString", ""))
    return patterns


@wafv2.op(**entities.made("regexpatternset"))
def create_regex_pattern_set(call: Call, req: t.CreateRegexPatternSetRequest) -> t.CreateRegexPatternSetResponse:
    return entities.make(call, "regexpatternset", req, {"RegularExpressionList": _checked(req["RegularExpressionList"])})  # type: ignore[return-value]


@wafv2.op(**entities.on("regexpatternset"))
def get_regex_pattern_set(call: Call, req: t.GetRegexPatternSetRequest) -> t.GetRegexPatternSetResponse:
    one = entities.find(call, "regexpatternset", req)
    return {"RegexPatternSet": entities.whole(one), "LockToken": one.token}  # type: ignore[typeddict-item]


@wafv2.op(ANY)
def list_regex_pattern_sets(call: Call, req: t.ListRegexPatternSetsRequest) -> t.ListRegexPatternSetsResponse:
    return entities.listed(call, "regexpatternset", "RegexPatternSets")(req)  # type: ignore[return-value]


@wafv2.op(**entities.on("regexpatternset"))
def update_regex_pattern_set(call: Call, req: t.UpdateRegexPatternSetRequest) -> t.UpdateRegexPatternSetResponse:
    one = entities.locked(call, "regexpatternset", req)
    return entities.change(call, one, req, {**one.values, "RegularExpressionList": _checked(req["RegularExpressionList"])})  # type: ignore[return-value]


@wafv2.op(**entities.on("regexpatternset"))
def delete_regex_pattern_set(call: Call, req: t.DeleteRegexPatternSetRequest) -> t.DeleteRegexPatternSetResponse:
    entities.drop(call, entities.locked(call, "regexpatternset", req))
    return {}
