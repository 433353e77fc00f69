"""Groups: who belongs together, with a precedence (the lowest number first) and a role that an identity pool may hand out."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, paging, pools, users
from . import service as cognito
from .pools import by_id
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_member (pool TEXT NOT NULL, grp TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (pool, grp, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_member_user ON cognito_member (pool, key);
""")


class Group(Record, frozen=True):
    kind = "cognito-idp.group"

    pool: str
    name: str
    created: float
    modified: float
    description: str | None = None
    role: str | None = None
    precedence: int | None = None

    @property
    def key(self) -> str:
        return f"{self.pool}/{self.name}"

    @property
    def rank(self) -> tuple[int, str]:
        return (self.precedence if self.precedence is not None else 1 << 31, self.name)


def find(call: Call, req: Any) -> Group:
    pools.find(call, req["UserPoolId"])
    if group := call.get(Group, f"{req['UserPoolId']}/{req['GroupName']}"):
        return group
    raise errors.no_group()


def of(call: Call, user: User) -> list[Group]:
    """Of one person, by precedence."""
    rows = call.sql("SELECT grp FROM cognito_member WHERE pool = ? AND key = ?", user.pool, user.key)
    found = [group for (name,) in rows if (group := call.get(Group, f"{user.pool}/{name}"))]
    return sorted(found, key=lambda group: group.rank)


def preferred_role(found: list[Group]) -> str | None:
    """The role of the group that comes first; none if groups of that precedence disagree."""
    if not found:
        return None
    first = {group.role for group in found if group.rank[0] == found[0].rank[0]}
    return first.pop() if len(first) == 1 else None


def shown(group: Group) -> dict[str, Any]:
    answer = {"GroupName": group.name, "UserPoolId": group.pool, "Description": group.description, "RoleArn": group.role, "Precedence": group.precedence,
              "LastModifiedDate": group.modified, "CreationDate": group.created}
    return {k: v for k, v in answer.items() if v is not None}


@cognito.op(resource=by_id)
def create_group(call: Call, req: t.CreateGroupRequest) -> t.CreateGroupResponse:
    pool = pools.find(call, req["UserPoolId"])
    if call.get(Group, f"{pool.id}/{req['GroupName']}"):
        raise errors.group_exists()
    if req.get("RoleArn"):
        call.pass_role(req["RoleArn"], "cognito-idp.amazonaws.com")
    group = Group(pool.id, req["GroupName"], call.now, call.now, req.get("Description"), req.get("RoleArn"), req.get("Precedence"))
    return {"Group": shown(call.put(group))}


@cognito.op(resource=by_id)
def get_group(call: Call, req: t.GetGroupRequest) -> t.GetGroupResponse:
    return {"Group": shown(find(call, req))}


@cognito.op(resource=by_id)
def list_groups(call: Call, req: t.ListGroupsRequest) -> t.ListGroupsResponse:
    pool = pools.find(call, req["UserPoolId"])
    here = sorted((g for g in call.all(Group) if g.pool == pool.id), key=lambda g: g.name)
    found, more = pages.page(here, req, lambda g: g.name, 60, errors.bad_page, size="Limit")
    return {"Groups": [shown(g) for g in found], **more}


@cognito.op(resource=by_id)
def update_group(call: Call, req: t.UpdateGroupRequest) -> t.UpdateGroupResponse:
    group = find(call, req)
    if req.get("RoleArn"):
        call.pass_role(req["RoleArn"], "cognito-idp.amazonaws.com")
    group = group.but(description=req.get("Description", group.description), role=req.get("RoleArn", group.role), precedence=req.get("Precedence", group.precedence),
                      modified=call.now)
    return {"Group": shown(call.put(group))}


@cognito.op(resource=by_id)
def delete_group(call: Call, req: t.DeleteGroupRequest) -> None:
    group = find(call, req)
    call.sql("DELETE FROM cognito_member WHERE pool = ? AND grp = ?", group.pool, group.name)
    call.delete(group)


def join(call: Call, pool: Any, name: str, description: str, user: User) -> None:
    """Into a group that the pool itself makes."""
    if not call.get(Group, f"{pool.id}/{name}"):
        call.put(Group(pool.id, name, call.now, call.now, description))
    call.sql("INSERT OR IGNORE INTO cognito_member VALUES (?,?,?)", pool.id, name, user.key)


@cognito.op(resource=by_id)
def admin_add_user_to_group(call: Call, req: t.AdminAddUserToGroupRequest) -> None:
    group = find(call, req)
    user = users.find(call, pools.find(call, group.pool), req["Username"])
    call.sql("INSERT OR IGNORE INTO cognito_member VALUES (?,?,?)", group.pool, group.name, user.key)


@cognito.op(resource=by_id)
def admin_remove_user_from_group(call: Call, req: t.AdminRemoveUserFromGroupRequest) -> None:
    group = find(call, req)
    user = users.find(call, pools.find(call, group.pool), req["Username"])
    call.sql("DELETE FROM cognito_member WHERE pool = ? AND grp = ? AND key = ?", group.pool, group.name, user.key)


@cognito.op(resource=by_id)
def admin_list_groups_for_user(call: Call, req: t.AdminListGroupsForUserRequest) -> t.AdminListGroupsForUserResponse:
    pool = pools.find(call, req["UserPoolId"])
    user = users.find(call, pool, req["Username"])
    found, more = pages.page(of(call, user), req, lambda g: g.name, 60, errors.bad_page, size="Limit")
    return {"Groups": [shown(g) for g in found], **more}


@cognito.op(resource=by_id)
def list_users_in_group(call: Call, req: t.ListUsersInGroupRequest) -> t.ListUsersInGroupResponse:
    group = find(call, req)
    limit = req.get("Limit") or 60
    rows = call.sql("SELECT u.key, u.body FROM cognito_member m JOIN cognito_user u ON u.pool = m.pool AND u.key = m.key WHERE m.pool = ? AND m.grp = ? AND m.key > ? ORDER BY m.key LIMIT ?",
                    group.pool, group.name, paging.after(req.get("NextToken")), limit + 1)
    answer: Any = {"Users": [users.shown(users.read(call, body)) for _, body in rows[:limit]]}
    if len(rows) > limit:
        answer["NextToken"] = paging.token(rows[limit - 1][0])
    return answer  # type: ignore[no-any-return]
