"""Signing in: InitiateAuth begins one of the flows, RespondToAuthChallenge goes on until there are tokens.

Every flow is the same ladder: who, may they, the password (or its proof, or a function's challenges), a new password if one is due, a second
factor, tokens. `challenges.py` holds the rungs after the first.
"""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import challenges, clients, errors, pools, risk, sessions, srp, tokens, triggers, users
from . import service as cognito
from .challenges import Attempt
from .clients import Client
from .pools import Pool
from .signup import migrated
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

PASSWORD_FLOWS = ("USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH")


@cognito.op(unsigned=True, partly="Passkeys (WEB_AUTHN) are not built.")
async def initiate_auth(call: Call, req: t.InitiateAuthRequest) -> t.InitiateAuthResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    if req["AuthFlow"] in PASSWORD_FLOWS[1:]:
        raise errors.parameter("Initiate Auth method not supported.")
    return await begin(call, pool, client, req)  # type: ignore[no-any-return]


@cognito.op(resource=pools.by_id, partly="Passkeys (WEB_AUTHN) are not built.")
async def admin_initiate_auth(call: Call, req: t.AdminInitiateAuthRequest) -> t.AdminInitiateAuthResponse:
    pool = pools.find(call, req["UserPoolId"])
    client = clients.find(call, pool.id, req["ClientId"])
    if req["AuthFlow"] == "USER_PASSWORD_AUTH":
        raise errors.parameter("Auth flow not supported by this API. Use ADMIN_USER_PASSWORD_AUTH.")
    return await begin(call, pool, client, req)  # type: ignore[no-any-return]


async def begin(call: Call, pool: Pool, client: Client, req: Any) -> Any:
    given, flow = req.get("AuthParameters") or {}, req["AuthFlow"]
    attempt = Attempt(call, pool, client, req.get("ClientMetadata"), device=given.get("DEVICE_KEY", ""))
    match flow:
        case "USER_PASSWORD_AUTH":
            if not client.allows("ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"):
                raise errors.parameter("USER_PASSWORD_AUTH flow not enabled for this client")
            return await password(attempt, given)
        case "ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH":
            if not client.allows("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"):
                raise errors.parameter("Auth flow not enabled for this client")
            return await password(attempt, given)
        case "USER_SRP_AUTH":
            if not client.allows("ALLOW_USER_SRP_AUTH"):
                raise errors.parameter("USER_SRP_AUTH is not enabled for the client.")
            return await proof(attempt, given)
        case "CUSTOM_AUTH":
            if not client.allows("ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY"):
                raise errors.parameter("CUSTOM_AUTH is not enabled for the client.")
            return await custom(attempt, given)
        case "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN":
            if not client.allows("ALLOW_REFRESH_TOKEN_AUTH"):
                raise errors.parameter("Auth flow not enabled for this client")
            return await refresh(attempt, given)
        case "USER_AUTH":
            if not client.allows("ALLOW_USER_AUTH"):
                raise errors.parameter("USER_AUTH is not enabled for the client.")
            from . import choice
            return await choice.begin(attempt, given)
    raise errors.unbuilt(f"the flow {flow}")


def required(given: dict[str, str], name: str) -> str:
    if not given.get(name):
        raise errors.parameter(f"Missing required parameter {name}")
    return given[name]


def someone(attempt: Attempt, given: dict[str, str]) -> User | None:
    """Who signs in; the secret hash is over the name as it was typed."""
    name = required(given, "USERNAME")
    clients.check_hash(attempt.client, given.get("SECRET_HASH"), name)
    return users.resolve(attempt.call, attempt.pool, name)


def unknown(client: Client) -> Exception:
    return errors.wrong_password() if client.hides else errors.no_user()


async def password(attempt: Attempt, given: dict[str, str]) -> Any:
    call, pool, client = attempt.call, attempt.pool, attempt.client
    user, word = someone(attempt, given), required(given, "PASSWORD")
    if user is None:
        user = await migrated(call, pool, client, given["USERNAME"], word, "Authentication", attempt.metadata) if triggers.has(pool, "UserMigration") else None
        if user is None:
            raise unknown(client)
    return await with_password(attempt, user, word)


async def with_password(attempt: Attempt, user: User, word: str) -> Any:
    user = await challenges.admitted(attempt, user)
    if not users.has_password(attempt.pool, user, word):
        users.failed(attempt.call, user)
        with attempt.call.step():
            risk.remember(attempt.call, attempt.pool, attempt.client.id, user, False)
        raise errors.wrong_password()
    return await challenges.password_known(attempt, user)


