"""Users. Names are unique whatever their case; a user's groups, keys and attached policies are listed in its own record."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, tags
from . import service as iam
from .names import identifier, moment
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t


class User(Record, frozen=True):
    kind = "iam.user"
    scope = "account"

    name: str
    id: str
    path: str
    created: float
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}                        # policy name -> document
    attached: list[str] = []                           # ARNs of managed policies
    boundary: str = ""
    groups: list[str] = []
    keys: list[str] = []

    @property
    def key(self) -> str:
        return self.name.lower()


def arn(call: Call, user: User) -> str:
    return call.arn(f"user{user.path}{user.name}", service="iam", region="")


def name_of(call: Call, req: Any) -> str:
    """The user a request is about: the one it names, else the caller."""
    if "UserName" in req:
        return req["UserName"]
    if call.principal.kind == "user":
        return call.principal.name
    raise errors.no_user_name()


def by_name(call: Call, req: Any) -> str:
    """The ARN IAM is asked about. A user that does not exist has no path."""
    if "UserName" not in req and call.principal.kind != "user":
        return call.arn("root", service="iam", region="")
    name = name_of(call, req)
    found = call.get(User, name.lower())
    return arn(call, found) if found else call.arn(f"user/{name}", service="iam", region="")


def facts(call: Call, req: Any) -> dict[str, Any]:
    """Condition keys of a request about a user that exists."""
    return tags.facts(req, call.get(User, req["UserName"].lower()) if "UserName" in req else None)


def find(call: Call, name: str) -> User:
    found = call.get(User, name.lower())
    if found is None:  # case does not matter (two users cannot be told apart by it)
        raise errors.no_such("user", name)
    return found


def to_be(call: Call, req: Any) -> str:
    return call.arn(f"user{req.get('Path', '/')}{req['UserName']}", service="iam", region="")


def view(call: Call, user: User) -> t.User:
    found: t.User = {"Path": user.path, "UserName": user.name, "UserId": user.id, "Arn": arn(call, user), "CreateDate": user.created}
    if user.boundary:
        found["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": user.boundary}
    return found


def tagged(call: Call, user: User) -> t.User:
    found = view(call, user)
    if user.tags:
        found["Tags"] = tags.pairs(user.tags)
    return found


@iam.op(resource=to_be, action=tags.action("CreateUser", "TagUser"), context=facts)
def create_user(call: Call, req: t.CreateUserRequest) -> t.CreateUserResponse:
    from . import boundaries
    name = req["UserName"]
    if call.get(User, name.lower()):
        raise errors.exists("User", name)
    user = User(name, identifier(call, "AIDA"), req.get("Path", "/"), moment(call), tags.given(call, req))
    call.put(user)
    if "PermissionsBoundary" in req:
        user = boundaries.put(call, user, req["PermissionsBoundary"])
    return {"User": tagged(call, user)}


@iam.op(resource=by_name, context=facts)
def get_user(call: Call, req: t.GetUserRequest) -> t.GetUserResponse:
    if "UserName" not in req and call.principal.kind == "root":
        return {"User": {"Path": "/", "UserId": call.account, "Arn": call.principal.arn}}
    return {"User": tagged(call, find(call, name_of(call, req)))}


@iam.op(resource=ANY)
def list_users(call: Call, req: t.ListUsersRequest) -> t.ListUsersResponse:
    prefix = req.get("PathPrefix", "/")
    found, more = page(req, (user for user in call.all(User) if user.path.startswith(prefix)), key=lambda user: user.name.lower())
    return {"Users": [view(call, user) for user in found], **more}


@iam.op(resource=by_name, context=facts)
def update_user(call: Call, req: t.UpdateUserRequest) -> None:
    from . import keys, logins, mentions
    from .groups import Group
    user = find(call, req["UserName"])
    name = req.get("NewUserName", user.name)
    if name.lower() != user.key and call.get(User, name.lower()):
        raise errors.exists("User", name)
    renamed = user.but(name=name, path=req.get("NewPath", user.path))
    if name != user.name:
        for group in user.groups:
            found = call.get(Group, group.lower())
            call.put(found.but(members=[name if member == user.name else member for member in found.members]))
        keys.rename(call, user, name)
        logins.rename(call, user, name)
        mentions.rename(call, user, name)
    call.delete(user)
    call.put(renamed)


@iam.op(resource=by_name, context=facts)
def delete_user(call: Call, req: t.DeleteUserRequest) -> None:
    from . import certificates, logins, mentions, mfa, service_credentials, ssh_keys
    user = find(call, req["UserName"])
    if user.attached:
        raise errors.conflict("detach all policies")
    if user.inline:
        raise errors.conflict("delete policies")
    if user.groups:
        raise errors.conflict("remove users from group")
    if user.keys:
        raise errors.conflict("delete access keys")
    if call.get(logins.Login, user.key):
        raise errors.conflict("delete login profile")
    if ssh_keys.of(call, user) or service_credentials.of(call, user) or certificates.signing(call, user):
        raise errors.conflict("delete SSH keys, service-specific credentials and signing certificates")
    if any(device.user == user.name for device in call.all(mfa.Device)):
        raise errors.conflict("delete MFA device")
    if user.boundary:
        mentions.remove(call, user.boundary, "boundary", "user", user.name)
    call.delete(user)


@iam.op(resource=by_name, context=facts)
def tag_user(call: Call, req: t.TagUserRequest) -> None:
    tags.add(call, find(call, req["UserName"]), req)


@iam.op(resource=by_name, context=facts)
def untag_user(call: Call, req: t.UntagUserRequest) -> None:
    tags.remove(call, find(call, req["UserName"]), req)


@iam.op(resource=by_name, context=facts)
def list_user_tags(call: Call, req: t.ListUserTagsRequest) -> t.ListUserTagsResponse:
    return tags.listed(req, find(call, req["UserName"]).tags)
