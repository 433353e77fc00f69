"""What a trail wants is written down for it as it happens, told to EventBridge, and delivered five minutes after the first: to the bucket, with a note to the
topic, and to the log group. A delivery that is refused is tried again; nothing wanted is lost.
"""
from __future__ import annotations

import gzip
import inspect
import json
import time
from typing import Any

from cloche.kernel import AwsError, AwsEvent, Call, Record
from cloche.kernel.journal import Line
from cloche.services.events import public as events
from cloche.services.logs import public as logs
from cloche.services.sns import public as sns

from . import destinations, digests, event_data_stores, history, insights, records, selectors
from . import service as cloudtrail
from .trails import Trail, logging_for

AFTER_SECONDS = 300
AT_ONCE = 5000      # records in a file
KEEP_TRYING_SECONDS = 30 * 86_400
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

cloudtrail.table("""
CREATE TABLE IF NOT EXISTS cloudtrail_wanted (trail TEXT, account TEXT, region TEXT, id INTEGER, at REAL, PRIMARY KEY (trail, account, region, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cloudtrail_file (
    id INTEGER PRIMARY KEY, trail TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, bucket TEXT NOT NULL, object TEXT NOT NULL, hash TEXT NOT NULL, oldest TEXT NOT NULL, newest TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS cloudtrail_file_trail ON cloudtrail_file (trail, account, region, id);
""")


class Delivered(Record, frozen=True):
    """How a trail fares in an account and a region."""

    kind = "cloudtrail.delivered"

    trail: str
    at: float = 0
    error: str = ""
    noted: float = 0
    note_error: str = ""
    logged: float = 0
    log_error: str = ""
    digest: float = 0
    digest_error: str = ""
    before: dict[str, str] | None = None     # of the digest before: bucket, object, hash, signature
    since: float = 0                         # the next digest begins here

    @property
    def key(self) -> str:
        return self.trail


def state(call: Call, trail: str) -> Delivered:
    return call.get(Delivered, trail) or Delivered(trail)


# -- as it happens ----------------------------------------------------------------------------------------------------------------

@cloudtrail.boot
def wake(call: Call) -> None:
    selectors.watch(call.cloud)


def follow(line: Line, call: Call) -> None:
    """Within the step of the request that the line tells of."""
    wanting, stores = list(logging_for(call.cloud, line.account, line.region)), list(event_data_stores.hearing(call.cloud, line.account, line.region))
    if not wanting and not stores:
        return
    one = records.seen(call.cloud, line)
    record = records.record(call.cloud, one)
    for store in stores:
        if selectors.wants(store, record, one.facts.category):
            event_data_stores.keep(call.cloud.internal(call.cloud.service("cloudtrail"), line.account, line.region), store, line.id, line.at, record)
    if one.facts.category == "Management" and (watched := {kind for trail in wanting for kind in insights.kinds(trail)}):
        insights.count(call.cloud.internal(call.cloud.service("cloudtrail"), line.account, line.region), record, watched)
    wanting = [trail for trail in wanting if selectors.wants(trail, record, one.facts.category)]
    if not wanting:
        return
    here = call.cloud.internal(call.cloud.service("cloudtrail"), line.account, line.region)
    for trail in wanting:
        if here.row("SELECT 1 FROM cloudtrail_wanted WHERE trail = ? AND account = ? AND region = ? LIMIT 1", trail.arn, line.account, line.region) is None:
            here.after(AFTER_SECONDS, due, trail.arn, trail=trail.arn)
        here.sql("INSERT INTO cloudtrail_wanted VALUES (?,?,?,?,?)", trail.arn, line.account, line.region, line.id, line.at)
    if not record["readOnly"] or one.facts.category != "Management" or events.hears_reads(here):
        here.emit(AwsEvent(f"aws.{one.facts.source.partition('.')[0]}", "AWS API Call via CloudTrail" if one.facts.operation else "AWS Service Event via CloudTrail", record))


# -- five minutes later -------------------------------------------------------------------------------------------------------------

@cloudtrail.timer
def due(call: Call, trail: str) -> None:
    call.wake(deliver, trail)


def trail_of(call: Call, arn: str) -> Trail | None:
    parts = arn.split(":", 5)
    return call.at(parts[4], parts[3]).get(Trail, f"{parts[3]}/{parts[5].partition('/')[2]}")


@cloudtrail.worker
async def deliver(call: Call, key: str) -> None:
    """What one trail wants of this account and region."""
    await history.catch_up(call)
    while (trail := trail_of(call, key)) is not None:
        rows = call.sql(f"SELECT {history.LINE} FROM cloudtrail_wanted w JOIN cloudtrail_event j ON j.id = w.id WHERE w.trail = ? AND w.account = ? AND w.region = ? ORDER BY w.id LIMIT ?",
                        key, call.account, call.region, AT_ONCE)
        if not rows:
            return
        those = [records.record(call.cloud, history.seen(*row)) for row in rows]
        try:
            file = await to_bucket(call, trail, those)
        except AwsError as error:
            with call.step():
                refused(call, key, error)
            return
        with call.step():
            call.sql("DELETE FROM cloudtrail_wanted WHERE trail = ? AND account = ? AND region = ? AND id <= ?", key, call.account, call.region, rows[-1][0])
            now = state(call, key).but(at=call.now, error="")
            if trail.topic:
                now = note(call, trail, file, now)
            if trail.group:
                now = log(call, trail, those, now)
            call.put(now)
            if trail.validation:
                digests.begin(call, trail, call.account, call.region)


