"""Metric streams: the minutes of metrics as they end, sent to a delivery stream of Firehose as lines of JSON.

A datapoint that is written while a stream runs is noted in a table of its own; once a minute what has ended is sent under the stream's role. Nobody pays for it where no stream runs.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.kernel.pages import page

from . import datapoints, errors, pending, statistics
from . import service as cloudwatch

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

PAGE, LINES_A_RECORD, RECORDS_AT_ONCE = 500, 100, 100
EVERY_SECONDS = 60.0

cloudwatch.table("""CREATE TABLE IF NOT EXISTS cloudwatch_streamed (
    account TEXT, region TEXT, ts INTEGER, metric INTEGER, PRIMARY KEY (account, region, ts, metric)) WITHOUT ROWID""")


class MetricStream(Record, frozen=True, omit_defaults=True):
    kind = "cloudwatch.metric-stream"

    name: str
    arn: str
    firehose: str
    role: str
    format: str
    created: float
    updated: float
    running: bool = True
    include: list[dict[str, Any]] = []
    exclude: list[dict[str, Any]] = []
    more: list[dict[str, Any]] = []   # StatisticsConfigurations
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    def wants(self, namespace: str, name: str) -> bool:
        def among(filters: list[dict[str, Any]]) -> bool:
            return any(one["Namespace"] == namespace and name in (one.get("MetricNames") or [name]) for one in filters)
        return among(self.include) if self.include else not among(self.exclude)


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"metric-stream/{req['Name']}")


def by_names(call: Call, req: Any) -> list[str]:
    return [call.arn(f"metric-stream/{name}") for name in req["Names"]]


def find(call: Call, name: str) -> MetricStream:
    found = call.get(MetricStream, name)
    if found is None:
        raise errors.no_metric_stream(name)
    return found


@cloudwatch.op(resource=by_name, partly="the output format is json; metrics of linked accounts are not included")
def put_metric_stream(call: Call, req: t.PutMetricStreamInput) -> t.PutMetricStreamOutput:
    if req["OutputFormat"] != "json":
        raise errors.not_built(f"the output format {req['OutputFormat']}")
    if req.get("IncludeFilters") and req.get("ExcludeFilters"):
        raise errors.exclusive("IncludeFilters", "ExcludeFilters")
    call.pass_role(req["RoleArn"], "streams.metrics.cloudwatch.amazonaws.com")
    if req["FirehoseArn"].split(":")[2:3] != ["firehose"]:
        raise errors.invalid_value(req["FirehoseArn"], "FirehoseArn")
    old = call.get(MetricStream, req["Name"])
    tags = old.tags if old else {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    stream = call.put(MetricStream(
        req["Name"], by_name(call, req), req["FirehoseArn"], req["RoleArn"], "json", old.created if old else call.now, call.now, old.running if old else True,
        list(req.get("IncludeFilters") or ()), list(req.get("ExcludeFilters") or ()), list(req.get("StatisticsConfigurations") or ()), tags))  # type: ignore[arg-type]
    attend(call)
    return {"Arn": stream.arn}


@cloudwatch.op(resource=by_name)
def get_metric_stream(call: Call, req: t.GetMetricStreamInput) -> t.GetMetricStreamOutput:
    stream = find(call, req["Name"])
    out: Any = shown(stream) | {"RoleArn": stream.role, "IncludeLinkedAccountsMetrics": False}
    for member, value in (("IncludeFilters", stream.include), ("ExcludeFilters", stream.exclude), ("StatisticsConfigurations", stream.more)):
        if value:
            out[member] = value
    return out  # type: ignore[no-any-return]


def shown(stream: MetricStream) -> dict[str, Any]:
    return {"Arn": stream.arn, "Name": stream.name, "FirehoseArn": stream.firehose, "State": "running" if stream.running else "stopped", "CreationDate": stream.created,
            "LastUpdateDate": stream.updated, "OutputFormat": stream.format}


@cloudwatch.op(ANY)
def list_metric_streams(call: Call, req: t.ListMetricStreamsInput) -> t.ListMetricStreamsOutput:
    found, token = page(sorted(call.all(MetricStream), key=lambda s: s.name), req, lambda s: s.name, PAGE, errors.bad_token)
    return {"Entries": [shown(stream) for stream in found], **token}  # type: ignore[typeddict-item]


@cloudwatch.op(resource=by_name)
def delete_metric_stream(call: Call, req: t.DeleteMetricStreamInput) -> t.DeleteMetricStreamOutput:
    if (there := call.get(MetricStream, req["Name"])) is not None:
        call.delete(there)
        attend(call)
    return {}


@cloudwatch.op(resource=by_names)
def start_metric_streams(call: Call, req: t.StartMetricStreamsInput) -> t.StartMetricStreamsOutput:
    turn(call, req["Names"], True)
    return {}


@cloudwatch.op(resource=by_names)
def stop_metric_streams(call: Call, req: t.StopMetricStreamsInput) -> t.StopMetricStreamsOutput:
    turn(call, req["Names"], False)
    return {}


def turn(call: Call, names: list[str], on: bool) -> None:
    for name in names:
        stream = call.get(MetricStream, name)
        if stream is not None and stream.running != on:
            call.put(stream.but(running=on, updated=call.now))
    attend(call)


# -- sending ------------------------------------------------------------------------------------------------------------------------

@cloudwatch.boot
def attend_again(call: Call) -> None:
    for where in call.cloud.store.scopes(MetricStream.kind):
        attend(call.at(*where))


def attend(call: Call) -> None:
    """Do streams run here? Then datapoints are noted, and looked at every minute."""
    where: set[tuple[str, str]] = call.cloud.memory.setdefault("cloudwatch.streams", set())
    if any(stream.running for stream in call.all(MetricStream)):
        where.add((call.account, call.region))
        call.again(EVERY_SECONDS - call.now % EVERY_SECONDS + 1, look, name="metric-streams")
    else:
        where.discard((call.account, call.region))
        call.cancel(look, "metric-streams")


def note(call: Call, metric: int, slot: int) -> None:
    if (call.account, call.region) in call.cloud.memory.get("cloudwatch.streams", ()):
        call.sql("INSERT OR IGNORE INTO cloudwatch_streamed VALUES (?,?,?,?)", call.account, call.region, slot // 60 * 60, metric)


@cloudwatch.timer
def look(call: Call) -> None:
    """The minutes that have ended."""
    pending.flush(call)
    streams = [stream for stream in call.all(MetricStream) if stream.running]
    over = int(call.now) // 60 * 60 - 60
    rows = call.sql("SELECT ts, metric FROM cloudwatch_streamed WHERE account=? AND region=? AND ts<=? ORDER BY ts, metric", call.account, call.region, over)
    if rows:
        lines: dict[str, list[str]] = {stream.name: [] for stream in streams}
        for ts, metric in rows:
            for stream, line in updates(call, streams, ts, metric):
                lines[stream].append(line)
        for stream in streams:
            send(call, stream, lines[stream.name])
        call.sql("DELETE FROM cloudwatch_streamed WHERE account=? AND region=? AND ts<=?", call.account, call.region, over)
    if streams:
        call.again(EVERY_SECONDS, look, name="metric-streams")


def updates(call: Call, streams: list[MetricStream], ts: int, metric: int) -> list[tuple[str, str]]:
    namespace, name, dims = call.row("SELECT namespace, name, dims FROM cloudwatch_metric WHERE id=?", metric)
    wanting = [stream for stream in streams if stream.wants(namespace, name)]
    if not wanting:
        return []
    cells: dict[str, datapoints.Cell] = {}
    for unit, *numbers, vals in call.sql("SELECT unit, n, total, low, high, vals FROM cloudwatch_point WHERE metric=? AND ts>=? AND ts<?", metric, ts, ts + 60):
        cells.setdefault(unit, datapoints.Cell()).merge(datapoints.Cell(*numbers, datapoints.decode(vals) if vals is not None else None))
    out = []
    for unit, cell in cells.items():
        about = {"account_id": call.account, "region": call.region, "namespace": namespace, "metric_name": name, "dimensions": dict(json.loads(dims)), "timestamp": ts * 1000}
        plain = {"max": cell.high, "min": cell.low, "sum": cell.total, "count": cell.n}
        for stream in wanting:
            extra = {one: value for config in stream.more if any(m["Namespace"] == namespace and m["MetricName"] == name for m in config["IncludeMetrics"])
                     for one in config["AdditionalStatistics"] if (value := statistics.value(cell, one, 60)) is not None}
            out.append((stream.name, json.dumps({"metric_stream_name": stream.name} | about | {"value": plain | extra, "unit": unit}, separators=(",", ":"))))
    return out


def send(call: Call, stream: MetricStream, lines: list[str]) -> None:
    records = [{"Data": "".join(line + "\n" for line in lines[at:at + LINES_A_RECORD]).encode()} for at in range(0, len(lines), LINES_A_RECORD)]
    try:
        role = call.as_role(stream.role, "metric-stream", "streams.metrics.cloudwatch.amazonaws.com")
        for at in range(0, len(records), RECORDS_AT_ONCE):
            role.do("firehose", "PutRecordBatch", DeliveryStreamName=stream.firehose.rsplit("/", 1)[1], Records=records[at:at + RECORDS_AT_ONCE])
    except AwsError as error:
        call.cloud.memory["cloudwatch.streams.lost"] = (stream.arn, error.code, call.now)
