"""The archive tiers of INTELLIGENT_TIERING: where an object lies that nobody has read for as long as a configuration of its bucket says.

Nothing moves: the tier is what the days since the last read amount to. A read is written down once a day, and only where a configuration may ask.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import errors, rows
from .buckets import Bucket
from .rows import Version

DAY = 86_400
SMALLEST = 128 * 1024  # what is smaller is not watched, and stays in the frequent tier
TAKES = {"ARCHIVE_ACCESS": {"Expedited": 180, "Standard": 4 * 3600, "Bulk": 8 * 3600}, "DEEP_ARCHIVE_ACCESS": {"Standard": 11 * 3600, "Bulk": 40 * 3600}}


def of(call: Call, v: Version, bucket: Bucket | None = None) -> str:
    """The archive tier of a version; "" in the others, which answer at once."""
    bucket = bucket or call.get(Bucket, v.bucket)
    if bucket is None or "tiering" not in bucket.settings or v.size < SMALLEST:
        return ""
    back = v.about.restoring if v.about.restoring <= call.now else 0.0
    days = (call.now - max(v.modified, v.about.accessed, back)) / DAY
    found = [(tier["Days"], tier["AccessTier"]) for one in bucket.settings["tiering"].values() if one["Status"] == "Enabled" and _concerns(one.get("Filter") or {}, v)
             for tier in one["Tierings"] if tier["Days"] <= days]
    return max(found)[1] if found else ""


def _concerns(wanted: dict[str, Any], v: Version) -> bool:
    both = wanted.get("And") or wanted
    tags = both.get("Tags") or ([both["Tag"]] if "Tag" in both else [])
    return v.key.startswith(both.get("Prefix", "")) and all(v.about.tags.get(tag["Key"]) == tag["Value"] for tag in tags)


def touch(call: Call, v: Version) -> None:
    """Somebody reads it: refused while it is archived, else the days begin anew."""
    bucket = call.get(Bucket, v.bucket)
    if bucket is None or "tiering" not in bucket.settings:
        return
    if tier := of(call, v, bucket):
        raise errors.archived(v.storage_class, tier)
    if call.now - v.about.accessed > DAY:
        v.about.accessed = call.now
        rows.describe(call, v)
