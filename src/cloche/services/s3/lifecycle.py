"""Lifecycle: at the first midnight (UTC) after an object's age reaches a rule's days, the rule acts.

One timer a bucket, at the next midnight, sweeps; it runs while the clock is advanced as on any night. What a rule would do to an object is
asked of the same functions that HEAD uses to announce it.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cloche.kernel import Call

from . import errors, rows
from . import service as s3
from .access import on_bucket
from .buckets import Bucket, find
from .listing import LAST, behind
from .notifications import tell
from .reading import http_date
from .rows import About, Version

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

DAY = 86400.0
SMALL = 128 * 1024  # smaller objects are not moved unless the rule asks for it
INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
WATERFALL = ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]


def midnight(moment: float) -> float:
    """The first midnight at or after a moment."""
    return -(-moment // DAY) * DAY


# --- the configuration --------------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutLifecycleConfiguration"))
def put_bucket_lifecycle_configuration(call: Call, req: t.PutBucketLifecycleConfigurationRequest) -> t.PutBucketLifecycleConfigurationOutput:
    bucket, rules = find(call, req["Bucket"], req), (req.get("LifecycleConfiguration") or {}).get("Rules") or []
    if not 1 <= len(rules) <= 1000:
        raise errors.malformed_xml()
    if "mfa_delete" in bucket.settings:
        raise errors.bad_state("Lifecycle configuration is not supported on MFA-enabled buckets.")
    ids: set[str] = set()
    kept = []
    for rule in rules:
        rule = dict(rule)
        rule["ID"] = rule.get("ID") or call.uuid()
        if len(rule["ID"]) > 255:
            raise errors.argument("ID length should not exceed allowed limit of 255")
        if rule["ID"] in ids:
            raise errors.argument("RuleId must be unique. Found same ID for more than one rule")
        ids.add(rule["ID"])
        _check(rule)
        kept.append(rule)
    smallest = req.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    bucket = call.put(bucket.having(lifecycle={"Rules": kept, "Smallest": smallest}))
    call.at(bucket.owner, bucket.region).due(midnight(call.now + 1), sweep, name=bucket.name, bucket=bucket.name)
    return {"TransitionDefaultMinimumObjectSize": smallest}


def _check(rule: dict[str, Any]) -> None:
    if rule.get("Status") not in ("Enabled", "Disabled"):
        raise errors.malformed_xml()
    if "Filter" in rule and "Prefix" in rule:
        raise errors.malformed_xml()
    if "Filter" not in rule and "Prefix" not in rule:
        raise errors.malformed_xml()
    choice = rule.get("Filter") or {}
    if len(choice) > 1:
        raise errors.malformed_xml()
    actions = ("Expiration", "NoncurrentVersionExpiration", "Transitions", "NoncurrentVersionTransitions", "AbortIncompleteMultipartUpload")
    if not any(rule.get(action) for action in actions):
        raise errors.invalid("At least one action needs to be specified in a rule")
    expiration = rule.get("Expiration") or {}
    if expiration and len(expiration) != 1:
        raise errors.malformed_xml()
    if "Days" in expiration and expiration["Days"] <= 0:
        raise errors.argument("'Days' for Expiration action must be a positive integer")
    if "Date" in expiration and expiration["Date"] % DAY:
        raise errors.argument("'Date' must be at midnight GMT")
    if "ExpiredObjectDeleteMarker" in expiration and _condition(rule, "Tag"):
        raise errors.invalid("ExpiredObjectDeleteMarker cannot be specified with Tags.")
    older = rule.get("NoncurrentVersionExpiration") or {}
    if older and older.get("NoncurrentDays", 0) <= 0:
        raise errors.argument("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
    _check_moves(rule.get("Transitions") or (), "Days", "Transition")
    _check_moves(rule.get("NoncurrentVersionTransitions") or (), "NoncurrentDays", "NoncurrentVersionTransition")
    for move in rule.get("Transitions") or ():
        if "Days" in move and "Days" in expiration and expiration["Days"] <= move["Days"]:
            raise errors.argument("'Days' in the Expiration action for filter must be greater than 'Days' in the Transition action")
    abort = rule.get("AbortIncompleteMultipartUpload") or {}
    if abort and abort.get("DaysAfterInitiation", 0) <= 0:
        raise errors.argument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
    if abort and _condition(rule, "Tag"):
        raise errors.invalid("AbortIncompleteMultipartUpload cannot be specified with Tags.")


def _check_moves(moves: Any, days: str, action: str) -> None:
    """Infrequent access is had after thirty days and for thirty days at least; the next step comes no earlier."""
    before: tuple[int, int] | None = None  # days, place in the waterfall
    for move in sorted(moves, key=lambda one: one.get(days, 0)):
        goal = move.get("StorageClass")
        if goal not in WATERFALL[1:] or (days in move) == ("Date" in move):
            raise errors.malformed_xml()
        if move.get("Date", 0) % DAY:
            raise errors.argument("'Date' must be at midnight GMT")
        if days not in move:
            continue
        if move[days] < 0:
            raise errors.argument(f"'{days}' in {action} action must be nonnegative")
        if goal in INFREQUENT and move[days] < 30:
            raise errors.argument(f"'{days}' in {action} action must be greater than or equal to 30 for storageClass '{goal}'")
        place = WATERFALL.index(goal)
        if before is not None and WATERFALL[before[1]] in INFREQUENT and move[days] < before[0] + 30:
            raise errors.argument(f"'{days}' in the {action} action for StorageClass '{goal}' for filter must be 30 days more than '{days}' in the {action} action "
                                  f"for StorageClass '{WATERFALL[before[1]]}'")
        before = (move[days], place)


@s3.op(needs=on_bucket("s3:GetLifecycleConfiguration"))
def get_bucket_lifecycle_configuration(call: Call, req: t.GetBucketLifecycleConfigurationRequest) -> t.GetBucketLifecycleConfigurationOutput:
    bucket = find(call, req["Bucket"], req)
    if "lifecycle" not in bucket.settings:
        raise errors.lacking("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", bucket.name)
    kept = bucket.settings["lifecycle"]
    return {"Rules": kept["Rules"], "TransitionDefaultMinimumObjectSize": kept["Smallest"]}


@s3.op(needs=on_bucket("s3:PutLifecycleConfiguration"))
def delete_bucket_lifecycle(call: Call, req: t.DeleteBucketLifecycleRequest) -> None:
    bucket = call.put(find(call, req["Bucket"], req).having(lifecycle=None))
    call.at(bucket.owner, bucket.region).cancel(sweep, bucket.name)


# --- what a rule says of an object --------------------------------------------------------------------------------------------

def _condition(rule: dict[str, Any], name: str) -> Any:
    """A condition of the rule's filter, wherever it stands."""
    choice = rule.get("Filter") or {}
    if "And" in choice:
        both = choice["And"]
        return both.get("Tags") if name == "Tag" else both.get(name)
    if name == "Prefix" and "Prefix" in rule:
        return rule["Prefix"]
    found = choice.get(name)
    return [found] if name == "Tag" and found else found


