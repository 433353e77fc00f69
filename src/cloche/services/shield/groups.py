"""Protection groups: all protections, those of a kind, or chosen ones, looked at as one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors
from . import service as shield
from .protections import Protection
from .subscriptions import MOST_GROUPS, MOST_MEMBERS, held

if TYPE_CHECKING:
    from cloche.shapes import shield as t


class Group(Record, frozen=True):
    kind = "shield.group"
    scope = "account"

    id: str
    aggregation: str
    pattern: str
    of: str = ""
    members: tuple[str, ...] = ()
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def arn(call: Call, id_: str) -> str:
    return f"arn:aws:shield::{call.account}:protection-group/{id_}"


def by_id(call: Call, req: Any) -> str:
    return arn(call, req["ProtectionGroupId"])


def find(call: Call, id_: str) -> Group:
    found = call.get(Group, id_)
    if found is None:
        raise errors.no_group(id_)
    return found


def _settings(call: Call, req: Any) -> dict[str, Any]:
    pattern, kind, members = req["Pattern"], req.get("ResourceType", ""), tuple(dict.fromkeys(req.get("Members") or ()))
    if (pattern == "BY_RESOURCE_TYPE") != bool(kind):
        raise errors.invalid("ResourceType is required for the pattern BY_RESOURCE_TYPE, and not allowed for others.")
    if (pattern == "ARBITRARY") != bool(members):
        raise errors.invalid("Members are required for the pattern ARBITRARY, and not allowed for others.")
    if len(members) > MOST_MEMBERS:
        raise errors.limit("MEMBERS", MOST_MEMBERS)
    protected = {one.resource for one in call.all(Protection)} if members else set()
    if missing := next((one for one in members if one not in protected), None):
        raise errors.no_protection(missing)
    return {"aggregation": req["Aggregation"], "pattern": pattern, "of": kind, "members": members}


@shield.op(by_id, context=lambda call, req: {f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in req.get("Tags") or ()})
def create_protection_group(call: Call, req: t.CreateProtectionGroupRequest) -> t.CreateProtectionGroupResponse:
    if held(call) is None:
        raise errors.no_subscription()
    if call.get(Group, req["ProtectionGroupId"]):
        raise errors.group_exists(req["ProtectionGroupId"])
    if len(call.all(Group)) >= MOST_GROUPS:
        raise errors.limit("PROTECTION_GROUP", MOST_GROUPS)
    call.put(Group(req["ProtectionGroupId"], **_settings(call, req), tags={one["Key"]: one.get("Value", "") for one in req.get("Tags") or ()}))
    return {}


def resources(call: Call, one: Group) -> list[str]:
    """What is in it now: a resource that is protected later joins by itself."""
    every = sorted((each.resource, each.listed_as) for each in call.all(Protection))
    return [resource for resource, kind in every if one.pattern == "ALL" or kind == one.of or resource in one.members]


def _shown(call: Call, one: Group) -> Any:
    return {"ProtectionGroupId": one.id, "Aggregation": one.aggregation, "Pattern": one.pattern, "Members": list(one.members), "ProtectionGroupArn": arn(call, one.id), **({"ResourceType": one.of} if one.of else {})}


@shield.op(by_id)
def describe_protection_group(call: Call, req: t.DescribeProtectionGroupRequest) -> t.DescribeProtectionGroupResponse:
    return {"ProtectionGroup": _shown(call, find(call, req["ProtectionGroupId"]))}


@shield.op(ANY)
def list_protection_groups(call: Call, req: t.ListProtectionGroupsRequest) -> t.ListProtectionGroupsResponse:
    wanted = req.get("InclusionFilters") or {}
    every = [one for one in sorted(call.all(Group), key=lambda each: each.id) if one.id in wanted.get("ProtectionGroupIds", [one.id]) and one.pattern in wanted.get("Patterns", [one.pattern])
             and one.of in wanted.get("ResourceTypes", [one.of]) and one.aggregation in wanted.get("Aggregations", [one.aggregation])]
    found, more = pages.page(every, req, lambda one: one.id, 1000, errors.bad_token)
    return {"ProtectionGroups": [_shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@shield.op(by_id)
def list_resources_in_protection_group(call: Call, req: t.ListResourcesInProtectionGroupRequest) -> t.ListResourcesInProtectionGroupResponse:
    found, more = pages.page(resources(call, find(call, req["ProtectionGroupId"])), req, str, 1000, errors.bad_token)
    return {"ResourceArns": found, **more}  # type: ignore[typeddict-item]


@shield.op(by_id)
def update_protection_group(call: Call, req: t.UpdateProtectionGroupRequest) -> t.UpdateProtectionGroupResponse:
    call.put(find(call, req["ProtectionGroupId"]).but(**_settings(call, req)))
    return {}


@shield.op(by_id)
def delete_protection_group(call: Call, req: t.DeleteProtectionGroupRequest) -> t.DeleteProtectionGroupResponse:
    call.delete(find(call, req["ProtectionGroupId"]))
    return {}


def lost(call: Call, resource: str) -> None:
    """A resource that is protected no more is in no group."""
    for one in call.all(Group):
        if resource in one.members:
            call.put(one.but(members=tuple(each for each in one.members if each != resource)))
