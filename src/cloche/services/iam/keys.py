"""Access keys. They are records of the whole cloud, since a signature names only the key; the user lists its own."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, Sealed

from . import errors, users
from . import service as iam
from .names import identifier, moment, secret
from .pages import page
from .root_access import nameless
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import iam as t

KEYS_PER_USER = 2


class AccessKey(Record, frozen=True):
    kind = "iam.key"
    scope = "cloud"

    id: str
    account: str
    user: str
    secret: Sealed
    created: float
    active: bool = True

    @property
    def key(self) -> str:
        return self.id


# Last uses are written once a minute and key at most: many requests must not become many records.
iam.table("CREATE TABLE IF NOT EXISTS iam_key_used (id TEXT PRIMARY KEY, moment REAL NOT NULL, service TEXT NOT NULL, region TEXT NOT NULL) WITHOUT ROWID")


def find(call: Call, req: Any) -> tuple[User, AccessKey]:
    user = users.find(call, users.name_of(call, req))
    found = call.get(AccessKey, req["AccessKeyId"])
    if found is None or found.id not in user.keys:
        raise errors.no_such_key(req["AccessKeyId"])
    return user, found


def rename(call: Call, user: User, name: str) -> None:
    for id in user.keys:
        call.put(call.get(AccessKey, id).but(user=name))


@iam.op(resource=users.by_name)
def create_access_key(call: Call, req: t.CreateAccessKeyRequest) -> t.CreateAccessKeyResponse:
    user = users.find(call, users.name_of(call, req))
    if len(user.keys) >= KEYS_PER_USER:
        raise errors.too_many("AccessKeysPerUser", KEYS_PER_USER)
    made = call.put(AccessKey(identifier(call, "AKIA", 16), call.account, user.name, Sealed(secret(call)), moment(call)))
    call.put(user.but(keys=[*user.keys, made.id]))
    return {"AccessKey": {"UserName": user.name, "AccessKeyId": made.id, "Status": "Active", "SecretAccessKey": str(made.secret), "CreateDate": made.created}}


@iam.op(resource=users.by_name)
def list_access_keys(call: Call, req: t.ListAccessKeysRequest) -> t.ListAccessKeysResponse:
    if nameless(call, req):                            # what opens an account as root here is no key that AWS would know
        return {"AccessKeyMetadata": [], "IsTruncated": False}
    user = users.find(call, users.name_of(call, req))
    found, more = page(req, (call.get(AccessKey, id) for id in user.keys), key=lambda one: one.id)
    return {"AccessKeyMetadata": [
        {"UserName": user.name, "AccessKeyId": one.id, "Status": "Active" if one.active else "Inactive", "CreateDate": one.created} for one in found
    ], **more}


@iam.op(resource=ANY)
def get_access_key_last_used(call: Call, req: t.GetAccessKeyLastUsedRequest) -> t.GetAccessKeyLastUsedResponse:
    found = call.get(AccessKey, req["AccessKeyId"])
    if found is None or found.account != call.account:
        raise errors.no_such_key(req["AccessKeyId"])
    used = call.row("SELECT moment, service, region FROM iam_key_used WHERE id = ?", found.id)
    if used is None:
        return {"UserName": found.user, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    return {"UserName": found.user, "AccessKeyLastUsed": {"LastUsedDate": used[0], "ServiceName": used[1], "Region": used[2]}}


@iam.op(resource=users.by_name)
def update_access_key(call: Call, req: t.UpdateAccessKeyRequest) -> None:
    _, found = find(call, req)
    if req["Status"] == "Expired":
        raise errors.invalid("Status Expired can not be set.")
    call.put(found.but(active=req["Status"] == "Active"))


@iam.op(resource=users.by_name)
def delete_access_key(call: Call, req: t.DeleteAccessKeyRequest) -> None:
    user, found = find(call, req)
    call.put(user.but(keys=[id for id in user.keys if id != found.id]))
    call.delete(found)
    call.sql("DELETE FROM iam_key_used WHERE id = ?", found.id)
