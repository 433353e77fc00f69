"""Choice-based sign-in (USER_AUTH): the client says who, the pool what that person may begin with, and one of those is chosen. A code instead of a password is a whole sign-in."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import auth, challenges, errors, messages, pools, sessions, tokens, users
from . import service as cognito
from .challenges import Attempt, challenge
from .pools import Pool
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

CODES = {"EMAIL_OTP": "email", "SMS_OTP": "phone_number"}


def factors(pool: Pool, user: User) -> list[str]:
    """What somebody can begin with, as GetUserAuthFactors calls it."""
    allowed = pool.values["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"]
    found = ["PASSWORD"] if user.salt and "PASSWORD" in allowed else []
    return found + [kind for kind, name in CODES.items() if kind in allowed and user.attributes.get(name) and user.attributes.get(f"{name}_verified") == "true"]


def offered(attempt: Attempt, user: User | None) -> list[str]:
    found = factors(attempt.pool, user) if user else ["PASSWORD"]
    return [one for kind in found for one in (("PASSWORD_SRP", "PASSWORD") if kind == "PASSWORD" else (kind,))]


async def begin(attempt: Attempt, given: dict[str, str]) -> Any:
    user = auth.someone(attempt, given)
    if user is None and not attempt.client.hides:
        raise errors.no_user()
    wanted = given.get("PREFERRED_CHALLENGE", "")
    choices = offered(attempt, user)
    if wanted in choices:
        return await go_on(attempt, user, wanted, given)
    asked = challenge(attempt, user, "SELECT_CHALLENGE", {}) if user else hidden(attempt)
    return {**asked, "AvailableChallenges": choices}


def hidden(attempt: Attempt) -> Any:
    with attempt.call.step():
        session = sessions.begin(attempt.call, attempt.client, "SELECT_CHALLENGE", "")
    return {"ChallengeName": "SELECT_CHALLENGE", "Session": session, "ChallengeParameters": {}}


async def go_on(attempt: Attempt, user: User | None, kind: str, given: dict[str, str]) -> Any:
    if kind == "PASSWORD_SRP":
        return await auth.proof(attempt, given)
    if kind == "PASSWORD" and (user is None or given.get("PASSWORD")):
        return await auth.password(attempt, given)
    assert user is not None
    if kind == "PASSWORD":
        return challenge(attempt, user, "PASSWORD", {})
    user = await challenges.admitted(attempt, user)
    if user.status == "UNCONFIRMED":
        raise errors.unconfirmed()
    code = attempt.call.pick(messages.DIGITS, 6)
    sent = await messages.send(attempt.call, attempt.pool, user, "Authentication", CODES[kind], code, attempt.client.id, attempt.metadata)
    return challenge(attempt, user, kind, {"CODE_DELIVERY_DELIVERY_MEDIUM": sent["DeliveryMedium"], "CODE_DELIVERY_DESTINATION": sent["Destination"]}, code=code, source="Authentication")


async def selected(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    kind = given.get("ANSWER", "")
    if kind not in offered(attempt, user):
        raise errors.parameter("Selected challenge is not available")
    challenges.step_over(attempt, token)
    return await go_on(attempt, user, kind, given)


async def password(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    challenges.step_over(attempt, token)
    return await auth.with_password(attempt, user, auth.required(given, "PASSWORD"))


challenges.ANSWERS |= {"SELECT_CHALLENGE": selected, "PASSWORD": password, "SMS_OTP": challenges.sent_code}


# -- what somebody has ----------------------------------------------------------------------------------------------------------------

def told(pool: Pool, user: User) -> Any:
    answer: dict[str, Any] = {"Username": user.name, "ConfiguredUserAuthFactors": factors(pool, user)}
    if user.mfa:
        answer["UserMFASettingList"] = list(user.mfa)
    if user.preferred:
        answer["PreferredMfaSetting"] = user.preferred
    return answer


@cognito.op(unsigned=True)
def get_user_auth_factors(call: Call, req: t.GetUserAuthFactorsRequest) -> t.GetUserAuthFactorsResponse:
    _, pool, _, user, _ = tokens.enter(call, req["AccessToken"])
    return told(pool, user)  # type: ignore[no-any-return]


@cognito.op(resource=pools.by_id)
def admin_get_user_auth_factors(call: Call, req: t.AdminGetUserAuthFactorsRequest) -> t.AdminGetUserAuthFactorsResponse:
    pool = pools.find(call, req["UserPoolId"])
    return told(pool, users.find(call, pool, req["Username"]))  # type: ignore[no-any-return]


@cognito.op(resource=pools.by_id)
def admin_delete_software_token(call: Call, req: t.AdminDeleteSoftwareTokenRequest) -> t.AdminDeleteSoftwareTokenResponse:
    user = users.find(call, pools.find(call, req["UserPoolId"]), req["Username"])
    kept = tuple(kind for kind in user.mfa if kind != "SOFTWARE_TOKEN_MFA")
    users.change(call, user, totp=type(user.totp)(""), totp_pending=type(user.totp)(""), mfa=kept, preferred=user.preferred if user.preferred in kept else "")
    return {}


@cognito.op(unsigned=True)
def set_user_settings(call: Call, req: t.SetUserSettingsRequest) -> t.SetUserSettingsResponse:
    there, _, _, user, _ = tokens.enter(call, req["AccessToken"])
    users.change(there, user, mfa_options=options(req))
    return {}


@cognito.op(resource=pools.by_id)
def admin_set_user_settings(call: Call, req: t.AdminSetUserSettingsRequest) -> t.AdminSetUserSettingsResponse:
    """Text messages only, as in the days before SetUserMFAPreference."""
    user = users.find(call, pools.find(call, req["UserPoolId"]), req["Username"])
    users.change(call, user, mfa_options=options(req))
    return {}


def options(req: Any) -> tuple[dict[str, str], ...]:
    for one in req["MFAOptions"]:
        if (one.get("DeliveryMedium"), one.get("AttributeName")) != ("SMS", "phone_number"):
            raise errors.parameter("Only SMS MFA by phone_number can be set here.")
    return tuple(dict(one) for one in req["MFAOptions"])
