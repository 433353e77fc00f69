"""Calling the target of a schedule under its role; again while that can help, else to the dead-letter queue.

A target is a queue, topic, function, bus, stream, state machine or task, or any operation at all: `arn:aws:scheduler:::aws-sdk:dynamodb:putItem` with its
request as Input.
"""
from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.services.events import public as bridge
from cloche.services.sns import public as sns
from cloche.services.sqs import public as sqs

from . import errors
from . import service as scheduler

if TYPE_CHECKING:
    from cloche.wire.model import Shape

    from .schedules import Schedule

LONGEST_AGE, MOST_RETRIES = 86_400, 185
TOLD = ("lambda", "sqs", "sns", "events")
SDK_NAMES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs"}
PASSING = ("ThrottlingException", "TooManyRequestsException", "RequestThrottled", "Throttled", "OverLimit", "ProvisionedThroughputExceededException")


def check(call: Call, target: dict[str, Any]) -> None:
    parts = target["Arn"].split(":")
    if len(parts) < 6 or parts[0] != "arn":
        raise errors.bad_arn()
    if ":aws-sdk:" in target["Arn"]:
        operation_of(call, target["Arn"])
        try:
            if not isinstance(json.loads(target.get("Input") or "{}"), dict):
                raise ValueError
        except ValueError:
            raise errors.invalid("The Input of a universal target must be a JSON object.") from None
    elif parts[2] not in TOLD and (parts[2] in ("execute-api", "batch", "ssm") or not bridge.stands(call, parts[2])):
        raise errors.not_built(f"a target of {parts[2]}")
    elif parts[2] == "ecs" and not target.get("EcsParameters"):
        raise errors.invalid("EcsParameters must be provided for an ECS task target.")
    elif parts[2] == "events" and not target.get("EventBridgeParameters"):
        raise errors.invalid("EventBridgeParameters must be provided for an event bus target.")
    elif parts[2] == "kinesis" and not target.get("KinesisParameters"):
        raise errors.invalid("KinesisParameters must be provided for a Kinesis stream target.")
    elif parts[2] == "sqs" and parts[5].endswith(".fifo") and not (target.get("SqsParameters") or {}).get("MessageGroupId"):
        raise errors.invalid("SqsParameters with a MessageGroupId must be provided for a FIFO queue target.")


def operation_of(call: Call, arn: str) -> tuple[str, str]:
    """Service and operation of a universal target."""
    _, _, rest = arn.partition(":aws-sdk:")
    name, _, action = rest.partition(":")
    name, action = SDK_NAMES.get(name, name), action[:1].upper() + action[1:]
    try:
        service = call.cloud.service(name)
    except LookupError:
        raise errors.not_built(f"a target of {name}") from None
    if action not in service.model.operations:
        raise errors.invalid(f"{arn} is not a supported API action.")
    if action not in service.entries:
        raise errors.not_built(f"{name}:{action} as a target")
    return name, action


# -- calling --------------------------------------------------------------------------------------------------------

def begin(call: Call, s: Schedule, moment: float) -> None:
    attempt(call, s.arn, s.target, moment, call.uuid(), call.now, 0)


@scheduler.timer
def try_again(call: Call, schedule: str, target: dict[str, Any], moment: float, execution: str, since: float, tries: int) -> None:
    attempt(call, schedule, target, moment, execution, since, tries)


def attempt(call: Call, schedule: str, target: dict[str, Any], moment: float, execution: str, since: float, tries: int) -> None:
    text = filled(target.get("Input") or "{}", schedule, moment, execution, tries + 1)
    try:
        with call.step():
            waiting = act(call, schedule, target, text)
    except AwsError as error:
        failed(call, schedule, target, text, moment, execution, since, tries, error)
        return
    if inspect.isawaitable(waiting):
        call.spawn(finish(call, waiting, (schedule, target, text, moment, execution, since, tries)))


async def finish(call: Call, waiting: Any, about: tuple[Any, ...]) -> None:
    """An operation that waits for the world is waited for beside the timer that began it."""
    try:
        await waiting
    except AwsError as error:
        with call.step():
            failed(call, *about, error)


