"""What administrators do to people: make, confirm, change, disable, list and delete them."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, messages, paging, pools, schema, triggers, users
from . import service as cognito
from .pools import Pool, by_id
from .signup import attributes_of, named, new
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

FILTER = re.compile(r'\s*"?([\w:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')
FILTERS = (*users.SEARCHED, "username", "cognito:user_status", "status")
UPPER, LOWER, NUMBERS, SYMBOLS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789", "!@#$%^*-_+"


def met(call: Call, req: Any) -> tuple[Pool, User]:
    pool = pools.find(call, req["UserPoolId"])
    return pool, users.find(call, pool, req["Username"])


def password_for(call: Call, pool: Pool) -> str:
    """A temporary password that every policy likes."""
    size = max(8, pool.password_policy.get("MinimumLength", 8))
    return "".join(call.pick(letters, 1) for letters in (UPPER, LOWER, NUMBERS, SYMBOLS)) + call.pick(UPPER + LOWER + NUMBERS, size - 4)


def temporary_until(call: Call, pool: Pool) -> float:
    return call.now + 86400 * (pool.password_policy.get("TemporaryPasswordValidityDays") or 7)


@cognito.op(resource=by_id)
async def admin_create_user(call: Call, req: t.AdminCreateUserRequest) -> t.AdminCreateUserResponse:
    pool = pools.find(call, req["UserPoolId"])
    if req.get("MessageAction") == "RESEND":
        user = users.find(call, pool, req["Username"])
        if user.status != "FORCE_CHANGE_PASSWORD":
            raise errors.no_resend()
    else:
        user = await made(call, pool, req)
    word = req.get("TemporaryPassword") or password_for(call, pool)
    user = users.with_password(call, pool, user, word).but(temporary_until=temporary_until(call, pool))
    with call.step():
        if req.get("MessageAction") != "RESEND":
            if users.get(call, pool, user.key):
                raise errors.user_exists("User account already exists")
            users.claim(call, pool, user, force=req.get("ForceAliasCreation", False))
        users.put(call, user)
    if req.get("MessageAction") != "SUPPRESS":
        for medium in req.get("DesiredDeliveryMediums") or ["SMS"]:
            attribute = "phone_number" if medium == "SMS" else "email"
            if user.attributes.get(attribute):
                await messages.send(call, pool, user, "AdminCreateUser", attribute, word, metadata=req.get("ClientMetadata"))
    return {"User": users.shown(user)}  # type: ignore[typeddict-item]



async def made(call: Call, pool: Pool, req: Any) -> User:
    if users.get(call, pool, pool.fold(req["Username"])):
        raise errors.user_exists("User account already exists")
    given = attributes_of(req.get("UserAttributes"))
    given.pop("sub", None)
    name, attributes = named(call, pool, req["Username"], given)
    schema.check({k: v | {"Required": False} for k, v in pool.schema.items()}, {k: v for k, v in attributes.items() if k != "sub"}, new=True, admin=True)
    user = new(call, pool, name, attributes, status="FORCE_CHANGE_PASSWORD")
    users.claim(call, pool, user, force=req.get("ForceAliasCreation", False))
    if triggers.has(pool, "PreSignUp"):
        metadata = {"clientMetadata": req["ClientMetadata"]} if req.get("ClientMetadata") else {}
        await triggers.run(call, pool, "PreSignUp", "AdminCreateUser", user.name, "", {"userAttributes": given, "validationData": attributes_of(req.get("ValidationData")) or None} | metadata)
    return user


@cognito.op(resource=by_id)
def admin_get_user(call: Call, req: t.AdminGetUserRequest) -> t.AdminGetUserResponse:
    _, user = met(call, req)
    shown = users.shown(user)
    shown["UserAttributes"] = shown.pop("Attributes")
    return shown | users.factors(user)  # type: ignore[return-value]


@cognito.op(resource=by_id)
def admin_delete_user(call: Call, req: t.AdminDeleteUserRequest) -> None:
    users.delete(call, met(call, req)[1])


@cognito.op(resource=by_id)
def admin_disable_user(call: Call, req: t.AdminDisableUserRequest) -> None:
    users.change(call, met(call, req)[1], enabled=False)


@cognito.op(resource=by_id)
def admin_enable_user(call: Call, req: t.AdminEnableUserRequest) -> None:
    users.change(call, met(call, req)[1], enabled=True)


@cognito.op(resource=by_id)
async def admin_confirm_sign_up(call: Call, req: t.AdminConfirmSignUpRequest) -> t.AdminConfirmSignUpResponse:
    pool, user = met(call, req)
    if user.status != "UNCONFIRMED":
        raise errors.unauthorized(f"User cannot be confirmed. Current status is {user.status}")
    with call.step():
        user = users.change(call, user, status="CONFIRMED")
    await triggers.tell(call, pool, "PostConfirmation", "ConfirmSignUp", user, "", req.get("ClientMetadata"))
    return {}


@cognito.op(resource=by_id)
def admin_set_user_password(call: Call, req: t.AdminSetUserPasswordRequest) -> None:
    pool, user = met(call, req)
    changed = users.with_password(call, pool, user, req["Password"])
    if req.get("Permanent"):
        users.change(call, changed, status="CONFIRMED")
    else:
        users.change(call, changed, status="FORCE_CHANGE_PASSWORD", temporary_until=temporary_until(call, pool))


@cognito.op(resource=by_id)
async def admin_reset_user_password(call: Call, req: t.AdminResetUserPasswordRequest) -> None:
    pool, user = met(call, req)
    if user.status not in ("CONFIRMED", "RESET_REQUIRED"):
        raise errors.unauthorized("User password cannot be reset in the current state.")
    attribute = messages.recovery(pool, user)
    with call.step():
        user = users.change(call, user, status="RESET_REQUIRED")
        code = messages.keep(call, user, "forgot", attribute)
    await messages.send(call, pool, user, "ForgotPassword", attribute, code, metadata=req.get("ClientMetadata"))


@cognito.op(resource=by_id)
async def admin_update_user_attributes(call: Call, req: t.AdminUpdateUserAttributesRequest) -> None:
    pool, user = met(call, req)
    given = attributes_of(req["UserAttributes"])
    schema.check(pool.schema, given, new=False, admin=True)
    changed = user.but(attributes=updated(pool, user, given))
    with call.step():
        users.claim(call, pool, changed)
        users.change(call, changed)


def updated(pool: Pool, user: User, given: dict[str, str]) -> dict[str, str]:
    """An address that changes is not verified any more, unless that is said with it; an empty value takes the attribute away."""
    given = users.folded(pool, given)
    marks = {f"{kind}_verified": "false" for kind in ("email", "phone_number") if given.get(kind) and given[kind] != user.attributes.get(kind)}
    return {k: v for k, v in (user.attributes | marks | given).items() if v != ""}


@cognito.op(resource=by_id)
def admin_delete_user_attributes(call: Call, req: t.AdminDeleteUserAttributesRequest) -> None:
    pool, user = met(call, req)
    users.change(call, user, attributes=without(pool, user, req["UserAttributeNames"]))


def without(pool: Pool, user: User, names: list[str]) -> dict[str, str]:
    for name in names:
        rule = pool.schema.get(name)
        if rule is None:
            raise errors.parameter(f"user.{name}: Attribute does not exist in the schema.")
        if rule["Required"] or not rule["Mutable"]:
            raise errors.parameter(f"user.{name}: Attribute cannot be deleted.")
    gone = {*names, *(f"{name}_verified" for name in names)}
    return {k: v for k, v in user.attributes.items() if k not in gone}


@cognito.op(resource=by_id)
def admin_set_user_mfa_preference(call: Call, req: t.AdminSetUserMFAPreferenceRequest) -> None:
    from .me import prefer
    prefer(call, met(call, req)[1], req)


@cognito.op(resource=by_id)
def list_users(call: Call, req: t.ListUsersRequest) -> t.ListUsersResponse:
    pool = pools.find(call, req["UserPoolId"])
    limit = req.get("Limit") or 60
    last = paging.after(req.get("PaginationToken"), "PaginationToken")
    text, args = where(pool, req.get("Filter") or "")
    rows = call.sql(f"SELECT u.key, u.body FROM {text} AND u.key > ? ORDER BY u.key LIMIT ?", *args, last, limit + 1)
    answer: Any = {"Users": [users.shown(users.read(call, body), req.get("AttributesToGet")) for _, body in rows[:limit]]}
    if len(rows) > limit:
        answer["PaginationToken"] = paging.token(rows[limit - 1][0])
    return answer  # type: ignore[no-any-return]


def where(pool: Pool, text: str) -> tuple[str, list[Any]]:
    """A filter (`email ^= "a"`) as a stretch of an index."""
    if not text.strip():
        return "cognito_user u WHERE u.pool = ?", [pool.id]
    found = FILTER.fullmatch(text)
    if found is None or found[1] not in FILTERS:
        raise errors.parameter("Error while parsing filter: Invalid search attribute." if found else "Error while parsing filter.")
    name, how, value = found[1], found[2], re.sub(r"\\(.)", r"\1", found[3])
    high = value + "\U0010ffff"
    if name == "username":
        value = pool.fold(value)
        return ("cognito_user u WHERE u.pool = ? AND u.key = ?", [pool.id, value]) if how == "=" else ("cognito_user u WHERE u.pool = ? AND u.key >= ? AND u.key < ?", [pool.id, value, high])
    if name in ("cognito:user_status", "status"):
        if name == "status":
            return "cognito_user u WHERE u.pool = ? AND u.enabled = ?", [pool.id, value.lower() == "enabled"]
        return "cognito_user u WHERE u.pool = ? AND u.status = ?", [pool.id, value.upper()]
    join = "cognito_attribute a JOIN cognito_user u ON u.pool = a.pool AND u.key = a.key WHERE a.pool = ? AND a.name = ?"
    return (f"{join} AND a.value = ?", [pool.id, name, value]) if how == "=" else (f"{join} AND a.value >= ? AND a.value < ?", [pool.id, name, value, high])
