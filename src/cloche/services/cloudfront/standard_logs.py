"""Standard logs: a line a request, and every few minutes of the clock a gzip'ed file of them in the bucket that the configuration names.

    PREFIX/DISTRIBUTION.YYYY-MM-DD-HH.UNIQUE.gz
"""
from __future__ import annotations

import gzip
import inspect
import math
import time
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.s3 import public as s3

from . import distribution_config, errors
from . import service as cloudfront

SECONDS = 300
DELIVERY = "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0"   # AWS's canonical user awslogsdelivery
FIELDS = (
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type",
    "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes", "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version", "fle-status",
    "fle-encrypted-fields", "c-port", "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end")

cloudfront.table("CREATE TABLE IF NOT EXISTS cloudfront_log (account TEXT, distribution TEXT, at REAL, line TEXT)")
cloudfront.table("CREATE INDEX IF NOT EXISTS cloudfront_log_of ON cloudfront_log (account, distribution, at)")


def check(call: Call, config: dict[str, Any]) -> None:
    """Of a configuration whose logs go to a bucket: one that is there and has ACLs."""
    logging = config["Logging"]
    if not logging["Enabled"]:
        return
    bucket = distribution_config.BUCKET.fullmatch(logging["Bucket"])
    if bucket is None:
        raise errors.invalid("The parameter Logging Bucket does not refer to a valid S3 bucket.")
    if not s3.takes_acls(call.of("s3"), bucket["bucket"]):
        raise errors.invalid(f"The S3 bucket that you specified for CloudFront logs does not enable ACL access: {logging['Bucket']}")
    if logging["Prefix"].startswith("/"):
        raise errors.invalid("The parameter Logging Prefix must not begin with a slash.")


def keep(call: Call, distribution: str, line: str) -> None:
    """Inside a step."""
    call.sql("INSERT INTO cloudfront_log VALUES (?,?,?,?)", call.account, distribution, call.now, line)
    call.due((math.floor(call.now / SECONDS) + 1) * SECONDS, deliver, distribution, distribution=distribution)


@cloudfront.timer
def deliver(call: Call, distribution: str) -> None:
    call.wake(write, distribution)


@cloudfront.worker
async def write(call: Call, distribution: str) -> None:
    from .distributions import Distribution
    found, end = call.get(Distribution, distribution), call.now
    rows = call.sql("SELECT at, line FROM cloudfront_log WHERE account=? AND distribution=? AND at<? ORDER BY at", call.account, distribution, end)
    if found is not None and found.config["Logging"]["Enabled"] and rows:
        logging = found.config["Logging"]
        bucket = distribution_config.BUCKET.fullmatch(logging["Bucket"])
        hours: dict[str, list[str]] = {}
        for at, line in rows:
            hours.setdefault(time.strftime("%Y-%m-%d-%H", time.gmtime(at)), []).append(line)
        for hour, lines in hours.items():
            prefix = logging["Prefix"].rstrip("/")
            key = f"{prefix + '/' if prefix else ''}{distribution}.{hour}.{call.pick('abcdef0123456789', 8)}.gz"
            text = "#Version: 1.0\n#Fields: " + " ".join(FIELDS) + "\n" + "".join(line + "\n" for line in lines)
            try:
                with call.step():
                    result = call.as_root().do("s3", "PutObject", Bucket=bucket["bucket"] if bucket else "", Key=key, Body=gzip.compress(text.encode(), mtime=0))
                if inspect.isawaitable(result):
                    await result
            except AwsError:
                break                                # the bucket is gone, or closed: these lines are lost
    with call.step():
        call.sql("DELETE FROM cloudfront_log WHERE account=? AND distribution=? AND at<?", call.account, distribution, end)
