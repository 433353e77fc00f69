"""Groups and memberships. The group lists its members and each user its groups; both change together."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, stores, users
from . import service as identitystore
from .stores import Name

if TYPE_CHECKING:
    from cloche.shapes import identitystore as t


class Group(Record, frozen=True):
    kind = "identitystore.group"

    id: str
    attributes: dict[str, Any]                         # DisplayName, Description
    created: float
    updated: float
    by: str
    revision: int = 1
    members: dict[str, str] = {}                       # user -> membership

    @property
    def key(self) -> str:
        return self.id

    @property
    def name(self) -> str:
        return str(self.attributes["DisplayName"])


class Membership(Record, frozen=True):
    kind = "identitystore.membership"

    id: str
    group: str
    user: str
    created: float
    updated: float
    by: str

    @property
    def key(self) -> str:
        return self.id


def find(there: Call, id: str) -> Group:
    found = there.get(Group, stores.bare(id))
    if found is None:
        raise errors.not_found("GROUP")
    return found


def view(store: stores.Store, group: Group) -> Any:
    return {**group.attributes, **named(store, group), **stores.stamps(group)}


def named(store: stores.Store, group: Group) -> Any:
    return {"IdentityStoreId": store.id, "GroupId": group.id, "GroupArn": stores.thing("group", group.id), "Revision": str(group.revision)}


@identitystore.op(needs=stores.asked())
def create_group(call: Call, req: t.CreateGroupRequest) -> t.CreateGroupResponse:
    there, store = stores.find(call, req)
    attributes = {name: value for name, value in req.items() if name != "IdentityStoreId"}
    if not (name := attributes.get("DisplayName")):
        raise errors.invalid("DisplayName is required.")
    if there.get(Name, f"DisplayName/{name.lower()}"):  # type: ignore[attr-defined]
        raise errors.duplicate("GroupDisplayName")
    group = there.put(Group(f"{store.id[2:]}-{call.uuid()}", attributes, call.now, call.now, call.principal.arn))
    there.put(Name("DisplayName", name, group.id))  # type: ignore[arg-type]
    return named(store, group)  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked(("GroupId", "group")))
def describe_group(call: Call, req: t.DescribeGroupRequest) -> t.DescribeGroupResponse:
    there, store = stores.find(call, req)
    return view(store, find(there, req["GroupId"]))  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked())
def list_groups(call: Call, req: t.ListGroupsRequest) -> t.ListGroupsResponse:
    there, store = stores.find(call, req)
    wanted = users.filtered(there, req, "DisplayName", lambda id: find(there, id))
    found, more = pages.page(wanted if wanted is not None else sorted(there.all(Group), key=lambda group: group.name.lower()), req, lambda group: group.name.lower(), 100, errors.bad_token)
    return {"Groups": [view(store, group) for group in found], **more}


@identitystore.op(needs=stores.asked())
def get_group_id(call: Call, req: t.GetGroupIdRequest) -> t.GetGroupIdResponse:
    there, store = stores.find(call, req)
    wanted = req["AlternateIdentifier"].get("UniqueAttribute")
    if wanted is not None and wanted["AttributePath"].lower() != "displayname":
        raise errors.invalid(f"Attribute path {wanted['AttributePath']} is not a unique attribute of groups.")
    known = there.get(Name, f"DisplayName/{str(wanted['AttributeValue']).lower()}") if wanted else None
    if known is None:
        raise errors.not_found("GROUP")
    return {"IdentityStoreId": store.id, "GroupId": known.id, "GroupArn": stores.thing("group", known.id)}


@identitystore.op(needs=stores.asked(("GroupId", "group")))
def update_group(call: Call, req: t.UpdateGroupRequest) -> t.UpdateGroupResponse:
    there, store = stores.find(call, req)
    group = find(there, req["GroupId"])
    attributes = stores.changed(group.attributes, req["Operations"])  # type: ignore[arg-type]
    if not (name := attributes.get("DisplayName")):
        raise errors.invalid("DisplayName is required.")
    if name.lower() != group.name.lower() and there.get(Name, f"DisplayName/{name.lower()}"):
        raise errors.duplicate("GroupDisplayName")
    there.delete(Name("DisplayName", group.name, group.id))
    there.put(Name("DisplayName", name, group.id))
    return named(store, there.put(group.but(attributes=attributes, updated=call.now, revision=group.revision + 1)))  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked(("GroupId", "group")))
def delete_group(call: Call, req: t.DeleteGroupRequest) -> t.DeleteGroupResponse:
    there, _ = stores.find(call, req)
    group = find(there, req["GroupId"])
    for member, membership in group.members.items():
        user = users.find(there, member)
        there.put(user.but(groups={one: id for one, id in user.groups.items() if one != group.id}))
        there.delete(Membership(membership, group.id, member, 0, 0, ""))
    there.delete(Name("DisplayName", group.name, group.id))
    there.delete(group)
    return {}


# -- memberships ----------------------------------------------------------------------------------------------------------

MEMBER = ("MemberId", "user")


def membership(there: Call, id: str) -> Membership:
    found = there.get(Membership, stores.bare(id))
    if found is None:
        raise errors.not_found("GROUP_MEMBERSHIP")
    return found


def told(store: stores.Store, one: Membership) -> Any:
    return {"IdentityStoreId": store.id, "MembershipId": one.id, "MembershipArn": stores.thing("membership", one.id), "GroupId": one.group, "MemberId": {"UserId": one.user}, **stores.stamps(one)}


def short(store: stores.Store, id: str) -> Any:
    return {"IdentityStoreId": store.id, "MembershipId": id, "MembershipArn": stores.thing("membership", id)}


@identitystore.op(needs=stores.asked(("GroupId", "group"), MEMBER))
def create_group_membership(call: Call, req: t.CreateGroupMembershipRequest) -> t.CreateGroupMembershipResponse:
    there, store = stores.find(call, req)
    group, user = find(there, req["GroupId"]), users.find(there, req["MemberId"]["UserId"])  # type: ignore[typeddict-item]
    if user.id in group.members:
        raise errors.member_already()
    made = there.put(Membership(f"{store.id[2:]}-{call.uuid()}", group.id, user.id, call.now, call.now, call.principal.arn))
    there.put(group.but(members={**group.members, user.id: made.id}))
    there.put(user.but(groups={**user.groups, group.id: made.id}))
    return short(store, made.id)  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked(("MembershipId", "membership")))
def describe_group_membership(call: Call, req: t.DescribeGroupMembershipRequest) -> t.DescribeGroupMembershipResponse:
    there, store = stores.find(call, req)
    return told(store, membership(there, req["MembershipId"]))  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked(("GroupId", "group"), MEMBER))
def get_group_membership_id(call: Call, req: t.GetGroupMembershipIdRequest) -> t.GetGroupMembershipIdResponse:
    there, store = stores.find(call, req)
    id = find(there, req["GroupId"]).members.get(stores.bare(req["MemberId"]["UserId"]))  # type: ignore[typeddict-item]
    if id is None:
        raise errors.not_found("GROUP_MEMBERSHIP")
    return short(store, id)  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked(MEMBER))
def is_member_in_groups(call: Call, req: t.IsMemberInGroupsRequest) -> t.IsMemberInGroupsResponse:
    there, _ = stores.find(call, req)
    user = users.find(there, req["MemberId"]["UserId"])  # type: ignore[typeddict-item]
    return {"Results": [{"GroupId": id, "MemberId": {"UserId": user.id}, "MembershipExists": find(there, id).id in user.groups} for id in req["GroupIds"]]}


@identitystore.op(needs=stores.asked(("GroupId", "group")))
def list_group_memberships(call: Call, req: t.ListGroupMembershipsRequest) -> t.ListGroupMembershipsResponse:
    there, store = stores.find(call, req)
    found, more = pages.page(sorted(find(there, req["GroupId"]).members.values()), req, str, 100, errors.bad_token)
    return {"GroupMemberships": [told(store, membership(there, id)) for id in found], **more}


@identitystore.op(needs=stores.asked(MEMBER))
def list_group_memberships_for_member(call: Call, req: t.ListGroupMembershipsForMemberRequest) -> t.ListGroupMembershipsForMemberResponse:
    there, store = stores.find(call, req)
    found, more = pages.page(sorted(users.find(there, req["MemberId"]["UserId"]).groups.values()), req, str, 100, errors.bad_token)  # type: ignore[typeddict-item]
    return {"GroupMemberships": [told(store, membership(there, id)) for id in found], **more}


@identitystore.op(needs=stores.asked(("MembershipId", "membership")))
def delete_group_membership(call: Call, req: t.DeleteGroupMembershipRequest) -> t.DeleteGroupMembershipResponse:
    there, _ = stores.find(call, req)
    one = membership(there, req["MembershipId"])
    group, user = find(there, one.group), users.find(there, one.user)
    there.put(group.but(members={member: id for member, id in group.members.items() if member != user.id}))
    there.put(user.but(groups={other: id for other, id in user.groups.items() if other != group.id}))
    there.delete(one)
    return {}
