"""Parameters: what a template asks for, what a caller gave, what it means.

A parameter has two values: the one given (shown by DescribeStacks; for the SSM types a parameter's *name*) and the
one meant (what Ref yields; for the SSM types looked up anew at every deployment, for list types a list).
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import regex

from .errors import TemplateError, format_error
from .reading import text_of

HIDDEN = "****"
AWS_TYPES = {
    "AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id", "AWS::EC2::KeyPair::KeyName", "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id", "AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id",
}
LISTS = {"CommaDelimitedList", "List<Number>", "List<String>", *(f"List<{x}>" for x in AWS_TYPES)}
PLAIN = {"String", "Number", *AWS_TYPES, *LISTS}
SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>$")
NUMBER = re.compile(r"[-+]?(\d{1,300}(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?$")
LENGTH = re.compile(r"\d{1,9}$")
MEMBERS = {
    "Type", "Default", "Description", "AllowedValues", "AllowedPattern", "ConstraintDescription", "MaxLength", "MinLength", "MaxValue", "MinValue", "NoEcho",
}


@dataclass(frozen=True)
class Parameter:
    name: str
    given: str
    meant: str | list[str]
    hidden: bool = False
    looked_up: bool = False

    def shown(self) -> dict[str, Any]:
        """As DescribeStacks shows it."""
        if self.hidden:
            return {"ParameterKey": self.name, "ParameterValue": HIDDEN}
        shown = {"ParameterKey": self.name, "ParameterValue": self.given}
        if self.looked_up:
            shown["ResolvedValue"] = ",".join(self.meant) if isinstance(self.meant, list) else self.meant
        return shown


def check_declarations(declared: Mapping[str, Any]) -> None:
    for name, one in declared.items():
        if not name.isalnum() or not name.isascii():
            raise format_error(f"Parameter name {name} is non alphanumeric.")
        if not isinstance(one, dict):
            raise format_error("Every Parameters member must be an object.")
        if "Type" not in one:
            raise format_error("Every Parameters object must contain a Type member.")
        kind = one["Type"]
        inner = SSM_VALUE.match(kind) if isinstance(kind, str) else None
        if not isinstance(kind, str) or (kind not in PLAIN and kind != "AWS::SSM::Parameter::Name" and not (inner and inner[1] in PLAIN)):
            raise format_error(f"Unrecognized parameter type: {text_of(kind)}")
        if strays := [member for member in one if member not in MEMBERS]:
            raise TemplateError(f"Invalid template parameter property '{strays[0]}'")
        if isinstance(one.get("Default"), (dict, list)):
            raise format_error("Every Default member must be a string.")
        allowed = one.get("AllowedValues", [])
        if not isinstance(allowed, list) or any(isinstance(x, (dict, list)) for x in allowed):
            raise format_error("Every AllowedValues member must be a list of strings.")
        for limit in ("MinValue", "MaxValue", "MinLength", "MaxLength"):
            if limit in one and not (NUMBER if limit.endswith("Value") else LENGTH).match(text_of(one[limit])):
                raise format_error(f"Every {limit} member must be a number.")


def resolve(declared: Mapping[str, Any], given: Mapping[str, str], previous: Mapping[str, str] | None = None, keep: frozenset[str] = frozenset(),
            lookup: Callable[[str], str | None] | None = None, region: str = "") -> dict[str, Parameter]:
    """`given` by the caller, `keep` those with UsePreviousValue, `previous` the values of the stack as it is."""
    previous = previous or {}
    if strays := [x for x in (*given, *keep) if x not in declared]:
        raise TemplateError(f"Parameters: [{', '.join(strays)}] do not exist in the template")
    if lost := [x for x in keep if x not in previous]:
        raise TemplateError(f"Invalid input for parameter key {lost[0]}. Cannot specify usePreviousValue as true for a parameter key not in the previous template")
    values = {name: previous[name] if name in keep else given[name] if name in given else text_of(one["Default"])
              for name, one in declared.items() if name in keep or name in given or "Default" in one}
    if missing := [name for name in declared if name not in values]:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return {name: _one(name, declared[name], value, lookup) for name, value in values.items()}


def _one(name: str, one: Mapping[str, Any], value: str, lookup: Callable[[str], str | None] | None) -> Parameter:
    _check(name, one, value)
    kind, hidden = one["Type"], text_of(one.get("NoEcho", "")).lower() == "true"
    if kind == "AWS::SSM::Parameter::Name":
        if lookup and lookup(value) is None:
            raise _not_in_store(value)
        return Parameter(name, value, value, hidden)
    if inner := SSM_VALUE.match(kind):
        found = lookup(value) if lookup else value
        if found is None:
            raise _not_in_store(value)
        return Parameter(name, value, _meant(inner[1], found), hidden, looked_up=True)
    return Parameter(name, value, _meant(kind, value), hidden)


def _not_in_store(name: str) -> TemplateError:
    return TemplateError(f"Unable to fetch parameters [{name}] from parameter store for this account.")


def _meant(kind: str, value: str) -> str | list[str]:
    if kind in LISTS:
        return [x.strip() for x in value.split(",")] if value else []
    return value


def _check(name: str, one: Mapping[str, Any], value: str) -> None:
    if one["Type"].startswith("AWS::SSM::"):
        items = [value]
    else:
        meant = _meant(one["Type"], value)
        items = meant if isinstance(meant, list) else [meant]
    numbers = one["Type"] in ("Number", "List<Number>")
    for item in items:
        if numbers and not NUMBER.match(item):
            raise _refused(name, one, "must be a number")
        if "AllowedValues" in one and item not in map(text_of, one["AllowedValues"]):
            raise _refused(name, one, "must be one of AllowedValues")
        if numbers and "MinValue" in one and float(item) < float(one["MinValue"]):
            raise _refused(name, one, f"must be a number not less than {text_of(one['MinValue'])}")
        if numbers and "MaxValue" in one and float(item) > float(one["MaxValue"]):
            raise _refused(name, one, f"must be a number not greater than {text_of(one['MaxValue'])}")
        if "AllowedPattern" in one and not matches(text_of(one["AllowedPattern"]), item):
            raise _refused(name, one, f"must match pattern {text_of(one['AllowedPattern'])}")
    if one["Type"] == "String":
        if "MinLength" in one and len(value) < int(one["MinLength"]):
            raise _refused(name, one, f"must contain at least {text_of(one['MinLength'])} characters")
        if "MaxLength" in one and len(value) > int(one["MaxLength"]):
            raise _refused(name, one, f"must contain at most {text_of(one['MaxLength'])} characters")


def matches(pattern: str, value: str) -> bool:
    """Java's `matches`: the whole of it. A pattern that eats time is cut off and counts as not matching."""
    try:
        return regex.fullmatch(pattern, value, timeout=0.2) is not None
    except TimeoutError:
        return False
    except regex.error:
        raise format_error(f"AllowedPattern {pattern} is not a valid regular expression.") from None


def _refused(name: str, one: Mapping[str, Any], what: str) -> TemplateError:
    if description := one.get("ConstraintDescription"):
        return TemplateError(f"Parameter {name} failed to satisfy constraint: {description}")
    return TemplateError(f"Parameter '{name}' {what}")
