"""AWS::LanguageExtensions: Fn::ForEach unrolled, functions in DeletionPolicy settled. Length, ToJsonString and FindInMap's default are ordinary functions (`functions`)."""
from __future__ import annotations

import re
from typing import Any

from . import conditions
from .errors import TransformError
from .functions import Scope, evaluate, unknowns
from .reading import text_of

NAME = "AWS::LanguageExtensions"
LIMIT = 5  # loops inside one another


def expand(template: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """The template without loops. `scope` knows parameters and mappings; a collection must not depend on a resource."""
    result = {}
    for section, body in template.items():
        if section in ("Resources", "Outputs", "Conditions") and isinstance(body, dict):
            result[section] = _unroll(body, {}, scope, 0)
        else:
            result[section] = body
    settled = None
    for one in result["Resources"].values() if isinstance(result.get("Resources"), dict) else ():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if isinstance(one, dict) and isinstance(one.get(policy), dict):
                if settled is None:
                    settled = Scope(values=scope.values, mappings=scope.mappings, conditions=conditions.evaluate_all(result.get("Conditions", {}), scope))
                one[policy] = evaluate(one[policy], settled)
                if not isinstance(one[policy], str):
                    raise TransformError(f"Transform {NAME} failed with: {policy} must resolve to a string")
    return result


def _unroll(value: Any, names: dict[str, str], scope: Scope, depth: int) -> Any:
    if isinstance(value, list):
        return [_unroll(x, names, scope, depth) for x in value]
    if isinstance(value, str):
        return _named(value, names) if names else value
    if not isinstance(value, dict):
        return value
    if names and len(value) == 1 and isinstance(value.get("Ref"), str) and value["Ref"] in names:
        return names[value["Ref"]]
    result: dict[str, Any] = {}
    for key, each in value.items():
        if key.startswith("Fn::ForEach::"):
            result |= _loop(key, each, names, scope, depth + 1)
        else:
            result[_named(key, names) if names else key] = _unroll(each, names, scope, depth)
    return result


def _loop(key: str, body: Any, names: dict[str, str], scope: Scope, depth: int) -> dict[str, Any]:
    if depth > LIMIT:
        raise TransformError(f"Transform {NAME} failed with: Fn::ForEach loops are nested more than {LIMIT} deep")
    if not isinstance(body, list) or len(body) != 3 or not isinstance(body[0], str) or not isinstance(body[2], dict):
        raise TransformError(f"Transform {NAME} failed with: Fn::ForEach layout is incorrect")
    variable, collection, fragment = body
    items = evaluate(_unroll(collection, names, scope, depth), scope)
    if unknowns(items) or not isinstance(items, list):
        raise TransformError(f"Transform {NAME} failed with: Fn::ForEach collection of {key} could not be resolved")
    flat = [text_of(y) for x in items for y in (x if isinstance(x, list) else [x])]
    result: dict[str, Any] = {}
    for item in flat:
        for name, each in _unroll(fragment, names | {variable: item}, scope, depth).items():
            if name in result:
                raise TransformError(f"Transform {NAME} failed with: Fn::ForEach produced {name} more than once")
            result[name] = each
    return result


def _named(text: str, names: dict[str, str]) -> str:
    """`${X}` is the loop's item, `&{X}` the same without what a logical id may not hold."""
    def put(found: re.Match[str]) -> str:
        if found[2] not in names:
            return found[0]
        item = names[found[2]]
        return re.sub(r"[^A-Za-z0-9]", "", item) if found[1] == "&" else item

    return re.sub(r"([$&])\{([A-Za-z0-9]+)\}", put, text)
