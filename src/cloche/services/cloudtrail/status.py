"""How a trail fares: what was delivered last where the call stands, and what was refused."""
from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import delivery, trails
from . import service as cloudtrail

if TYPE_CHECKING:
    from cloche.shapes import cloudtrail as t


@cloudtrail.op(needs=trails.by_name)
def get_trail_status(call: Call, req: t.GetTrailStatusRequest) -> t.GetTrailStatusResponse:
    one = trails.find(call, req["Name"])
    now = delivery.state(call, one.arn)
    out: dict[str, Any] = {"IsLogging": one.logging}
    for member, value in (("LatestDeliveryTime", now.at), ("LatestNotificationTime", now.noted), ("LatestCloudWatchLogsDeliveryTime", now.logged), ("LatestDigestDeliveryTime", now.digest),
                          ("StartLoggingTime", one.started), ("StopLoggingTime", one.stopped)):
        if value:
            out[member] = value
    for member, text in (("LatestDeliveryError", now.error), ("LatestNotificationError", now.note_error), ("LatestCloudWatchLogsDeliveryError", now.log_error),
                         ("LatestDigestDeliveryError", now.digest_error)):
        if text:
            out[member] = text
    for member, moment in (("TimeLoggingStarted", one.started), ("TimeLoggingStopped", one.stopped), ("LatestDeliveryAttemptTime", now.at), ("LatestNotificationAttemptTime", now.noted)):
        out[member] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)) if moment else ""
    out["LatestDeliveryAttemptSucceeded"], out["LatestNotificationAttemptSucceeded"] = (out[name] for name in ("LatestDeliveryAttemptTime", "LatestNotificationAttemptTime"))
    return out  # type: ignore[return-value]
