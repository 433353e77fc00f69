"""Intrinsic functions: a template's value to a plain one, as far as it can be known now.

What waits for a resource evaluates to an `Unknown`, and so does whatever is built from it; lists and maps keep their
shape around it. The same function therefore serves conditions (nothing is unknown), change sets (some) and deployment.
"""
from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from .errors import template_error
from .reading import text_of

VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
DYNAMIC = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^}]*)\}\}")


class _NoValue:
    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE = _NoValue()


class Unknown:
    """Known after `resource` exists: its Ref, or its attribute."""

    __slots__ = ("attribute", "resource")

    def __init__(self, resource: str, attribute: str = "") -> None:
        self.resource, self.attribute = resource, attribute

    def __repr__(self) -> str:
        return f"Unknown({self.resource}{'.' if self.attribute else ''}{self.attribute})"


class Scope:
    """What names mean while a value is evaluated. `ref` and `attribute` answer for resources, the rest is settled."""

    def __init__(self, *, values: Mapping[str, Any] | None = None, mappings: Mapping[str, Any] | None = None, conditions: Mapping[str, bool] | None = None,
                 ref: Callable[[str], Any] | None = None, attribute: Callable[[str, str], Any] | None = None, imported: Callable[[str], Any] | None = None,
                 zones: Callable[[str], list[str]] | None = None, dynamic: Callable[[str, str], str] | None = None) -> None:
        self.values, self.mappings, self.conditions = values or {}, mappings or {}, conditions or {}
        self.ref = ref or (lambda name: Unknown(name))
        self.attribute = attribute or Unknown
        self.imported, self.zones, self.dynamic = imported, zones, dynamic


def evaluate(value: Any, scope: Scope) -> Any:
    if isinstance(value, dict):
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref":
                return ref(argument, scope)
            if function := FUNCTIONS.get(name):
                return function(argument, scope)
            if name == "Condition" and isinstance(argument, str) and argument in scope.conditions:
                return scope.conditions[argument]
        result = {}
        for key, each in value.items():
            plain = evaluate(each, scope)
            if plain is not NO_VALUE:
                result[key] = plain
        return result
    if isinstance(value, list):
        return [plain for each in value if (plain := evaluate(each, scope)) is not NO_VALUE]
    if isinstance(value, str) and scope.dynamic is not None and "{{resolve:" in value:
        dynamic = scope.dynamic
        return DYNAMIC.sub(lambda found: dynamic(found[1], found[2]), value)
    return value


def resolve_dynamic(value: Any, dynamic: Callable[[str, str], str]) -> Any:
    """An evaluated value with its `{{resolve:...}}` looked up: for the operation's eyes only, never stored."""
    if isinstance(value, dict):
        return {key: resolve_dynamic(each, dynamic) for key, each in value.items()}
    if isinstance(value, list):
        return [resolve_dynamic(each, dynamic) for each in value]
    if isinstance(value, str) and "{{resolve:" in value:
        return DYNAMIC.sub(lambda found: dynamic(found[1], found[2]), value)
    return value


def unknowns(value: Any) -> list[Unknown]:
    """Everything in an evaluated value that still waits."""
    if isinstance(value, Unknown):
        return [value]
    if isinstance(value, dict):
        return [x for each in value.values() for x in unknowns(each)]
    if isinstance(value, list):
        return [x for each in value for x in unknowns(each)]
    return []


def ref(name: Any, scope: Scope) -> Any:
    if not isinstance(name, str) or not name:
        raise template_error("every Ref object must have a single String value.")
    if name == "AWS::NoValue":
        return NO_VALUE
    return scope.values[name] if name in scope.values else scope.ref(name)


def get_att(argument: Any, scope: Scope) -> Any:
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    if not isinstance(argument, list) or len(argument) != 2 or not all(argument) or not isinstance(argument[0], str):
        raise template_error("every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute.")
    attribute = evaluate(argument[1], scope)
    return attribute if isinstance(attribute, Unknown) else scope.attribute(argument[0], text_of(attribute))


def sub(argument: Any, scope: Scope) -> Any:
    text, given = (argument, {}) if isinstance(argument, str) else _pair(argument, SUB)
    if not isinstance(text, str) or not isinstance(given, dict):
        raise template_error(SUB)
    local = {name: evaluate(each, scope) for name, each in given.items()}
    waiting: list[Unknown] = []

    def put(found: re.Match[str]) -> str:
        if found[1]:
            return "${" + found[2] + "}"
        name = found[2].strip()
        value = local[name] if name in local else get_att(name, scope) if "." in name else ref(name, scope)
        if value is NO_VALUE:
            raise template_error(f"variable names in Fn::Sub syntax must resolve to a value: {name}")
        if (late := unknowns(value)):
            waiting.extend(late)
            return ""
        return ",".join(map(text_of, value)) if isinstance(value, list) else _string(value, "Fn::Sub expression does not resolve to a string")

    text = VARIABLE.sub(put, text)
    if waiting:
        return waiting[0]
    return evaluate(text, scope) if "{{resolve:" in text else text


SUB = ("One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument "
       "to specify a mapping of values to replace in the string")


def join(argument: Any, scope: Scope) -> Any:
    complaint = ("every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns "
                 "a list of strings (such as Fn::GetAZs) to be joined.")
    delimiter, items = _pair(argument, complaint)
    items = evaluate(items, scope)
    if isinstance(items, Unknown):
        return items
    if not isinstance(delimiter, str) or not isinstance(items, list):
        raise template_error(complaint)
    if late := unknowns(items):
        return late[0]
    text = delimiter.join(_string(x, "every value of the list of Fn::Join must be a string") for x in items)
    return evaluate(text, scope) if "{{resolve:" in text else text


