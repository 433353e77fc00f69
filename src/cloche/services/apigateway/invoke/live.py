"""A deployment ready to answer: a tree of paths, and templates, schemas and policies compiled on first use.

Static names win over a variable, a variable over a greedy one. One `Live` is made for each deployment and kept in memory.
"""
from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cloche.kernel import Call
from cloche.languages import vtl

from ..apis import Resource
from ..deployments import Deployment


class Place:
    """A segment of the tree."""

    __slots__ = ("greedy", "resource", "static", "variable")

    def __init__(self) -> None:
        self.static: dict[str, Place] = {}
        self.variable: Place | None = None
        self.greedy: Place | None = None
        self.resource: Resource | None = None


class Live:
    def __init__(self, deployment: Deployment, api: str, account: str, region: str) -> None:
        self.deployment, self.definition, self.settings = deployment, deployment.definition, deployment.settings
        self.api, self.account, self.region = api, account, region
        self.root = Place()
        for resource in self.definition.resources.values():
            self.plant(resource)
        self.validators: dict[str, Any] = {}
        self.policy = policy_text(self.settings.get("policy"), api, account, region)
        self.binary = [t.lower() for t in self.settings.get("binaryMediaTypes") or []]

    def plant(self, resource: Resource) -> None:
        place = self.root
        for part in resource.path.strip("/").split("/") if resource.path != "/" else []:
            if part.startswith("{") and part.endswith("+}"):
                place.greedy = place.greedy or Place()
                place = place.greedy
            elif part.startswith("{"):
                place.variable = place.variable or Place()
                place = place.variable
            else:
                place = place.static.setdefault(part, Place())
        place.resource = resource

    def match(self, segments: list[str], verb: str) -> tuple[Resource, dict[str, Any], list[str]] | None:
        """Resource, method and the values of the variables on the way."""
        found = walk(self.root, segments, 0, verb, [])
        if found is None:
            return None
        resource, values = found
        return resource, resource.methods.get(verb) or resource.methods["ANY"], values

    def is_binary(self, media: str) -> bool:
        return any(media_matches(t, media) for t in self.binary)

    def validator(self, model: str) -> Any:
        """The JSON schema of a model, its references to other models resolved."""
        found = self.validators.get(model)
        if found is None:
            from cloche.languages import json_schema  # heavy, and most APIs have no models
            schema = json.loads(self.definition.models[model].get("schema") or "{}")
            found = self.validators[model] = json_schema.validator(schema, self.referenced)
        return found

    def referenced(self, uri: str) -> Any:
        """`https://apigateway.amazonaws.com/restapis/API/models/NAME`"""
        model = self.definition.models.get(uri.partition("#")[0].rpartition("/models/")[2])
        return None if model is None else json.loads(model.get("schema") or "{}")


def walk(place: Place, segments: list[str], i: int, verb: str, values: list[str]) -> tuple[Resource, list[str]] | None:
    if i == len(segments):
        resource = place.resource
        return (resource, values) if resource is not None and (verb in resource.methods or "ANY" in resource.methods) else None
    segment = segments[i]
    if (below := place.static.get(segment)) and (found := walk(below, segments, i + 1, verb, values)):
        return found
    if place.variable and segment and (found := walk(place.variable, segments, i + 1, verb, [*values, segment])):
        return found
    if place.greedy and place.greedy.resource is not None:
        resource = place.greedy.resource
        if verb in resource.methods or "ANY" in resource.methods:
            return resource, [*values, "/".join(segments[i:])]
    return None


def names_of(path: str) -> list[str]:
    """The variables of a resource's path, in order."""
    return [part.strip("{}").rstrip("+") for part in path.split("/") if part.startswith("{")]


def media_matches(pattern: str, media: str) -> bool:
    if pattern in ("*/*", media):
        return True
    kind, _, rest = pattern.partition("/")
    return rest == "*" and media.startswith(kind + "/")


def policy_text(policy: str | None, api: str, account: str, region: str) -> str | None:
    """The API's resource policy, `execute-api:/*` written out."""
    if not policy:
        return None

    def whole(resource: str) -> str:
        return f"arn:aws:execute-api:{region}:{account}:{api}/{resource.partition('/')[2]}" if resource.startswith("execute-api:/") else resource

    document = json.loads(policy)
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        for key in ("Resource", "NotResource"):
            if key in statement:
                value = statement[key]
                statement[key] = [whole(r) for r in value] if isinstance(value, list) else whole(value)
    return json.dumps(document)


def live(call: Call, deployment: Deployment) -> Live:
    kept = call.cloud.memory.setdefault("apigateway.live", {})
    found = kept.get(deployment.key)
    if found is None or found.deployment is not deployment:
        if len(kept) > 500:
            kept.clear()
        found = kept[deployment.key] = Live(deployment, deployment.api, call.account, call.region)
    return found  # type: ignore[no-any-return]


@lru_cache(maxsize=2048)
def template(source: str) -> vtl.Template:
    """A template is parsed once for the whole process: text in, tree out."""
    return vtl.Template(source)
