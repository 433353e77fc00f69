"""Rotation: a function is called four times, and makes the next version of a secret current.

RotateSecret names the version (AWSPENDING, no value yet) and wakes a worker; what it was doing stands in the record, so that a crash or a
function that fails leaves a rotation that is taken up again. The schedule is one timer, which plans its successor when it falls due.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.languages import schedule
from cloche.services.lambda_ import public as functions

from . import errors, replicas
from . import service as secrets
from .records import CURRENT, DAY, ON_SECRET, PENDING, Rotation, Secret, Version, home, primary
from .versions import labelled

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SERVICE = "secretsmanager.amazonaws.com"



@secrets.op(**ON_SECRET, partly="partner secrets (ExternalSecretRotation...) are not built; Duration is kept, a rotation begins with its window; one that failed is taken up again only when the next is due")
def rotate_secret(call: Call, req: t.RotateSecretRequest) -> t.RotateSecretResponse:
    secret = primary(call, req["SecretId"])
    old = secret.rotation
    function = req.get("RotationLambdaARN") or (old.function if old else "")
    if not function:
        raise errors.no_function()
    if "RotationLambdaARN" in req:
        _may_be_invoked(call, secret, function)
    found = _rules(req.get("RotationRules"), msgspec.structs.replace(old, function=function, enabled=True) if old else Rotation(function))
    token = req.get("ClientRequestToken") or call.uuid()
    trial = not req.get("RotateImmediately", True)
    left = secret.at(PENDING)
    if found.token or (left and left != secret.at(CURRENT)):
        raise errors.not_finished()
    secret = begin(call, secret.but(rotation=found), token, trial)
    plan(call, secret)
    answer: Any = {"ARN": secret.arn, "Name": secret.name}
    if not trial:
        answer["VersionId"] = token
    return answer  # type: ignore[no-any-return]


def _may_be_invoked(call: Call, secret: Secret, function: str) -> None:
    """By whoever turns rotation on, and by Secrets Manager itself."""
    if not functions.exists(call, function):
        raise errors.missing("Secrets Manager can't find the specified Lambda function.")
    if not functions.may_invoke(call, function) or not functions.may_invoke(call, function, service=SERVICE, source_arn=secret.arn, source_account=secret.account):
        raise errors.cannot_invoke()


def _rules(rules: Any, found: Rotation) -> Rotation:
    if not rules:
        return found
    days, expression = rules.get("AutomaticallyAfterDays", 0), rules.get("ScheduleExpression", "")
    if days and expression:
        raise errors.two_rules()
    if expression:
        try:
            schedule.parse(expression)
        except ValueError:
            raise errors.bad_schedule() from None
        if expression.startswith("at("):
            raise errors.bad_schedule()
    return msgspec.structs.replace(found, days=days, expression=expression, duration=rules.get("Duration", ""))


def following(rotation: Rotation, now: float) -> float:
    """When the next rotation is due; 0 without a schedule."""
    if rotation.days:
        return now + rotation.days * DAY
    return (schedule.parse(rotation.expression).next(now) or 0.0) if rotation.expression else 0.0


def plan(call: Call, secret: Secret) -> Secret:
    here, rotation = home(call, secret), secret.rotation
    assert rotation is not None
    moment = following(rotation, call.now) if rotation.enabled else 0.0
    if moment:
        here.due(moment, fall_due, secret.name, secret=secret.name)
    else:
        here.cancel(fall_due, secret.name)
    return here.put(secret.but(rotation=msgspec.structs.replace(rotation, next=moment)))


def begin(call: Call, secret: Secret, token: str, trial: bool = False) -> Secret:
    """Name the version that is to come, unless one has been left over by a rotation that failed, and start."""
    assert secret.rotation is not None
    left = secret.at(PENDING)
    if left and left != secret.at(CURRENT):
        token = left
    elif token not in secret.versions:
        secret = labelled(secret.but(versions={**secret.versions, token: Version(call.now, filled=False)}), PENDING, token)
    secret = home(call, secret).put(secret.but(rotation=msgspec.structs.replace(secret.rotation, token=token, trial=trial)))
    home(call, secret).wake(rotate, secret.name)
    return secret


@secrets.timer
def fall_due(call: Call, secret: str) -> None:
    found = call.get(Secret, secret)
    if found is None or found.rotation is None or not found.rotation.enabled or found.deleted:
        return
    found = plan(call, found)
    if found.rotation and not found.rotation.token:
        begin(call, found, call.uuid())


@secrets.worker
async def rotate(call: Call, key: str) -> None:
    secret = call.get(Secret, key)
    if secret is None or secret.rotation is None or not secret.rotation.token:
        return
    token, trial = secret.rotation.token, secret.rotation.trial
    good = True
    for step in ("testSecret",) if trial else STEPS:
        event = call.encode({"Step": step, "SecretId": secret.arn, "ClientRequestToken": token, "RotationToken": token})
        try:
            result = await functions.invoke(call, secret.rotation.function, event, service=SERVICE, source_arn=secret.arn, source_account=secret.account)
            good = not result.function_error
        except AwsError:
            good = False
        if not good:
            break
    with call.step():
        _end(call, key, token, trial, good)


def _end(call: Call, name: str, token: str, trial: bool, good: bool) -> None:
    secret = call.get(Secret, name)
    if secret is None or secret.rotation is None or secret.rotation.token != token:
        return
    rotation = msgspec.structs.replace(secret.rotation, token="", trial=False)
    if trial:                                          # "this test creates an AWSPENDING version of the secret and then removes it"
        secret = labelled(secret, PENDING, "") if secret.at(PENDING) == token else secret
        secret = secret.but(versions={id_: v for id_, v in secret.versions.items() if id_ != token or v.filled})
    elif good:
        rotation = msgspec.structs.replace(rotation, last=call.now)
    replicas.tell(call, call.put(secret.but(rotation=rotation)))


@secrets.op(**ON_SECRET)
def cancel_rotate_secret(call: Call, req: t.CancelRotateSecretRequest) -> t.CancelRotateSecretResponse:
    secret = primary(call, req["SecretId"])
    answer: Any = {"ARN": secret.arn, "Name": secret.name}
    if secret.rotation is None:
        return answer  # type: ignore[no-any-return]
    if secret.rotation.token:
        answer["VersionId"] = secret.rotation.token
    home(call, secret).cancel(fall_due, secret.name)
    home(call, secret).put(secret.but(rotation=msgspec.structs.replace(secret.rotation, enabled=False, token="", next=0.0)))
    return answer  # type: ignore[no-any-return]
