"""The poller of a stream: shard by shard, parents before children, in order. A batch that fails is tried again until it succeeds or may be given up.

The place in a shard is the last sequence number done with; with it are kept the failing batch's tries and, when it is being halved, the sizes of
the pieces still to do. With a ParallelizationFactor a shard has as many lanes, each with a place of its own, and a record's lane follows from its key:
so the order of a key holds, and a poison record blocks its own lane alone.
"""
from __future__ import annotations

import asyncio
import json
import logging
import math
import time
import zlib
from typing import Any, NamedTuple

from cloche.kernel import AwsError, Call

from . import destinations, metering, names, running, source_dynamodb, source_kinesis
from . import service as lambda_
from .mappings import Mapping, matches
from .records import Version, version_of
from .roles import acting

SOURCES: dict[str, Any] = {"dynamodb": source_dynamodb, "kinesis": source_kinesis}
BACKOFF_MOST = 60.0
PAYLOAD_LIMIT = 6_000_000
STATE_LIMIT = 1_000_000  # of a tumbling window, for each shard: beyond it the window ends early
log = logging.getLogger("cloche")

lambda_.table("""
CREATE TABLE IF NOT EXISTS lambda_place (
    mapping TEXT, shard TEXT, sequence TEXT NOT NULL, finished INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, again REAL NOT NULL DEFAULT 0,
    pieces TEXT NOT NULL DEFAULT '[]', opened REAL NOT NULL DEFAULT 0,
    tumbling REAL NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (mapping, shard)) WITHOUT ROWID;
""")


class Place(NamedTuple):
    shard: str
    sequence: str  # "": from the beginning
    finished: bool
    attempts: int
    again: float
    pieces: list[int]
    opened: float
    tumbling: float = 0.0  # begin of the window whose state is kept; 0: none
    state: str = "{}"


def topic(arn: str) -> Any:
    return SOURCES[arn.split(":")[2]].topic(arn)


def source(mapping: Mapping) -> Any:
    return SOURCES[mapping.source_kind]


def begin(call: Call, mapping: Mapping) -> None:
    """LATEST is now: pin where that is, before anything more arrives."""
    if call.row("SELECT 1 FROM lambda_place WHERE mapping = ?", mapping.uuid):
        return
    for shard, last, over in source(mapping).begin(call, mapping):
        for lane in lanes(mapping, shard):
            save(call, mapping, Place(lane, last, over, 0, 0.0, [], 0.0))


def forget(call: Call, mapping: Mapping) -> None:
    call.sql("DELETE FROM lambda_place WHERE mapping = ?", mapping.uuid)


def save(call: Call, mapping: Mapping, place: Place) -> Place:
    call.sql("INSERT OR REPLACE INTO lambda_place VALUES (?,?,?,?,?,?,?,?,?,?)", mapping.uuid, place.shard, place.sequence, int(place.finished), place.attempts, place.again,
             json.dumps(place.pieces), place.opened, place.tumbling, place.state)
    return place


def place_in(call: Call, mapping: Mapping, shard: str) -> Place:
    row = call.row("SELECT shard, sequence, finished, attempts, again, pieces, opened, tumbling, state FROM lambda_place WHERE mapping = ? AND shard = ?", mapping.uuid, shard)
    return Place(row[0], row[1], bool(row[2]), row[3], row[4], json.loads(row[5]), *row[6:]) if row else Place(shard, "", False, 0, 0.0, [], 0.0)