def concerns(rule: dict[str, Any], v: Version) -> bool:
    if rule["Status"] != "Enabled" or not v.key.startswith(_condition(rule, "Prefix") or ""):
        return False
    if v.size <= (_condition(rule, "ObjectSizeGreaterThan") or -1) or v.size >= (_condition(rule, "ObjectSizeLessThan") or 1 << 62):
        return False
    return all(v.about.tags.get(tag["Key"]) == tag["Value"] for tag in _condition(rule, "Tag") or ())


def ends(rule: dict[str, Any], v: Version) -> float | None:
    """When the rule takes a current version away."""
    expiration = rule.get("Expiration") or {}
    if "Days" in expiration:
        return midnight(v.modified + expiration["Days"] * DAY)
    return expiration.get("Date")


def expiration(bucket: Bucket, v: Version) -> str | None:
    """x-amz-expiration: the earliest end among the rules that concern a version."""
    if not v.current:
        return None
    found = [(end, rule["ID"]) for rule in bucket.settings["lifecycle"]["Rules"] if concerns(rule, v) and (end := ends(rule, v)) is not None]
    if not found:
        return None
    end, id_ = min(found)
    return f'expiry-date="{http_date(int(end))}", rule-id="{quote(id_)}"'


# --- the nights ---------------------------------------------------------------------------------------------------------------

@s3.timer
def sweep(call: Call, bucket: str) -> None:
    record = call.get(Bucket, bucket)
    if record is None or "lifecycle" not in record.settings:
        return
    now = call.now
    for rule in record.settings["lifecycle"]["Rules"]:
        if rule["Status"] == "Enabled":
            _expire(call, record, rule, now)
            _expire_older(call, record, rule, now)
            _drop_lone_markers(call, record, rule)
            _move(call, record, rule, now)
            _abort(call, record, rule, now)
    call.due(midnight(now + 1), sweep, name=bucket, bucket=bucket)


def _versions(call: Call, bucket: Bucket, rule: dict[str, Any], current: int, before: float) -> Iterator[Version]:
    """Candidates, by the rule's prefix and age; the index is read, a row only if it may concern."""
    prefix = _condition(rule, "Prefix") or ""
    found = call.sql("SELECT id FROM s3_object WHERE bucket=? AND current=? AND marker=0 AND key>=? AND key<? AND modified<=?" if current else
                     "SELECT id FROM s3_object WHERE bucket=? AND current=? AND key>=? AND key<? AND modified<=?",
                     bucket.name, current, prefix, behind(prefix) if prefix else LAST, before)
    for (id_,) in found:
        v = rows.read(call.row(f"SELECT {rows.COLUMNS} FROM s3_object WHERE id=?", id_))
        if v is not None and concerns(rule, v):
            yield v


