"""Aliases: names for a version, or for two with a weight on the second."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, names
from . import service as lambda_
from .names import LATEST
from .paging import page
from .pool import pools
from .records import Alias, Function, Version, find

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t


def describe(call: Call, alias: Alias) -> dict[str, Any]:
    out: dict[str, Any] = {"AliasArn": names.arn(call, alias.function, alias.name), "Name": alias.name, "FunctionVersion": alias.version, "Description": alias.description, "RevisionId": alias.revision}
    if alias.weights:
        out["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return out


def get(call: Call, function: Function, name: str) -> Alias:
    alias = call.get(Alias, f"{function.name}:{name}")
    if alias is None:
        raise errors.no_such_alias(names.arn(call, function.name, name))
    return alias


def check(call: Call, function: Function, version: str, weights: dict[str, float]) -> None:
    for number in (version, *weights):
        if call.get(Version, f"{function.name}:{number}") is None:
            raise errors.no_such_function(names.arn(call, function.name, number))
    if len(weights) > 1:
        raise errors.too_many_weights()
    for number, weight in weights.items():
        if LATEST in (version, number):
            raise errors.latest_in_routing()
        if number == version:
            raise errors.version_twice(number)
        if not 0.0 <= weight <= 1.0:
            raise errors.validation(f"Value '{{{number}={weight}}}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0]")


@lambda_.op(names.function)
def create_alias(call: Call, req: t.CreateAliasRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    name = req["Name"]
    if name.isdigit():
        raise errors.validation(f"Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)")
    if name in function.aliases:
        raise errors.alias_exists(names.arn(call, function.name, name))
    weights = dict(req.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}))
    check(call, function, req["FunctionVersion"], weights)
    alias = call.put(Alias(function.name, name, req["FunctionVersion"], req.get("Description", ""), weights, call.uuid()))
    call.put(function.but(aliases=(*function.aliases, name)))
    return describe(call, alias)


@lambda_.op(names.function)
def get_alias(call: Call, req: t.GetAliasRequest) -> Any:
    return describe(call, get(call, find(call, names.parse(call, req["FunctionName"])), req["Name"]))


@lambda_.op(names.function)
def list_aliases(call: Call, req: t.ListAliasesRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    aliases = [get(call, function, name) for name in sorted(function.aliases)]
    if version := req.get("FunctionVersion"):
        aliases = [a for a in aliases if version in (a.version, *a.weights)]
    chosen, marker = page(aliases, req, key=lambda a: a.name)
    return {"Aliases": [describe(call, a) for a in chosen], **marker}


@lambda_.op(names.function)
def update_alias(call: Call, req: t.UpdateAliasRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    alias = get(call, function, req["Name"])
    if req.get("RevisionId") and req["RevisionId"] != alias.revision:
        raise errors.wrong_revision()
    version = req.get("FunctionVersion", alias.version)
    weights = alias.weights
    if "RoutingConfig" in req:
        weights = dict(req["RoutingConfig"].get("AdditionalVersionWeights", {}))
    check(call, function, version, weights)
    if alias.name in function.provisioned:
        from .concurrency import moved
        if weights:
            raise errors.routed_alias()
        if version != alias.version:
            if version in function.provisioned:
                raise errors.alias_already_provisioned()
            moved(call, function, alias.name, alias.version)
    return describe(call, call.put(alias.but(version=version, weights=weights, description=req.get("Description", alias.description), revision=call.uuid())))


@lambda_.op(names.function)
def delete_alias(call: Call, req: t.DeleteAliasRequest) -> None:
    function = find(call, names.parse(call, req["FunctionName"]))
    alias = call.get(Alias, f"{function.name}:{req['Name']}")
    if alias:  # deleting what is not there succeeds
        from .concurrency import unprovisioned
        call.delete(alias)
        if alias.name in function.provisioned:
            function = unprovisioned(call, function, alias.name)
            call.cloud.store.then(pools(call.cloud).forget, call.account, call.region, function.name, alias.version)
        rest = {field: {k: v for k, v in getattr(function, field).items() if k != alias.name} for field in ("policies", "event_configs")}
        call.put(function.but(aliases=tuple(a for a in function.aliases if a != alias.name), **rest))
