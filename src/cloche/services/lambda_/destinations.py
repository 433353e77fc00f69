"""Where the result of an event goes: a queue, a topic, another function, a bus, a bucket; sent under the function's role."""
from __future__ import annotations

import inspect
import json
import time
from typing import Any

from cloche.kernel import AwsError, Call

from . import asynchronous, names
from .roles import acting


async def send(call: Call, role: str, source: str, arn: str, record: dict[str, Any], failed: bool) -> bool:
    """Deliver the record; False if the destination would not have it (AWS then counts DestinationDeliveryFailures)."""
    kind = arn.split(":")[2]
    text = json.dumps(record, separators=(",", ":"))
    try:
        there = acting(call, role, source.split(":")[6])
        if kind == "lambda":
            name = names.parse(call.at(call.account, arn.split(":")[3]), arn)
            there.require("lambda:InvokeFunction", arn)
            with call.step():
                asynchronous.enqueue(call, name, text.encode())
            return True
        if kind == "sqs":
            answer = queue(there, arn, text)
        elif kind == "sns":
            answer = there.do("sns", "Publish", TopicArn=arn, Message=text)
        elif kind == "events":
            result = "Failure" if failed else "Success"
            entry = {"Source": "lambda", "DetailType": f"Lambda Function Invocation Result - {result}", "Detail": text, "Resources": [record["requestContext"]["functionArn"]], "EventBusName": arn}
            answer = there.do("events", "PutEvents", Entries=[entry])
        else:
            day = time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S", time.gmtime(call.now))
            answer = there.do("s3", "PutObject", Bucket=arn.split(":")[5].split("/")[0], Key=f"aws/lambda/async/{source.split(':')[6]}/{day}-{call.uuid()}", Body=text.encode())
        if inspect.isawaitable(answer):
            await answer
    except (AwsError, LookupError):
        return False
    return True


def queue(there: Call, arn: str, text: str, **more: Any) -> Any:
    from cloche.services.sqs import public as sqs
    with there.step():
        return sqs.send(there, arn, MessageBody=text, **more)


async def dead_letter(call: Call, role: str, source: str, arn: str, payload: bytes, request_id: str, code: int, message: str) -> bool:
    """The event itself, with what went wrong in its attributes."""
    attributes = {"RequestID": {"DataType": "String", "StringValue": request_id}, "ErrorCode": {"DataType": "Number", "StringValue": str(code)},
                  "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or "unknown"}}
    try:
        there = acting(call, role, source.split(":")[6])
        if arn.split(":")[2] == "sqs":
            queue(there, arn, payload.decode("utf-8", "replace"), MessageAttributes=attributes)
        else:
            answer = there.do("sns", "Publish", TopicArn=arn, Message=payload.decode("utf-8", "replace"), MessageAttributes=attributes)
            if inspect.isawaitable(answer):
                await answer
    except (AwsError, LookupError):
        return False
    return True
