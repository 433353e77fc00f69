"""Flow logs written: at the end of each window of the clock what the kernel counted meanwhile becomes lines, in CloudWatch Logs or in a bucket.

The kernel's counters only grow; `count` takes what is new of them and gives it to every flow log that wants it, so that windows of different lengths do not
take from each other. It also runs before interfaces with counters go.
"""
from __future__ import annotations

import gzip
import inspect
import json
import time
from typing import TYPE_CHECKING, Any

from cloche.engines.net import flows
from cloche.engines.net.flows import Count, Flow
from cloche.engines.net.topology import Interface, Topology
from cloche.kernel import AwsError, Call

from . import flow_log_lines, network, zones
from . import service as ec2
from .flow_logs import DELIVERY, FlowLog

if TYPE_CHECKING:
    from .network import Engine


def begin(call: Call, one: FlowLog) -> None:
    call.after(one.interval, window, one.id, id=one.id)


def end(call: Call, one: FlowLog) -> None:
    call.cancel(window, one.id)
    if (engine := network.standing(call)) is not None:
        engine.counted.pop(one.id, None)


@ec2.timer
def window(call: Call, id: str) -> None:
    """A window is over."""
    if (one := call.get(FlowLog, id)) is not None:
        call.wake(deliver, one.id)
        begin(call, one)


@ec2.worker
async def deliver(call: Call, key: str) -> None:
    """What was counted since it was last written."""
    one = call.get(FlowLog, key)
    if one is None or call.now <= one.written:
        return
    start, finish = one.written, call.now
    engine = network.standing(call)
    topology = network.topology(call)
    found: dict[Flow, Count] = {}
    if engine is not None:
        await count(engine)
        found = engine.counted.pop(one.id, {})
    lines = lines_of(one, topology, found, int(start), int(finish))
    try:
        if one.to == "s3":
            await _to_bucket(call, one, [line for theirs in lines.values() for line in theirs], finish)
            failure = ""
        elif one.to == "kinesis-data-firehose":
            failure = _to_stream(call, one, [line for theirs in lines.values() for line in theirs])
        else:
            failure = _to_logs(call, one, lines, start)
    except AwsError as error:
        failure = "Access error" if error.status == 403 or error.code == "AccessDenied" else f"{error.code}: {error.message}"
    with call.step():
        if (now := call.get(FlowLog, key)) is not None:
            call.put(now.but(written=finish, failure=failure))


async def count(engine: Engine) -> None:
    """What the kernel counted since the last time, to every flow log it concerns."""
    for vpc, part in engine.compiled.parts.items():
        if not flows.counting(part.space.rules):
            continue
        code, out, _ = await engine.world.run(vpc, flows.QUESTION)
        if code:
            continue
        now = flows.heard(out.decode())
        new = flows.since(engine.seen.get(vpc, {}), now)
        engine.seen[vpc] = now
        for log in engine.topology.logs.values():
            mine = [(flow, many) for flow, many in new.items() if log.traffic in ("ALL", flow.action) and (interface := engine.topology.interfaces.get(flow.interface))
                    and log.resource in (interface.id, interface.subnet, interface.vpc)]
            if mine:
                engine.counted[log.id] = flows.added(engine.counted.get(log.id, {}).items(), mine)
    for vpc in [vpc for vpc in engine.seen if vpc not in engine.compiled.parts]:
        del engine.seen[vpc]


def lines_of(one: FlowLog, topology: Topology, found: dict[Flow, Count], start: int, finish: int) -> dict[str, list[str]]:
    """Interface -> its lines; one that had no traffic says so."""
    out: dict[str, list[str]] = {}
    version = 2 if one.words == flow_log_lines.DEFAULT else flow_log_lines.version(one.words)

    def line(interface: Interface, flow: Flow | None = None, many: Count | None = None) -> str:
        zone = topology.subnets[interface.subnet].zone
        return flow_log_lines.written(one.words, flow_log_lines.Line(topology, interface, start, finish, zones.id_of(interface.account, zone), version, flow, many or Count()))
    for flow, many in found.items():
        if (interface := topology.interfaces.get(flow.interface)) is not None:
            out.setdefault(interface.id, []).append(line(interface, flow, many))
    for interface in topology.interfaces.values():
        if one.resource in (interface.id, interface.subnet, interface.vpc) and interface.up and interface.id not in out:
            out[interface.id] = [line(interface)]
    return out


def _to_logs(call: Call, one: FlowLog, lines: dict[str, list[str]], start: float) -> str:
    """Under the flow log's role; a stream for every interface. What went wrong, or ""."""
    from cloche.services.logs import public as logs
    with call.step():
        writer = call.as_role(one.role, "flow-logs", "vpc-flow-logs.amazonaws.com", f"arn:aws:ec2:{call.region}:{call.account}:vpc-flow-log/{one.id}")
        for interface, theirs in lines.items():
            if not logs.write(writer, one.group, f"{interface}-{one.traffic.lower()}", [(int(start * 1000), line) for line in theirs]):
                return "Access error"
    return ""


def _to_stream(call: Call, one: FlowLog, lines: list[str]) -> str:
    """A record for each line, as long as the stream has the tag that lets log delivery in."""
    name = one.destination.rsplit("/", 1)[1]
    inside = call.as_root()
    with call.step():
        tags = inside.do("firehose", "ListTagsForDeliveryStream", DeliveryStreamName=name)["Tags"]
        if {"Key": "LogDeliveryEnabled", "Value": "true"} not in tags:
            return "Access error"
        for at in range(0, len(lines), 500):
            inside.do("firehose", "PutRecordBatch", DeliveryStreamName=name, Records=[{"Data": json.dumps({"message": line}).encode()} for line in lines[at:at + 500]])
    return ""


async def _to_bucket(call: Call, one: FlowLog, lines: list[str], finish: float) -> None:
    """One compressed file, headed by the names of the fields."""
    if not lines:
        return
    bucket, _, folder = one.destination.split(":::", 1)[-1].partition("/")
    t = time.gmtime(finish)
    day = {"year": f"{t.tm_year:04d}", "month": f"{t.tm_mon:02d}", "day": f"{t.tm_mday:02d}"} | ({"hour": f"{t.tm_hour:02d}"} if one.options.get("PerHourPartition") else {})
    if one.options.get("HiveCompatiblePartitions"):
        parts = ["AWSLogs", f"aws-account-id={call.account}", "aws-service=vpcflowlogs", f"aws-region={call.region}", *(f"{name}={value}" for name, value in day.items())]
    else:
        parts = ["AWSLogs", call.account, "vpcflowlogs", call.region, *day.values()]
    stamp = f"{t.tm_year:04d}{t.tm_mon:02d}{t.tm_mday:02d}T{t.tm_hour:02d}{t.tm_min:02d}Z"
    key = "/".join([*([folder.strip("/")] if folder.strip("/") else []), *parts, f"{call.account}_vpcflowlogs_{call.region}_{one.id}_{stamp}_{call.id('', 8)}.log.gz"])
    body = gzip.compress("\n".join([flow_log_lines.header(one.words), *lines, ""]).encode(), mtime=0)
    with call.step():
        writer = call.as_service(DELIVERY, f"arn:aws:logs:{call.region}:{call.account}:*", call.account)
        result: Any = writer.do("s3", "PutObject", Bucket=bucket, Key=key, Body=body, ACL="bucket-owner-full-control", ContentType="application/octet-stream", ContentEncoding="gzip")
    if inspect.isawaitable(result):
        await result
