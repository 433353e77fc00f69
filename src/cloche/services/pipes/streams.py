"""A stream as source: shard by shard, parents before children, in order. A batch that fails is tried again until it succeeds or may be given up.

What is peculiar to DynamoDB's streams and to Kinesis say `source_dynamodb` and `source_kinesis`.
"""
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


def of(pipe: Pipe) -> Any:
    from . import source_dynamodb, source_kinesis
    return source_kinesis if pipe.source_kind == "kinesis" else source_dynamodb


def begin(call: Call, pipe: Pipe) -> None:
    """Pin where the pipe begins, before anything more arrives."""
    for shard, after, over in of(pipe).begin(call, pipe):
        save(call, pipe, Place(shard, after, finished=int(over)))


async def drain(call: Call, pipe: Pipe) -> float | None:
    """Until there is nothing more to do now; says when there will be."""
    from .pipes import acting
    try:
        there, due = acting(call, pipe), []
        standing: set[str] = set()
        for shard, parents in of(pipe).shards(there, pipe):
            place = place_in(call, pipe, shard)
            if place.finished:
                continue
            if standing.isdisjoint(parents):  # children wait for their parents
                again, place = await drain_shard(call, there, pipe, place)
                due += [again] if again is not None else []
            if not place.finished:
                standing.add(shard)
        return min(due, default=None)
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
        batch, closed = of(current).read(there, current, place.shard, place.sequence, min(current.batch_size, place.piece or of(current).MOST, of(current).MOST))
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


async def attempt(call: Call, there: Call, pipe: Pipe, place: Place, batch: list[Any]) -> Place:
    """One try of a batch, and where that leaves the shard."""
    from . import flow
    source, settings = of(pipe), pipe.parameters
    oldest, most = settings["MaximumRecordAgeInSeconds"], settings["MaximumRetryAttempts"]
    if oldest != -1 and (expired := [r for r in batch if call.now - source.arrival(r) > oldest]):
        flow.give_up(call, there, pipe, place, expired, "RecordAgeExceeded")
        return moved(call, pipe, place, expired)
    filters = pipe.filters()
    wanted = [r for r in batch if functions.matches(filters, source.view(r))]
    if not wanted:
        return moved(call, pipe, place, batch)
    failed = await flow.through(call, there, pipe, wanted, "sequence")
    first = next((i for i, r in enumerate(batch) if source.sequence(r) in failed), None)
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
        return save(call, pipe, Place(place.shard, of(pipe).sequence(done[-1])))