def _expire(call: Call, bucket: Bucket, rule: dict[str, Any], now: float) -> None:
    wanted = rule.get("Expiration") or {}
    if "Days" in wanted:
        before = now - wanted["Days"] * DAY
    elif "Date" in wanted and now >= wanted["Date"]:
        before = now
    else:
        return
    for v in _versions(call, bucket, rule, 1, before):
        if not bucket.versioning:
            rows.remove(call, v)
            _tell(call, bucket, "LifecycleExpiration:Delete", v)
        else:
            marker = Version(0, bucket.name, v.key, "", 1, 1, 0, "", now, "", "", bucket.owner, About(), None)
            rows.add(call, bucket.versioning, marker)
            _tell(call, bucket, "LifecycleExpiration:DeleteMarkerCreated", marker)


def _expire_older(call: Call, bucket: Bucket, rule: dict[str, Any], now: float) -> None:
    wanted = rule.get("NoncurrentVersionExpiration")
    if not wanted:
        return
    for v in list(_versions(call, bucket, rule, 0, now - wanted["NoncurrentDays"] * DAY)):
        about = v.about
        if not _replaced(call, v, wanted, now):
            continue
        if about.hold == "ON" or (about.lock_mode and now < about.lock_until):
            continue
        rows.remove(call, v)
        _tell(call, bucket, "LifecycleExpiration:Delete", v)


def _replaced(call: Call, v: Version, wanted: dict[str, Any], now: float) -> bool:
    """An older version's days count from when the next one took its place; the newest of them may be kept."""
    [successor] = call.row("SELECT min(id) FROM s3_object WHERE bucket=? AND key=? AND id>? AND current=0", v.bucket, v.key, v.id)
    current = call.row("SELECT id FROM s3_object WHERE bucket=? AND key=? AND current=1", v.bucket, v.key)
    since = call.row("SELECT modified FROM s3_object WHERE id=?", successor or current[0]) if successor or current else None
    if since is None or since[0] > now - wanted["NoncurrentDays"] * DAY:
        return False
    keep = wanted.get("NewerNoncurrentVersions")
    return not keep or call.row("SELECT count(*) FROM s3_object WHERE bucket=? AND key=? AND current=0 AND id>?", v.bucket, v.key, v.id)[0] >= keep


def _drop_lone_markers(call: Call, bucket: Bucket, rule: dict[str, Any]) -> None:
    """A marker with nothing left under it."""
    wanted = rule.get("Expiration") or {}
    if not bucket.versioning or not (wanted.get("ExpiredObjectDeleteMarker") or "Days" in wanted):
        return
    prefix = _condition(rule, "Prefix") or ""
    for (id_,) in call.sql("SELECT id FROM s3_object o WHERE bucket=? AND current=1 AND marker=1 AND key>=? AND key<? AND NOT EXISTS"
                           " (SELECT 1 FROM s3_object WHERE bucket=o.bucket AND key=o.key AND current=0)", bucket.name, prefix, behind(prefix) if prefix else LAST):
        call.sql("DELETE FROM s3_object WHERE id=?", id_)


def _move(call: Call, bucket: Bucket, rule: dict[str, Any], now: float) -> None:
    for wanted, current in [(one, 1) for one in rule.get("Transitions") or ()] + [(one, 0) for one in rule.get("NoncurrentVersionTransitions") or ()]:
        days = wanted.get("Days", wanted.get("NoncurrentDays"))
        before = now - days * DAY if days is not None else now if now >= wanted["Date"] else -1.0
        goal = wanted["StorageClass"]
        for v in list(_versions(call, bucket, rule, current, before)):
            sized = _condition(rule, "ObjectSizeGreaterThan") is not None or _condition(rule, "ObjectSizeLessThan") is not None
            if v.marker or not _below(v.storage_class, goal) or (not current and not _replaced(call, v, wanted, now)):
                continue
            if v.size < SMALL and not sized and (bucket.settings["lifecycle"]["Smallest"] == "all_storage_classes_128K" or goal not in ("GLACIER", "DEEP_ARCHIVE")):
                continue
            v.storage_class = goal
            rows.describe(call, v)
            _tell(call, bucket, "LifecycleTransition", v)


def _below(storage_class: str, goal: str) -> bool:
    """Whether an object of a class may be moved to another: down the waterfall, past one step that AWS does not have."""
    if storage_class not in WATERFALL:  # reduced redundancy
        return True
    return (storage_class, goal) != ("ONEZONE_IA", "GLACIER_IR") and WATERFALL.index(storage_class) < WATERFALL.index(goal)


def _abort(call: Call, bucket: Bucket, rule: dict[str, Any], now: float) -> None:
    wanted = rule.get("AbortIncompleteMultipartUpload")
    if wanted:
        from .uploads import forget
        prefix = _condition(rule, "Prefix") or ""
        for (id_,) in call.sql("SELECT id FROM s3_upload WHERE bucket=? AND key>=? AND key<? AND started<=?", bucket.name, prefix, behind(prefix) if prefix else LAST,
                               now - wanted["DaysAfterInitiation"] * DAY):
            forget(call, id_)


def _tell(call: Call, bucket: Bucket, event: str, v: Version) -> None:
    if "notification" in bucket.settings:
        tell(call, bucket, event, v)
