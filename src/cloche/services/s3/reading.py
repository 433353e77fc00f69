"""What a reader may ask beside the object: only if, only a part, under other headers; and the headers that answer."""
from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from . import errors
from .encryption import shown
from .rows import Version

RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z", re.IGNORECASE)
OVERRIDES = {"ResponseCacheControl": "Cache-Control", "ResponseContentDisposition": "Content-Disposition", "ResponseContentEncoding": "Content-Encoding",
             "ResponseContentLanguage": "Content-Language", "ResponseContentType": "Content-Type", "ResponseExpires": "Expires"}
SUM_MEMBERS = {"crc32": "ChecksumCRC32", "crc32c": "ChecksumCRC32C", "crc64nvme": "ChecksumCRC64NVME", "sha1": "ChecksumSHA1", "sha256": "ChecksumSHA256",
               "sha512": "ChecksumSHA512", "md5": "ChecksumMD5"}


@lru_cache(maxsize=4096)
def http_date(moment: int) -> str:
    return formatdate(moment, usegmt=True)


def same(etags: str, etag: str) -> bool:
    return etags.strip() == "*" or any(part.strip().removeprefix("W/").strip('"') == etag for part in etags.split(","))


def check_conditions(v: Version, req: Any, names: tuple[str, str, str, str] = ("IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"), copying: bool = False) -> None:
    """RFC 9110's order. A copy says 412 where a read says 304."""
    match, none_match, modified, unmodified = (req.get(name) for name in names)
    if match is not None:
        if not same(match, v.etag):
            raise errors.precondition("If-Match" if not copying else "x-amz-copy-source-If-Match")
    elif unmodified is not None and int(v.modified) > unmodified:
        raise errors.precondition("If-Unmodified-Since" if not copying else "x-amz-copy-source-If-Unmodified-Since")
    if none_match is not None:
        unchanged = same(none_match, v.etag)
    else:
        unchanged = modified is not None and int(v.modified) <= modified
    if unchanged:
        if copying:
            raise errors.precondition("x-amz-copy-source-If-None-Match" if none_match is not None else "x-amz-copy-source-If-Modified-Since")
        headers = {"ETag": f'"{v.etag}"', "Last-Modified": http_date(int(v.modified))}
        if v.version != "null":
            headers["x-amz-version-id"] = v.version
        raise errors.not_modified(headers | {name: value for name, value in v.about.headers.items() if name in ("Cache-Control", "Expires")})


def stretch(text: str | None, size: int) -> tuple[int, int] | None:
    """(offset, length) of a Range header; None: the whole (no range, several, or nonsense, which HTTP says to ignore)."""
    if text is None or (found := RANGE.match(text)) is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        length = min(int(found[2]), size)
        if not length:
            raise errors.bad_range(text, size)
        return size - length, length
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        raise errors.bad_range(text, size)
    return first, min(last, size - 1) - first + 1


def part(v: Version, number: int) -> tuple[int, int] | None:
    """(offset, length) of a part of an object; one that was not uploaded in parts is its own first part."""
    if not v.about.parts:
        if number != 1:
            raise errors.bad_part_number(number, 1)
        return (0, v.size) if v.size else None
    offset = 0
    for at, (_, size, _) in enumerate(v.about.parts, 1):
        if at == number:
            return offset, size
        offset += size
    raise errors.bad_part_number(number, len(v.about.parts))


def part_sums(v: Version, number: int) -> dict[str, str]:
    """The checksums of one part: kept where the object's is composed of them."""
    sums = next((sums for at, (_, _, sums) in enumerate(v.about.parts, 1) if at == number), {})
    return {SUM_MEMBERS[kind]: value for kind, value in sums.items()} | ({"ChecksumType": "COMPOSITE"} if sums else {})


def sums_shown(v: Version) -> dict[str, str]:
    if not v.about.sums:
        return {}
    return {SUM_MEMBERS[kind]: value for kind, value in v.about.sums.items()} | {"ChecksumType": "FULL_OBJECT" if v.about.whole else "COMPOSITE"}


def described(v: Version, versioned: bool, sums: bool) -> dict[str, Any]:
    """The answer of HEAD and GET about a version, without the body."""
    about = v.about
    out: dict[str, Any] = {"AcceptRanges": "bytes", "ETag": f'"{v.etag}"', "LastModified": float(int(v.modified)), "ContentLength": v.size, **shown(about)}
    for name, value in about.headers.items():
        out[name.replace("-", "")] = value
    if about.meta:
        out["Metadata"] = about.meta
    if versioned:
        out["VersionId"] = v.version
    if sums:
        out |= sums_shown(v)
    if v.storage_class != "STANDARD":
        out["StorageClass"] = v.storage_class
    if about.replication:
        out["ReplicationStatus"] = about.replication
    if about.redirect:
        out["WebsiteRedirectLocation"] = about.redirect
    if about.tags:
        out["TagCount"] = len(about.tags)
    if about.lock_mode:
        out["ObjectLockMode"], out["ObjectLockRetainUntilDate"] = about.lock_mode, about.lock_until
    if about.hold:
        out["ObjectLockLegalHoldStatus"] = about.hold
    return out
