"""Where a pipe leads: a function gets a batch as one list, the others each event by itself. All of it under the pipe's role."""
from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.languages import pipe_template
from cloche.services.lambda_ import public as functions

from . import errors

if TYPE_CHECKING:
    from .pipes import Pipe

BUILT = ("lambda", "sqs", "sns", "events", "logs")
LOG_STREAM = "pipes"


def check(target: str, parameters: dict[str, Any]) -> None:
    parts = target.split(":", 5)
    if len(parts) < 6 or parts[2] not in BUILT or ":api-destination/" in target:
        raise errors.not_built(f"a target of {'API destinations' if ':api-destination/' in target else parts[2] if len(parts) > 2 else target}")
    if parts[2] == "sqs" and target.endswith(".fifo") and not (parameters.get("SqsQueueParameters") or {}).get("MessageGroupId"):
        raise errors.group_needed()


def check_enrichment(arn: str) -> None:
    if arn.split(":")[2:3] != ["lambda"]:
        raise errors.not_built("an enrichment that is no function")


async def deliver(call: Call, there: Call, pipe: Pipe, events: list[Any], known: list[str]) -> set[str]:
    """The ids of what failed. `known` are the source's; where the enrichment made other events of them, none can be told apart."""
    from .flow import as_json, shaped
    parameters = pipe.settings.get("TargetParameters") or {}
    texts = shaped(call, pipe, parameters.get("InputTemplate", ""), events)
    service = pipe.target.split(":")[2]
    if service == "lambda":
        return await to_function(call, there, pipe, parameters, f"[{','.join(map(as_json, texts))}]".encode(), known)
    failed: set[str] = set()
    for place, (event, text) in enumerate(zip(events, texts, strict=True)):
        try:
            with there.step():
                SENDERS[service](there, pipe, parameters, event, text)
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
