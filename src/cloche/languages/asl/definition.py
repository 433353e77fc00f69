"""What is wrong with a definition, before it runs: one sentence each, with its place, as CreateStateMachine and ValidateStateMachineDefinition say it."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from cloche.languages import jsonpath

from . import intrinsics, jsonata
from .choice import is_comparison

TYPES = ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
COMMON = {"Type", "Comment", "QueryLanguage", "Next", "End", "Output", "Assign", "InputPath", "OutputPath"}
FIELDS: dict[str, set[str]] = {
    "Pass": {"Result", "ResultPath", "Parameters"},
    "Task": {"Resource", "Parameters", "Arguments", "ResultSelector", "ResultPath", "Retry", "Catch", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath", "Credentials"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "Timestamp", "SecondsPath", "TimestampPath"},
    "Succeed": set(),
    "Fail": {"Error", "Cause", "ErrorPath", "CausePath"},
    "Parallel": {"Branches", "Parameters", "Arguments", "ResultSelector", "ResultPath", "Retry", "Catch"},
    "Map": {"Iterator", "ItemProcessor", "ItemsPath", "Items", "ItemSelector", "Parameters", "MaxConcurrency", "MaxConcurrencyPath", "ItemReader", "ItemBatcher", "ResultWriter", "Label",
            "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "ResultSelector", "ResultPath", "Retry", "Catch"},
}
JSONPATH_ONLY = {"InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "ItemsPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "ErrorPath", "CausePath",
                 "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath"}
JSONATA_ONLY = {"Arguments", "Output", "Items"}
PATHS = {"InputPath", "OutputPath", "ResultPath", "ItemsPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "MaxConcurrencyPath"}
MACHINE = {"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage", "ProcessorConfig"}
LONGEST = 80  # name of a state
_RESOURCE = re.compile(r"arn:aws[a-z-]*:(states|lambda):[^:]*:(\d{12})?:.+")


class Problem(NamedTuple):
    code: str       # SCHEMA_VALIDATION_FAILED, MISSING_TRANSITION_TARGET, INVALID_JSON_DESCRIPTION ...
    message: str
    location: str


def problems(text: str) -> list[Problem]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        return [Problem("INVALID_JSON_DESCRIPTION", str(error), "/")]
    if not isinstance(document, dict):
        return [Problem("INVALID_JSON_DESCRIPTION", "The definition must be a JSON object", "/")]
    return list(_machine(document, "", document.get("QueryLanguage", "JSONPath"), set()))


def _schema(message: str, where: str) -> Problem:
    return Problem("SCHEMA_VALIDATION_FAILED", message, where or "/")


def _machine(machine: dict[str, Any], where: str, language: str, names: set[str]) -> Iterator[Problem]:
    for field in machine.keys() - MACHINE:
        yield _schema(f"Field '{field}' is not supported", f"{where}/{field}")
    states = machine.get("States")
    for field in ("StartAt", "States"):
        if field not in machine:
            yield _schema("The field '" + field + "' is required but was missing", f"{where}/{field}")
    if language not in ("JSONPath", "JSONata"):
        yield _schema(f"'{language}' is not a query language", f"{where}/QueryLanguage")
    if not isinstance(states, dict) or not states:
        if "States" in machine:
            yield _schema("The field 'States' must be an object with at least one state", f"{where}/States")
        return
    if "StartAt" in machine and machine["StartAt"] not in states:
        yield Problem("MISSING_TRANSITION_TARGET", "Missing 'Next' target: " + str(machine["StartAt"]), f"{where}/StartAt")
    for name in states:
        if name in names:
            yield _schema(f"The state name '{name}' is used more than once", f"{where}/States/{name}")
        names.add(name)
    for name, state in states.items():
        at = f"{where}/States/{name}"
        if len(name) > LONGEST:
            yield _schema(f"State name is longer than {LONGEST} characters", at)
        if not isinstance(state, dict):
            yield _schema("A state must be an object", at)
            continue
        yield from _state(state, at, state.get("QueryLanguage", language), states, names)
    reached, todo = set(), [machine.get("StartAt")]
    while todo:
        name = todo.pop()
        if name in states and name not in reached and isinstance(states[name], dict):
            reached.add(name)
            todo += targets(states[name])
    for name in states.keys() - reached:
        if machine.get("StartAt") in states:
            yield Problem("MISSING_TRANSITION_TARGET", f"State \"{name}\" is not reachable.", f"{where}/States/{name}")


def targets(state: dict[str, Any]) -> list[str]:
    found = [state.get("Next"), state.get("Default")]
    found += [one.get("Next") for field in ("Choices", "Catch") for one in state.get(field) or () if isinstance(one, dict)]
    return [one for one in found if isinstance(one, str)]


def _state(state: dict[str, Any], where: str, language: str, states: dict[str, Any], names: set[str]) -> Iterator[Problem]:
    kind = state.get("Type")
    if kind not in TYPES:
        yield _schema(f"The field 'Type' must be one of {list(TYPES)}" if kind is not None else "The field 'Type' is required but was missing", f"{where}/Type")
        return
    for field in state.keys() - COMMON - FIELDS[kind]:
        yield _schema(f"Field '{field}' is not supported in a {kind} state", f"{where}/{field}")
    for field in state.keys() & (JSONPATH_ONLY if language == "JSONata" else JSONATA_ONLY):
        yield _schema(f"Field '{field}' is not supported with the query language {language}", f"{where}/{field}")
    if kind in ("Succeed", "Fail", "Choice"):
        for field in state.keys() & {"Next", "End"}:
            yield _schema(f"Field '{field}' is not supported in a {kind} state", f"{where}/{field}")
    elif ("Next" in state) == (state.get("End") is True):
        yield _schema("These fields are required but exactly one must be given: [Next, End]", where)
    for target in targets(state):
        if target not in states:
            yield Problem("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {target}", f"{where}/Next")
    yield from {"Task": _task, "Choice": _choice, "Wait": _wait, "Parallel": _parallel, "Map": _map}.get(kind, lambda *_: iter(()))(state, where, language, names)
    yield from _expressions(state, where, language)
    for number, one in enumerate(state.get("Retry") or ()):
        yield from _handler(one, f"{where}/Retry[{number}]", len(state["Retry"]) - number)
        if not (isinstance(one.get("MaxAttempts", 3), int) and 0 <= one.get("MaxAttempts", 3) <= 99999999) or one.get("BackoffRate", 2.0) < 1 or one.get("IntervalSeconds", 1) < 1:
            yield _schema("MaxAttempts must be 0 to 99999999, IntervalSeconds positive, BackoffRate at least 1", f"{where}/Retry[{number}]")
    for number, one in enumerate(state.get("Catch") or ()):
        yield from _handler(one, f"{where}/Catch[{number}]", len(state["Catch"]) - number)
        if "Next" not in one:
            yield _schema("The field 'Next' is required but was missing", f"{where}/Catch[{number}]")


def _handler(one: Any, where: str, left: int) -> Iterator[Problem]:
    names = one.get("ErrorEquals") if isinstance(one, dict) else None
    if not isinstance(names, list) or not names:
        yield _schema("The field 'ErrorEquals' must be a list of at least one name", where)
    elif "States.ALL" in names and (len(names) > 1 or left > 1):
        yield _schema("'States.ALL' must be alone, and in the last handler", where)


def _task(state: dict[str, Any], where: str, language: str, names: set[str]) -> Iterator[Problem]:
    resource = state.get("Resource")
    if not isinstance(resource, str):
        yield _schema("The field 'Resource' is required but was missing", f"{where}/Resource")
    elif not _RESOURCE.fullmatch(resource):
        yield _schema("Value is not a valid resource ARN", f"{where}/Resource")
    for field in ("TimeoutSeconds", "HeartbeatSeconds"):
        if field in state and f"{field}Path" in state:
            yield _schema(f"Only one of '{field}' and '{field}Path' may be given", where)
        if isinstance(state.get(field), int) and not 1 <= state[field] <= 99999999:
            yield _schema(f"'{field}' must be from 1 to 99999999", f"{where}/{field}")
    if isinstance(state.get("TimeoutSeconds"), int) and isinstance(state.get("HeartbeatSeconds"), int) and state["HeartbeatSeconds"] >= state["TimeoutSeconds"]:
        yield _schema("'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'", f"{where}/HeartbeatSeconds")


def _choice(state: dict[str, Any], where: str, language: str, names: set[str]) -> Iterator[Problem]:
    rules = state.get("Choices")
    if not isinstance(rules, list) or not rules:
        yield _schema("The field 'Choices' must be a list of at least one rule", f"{where}/Choices")
        return
    for number, rule in enumerate(rules):
        at = f"{where}/Choices[{number}]"
        if not isinstance(rule, dict) or "Next" not in rule:
            yield _schema("The field 'Next' is required but was missing", at)
        elif language == "JSONata":
            if "Condition" not in rule:
                yield _schema("The field 'Condition' is required but was missing", at)
        else:
            yield from _rule(rule, at)


def _rule(rule: Any, where: str) -> Iterator[Problem]:
    if not isinstance(rule, dict):
        yield _schema("A rule must be an object", where)
        return
    for word in ("And", "Or"):
        for number, one in enumerate(rule.get(word) or ()):
            yield from _rule(one, f"{where}/{word}[{number}]")
    if "Not" in rule:
        yield from _rule(rule["Not"], f"{where}/Not")
    comparisons = [name for name in rule if is_comparison(name)]
    if len(comparisons) + sum(word in rule for word in ("And", "Or", "Not")) != 1:
        yield _schema("A rule must have exactly one comparison", where)
    if comparisons and "Variable" not in rule:
        yield _schema("The field 'Variable' is required but was missing", where)


def _wait(state: dict[str, Any], where: str, language: str, names: set[str]) -> Iterator[Problem]:
    if len(state.keys() & FIELDS["Wait"]) != 1:
        yield _schema("Exactly one of [Seconds, Timestamp, SecondsPath, TimestampPath] must be given", where)


def _parallel(state: dict[str, Any], where: str, language: str, names: set[str]) -> Iterator[Problem]:
    branches = state.get("Branches")
    if not isinstance(branches, list) or not branches:
        yield _schema("The field 'Branches' must be a list of at least one branch", f"{where}/Branches")
        return
    for number, one in enumerate(branches):
        yield from _machine(one, f"{where}/Branches[{number}]", one.get("QueryLanguage", language), names)


def _map(state: dict[str, Any], where: str, language: str, names: set[str]) -> Iterator[Problem]:
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    inner = state.get(field)
    if not isinstance(inner, dict):
        yield _schema("The field 'ItemProcessor' is required but was missing", where)
        return
    mode = (inner.get("ProcessorConfig") or {}).get("Mode", "INLINE")
    if mode != "DISTRIBUTED":
        for only in state.keys() & {"ItemReader", "ItemBatcher", "ResultWriter", "ToleratedFailureCount", "ToleratedFailurePercentage"}:
            yield _schema(f"Field '{only}' is only supported in DISTRIBUTED mode", f"{where}/{only}")
    elif (inner["ProcessorConfig"]).get("ExecutionType") not in ("STANDARD", "EXPRESS"):
        yield _schema("The field 'ExecutionType' must be STANDARD or EXPRESS", f"{where}/{field}/ProcessorConfig")
    yield from _machine(inner, f"{where}/{field}", inner.get("QueryLanguage", language), set() if mode == "DISTRIBUTED" else names)


def _expressions(state: dict[str, Any], where: str, language: str) -> Iterator[Problem]:
    for field in state.keys() & PATHS if language == "JSONPath" else ():
        path = state[field]
        if path is not None and not (isinstance(path, str) and path.startswith("$") and _is_path(path)) and not str(path).startswith("States."):
            yield _schema("Value is not a Reference Path" if field == "ResultPath" else "Value is not a valid JSONPath", f"{where}/{field}")
    for field in ("Parameters", "ResultSelector", "ItemSelector", "Assign", "Arguments", "Output", "Items", "Condition"):
        if field in state:
            yield from _template(state[field], f"{where}/{field}", language)


def _is_path(path: str) -> bool:
    text = re.sub(r"\$[A-Za-z_]\w*", "$", path[1:] if path.startswith("$$") else path, count=1)
    try:
        jsonpath.compile(text)
    except jsonpath.InvalidPath:
        return False
    return True


def _template(value: Any, where: str, language: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name, one in value.items():
            if language == "JSONPath" and name.endswith(".$"):
                if not isinstance(one, str) or not ((one.startswith("$") and _is_path(one)) or _is_call(one)):
                    yield _schema(f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call", f"{where}/{name}")
            else:
                yield from _template(one, f"{where}/{name}", language)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _template(one, f"{where}[{number}]", language)
    elif language == "JSONata" and jsonata.is_expression(value) and (wrong := jsonata.check(value)):
        yield Problem("INVALID_EXPRESSION", wrong, where)


def _is_call(text: str) -> bool:
    try:
        intrinsics.parse(text)
    except intrinsics.Bad:
        return False
    return True
