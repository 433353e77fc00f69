"""Delivery streams: made, found, described, listed, changed, deleted; their tags."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.sealing import Sealed

from . import destinations, errors
from . import service as firehose

if TYPE_CHECKING:
    from cloche.shapes import firehose as t

CREATING_SECONDS, DELETING_SECONDS, ENABLING_SECONDS = 0.5, 0.5, 0.5
PAGE = 10
MOST_TAGS = 50
DIRECT, FROM_KINESIS = "DirectPut", "KinesisStreamAsSource"
DESTINATION = "destinationId-000000000001"
PASSING = {"ENABLING": "ENABLED", "DISABLING": "DISABLED"}


class DeliveryStream(Record, frozen=True, omit_defaults=True):
    kind = "firehose.stream"

    name: str
    arn: str
    number: int
    created: float
    to: str                                  # s3 or http
    destination: dict[str, Any]              # with what it has by default, as it is described
    type: str = DIRECT
    source: dict[str, Any] = {}              # KinesisStreamSourceConfiguration, or the hint of DirectPut
    version: int = 1
    updated: float = 0.0
    deleted: float = 0.0
    access_key: Sealed = Sealed("")          # of an HTTP endpoint
    encryption: dict[str, str] = {}          # KeyType, KeyARN
    encryption_status: str = "DISABLED"
    encryption_since: float = 0.0
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    def status(self, now: float) -> str:
        return "DELETING" if self.deleted else "CREATING" if now < self.created + CREATING_SECONDS else "ACTIVE"

    def gone(self, now: float) -> bool:
        return bool(self.deleted) and now >= self.deleted + DELETING_SECONDS

    def encrypted(self, now: float) -> str:
        passed = now >= self.encryption_since + ENABLING_SECONDS
        return PASSING.get(self.encryption_status, self.encryption_status) if passed else self.encryption_status

    @property
    def s3(self) -> dict[str, Any]:
        """Where objects go: the destination itself, or what an endpoint has behind it."""
        return self.destination if self.to == "s3" else self.destination["S3DestinationDescription"]  # type: ignore[no-any-return]


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"deliverystream/{req['DeliveryStreamName']}")


def find(call: Call, name: str) -> DeliveryStream:
    stream = call.get(DeliveryStream, name)
    if stream is None or stream.gone(call.now):
        raise errors.no_stream(name, call.account)
    return stream


def find_active(call: Call, req: Any) -> DeliveryStream:
    stream = find(call, req["DeliveryStreamName"])
    if (status := stream.status(call.now)) != "ACTIVE":
        raise errors.busy(stream.name, call.account, status)
    return stream


def tagging(call: Call, req: Any) -> dict[str, Any]:
    tags = {tag["Key"]: tag.get("Value", "") for tag in req.get("Tags") or ()}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}


# -- operations -------------------------------------------------------------------------------------------------------------------

@firehose.op(resource=by_name, context=tagging, partly="destinations other than S3 and HTTP endpoints, sources other than DirectPut and Kinesis, Snappy and format conversion are refused")
def create_delivery_stream(call: Call, req: t.CreateDeliveryStreamInput) -> t.CreateDeliveryStreamOutput:
    from . import buffering, encryption, sources
    name, type_ = req["DeliveryStreamName"], req.get("DeliveryStreamType", DIRECT)
    there = call.get(DeliveryStream, name)
    if there is not None and not there.gone(call.now):
        raise errors.stream_exists(name, call.account)
    if type_ not in (DIRECT, FROM_KINESIS):
        raise errors.not_built(f"a delivery stream of type {type_}")
    if ("KinesisStreamSourceConfiguration" in req) != (type_ == FROM_KINESIS):
        raise errors.no_source()
    to, destination, access_key = destinations.made(call, req)
    tags = checked_tags(call, req.get("Tags") or (), {})
    if tags:
        call.require("firehose:TagDeliveryStream", by_name(call, req), tagging(call, req))
    source = dict(req.get("KinesisStreamSourceConfiguration") or req.get("DirectPutSourceConfiguration") or {})
    stream = DeliveryStream(name, by_name(call, req), buffering.number(call), call.now, to, destination, type_, source, access_key=access_key, tags=tags)
    if type_ == FROM_KINESIS:
        sources.begin(call, stream)
    if wanted := req.get("DeliveryStreamEncryptionConfigurationInput"):
        stream = encryption.started(call, stream, wanted)
    call.put(stream)
    return {"DeliveryStreamARN": stream.arn}


@firehose.op(resource=by_name)
def describe_delivery_stream(call: Call, req: t.DescribeDeliveryStreamInput) -> t.DescribeDeliveryStreamOutput:
    stream = find(call, req["DeliveryStreamName"])
    out: dict[str, Any] = {
        "DeliveryStreamName": stream.name, "DeliveryStreamARN": stream.arn, "DeliveryStreamStatus": stream.status(call.now), "DeliveryStreamType": stream.type,
        "VersionId": str(stream.version), "CreateTimestamp": stream.created, "Destinations": [{"DestinationId": DESTINATION} | destinations.shown(stream.to, stream.destination)],
        "HasMoreDestinations": False, "DeliveryStreamEncryptionConfiguration": {"Status": stream.encrypted(call.now), **stream.encryption},
    }
    if stream.updated:
        out["LastUpdateTimestamp"] = stream.updated
    if stream.type == FROM_KINESIS:
        out["Source"] = {"KinesisStreamSourceDescription": stream.source | {"DeliveryStartTimestamp": stream.created}}
    elif stream.source:
        out["Source"] = {"DirectPutSourceDescription": stream.source}
    return {"DeliveryStreamDescription": out}  # type: ignore[typeddict-item]


@firehose.op(ANY)
def list_delivery_streams(call: Call, req: t.ListDeliveryStreamsInput) -> t.ListDeliveryStreamsOutput:
    after, wanted, limit = req.get("ExclusiveStartDeliveryStreamName", ""), req.get("DeliveryStreamType"), req.get("Limit", PAGE)
    names = sorted(s.name for s in call.all(DeliveryStream) if s.name > after and not s.gone(call.now) and wanted in (None, s.type))
    return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}


@firehose.op(resource=by_name)
def update_destination(call: Call, req: t.UpdateDestinationInput) -> t.UpdateDestinationOutput:
    from . import delivering
    stream = find_active(call, req)
    if req["CurrentDeliveryStreamVersionId"] != str(stream.version):
        raise errors.changed_meanwhile(req["CurrentDeliveryStreamVersionId"], str(stream.version))
    if req["DestinationId"] != DESTINATION:
        raise errors.no_destination(req["DestinationId"])
    to, destination, access_key = destinations.changed(call, stream, req)
    call.put(stream.but(to=to, destination=destination, access_key=access_key, version=stream.version + 1, updated=call.now))
    call.wake(delivering.deliver, stream.name)
    return {}


@firehose.op(resource=by_name)
def delete_delivery_stream(call: Call, req: t.DeleteDeliveryStreamInput) -> t.DeleteDeliveryStreamOutput:
    from . import buffering, encryption, sources
    stream = find(call, req["DeliveryStreamName"])
    if stream.deleted:
        raise errors.busy(stream.name, call.account, "DELETING")
    sources.end(call, stream)
    encryption.stopped(call, stream)
    call.put(stream.but(deleted=call.now))
    buffering.forget(call, stream.number)
    call.after(DELETING_SECONDS, end, name=stream.name, stream=stream.name)
    return {}


@firehose.timer
def end(call: Call, stream: str) -> None:
    found = call.get(DeliveryStream, stream)
    if found is not None and found.deleted:
        call.delete(found)


# -- tags -----------------------------------------------------------------------------------------------------------------------------

def checked_tags(call: Call, given: Any, have: dict[str, str]) -> dict[str, str]:
    new = {tag["Key"]: tag.get("Value", "") for tag in given}
    if call.reserves(new):
        raise errors.reserved_tag()
    if len(have | new) > MOST_TAGS:
        raise errors.too_many_tags()
    return have | new


@firehose.op(resource=by_name, context=tagging)
def tag_delivery_stream(call: Call, req: t.TagDeliveryStreamInput) -> t.TagDeliveryStreamOutput:
    stream = find(call, req["DeliveryStreamName"])
    call.put(stream.but(tags=checked_tags(call, req["Tags"], stream.tags)))
    return {}


@firehose.op(resource=by_name)
def untag_delivery_stream(call: Call, req: t.UntagDeliveryStreamInput) -> t.UntagDeliveryStreamOutput:
    stream = find(call, req["DeliveryStreamName"])
    call.put(stream.but(tags={k: v for k, v in stream.tags.items() if k not in req["TagKeys"]}))
    return {}


@firehose.op(resource=by_name)
def list_tags_for_delivery_stream(call: Call, req: t.ListTagsForDeliveryStreamInput) -> t.ListTagsForDeliveryStreamOutput:
    stream = find(call, req["DeliveryStreamName"])
    after, limit = req.get("ExclusiveStartTagKey", ""), req.get("Limit", MOST_TAGS)
    found = sorted((k, v) for k, v in stream.tags.items() if k > after)
    return {"Tags": [{"Key": k, "Value": v} for k, v in found[:limit]], "HasMoreTags": len(found) > limit}

