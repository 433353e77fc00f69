"""Who needs whom: references in values, the order of resources, the circles in it."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import TemplateError
from .functions import VARIABLE


def references(value: Any, conditions: Mapping[str, bool] | None = None) -> Iterator[tuple[str, str]]:
    """(name, attribute) of each Ref (attribute ""), GetAtt and Sub in a value; with `conditions` only on the branch an If takes."""
    if isinstance(value, list):
        for each in value:
            yield from references(each, conditions)
    elif isinstance(value, dict):
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" and isinstance(argument, str):
                yield argument, ""
                return
            if name == "Fn::GetAtt":
                if isinstance(argument, str):
                    argument = argument.split(".", 1)
                if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
                    yield argument[0], argument[1] if isinstance(argument[1], str) else "*"
                    yield from references(argument[1], conditions)
                    return
            if name == "Fn::Sub":
                text, local = (argument, {}) if isinstance(argument, str) else argument if isinstance(argument, list) and len(argument) == 2 else ("", {})
                for found in VARIABLE.finditer(text) if isinstance(text, str) else ():
                    inner = found[2].strip()
                    if not found[1] and not (isinstance(local, dict) and inner in local):
                        logical, _, attribute = inner.partition(".")
                        yield logical, attribute
                yield from references(local, conditions)
                return
            if name == "Fn::If" and conditions is not None and isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str) and argument[0] in conditions:
                yield from references(argument[1 if conditions[argument[0]] else 2], conditions)
                return
        for each in value.values():
            yield from references(each, conditions)


def condition_names(value: Any) -> Iterator[str]:
    """Names of conditions that Fn::If uses in a value."""
    if isinstance(value, list):
        for each in value:
            yield from condition_names(each)
    elif isinstance(value, dict):
        argument = value.get("Fn::If")
        if isinstance(argument, list) and argument and isinstance(argument[0], str):
            yield argument[0]
        for each in value.values():
            yield from condition_names(each)


def depends_on(resource: Mapping[str, Any]) -> list[str]:
    given = resource.get("DependsOn", [])
    return [given] if isinstance(given, str) else list(given)


def dependencies(resources: Mapping[str, Any], conditions: Mapping[str, bool] | None = None) -> dict[str, set[str]]:
    """For each resource the others that must exist before it."""
    bodies = ("Properties", "UpdatePolicy", "CreationPolicy", "Metadata")
    return {name: {x for body in bodies for x, _ in references(one.get(body), conditions) if x in resources} | {x for x in depends_on(one) if x in resources}
            for name, one in resources.items()}


def order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Names such that each comes after what it needs; a circle is CloudFormation's sentence."""
    waiting, result = {name: set(them) for name, them in needs.items()}, []
    done: set[str] = set()
    while waiting:
        ready = [name for name, them in waiting.items() if them <= done]
        if not ready:
            raise TemplateError(f"Circular dependency between resources: [{', '.join(_circle(waiting, done))}]")
        for name in ready:
            del waiting[name]
        done.update(ready)
        result.extend(ready)
    return result


def _circle(waiting: Mapping[str, set[str]], done: set[str]) -> list[str]:
    """Those that can be reached from themselves."""
    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        path = [start]
        while path:
            for other in waiting[path.pop()] - done:
                if other not in seen:
                    seen.add(other)
                    path.append(other)
        return seen

    return [name for name in waiting if name in reached(name)]