async def drain(call: Call, mapping: Mapping) -> float | None:
    """Work until there is nothing more to do now; says when there will be. The lanes of all shards run side by side: one that waits for a slow function keeps no other waiting."""
    name = names.Name(call.account, call.region, mapping.function, mapping.qualifier)
    running_: dict[str, asyncio.Task[tuple[float | None, Place]]] = {}
    idle: dict[str, float | None] = {}  # the lanes that have nothing to do, and when they will
    try:
        version = version_of(call, name)
        there = acting(call, version.role, mapping.function)
        news = asyncio.ensure_future(call.wait([topic(mapping.source)], math.inf))
        try:
            while True:
                for place in ready(call, there, mapping):
                    if place.shard not in running_ and place.shard not in idle:
                        running_[place.shard] = asyncio.ensure_future(drain_lane(call, there, mapping, name, version, place))
                if not running_:
                    return min((again for again in idle.values() if again is not None), default=None)
                await asyncio.wait([*running_.values(), news], return_when=asyncio.FIRST_COMPLETED)
                for lane in [lane for lane, task in running_.items() if task.done()]:
                    again, place = running_.pop(lane).result()
                    if not place.finished:
                        idle[lane] = again
                if news.done():
                    idle.clear()
                if running_:  # while some work, the others must not miss what comes, or their moment
                    news.cancel()
                    news = asyncio.ensure_future(call.wait([topic(mapping.source)], min((again for again in idle.values() if again is not None), default=math.inf)))
        finally:
            news.cancel()
    except AwsError as error:
        log.info("mapping %s: %s", mapping.uuid, error.message)
        from . import polling
        polling.later(call, mapping)
        return None
    finally:
        if running_:
            await asyncio.wait(running_.values())


def ready(call: Call, there: Call, mapping: Mapping) -> list[Place]:
    """The lanes that may be worked on: children wait for their parents."""
    shards = source(mapping).shards(there, mapping)
    places = {shard: [place_in(call, mapping, lane) for lane in lanes(mapping, shard)] for shard, _ in shards}
    over = {shard for shard, its in places.items() if all(place.finished for place in its)}
    return [place for shard, parents in shards if shard not in over and all(p in over or p not in places for p in parents) for place in places[shard] if not place.finished]


def lanes(mapping: Mapping, shard: str) -> list[str]:
    factor = mapping.config["ParallelizationFactor"]
    return [shard] if factor == 1 else [f"{shard}#{n}" for n in range(factor)]


def lane_of(key: str, factor: int) -> int:
    return zlib.crc32(key.encode()) % factor


def relane(call: Call, mapping: Mapping, factor: int) -> None:
    """The factor changes: every new lane begins where the last of the old ones is. Some records come twice; none is lost."""
    rows = call.sql("SELECT shard, sequence, finished FROM lambda_place WHERE mapping = ?", mapping.uuid)
    forget(call, mapping)
    changed = mapping.but(config=mapping.config | {"ParallelizationFactor": factor})
    for shard in {row[0].partition("#")[0] for row in rows}:
        old = [row for row in rows if row[0].partition("#")[0] == shard]
        if len(old) < mapping.config["ParallelizationFactor"]:
            first = ""
        else:
            first = min((row[1] for row in old), key=lambda s: int(s or 0))
        for lane in lanes(changed, shard):
            save(call, changed, Place(lane, first, all(row[2] for row in old), 0, 0.0, [], 0.0))


async def drain_lane(call: Call, there: Call, mapping: Mapping, name: names.Name, version: Version, place: Place) -> tuple[float | None, Place]:
    while True:
        current = call.get(Mapping, mapping.uuid)
        if current is None or current.wanted != "Enabled":
            return None, place
        if place.again > call.now:
            return place.again, place
        if place.tumbling and len(place.state) > STATE_LIMIT:
            place = await end_window(call, current, name, version, place, early=True)
            continue
        passed, batch, closed = read(there, current, place)
        if passed and not batch:
            place = moved(call, current, place, passed)
            continue
        if not batch and place.tumbling:
            end = place.tumbling + current.config["TumblingWindowInSeconds"]
            if call.now < end:
                return end, place
            place = await end_window(call, current, name, version, place)
            continue
        if not batch:
            with call.step():
                place = save(call, current, place._replace(finished=closed))
            return None, place
        window = current.config["MaximumBatchingWindowInSeconds"]
        if window and len(batch) < current.batch_size and not place.attempts and not closed:
            opened = place.opened or call.now
            if call.now < opened + window:
                with call.step():
                    place = save(call, current, place._replace(opened=opened))
                return opened + window, place
        place = await attempt(call, current, name, version, place, batch)


