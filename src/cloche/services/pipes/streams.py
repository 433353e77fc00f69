"""A stream as source: shard by shard, parents before children, in order. A batch that fails is tried again until it succeeds or may be given up."""
from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import AwsError, Call
from cloche.services.lambda_ import public as functions

from . import service as pipes

if TYPE_CHECKING:
    from .pipes import Pipe

LOOK_AGAIN_SECONDS, BACKOFF_MOST = 60.0, 60.0
log = logging.getLogger("cloche")

pipes.table("""
CREATE TABLE IF NOT EXISTS pipes_place (
    pipe TEXT, shard TEXT, sequence TEXT NOT NULL, finished INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, again REAL NOT NULL DEFAULT 0,
    piece INTEGER NOT NULL DEFAULT 0, opened REAL NOT NULL DEFAULT 0, PRIMARY KEY (pipe, shard)) WITHOUT ROWID;
""")


class Place(NamedTuple):
    shard: str
    sequence: str = ""  # the last record done with; "": from the beginning
    finished: int = 0
    attempts: int = 0
    again: float = 0.0
    piece: int = 0  # a failing batch is being halved: so many records at a time; 0: it is not
    opened: float = 0.0  # since when a batching window is open


def save(call: Call, pipe: Pipe, place: Place) -> Place:
    call.sql("INSERT OR REPLACE INTO pipes_place VALUES (?,?,?,?,?,?,?,?)", pipe.number, *place)
    return place


def place_in(call: Call, pipe: Pipe, shard: str) -> Place:
    row = call.row("SELECT shard, sequence, finished, attempts, again, piece, opened FROM pipes_place WHERE pipe=? AND shard=?", pipe.number, shard)
    return Place(*row) if row else Place(shard)


def forget(call: Call, pipe: Pipe) -> None:
    call.sql("DELETE FROM pipes_place WHERE pipe=?", pipe.number)


def begin(call: Call, pipe: Pipe) -> None:
    """LATEST is now: pin where that is, before anything more arrives."""
    from cloche.services.dynamodb import public as dynamodb
    stream = dynamodb.stream_of(call, pipe.source)
    if pipe.parameters["StartingPosition"] != "LATEST" or stream is None:
        return
    shards = described(call.as_root(), pipe)
    for shard in shards[:-1]:
        save(call, pipe, Place(shard["ShardId"], finished=1))
    number = stream.shard(call.now)
    save(call, pipe, Place(shards[-1]["ShardId"], str((number + 1) * dynamodb.SEQUENCE + dynamodb.last(call, stream, number))))


def described(there: Call, pipe: Pipe) -> list[Any]:
    shards: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        about = there.do("dynamodbstreams", "DescribeStream", StreamArn=pipe.source, **more)["StreamDescription"]
        shards += about["Shards"]
        if not about.get("LastEvaluatedShardId"):
            return shards
        more = {"ExclusiveStartShardId": about["LastEvaluatedShardId"]}


async def drain(call: Call, pipe: Pipe) -> float | None:
    """Until there is nothing more to do now; says when there will be."""
    from .pipes import acting
    try:
        there = acting(call, pipe)
        for shard in described(there, pipe):
            place = place_in(call, pipe, shard["ShardId"])
            if not place.finished:
                again, place = await drain_shard(call, there, pipe, place)
                if not place.finished:  # children wait for their parent
                    return again
        return None
    except AwsError as error:
        log.info("pipe %s: %s", pipe.name, error.message)
        return call.now + LOOK_AGAIN_SECONDS


async def drain_shard(call: Call, there: Call, pipe: Pipe, place: Place) -> tuple[float | None, Place]:
    from .polling import running
    while True:
        current = running(call, pipe)
        if current is None:
            return None, place
        if place.again > call.now:
            return place.again, place
        batch, closed = read(there, current, place)
        if not batch:
            with call.step():
                place = save(call, current, place._replace(finished=int(closed)))
            return None, place
        if current.window and len(batch) < current.batch_size and not place.attempts and not closed:
            opened = place.opened or call.now
            if call.now < opened + current.window:
                with call.step():
                    place = save(call, current, place._replace(opened=opened))
                return opened + current.window, place
        place = await attempt(call, there, current, place, batch)


def read(there: Call, pipe: Pipe, place: Place) -> tuple[list[Any], bool]:
    start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place.sequence} if place.sequence else {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = there.do("dynamodbstreams", "GetShardIterator", StreamArn=pipe.source, ShardId=place.shard, **start)["ShardIterator"]
    answer = there.do("dynamodbstreams", "GetRecords", ShardIterator=iterator, Limit=min(pipe.batch_size, place.piece or 1000, 1000))
    return answer["Records"], not answer.get("NextShardIterator")


async def attempt(call: Call, there: Call, pipe: Pipe, place: Place, batch: list[Any]) -> Place:
    """One try of a batch, and where that leaves the shard."""
    from . import flow
    settings = pipe.parameters
    oldest, most = settings["MaximumRecordAgeInSeconds"], settings["MaximumRetryAttempts"]
    if oldest != -1 and (expired := [r for r in batch if call.now - arrival(r) > oldest]):
        flow.give_up(call, there, pipe, place, expired, "RecordAgeExceeded")
        return moved(call, pipe, place, expired)
    filters = pipe.filters()
    wanted = [r | {"eventSourceARN": pipe.source} for r in batch if functions.matches(filters, r)]
    if not wanted:
        return moved(call, pipe, place, batch)
    failed = await flow.through(call, there, pipe, wanted, "sequence")
    first = next((i for i, r in enumerate(batch) if sequence(r) in failed), None)
    if first is None:
        return moved(call, pipe, place, batch)
    if first:  # those before the first that failed are done with
        return moved(call, pipe, place, batch[:first])
    if settings.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT" and len(batch) > 1:
        with call.step():
            return save(call, pipe, place._replace(piece=len(batch) // 2))
    attempts = place.attempts + 1
    if most != -1 and attempts > most:
        flow.give_up(call, there, pipe, place._replace(attempts=attempts), batch, "RetryAttemptsExhausted")
        return moved(call, pipe, place, batch)
    with call.step():
        return save(call, pipe, place._replace(attempts=attempts, again=call.now + min(2.0 ** (attempts - 1), BACKOFF_MOST)))


def moved(call: Call, pipe: Pipe, place: Place, done: list[Any]) -> Place:
    with call.step():
        return save(call, pipe, Place(place.shard, sequence(done[-1])))


def sequence(record: Any) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def arrival(record: Any) -> float:
    return float(record["dynamodb"]["ApproximateCreationDateTime"])
