"""Putting records: one, or up to 500 in 4 MiB. A stream takes 5,000 records and 5 MiB a second, in 2,000 requests."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from . import buffering, errors
from . import service as firehose
from .streams import FROM_KINESIS, DeliveryStream, by_name, find

if TYPE_CHECKING:
    from cloche.shapes import firehose as t

LARGEST_RECORD, LARGEST_BATCH = 1_024_000, 4 * 2**20
RATES = (2000.0, 5000.0, 5.0 * 2**20)  # requests, records, bytes a second


def tell(call: Call, stream: DeliveryStream, name: str, value: float, unit: str = "Count") -> None:
    cloudwatch.put(call, "AWS/Firehose", name, (("DeliveryStreamName", stream.name),), value, unit)


def writable(call: Call, req: Any) -> DeliveryStream:
    stream = find(call, req["DeliveryStreamName"])
    if stream.status(call.now) != "ACTIVE":
        raise errors.no_stream(stream.name, call.account)
    if stream.type == FROM_KINESIS:
        raise errors.not_direct()
    return stream


def spend(call: Call, stream: DeliveryStream, records: int, size: int) -> None:
    """From a bucket of one second; a request finds room or is refused whole."""
    buckets: dict[int, list[float]] = call.cloud.memory.setdefault("firehose.buckets", {})
    tokens = buckets.setdefault(stream.number, [*RATES, call.now])
    passed, tokens[3] = max(0.0, call.now - tokens[3]), call.now
    for i, (rate, wanted) in enumerate(zip(RATES, (1, records, size), strict=True)):
        tokens[i] = min(rate, tokens[i] + passed * rate)
        if tokens[i] < wanted:
            tell(call, stream, "ThrottledRecords", records)
            raise errors.slow_down()
    for i, wanted in enumerate((1, records, size)):
        tokens[i] -= wanted


def put(call: Call, stream: DeliveryStream, data: list[bytes]) -> list[str]:
    """The records' ids."""
    first = buffering.state(call, stream) is None
    ids = [f"{buffering.add(call, stream, one):020d}{call.id(digits=44)}" for one in data]
    buffering.schedule(call, stream, first)
    tell(call, stream, "IncomingRecords", len(data))
    tell(call, stream, "IncomingBytes", sum(map(len, data)), "Bytes")
    return ids


@firehose.op(resource=by_name)
def put_record(call: Call, req: t.PutRecordInput) -> t.PutRecordOutput:
    stream, data = writable(call, req), req["Record"]["Data"]
    if len(data) > LARGEST_RECORD:
        raise errors.record_too_large(LARGEST_RECORD)
    spend(call, stream, 1, len(data))
    tell(call, stream, "PutRecord.Requests", 1)
    return {"RecordId": put(call, stream, [data])[0], "Encrypted": stream.encrypted(call.now) == "ENABLED"}


@firehose.op(resource=by_name)
def put_record_batch(call: Call, req: t.PutRecordBatchInput) -> t.PutRecordBatchOutput:
    stream, data = writable(call, req), [record["Data"] for record in req["Records"]]
    if (size := sum(map(len, data))) > LARGEST_BATCH:
        raise errors.batch_too_large()
    spend(call, stream, len(data), size)
    tell(call, stream, "PutRecordBatch.Requests", 1)
    return {"FailedPutCount": 0, "Encrypted": stream.encrypted(call.now) == "ENABLED", "RequestResponses": [{"RecordId": id_} for id_ in put(call, stream, data)]}