def read(there: Call, mapping: Mapping, place: Place) -> tuple[list[Any], list[Any], bool]:
    """The next records, those of them that are this lane's, and whether the shard has nothing after them for ever."""
    shard, _, lane = place.shard.partition("#")
    factor, of = mapping.config["ParallelizationFactor"], source(mapping)
    limit = min([mapping.batch_size, of.MOST, *place.pieces[:1]])
    records, ended = of.read(there, mapping, shard, place.sequence, min(limit * factor, of.MOST))
    mine = records if not lane else [r for r in records if lane_of(of.lane_key(r), factor) == int(lane)]
    return records, mine[:limit], ended


async def attempt(call: Call, mapping: Mapping, name: names.Name, version: Version, place: Place, batch: list[Any]) -> Place:
    """One try of a batch, and where that leaves the shard."""
    of, filters, oldest = source(mapping), mapping.filters(), mapping.config["MaximumRecordAgeInSeconds"]
    if oldest != -1 and (expired := [r for r in batch if call.now - source(mapping).arrival(r) > oldest]):
        await give_up(call, mapping, version, place, expired, "RecordAgeExceeded", None)
        return moved(call, mapping, place, expired)
    width = mapping.config["TumblingWindowInSeconds"]
    if width:
        begin_ = window_of(mapping, batch[0], width)
        if place.tumbling and begin_ > place.tumbling:
            return await end_window(call, mapping, name, version, place)
        batch = [r for r in batch if window_of(mapping, r, width) == begin_]
    wanted = [r for r in batch if matches(filters, of.view(r))]
    if not place.attempts and not place.pieces:
        metering.counted(call, mapping, "PolledEventCount", len(batch))
        metering.counted(call, mapping, "FilteredOutEventCount", len(batch) - len(wanted))
    if not wanted:
        return moved(call, mapping, place, batch)
    more = window_fields(mapping, place, begin_, False) if width else {}
    payload = json.dumps({"Records": wanted, **more}, separators=(",", ":")).encode()
    if len(payload) > PAYLOAD_LIMIT and len(batch) > 1:
        with call.step():
            return save(call, mapping, place._replace(pieces=halves(batch, place.pieces)))
    metering.iterator_age(call, mapping.function, call.now - of.arrival(wanted[-1]))
    metering.counted(call, mapping, "InvokedEventCount", len(wanted))
    result: running.Result | None = None
    try:
        result = await running.run(call, name, payload)
    except AwsError as error:
        if error.status == 404:
            raise
    failed = result is None or result.failed
    done: list[Any] = [] if failed else batch
    if result and not failed and mapping.reports_failures:
        failure = first_failure(result.outcome.payload, [of.sequence(r) for r in batch])
        failed = failure is not None
        done = batch if failure is None else batch[:failure]
    tell(call, mapping, "PROBLEM: Function call failed" if failed else "OK")
    if done:
        if width and result:
            place = place._replace(tumbling=begin_, state=state_in(result.outcome.payload))
        place = moved(call, mapping, place, done)
        batch = batch[len(done) :]
    if not failed:
        return place
    metering.counted(call, mapping, "FailedInvokeEventCount", len(batch))
    if result is None:  # throttled: that is not the batch's fault
        with call.step():
            return save(call, mapping, place._replace(again=call.now + 1.0))
    if mapping.config["BisectBatchOnFunctionError"] and len(batch) > 1 and not done:
        with call.step():
            return save(call, mapping, place._replace(pieces=halves(batch, place.pieces)))
    attempts, most = place.attempts + 1, mapping.config["MaximumRetryAttempts"]
    if most != -1 and attempts > most:
        await give_up(call, mapping, version, place._replace(attempts=attempts), batch, "RetryAttemptsExhausted", result)
        return moved(call, mapping, place, batch)
    with call.step():
        return save(call, mapping, place._replace(attempts=attempts, again=call.now + min(2.0 ** (attempts - 1), BACKOFF_MOST)))


def window_of(mapping: Mapping, record: Any, width: int) -> float:
    return source(mapping).arrival(record) // width * width  # type: ignore[no-any-return]


def window_fields(mapping: Mapping, place: Place, start: float, final: bool, early: bool = False) -> dict[str, Any]:
    """What a tumbling window adds to the event."""
    begin_, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(m)) for m in (start, start + mapping.config["TumblingWindowInSeconds"]))
    return {"window": {"start": begin_, "end": end}, "state": json.loads(place.state), "shardId": place.shard.partition("#")[0], "eventSourceARN": mapping.source,
            "isFinalInvokeForWindow": final, "isWindowTerminatedEarly": early}


