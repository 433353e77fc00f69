"""The rungs of a sign-in after the first, and what each of them wants to hear. `ANSWERS` says which function takes which challenge's answer."""
from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from typing import Any, NamedTuple

from cloche.kernel import Call

from . import errors, messages, pools, risk, schema, sessions, srp, tokens, totp, triggers, users
from .clients import Client
from .pools import Pool
from .users import User

TIMESTAMP = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [1-9]\d? \d\d:\d\d:\d\d UTC \d{4}")
CODE_KINDS = {"SMS_MFA": "phone_number", "EMAIL_OTP": "email"}


class Attempt(NamedTuple):
    """One sign-in as it goes: where, by which client, and what the client tells the triggers."""

    call: Call
    pool: Pool
    client: Client
    metadata: dict[str, str] | None = None
    hosted: bool = False
    device: str = ""             # the device that the client says it is
    proven: bool = False         # and that it has shown to be


async def admitted(attempt: Attempt, user: User) -> User:
    """Before any password is looked at: not disabled, not locked out, from nowhere that is blocked, and the PreAuthentication function does not mind."""
    risk.admit(attempt.call, attempt.pool, attempt.client)
    if not user.enabled:
        raise errors.disabled()
    if user.locked_until > attempt.call.now:
        raise errors.attempts_exceeded()
    if triggers.has(attempt.pool, "PreAuthentication"):
        request = {"userAttributes": triggers.told(user), "validationData": attempt.metadata, "userNotFound": False}
        await triggers.run(attempt.call, attempt.pool, "PreAuthentication", "Authentication", user.name, attempt.client.id, request)
        user = users.again(attempt.call, user)
    return user


async def password_known(attempt: Attempt, user: User) -> Any:
    call = attempt.call
    if user.failures or user.locked_until:
        with call.step():
            user = users.put(call, user.but(failures=0, locked_until=0.0))
    if user.status == "UNCONFIRMED":
        raise errors.unconfirmed()
    if user.status == "RESET_REQUIRED":
        raise errors.reset_required()
    if user.status == "FORCE_CHANGE_PASSWORD":
        if user.temporary_until and user.temporary_until <= call.now:
            raise errors.temporary_expired()
        return new_password_required(attempt, user)
    return await second_factor(attempt, user)


def challenge(attempt: Attempt, user: User, name: str, parameters: dict[str, str], **body: Any) -> Any:
    with attempt.call.step():
        session = sessions.begin(attempt.call, attempt.client, name, user.key, **body)
    return {"ChallengeName": name, "Session": session, "ChallengeParameters": parameters}


def new_password_required(attempt: Attempt, user: User) -> Any:
    shown = {k: v for k, v in users.readable(attempt.client, user).items() if k != "sub"}
    missing = [f"userAttributes.{name}" for name, rule in attempt.pool.schema.items() if rule["Required"] and name != "sub" and not user.attributes.get(name)]
    return challenge(attempt, user, "NEW_PASSWORD_REQUIRED", {"USER_ID_FOR_SRP": user.name, "requiredAttributes": json.dumps(missing), "userAttributes": json.dumps(shown)})


# -- the second factor ------------------------------------------------------------------------------------------------------------------------

async def second_factor(attempt: Attempt, user: User, source: str = "Authentication") -> Any:
    pool = attempt.pool
    from . import devices
    remembered = devices.known(attempt, user, attempt.device)
    if remembered and (pool.values.get("DeviceConfiguration") or {}).get("ChallengeRequiredOnNewDevice"):
        return device_asked(attempt, user, remembered.id, source)
    known = pools.mfa_kinds(pool)
    mine = [kind for kind in user.mfa if kind in known]
    if pool.mfa_mode == "ON" and not mine:
        mine = [kind for kind in known if kind in CODE_KINDS and user.attributes.get(CODE_KINDS[kind])][:1]
        if not mine:
            return challenge(attempt, user, "MFA_SETUP", {"MFAS_CAN_SETUP": json.dumps(known), "USER_ID_FOR_SRP": user.name}, source=source)
    if not mine:
        return await finish(attempt, user, source)
    if user.preferred in mine:
        return await ask_factor(attempt, user, user.preferred, source)
    if len(mine) > 1:
        return challenge(attempt, user, "SELECT_MFA_TYPE", {"MFAS_CAN_CHOOSE": json.dumps(mine), "USER_ID_FOR_SRP": user.name}, source=source, kinds=mine)
    return await ask_factor(attempt, user, mine[0], source)


