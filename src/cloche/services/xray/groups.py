"""Groups: traces that a filter expression lets through, of those that come after the group was made or changed."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages
from cloche.services.cloudwatch import public as cloudwatch

from . import errors
from . import service as xray

if TYPE_CHECKING:
    from cloche.shapes import xray as t

    from .traces import Trace

DEFAULT = "Default"
MOST = 25
SETTLES_SECONDS = 5      # for what comes late


class Group(Record, frozen=True):
    kind = "xray.group"

    name: str
    arn: str
    expression: str = ""
    since: float = 0
    insights: bool = False
    notifications: bool = False
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def default(call: Call) -> Group:
    return call.get(Group, DEFAULT) or Group(DEFAULT, call.arn("group/Default"))


def known(call: Call) -> list[Group]:
    return [default(call), *sorted((one for one in call.all(Group) if one.name != DEFAULT), key=lambda one: one.name)]


def by_named(call: Call, req: Any) -> str:
    if req.get("GroupARN"):
        return str(req["GroupARN"])
    found = call.get(Group, req.get("GroupName", ""))
    return found.arn if found else call.arn(f"group/{req.get('GroupName') or '*'}/*")


def named(call: Call, req: Any) -> Group | None:
    if req.get("GroupARN"):
        return next((one for one in known(call) if one.arn == req["GroupARN"]), None)
    if not req.get("GroupName"):
        raise errors.invalid("GroupName or GroupARN must be provided")
    return default(call) if req["GroupName"] == DEFAULT else call.get(Group, req["GroupName"])


def find(call: Call, req: Any) -> Group:
    found = named(call, req)
    if found is None:
        raise errors.no_group()
    return found


def asked(call: Call, req: Any) -> Group | None:
    """The group that a map is asked for; None is everything."""
    if not req.get("GroupName") and not req.get("GroupARN"):
        return None
    return find(call, req)


def noticed(call: Call) -> None:
    """A segment came: where there are groups, the minute's traces are counted for them when it is over."""
    if call.all(Group):
        minute = int(call.now // 60)
        call.due((minute + 1) * 60 + SETTLES_SECONDS, count, name=str(minute), minute=minute)


@xray.timer
def count(call: Call, minute: int) -> None:
    """The one metric that X-Ray writes of a group."""
    from . import segments
    from .traces import Trace
    those = [Trace(call, row) for row in segments.that_came(call, minute * 60, minute * 60 + 60)]
    for one in call.all(Group):
        if found := sum(holds(call, one, trace) for trace in those):
            cloudwatch.write(call, "AWS/X-Ray", "ApproximateTraceCount", (("GroupName", one.name),), found, "Count", minute * 60)


def holds(call: Call, group: Group, trace: Trace) -> bool:
    from .summaries import read
    return not group.expression or (trace.row.came >= group.since and read(group.expression)(trace))


def shown(one: Group) -> Any:
    return {"GroupName": one.name, "GroupARN": one.arn, **({"FilterExpression": one.expression} if one.expression else {}),
            "InsightsConfiguration": {"InsightsEnabled": one.insights, "NotificationsEnabled": one.notifications}}


def configured(given: Any, one: Group | None = None) -> dict[str, bool]:
    insights = (given or {}).get("InsightsEnabled", one.insights if one else False)
    notifications = (given or {}).get("NotificationsEnabled", one.notifications if one else False)
    if notifications and not insights:
        raise errors.invalid("InsightsEnabled must be true to enable notifications")
    return {"insights": insights, "notifications": notifications}


def checked(expression: str) -> str:
    from .summaries import read
    read(expression)
    return expression


@xray.op(resource=by_named, partly="no insights are found in a group's traces")
def create_group(call: Call, req: t.CreateGroupRequest) -> t.CreateGroupResult:
    from .tags import taken
    name = req["GroupName"]
    if name.lower() == DEFAULT.lower() or call.get(Group, name):
        raise errors.group_exists(name)
    if len(call.all(Group)) >= MOST:
        raise errors.invalid(f"The maximum of {MOST} groups has been reached")
    arn = call.arn(f"group/{name}/{call.id(digits=32).upper()}")
    one = call.put(Group(name, arn, checked(req.get("FilterExpression", "")), call.now, **configured(req.get("InsightsConfiguration")), tags=taken(call, arn, {}, req.get("Tags") or [])))
    return {"Group": shown(one)}


@xray.op(resource=by_named)
def get_group(call: Call, req: t.GetGroupRequest) -> t.GetGroupResult:
    return {"Group": shown(find(call, req))}


@xray.op(resource=lambda call, req: "*")
def get_groups(call: Call, req: t.GetGroupsRequest) -> t.GetGroupsResult:
    found, more = pages.page(sorted(known(call), key=lambda one: one.name), req, lambda one: one.name, 100, errors.bad_token)
    return {"Groups": [shown(one) for one in found], **more}  # type: ignore[typeddict-item]


@xray.op(resource=by_named)
def update_group(call: Call, req: t.UpdateGroupRequest) -> t.UpdateGroupResult:
    one = find(call, req)
    if one.name == DEFAULT and "FilterExpression" in req:
        raise errors.invalid("The filter expression of the Default group cannot be changed")
    changed = one.but(**configured(req.get("InsightsConfiguration"), one))
    if "FilterExpression" in req and req["FilterExpression"] != one.expression:
        changed = changed.but(expression=checked(req["FilterExpression"]), since=call.now)
    return {"Group": shown(call.put(changed))}


@xray.op(resource=by_named)
def delete_group(call: Call, req: t.DeleteGroupRequest) -> t.DeleteGroupResult:
    one = find(call, req)
    if one.name == DEFAULT:
        raise errors.invalid("The Default group cannot be deleted")
    call.delete(one)
    return {}
