"""How long records are kept: longer for those that are still there, shorter at once."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call

from . import errors
from . import service as kinesis
from .streams import Stream, by_stream, find_active, policy

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

LEAST, MOST = 24, 8760


def checked(hours: int) -> int:
    if hours < LEAST:
        raise errors.retention_too_short(hours)
    if hours > MOST:
        raise errors.retention_too_long(hours)
    return hours


def keep(call: Call, stream: Stream, hours: int) -> None:
    """What is past the old retention or the new is gone for good."""
    gone = max(stream.horizon(call.now), call.now - hours * 3600.0) if hours < stream.retention else stream.horizon(call.now)
    call.put(stream.updating(call.now, retention=hours, gone_before=gone))


@kinesis.op(resource=by_stream, policy=policy)
def increase_stream_retention_period(call: Call, req: t.IncreaseStreamRetentionPeriodInput) -> None:
    call, stream = find_active(call, req)
    hours = checked(req["RetentionPeriodHours"])
    if hours < stream.retention:
        raise errors.retention_not_longer(hours, stream.retention)
    if hours != stream.retention:
        keep(call, stream, hours)


@kinesis.op(resource=by_stream, policy=policy)
def decrease_stream_retention_period(call: Call, req: t.DecreaseStreamRetentionPeriodInput) -> None:
    call, stream = find_active(call, req)
    hours = checked(req["RetentionPeriodHours"])
    if hours > stream.retention:
        raise errors.retention_not_shorter(hours, stream.retention)
    if hours != stream.retention:
        keep(call, stream, hours)