def state_in(payload: bytes) -> str:
    try:
        state = json.loads(payload).get("state")
    except (ValueError, AttributeError):
        state = None
    return json.dumps(state if isinstance(state, dict) else {})


async def end_window(call: Call, mapping: Mapping, name: names.Name, version: Version, place: Place, early: bool = False) -> Place:
    """The last invocation of a window: no records, only what was gathered."""
    payload = json.dumps({"Records": [], **window_fields(mapping, place, place.tumbling, True, early)}, separators=(",", ":")).encode()
    try:
        failed = (await running.run(call, name, payload)).failed
    except AwsError as error:
        if error.status == 404:
            raise
        failed = True
    attempts, most = place.attempts + 1, mapping.config["MaximumRetryAttempts"]
    with call.step():
        if failed and (most == -1 or attempts <= most):
            return save(call, mapping, place._replace(attempts=attempts, again=call.now + min(2.0 ** (attempts - 1), BACKOFF_MOST)))
        return save(call, mapping, place._replace(attempts=0, again=0.0, tumbling=0.0, state="{}"))


def halves(batch: list[Any], pieces: list[int]) -> list[int]:
    half = len(batch) // 2
    return [half, len(batch) - half, *pieces[1:]]


def moved(call: Call, mapping: Mapping, place: Place, done: list[Any]) -> Place:
    """Past these records."""
    with call.step():
        pieces = place.pieces
        if pieces:
            pieces = pieces[1:] if len(done) >= pieces[0] else [pieces[0] - len(done), *pieces[1:]]
        return save(call, mapping, place._replace(sequence=source(mapping).sequence(done[-1]), attempts=0, again=0.0, opened=0.0, pieces=pieces))


def tell(call: Call, mapping: Mapping, result: str) -> None:
    current = call.get(Mapping, mapping.uuid)
    if current and current.result != result:
        with call.step():
            call.put(current.but(result=result))


def first_failure(payload: bytes, numbers: list[str]) -> int | None:
    """The index of the lowest reported record; 0 (all of it) if the answer makes no sense; None: nothing failed."""
    try:
        said = json.loads(payload)
        if not said or not said.get("batchItemFailures"):
            return None
        reported = {str(item["itemIdentifier"]) for item in said["batchItemFailures"]}
    except (ValueError, AttributeError, TypeError, KeyError):
        return 0
    places = [i for i, number in enumerate(numbers) if number in reported]
    return min(places) if len(places) == len(reported) else 0


async def give_up(call: Call, mapping: Mapping, version: Version, place: Place, batch: list[Any], condition: str, result: running.Result | None) -> None:
    metering.counted(call, mapping, "DroppedEventCount", len(batch))
    target = mapping.config["DestinationConfig"].get("OnFailure", {}).get("Destination")
    if not target:
        return
    record: dict[str, Any] = {
        "requestContext": {"requestId": call.uuid(), "functionArn": names.arn(call, mapping.function, mapping.qualifier), "condition": condition, "approximateInvokeCount": place.attempts},
    }
    if result:
        record["responseContext"] = {"statusCode": 200, "executedVersion": result.version, "functionError": "Unhandled"}
    of = source(mapping)
    record |= {"version": "1.0", "timestamp": stamp(call.now), of.INFO: {
        "shardId": place.shard.partition("#")[0], "startSequenceNumber": of.sequence(batch[0]), "endSequenceNumber": of.sequence(batch[-1]),
        "approximateArrivalOfFirstRecord": stamp(of.arrival(batch[0])), "approximateArrivalOfLastRecord": stamp(of.arrival(batch[-1])), "batchSize": len(batch),
        "streamArn": mapping.source.partition("/consumer/")[0]}}
    if target.split(":")[2] == "s3":
        record["payload"] = json.dumps({"Records": batch}, separators=(",", ":"))
    if await destinations.send(call, version.role, names.arn(call, mapping.function), target, record, True):
        metering.counted(call, mapping, "OnFailureDestinationDeliveredEventCount", len(batch))
    else:
        metering.one(call, "DestinationDeliveryFailures", mapping.function)


def stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
