"""AppSpec files: what is deployed, and which hooks run. Pure: text in, plain values out, or `Invalid` with a sentence."""
from __future__ import annotations

from typing import Any

import yaml

LAMBDA_HOOKS = ("BeforeAllowTraffic", "AfterAllowTraffic")
ECS_HOOKS = ("BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic")


class Invalid(ValueError):
    """The AppSpec file cannot be used; the text says why."""


def read(text: str) -> dict[str, Any]:
    """YAML, of which JSON is a part; sections by their name in lower case."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Invalid(f"The AppSpec file is not well-formed: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(found, dict):
        raise Invalid("The AppSpec file is empty, or is not a set of sections.")
    sections = {str(name).lower(): value for name, value in found.items()}
    if str(sections.get("version")) not in ("0.0", "0"):
        raise Invalid("The AppSpec file contains an invalid version. The version must be 0.0.")
    return sections


def hooks(sections: dict[str, Any], known: tuple[str, ...]) -> dict[str, str]:
    """Lifecycle event -> function, of Lambda's and ECS's lists."""
    given = sections.get("hooks") or []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Invalid("The hooks section of the AppSpec file must be a list of lifecycle events, each with a function.")
    out: dict[str, str] = {}
    for one in given:
        for event, function in one.items():
            if event not in known:
                raise Invalid(f"The AppSpec file names the lifecycle event {event}, which cannot be hooked. It must be one of {', '.join(known)}.")
            if function:
                out[event] = str(function)
    return out


def resource(sections: dict[str, Any], kind: str) -> dict[str, Any]:
    """The properties of the one resource."""
    given = sections.get("resources")
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], dict) or len(given[0]) != 1:
        raise Invalid("The AppSpec file must have a Resources section with exactly one resource.")
    body = next(iter(given[0].values()))
    if not isinstance(body, dict) or not isinstance(body.get("Properties", body.get("properties")), dict):
        raise Invalid("The resource of the AppSpec file has no properties.")
    if (found := body.get("Type", body.get("type"))) != kind:
        raise Invalid(f"The resource of the AppSpec file must have the type {kind}, not {found}.")
    return {str(name)[:1].upper() + str(name)[1:]: value for name, value in (body.get("Properties") or body.get("properties")).items()}


def for_lambda(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """(properties, hooks)"""
    sections = read(text)
    given = resource(sections, "AWS::Lambda::Function")
    if missing := [name for name in ("Name", "Alias", "CurrentVersion", "TargetVersion") if given.get(name) in (None, "")]:
        raise Invalid(f"The AppSpec file lacks {', '.join(missing)} of the Lambda function.")
    return {name: str(given[name]) for name in ("Name", "Alias", "CurrentVersion", "TargetVersion")}, hooks(sections, LAMBDA_HOOKS)


def for_ecs(text: str) -> tuple[dict[str, Any], dict[str, str]]:
    sections = read(text)
    given = resource(sections, "AWS::ECS::Service")
    info = given.get("LoadBalancerInfo") or {}
    if not given.get("TaskDefinition") or not info.get("ContainerName") or not info.get("ContainerPort"):
        raise Invalid("The AppSpec file must have TaskDefinition and LoadBalancerInfo with ContainerName and ContainerPort.")
    return given, hooks(sections, ECS_HOOKS)
