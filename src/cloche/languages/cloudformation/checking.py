"""What CloudFormation says about a template before a stack exists.

Two passes, as on AWS: `structure` looks at the text alone (sections, names, undefined references, circles);
`live` looks again when conditions are settled, because a resource may not refer to one that its condition leaves out.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import graph, parameters
from .errors import TemplateError, format_error, template_error
from .functions import FUNCTIONS
from .reading import text_of

SECTIONS = {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform", "Resources", "Outputs", "Hooks", "Globals"}
ATTRIBUTES = {"Type", "Properties", "DependsOn", "Condition", "Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy", "Description", "Version"}
PSEUDO = {"AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}
DELETION = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
CONDITION_FUNCTIONS = {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"}
LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}


def structure(template: Mapping[str, Any], pseudo_extra: frozenset[str] = frozenset()) -> None:
    if strays := [x for x in template if x not in SECTIONS]:
        raise TemplateError(f"Invalid template property or properties [{', '.join(strays)}]")
    if (path := _null(template)) is not None:
        raise TemplateError(f"[{path}] 'null' values are not allowed in templates")
    version = template.get("AWSTemplateFormatVersion")
    if version is not None and version != "2010-09-09":
        raise format_error(f"Template format version not supported: {text_of(version)}")
    if not isinstance(template.get("Description", ""), str):
        raise format_error("Template Description must be a string.")
    if len(template.get("Description", "").encode()) > 1024:
        raise format_error("'Description' length is greater than 1024.")
    for section in ("Parameters", "Mappings", "Conditions", "Outputs", "Rules", "Metadata"):
        if section in template and not isinstance(template[section], dict):
            raise format_error(f"{section} must be an object.")
    if not isinstance(template.get("Resources"), dict) or not template["Resources"]:
        raise format_error("At least one Resources member must be defined.")
    for section, most in LIMITS.items():
        if len(template.get(section, {})) > most:
            raise format_error(f"Number of {section.lower()}, {len(template[section])}, is greater than maximum allowed, {most}")
    parameters.check_declarations(template.get("Parameters", {}))
    mappings(template.get("Mappings", {}))
    for name, resource in template["Resources"].items():
        _resource(name, resource, template)
    for name, output in template.get("Outputs", {}).items():
        _output(name, output, template)
    _unresolved(template, pseudo_extra)
    if not template.get("Conditions"):  # with conditions a circle may never close; `live` is asked again then
        graph.order(graph.dependencies(template["Resources"]))


def _null(value: Any, path: str = "") -> str | None:
    """Where a null is, if there is one."""
    if value is None:
        return path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, each in items if (found := _null(each, f"{path}/{key}")) is not None), None)


def mappings(declared: Mapping[str, Any]) -> None:
    for name, first in declared.items():
        if not isinstance(first, dict):
            raise format_error(f"Every Mappings member {name} must be a map")
        for second in first.values():
            if not isinstance(second, dict):
                raise format_error(f"Every Mappings attribute must be a map: {name}")
            for value in second.values():
                if isinstance(value, dict):
                    raise format_error("Every Mappings attribute must be a String or a List.")


def _resource(name: str, one: Any, template: Mapping[str, Any]) -> None:
    if not (name.isalnum() and name.isascii()):
        raise format_error(f"Resource name {name} is non alphanumeric.")
    if not isinstance(one, dict):
        raise format_error(f"[/Resources/{name}] Every Resources member must be an object.")
    if not isinstance(one.get("Type"), str) or not one["Type"]:
        raise format_error(f"[/Resources/{name}] Every Resources object must contain a Type member.")
    if strays := [x for x in one if x not in ATTRIBUTES]:
        raise TemplateError(f"Invalid template resource property '{strays[0]}'")
    if not isinstance(one.get("Properties") or {}, dict):
        raise format_error(f"[/Resources/{name}/Properties] 'Properties' must be an object.")
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        value = one.get(policy)
        if isinstance(value, str) and value not in (DELETION if policy == "DeletionPolicy" else ("Delete", "Retain", "Snapshot")):
            raise format_error(f"Unrecognized {policy} {value} for resource {name}")
        if value is not None and not isinstance(value, str) and "AWS::LanguageExtensions" not in transforms(template):
            raise format_error(f"Every {policy} member must be a string.")
    given = one.get("DependsOn", [])
    if not isinstance(given, (str, list)) or (isinstance(given, list) and not all(isinstance(x, str) for x in given)):
        raise format_error("Every DependsOn value must be a string.")
    condition = one.get("Condition")
    if condition is not None and not isinstance(condition, str):
        raise format_error("Every Condition member must be a string.")
    if condition is not None and condition not in template.get("Conditions", {}):
        raise format_error(f"Unresolved condition dependency {condition} in the Resources block of the template")
    for used in graph.condition_names(one.get("Properties")):
        if used not in template.get("Conditions", {}):
            raise format_error(f"Unresolved condition dependency {used} in the Resources block of the template")
    _functions(one.get("Properties"))


def _output(name: str, one: Any, template: Mapping[str, Any]) -> None:
    if not (name.isalnum() and name.isascii()):
        raise format_error(f"Output name {name} is non alphanumeric.")
    if not isinstance(one, dict):
        raise format_error(f"[/Outputs/{name}] Every Outputs member must be an object.")
    if "Value" not in one:
        raise format_error("Every Outputs member must contain a Value object")
    if strays := [x for x in one if x not in {"Value", "Description", "Export", "Condition"}]:
        raise TemplateError(f"Invalid template output property '{strays[0]}'")
    if one["Value"] is None:
        raise format_error(f"[/Outputs/{name}/Value] 'null' values are not allowed in templates")
    if not isinstance(one.get("Condition", ""), str):
        raise format_error("Every Condition member must be a string.")
    if "Condition" in one and one["Condition"] not in template.get("Conditions", {}):
        raise format_error(f"Unresolved condition dependency {one['Condition']} in the Outputs block of the template")
    if "Export" in one and (not isinstance(one["Export"], dict) or list(one["Export"]) != ["Name"]):
        raise format_error("Every Export member must contain a Name.")


def _functions(value: Any) -> None:
    """A key that looks like a function must be one, and stands alone."""
    if isinstance(value, list):
        for each in value:
            _functions(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key.startswith("Fn::"):
                if key not in FUNCTIONS and key not in CONDITION_FUNCTIONS and key != "Fn::Transform" and not key.startswith("Fn::ForEach"):
                    raise template_error(f"Encountered unsupported function: {key} Supported functions are: [{', '.join(sorted(FUNCTIONS))}]")
                if len(value) > 1:
                    raise template_error(f"every {key} object must stand alone.")
            _functions(each)


def _unresolved(template: Mapping[str, Any], extra: frozenset[str]) -> None:
    known = {*template["Resources"], *template.get("Parameters", {}), *PSEUDO, *extra}
    bad: list[str] = []
    for resource in template["Resources"].values():
        names = [name for name, attribute in graph.references(resource.get("Properties")) if name not in known and not attribute]
        for name, attribute in graph.references(resource.get("Properties")):
            if attribute and name not in template["Resources"]:
                raise template_error(f"instance of Fn::GetAtt references undefined resource {name}")
        bad += [x for x in names + [d for d in graph.depends_on(resource) if d not in template["Resources"]] if x not in bad]
    if bad:
        raise format_error(f"Unresolved resource dependencies [{', '.join(bad)}] in the Resources block of the template")
    bad = [name for output in template.get("Outputs", {}).values() for name, _ in graph.references(output) if name not in known]
    if bad:
        raise format_error(f"Unresolved resource dependencies [{', '.join(dict.fromkeys(bad))}] in the Outputs block of the template")
    for condition in template.get("Conditions", {}).values():
        for name, _ in graph.references(condition):
            if name not in template.get("Parameters", {}) and name not in PSEUDO and name not in extra:
                raise format_error(f"Unresolved dependencies [{name}]. Cannot reference resources in the Conditions block of the template")


def live(template: Mapping[str, Any], conditions: Mapping[str, bool]) -> dict[str, Any]:
    """The resources that exist under these conditions, in template order; refuses references to those that do not."""
    there = {name: one for name, one in template["Resources"].items() if conditions.get(one.get("Condition", ""), True)}
    away = template["Resources"].keys() - there.keys()
    if not there:
        raise format_error("At least one Resources member must be defined.")
    bad = [x for one in there.values() for x, _ in graph.references(one.get("Properties"), conditions) if x in away]
    if bad:
        raise format_error(f"Unresolved resource dependencies [{', '.join(dict.fromkeys(bad))}] in the Resources block of the template")
    outputs = [one for one in template.get("Outputs", {}).values() if conditions.get(one.get("Condition", ""), True)]
    bad = [x for one in outputs for x, _ in graph.references(one, conditions) if x in away]
    if bad:
        raise format_error(f"Unresolved resource dependencies [{', '.join(dict.fromkeys(bad))}] in the Outputs block of the template")
    return there


def transforms(template: Mapping[str, Any]) -> list[str]:
    """Names of the transforms a template declares at its top."""
    given = template.get("Transform", [])
    items = given if isinstance(given, list) else [given]
    return [x["Name"] if isinstance(x, dict) else x for x in items]


IAM = {
    "AWS::IAM::AccessKey": None, "AWS::IAM::Group": "GroupName", "AWS::IAM::InstanceProfile": "InstanceProfileName", "AWS::IAM::Policy": None,
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName", "AWS::IAM::UserToGroupAddition": None,
}


def capabilities(template: Mapping[str, Any]) -> tuple[list[str], str]:
    """What the caller must acknowledge, and because of which resources."""
    found = {name: one for name, one in (template.get("Resources") or {}).items() if isinstance(one, dict) and one.get("Type") in IAM}
    if not found:
        return [], ""
    custom = any((naming := IAM[one["Type"]]) and naming in (one.get("Properties") or {}) for one in found.values())
    kinds = list(dict.fromkeys(one["Type"] for one in found.values()))
    return ["CAPABILITY_NAMED_IAM" if custom else "CAPABILITY_IAM"], f"The following resource(s) require capabilities: [{', '.join(kinds)}]"