async def proof(attempt: Attempt, given: dict[str, str], name: str = "PASSWORD_VERIFIER", log: list[Any] | None = None) -> Any:
    """SRP: the server's half of the exchange. For somebody who does not exist, and may not be known not to, it looks the same."""
    call, pool, client = attempt.call, attempt.pool, attempt.client
    user, text = someone(attempt, given), required(given, "SRP_A")
    try:
        a = int(text, 16)
    except ValueError:
        a = 0
    if a % srp.N == 0:
        raise errors.parameter("SRP_A must be a hexadecimal number that is not 0 modulo N.")
    if user is None and not client.hides:
        raise errors.no_user()
    if user is not None:
        user = await challenges.admitted(attempt, user)
    kept = srp.Verifier(user.salt, user.verifier) if user is not None and user.salt else srp.verifier(call.id(digits=32), pool.short, given["USERNAME"], call.secret(16))
    secret = int.from_bytes(base64.urlsafe_b64decode(call.secret(48)), "big")
    block = base64.b64encode(call.secret(600).encode()).decode()
    with call.step():
        sessions.begin(call, client, "PASSWORD_VERIFIER", user.key if user else "", token=block, a=text, secret=f"{secret:x}", salt=kept.salt, verifier=kept.value, log=log)
    shown = user.name if user is not None else given["USERNAME"]
    return {"ChallengeName": name, "ChallengeParameters": {"SALT": kept.salt, "SECRET_BLOCK": block, "SRP_B": f"{srp.public(kept, secret):x}", "USERNAME": shown, "USER_ID_FOR_SRP": shown}}


async def custom(attempt: Attempt, given: dict[str, str]) -> Any:
    user = someone(attempt, given)
    if user is None:
        raise unknown(attempt.client)
    if not triggers.has(attempt.pool, "DefineAuthChallenge"):
        raise errors.parameter("Custom auth lambda trigger is not configured for the user pool.")
    if given.get("CHALLENGE_NAME") == "SRP_A":
        log = [{"challengeName": "SRP_A", "challengeResult": True, "challengeMetadata": None}]
        asked = await challenges.define(attempt, user, log)
        if asked.get("challengeName") != "PASSWORD_VERIFIER":
            raise errors.lambda_answer()
        return await proof(attempt, given, log=log)
    user = await challenges.admitted(attempt, user)
    return await challenges.next_custom(attempt, user, [])


async def refresh(attempt: Attempt, given: dict[str, str]) -> Any:
    call, pool, client = attempt.call, attempt.pool, attempt.client
    login, user = tokens.usable(call, pool, client, required(given, "REFRESH_TOKEN"))
    clients.check_hash(client, given.get("SECRET_HASH"), user.name, user.sub, *(user.attributes.get(k, "") for k in ("email", "phone_number")))
    return {"ChallengeParameters": {}, "AuthenticationResult": await tokens.refreshed(call, pool, client, user, login, attempt.metadata)}


# -- answers to challenges ------------------------------------------------------------------------------------------------------------------

@cognito.op(unsigned=True, partly="Passkeys (WEB_AUTHN) are not built.")
async def respond_to_auth_challenge(call: Call, req: t.RespondToAuthChallengeRequest) -> t.RespondToAuthChallengeResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    return await respond(call, pool, client, req)  # type: ignore[no-any-return]


@cognito.op(resource=pools.by_id, partly="Passkeys (WEB_AUTHN) are not built.")
async def admin_respond_to_auth_challenge(call: Call, req: t.AdminRespondToAuthChallengeRequest) -> t.AdminRespondToAuthChallengeResponse:
    pool = pools.find(call, req["UserPoolId"])
    return await respond(call, pool, clients.find(call, pool.id, req["ClientId"]), req)  # type: ignore[no-any-return]


async def respond(call: Call, pool: Pool, client: Client, req: Any) -> Any:
    given, name = req.get("ChallengeResponses") or {}, req["ChallengeName"]
    answer = challenges.ANSWERS.get(name)
    if answer is None:
        raise errors.unbuilt(f"the challenge {name}")
    attempt = Attempt(call, pool, client, req.get("ClientMetadata"), device=given.get("DEVICE_KEY", ""))
    typed = required(given, "USERNAME")
    token = req.get("Session") or ""
    if name in ("PASSWORD_VERIFIER", "DEVICE_PASSWORD_VERIFIER"):
        token = required(given, "PASSWORD_CLAIM_SECRET_BLOCK")
    elif not token:
        raise errors.parameter("Missing required parameter Session")
    body = sessions.look(call, client, token, name)
    user = users.get(call, pool, body["key"])
    clients.check_hash(client, given.get("SECRET_HASH"), typed, *([user.name] if user else []))
    if user is None:
        raise errors.wrong_password() if name == "PASSWORD_VERIFIER" else errors.bad_session()
    if typed != user.name and (found := users.resolve(call, pool, typed)) != user:
        raise errors.bad_session() if found else errors.parameter("Invalid user")
    if not user.enabled:
        raise errors.disabled()
    return await answer(attempt, user, given, token, body)
