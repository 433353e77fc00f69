"""What happens to records on their way: taken apart, unpacked, given to a function, sorted by keys within them, ended with a delimiter."""
from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import AwsError, Call

from . import destinations, errors

if TYPE_CHECKING:
    from .buffering import Row
    from .streams import DeliveryStream

LAMBDA_BYTES, LAMBDA_RECORDS = 6_000_000, 10_000
FAILED, NO_KEYS = "processing-failed", "metadata-extraction-failed"
KNOWN = ("RecordDeAggregation", "Decompression", "CloudWatchLogProcessing", "Lambda", "MetadataExtraction", "AppendDelimiterToRecord")
NEEDED = {"Lambda": "LambdaArn", "MetadataExtraction": "MetadataExtractionQuery", "RecordDeAggregation": "SubRecordType"}
QUERY = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*(,|$)")


class Item(NamedTuple):
    """A record on its way. `row` is what was put."""

    row: Row
    data: bytes
    keys: dict[str, str] = {}


class Failure(NamedTuple):
    row: Row
    kind: str
    code: str
    message: str
    attempts: int
    function: str = ""


def parameters(processor: Any) -> dict[str, str]:
    return {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters") or ()}


def check(config: Any) -> None:
    for processor in config.get("Processors") or ():
        given = parameters(processor)
        if (needed := NEEDED.get(processor["Type"])) and needed not in given:
            raise errors.processor_needs(processor["Type"], needed)
        if processor["Type"] == "MetadataExtraction":
            query(given["MetadataExtractionQuery"])


def query(text: str) -> dict[str, list[str]]:
    """{name: .path.to, ...}: the part of jq that partition keys are mostly written in."""
    inner, out, at = text.strip(), {}, 0
    if not (inner.startswith("{") and inner.endswith("}")):
        raise errors.bad_query(text)
    inner = inner[1:-1].rstrip()
    while at < len(inner):
        found = QUERY.match(inner, at)
        if found is None:
            raise errors.bad_query(text)
        out[found[1]], at = found[2][1:].split("."), found.end()
    return out


async def run(call: Call, stream: DeliveryStream, rows: list[Row]) -> tuple[list[Item], list[Failure]]:
    """What goes on to the destination, and what could not be processed. What a function drops is in neither."""
    items, failures = [Item(row, row.data) for row in rows], []
    config = stream.destination.get("ProcessingConfiguration") or {}
    processors = (config.get("Processors") or []) if config.get("Enabled") else []
    for processor in sorted(processors, key=lambda p: KNOWN.index(p["Type"])):
        given = parameters(processor)
        match processor["Type"]:
            case "RecordDeAggregation":
                items = [Item(item.row, part) for item in items for part in apart(item.data, given)]
            case "Decompression":
                items = [item._replace(data=unpacked(item.data)) for item in items]
            case "CloudWatchLogProcessing":
                items = [item._replace(data=messages(item.data)) for item in items] if given.get("DataMessageExtraction") == "true" else items
                items = [item for item in items if item.data]
            case "Lambda":
                items, failed = await through(call, stream, items, given)
                failures += failed
            case "MetadataExtraction":
                items, failed = sorted_by(items, query(given["MetadataExtractionQuery"]))
                failures += failed
            case _:
                end = given.get("Delimiter", "\\n").encode().decode("unicode_escape").encode()
                items = [item._replace(data=item.data + end) for item in items]
    return items, failures


def apart(data: bytes, given: dict[str, str]) -> list[bytes]:
    if given["SubRecordType"] == "DELIMITED":
        try:
            between = base64.b64decode(given.get("Delimiter", "Cg=="), validate=True)
        except binascii.Error:
            between = given["Delimiter"].encode()
        return [part for part in data.split(between) if part]
    text, at, parts = data.decode("utf-8", "replace"), 0, []
    while at < len(text):
        try:
            value, end = json.JSONDecoder().raw_decode(text, at)
        except ValueError:
            return [data]
        parts += [json.dumps(one, separators=(",", ":")).encode() for one in value] if isinstance(value, list) else [text[at:end].encode()]
        at = end
        while at < len(text) and text[at].isspace():
            at += 1
    return parts


def unpacked(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, ValueError):
        return data


def messages(data: bytes) -> bytes:
    """Only the messages of a subscription's record; nothing of a control message."""
    try:
        said = json.loads(data)
        return b"" if said["messageType"] == "CONTROL_MESSAGE" else b"".join(event["message"].encode() + b"\n" for event in said["logEvents"])
    except (ValueError, KeyError, TypeError):
        return data


def sorted_by(items: list[Item], paths: dict[str, list[str]]) -> tuple[list[Item], list[Failure]]:
    good, failures = [], []
    for item in items:
        try:
            whole: Any = json.loads(item.data)
            keys = dict(item.keys)
            for name, path in paths.items():
                value = whole
                for step in path:
                    value = value[step]
                keys[name] = value if isinstance(value, str) else json.dumps(value)
            good.append(item._replace(keys=keys))
        except (ValueError, KeyError, TypeError):
            failures.append(Failure(item.row, NO_KEYS, "DynamicPartitioning.MetadataExtractionFailed", "Partition keys could not be extracted from the record.", 1))
    return good, failures


# -- functions ----------------------------------------------------------------------------------------------------------------------

async def through(call: Call, stream: DeliveryStream, items: list[Item], given: dict[str, str]) -> tuple[list[Item], list[Failure]]:
    """In batches as large as the processor says. A function that fails is called again, three times unless told otherwise; then its batch has failed."""
    most = min(int(float(given.get("BufferSizeInMBs", "1")) * 2**20), LAMBDA_BYTES // 2)
    batches: list[list[Item]] = [[]]
    size = 0
    for item in items:
        if batches[-1] and (size + len(item.data) > most or len(batches[-1]) >= LAMBDA_RECORDS):
            batches.append([])
            size = 0
        batches[-1].append(item)
        size += len(item.data)
    good, failures = [], []
    for batch in batches:
        if batch:
            done, failed = await once(call, stream, batch, given)
            good += done
            failures += failed
    return good, failures


async def once(call: Call, stream: DeliveryStream, batch: list[Item], given: dict[str, str]) -> tuple[list[Item], list[Failure]]:
    from cloche.services.lambda_ import public as functions
    arn, tries = given["LambdaArn"], 1 + int(given.get("NumberOfRetries", "3"))
    named = {f"{item.row.id:020d}{i:024d}000000": item for i, item in enumerate(batch)}
    payload = {"invocationId": call.uuid(), "deliveryStreamArn": stream.arn, "region": call.region, "records": [described(id_, item) for id_, item in named.items()]}
    if stream.source.get("KinesisStreamARN"):
        payload["sourceKinesisStreamArn"] = stream.source["KinesisStreamARN"]
    code, message, attempts = "", "", 0
    while attempts < tries:
        attempts += 1
        try:
            role = destinations.acting(call, given.get("RoleArn") or stream.destination.get("RoleARN") or stream.s3["RoleARN"])
            result = await functions.invoke(role, arn, json.dumps(payload).encode())
        except AwsError as error:
            code, message = ("Lambda.InvokeAccessDenied" if error.status == 403 else "Lambda.FunctionRequestFailed"), error.message
            continue
        if result.function_error is None:
            return answered(named, result.payload, attempts, arn)
        code, message = "Lambda.FunctionError", f"The Lambda function returned an error: {result.payload[:200].decode('utf-8', 'replace')}"
    return [], [Failure(item.row, FAILED, code, message, attempts, arn) for item in batch]


def described(id_: str, item: Item) -> dict[str, Any]:
    out: dict[str, Any] = {"recordId": id_, "approximateArrivalTimestamp": int(item.row.at * 1000), "data": base64.b64encode(item.data).decode()}
    return out | {"kinesisRecordMetadata": json.loads(item.row.about)} if item.row.about else out


def answered(named: dict[str, Item], payload: bytes, attempts: int, arn: str) -> tuple[list[Item], list[Failure]]:
    try:
        found: dict[str, Any] = {one["recordId"]: one for one in json.loads(payload)["records"]}
    except (ValueError, KeyError, TypeError):
        return [], [Failure(item.row, FAILED, "Lambda.JsonProcessingException", "There was an error parsing or mapping the JSON data.", attempts, arn) for item in named.values()]
    good, failures = [], []
    for id_, item in named.items():
        one = found.get(id_)
        result = one.get("result") if isinstance(one, dict) else None
        try:
            if one is None:
                failures.append(Failure(item.row, FAILED, "Lambda.MissingRecordId", "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids.", attempts, arn))
            elif result == "Ok":
                keys = {k: str(v) for k, v in ((one.get("metadata") or {}).get("partitionKeys") or {}).items()}
                good.append(item._replace(data=base64.b64decode(one.get("data", ""), validate=True), keys=item.keys | keys))
            elif result == "ProcessingFailed":
                failures.append(Failure(item.row, FAILED, "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record", attempts, arn))
            elif result != "Dropped":
                failures.append(Failure(item.row, FAILED, "Lambda.MissingResult" if result is None else "Lambda.InvalidResult", "The result of the record is none of Ok, Dropped and ProcessingFailed.", attempts, arn))
        except (ValueError, AttributeError):
            failures.append(Failure(item.row, FAILED, "Lambda.InvalidData", "The data of the record is not base64.", attempts, arn))
    return good, failures
