"""Handing an event to a target: at once, again while that can help, and to the dead-letter queue when it cannot.

A target that is missing or does not let EventBridge in is not tried again; a throttled or failing one is, for a day or 185 times
unless the target says otherwise.
"""
from __future__ import annotations

import inspect
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.languages import input_transformer
from cloche.services.cloudwatch import public as cloudwatch
from cloche.services.sns import public as sns
from cloche.services.sqs import public as sqs

from . import reaching
from . import service as events
from .buses import DEFAULT
from .rules import Rule
from .targets import payload, written

LONGEST_AGE, MOST_RETRIES = 86_400, 185
PASSING = ("ThrottlingException", "TooManyRequestsException", "RequestThrottled", "Throttled", "OverLimit", "ProvisionedThroughputExceededException", "ServiceUnavailableException")
DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError")


def hand_over(call: Call, rule: Rule, target: dict[str, Any], event: dict[str, Any], hops: int = 0) -> None:
    attempt(call, rule, target, event, call.now, 0, hops)


def attempt(call: Call, rule: Rule, target: dict[str, Any], event: dict[str, Any], since: float, tries: int, hops: int) -> None:
    try:
        count(call, rule, "Invocations")
        with call.step():  # what a refused delivery wrote is taken back; the other targets' deliveries stand
            waiting = deliver(call, rule, target, event, hops)
    except AwsError as error:
        failed(call, rule, target, event, since, tries, hops, error)
        return
    if inspect.isawaitable(waiting):
        call.spawn(finish(call, waiting, (rule, target, event, since, tries, hops)))


async def finish(call: Call, waiting: Any, about: tuple[Any, ...]) -> None:
    """A target that waits for the world is waited for beside the event that began it."""
    try:
        await waiting
    except AwsError as error:
        with call.step():
            failed(call, *about, error)


def failed(call: Call, rule: Rule, target: dict[str, Any], event: dict[str, Any], since: float, tries: int, hops: int, error: AwsError) -> None:
    exhausted: float | str = ""
    if (error.status >= 500 and error.code != "NotImplemented") or error.code in PASSING or error.query_code in PASSING:
        exhausted = pause(call, target, since, tries)
    if isinstance(exhausted, str):
        bury(call, rule, target, event, error, exhausted, tries)
    else:
        call.after(exhausted, try_again, rule=rule.key, target=target["Id"], event=event, since=since, tries=tries + 1, hops=hops)


def pause(call: Call, target: dict[str, Any], since: float, tries: int) -> float | str:
    """Seconds until the next try; or, when there is none, the condition that is exhausted."""
    policy, seconds = target.get("RetryPolicy") or {}, min(2.0 ** tries, 600.0)
    if tries >= policy.get("MaximumRetryAttempts", MOST_RETRIES):
        return "MaximumRetryAttempts"
    if call.now + seconds > since + policy.get("MaximumEventAgeInSeconds", LONGEST_AGE):
        return "MaximumEventAgeInSeconds"
    return seconds


@events.timer
def try_again(call: Call, rule: str, target: str, event: dict[str, Any], since: float, tries: int, hops: int) -> None:
    found = call.get(Rule, rule)
    for one in found.targets if found is not None else ():
        if one["Id"] == target:
            attempt(call, found, one, event, since, tries, hops)  # type: ignore[arg-type]


