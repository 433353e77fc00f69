"""Destinations: a stream of one account that other accounts' log groups may be subscribed to. Its policy says whose; its own role puts the records in."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import AwsError, Call, Record

from . import errors, groups
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t


class Destination(Record, frozen=True):
    kind = "logs.destination"

    name: str
    arn: str
    target: str
    role: str
    created: int
    policy: str = ""
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"destination:{req['destinationName']}")


def at(call: Call, arn: str) -> tuple[Call, Destination] | None:
    """The destination, and the call standing where it is."""
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[2] != "logs" or parts[5] != "destination":
        return None
    there = call.of("logs", parts[4], parts[3])
    found = there.get(Destination, parts[6])
    return (there, found) if found is not None else None


def shown(one: Destination) -> t.Destination:
    said: Any = {"destinationName": one.name, "targetArn": one.target, "roleArn": one.role, "arn": one.arn, "creationTime": one.created}
    return said | ({"accessPolicy": one.policy} if one.policy else {})  # type: ignore[no-any-return]


@logs.op(by_name)
def put_destination(call: Call, req: t.PutDestinationRequest) -> t.PutDestinationResponse:
    from . import subscriptions
    target, role, old = req["targetArn"], req["roleArn"], call.get(Destination, req["destinationName"])
    vendor = target.split(":")[2] if target.count(":") >= 5 else ""
    if vendor not in subscriptions.STREAMS:
        raise errors.invalid("The targetArn must be of a Kinesis stream or of a Firehose stream.")
    call.pass_role(role, "logs.amazonaws.com")
    try:
        with call.step():
            subscriptions.test(call.as_role(role, "CloudWatchLogs", "logs.amazonaws.com"), target)
    except AwsError as error:
        raise errors.no_test_message(subscriptions.STREAMS[vendor]) from error
    made = Destination(req["destinationName"], by_name(call, req), target, role, old.created if old else groups.milliseconds(call), old.policy if old else "", old.tags if old else req.get("tags") or {})
    return {"destination": shown(call.put(made))}


@logs.op(by_name)
def put_destination_policy(call: Call, req: t.PutDestinationPolicyRequest) -> None:
    found = call.get(Destination, req["destinationName"])
    if found is None:
        raise errors.no_destination()
    try:
        grammar.resource(req["accessPolicy"])
    except MalformedPolicy as error:
        raise errors.invalid(str(error)) from None
    call.put(found.but(policy=req["accessPolicy"]))


@logs.op(lambda call, req: call.arn("destination:*"))
def describe_destinations(call: Call, req: t.DescribeDestinationsRequest) -> t.DescribeDestinationsResponse:
    every = [one for one in sorted(call.all(Destination), key=lambda one: one.name) if one.name.startswith(req.get("DestinationNamePrefix") or "")]
    found, token = groups.page(every, req, lambda one: one.name, 50)
    answer: Any = {"destinations": [shown(one) for one in found]}
    return answer | token  # type: ignore[no-any-return]


@logs.op(by_name)
def delete_destination(call: Call, req: t.DeleteDestinationRequest) -> None:
    found = call.get(Destination, req["destinationName"])
    if found is None:
        raise errors.no_destination()
    call.delete(found)
