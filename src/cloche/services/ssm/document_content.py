"""The language of documents: what a Command or Session document says, and its parameters put in. Pure.

Schema 2.2 and its predecessors: `mainSteps`, each an action with inputs; 1.2's `runtimeConfig` is read as steps too. `{{ name }}` stands for a parameter.
"""
from __future__ import annotations

import json
import re
from typing import Any

import yaml

from . import errors_commands as errors

COMMAND_SCHEMAS = ("1.2", "2.0", "2.2")
SESSION_SCHEMAS = ("1.0",)
LIMIT = 64 << 10
TYPES = ("String", "StringList", "Boolean", "Integer", "MapList", "StringMap")
REFERENCE = re.compile(r"\{\{\s*([\w:.-]+)\s*\}\}")
Content = dict[str, Any]


def read(text: str, format_: str = "JSON") -> Content:
    """Raises InvalidDocumentContent."""
    if len(text.encode()) > LIMIT:
        raise errors.too_large()
    try:
        found = json.loads(text) if format_ == "JSON" else yaml.safe_load(text)
    except ValueError as error:
        raise errors.bad_content(f"JSON not well-formed. {error}") from None
    except yaml.YAMLError as error:
        raise errors.bad_content(f"YAML not well-formed. {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise errors.bad_content("The document must be an object.")
    return found


def check(content: Content, kind: str) -> None:
    """What AWS finds wrong before it takes a document. Kinds that nothing here runs are only data."""
    version = str(content.get("schemaVersion", ""))
    if kind == "Command":
        if version not in COMMAND_SCHEMAS:
            raise errors.bad_schema(version)
        found = steps(content)
        if not found:
            raise errors.bad_content("The document has no steps: mainSteps is missing or empty.")
        names = [step["name"] for step in found]
        for step in found if "mainSteps" in content else ():
            if not re.fullmatch(r"[a-zA-Z0-9_]{1,128}", step["name"]):
                raise errors.bad_content(f"Invalid step name: {step['name']!r}.")
            if not str(step["action"]).startswith("aws:"):
                raise errors.bad_content(f"Invalid action: {step['action']!r}.")
        if len(set(names)) < len(names):
            raise errors.bad_content("Step names must be unique.")
        _check_parameters(content, json.dumps(found))
    elif kind == "Session":
        if version not in SESSION_SCHEMAS:
            raise errors.bad_schema(version)
        if content.get("sessionType") not in ("Standard_Stream", "InteractiveCommands", "NonInteractiveCommands", "Port"):
            raise errors.bad_content("sessionType must be one of Standard_Stream, InteractiveCommands, NonInteractiveCommands, Port.")


def _check_parameters(content: Content, body: str) -> None:
    declared = content.get("parameters") or {}
    for name, about in declared.items():
        if not isinstance(about, dict) or about.get("type") not in TYPES:
            raise errors.bad_content(f"Parameter {name} has no valid type.")
    for name in REFERENCE.findall(body):
        if ":" not in name and name not in declared and not name.startswith(("global.", "ssm.")):
            raise errors.bad_content(f"Parameter {name} is used and not declared.")


def steps(content: Content) -> list[dict[str, Any]]:
    """As schema 2.2 has them."""
    if "runtimeConfig" in content:
        return [{"name": action, "action": action, "inputs": one} for action, about in content["runtimeConfig"].items()
                for one in about.get("properties", [{}])]
    found = content.get("mainSteps") or []
    if not isinstance(found, list) or not all(isinstance(step, dict) and "action" in step and "name" in step for step in found):
        raise errors.bad_content("mainSteps must be a list of steps with name and action.")
    return found


def parameters(content: Content) -> list[dict[str, Any]]:
    """As DescribeDocument shows them."""
    out = []
    for name, about in (content.get("parameters") or {}).items():
        one = {"Name": name, "Type": about.get("type", "String"), "Description": about.get("description", "")}
        if "default" in about:
            default = about["default"]
            one["DefaultValue"] = default if isinstance(default, str) else json.dumps(default)
        out.append({k: v for k, v in one.items() if v != "" or k == "DefaultValue"})
    return out


def chosen(content: Content, given: dict[str, list[str]]) -> dict[str, Any]:
    """The parameters' values: what was given (always lists of text), else defaults. Raises InvalidParameters."""
    declared = content.get("parameters") or {}
    for name in given:
        if name not in declared:
            raise errors.bad_parameters(f"The parameter {name} is not declared in the document.")
    out: dict[str, Any] = {}
    for name, about in declared.items():
        if name in given:
            value: Any = given[name] if about["type"] in ("StringList", "MapList") else _one(name, given[name])
        elif "default" in about:
            value = about["default"]
        else:
            raise errors.bad_parameters(f"The parameter {name} is required and was not given.")
        _allowed(name, about, value)
        out[name] = value
    return out


def _one(name: str, values: list[str]) -> str:
    if len(values) != 1:
        raise errors.bad_parameters(f"The parameter {name} takes one value.")
    return values[0]


def _allowed(name: str, about: dict[str, Any], value: Any) -> None:
    for each in value if isinstance(value, list) else [value]:
        if "allowedValues" in about and each not in [*about["allowedValues"], *map(str, about["allowedValues"])]:
            raise errors.bad_parameters(f"The parameter {name} has a value that is not allowed.")
        if "allowedPattern" in about and isinstance(each, str) and not re.search(about["allowedPattern"], each):
            raise errors.bad_parameters(f"The parameter {name} does not match {about['allowedPattern']}.")


def put_in(value: Any, values: dict[str, Any]) -> Any:
    """The value with parameters in their places: a whole reference keeps its type, one within a text becomes text."""
    if isinstance(value, str):
        if (whole := REFERENCE.fullmatch(value.strip())) and whole[1] in values:
            return values[whole[1]]
        return REFERENCE.sub(lambda found: _text(values[found[1]]) if found[1] in values else found[0], value)
    if isinstance(value, list):
        out: list[Any] = []
        for each in value:
            made = put_in(each, values)
            out += made if isinstance(made, list) and isinstance(each, str) else [made]
        return out
    if isinstance(value, dict):
        return {key: put_in(each, values) for key, each in value.items()}
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "\n".join(map(str, value)) if isinstance(value, list) else json.dumps(value)