def deliver(call: Call, rule: Rule, target: dict[str, Any], event: dict[str, Any], hops: int) -> Any:
    """Done; or, where the target waits for the world, what is to be awaited."""
    arn = target["Arn"]
    service = arn.split(":")[2]
    speaker = call.as_role(target["RoleArn"], "events", "events.amazonaws.com") if target.get("RoleArn") and service != "lambda" else \
        call.as_service("events.amazonaws.com", source_arn=rule.arn, source_account=call.account)
    if ":api-destination/" in arn:
        from . import api_destinations
        api_destinations.call_later(speaker, rule, target, event, payload(call, rule, target, event))
        return None
    if service == "schemas":
        from cloche.services.schemas import public as registry
        registry.learn(call, arn, event)
        return None
    if service == "events":
        forward(speaker, arn, event, hops)
        return None
    text = payload(call, rule, target, event)
    if service == "lambda":
        from cloche.services.lambda_ import public as functions
        functions.enqueue(speaker, arn, text.encode(), trace=functions.trace_of(call))
    elif service == "sqs":
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        sqs.send(speaker, arn, MessageBody=text, **({"MessageGroupId": group} if group else {}))
    elif service == "sns":
        sns.publish(speaker, arn, Message=text)
    elif service == "ecs":
        from cloche.services.ecs import public as ecs
        ecs.run(speaker, arn, target["EcsParameters"], text, f"events-rule/{rule.name}")
    elif service == "logs":
        to_log(speaker, arn, event, text)
    else:
        path, name = (target.get("KinesisParameters") or {}).get("PartitionKeyPath"), f"{event['id']}_{call.uuid()}" if service == "states" else event["id"]
        found = input_transformer.extract(event, path) if path else input_transformer.MISSING
        if found is not input_transformer.MISSING:
            name = found if isinstance(found, str) else written(found)
        return reaching.start(speaker, target, text, name)
    return None


def to_log(call: Call, arn: str, event: dict[str, Any], text: str) -> None:
    """A log group gets the event as a line; its stream is named after the event."""
    from cloche.services.logs import public as logs
    parts = arn.split(":", 6)
    at = call.of("logs", parts[4], parts[3])
    logs.write(at, parts[6].removesuffix(":*"), event["id"], [(int(call.now * 1000), text)])


def forward(call: Call, arn: str, event: dict[str, Any], hops: int) -> None:
    """To another bus. The event keeps its id and where it came from; within an account no policy is needed, and a circle ends."""
    from . import putting
    at, bus = putting.bus_at(call, arn)
    if bus is None:
        raise AwsError("ResourceNotFoundException", f"Event bus {arn} does not exist.")
    if call.principal.kind != "service" or at.account != call.account:
        context = {"events:source": event["source"], "events:detail-type": event["detail-type"], "events:eventBusInvocation": "true"}
        at.require("events:PutEvents", arn, context, policy=bus.policy or None)
    if hops < putting.MOST_HOPS:
        inside = at.as_service("events.amazonaws.com", source_account=at.account)
        putting.spread(inside, bus.name, event, hops + 1)


def count(call: Call, rule: Rule, metric: str) -> None:
    """By the rule's name, and the bus's where it is not the default one."""
    dims = (("RuleName", rule.name),) if rule.bus == DEFAULT else (("EventBusName", rule.bus), ("RuleName", rule.name))
    cloudwatch.put(call, "AWS/Events", metric, dims, 1, "Count")


def bury(call: Call, rule: Rule, target: dict[str, Any], event: dict[str, Any], error: AwsError, exhausted: str, tries: int, code: str = "") -> None:
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    count(call, rule, "FailedInvocations")
    if not arn:
        return
    denied = error.code in DENIED or error.query_code in DENIED
    about = {
        "RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"], "ERROR_CODE": code or ("NO_PERMISSIONS" if denied else "NO_RESOURCE" if not exhausted else error.query_code or error.code),
        "ERROR_MESSAGE": error.message or error.code, "RETRY_ATTEMPTS": str(tries),
    }
    if exhausted:
        about["EXHAUSTED_RETRY_CONDITION"] = exhausted
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in about.items()}
    try:
        speaker = call.as_service("events.amazonaws.com", source_arn=rule.arn, source_account=call.account)
        sqs.send(speaker, arn, MessageBody=written(event), MessageAttributes=attributes)
    except AwsError as lost:
        call.cloud.memory["events.lost"] = (rule.arn, target["Id"], lost.code, call.now)
