"""Usage as lines: what the ledger says of a stretch of time, and what services counted as metrics anyway; each with its cost."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from cloche.kernel import AwsError, Call

from . import ledger, prices
from .prices import API, LAMBDA, MONTH_HOURS, PRICES, S3, SNS, SQS

# (namespace, metric, its dimension) -> (service, usage type)
METRICS = {
    ("AWS/Lambda", "Invocations", "FunctionName"): (LAMBDA, "Request"), ("AWS/Lambda", "Duration", "FunctionName"): (LAMBDA, "Lambda-GB-Second"),
    ("AWS/SQS", "NumberOfMessagesSent", "QueueName"): (SQS, "Requests-Tier1"), ("AWS/SQS", "NumberOfMessagesReceived", "QueueName"): (SQS, "Requests-Tier1"),
    ("AWS/SQS", "NumberOfMessagesDeleted", "QueueName"): (SQS, "Requests-Tier1"), ("AWS/SQS", "NumberOfEmptyReceives", "QueueName"): (SQS, "Requests-Tier1"),
    ("AWS/SNS", "NumberOfMessagesPublished", "TopicName"): (SNS, "DeliveryAttempts"), ("AWS/ApiGateway", "Count", "ApiName"): (API, "ApiGatewayRequest"),
}
GB, HOUR = 1 << 30, 3600.0


class Line(NamedTuple):
    account: str
    region: str
    service: str
    usage: str                                         # with its Region's letters
    resource: str
    kind: str                                          # of an instance
    quantity: float
    unit: str
    cost: float
    tags: dict[str, str]


def lines(call: Call, account: str, start: float, finish: float) -> Iterator[Line]:
    """Of one account between two moments; nothing is used in the future."""
    finish = min(finish, call.now)
    if finish > start:
        yield from _timed(call, account, start, finish)
        yield from _counted(call, account, start, finish)
        yield from _stored(call, account, start, finish)


def _timed(call: Call, account: str, start: float, finish: float) -> Iterator[Line]:
    for region, service, usage, resource, kind, quantity, rate, began, ended, tags in ledger.rows(call, account, start, finish):
        hours = (min(finish, ended if ended is not None else finish) - max(start, began)) / HOUR
        price, unit = (rate, "Hrs") if rate else PRICES[usage]
        amount = quantity * hours / (MONTH_HOURS if unit == "GB-Mo" else 1)
        yield Line(account, region, service, prices.usage(usage, region), resource, kind, amount, unit, amount * price, json.loads(tags) if ended is not None else _tags(call, account, region, resource))


def _tags(call: Call, account: str, region: str, resource: str) -> dict[str, str]:
    """As they are now."""
    if resource.startswith("arn:"):
        try:
            found = call.at(account, region).as_root().do("elbv2", "DescribeTags", ResourceArns=[resource])["TagDescriptions"]
        except AwsError:
            return {}
        return {one["Key"]: one.get("Value", "") for one in (found[0].get("Tags") or () if found else ())}
    from cloche.services.ec2 import public as ec2
    return ec2.tags_of(call.at(account, region), resource)


def _counted(call: Call, account: str, start: float, finish: float) -> Iterator[Line]:
    from cloche.services.cloudwatch import public as cloudwatch
    for (namespace, metric, dimension), (service, usage) in METRICS.items():
        for region, dims, total in cloudwatch.totals(call, account, namespace, metric, start, finish):
            named = dict(dims)
            if set(named) != {dimension} or not total:
                continue
            name, price_of = named[dimension], usage
            if metric == "Duration":
                size = _memory(call, account, region, name)
                if size is None:
                    continue                            # the function is gone, and with it how much memory it had
                total, price_of = total / 1000 * size[0] / 1024, "Lambda-GB-Second-ARM" if size[1] else usage
            elif service == SQS and name.endswith(".fifo"):
                price_of = "Requests-FIFO-Tier1"
            price, unit = PRICES[price_of]
            yield Line(account, region, service, prices.usage(price_of, region), name, "", total, unit, total * price, {})


def _memory(call: Call, account: str, region: str, name: str) -> tuple[int, bool] | None:
    try:
        found = call.at(account, region).as_root().do("lambda", "GetFunctionConfiguration", FunctionName=name)
    except AwsError:
        return None
    return found["MemorySize"], "arm64" in found.get("Architectures", ())


def _stored(call: Call, account: str, start: float, finish: float) -> Iterator[Line]:
    if call.row("SELECT 1 FROM record WHERE kind = 's3.bucket' LIMIT 1") is None:
        return
    from cloche.services.s3 import public as s3
    for name, region, tags, byte_seconds in s3.storage(call.of("s3", account), start, finish):
        amount = byte_seconds / GB / HOUR / MONTH_HOURS
        price, unit = PRICES["TimedStorage-ByteHrs"]
        if amount:
            yield Line(account, region, S3, prices.usage("TimedStorage-ByteHrs", region), name, "", amount, unit, amount * price, tags)
