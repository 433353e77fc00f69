"""What people do about themselves, by their access token: read and change attributes, prove addresses, change the password, set a second factor."""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Sealed

from . import errors, messages, pools, schema, sessions, tokens, totp, users
from . import service as cognito
from .admin import updated, without
from .clients import Client
from .signup import attributes_of, writable
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

SETTINGS = {"SMSMfaSettings": "SMS_MFA", "SoftwareTokenMfaSettings": "SOFTWARE_TOKEN_MFA", "EmailMfaSettings": "EMAIL_OTP"}


@cognito.op(unsigned=True)
def get_user(call: Call, req: t.GetUserRequest) -> t.GetUserResponse:
    _, _, client, user, _ = tokens.enter(call, req["AccessToken"])
    return {"Username": user.name, "UserAttributes": users.listed(users.readable(client, user)), **users.factors(user)}  # type: ignore[typeddict-item]


@cognito.op(unsigned=True)
def delete_user(call: Call, req: t.DeleteUserRequest) -> None:
    there, _, _, user, _ = tokens.enter(call, req["AccessToken"])
    users.delete(there, user)


@cognito.op(unsigned=True)
async def update_user_attributes(call: Call, req: t.UpdateUserAttributesRequest) -> t.UpdateUserAttributesResponse:
    call, pool, client, user, _ = tokens.enter(call, req["AccessToken"])
    given = attributes_of(req["UserAttributes"])
    schema.check(pool.schema, given, new=False, admin=False)
    writable(client, given)
    auto = pool.values.get("AutoVerifiedAttributes") or []
    fresh = [k for k in ("email", "phone_number") if given.get(k) and given[k] != user.attributes.get(k) and k in auto]
    first = (pool.values.get("UserAttributeUpdateSettings") or {}).get("AttributesRequireVerificationBeforeUpdate") or []
    held = {k: given[k] for k in fresh if k in first}
    changed = user.but(attributes=updated(pool, user, {k: v for k, v in given.items() if k not in held}))
    with call.step():
        users.claim(call, pool, changed)
        changed = users.change(call, changed)
        codes = {k: messages.keep(call, user, f"attr:{k}", held.get(k, "")) for k in fresh}
    details = [await messages.send(call, pool, changed.but(attributes=changed.attributes | {k: given[k]}), "UpdateUserAttribute", k, codes[k], client.id, req.get("ClientMetadata"))
               for k in fresh]
    return {"CodeDeliveryDetailsList": details}  # type: ignore[typeddict-item]


@cognito.op(unsigned=True)
def delete_user_attributes(call: Call, req: t.DeleteUserAttributesRequest) -> None:
    there, pool, client, user, _ = tokens.enter(call, req["AccessToken"])
    writable(client, dict.fromkeys(req["UserAttributeNames"], ""))
    users.change(there, user, attributes=without(pool, user, req["UserAttributeNames"]))


@cognito.op(unsigned=True)
async def get_user_attribute_verification_code(call: Call, req: t.GetUserAttributeVerificationCodeRequest) -> t.GetUserAttributeVerificationCodeResponse:
    call, pool, client, user, _ = tokens.enter(call, req["AccessToken"])
    name = req["AttributeName"]
    if name not in ("email", "phone_number"):
        raise errors.parameter("Only email and phone_number can be verified.")
    if not user.attributes.get(name):
        raise errors.parameter(f"User does not have a {name}.")
    with call.step():
        code = messages.keep(call, user, f"attr:{name}")
    return {"CodeDeliveryDetails": await messages.send(call, pool, user, "VerifyUserAttribute", name, code, client.id, req.get("ClientMetadata"))}  # type: ignore[typeddict-item]


@cognito.op(unsigned=True)
async def verify_user_attribute(call: Call, req: t.VerifyUserAttributeRequest) -> None:
    call, pool, _, user, _ = tokens.enter(call, req["AccessToken"])
    name = req["AttributeName"]
    held = messages.spend(call, user, f"attr:{name}", req["Code"])
    value = held or user.attributes.get(name, "")
    with call.step():
        changed = user.but(attributes={**user.attributes, name: value, f"{name}_verified": "true"})
        users.claim(call, pool, changed)
        users.change(call, changed)