def device_asked(attempt: Attempt, user: User, device: str, source: str) -> Any:
    return challenge(attempt, user, "DEVICE_SRP_AUTH", {}, source=source, device=device)


async def ask_factor(attempt: Attempt, user: User, kind: str, source: str) -> Any:
    call = attempt.call
    if kind == "SOFTWARE_TOKEN_MFA":
        return challenge(attempt, user, kind, {"USER_ID_FOR_SRP": user.name}, source=source)
    code = call.pick(messages.DIGITS, 6)
    sent = await messages.send(call, attempt.pool, user, "Authentication", CODE_KINDS[kind], code, attempt.client.id, attempt.metadata)
    return challenge(attempt, user, kind, {"CODE_DELIVERY_DELIVERY_MEDIUM": sent["DeliveryMedium"], "CODE_DELIVERY_DESTINATION": sent["Destination"], "USER_ID_FOR_SRP": user.name},
                     source=source, code=code)


async def finish(attempt: Attempt, user: User, source: str = "Authentication") -> Any:
    """Everything is known: tell PostAuthentication, and give tokens. (The pages of a domain make them later, from a code.)"""
    from . import devices
    call, client = attempt.call, attempt.client
    if not attempt.proven and (remembered := devices.known(attempt, user, attempt.device)):
        return device_asked(attempt, user, remembered.id, source)
    await triggers.tell(call, attempt.pool, "PostAuthentication", "Authentication", user, client.id, attempt.metadata, newDeviceUsed=False)
    if attempt.hosted:
        return {"User": user}
    with call.step():
        risk.remember(call, attempt.pool, client.id, user, True)
        login, refresh = tokens.begin(call, client, user)
        device = None if attempt.proven else devices.fresh(call, attempt.pool, user)
    result = await tokens.issue(call, attempt.pool, client, user, login, source, attempt.metadata, device=device["DeviceKey"] if device else attempt.device if attempt.proven else "")
    return {"ChallengeParameters": {}, "AuthenticationResult": {**result, "RefreshToken": refresh, **({"NewDeviceMetadata": device} if device else {})}}


def step_over(attempt: Attempt, token: str) -> None:
    """This answer was right: its session is over."""
    with attempt.call.step():
        sessions.end(attempt.call, token)


# -- answers ------------------------------------------------------------------------------------------------------------------------------------

