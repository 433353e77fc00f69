"""Template text, JSON or YAML, to plain values.

YAML is read as CloudFormation reads it: dates stay strings (`2010-09-09` is a version, `2012-10-17` a policy's), every
`!Name` is the function `Fn::Name`, aliases and unknown tags are refused. Of a key given twice the last one counts.
"""
from __future__ import annotations

import json
from typing import Any

import yaml

from .errors import TemplateError, format_error, malformed, template_error

DEPTH = 100
SHORT = {
    "And", "Base64", "Cidr", "Condition", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "FindInMap", "ForEach", "GetAtt", "GetAZs", "If", "ImportValue",
    "Join", "Length", "Not", "Or", "Ref", "RefAll", "Select", "Split", "Sub", "ToJsonString", "Transform", "ValueOf", "ValueOfAll",
}
BARE = {"Ref": "Ref", "Condition": "Condition"}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CORE = "tag:yaml.org,2002:"


def read(text: str) -> dict[str, Any]:
    """The template, or what CloudFormation says about text that is none."""
    value = _json(text) if text.lstrip()[:1] == "{" else _yaml(text)
    if not isinstance(value, dict):
        raise format_error("unsupported structure.")
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise malformed("JSON", error.lineno, error.colno) from None
    except RecursionError:
        raise format_error("template is nested too deeply.") from None


def _whole(text: str) -> Any:
    """A number that no service could take stays the text it is."""
    return int(text) if len(text) < 18 else text


def _no_constant(name: str) -> Any:
    raise format_error("JSON not well-formed.")


def _yaml(text: str) -> Any:
    loader = None
    try:
        loader = LOADER(text)
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, set(), 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise malformed("YAML", mark.line + 1, mark.column + 1) if mark else format_error("YAML not well-formed.") from None
    except (yaml.YAMLError, RecursionError, UnicodeError, ValueError):
        raise format_error("YAML not well-formed.") from None
    finally:
        if loader is not None:
            loader.dispose()


def _value(loader: Any, node: Any, seen: set[int], depth: int) -> Any:
    if id(node) in seen:
        raise template_error("YAML aliases are not allowed in CloudFormation templates")
    seen.add(id(node))
    if depth > DEPTH:
        raise format_error("template is nested too deeply.")
    if node.tag.startswith("!") and len(node.tag) > 1:
        return _function(node.tag[1:], _plain(loader, node, seen, depth))
    return _plain(loader, node, seen, depth)


def _plain(loader: Any, node: Any, seen: set[int], depth: int) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(loader, node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, x, seen, depth + 1) for x in node.value]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise format_error("YAML not well-formed.")
        if key_node.tag == CORE + "merge":
            raise template_error("YAML merge keys are not allowed in CloudFormation templates")
        result[key] = _value(loader, value_node, seen, depth + 1)
    return result


def _scalar(loader: Any, node: Any) -> Any:
    tag = node.tag
    if tag == CORE + "null":
        return None
    if tag == CORE + "bool":
        return loader.construct_yaml_bool(node)
    if tag in (CORE + "int", CORE + "float"):
        text = node.value
        if ":" in text:  # sexagesimal numbers are nobody's wish: "22:22" is a port pair, "10:30:00" a time
            return text
        if tag == CORE + "int" and len(text) >= 18:
            return text
        return loader.construct_yaml_int(node) if tag == CORE + "int" else loader.construct_yaml_float(node)
    if tag in (CORE + "binary", CORE + "omap", CORE + "pairs", CORE + "set"):
        raise template_error(f"YAML tag {tag} is not supported")
    return node.value


def _function(name: str, argument: Any) -> dict[str, Any]:
    head = name.split("::", 1)[0]
    if head not in SHORT:
        raise template_error(f"Unknown tag !{name}")
    if head in BARE:
        return {BARE[head]: argument}
    if head == "GetAtt" and isinstance(argument, str):
        argument = argument.split(".", 1)
    return {f"Fn::{name}": argument}


def text_of(value: Any) -> str:
    """A scalar as CloudFormation makes a string of it."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(value)
    return str(value)


__all__ = ["TemplateError", "read", "text_of"]
