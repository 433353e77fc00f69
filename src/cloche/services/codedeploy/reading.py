"""The text of a revision that is an AppSpec file: in the request itself, or an object that the group's role may read."""
from __future__ import annotations

import inspect
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.cloudformation.public import whole

from .lifecycle import Failure

LIMIT = 1 << 20
GONE = ("NoSuchBucket", "NoSuchKey", "NoSuchVersion", "404")


async def text(role: Call, revision: dict[str, Any]) -> str:
    inline = revision.get("appSpecContent") or revision.get("string")
    if inline:
        return str(inline["content"])
    place = revision["s3Location"]
    asked = {"Bucket": place["bucket"], "Key": place["key"]} | ({"VersionId": place["version"]} if place.get("version") else {}) | ({"IfMatch": place["eTag"]} if place.get("eTag") else {})
    try:
        answer: Any = role.do("s3", "GetObject", **asked)
        answer = await answer if inspect.isawaitable(answer) else answer
    except AwsError as error:
        if error.code in GONE:
            raise Failure("REVISION_MISSING", f"The deployment failed because the specified revision {place['bucket']}/{place['key']} does not exist.") from None
        if error.code == "PreconditionFailed":
            raise Failure("INVALID_REVISION", f"The ETag of {place['bucket']}/{place['key']} is not the one that was given.") from None
        raise Failure("IAM_ROLE_PERMISSIONS" if error.code == "AccessDenied" else "REVISION_MISSING", f"{place['bucket']}/{place['key']} could not be read: {error.message}") from None
    body = answer["Body"]
    data = body if isinstance(body, bytes) else await whole(body, LIMIT)
    if data is None:
        raise Failure("INVALID_REVISION", "The AppSpec file is larger than 1 MB.")
    return data.decode("utf-8", "replace")
