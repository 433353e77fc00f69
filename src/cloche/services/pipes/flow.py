"""A batch on its way: to the enrichment, whose answer takes its place, and on to the target. What failed is named by its id, so that the source knows what to keep."""
from __future__ import annotations

import json
import logging
import time
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.languages import pipe_template

from . import calling, errors, streams, targets
from .pipes import Pipe

log = logging.getLogger("cloche")


async def through(call: Call, there: Call, pipe: Pipe, events: list[Any], id_: str) -> set[str]:
    """The ids of what failed: all of the batch, or what the target says."""
    known = [streams.of(pipe).sequence(e) if id_ == "sequence" else e[id_] for e in events]
    try:
        enriched = await enrich(call, there, pipe, events) if pipe.settings.get("Enrichment") else events
        if not enriched:
            return set()
        return await targets.deliver(call, there, pipe, enriched, known)
    except (AwsError, pipe_template.Invalid) as error:
        log.info("pipe %s: %s", pipe.name, error)
        return set(known)


async def enrich(call: Call, there: Call, pipe: Pipe, events: list[Any]) -> list[Any]:
    """What the enrichment makes of the batch: a list takes its place, anything else is one event, nothing is nothing. APIs are asked event by event."""
    parameters = pipe.settings.get("EnrichmentParameters") or {}
    texts = [as_json(text) for text in shaped(call, pipe, parameters.get("InputTemplate", ""), events)]
    arn, given = pipe.settings["Enrichment"], parameters.get("HttpParameters") or {}
    kind = arn.split(":")[2]
    if kind in ("lambda", "states"):
        said = await (calling.function if kind == "lambda" else calling.machine)(there, arn, f"[{','.join(texts)}]")
        return made_of(said)
    found: list[Any] = []
    for text in texts:
        found += made_of(await calling.http(call, there, arn, given, text))
    return found


def made_of(said: bytes) -> list[Any]:
    try:
        answer = json.loads(said or b"null")
    except ValueError:
        raise errors.failed("the enrichment's answer is no JSON") from None
    if answer in (None, "", {}, []):
        return []
    return answer if isinstance(answer, list) else [answer]


def shaped(call: Call, pipe: Pipe, template: str, events: list[Any]) -> list[str]:
    """Each event as the enrichment or target is given it."""
    if not template:
        return [written(event) for event in events]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(call.now))
    about = {"aws.pipes.pipe-arn": pipe.arn, "aws.pipes.pipe-name": pipe.name, "aws.pipes.source-arn": pipe.source, "aws.pipes.target-arn": pipe.target,
             "aws.pipes.enrichment-arn": pipe.settings.get("Enrichment", ""), "aws.pipes.event.ingestion-time": stamp}
    return [pipe_template.fill(template, event, about | {"aws.pipes.event": event, "aws.pipes.event.json": event}) for event in events]


def written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def as_json(text: str) -> str:
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text, ensure_ascii=False)
    return text


def give_up(call: Call, there: Call, pipe: Pipe, place: streams.Place, batch: list[Any], condition: str) -> None:
    """Where the records that could not be brought over are: to the dead-letter queue or topic, under the pipe's role."""
    arn = (pipe.parameters.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        return
    source, first, last = streams.of(pipe), batch[0], batch[-1]
    record = {
        "context": {"condition": condition, "approximateInvokeCount": place.attempts, "pipeArn": pipe.arn, "enrichmentArn": pipe.settings.get("Enrichment"), "targetArn": pipe.target},
        "version": "1.0", "timestamp": iso(call.now), source.INFO: {
            "shardId": place.shard, "startSequenceNumber": source.sequence(first), "endSequenceNumber": source.sequence(last), "approximateArrivalOfFirstRecord": iso(source.arrival(first)),
            "approximateArrivalOfLastRecord": iso(source.arrival(last)), "batchSize": len(batch), "streamArn": pipe.source}}
    try:
        with there.step():
            if arn.split(":")[2] == "sqs":
                from cloche.services.sqs import public as sqs
                sqs.send(there, arn, MessageBody=written(record))
            else:
                from cloche.services.sns import public as sns
                sns.publish(there, arn, Message=written(record))
    except AwsError as error:
        log.info("pipe %s: %s", pipe.name, error.message)


def iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
