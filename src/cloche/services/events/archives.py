"""Archives keep the events of a bus; replays put them on it again, marked with `replay-name`. A replayed event is not kept again."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.languages import event_pattern

from . import errors
from . import service as events
from .buses import find, page

if TYPE_CHECKING:
    from cloche.shapes import events as t

REPLAYED_AT_ONCE = 100
DAY = 86_400

events.table("""
CREATE TABLE IF NOT EXISTS events_kept (archive TEXT NOT NULL, moment REAL NOT NULL, id INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (archive, moment, id)) WITHOUT ROWID;
""")


class Archive(Record, frozen=True):
    kind = "events.archive"

    name: str
    arn: str
    source: str  # the bus's ARN
    created: float
    pattern: str = ""
    description: str = ""
    retention_days: int = 0
    kms_key: str = ""

    @property
    def key(self) -> str:
        return self.name


class Replay(Record, frozen=True):
    kind = "events.replay"

    name: str
    arn: str
    source: str  # the archive's ARN
    destination: dict[str, Any]
    begin: float
    end: float
    started: float
    description: str = ""
    state: str = "STARTING"
    last: float = 0.0
    finished: float = 0.0

    @property
    def key(self) -> str:
        return self.name


def by_archive(call: Call, req: Any) -> str:
    return call.arn(f"archive/{req['ArchiveName']}")


def by_replay(call: Call, req: Any) -> str:
    return call.arn(f"replay/{req['ReplayName']}")


def all_archives(call: Call, req: Any) -> str:
    return call.arn("archive/*")


def all_replays(call: Call, req: Any) -> str:
    return call.arn("replay/*")


def find_archive(call: Call, name: str) -> Archive:
    archive = call.get(Archive, name)
    if archive is None:
        raise errors.no_such_archive(name)
    return archive


# -- keeping ----------------------------------------------------------------------------------------------------------

def keep(call: Call, bus: str, event: dict[str, Any]) -> None:
    if "replay-name" in event:
        return
    for archive in call.all(Archive):
        if archive.source.endswith(f":event-bus/{bus}") and (not archive.pattern or compiled(archive.pattern)(event)):
            if archive.retention_days:
                call.sql("DELETE FROM events_kept WHERE archive = ? AND moment <= ?", archive.arn, call.now - archive.retention_days * DAY)
            last = call.row("SELECT max(id) FROM events_kept WHERE archive = ? AND moment = ?", archive.arn, call.now)[0]
            call.sql("INSERT INTO events_kept VALUES (?,?,?,?)", archive.arn, call.now, (last or 0) + 1, json.dumps(event, separators=(",", ":"), ensure_ascii=False))


def compiled(pattern: str) -> event_pattern.Matcher:
    from .rules import compiled as of_rules
    return of_rules(pattern)


def check_pattern(pattern: str) -> str:
    if pattern:
        try:
            compiled(pattern)
        except event_pattern.Invalid as error:
            raise errors.bad_pattern(str(error)) from None
    return pattern


@events.op(resource=by_archive)
def create_archive(call: Call, req: t.CreateArchiveRequest) -> t.CreateArchiveResponse:
    name = req["ArchiveName"]
    find(call, req["EventSourceArn"])
    pattern = check_pattern(req.get("EventPattern") or "")
    if call.get(Archive, name):
        raise errors.exists("Archive", name)
    archive = call.put(Archive(name, by_archive(call, req), req["EventSourceArn"], call.now, pattern, req.get("Description") or "", req.get("RetentionDays") or 0, req.get("KmsKeyIdentifier") or ""))
    return {"ArchiveArn": archive.arn, "State": "ENABLED", "CreationTime": archive.created}


@events.op(resource=by_archive)
def describe_archive(call: Call, req: t.DescribeArchiveRequest) -> t.DescribeArchiveResponse:
    archive = find_archive(call, req["ArchiveName"])
    result = shown(call, archive) | {"ArchiveArn": archive.arn}
    for member, value in (("EventPattern", archive.pattern), ("Description", archive.description), ("KmsKeyIdentifier", archive.kms_key)):
        if value:
            result[member] = value
    return result


def shown(call: Call, archive: Archive) -> dict[str, Any]:
    oldest = call.now - archive.retention_days * DAY if archive.retention_days else 0.0
    count, size = call.row("SELECT count(*), coalesce(sum(length(event)), 0) FROM events_kept WHERE archive = ? AND moment > ?", archive.arn, oldest)
    return {
        "ArchiveName": archive.name, "EventSourceArn": archive.source, "State": "ENABLED", "RetentionDays": archive.retention_days, "SizeBytes": size, "EventCount": count,
        "CreationTime": archive.created,
    }


@events.op(resource=all_archives)
def list_archives(call: Call, req: t.ListArchivesRequest) -> t.ListArchivesResponse:
    prefix, source, state = req.get("NamePrefix") or "", req.get("EventSourceArn"), req.get("State")
    archives = sorted((a for a in call.all(Archive) if a.name.startswith(prefix) and source in (None, a.source) and state in (None, "ENABLED")), key=lambda a: a.name)
    found, token = page(archives, req)
    result: dict[str, Any] = {"Archives": [shown(call, archive) for archive in found]}
    return result | {"NextToken": token} if token else result


@events.op(resource=by_archive)
def update_archive(call: Call, req: t.UpdateArchiveRequest) -> t.UpdateArchiveResponse:
    archive = find_archive(call, req["ArchiveName"])
    changes: dict[str, Any] = {}
    if "EventPattern" in req:
        changes["pattern"] = check_pattern(req["EventPattern"] or "")
    for member, field in (("Description", "description"), ("RetentionDays", "retention_days"), ("KmsKeyIdentifier", "kms_key")):
        if req.get(member) is not None:
            changes[field] = req[member]
    call.put(archive.but(**changes))
    return {"ArchiveArn": archive.arn, "State": "ENABLED", "CreationTime": archive.created}


@events.op(resource=by_archive)
def delete_archive(call: Call, req: t.DeleteArchiveRequest) -> None:
    archive = find_archive(call, req["ArchiveName"])
    call.delete(archive)
    call.sql("DELETE FROM events_kept WHERE archive = ?", archive.arn)


# -- replaying --------------------------------------------------------------------------------------------------------

@events.op(resource=by_replay)
def start_replay(call: Call, req: t.StartReplayRequest) -> t.StartReplayResponse:
    name, begin, end = req["ReplayName"], req["EventStartTime"], req["EventEndTime"]
    source = req["EventSourceArn"]
    archive = find_archive(call, source.rpartition("/")[2])
    if call.get(Replay, name):
        raise errors.exists("Replay", name)
    if end < begin:
        raise errors.parameter("EventEndTime", "EventStartTime must be before EventEndTime.")
    if req["Destination"]["Arn"] != archive.source:
        raise errors.parameter("Destination.Arn", "Destination event bus must be the same as the archive's event source.")
    replay = call.put(Replay(name, by_replay(call, req), source, dict(req["Destination"]), begin, end, call.now, req.get("Description") or ""))
    call.after(0, go_on, replay=name, since=begin, id=-1)
    return {"ReplayArn": replay.arn, "State": "STARTING", "ReplayStartTime": replay.started}


@events.timer
def go_on(call: Call, replay: str, since: float, id: int) -> None:
    """The next events of a replay, in the order in which they were kept."""
    found = call.get(Replay, replay)
    if found is None:
        return
    if found.state == "CANCELLING":
        call.put(found.but(state="CANCELLED", finished=call.now))
        return
    rows = call.sql("SELECT moment, id, event FROM events_kept WHERE archive = ? AND (moment, id) > (?, ?) AND moment <= ? ORDER BY moment, id LIMIT ?",
                    found.source, since, id, found.end, REPLAYED_AT_ONCE)
    for _, _, text in rows:
        again(call, found, json.loads(text))
    last, id = rows[-1][:2] if rows else (found.last, id)
    if len(rows) < REPLAYED_AT_ONCE:
        call.put(found.but(state="COMPLETED", last=last, finished=call.now))
    else:
        call.put(found.but(state="RUNNING", last=last))
        call.after(0.05, go_on, replay=found.name, since=last, id=id)


def again(call: Call, replay: Replay, event: dict[str, Any]) -> None:
    from . import delivery, putting
    event = event | {"replay-name": replay.name}
    only = replay.destination.get("FilterArns")
    for rule, matches in putting.live_rules(call, replay.destination["Arn"].rpartition("/")[2]):
        if (not only or rule.arn in only) and matches(event):
            for target in rule.targets:
                delivery.hand_over(call, rule, target, event)


def find_replay(call: Call, name: str) -> Replay:
    replay = call.get(Replay, name)
    if replay is None:
        raise errors.no_such_replay(name)
    return replay


@events.op(resource=by_replay)
def describe_replay(call: Call, req: t.DescribeReplayRequest) -> t.DescribeReplayResponse:
    replay = find_replay(call, req["ReplayName"])
    result = shown_replay(replay) | {"ReplayArn": replay.arn, "Destination": replay.destination}
    return result | {"Description": replay.description} if replay.description else result


def shown_replay(replay: Replay) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ReplayName": replay.name, "EventSourceArn": replay.source, "State": replay.state, "EventStartTime": replay.begin, "EventEndTime": replay.end, "ReplayStartTime": replay.started,
    }
    if replay.last:
        result["EventLastReplayedTime"] = replay.last
    if replay.finished:
        result["ReplayEndTime"] = replay.finished
    return result


@events.op(resource=all_replays)
def list_replays(call: Call, req: t.ListReplaysRequest) -> t.ListReplaysResponse:
    prefix, state, source = req.get("NamePrefix") or "", req.get("State"), req.get("EventSourceArn")
    replays = sorted((r for r in call.all(Replay) if r.name.startswith(prefix) and state in (None, r.state) and source in (None, r.source)), key=lambda r: r.name)
    found, token = page(replays, req)
    result: dict[str, Any] = {"Replays": [shown_replay(replay) for replay in found]}
    return result | {"NextToken": token} if token else result


@events.op(resource=by_replay)
def cancel_replay(call: Call, req: t.CancelReplayRequest) -> t.CancelReplayResponse:
    replay = find_replay(call, req["ReplayName"])
    if replay.state not in ("STARTING", "RUNNING"):
        raise errors.illegal_status(f"Replay {replay.name} is not in a valid state for this operation.")
    call.put(replay.but(state="CANCELLING"))
    return {"ReplayArn": replay.arn, "State": "CANCELLING"}
