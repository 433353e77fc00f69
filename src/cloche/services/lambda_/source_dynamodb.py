"""What the stream poller must know of DynamoDB's streams. `source_kinesis` says the same of Kinesis."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

if TYPE_CHECKING:
    from .mappings import Mapping

INFO, MOST = "DDBStreamBatchInfo", 1000


def topic(arn: str) -> Any:
    from cloche.services.dynamodb import public as dynamodb
    return dynamodb.topic(arn)


def shards(there: Call, mapping: Mapping) -> list[tuple[str, list[str]]]:
    """Each shard with its parents."""
    return [(shard["ShardId"], [shard["ParentShardId"]] if shard.get("ParentShardId") else []) for shard in described(there, mapping)]


def described(there: Call, mapping: Mapping) -> list[Any]:
    found: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        about = there.do("dynamodbstreams", "DescribeStream", StreamArn=mapping.source, **more)["StreamDescription"]
        found += about["Shards"]
        if not about.get("LastEvaluatedShardId"):
            return found
        more = {"ExclusiveStartShardId": about["LastEvaluatedShardId"]}


def begin(call: Call, mapping: Mapping) -> list[tuple[str, str, bool]]:
    """Where each shard stands now that is not to be read from its beginning: (shard, sequence number, whether it is done with)."""
    if mapping.position != "LATEST":
        return []
    from cloche.services.dynamodb import public as dynamodb
    *old, current = described(call.as_root(), mapping)
    stream = dynamodb.stream_of(call, mapping.source)
    assert stream is not None, "it was described a moment ago"
    number = stream.shard(call.now)
    last = str((number + 1) * dynamodb.SEQUENCE + dynamodb.last(call, stream, number))
    return [*((shard["ShardId"], "", True) for shard in old), (current["ShardId"], last, False)]


def read(there: Call, mapping: Mapping, shard: str, after: str, limit: int) -> tuple[list[Any], bool]:
    """The next records, and whether the shard has nothing after them for ever."""
    start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after} if after else {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = there.do("dynamodbstreams", "GetShardIterator", StreamArn=mapping.source, ShardId=shard, **start)["ShardIterator"]
    answer = there.do("dynamodbstreams", "GetRecords", ShardIterator=iterator, Limit=limit)
    return [told(record) | {"eventSourceARN": mapping.source} for record in answer["Records"]], not answer.get("NextShardIterator")


def told(record: Any) -> Any:
    """As functions and filters see it: who deleted an expired item is spelled small."""
    if who := record.get("userIdentity"):
        return record | {"userIdentity": {"type": who["Type"], "principalId": who["PrincipalId"]}}
    return record


def sequence(record: Any) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def arrival(record: Any) -> float:
    return float(record["dynamodb"]["ApproximateCreationDateTime"])


def lane_key(record: Any) -> str:
    """What keeps its order among the lanes of a shard."""
    return json.dumps(record["dynamodb"]["Keys"], sort_keys=True)


def view(record: Any) -> Any:
    """The record as filters see it."""
    return record
