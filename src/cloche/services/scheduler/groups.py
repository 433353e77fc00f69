"""Schedule groups, and their tags. The default group is always there; deleting a group takes its schedules along."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as scheduler

if TYPE_CHECKING:
    from cloche.shapes import scheduler as t

DEFAULT = "default"


class Group(Record, frozen=True):
    kind = "scheduler.group"

    name: str
    arn: str
    created: float
    changed: float
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"schedule-group/{req['Name']}")


def all_groups(call: Call, req: Any) -> str:
    return call.arn("schedule-group/*")


def by_resource(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def find(call: Call, name: str) -> Group:
    group = call.get(Group, name)
    if group is None and name == DEFAULT:
        return Group(DEFAULT, call.arn("schedule-group/default"), 0.0, 0.0)
    if group is None:
        raise errors.no_such("Schedule group", name)
    return group


def page(items: list[Any], req: Any) -> tuple[list[Any], str | None]:
    token = req.get("NextToken") or "0"
    if not token.isdigit():
        raise errors.invalid("Invalid NextToken.")
    start, end = int(token), int(token) + (req.get("MaxResults") or 100)
    return items[start:end], str(end) if end < len(items) else None


@scheduler.op(resource=by_name)
def create_schedule_group(call: Call, req: t.CreateScheduleGroupInput) -> t.CreateScheduleGroupOutput:
    name = req["Name"]
    if name == DEFAULT or call.get(Group, name):
        raise errors.exists("Schedule group", name)
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    return {"ScheduleGroupArn": call.put(Group(name, by_name(call, req), call.now, call.now, tags)).arn}


@scheduler.op(resource=by_name)
def get_schedule_group(call: Call, req: t.GetScheduleGroupInput) -> t.GetScheduleGroupOutput:
    return shown(find(call, req["Name"]))


def shown(group: Group) -> dict[str, Any]:
    return {"Arn": group.arn, "Name": group.name, "State": "ACTIVE", "CreationDate": group.created, "LastModificationDate": group.changed}


@scheduler.op(resource=all_groups)
def list_schedule_groups(call: Call, req: t.ListScheduleGroupsInput) -> t.ListScheduleGroupsOutput:
    groups = {group.name: group for group in call.all(Group)} | {DEFAULT: find(call, DEFAULT)}
    prefix = req.get("NamePrefix") or ""
    found, token = page([groups[name] for name in sorted(groups) if name.startswith(prefix)], req)
    result: dict[str, Any] = {"ScheduleGroups": [shown(group) for group in found]}
    return result | {"NextToken": token} if token else result


@scheduler.op(resource=by_name)
def delete_schedule_group(call: Call, req: t.DeleteScheduleGroupInput) -> None:
    from .schedules import forget, schedules_of
    if req["Name"] == DEFAULT:
        raise errors.invalid("The default schedule group cannot be deleted.")
    group = find(call, req["Name"])
    for one in schedules_of(call, group.name):
        forget(call, one)
    call.delete(group)


# -- tags -------------------------------------------------------------------------------------------------------------

def tagged(call: Call, arn: str) -> Group:
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    if kind != "schedule-group":
        raise errors.bad_arn()
    return find(call, name)


@scheduler.op(resource=by_resource)
def tag_resource(call: Call, req: t.TagResourceInput) -> None:
    group = tagged(call, req["ResourceArn"])
    call.put(group.but(tags=group.tags | {tag["Key"]: tag["Value"] for tag in req["Tags"]}))


@scheduler.op(resource=by_resource)
def untag_resource(call: Call, req: t.UntagResourceInput) -> None:
    group = tagged(call, req["ResourceArn"])
    call.put(group.but(tags={key: value for key, value in group.tags.items() if key not in req["TagKeys"]}))


@scheduler.op(resource=by_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceInput) -> t.ListTagsForResourceOutput:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tagged(call, req["ResourceArn"]).tags.items()]}