def select(argument: Any, scope: Scope) -> Any:
    complaint = "Fn::Select requires a list argument with two elements: an integer index and a list"
    index, items = (evaluate(x, scope) for x in _pair(argument, complaint))
    if isinstance(index, Unknown):
        return index
    if isinstance(items, Unknown):
        return items
    try:
        index = int(index)
    except (TypeError, ValueError):
        raise template_error(complaint) from None
    if not isinstance(items, list):
        raise template_error(complaint)
    if not 0 <= index < len(items):
        raise template_error(f"Fn::Select  cannot select nonexistent value at index {index}")
    return items[index]


def split(argument: Any, scope: Scope) -> Any:
    complaint = ("every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string "
                 "to be split.")
    delimiter, text = _pair(argument, complaint)
    text = evaluate(text, scope)
    if isinstance(text, Unknown):
        return text
    if not isinstance(delimiter, str) or not delimiter or isinstance(text, (list, dict)):
        raise template_error(complaint)
    return text_of(text).split(delimiter)


def find_in_map(argument: Any, scope: Scope) -> Any:
    complaint = "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
    if not isinstance(argument, list) or len(argument) not in (3, 4):
        raise template_error(complaint)
    keys = [evaluate(x, scope) for x in argument[:3]]
    if late := unknowns(keys):
        return late[0]
    if not all(isinstance(x, (str, int, bool)) for x in keys):
        raise template_error(complaint)
    name, first, second = map(text_of, keys)
    if len(argument) == 4:
        if not isinstance(argument[3], dict) or list(argument[3]) != ["DefaultValue"]:
            raise template_error(complaint)
        try:
            return scope.mappings[name][first][second]
        except (KeyError, TypeError):
            return evaluate(argument[3]["DefaultValue"], scope)
    if name not in scope.mappings:
        raise template_error(f"Mapping named '{name}' is not present in the 'Mappings' section of template.")
    try:
        return scope.mappings[name][first][second]
    except (KeyError, TypeError):
        raise template_error(f"Unable to get mapping for {name}::{first}::{second}") from None


def encode64(argument: Any, scope: Scope) -> Any:
    text = evaluate(argument, scope)
    if isinstance(text, Unknown):
        return text
    if isinstance(text, (dict, list)):
        raise template_error("every Fn::Base64 object must have a String-typed value.")
    return base64.b64encode(text_of(text).encode()).decode()


def cidr(argument: Any, scope: Scope) -> Any:
    complaint = "Fn::Cidr: every Fn::Cidr object requires two or three parameters, (1) ipBlock, (2) count and (3) an optional number of cidrBits"
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        raise template_error(complaint)
    parts = [evaluate(x, scope) for x in argument]
    if late := unknowns(parts):
        return late[0]
    try:
        block, count = ipaddress.ip_network(parts[0]), int(parts[1])
        bits = int(parts[2]) if len(parts) == 3 else (8 if block.version == 4 else 64)
        prefix = block.max_prefixlen - bits
        if not 1 <= count <= 256 or prefix < block.prefixlen or count > 2 ** (prefix - block.prefixlen):
            raise ValueError
        subnets = block.subnets(new_prefix=prefix)
        return [str(next(subnets)) for _ in range(count)]
    except (TypeError, ValueError):
        raise template_error(f"Fn::Cidr: cannot divide {text_of(parts[0])} into the subnets asked for") from None


def get_azs(argument: Any, scope: Scope) -> Any:
    region = evaluate(argument, scope)
    if isinstance(region, Unknown):
        return region
    if not isinstance(region, str):
        raise template_error("every Fn::GetAZs object must have a String-typed value.")
    region = region or scope.values.get("AWS::Region", "")
    return scope.zones(region) if scope.zones else [f"{region}{zone}" for zone in "abc"]


def import_value(argument: Any, scope: Scope) -> Any:
    name = evaluate(argument, scope)
    if isinstance(name, Unknown):
        return name
    if not isinstance(name, str) or scope.imported is None:
        raise template_error("the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs")
    return scope.imported(name)


def if_(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 3:
        raise template_error("Fn::If requires a list argument with three elements")
    if not isinstance(argument[0], str):
        raise template_error("Fn::If requires a list argument with the first element being a condition")
    if argument[0] not in scope.conditions:
        raise template_error(f"unresolved condition dependency: {argument[0]}")
    return evaluate(argument[1 if scope.conditions[argument[0]] else 2], scope)


def length(argument: Any, scope: Scope) -> Any:
    items = evaluate(argument, scope)
    if isinstance(items, Unknown):
        return items
    if not isinstance(items, list):
        raise template_error("Fn::Length requires a list argument")
    return len(items)


def to_json_string(argument: Any, scope: Scope) -> Any:
    value = evaluate(argument, scope)
    if not isinstance(value, (dict, list)):
        if isinstance(value, Unknown):
            return value
        raise template_error("Fn::ToJsonString requires an object or an array")
    late = unknowns(value)
    return late[0] if late else json.dumps(value, separators=(",", ":"))


def _pair(argument: Any, complaint: str) -> list[Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise template_error(complaint)
    return argument


def _string(value: Any, complaint: str) -> str:
    if isinstance(value, (dict, list)):
        raise template_error(complaint)
    return text_of(value)


FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Fn::GetAtt": get_att, "Fn::Sub": sub, "Fn::Join": join, "Fn::Select": select, "Fn::Split": split, "Fn::FindInMap": find_in_map,
    "Fn::Base64": encode64, "Fn::Cidr": cidr, "Fn::GetAZs": get_azs, "Fn::ImportValue": import_value, "Fn::If": if_,
    "Fn::Length": length, "Fn::ToJsonString": to_json_string,
}
