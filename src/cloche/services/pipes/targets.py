"""Where a pipe leads: a function or state machine gets a batch as one list, the others each event by itself. All of it under the pipe's role."""
from __future__ import annotations

import inspect
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.languages import pipe_template
from cloche.services.events import public as bridge
from cloche.services.lambda_ import public as functions

from . import calling, errors

if TYPE_CHECKING:
    from .pipes import Pipe

LOG_STREAM = "pipes"
TOLD = ("lambda", "sqs", "sns", "events", "logs")
STARTED = {"kinesis": "KinesisStreamParameters", "ecs": "EcsTaskParameters", "batch": "BatchJobParameters", "firehose": "", "states": "", "execute-api": ""}  # and the parameters without which it cannot be


def check(call: Call, target: str, parameters: dict[str, Any]) -> None:
    parts = target.split(":", 5)
    kind = parts[2] if len(parts) == 6 else ""
    if kind not in TOLD and not (kind in STARTED and bridge.stands(call, kind)):
        raise errors.not_built(f"a target of {kind or target}")
    if kind == "sqs" and target.endswith(".fifo") and not (parameters.get("SqsQueueParameters") or {}).get("MessageGroupId"):
        raise errors.group_needed()
    if (needed := STARTED.get(kind)) and not parameters.get(needed):
        raise errors.invalid(f"{needed} must be provided for the target {target}.")


def check_enrichment(call: Call, arn: str) -> None:
    parts = arn.split(":")
    if parts[2:3] not in (["lambda"], ["states"], ["execute-api"]) and ":api-destination/" not in arn:
        raise errors.not_built("an enrichment that is no function, state machine or API")


async def deliver(call: Call, there: Call, pipe: Pipe, events: list[Any], known: list[str]) -> set[str]:
    """The ids of what failed. `known` are the source's; where the enrichment made other events of them, none can be told apart."""
    from .flow import as_json, shaped
    parameters = pipe.settings.get("TargetParameters") or {}
    texts = shaped(call, pipe, parameters.get("InputTemplate", ""), events)
    service = pipe.target.split(":")[2]
    if service == "lambda":
        return await to_function(call, there, pipe, parameters, f"[{','.join(map(as_json, texts))}]".encode(), known)
    if service == "states":
        return await to_machine(there, pipe, parameters, f"[{','.join(map(as_json, texts))}]", known)
    failed: set[str] = set()
    for place, (event, text) in enumerate(zip(events, texts, strict=True)):
        try:
            if service == "execute-api" or ":api-destination/" in pipe.target:
                await calling.http(call, there, pipe.target, parameters.get("HttpParameters") or {}, text)
                continue
            with there.step():
                waiting = SENDERS.get(service, started)(there, pipe, parameters, event, text)
            if inspect.isawaitable(waiting):
                await waiting
        except (AwsError, pipe_template.Invalid):
            if len(events) != len(known) or pipe.settings.get("Enrichment"):
                raise
            failed.add(known[place])
    return failed


async def to_function(call: Call, there: Call, pipe: Pipe, parameters: dict[str, Any], payload: bytes, known: list[str]) -> set[str]:
    if (parameters.get("LambdaFunctionParameters") or {}).get("InvocationType") == "FIRE_AND_FORGET":
        with there.step():
            functions.enqueue(there, pipe.target, payload)
        return set()
    said = await functions.invoke(there, pipe.target, payload)
    if said.function_error:
        return set(known)
    return functions.reported(said.payload, set(known))


async def to_machine(there: Call, pipe: Pipe, parameters: dict[str, Any], text: str, known: list[str]) -> set[str]:
    """One execution for a batch. Unless it is to be forgotten, an Express one is waited for."""
    if (parameters.get("StepFunctionStateMachineParameters") or {}).get("InvocationType") == "FIRE_AND_FORGET":
        with there.step():
            there.do("stepfunctions", "StartExecution", stateMachineArn=pipe.target, input=text)
        return set()
    await calling.machine(there, pipe.target, text)
    return set()


def started(there: Call, pipe: Pipe, parameters: dict[str, Any], event: Any, text: str) -> Any:
    """What EventBridge's rules start in the same way."""
    kind = pipe.target.split(":")[2]
    given = parameters.get(STARTED[kind]) or {} if STARTED[kind] else {}
    if kind == "ecs":
        return bridge.start(there, {"Arn": pipe.target, "EcsParameters": {"TaskDefinitionArn": given["TaskDefinitionArn"], **given}}, json.dumps(given.get("Overrides") or {}), "")
    if kind == "batch":
        return bridge.start(there, {"Arn": pipe.target, "BatchParameters": given}, json.dumps({"Parameters": given.get("Parameters") or {}}), "")
    return bridge.start(there, {"Arn": pipe.target}, text, pipe_template.parameter(given["PartitionKey"], event) if kind == "kinesis" else "")


def to_queue(there: Call, pipe: Pipe, parameters: dict[str, Any], event: Any, text: str) -> None:
    from cloche.services.sqs import public as sqs
    given = parameters.get("SqsQueueParameters") or {}
    sqs.send(there, pipe.target, MessageBody=text, **{name: pipe_template.parameter(given[name], event) for name in ("MessageGroupId", "MessageDeduplicationId") if given.get(name)})


def to_topic(there: Call, pipe: Pipe, parameters: dict[str, Any], event: Any, text: str) -> None:
    from cloche.services.sns import public as sns
    sns.publish(there, pipe.target, Message=text)


def to_bus(there: Call, pipe: Pipe, parameters: dict[str, Any], event: Any, text: str) -> None:
    given = parameters.get("EventBridgeEventBusParameters") or {}
    entry: dict[str, Any] = {
        "EventBusName": pipe.target, "Detail": text, "Source": pipe_template.parameter(given.get("Source") or f"Pipe {pipe.name}", event),
        "DetailType": pipe_template.parameter(given.get("DetailType") or f"Event from aws:{pipe.source_kind}", event),
        "Resources": [pipe_template.parameter(r, event) for r in given.get("Resources") or []]}
    if given.get("Time"):
        entry["Time"] = moment(pipe_template.parameter(given["Time"], event))
    answer = there.do("events", "PutEvents", Entries=[entry])
    for one in answer["Entries"]:
        if one.get("ErrorCode"):
            raise errors.failed(one.get("ErrorMessage") or one["ErrorCode"])


def to_log(there: Call, pipe: Pipe, parameters: dict[str, Any], event: Any, text: str) -> None:
    from cloche.services.logs import public as logs
    given = parameters.get("CloudWatchLogsParameters") or {}
    parts = pipe.target.split(":", 6)
    at = moment(pipe_template.parameter(given["Timestamp"], event)) if given.get("Timestamp") else there.now
    stream = pipe_template.parameter(given.get("LogStreamName") or LOG_STREAM, event)
    if not logs.write(there.of("logs", parts[4], parts[3]), parts[6].removesuffix(":*"), stream, [(int(at * 1000), text)]):
        raise errors.failed(f"the role may not write to {pipe.target}")


def moment(text: str) -> float:
    """Seconds or milliseconds since the epoch, or ISO 8601."""
    try:
        number = float(text)
        return number / 1000 if number > 1e11 else number
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(json.loads(f'"{text}"').replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise pipe_template.Invalid(text) from None


SENDERS = {"sqs": to_queue, "sns": to_topic, "events": to_bus, "logs": to_log}
