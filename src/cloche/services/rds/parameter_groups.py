"""Parameter groups: what is set of an engine's parameters. Dynamic ones are in effect at once, static ones after a reboot."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page

from . import catalog, errors, names, offers
from . import service as rds

if TYPE_CHECKING:
    from cloche.shapes import rds as t

NAME = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,254}(?<!-)", re.ASCII)
MOST_CHANGED = 20
PAGE = 100


class ParameterGroup(Record, frozen=True):
    kind = "rds.parameters"

    name: str
    family: str
    description: str
    values: dict[str, tuple[str, str]] = {}       # name -> (value, how it is applied: immediate, pending-reboot)
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def default(call: Call, family: str) -> ParameterGroup:
    name = f"default.{family}"
    return call.get(ParameterGroup, name) or call.put(ParameterGroup(name, family, f"Default parameter group for {family}"))


def find(call: Call, name: str) -> ParameterGroup:
    name = name.lower()
    one = call.get(ParameterGroup, name)
    if one is None and name.startswith("default.") and any(offer.family == name.removeprefix("default.") for offer in offers.versions()):
        one = default(call, name.removeprefix("default."))
    if one is None:
        raise errors.no_parameter_group(name)
    return one


def shown(call: Call, one: ParameterGroup) -> Any:
    return {"DBParameterGroupName": one.name, "DBParameterGroupFamily": one.family, "Description": one.description, "DBParameterGroupArn": names.arn(call, "pg", one.name)}


BY_NAME = names.named("pg", "DBParameterGroupName")


@rds.op(BY_NAME, context=names.tags_asked)
def create_db_parameter_group(call: Call, req: t.CreateDBParameterGroupMessage) -> t.CreateDBParameterGroupResult:
    name, family = req["DBParameterGroupName"].lower(), req["DBParameterGroupFamily"]
    if not NAME.fullmatch(name):
        raise errors.value(f"The parameter DBParameterGroupName is not a valid identifier: {name}")
    if not any(offer.family == family for offer in offers.versions()):
        raise errors.value(f"ParameterGroupFamily {family} is not a valid parameter group family")
    if call.get(ParameterGroup, name):
        raise errors.parameter_group_exists(name)
    return {"DBParameterGroup": shown(call, call.put(ParameterGroup(name, family, req["Description"], tags=names.tags_given(req))))}


@rds.op(BY_NAME)
def describe_db_parameter_groups(call: Call, req: t.DescribeDBParameterGroupsMessage) -> t.DBParameterGroupsMessage:
    if "DBParameterGroupName" in req:
        return {"DBParameterGroups": [shown(call, find(call, req["DBParameterGroupName"]))]}
    found, more = page(sorted(call.all(ParameterGroup), key=lambda one: one.name), req, lambda one: one.name, PAGE, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"DBParameterGroups": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@rds.op(BY_NAME)
def delete_db_parameter_group(call: Call, req: t.DeleteDBParameterGroupMessage) -> None:
    from .instances import Instance
    one = find(call, req["DBParameterGroupName"])
    if one.name.startswith("default."):
        raise errors.parameter_group_state(f"A default DBParameterGroup cannot be deleted: {one.name}")
    if any(each.parameters == one.name for each in call.all(Instance)):
        raise errors.parameter_group_state("One or more database instances are still members of this parameter group, so the group cannot be deleted")
    call.delete(one)


@rds.op(BY_NAME)
def modify_db_parameter_group(call: Call, req: t.ModifyDBParameterGroupMessage) -> t.DBParameterGroupNameMessage:
    from . import running
    one = find(call, req["DBParameterGroupName"])
    if one.name.startswith("default."):
        raise errors.parameter_group_state("Default parameter groups cannot be modified")
    if len(req["Parameters"]) > MOST_CHANGED:
        raise errors.value(f"At most {MOST_CHANGED} parameters may be modified at a time")
    known, values = catalog.of(one.family), dict(one.values)
    for given in req["Parameters"]:
        parameter = known.get(given.get("ParameterName", ""))
        if parameter is None:
            raise errors.value(f"Could not find parameter with name: {given.get('ParameterName')}")
        if not parameter.modifiable:
            raise errors.value(f"The parameter {parameter.name} cannot be modified")
        how = given.get("ApplyMethod", "pending-reboot")
        if parameter.static and how == "immediate":
            raise errors.static_parameter()
        wrong = catalog.check(parameter, given.get("ParameterValue", ""))
        if wrong is not None:
            raise errors.value(f"Invalid parameter value: {given.get('ParameterValue')} for: {parameter.name} {wrong}")
        values[parameter.name] = (given.get("ParameterValue", ""), how)
    call.put(one.but(values=values))
    running.parameters_changed(call, one.name)
    return {"DBParameterGroupName": one.name}


@rds.op(BY_NAME)
def reset_db_parameter_group(call: Call, req: t.ResetDBParameterGroupMessage) -> t.DBParameterGroupNameMessage:
    from . import running
    one = find(call, req["DBParameterGroupName"])
    if one.name.startswith("default."):
        raise errors.parameter_group_state("Default parameter groups cannot be modified")
    named = {given.get("ParameterName") for given in req.get("Parameters") or ()}
    call.put(one.but(values={} if req.get("ResetAllParameters", not named) else {name: value for name, value in one.values.items() if name not in named}))
    running.parameters_changed(call, one.name)
    return {"DBParameterGroupName": one.name}


def _parameter(known: catalog.Parameter, value: str | None, source: str, how: str) -> Any:
    told: dict[str, Any] = {"ParameterName": known.name, "Description": known.description, "Source": source, "ApplyType": "static" if known.static else "dynamic", "DataType": known.type, "IsModifiable": known.modifiable,
                            "ApplyMethod": how}
    return told | ({"ParameterValue": value} if value is not None else {}) | ({"AllowedValues": known.allowed} if known.allowed else {})


@rds.op(BY_NAME)
def describe_db_parameters(call: Call, req: t.DescribeDBParametersMessage) -> t.DBParameterGroupDetails:
    one = find(call, req["DBParameterGroupName"])
    told = []
    for known in catalog.of(one.family).values():
        if known.name in one.values:
            told.append(_parameter(known, one.values[known.name][0], "user", one.values[known.name][1]))
        else:
            told.append(_parameter(known, known.value, "system" if known.value and "{" in known.value else "engine-default", "pending-reboot"))
    wanted = req.get("Source")
    found, more = page([each for each in told if wanted is None or each["Source"] == wanted], req, lambda each: each["ParameterName"], PAGE, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"Parameters": found, **more}  # type: ignore[typeddict-item]


@rds.op(ANY)
def describe_engine_default_parameters(call: Call, req: t.DescribeEngineDefaultParametersMessage) -> t.DescribeEngineDefaultParametersResult:
    family = req["DBParameterGroupFamily"]
    if not any(offer.family == family for offer in offers.versions()):
        raise errors.value(f"Invalid DBParameterGroupFamily: {family}")
    told = [_parameter(known, known.value, "engine-default", "pending-reboot") for known in catalog.of(family).values()]
    found, more = page(told, req, lambda each: each["ParameterName"], PAGE, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": found, **more}}  # type: ignore[typeddict-item]


def effective(call: Call, name: str, memory: int, storage: int, port: int) -> dict[str, str]:
    """What the group sets, its formulas reckoned; and of RDS's own defaults the number of connections and where logs go."""
    one = find(call, name)
    known = {"DBInstanceClassMemory": memory, "AllocatedStorage": storage << 30, "EndPointPort": port, "DBInstanceVCPU": 2, "TrueIfReplica": 0}
    every = catalog.of(one.family)
    values = {key: value for key, (value, _) in one.values.items()}
    for key in ("max_connections", "log_output"):
        if key in every and (value := every[key].value):
            values.setdefault(key, value)
    return {key: catalog.value(value, known) for key, value in values.items()}


def statics(family: str) -> set[str]:
    return {name for name, one in catalog.of(family).items() if one.static}
