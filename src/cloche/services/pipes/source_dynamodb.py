"""What the reader of streams must know of a table's stream. `source_kinesis` says the same of Kinesis."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

if TYPE_CHECKING:
    from .pipes import Pipe

INFO, MOST = "DDBStreamBatchInfo", 1000


def topic(source: str) -> Any:
    from cloche.services.dynamodb import public as dynamodb
    return dynamodb.topic(source)


def probe(there: Call, pipe: Pipe) -> None:
    there.do("dynamodbstreams", "DescribeStream", StreamArn=pipe.source, Limit=1)


def shards(there: Call, pipe: Pipe) -> list[tuple[str, list[str]]]:
    """(shard, its parents), oldest first."""
    found: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        about = there.do("dynamodbstreams", "DescribeStream", StreamArn=pipe.source, **more)["StreamDescription"]
        found += about["Shards"]
        if not about.get("LastEvaluatedShardId"):
            return [(one["ShardId"], [one["ParentShardId"]] if one.get("ParentShardId") else []) for one in found]
        more = {"ExclusiveStartShardId": about["LastEvaluatedShardId"]}


def begin(call: Call, pipe: Pipe) -> list[tuple[str, str, bool]]:
    """(shard, the sequence number after which to begin, whether it is over): LATEST is now."""
    from cloche.services.dynamodb import public as dynamodb
    stream = dynamodb.stream_of(call, pipe.source)
    if pipe.parameters["StartingPosition"] != "LATEST" or stream is None:
        return []
    there = [name for name, _ in shards(call.as_root(), pipe)]
    number = stream.shard(call.now)
    return [*((name, "", True) for name in there[:-1]), (there[-1], str((number + 1) * dynamodb.SEQUENCE + dynamodb.last(call, stream, number)), False)]


def read(there: Call, pipe: Pipe, shard: str, after: str, limit: int) -> tuple[list[Any], bool]:
    """The records after a place, and whether nothing can follow them."""
    start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after} if after else {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = there.do("dynamodbstreams", "GetShardIterator", StreamArn=pipe.source, ShardId=shard, **start)["ShardIterator"]
    answer = there.do("dynamodbstreams", "GetRecords", ShardIterator=iterator, Limit=limit)
    return [record | {"eventSourceARN": pipe.source} for record in answer["Records"]], not answer.get("NextShardIterator")


def sequence(record: Any) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def arrival(record: Any) -> float:
    return float(record["dynamodb"]["ApproximateCreationDateTime"])


def view(record: Any) -> Any:
    """What filters look at."""
    return record
