"""Users: a name, and attributes as the directory knows them. A user's groups are listed in its record."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, stores
from . import service as identitystore
from .stores import Name

if TYPE_CHECKING:
    from cloche.shapes import identitystore as t

RESERVED = ("administrator", "awsadministrators")


class User(Record, frozen=True):
    kind = "identitystore.user"

    id: str
    attributes: dict[str, Any]
    created: float
    updated: float
    by: str
    revision: int = 1
    groups: dict[str, str] = {}                        # group -> membership

    @property
    def key(self) -> str:
        return self.id

    @property
    def name(self) -> str:
        return str(self.attributes["UserName"])


def find(there: Call, id: str) -> User:
    found = there.get(User, stores.bare(id))
    if found is None:
        raise errors.not_found("USER")
    return found


def view(store: stores.Store, user: User) -> dict[str, Any]:
    return {"UserStatus": "ENABLED", **user.attributes, "IdentityStoreId": store.id, "UserId": user.id, "UserArn": stores.thing("user", user.id), "Revision": str(user.revision),
            **stores.stamps(user)}


def named(store: stores.Store, user: User) -> Any:
    return {"IdentityStoreId": store.id, "UserId": user.id, "UserArn": stores.thing("user", user.id), "Revision": str(user.revision)}


@identitystore.op(needs=stores.asked())
def create_user(call: Call, req: t.CreateUserRequest) -> t.CreateUserResponse:
    there, store = stores.find(call, req)
    attributes = {name: value for name, value in req.items() if name != "IdentityStoreId"}
    name = attributes.get("UserName")
    if not name:
        raise errors.invalid("UserName is required.")
    if name.lower() in RESERVED:
        raise errors.invalid(f"UserName {name} is reserved.")
    if there.get(Name, f"UserName/{name.lower()}"):
        raise errors.duplicate("UserName")
    user = there.put(User(f"{store.id[2:]}-{call.uuid()}", attributes, call.now, call.now, call.principal.arn))
    there.put(Name("UserName", name, user.id))
    return named(store, user)  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked(("UserId", "user")))
def describe_user(call: Call, req: t.DescribeUserRequest) -> t.DescribeUserResponse:
    there, store = stores.find(call, req)
    return view(store, find(there, req["UserId"]))  # type: ignore[return-value]


@identitystore.op(needs=stores.asked())
def list_users(call: Call, req: t.ListUsersRequest) -> t.ListUsersResponse:
    there, store = stores.find(call, req)
    wanted = filtered(there, req, "UserName", lambda id: find(there, id))
    found, more = pages.page(wanted if wanted is not None else sorted(there.all(User), key=lambda user: user.name.lower()), req, lambda user: user.name.lower(), 100, errors.bad_token)
    return {"Users": [view(store, user) for user in found], **more}  # type: ignore[typeddict-item]


def filtered(there: Call, req: Any, attribute: str, find: Any) -> list[Any] | None:
    """The one that the filter names, if there is a filter; AWS knows but one attribute to filter by."""
    for one in req.get("Filters", []):
        if one["AttributePath"].lower() != attribute.lower():
            raise errors.invalid(f"Attribute path {one['AttributePath']} is not supported for filters.")
        known = there.get(Name, f"{attribute}/{one['AttributeValue'].lower()}")
        return [find(known.id)] if known else []
    return None


@identitystore.op(needs=stores.asked())
def get_user_id(call: Call, req: t.GetUserIdRequest) -> t.GetUserIdResponse:
    there, store = stores.find(call, req)
    wanted = req["AlternateIdentifier"].get("UniqueAttribute")
    if wanted is None:
        raise errors.not_found("USER")                 # no directory of anybody else's is joined
    path, value = wanted["AttributePath"].lower(), str(wanted["AttributeValue"])
    if path == "username":
        known = there.get(Name, f"UserName/{value.lower()}")
        found = find(there, known.id) if known else None
    elif path == "emails.value":
        found = next((user for user in there.all(User) if any(mail.get("Value", "").lower() == value.lower() for mail in user.attributes.get("Emails", []))), None)
    else:
        raise errors.invalid(f"Attribute path {wanted['AttributePath']} is not a unique attribute of users.")
    if found is None:
        raise errors.not_found("USER")
    return {"IdentityStoreId": store.id, "UserId": found.id, "UserArn": stores.thing("user", found.id)}


@identitystore.op(needs=stores.asked(("UserId", "user")))
def update_user(call: Call, req: t.UpdateUserRequest) -> t.UpdateUserResponse:
    there, store = stores.find(call, req)
    user = find(there, req["UserId"])
    attributes = stores.changed(user.attributes, req["Operations"])  # type: ignore[arg-type]
    name = attributes.get("UserName")
    if not name:
        raise errors.invalid("UserName is required.")
    if name.lower() != user.name.lower() and there.get(Name, f"UserName/{name.lower()}"):
        raise errors.duplicate("UserName")
    there.delete(Name("UserName", user.name, user.id))
    there.put(Name("UserName", name, user.id))
    return named(store, there.put(user.but(attributes=attributes, updated=call.now, revision=user.revision + 1)))  # type: ignore[no-any-return]


@identitystore.op(needs=stores.asked(("UserId", "user")))
def delete_user(call: Call, req: t.DeleteUserRequest) -> t.DeleteUserResponse:
    from .groups import Group, Membership
    there, _ = stores.find(call, req)
    user = find(there, req["UserId"])
    for group_id, membership in user.groups.items():
        group = there.get(Group, group_id)
        assert group is not None
        there.put(group.but(members={member: one for member, one in group.members.items() if member != user.id}))
        there.delete(Membership(membership, group_id, user.id, 0, 0, ""))
    there.delete(Name("UserName", user.name, user.id))
    there.delete(user)
    return {}
