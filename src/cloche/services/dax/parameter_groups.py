"""Parameter groups: how long a cluster keeps items, and the answers to queries. The default one is there without anybody having made it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.kernel.pages import page

from . import errors
from . import service as dax

if TYPE_CHECKING:
    from cloche.shapes import dax as t

DEFAULT = "default.dax1.0"
TTLS = {
    "query-ttl-millis": "Duration in milliseconds for queries to remain cached", "record-ttl-millis": "Duration in milliseconds for records to remain valid in cache (Default: 0 = infinite)"}
DEFAULT_MILLIS = 300_000
MOST = 100


class ParameterGroup(Record, frozen=True):
    kind = "dax.parameters"

    name: str
    description: str = ""
    set: dict[str, int] = {}

    @property
    def key(self) -> str:
        return self.name

    def millis(self, parameter: str) -> int:
        return self.set.get(parameter, DEFAULT_MILLIS)


def find(call: Call, name: str) -> ParameterGroup:
    found = call.get(ParameterGroup, name)
    if found is None:
        if name == DEFAULT:
            return ParameterGroup(DEFAULT, "Default parameter group for dax1.0")
        raise errors.no_group(name)
    return found


def used_by(call: Call, name: str) -> list[Any]:
    from .clusters import Cluster
    return [c for c in call.all(Cluster) if c.parameters == name]


def describe(group: ParameterGroup) -> dict[str, Any]:
    return {"ParameterGroupName": group.name, "Description": group.description}


@dax.op(resource=lambda call, req: "*")
def create_parameter_group(call: Call, req: t.CreateParameterGroupRequest) -> t.CreateParameterGroupResponse:
    name = req["ParameterGroupName"].lower()
    if name == DEFAULT or call.get(ParameterGroup, name):
        raise errors.group_exists(name)
    return {"ParameterGroup": describe(call.put(ParameterGroup(name, req.get("Description", ""))))}


@dax.op(resource=lambda call, req: "*")
def describe_parameter_groups(call: Call, req: t.DescribeParameterGroupsRequest) -> t.DescribeParameterGroupsResponse:
    if names := req.get("ParameterGroupNames"):
        return {"ParameterGroups": [describe(find(call, name.lower())) for name in names]}
    found = {g.name: g for g in [find(call, DEFAULT), *call.all(ParameterGroup)]}
    chosen, token = page([found[name] for name in sorted(found)], req, lambda g: g.name, MOST, errors.next_token)
    return {"ParameterGroups": [describe(g) for g in chosen], **token}


@dax.op(resource=lambda call, req: "*")
def update_parameter_group(call: Call, req: t.UpdateParameterGroupRequest) -> t.UpdateParameterGroupResponse:
    group = find(call, req["ParameterGroupName"].lower())
    if group.name == DEFAULT:
        raise errors.group_state("The default parameter group cannot be changed")
    if used_by(call, group.name):
        raise errors.group_state(f"Parameter group {group.name} is in use by a cluster and cannot be changed")
    values = dict(group.set)
    for one in req["ParameterNameValues"]:
        name, value = one.get("ParameterName", ""), one.get("ParameterValue", "")
        if name not in TTLS:
            raise errors.parameter(f"There is no parameter {name}")
        if not value.isdigit():
            raise errors.parameter(f"{value} is not a value of {name}")
        values[name] = int(value)
    return {"ParameterGroup": describe(call.put(group.but(set=values)))}


@dax.op(resource=lambda call, req: "*")
def delete_parameter_group(call: Call, req: t.DeleteParameterGroupRequest) -> t.DeleteParameterGroupResponse:
    group = find(call, req["ParameterGroupName"].lower())
    if group.name == DEFAULT or used_by(call, group.name):
        raise errors.group_state(f"Parameter group {group.name} cannot be deleted")
    call.delete(group)
    return {"DeletionMessage": f"Parameter group {group.name} has been deleted."}


def shown(group: ParameterGroup) -> list[dict[str, Any]]:
    return [{"ParameterName": name, "ParameterType": "DEFAULT", "ParameterValue": str(group.millis(name)), "NodeTypeSpecificValues": [], "Description": text,
             "Source": "user" if name in group.set else "system", "DataType": "integer", "AllowedValues": "0-", "IsModifiable": "TRUE", "ChangeType": "IMMEDIATE"}
            for name, text in TTLS.items()]


@dax.op(resource=lambda call, req: "*")
def describe_parameters(call: Call, req: t.DescribeParametersRequest) -> t.DescribeParametersResponse:
    found = [p for p in shown(find(call, req["ParameterGroupName"].lower())) if req.get("Source") in (None, p["Source"])]
    chosen, token = page(found, req, lambda p: str(p["ParameterName"]), MOST, errors.next_token)
    return {"Parameters": chosen, **token}


@dax.op(resource=lambda call, req: "*")
def describe_default_parameters(call: Call, req: t.DescribeDefaultParametersRequest) -> t.DescribeDefaultParametersResponse:
    chosen, token = page(shown(ParameterGroup(DEFAULT)), req, lambda p: str(p["ParameterName"]), MOST, errors.next_token)
    return {"Parameters": chosen, **token}
