"""Signing up, confirming it, and forgotten passwords: what people do who have no token yet."""
from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import clients, errors, messages, schema, triggers, users
from . import service as cognito
from .clients import Client
from .pools import Pool
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t


def attributes_of(given: list[Any] | None) -> dict[str, str]:
    return {one["Name"]: one.get("Value", "") for one in given or []}


def named(call: Call, pool: Pool, name: str, attributes: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A new user's name and attributes: where people sign in by email or phone, what they typed is that, and their name is their sub."""
    sub = call.uuid()
    kinds = pool.values.get("UsernameAttributes")
    if kinds:
        kind = "email" if "@" in name else "phone_number"
        if kind not in kinds or (kind == "phone_number" and not schema.PHONE.fullmatch(name)):
            raise errors.parameter("Username should be either an email or a phone number." if len(kinds) > 1 else
                                   "Username should be an email." if kinds == ["email"] else "Username should be a phone number.")
        return sub, {"sub": sub, **attributes, kind: name}
    if "@" in name and "email" in (pool.values.get("AliasAttributes") or []):
        raise errors.parameter("Username cannot be of email format, since user pool is configured for email alias.")
    return name, {"sub": sub, **attributes}


def new(call: Call, pool: Pool, name: str, attributes: dict[str, str], **more: Any) -> User:
    found = users.folded(pool, attributes)
    return User(pool=pool.id, key=pool.fold(name), name=pool.fold(name), attributes=found, created=call.now, modified=call.now, **more)


def writable(client: Client, attributes: dict[str, str]) -> None:
    if any(not client.may("WriteAttributes", name) for name in attributes):
        raise errors.unauthorized("A client attempted to write unauthorized attribute")


@cognito.op(unsigned=True, partly="Passwordless sign-up and its session are not built.")
async def sign_up(call: Call, req: t.SignUpRequest) -> t.SignUpResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    clients.check_hash(client, req.get("SecretHash"), req["Username"])
    if pool.values["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"]:
        raise errors.unauthorized("SignUp is not permitted for this user pool")
    if "Password" not in req:
        raise errors.bad_password("Password not long enough")
    given = attributes_of(req.get("UserAttributes"))
    writable(client, given)
    if users.get(call, pool, pool.fold(req["Username"])):
        raise errors.user_exists()
    name, attributes = named(call, pool, req["Username"], given)
    schema.check(pool.schema, {k: v for k, v in attributes.items() if k != "sub"}, new=True, admin=False)
    user = users.with_password(call, pool, new(call, pool, name, attributes), req["Password"])
    users.claim(call, pool, user)
    answer = await triggers.run(call, pool, "PreSignUp", "SignUp", user.name, client.id, {
        "userAttributes": given, "validationData": attributes_of(req.get("ValidationData")) or None} | ({"clientMetadata": m} if (m := req.get("ClientMetadata")) else {}))
    marks = {name: "true" for name, said in (("email_verified", "autoVerifyEmail"), ("phone_number_verified", "autoVerifyPhone")) if answer.get(said)}
    auto = bool(answer.get("autoConfirmUser"))
    attribute = None if auto else messages.verifiable(pool, user.attributes)
    marks = {f"{kind}_verified": "false" for kind in ("email", "phone_number") if kind in user.attributes} | marks
    user = user.but(attributes={**user.attributes, **marks}, status="CONFIRMED" if auto else "UNCONFIRMED")
    with call.step():
        if users.get(call, pool, user.key):                       # somebody was faster
            raise errors.user_exists()
        users.claim(call, pool, user)
        users.put(call, user)
        code = messages.keep(call, user, "signup", attribute) if attribute else ""
    result: Any = {"UserConfirmed": auto, "UserSub": user.sub}
    if attribute:
        result["CodeDeliveryDetails"] = await messages.send(call, pool, user, "SignUp", attribute, code, client.id, req.get("ClientMetadata"))
    if auto:
        await triggers.tell(call, pool, "PostConfirmation", "ConfirmSignUp", user, client.id, req.get("ClientMetadata"))
    return result  # type: ignore[no-any-return]


@cognito.op(unsigned=True)
async def confirm_sign_up(call: Call, req: t.ConfirmSignUpRequest) -> t.ConfirmSignUpResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    clients.check_hash(client, req.get("SecretHash"), req["Username"])
    user = users.resolve(call, pool, req["Username"])
    if user is None:
        raise errors.code_expired() if client.hides else errors.no_user()
    if not user.enabled:
        raise errors.disabled()
    if user.status != "UNCONFIRMED":
        raise errors.unauthorized(f"User cannot be confirmed. Current status is {user.status}")
    target = messages.spend(call, user, "signup", req["ConfirmationCode"])
    with call.step():
        changed = user.but(status="CONFIRMED", attributes={**user.attributes, f"{target}_verified": "true"})
        users.claim(call, pool, changed, force=req.get("ForceAliasCreation", False))
        user = users.change(call, changed)
    await triggers.tell(call, pool, "PostConfirmation", "ConfirmSignUp", user, client.id, req.get("ClientMetadata"))
    return {}


@cognito.op(unsigned=True)
async def resend_confirmation_code(call: Call, req: t.ResendConfirmationCodeRequest) -> t.ResendConfirmationCodeResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    clients.check_hash(client, req.get("SecretHash"), req["Username"])
    user = users.resolve(call, pool, req["Username"])
    if user is None:
        if client.hides:
            return {"CodeDeliveryDetails": pretended(req["Username"])}
        raise errors.no_user()
    if user.status != "UNCONFIRMED":
        raise errors.parameter("User is already confirmed.")
    attribute = messages.verifiable(pool, user.attributes)
    if attribute is None:
        raise errors.parameter("Cannot resend codes. Auto verification not turned on.")
    with call.step():
        code = messages.keep(call, user, "signup", attribute)
    return {"CodeDeliveryDetails": await messages.send(call, pool, user, "ResendCode", attribute, code, client.id, req.get("ClientMetadata"))}


def pretended(name: str) -> Any:
    """What is said of a user who does not exist, always the same for the same name."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    dice = zlib.crc32(name.encode())
    return {"Destination": f"{letters[dice % 26]}***@{letters[dice // 26 % 26]}***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}


# -- forgotten passwords ----------------------------------------------------------------------------------------------------------------

@cognito.op(unsigned=True)
async def forgot_password(call: Call, req: t.ForgotPasswordRequest) -> t.ForgotPasswordResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    clients.check_hash(client, req.get("SecretHash"), req["Username"])
    user = users.resolve(call, pool, req["Username"])
    if user is None and triggers.has(pool, "UserMigration"):
        user = await migrated(call, pool, client, req["Username"], "", "ForgotPassword", req.get("ClientMetadata"))
    if user is None:
        if client.hides:
            return {"CodeDeliveryDetails": pretended(req["Username"])}
        raise errors.no_user()
    if not user.enabled:
        raise errors.disabled()
    if user.status == "FORCE_CHANGE_PASSWORD":
        raise errors.unauthorized("User password cannot be reset in the current state.")
    attribute = messages.recovery(pool, user)
    with call.step():
        code = messages.keep(call, user, "forgot", attribute)
    return {"CodeDeliveryDetails": await messages.send(call, pool, user, "ForgotPassword", attribute, code, client.id, req.get("ClientMetadata"))}


@cognito.op(unsigned=True)
async def confirm_forgot_password(call: Call, req: t.ConfirmForgotPasswordRequest) -> t.ConfirmForgotPasswordResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    clients.check_hash(client, req.get("SecretHash"), req["Username"])
    user = users.resolve(call, pool, req["Username"])
    if user is None:
        raise errors.code_expired() if client.hides else errors.no_user()
    if not user.enabled:
        raise errors.disabled()
    changed = users.with_password(call, pool, user, req["Password"])
    target = messages.spend(call, user, "forgot", req["ConfirmationCode"])
    with call.step():
        user = users.change(call, changed, status="CONFIRMED", attributes={**user.attributes, f"{target}_verified": "true"})
    await triggers.tell(call, pool, "PostConfirmation", "ConfirmForgotPassword", user, client.id, req.get("ClientMetadata"))
    return {}


# -- people who come from elsewhere -----------------------------------------------------------------------------------------------------

async def migrated(call: Call, pool: Pool, client: Client, name: str, password: str, source: str, metadata: dict[str, str] | None) -> User | None:
    """Ask the UserMigration function; its answer makes a user."""
    request = {"password": password or None, "validationData": metadata or None, "userAttributes": None} | ({"clientMetadata": metadata} if metadata else {})
    answer = await triggers.run(call, pool, "UserMigration", source, name, client.id, request)
    given = answer.get("userAttributes")
    if not isinstance(given, dict):
        return None
    given = {str(k): str(v) for k, v in given.items() if k not in ("sub", "username")}
    own, attributes = named(call, pool, name, given)
    schema.check(pool.schema, {k: v for k, v in attributes.items() if k != "sub"}, new=True, admin=True)
    status = answer.get("finalUserStatus") or ("CONFIRMED" if password else "RESET_REQUIRED")
    user = new(call, pool, own, attributes, status=status)
    if password:
        user = users.with_password(call, pool, user, password, check=False)
    with call.step():
        if users.get(call, pool, user.key):
            raise errors.user_exists()
        users.claim(call, pool, user, force=bool(answer.get("forceAliasCreation")))
        users.put(call, user)
    return user

