"""What a pipe may read from: a queue, a table's stream, or a stream of Kinesis. Their parameters, and whether they can be read at all."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, streams

if TYPE_CHECKING:
    from .pipes import Pipe

MEMBERS = {"sqs": "SqsQueueParameters", "dynamodb": "DynamoDBStreamParameters", "kinesis": "KinesisStreamParameters"}
OTHERS = ("ActiveMQBrokerParameters", "RabbitMQBrokerParameters", "ManagedStreamingKafkaParameters", "SelfManagedKafkaParameters")
DEFAULTS: dict[str, dict[str, Any]] = {
    "sqs": {"BatchSize": 10},
    "dynamodb": {"BatchSize": 100, "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1},
    "kinesis": {"BatchSize": 100, "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1},
}


def kind_of(source: str) -> str:
    parts = source.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        raise errors.not_built("a source that is no ARN (self-managed Kafka)")
    if parts[2] not in MEMBERS:
        raise errors.not_built(f"a source of {parts[2]}")
    if parts[2] == "dynamodb" and "/stream/" not in parts[5]:
        raise errors.invalid(f"Source {source} is not a stream.")
    return parts[2]


def with_defaults(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    for member in (*MEMBERS.values(), *OTHERS):
        if member in given and member != MEMBERS[kind]:
            raise errors.parameters_of_another(member)
    return given | {MEMBERS[kind]: DEFAULTS[kind] | given.get(MEMBERS[kind], {})}


def merged(kind: str, old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """UpdatePipe's SourceParameters over what there was; empty filters take the old ones away."""
    out = with_defaults(kind, given)
    out[MEMBERS[kind]] = old[MEMBERS[kind]] | given.get(MEMBERS[kind], {})
    if not given.get("FilterCriteria", {"Filters": 1}).get("Filters"):
        out.pop("FilterCriteria")
    elif "FilterCriteria" in old and "FilterCriteria" not in given:
        out["FilterCriteria"] = old["FilterCriteria"]
    return out


def check(source: str, parameters: dict[str, Any]) -> None:
    kind = source.split(":")[2]
    given = parameters[MEMBERS[kind]]
    size, window = given["BatchSize"], given.get("MaximumBatchingWindowInSeconds", 0)
    if kind != "sqs":
        if kind == "kinesis" and (given.get("StartingPosition") == "AT_TIMESTAMP") != ("StartingPositionTimestamp" in given):
            raise errors.invalid("StartingPositionTimestamp must be given with the starting position AT_TIMESTAMP, and with no other.")
        return
    if source.endswith(".fifo"):
        if size > 10 or window:
            raise errors.fifo_batch()
    elif size > 10 and not window:
        raise errors.window_needed()


def topic(source: str) -> Any:
    if source.split(":")[2] == "sqs":
        from cloche.services.sqs import public as sqs
        return sqs.topic(source)
    from . import source_dynamodb, source_kinesis
    return (source_kinesis if ":kinesis:" in source else source_dynamodb).topic(source)


def begin(call: Call, pipe: Pipe) -> None:
    if pipe.source_kind != "sqs":
        streams.begin(call, pipe)


def forget(call: Call, pipe: Pipe) -> None:
    if pipe.source_kind != "sqs":
        streams.forget(call, pipe)


def probe(there: Call, pipe: Pipe) -> None:
    """Raises what stands in the way of reading: no such source, or a role that may not."""
    if pipe.source_kind == "sqs":
        from cloche.services.sqs import public as sqs
        for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
            sqs.allowed(there, pipe.source, action)
    else:
        streams.of(pipe).probe(there, pipe)
