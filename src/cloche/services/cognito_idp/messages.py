"""Codes and the messages that carry them. A code belongs to a user and a purpose; the newest counts, and it bears a few wrong guesses.

Nothing is mailed: messages go to the cloud's letter box (`/_cloche/mail`), worded by the pool's templates or its CustomMessage function.
"""
from __future__ import annotations

import hmac
from typing import Any

from cloche.kernel import Call
from cloche.kernel.mail import post

from . import errors, triggers
from . import service as cognito
from .pools import Pool
from .users import User

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_code (
    pool TEXT NOT NULL, key TEXT NOT NULL, purpose TEXT NOT NULL, code TEXT NOT NULL, target TEXT NOT NULL, expires REAL NOT NULL, tries INTEGER NOT NULL,
    PRIMARY KEY (pool, key, purpose)) WITHOUT ROWID;
""")

DIGITS = "0123456789"
HOUR, DAY = 3600, 86400
LIFE = {"signup": DAY, "forgot": HOUR}
MOST_TRIES = 5
SENDER = "no-reply@verificationemail.com"
SUBJECTS = {"VerifyUserAttribute": "Your verification code", "AdminCreateUser": "Your temporary password", "Authentication": "Your authentication code"}


def keep(call: Call, user: User, purpose: str, target: str = "") -> str:
    """A fresh code, in place of the one before."""
    code = call.pick(DIGITS, 6)
    call.sql("INSERT OR REPLACE INTO cognito_code VALUES (?,?,?,?,?,?,0)", user.pool, user.key, purpose, code, target, call.now + LIFE.get(purpose, DAY))
    return code


def spend(call: Call, user: User, purpose: str, given: str) -> str:
    """The code is right, and is gone now; what it was for. The wrong guess is counted although the caller is refused."""
    row = call.row("SELECT code, target, expires, tries FROM cognito_code WHERE pool = ? AND key = ? AND purpose = ?", user.pool, user.key, purpose)
    if row is None or row[2] <= call.now:
        raise errors.code_expired()
    if row[3] >= MOST_TRIES:
        raise errors.too_many_tries()
    with call.step():
        if not hmac.compare_digest(row[0].encode(), given.encode()):
            call.sql("UPDATE cognito_code SET tries = tries + 1 WHERE pool = ? AND key = ? AND purpose = ?", user.pool, user.key, purpose)
        else:
            call.sql("DELETE FROM cognito_code WHERE pool = ? AND key = ? AND purpose = ?", user.pool, user.key, purpose)
            return str(row[1])
    raise errors.code_mismatch()


def masked(medium: str, to: str) -> str:
    """`a***@e***`, `+*******1234`."""
    if medium == "SMS":
        return f"+{'*' * max(len(to) - 5, 1)}{to[-4:]}"
    local, _, domain = to.partition("@")
    return f"{local[:1]}***@{domain[:1]}***"


def details(medium: str, to: str, attribute: str) -> dict[str, str]:
    return {"Destination": masked(medium, to), "DeliveryMedium": medium, "AttributeName": attribute}


def medium_of(attribute: str) -> str:
    return "SMS" if attribute == "phone_number" else "EMAIL"


async def send(call: Call, pool: Pool, user: User, source: str, attribute: str, code: str, client_id: str = "", metadata: dict[str, str] | None = None) -> dict[str, str]:
    """Deliver a code (or a temporary password) to the user's email or phone; the delivery details of the answer."""
    medium, to = medium_of(attribute), user.attributes[attribute]
    said: dict[str, Any] = {}
    if triggers.has(pool, "CustomMessage"):
        more = {"codeParameter": "{####}", "linkParameter": "{##Click Here##}", "usernameParameter": "{username}" if source == "AdminCreateUser" else None}
        said = await triggers.tell(call, pool, "CustomMessage", source, user, client_id, metadata, **more)
    subject, body = worded(pool, source, medium, said)
    with call.step():
        post(call, medium, to, subject if medium == "EMAIL" else "", filled(body, user.name, code), (pool.values.get("EmailConfiguration") or {}).get("From") or SENDER)
    return details(medium, to, attribute)


def filled(text: str, name: str, code: str) -> str:
    return text.replace("{####}", code).replace("{username}", name)


def worded(pool: Pool, source: str, medium: str, said: dict[str, Any]) -> tuple[str, str]:
    values = pool.values
    if source == "AdminCreateUser":
        template = values["AdminCreateUserConfig"].get("InviteMessageTemplate") or {}
        body = template.get("SMSMessage" if medium == "SMS" else "EmailMessage") or "Your username is {username} and temporary password is {####}."
        subject = template.get("EmailSubject") or SUBJECTS["AdminCreateUser"]
    elif source == "Authentication":
        body = values.get("SmsAuthenticationMessage") if medium == "SMS" else (pool.mfa.get("EmailMfaConfiguration") or {}).get("Message")
        body = body or "Your authentication code is {####}."
        subject = (pool.mfa.get("EmailMfaConfiguration") or {}).get("Subject") or SUBJECTS["Authentication"]
    else:
        template = values["VerificationMessageTemplate"]
        body = (template.get("SmsMessage") or values.get("SmsVerificationMessage")) if medium == "SMS" else (template.get("EmailMessage") or values.get("EmailVerificationMessage"))
        body = body or ("Your password reset code is {####}." if source == "ForgotPassword" else "Your confirmation code is {####}")
        subject = template.get("EmailSubject") or values.get("EmailVerificationSubject") or ("Your password reset code" if source == "ForgotPassword" else SUBJECTS["VerifyUserAttribute"])
    return said.get("emailSubject") or subject, (said.get("smsMessage") if medium == "SMS" else said.get("emailMessage")) or body


def verifiable(pool: Pool, attributes: dict[str, str]) -> str | None:
    """The attribute a code is sent to at sign-up: the phone before the email, of those that the pool verifies."""
    auto = pool.values.get("AutoVerifiedAttributes") or []
    return next((name for name in ("phone_number", "email") if name in auto and attributes.get(name)), None)


def recovery(pool: Pool, user: User) -> str:
    """Where a forgotten password's code goes: the pool's order, among what is verified."""
    rules = (pool.values.get("AccountRecoverySetting") or {}).get("RecoveryMechanisms")
    if rules is None:
        order = ["phone_number", "email"]
    else:
        order = [rule["Name"].removeprefix("verified_") for rule in sorted(rules, key=lambda rule: rule["Priority"])]
        if order == ["admin_only"]:
            raise errors.unauthorized("Contact administrator to reset password.")
    found = next((name for name in order if user.attributes.get(name) and user.attributes.get(f"{name}_verified") == "true"), None)
    if found is None:
        raise errors.parameter("Cannot reset password for the user as there is no registered/verified email or phone_number")
    return found
