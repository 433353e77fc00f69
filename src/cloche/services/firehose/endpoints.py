"""HTTP endpoints: a batch of records posted as Firehose's request, which the endpoint answers with its id."""
from __future__ import annotations

import asyncio
import base64
import gzip
import json
from typing import TYPE_CHECKING

from cloche.engines.fetch import Unreachable, fetch
from cloche.kernel import AwsError, Call

if TYPE_CHECKING:
    from .streams import DeliveryStream

ANSWER_SECONDS = 180


async def post(call: Call, stream: DeliveryStream, records: list[bytes]) -> AwsError | None:
    """None if the endpoint has them, else what was wrong."""
    about = stream.destination["RequestConfiguration"]
    id_ = call.uuid()
    body = json.dumps({"requestId": id_, "timestamp": int(call.now * 1000), "records": [{"data": base64.b64encode(data).decode()} for data in records]}).encode()
    headers = [("Content-Type", "application/json"), ("X-Amz-Firehose-Protocol-Version", "1.0"), ("X-Amz-Firehose-Request-Id", id_), ("X-Amz-Firehose-Source-Arn", stream.arn),
               ("User-Agent", "Amazon Kinesis Data Firehose Agent/1.0")]
    if stream.access_key:
        headers.append(("X-Amz-Firehose-Access-Key", str(stream.access_key)))
    if common := {one["AttributeName"]: one["AttributeValue"] for one in about["CommonAttributes"]}:
        headers.append(("X-Amz-Firehose-Common-Attributes", json.dumps({"commonAttributes": common})))
    if about["ContentEncoding"] == "GZIP":
        headers.append(("Content-Encoding", "gzip"))
        body = gzip.compress(body, mtime=0)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await fetch("POST", stream.destination["EndpointConfiguration"]["Url"], headers, body)
    except (Unreachable, TimeoutError) as error:
        return AwsError("HttpEndpoint.ConnectionFailed", f"The endpoint could not be reached: {error}")
    if answer.status != 200:
        return AwsError("HttpEndpoint.DestinationException", f"The endpoint answered {answer.status}: {answer.body[:200].decode('utf-8', 'replace')}")
    try:
        said = json.loads(answer.body).get("requestId")
    except (ValueError, AttributeError):
        said = None
    if said != id_:
        return AwsError("HttpEndpoint.InvalidResponseFromDestination", "The response received from the endpoint is invalid: its requestId is not that of the request.")
    return None