async def password_verifier(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    stamp = given.get("TIMESTAMP", "")
    step_over(attempt, token)
    if not TIMESTAMP.fullmatch(stamp):
        raise errors.parameter("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
    try:
        block = base64.b64decode(token)
    except binascii.Error:
        raise errors.bad_session() from None
    key = srp.key(srp.Verifier(body["salt"], body["verifier"]), int(body["a"], 16), int(body["secret"], 16))
    made = srp.signature(key, attempt.pool.short, user.name, block, stamp)
    if not hmac.compare_digest(made.encode(), given.get("PASSWORD_CLAIM_SIGNATURE", "").encode()):
        users.failed(attempt.call, user)
        with attempt.call.step():
            risk.remember(attempt.call, attempt.pool, attempt.client.id, user, False)
        raise errors.wrong_password()
    if body.get("log") is not None:
        return await next_custom(attempt, user, [*body["log"], {"challengeName": "PASSWORD_VERIFIER", "challengeResult": True, "challengeMetadata": None}])
    return await password_known(attempt, user)


async def new_password(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    call, pool = attempt.call, attempt.pool
    if "NEW_PASSWORD" not in given:
        raise errors.parameter("Missing required parameter NEW_PASSWORD")
    extra = {name.removeprefix("userAttributes."): value for name, value in given.items() if name.startswith("userAttributes.")}
    schema.check(pool.schema, {k: v for k, v in extra.items() if user.attributes.get(k) != v}, new=False, admin=False)
    attributes = {**user.attributes, **users.folded(pool, extra)}
    for name, rule in pool.schema.items():
        if rule["Required"] and name != "sub" and not attributes.get(name):
            raise errors.parameter(f"Invalid attributes given, {name} is missing")
    changed = users.with_password(call, pool, user, given["NEW_PASSWORD"]).but(status="CONFIRMED", attributes=attributes)
    with call.step():
        sessions.end(call, token)
        users.claim(call, pool, changed)
        user = users.change(call, changed)
    return await second_factor(attempt, user, "NewPasswordChallenge")


async def software_token(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    step = totp.accepted(user.totp, given.get("SOFTWARE_TOKEN_MFA_CODE", ""), attempt.call.now, user.totp_step) if user.totp else None
    if step is None:
        sessions.tried(attempt.call, token, body)
        raise errors.mfa_mismatch()
    with attempt.call.step():
        sessions.end(attempt.call, token)
        user = users.put(attempt.call, user.but(totp_step=step))
    return await finish(attempt, user, body["source"])


async def sent_code(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    if not hmac.compare_digest(body["code"].encode(), given.get(f"{body['kind']}_CODE", "").encode()):
        sessions.tried(attempt.call, token, body)
        raise errors.mfa_mismatch()
    step_over(attempt, token)
    return await finish(attempt, user, body["source"])


async def select_mfa(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    kind = given.get("ANSWER", "")
    if kind not in body["kinds"]:
        raise errors.parameter("Invalid value for parameter ANSWER")
    step_over(attempt, token)
    return await ask_factor(attempt, user, kind, body["source"])


async def mfa_setup(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    """After VerifySoftwareToken has given a session that says so."""
    if not body.get("verified"):
        raise errors.bad_session()
    step_over(attempt, token)
    return await finish(attempt, user, body["source"])


# -- challenges that functions make up ----------------------------------------------------------------------------------------------------------

async def define(attempt: Attempt, user: User, log: list[Any]) -> dict[str, Any]:
    return await triggers.tell(attempt.call, attempt.pool, "DefineAuthChallenge", "Authentication", user, attempt.client.id, attempt.metadata, session=log, userNotFound=False)


async def next_custom(attempt: Attempt, user: User, log: list[Any]) -> Any:
    """DefineAuthChallenge says what is next: tokens, a refusal, or a challenge that CreateAuthChallenge makes."""
    said = await define(attempt, user, log)
    if said.get("failAuthentication"):
        raise errors.wrong_password()
    if said.get("issueTokens"):
        if user.status == "UNCONFIRMED":
            raise errors.unconfirmed()
        return await finish(attempt, user)
    name = said.get("challengeName")
    if name == "PASSWORD_VERIFIER" or name not in ("CUSTOM_CHALLENGE", "SOFTWARE_TOKEN_MFA", "SMS_MFA", "NEW_PASSWORD_REQUIRED"):
        raise errors.lambda_answer()
    if name == "NEW_PASSWORD_REQUIRED":
        return new_password_required(attempt, user)
    if name != "CUSTOM_CHALLENGE":
        return await ask_factor(attempt, user, name, "Authentication")
    made = await triggers.tell(attempt.call, attempt.pool, "CreateAuthChallenge", "Authentication", user, attempt.client.id, attempt.metadata, session=log, challengeName=name,
                               userNotFound=False)
    return challenge(attempt, user, name, {"USERNAME": user.name, **(made.get("publicChallengeParameters") or {})}, log=log, private=made.get("privateChallengeParameters") or {},
                     metadata=made.get("challengeMetadata"))


async def custom_challenge(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    if "ANSWER" not in given:
        raise errors.parameter("Missing required parameter ANSWER")
    step_over(attempt, token)
    said = await triggers.tell(attempt.call, attempt.pool, "VerifyAuthChallengeResponse", "Authentication", user, attempt.client.id, attempt.metadata,
                               privateChallengeParameters=body["private"], challengeAnswer=given["ANSWER"], userNotFound=False)
    done = {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": bool(said.get("answerCorrect")), "challengeMetadata": body.get("metadata")}
    return await next_custom(attempt, user, [*body["log"], done])


ANSWERS: dict[str, Any] = {
    "PASSWORD_VERIFIER": password_verifier, "NEW_PASSWORD_REQUIRED": new_password, "SOFTWARE_TOKEN_MFA": software_token, "SMS_MFA": sent_code, "EMAIL_OTP": sent_code,
    "SELECT_MFA_TYPE": select_mfa, "MFA_SETUP": mfa_setup, "CUSTOM_CHALLENGE": custom_challenge,
}
