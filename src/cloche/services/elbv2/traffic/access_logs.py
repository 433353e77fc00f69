"""Access logs: a line a request, and every five minutes of the clock a file of them in the bucket that the load balancer's attributes name.

    BUCKET/PREFIX/AWSLogs/ACCOUNT/elasticloadbalancing/REGION/YYYY/MM/DD/ACCOUNT_elasticloadbalancing_REGION_app.NAME.ID_YYYYMMDDTHHMMZ_IP_RANDOM.log.gz
"""
from __future__ import annotations

import gzip
import inspect
import math
import time
from typing import Any

from cloche.iam import principal as principals
from cloche.kernel import AwsError, Call

from .. import errors
from .. import service as elbv2
from ..balancers import LoadBalancer
from .entry import Entry

SECONDS = 300
WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"
# the accounts that wrote access logs before there was a service principal for it, and still do where a bucket's policy names them
ACCOUNTS = {
    "us-east-1": "127311923021", "us-east-2": "033677994240", "us-west-1": "027434742980", "us-west-2": "797873946194", "af-south-1": "098369216593", "ap-east-1": "754344448648",
    "ap-south-1": "718504428378", "ap-northeast-1": "582318560864", "ap-northeast-2": "600734575887", "ap-northeast-3": "383597477331", "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266", "ca-central-1": "985666609251", "eu-central-1": "054676820928", "eu-west-1": "156460612806", "eu-west-2": "652711504416", "eu-south-1": "635631232127",
    "eu-west-3": "009996457667", "eu-north-1": "897822967062", "me-south-1": "076674570225", "sa-east-1": "507241528517",
}

elbv2.table("CREATE TABLE IF NOT EXISTS elbv2_log (account TEXT, region TEXT, balancer TEXT, at REAL, node TEXT, line TEXT)")
elbv2.table("CREATE INDEX IF NOT EXISTS elbv2_log_balancer ON elbv2_log (account, region, balancer, at)")


# -- a line -----------------------------------------------------------------------------------------------------------------------

def stamp(moment: float) -> str:
    t = time.gmtime(moment)
    return f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}T{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}.{int(moment % 1 * 1e6):06d}Z"


def quoted(text: str) -> str:
    """Between quotation marks; what could end them or the line is written as its number."""
    return '"' + "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else f"\\x{ord(c):02x}" for c in text) + '"'


def line(entry: Entry) -> str:
    """The fields of AWS's page "Access logs for your Application Load Balancer", in their order."""
    request, door, secure = entry.request, entry.door, entry.door.protocol == "https"
    tunnel = "ws" if entry.status == 101 else "http"
    before = f"{entry.asked_at - entry.began:.3f}" if entry.asked_at else "-1"
    there = f"{entry.answered_at - entry.asked_at:.3f}" if entry.answered_at else "-1"
    after = f"{max(0.0, entry.ended - entry.answered_at):.3f}" if entry.answered_at else "-1"
    port = f":{door.port}" if ":" not in door.host else ""
    asked = f"{request.method} {door.protocol}://{door.host}{port}{request.target} {'HTTP/1.1'}"
    target, status = entry.target or "-", str(entry.target_status) if entry.target_status else "-"
    fields = [
        tunnel + ("s" if secure else ""), stamp(entry.moment + entry.ended - entry.began), entry.balancer.path, f"{door.client}:{door.client_port}", target, before, there, after,
        str(entry.status), status, str(entry.received), str(entry.sent), quoted(asked), quoted(request.headers.get("user-agent", "-")), entry.cipher or "-", entry.version or "-", entry.group or "-", quoted(entry.trace),
        quoted(entry.asked_name or "-"), quoted(entry.certificate or "-"), entry.priority, stamp(entry.moment), quoted(",".join(entry.done) or "-"), quoted(entry.redirect or "-"), quoted(entry.error or "-"),
        quoted(target), quoted(status), '"-"', '"-"', f"TID_{entry.trace[-32:].replace('-', '')}", '"-"', '"-"', '"-"',
    ]
    return " ".join(fields)