def refused(call: Call, key: str, error: AwsError) -> None:
    """Say so, and try again as long as AWS does. One that fails as before changes nothing."""
    now = state(call, key)
    if now.error != error.code:
        call.put(now.but(error=error.code))
    call.sql("DELETE FROM cloudtrail_wanted WHERE trail = ? AND account = ? AND region = ? AND at < ?", key, call.account, call.region, call.now - KEEP_TRYING_SECONDS)
    if call.row("SELECT 1 FROM cloudtrail_wanted WHERE trail = ? AND account = ? AND region = ? LIMIT 1", key, call.account, call.region):
        call.again(AFTER_SECONDS, due, key, trail=key)


def stamp(moment: float, form: str = "%Y%m%dT%H%MZ") -> str:
    return time.strftime(form, time.gmtime(moment))


async def to_bucket(call: Call, trail: Trail, those: list[dict[str, Any]]) -> str:
    raw = json.dumps({"Records": those}, separators=(",", ":")).encode()
    key = f"{destinations.folder(trail, call.account)}/CloudTrail/{call.region}/{stamp(call.now, '%Y/%m/%d')}/{call.account}_CloudTrail_{call.region}_{stamp(call.now)}_{call.pick(LETTERS, 16)}.json.gz"
    await put(call, trail, key, raw)
    if trail.validation:
        times = sorted(one["eventTime"] for one in those)
        with call.step():
            call.sql("INSERT INTO cloudtrail_file (trail, account, region, bucket, object, hash, oldest, newest) VALUES (?,?,?,?,?,?,?,?)", trail.arn, call.account, call.region, trail.bucket, key,
                     digests.hashed(raw), times[0], times[-1])
    return key


async def put(call: Call, trail: Trail, key: str, raw: bytes, **metadata: str) -> None:
    """A file as CloudTrail puts it: compressed, the bucket owner's, under the trail's key if it has one."""
    more: dict[str, Any] = {"Metadata": metadata} if metadata else {}
    if trail.kms:
        more |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": trail.kms, "SSEKMSEncryptionContext": destinations.context(trail)}
    region = trail.region
    with call.step():
        writer = destinations.writer(call.at(trail.account, region), trail)
        result: Any = writer.do("s3", "PutObject", Bucket=trail.bucket, Key=key, Body=gzip.compress(raw, mtime=0), ACL="bucket-owner-full-control", ContentType="application/json",
                                ContentEncoding="gzip", **more)
    if inspect.isawaitable(result):
        await result


def note(call: Call, trail: Trail, file: str, now: Delivered) -> Delivered:
    try:
        with call.step():
            sns.publish(destinations.writer(call, trail), trail.topic, Message=json.dumps({"s3Bucket": trail.bucket, "s3ObjectKey": [file]}, separators=(",", ":")))
    except AwsError as error:
        return now.but(note_error=error.code)
    return now.but(noted=call.now, note_error="")


def log(call: Call, trail: Trail, those: list[dict[str, Any]], now: Delivered) -> Delivered:
    """Each record is an event of its own, in a stream named after account and home region, under the trail's role."""
    parts = trail.group.split(":", 6)
    try:
        with call.step():
            there = call.at(parts[4], parts[3])
            writer = there.as_role(trail.role, destinations.SESSION, destinations.PRINCIPAL, trail.arn)
            lines = [(int(call.now * 1000), json.dumps(one, separators=(",", ":"))) for one in those]
            if not logs.write(writer, parts[6].removesuffix(":*"), f"{'_'.join(filter(None, (trail.organization, call.account)))}_CloudTrail_{trail.region}", lines):
                return now.but(log_error="AccessDenied")
    except AwsError as error:
        return now.but(log_error=error.code)
    return now.but(logged=call.now, log_error="")


def forget(call: Call, trail: Trail) -> None:
    """The trail is gone: what it still wanted goes with it."""
    call.sql("DELETE FROM cloudtrail_wanted WHERE trail = ?", trail.arn)
    call.sql("DELETE FROM cloudtrail_file WHERE trail = ?", trail.arn)
    call.sql("DELETE FROM cloudtrail_insight_wanted WHERE trail = ?", trail.arn)
    for account, region in call.cloud.store.scopes(Delivered.kind):
        there = call.at(account, region)
        if one := there.get(Delivered, trail.arn):
            there.delete(one)
