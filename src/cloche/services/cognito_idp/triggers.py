"""Lambda triggers: the pool's functions that are asked before, told after, and may change what happens.

A function's own refusal (an exception) becomes the caller's; a function that cannot be reached is an error of another name.
"""
from __future__ import annotations

import asyncio
import json
from typing import Any

from cloche.kernel import AwsError, Call

from . import errors, pools
from .pools import Pool

SECONDS = 15  # AWS waits five, three times
RESPONSES: dict[str, dict[str, Any]] = {
    "PreSignUp": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    "CustomMessage": {"smsMessage": None, "emailMessage": None, "emailSubject": None},
    "DefineAuthChallenge": {"challengeName": None, "issueTokens": None, "failAuthentication": None},
    "CreateAuthChallenge": {"publicChallengeParameters": None, "privateChallengeParameters": None, "challengeMetadata": None},
    "VerifyAuthChallengeResponse": {"answerCorrect": None},
    "PreTokenGeneration": {"claimsOverrideDetails": None},
    "UserMigration": {"userAttributes": None, "finalUserStatus": None, "messageAction": None, "desiredDeliveryMediums": None, "forceAliasCreation": None, "enableSMSMFA": None},
}


def has(pool: Pool, trigger: str) -> bool:
    return bool(pool.values["LambdaConfig"].get(trigger))


async def run(call: Call, pool: Pool, trigger: str, source: str, name: str, client_id: str, request: dict[str, Any], *, version: str = "1",
              response: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the function left in its event's `response`; {} if the pool has none."""
    arn = pool.values["LambdaConfig"].get(trigger)
    if not arn:
        return {}
    from cloche.services.lambda_ import public
    event = {
        "version": version, "region": call.region, "userPoolId": pool.id, "userName": name,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client_id or "CLIENT_ID_NOT_APPLICABLE"}, "triggerSource": f"{'TokenGeneration' if trigger == 'PreTokenGeneration' else trigger}_{source}",
        "request": request, "response": RESPONSES.get(trigger, {}) if response is None else response,
    }
    try:
        async with asyncio.timeout(SECONDS):
            result = await public.invoke(call, arn, json.dumps(event).encode(), service="cognito-idp.amazonaws.com", source_arn=pools.arn(call, pool.id), source_account=call.account)
    except TimeoutError:
        raise errors.lambda_unreachable(trigger, "Lambda timed out") from None
    except AwsError as error:
        raise errors.lambda_unreachable(trigger, error.code) from None
    try:
        answer = json.loads(result.payload or b"null")
    except ValueError:
        answer = None
    if result.failed:
        raise errors.lambda_said(trigger, str((answer or {}).get("errorMessage", "Unhandled") if isinstance(answer, dict) else "Unhandled"))
    if not isinstance(answer, dict) or not isinstance(answer.get("response", {}), dict):
        raise errors.lambda_answer()
    return answer.get("response") or {}


def told(user: Any) -> dict[str, str]:
    """The user's attributes as triggers see them."""
    return {**user.attributes, "cognito:user_status": user.status}


async def tell(call: Call, pool: Pool, trigger: str, source: str, user: Any, client_id: str, metadata: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A trigger about somebody who exists."""
    if not has(pool, trigger):
        return {}
    request = {"userAttributes": told(user), **more} | ({"clientMetadata": metadata} if metadata else {})
    return await run(call, pool, trigger, source, user.name, client_id, request)