def add(call: Call, entry: Entry) -> None:
    if entry.balancer.attributes.get("access_logs.s3.enabled") == "true":
        keep(call, entry.balancer.name, entry.node.private if entry.node else "0.0.0.0", line(entry))


def keep(call: Call, name: str, node: str, text: str) -> None:
    with call.step():
        call.sql("INSERT INTO elbv2_log VALUES (?,?,?,?,?,?)", call.account, call.region, name, call.now, node, text)
        call.due((math.floor(call.now / SECONDS) + 1) * SECONDS, deliver, name, balancer=name)


# -- a file -----------------------------------------------------------------------------------------------------------------------

@elbv2.timer
def deliver(call: Call, balancer: str) -> None:
    call.wake(write, balancer)


@elbv2.worker
async def write(call: Call, balancer: str) -> None:
    found = call.get(LoadBalancer, balancer)
    end = math.floor(call.now / SECONDS) * SECONDS
    rows = call.sql("SELECT node, line FROM elbv2_log WHERE account=? AND region=? AND balancer=? AND at<? ORDER BY at", call.account, call.region, balancer, end)
    if found is not None and rows and found.attribute("access_logs.s3.enabled") == "true":
        for node in sorted({row[0] for row in rows}):
            data = gzip.compress("".join(f"{text}\n" for where, text in rows if where == node).encode(), mtime=0)
            await put(call, found, f"{folder(call, found, end)}/{name(call, found.path.replace('/', '.'), end, node)}.log.gz", data)
    with call.step():
        call.sql("DELETE FROM elbv2_log WHERE account=? AND region=? AND balancer=? AND at<?", call.account, call.region, balancer, end)


def root(call: Call, balancer: Any) -> str:
    prefix = balancer.attribute("access_logs.s3.prefix")
    return f"{prefix}/AWSLogs/{call.account}" if prefix else f"AWSLogs/{call.account}"


def folder(call: Call, balancer: Any, end: float) -> str:
    t = time.gmtime(end)
    return f"{root(call, balancer)}/elasticloadbalancing/{call.region}/{t.tm_year:04d}/{t.tm_mon:02d}/{t.tm_mday:02d}"


def name(call: Call, path: str, end: float, node: str) -> str:
    t = time.gmtime(end)
    moment = f"{t.tm_year:04d}{t.tm_mon:02d}{t.tm_mday:02d}T{t.tm_hour:02d}{t.tm_min:02d}Z"
    return f"{call.account}_elasticloadbalancing_{call.region}_{path}_{moment}_{node}_{call.pick('abcdefghijklmnopqrstuvwxyz0123456789', 8)}"


async def put(call: Call, balancer: Any, key: str, data: bytes) -> None:
    """Into the bucket, as the service; where the bucket's policy does not know it, as the account that did it before."""
    bucket = balancer.attribute("access_logs.s3.bucket")
    speakers = [call.as_service(WRITER, balancer.arn, call.account)]
    if older := ACCOUNTS.get(call.region):
        speakers.append(call.as_principal(principals.root(older)))
    for speaker in speakers:
        try:
            with call.step():
                result = speaker.do("s3", "PutObject", Bucket=bucket, Key=key, Body=data)
            if inspect.isawaitable(result):
                await result
            return
        except AwsError as error:
            if speaker is speakers[-1]:
                raise errors.log_bucket_denied(bucket) from error


def may_write(call: Call, old: LoadBalancer, new: LoadBalancer) -> Any:
    """A coroutine that writes AWS's test file into the bucket, if logs are to go there from now on; else None."""
    if new.attribute("access_logs.s3.enabled") != "true":
        return None
    if not new.attribute("access_logs.s3.bucket"):
        raise errors.log_bucket_needed()
    names = ("access_logs.s3.enabled", "access_logs.s3.bucket", "access_logs.s3.prefix")
    if all(old.attribute(one) == new.attribute(one) for one in names):
        return None
    return put(call, new, f"{root(call, new)}/ELBAccessLogTestFile", f"Enable AccessLog for ELB: {new.name} at {stamp(call.now)}".encode())
