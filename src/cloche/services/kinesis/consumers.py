"""Consumers with a throughput of their own (enhanced fan-out): registered, described, listed, deregistered."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.kernel.pages import page

from . import accounts, errors
from . import service as kinesis
from .streams import Stream, creating, find, owner, policy

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

CREATING_SECONDS = DELETING_SECONDS = 0.5
MOST, MOST_ADVANTAGE = 20, 50
PAGE = 100


class Consumer(Record, frozen=True, omit_defaults=True):
    kind = "kinesis.consumer"

    arn: str
    name: str
    stream: str     # its ARN
    created: float
    deleted: float = 0.0
    tags: dict[str, str] = {}
    policy: str = ""

    @property
    def key(self) -> str:
        return f"{self.stream}/{self.name}"

    def status(self, now: float) -> str:
        return "DELETING" if self.deleted else "CREATING" if now < self.created + CREATING_SECONDS else "ACTIVE"

    def gone(self, now: float) -> bool:
        return bool(self.deleted) and now >= self.deleted + DELETING_SECONDS


def consumers_of(call: Call, stream: Stream) -> list[Consumer]:
    return [one for one in call.all(Consumer) if one.stream == stream.arn and not one.gone(call.now)]


def by_consumer(call: Call, req: Any) -> str:
    """IAM is asked about the consumer; whoever names it by its stream may not know its ARN to the end."""
    if arn := req.get("ConsumerARN"):
        return arn  # type: ignore[no-any-return]
    there, name = req.get("StreamARN"), req.get("ConsumerName")
    if there and name:
        account, region, _ = owner(there)
        found = call.at(account, region).get(Consumer, f"{there}/{name}")
        return found.arn if found else f"{there}/consumer/{name}"
    return call.arn("stream/*/consumer/*")


def consumer_policy(call: Call, arn: str) -> str | None:
    found = by_arn(call, arn)
    return found.policy or None if found else None


def by_arn(call: Call, arn: str) -> Consumer | None:
    if "/consumer/" not in arn:
        return None
    account, region, _ = owner(arn)
    stream, _, rest = arn.partition("/consumer/")
    found = call.at(account, region).get(Consumer, f"{stream}/{rest.partition(':')[0]}")
    return None if found is None or found.arn != arn or found.gone(call.now) else found


def find_consumer(call: Call, req: Any) -> tuple[Call, Consumer]:
    arn, stream, name = req.get("ConsumerARN"), req.get("StreamARN"), req.get("ConsumerName")
    if not arn and not (stream and name):
        raise errors.consumer_unnamed()
    account, region, _ = owner(arn or stream)
    there = call.at(account, region)
    found = by_arn(call, arn) if arn else there.get(Consumer, f"{stream}/{name}")
    if found is None or found.gone(call.now) or (stream and found.stream != stream) or (name and found.name != name):
        raise errors.no_consumer(name or arn.partition("/consumer/")[2], account)
    return there, found


def shown(call: Call, consumer: Consumer) -> Any:
    return {"ConsumerName": consumer.name, "ConsumerARN": consumer.arn, "ConsumerStatus": consumer.status(call.now), "ConsumerCreationTimestamp": consumer.created}


def by_stream_arn(call: Call, req: Any) -> str:
    return str(req["StreamARN"])


@kinesis.op(resource=by_stream_arn, policy=policy, context=creating)
def register_stream_consumer(call: Call, req: t.RegisterStreamConsumerInput) -> t.RegisterStreamConsumerOutput:
    call, stream = find(call, {"StreamARN": req["StreamARN"]})
    if (status := stream.status(call.now)) in ("CREATING", "DELETING"):
        raise errors.not_active(stream.name, call.account, status)
    there = consumers_of(call, stream)
    if any(one.name == req["ConsumerName"] for one in there):
        raise errors.consumer_exists(stream.name, call.account)
    if len(there) >= (MOST_ADVANTAGE if stream.on_demand and accounts.of(call).enabled else MOST):
        raise errors.too_many_consumers(stream.name, call.account)
    tags = dict(req.get("Tags") or {})
    arn = f"{stream.arn}/consumer/{req['ConsumerName']}:{int(call.now)}"
    if tags:
        from .tags import checked
        call.require("kinesis:TagResource", arn, creating(call, req))
        checked(call, req["ConsumerName"], tags, {})
    return {"Consumer": shown(call, call.put(Consumer(arn, req["ConsumerName"], stream.arn, call.now, tags=tags)))}


@kinesis.op(resource=by_consumer, policy=consumer_policy)
def describe_stream_consumer(call: Call, req: t.DescribeStreamConsumerInput) -> t.DescribeStreamConsumerOutput:
    call, consumer = find_consumer(call, req)
    return {"ConsumerDescription": shown(call, consumer) | {"StreamARN": consumer.stream}}


@kinesis.op(resource=by_stream_arn, policy=policy)
def list_stream_consumers(call: Call, req: t.ListStreamConsumersInput) -> t.ListStreamConsumersOutput:
    call, stream = find(call, {"StreamARN": req["StreamARN"]})
    if "NextToken" in req and "StreamCreationTimestamp" in req:
        raise errors.token_and("StreamCreationTimestamp")
    if (created := req.get("StreamCreationTimestamp")) is not None and int(created) != int(stream.created):
        raise errors.no_stream(stream.name, call.account)
    found, token = page(sorted(consumers_of(call, stream), key=lambda one: one.name), req, lambda one: one.name, PAGE, errors.bad_token)
    return {"Consumers": [shown(call, one) for one in found], **token}  # type: ignore[typeddict-item]


@kinesis.op(resource=by_consumer, policy=consumer_policy)
def deregister_stream_consumer(call: Call, req: t.DeregisterStreamConsumerInput) -> None:
    from .streams import topic
    call, consumer = find_consumer(call, req)
    if consumer.deleted:
        raise errors.consumer_not_active(consumer.arn, "DELETING")
    call.put(consumer.but(deleted=call.now))
    call.after(DELETING_SECONDS, leave, name=consumer.key, consumer=consumer.key)
    call.signal(topic(consumer.stream))


@kinesis.timer
def leave(call: Call, consumer: str) -> None:
    found = call.get(Consumer, consumer)
    if found is not None and found.deleted:
        call.delete(found)