def act(call: Call, schedule: str, target: dict[str, Any], text: str) -> Any:
    arn = target["Arn"]
    role = call.as_role(target["RoleArn"], "scheduler", "scheduler.amazonaws.com")
    if ":aws-sdk:" in arn:
        service, operation = operation_of(call, arn)
        shape = call.cloud.service(service).model.operations[operation].input
        return role.do(service, operation, **(typed(shape, json.loads(text)) if shape is not None else {}))
    service = arn.split(":")[2]
    if service == "lambda":
        from cloche.services.lambda_ import public as functions
        functions.enqueue(role, arn, text.encode())
    elif service == "sqs":
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        sqs.send(role, arn, MessageBody=text, **({"MessageGroupId": group} if group else {}))
    elif service == "sns":
        sns.publish(role, arn, Message=text)
    elif service == "ecs":
        from cloche.services.ecs import public as ecs
        ecs.run(role, arn, target["EcsParameters"], text, f"chronos-schedule/{schedule.rpartition('/')[2]}")
    elif service != "events":
        return bridge.start(role, target, text, "" if service == "states" else call.uuid())
    else:
        about = target["EventBridgeParameters"]
        answer = role.do("events", "PutEvents", Entries=[{"Source": about["Source"], "DetailType": about["DetailType"], "Detail": text, "EventBusName": arn, "Resources": [schedule]}])
        if code := answer["Entries"][0].get("ErrorCode"):
            raise AwsError(code, answer["Entries"][0]["ErrorMessage"])
    return None


def typed(shape: Shape, value: Any) -> Any:
    """JSON as the operation's values: text where it wants bytes, an ISO time where it wants a moment."""
    if shape.type == "structure" and isinstance(value, dict):
        return {name: typed(shape.members[name][0], part) if name in shape.members else part for name, part in value.items()}
    if shape.type == "list" and isinstance(value, list):
        return [typed(shape.item, part) for part in value]
    if shape.type == "map" and isinstance(value, dict):
        return {name: typed(shape.value, part) for name, part in value.items()}
    if shape.type == "blob" and isinstance(value, str):
        return value.encode()
    if shape.type == "timestamp" and isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return value  # the model's check has the words for it
    return value


def filled(text: str, schedule: str, moment: float, execution: str, number: int) -> str:
    for name, value in (
        ("schedule-arn", schedule), ("scheduled-time", datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")), ("execution-id", execution), ("attempt-number", str(number)),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def failed(call: Call, schedule: str, target: dict[str, Any], text: str, moment: float, execution: str, since: float, tries: int, error: AwsError) -> None:
    policy, pause, exhausted = target.get("RetryPolicy") or {}, min(2.0 ** tries, 600.0), ""
    if (error.status >= 500 and error.code != "NotImplemented") or error.code in PASSING or error.query_code in PASSING:
        if tries >= policy.get("MaximumRetryAttempts", MOST_RETRIES):
            exhausted = "MaximumRetryAttempts"
        elif call.now + pause > since + policy.get("MaximumEventAgeInSeconds", LONGEST_AGE):
            exhausted = "MaximumEventAgeInSeconds"
        else:
            call.after(pause, try_again, schedule=schedule, target=target, moment=moment, execution=execution, since=since, tries=tries + 1)
            return
    bury(call, schedule, target, text, moment, execution, tries, error, exhausted)


def bury(call: Call, schedule: str, target: dict[str, Any], text: str, moment: float, execution: str, tries: int, error: AwsError, exhausted: str) -> None:
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        return
    about = {
        "SCHEDULE_ARN": schedule, "TARGET_ARN": target["Arn"], "EXECUTION_ID": execution, "SCHEDULED_TIME": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ERROR_CODE": error.query_code or error.code, "ERROR_MESSAGE": error.message or error.code, "RETRY_ATTEMPTS": str(tries),
    }
    if exhausted:
        about["EXHAUSTED_RETRY_CONDITION"] = exhausted
    try:
        role = call.as_role(target["RoleArn"], "scheduler", "scheduler.amazonaws.com")
        sqs.send(role, arn, MessageBody=text, MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in about.items()})
    except AwsError as lost:
        call.cloud.memory["scheduler.lost"] = (schedule, lost.code, call.now)