@cognito.op(unsigned=True)
async def change_password(call: Call, req: t.ChangePasswordRequest) -> None:
    call, pool, _, user, _ = tokens.enter(call, req["AccessToken"])
    if user.locked_until > call.now:
        raise errors.too_many_tries()
    if not users.has_password(pool, user, req.get("PreviousPassword", "")) and user.salt:
        users.failed(call, user)
        raise errors.wrong_password()
    changed = users.with_password(call, pool, user, req["ProposedPassword"])
    with call.step():
        users.change(call, changed)


# -- second factors ---------------------------------------------------------------------------------------------------------------------

def carried(call: Call, req: Any) -> tuple[Call, User, str]:
    """By access token; or, before there is one, by the session of MFA_SETUP."""
    if req.get("AccessToken"):
        there, _, _, user, _ = tokens.enter(call, req["AccessToken"])
        return there, user, ""
    if not req.get("Session"):
        raise errors.parameter("Either AccessToken or Session is required.")
    row = call.row("SELECT body FROM cognito_session WHERE token = ?", req["Session"])
    home = pools.home(call, msgspec.msgpack.decode(row[0])["client"]) if row else None
    if home is None:
        raise errors.bad_session()
    there, pool = home
    client = there.get(Client, msgspec.msgpack.decode(row[0])["client"])
    assert client is not None
    body = sessions.look(there, client, req["Session"], "MFA_SETUP")
    user = users.get(there, pool, body["key"])
    if user is None:
        raise errors.no_user()
    return there, user, req["Session"]


def exchanged(call: Call, old: str, **more: Any) -> str:
    row = call.row("SELECT expires, body FROM cognito_session WHERE token = ?", old)
    sessions.end(call, old)
    fresh = call.secret(400)
    call.sql("INSERT INTO cognito_session VALUES (?,?,?)", fresh, row[0], msgspec.msgpack.encode(msgspec.msgpack.decode(row[1]) | more))
    return fresh


@cognito.op(unsigned=True)
def associate_software_token(call: Call, req: t.AssociateSoftwareTokenRequest) -> t.AssociateSoftwareTokenResponse:
    there, user, session = carried(call, req)
    secret = base64.b32encode(call.secret(60).encode()[:32]).decode().rstrip("=")[:48]
    users.put(there, user.but(totp_pending=Sealed(secret)))
    return {"SecretCode": secret} | ({"Session": exchanged(there, session)} if session else {})  # type: ignore[return-value]


@cognito.op(unsigned=True)
def verify_software_token(call: Call, req: t.VerifySoftwareTokenRequest) -> t.VerifySoftwareTokenResponse:
    there, user, session = carried(call, req)
    secret = user.totp_pending
    step = totp.accepted(secret, req["UserCode"], call.now) if secret else None
    if step is None:
        raise errors.software_token()
    user = user.but(totp=secret, totp_pending=Sealed(""), totp_step=step)
    if session:
        user = user.but(mfa=tuple({*user.mfa, "SOFTWARE_TOKEN_MFA"}), preferred=user.preferred or "SOFTWARE_TOKEN_MFA")
    users.put(there, user)
    return {"Status": "SUCCESS"} | ({"Session": exchanged(there, session, verified=True)} if session else {})  # type: ignore[return-value]


@cognito.op(unsigned=True)
def set_user_mfa_preference(call: Call, req: t.SetUserMFAPreferenceRequest) -> None:
    there, _, _, user, _ = tokens.enter(call, req["AccessToken"])
    prefer(there, user, req)


def prefer(call: Call, user: User, req: Any) -> None:
    kinds, preferred = list(user.mfa), user.preferred
    if sum(bool(req.get(name, {}).get("PreferredMfa")) for name in SETTINGS) > 1:
        raise errors.parameter("Only one MFA can be preferred.")
    for name, kind in SETTINGS.items():
        asked = req.get(name)
        if asked is None:
            continue
        if asked.get("Enabled") and kind == "SOFTWARE_TOKEN_MFA" and not user.totp:
            raise errors.parameter("User has not verified software token mfa")
        if asked.get("Enabled") and kind != "SOFTWARE_TOKEN_MFA" and not user.attributes.get("phone_number" if kind == "SMS_MFA" else "email"):
            raise errors.parameter("User does not have delivery config set to turn on " + kind)
        kinds = [k for k in kinds if k != kind] + ([kind] if asked.get("Enabled") else [])
        if asked.get("PreferredMfa"):
            if not asked.get("Enabled"):
                raise errors.parameter("Preferred MFA must be enabled.")
            preferred = kind
        elif preferred == kind:
            preferred = ""
    users.change(call, user, mfa=tuple(kinds), preferred=preferred)
