"""Groups of users. The group lists its members and each user its groups; both change together."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, mentions, users
from . import service as iam
from .names import identifier, moment
from .pages import page
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import iam as t

GROUPS_PER_USER = 10


class Group(Record, frozen=True):
    kind = "iam.group"
    scope = "account"

    name: str
    id: str
    path: str
    created: float
    inline: dict[str, str] = {}
    attached: list[str] = []
    members: list[str] = []

    @property
    def key(self) -> str:
        return self.name.lower()


def arn(call: Call, group: Group) -> str:
    return call.arn(f"group{group.path}{group.name}", service="iam", region="")


def by_name(call: Call, req: Any) -> str:
    found = call.get(Group, req["GroupName"].lower())
    return arn(call, found) if found else call.arn(f"group{req.get('Path', '/')}{req['GroupName']}", service="iam", region="")


def facts(call: Call, req: Any) -> dict[str, Any]:
    return {"iam:PolicyARN": req["PolicyArn"]} if "PolicyArn" in req else {}


def find(call: Call, name: str) -> Group:
    found = call.get(Group, name.lower())
    if found is None:  # case does not matter (two users cannot be told apart by it)
        raise errors.no_such("group", name)
    return found


def view(call: Call, group: Group) -> t.Group:
    return {"Path": group.path, "GroupName": group.name, "GroupId": group.id, "Arn": arn(call, group), "CreateDate": group.created}


@iam.op(resource=by_name)
def create_group(call: Call, req: t.CreateGroupRequest) -> t.CreateGroupResponse:
    name = req["GroupName"]
    if call.get(Group, name.lower()):
        raise errors.exists("Group", name)
    group = call.put(Group(name, identifier(call, "AGPA"), req.get("Path", "/"), moment(call)))
    return {"Group": view(call, group)}


@iam.op(resource=by_name)
def get_group(call: Call, req: t.GetGroupRequest) -> t.GetGroupResponse:
    group = find(call, req["GroupName"])
    found, more = page(req, group.members, key=str)
    return {"Group": view(call, group), "Users": [users.view(call, users.find(call, name)) for name in found], **more}


@iam.op(resource=ANY)
def list_groups(call: Call, req: t.ListGroupsRequest) -> t.ListGroupsResponse:
    prefix = req.get("PathPrefix", "/")
    found, more = page(req, (group for group in call.all(Group) if group.path.startswith(prefix)), key=lambda group: group.name.lower())
    return {"Groups": [view(call, group) for group in found], **more}


@iam.op(resource=users.by_name)
def list_groups_for_user(call: Call, req: t.ListGroupsForUserRequest) -> t.ListGroupsForUserResponse:
    found, more = page(req, users.find(call, req["UserName"]).groups, key=str)
    return {"Groups": [view(call, find(call, name)) for name in found], **more}


@iam.op(resource=by_name)
def update_group(call: Call, req: t.UpdateGroupRequest) -> None:
    group = find(call, req["GroupName"])
    name = req.get("NewGroupName", group.name)
    if name.lower() != group.key and call.get(Group, name.lower()):
        raise errors.exists("Group", name)
    if name != group.name:
        for member in group.members:
            user = users.find(call, member)
            call.put(user.but(groups=[name if one == group.name else one for one in user.groups]))
        mentions.rename(call, group, name)
    call.delete(group)
    call.put(group.but(name=name, path=req.get("NewPath", group.path)))


@iam.op(resource=by_name)
def add_user_to_group(call: Call, req: t.AddUserToGroupRequest) -> None:
    group, user = find(call, req["GroupName"]), users.find(call, req["UserName"])
    if user.name in group.members:
        return
    if len(user.groups) >= GROUPS_PER_USER:
        raise errors.too_many("GroupsPerUser", GROUPS_PER_USER)
    call.put(group.but(members=[*group.members, user.name]))
    call.put(user.but(groups=[*user.groups, group.name]))


@iam.op(resource=by_name)
def remove_user_from_group(call: Call, req: t.RemoveUserFromGroupRequest) -> None:
    group, user = find(call, req["GroupName"]), users.find(call, req["UserName"])
    leave(call, group, user)


def leave(call: Call, group: Group, user: User) -> None:
    if user.name in group.members:
        call.put(group.but(members=[one for one in group.members if one != user.name]))
        call.put(user.but(groups=[one for one in user.groups if one != group.name]))


@iam.op(resource=by_name)
def delete_group(call: Call, req: t.DeleteGroupRequest) -> None:
    group = find(call, req["GroupName"])
    if group.members:
        raise errors.conflict("remove users from group")
    if group.attached:
        raise errors.conflict("detach all policies")
    if group.inline:
        raise errors.conflict("delete policies")
    call.delete(group)
