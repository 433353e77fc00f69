"""Access logs of Classic Load Balancers: a line a request, a file every 5 or 60 minutes of the clock."""
from __future__ import annotations

import asyncio
import math
from typing import Any

from cloche.kernel import Call
from cloche.services.elbv2 import public as elbv2

from . import attributes, metrics
from . import service as elb
from .balancers import LoadBalancer

elb.table("CREATE TABLE IF NOT EXISTS elb_log (account TEXT, region TEXT, balancer TEXT, at REAL, node TEXT, line TEXT)")
elb.table("CREATE INDEX IF NOT EXISTS elb_log_balancer ON elb_log (account, region, balancer, at)")


def line(entry: Any) -> str:
    """timestamp elb client:port backend:port request_time backend_time response_time elb_status backend_status received sent "request" "agent" cipher protocol"""
    request, door, stamp, quoted = entry.request, entry.door, elbv2.access_logs.stamp, elbv2.access_logs.quoted
    before = f"{entry.asked_at - entry.began:.6f}" if entry.asked_at else "-1"
    there = f"{entry.answered_at - entry.asked_at:.6f}" if entry.answered_at else "-1"
    after = f"{max(0.0, entry.ended - entry.answered_at):.6f}" if entry.answered_at else "-1"
    asked = f"{request.method} {door.protocol}://{door.host}{'' if ':' in door.host else f':{door.port}'}{request.target} HTTP/1.1"
    return " ".join([stamp(entry.moment), entry.balancer.name, f"{door.client}:{door.client_port}", entry.target or "-", before, there, after, str(entry.status),
                     str(entry.target_status or "-"), str(entry.received), str(entry.sent), quoted(asked), quoted(request.headers.get("user-agent", "-")), entry.cipher or "-", entry.version or "-"])


def add(call: Call, entry: Any) -> None:
    entry.ended = asyncio.get_running_loop().time()
    metrics.count(call, entry)
    logs = entry.balancer.setting("AccessLog")
    if not logs["Enabled"]:
        return
    seconds = 60 * logs.get("EmitInterval", 60)
    with call.step():
        call.sql("INSERT INTO elb_log VALUES (?,?,?,?,?,?)", call.account, call.region, entry.balancer.name, call.now, entry.node.private if entry.node else "0.0.0.0", line(entry))
        call.due((math.floor(call.now / seconds) + 1) * seconds, deliver, entry.balancer.name, balancer=entry.balancer.name)


@elb.timer
def deliver(call: Call, balancer: str) -> None:
    call.wake(write, balancer)


@elb.worker
async def write(call: Call, balancer: str) -> None:
    one, end = call.get(LoadBalancer, balancer), call.now
    rows = call.sql("SELECT node, line FROM elb_log WHERE account=? AND region=? AND balancer=? AND at<? ORDER BY at", call.account, call.region, balancer, end)
    if one is not None and rows and one.setting("AccessLog")["Enabled"]:
        logs, there = elbv2.access_logs, attributes.writer(call, one)
        for node in sorted({row[0] for row in rows}):
            data = "".join(f"{text}\n" for where, text in rows if where == node).encode()
            await logs.put(call, there, f"{logs.folder(call, there, end)}/{logs.name(call, one.name, end, node)}.log", data)
    with call.step():
        call.sql("DELETE FROM elb_log WHERE account=? AND region=? AND balancer=? AND at<?", call.account, call.region, balancer, end)
