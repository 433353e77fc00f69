"""Items of a distributed Map out of S3, and its results into S3."""
from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.languages.asl import template
from cloche.languages.asl.failure import StateError
from cloche.services.cloudformation.public import whole

from . import integrations
from .executions import Execution

if TYPE_CHECKING:
    from .engine import Run, Thread

LARGEST = 10 << 30


def _given(run: Run, thread: Thread, holder: dict[str, Any]) -> dict[str, Any]:
    """Parameters (or JSONata's Arguments) of the reader or writer."""
    if run.jsonata(thread):
        return run.expression(thread, holder.get("Arguments") or {}, "Arguments")  # type: ignore[no-any-return]
    return template.fill(holder.get("Parameters") or {}, run.scope(thread, run.selected(thread, run.state(thread).get("InputPath", "$"), thread.input)))  # type: ignore[no-any-return]


async def read(call: Call, execution: Execution, run: Run, thread: Thread, state: dict[str, Any]) -> list[Any]:
    reader = state["ItemReader"]
    config = reader.get("ReaderConfig") or {}
    given, here = _given(run, thread, reader), integrations.acting(call.at(execution.account, execution.region), execution)
    most = run.number(thread, config, "MaxItems")
    try:
        items = await _listed(here, given) if reader["Resource"].endswith(":listObjectsV2") else await _object(here, given, config)
    except StateError as error:
        raise StateError("States.ItemReaderFailed", f"Attempting to read the items failed: {error.name}: {error.cause}") from None
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise StateError("States.ItemReaderFailed", f"The items could not be read: {error}") from None
    return items[:int(most)] if most else items


async def _listed(here: Call, given: dict[str, Any]) -> list[Any]:
    items: list[Any] = []
    token: dict[str, str] = {}
    while True:
        answer = await integrations.call_service(here, "s3", "ListObjectsV2", {**given, **token}, "S3", sdk=True)
        items += [{"Etag": one["ETag"], "Key": one["Key"], "LastModified": one["LastModified"], "Size": one["Size"], "StorageClass": one["StorageClass"]} for one in answer.get("Contents") or []]
        if not answer.get("NextContinuationToken"):
            return items
        token = {"ContinuationToken": answer["NextContinuationToken"]}


async def _body(here: Call, given: dict[str, Any]) -> bytes:
    """An object whole: `integrations.call_service` would give only as much as a state may hold, as text."""
    op = integrations.model.load("s3").operations["GetObject"]
    try:
        body = here.do("s3", "GetObject", **integrations.inward(op.input, given, ""))["Body"]
    except AwsError as error:
        raise StateError(f"S3.{error.code}", error.message) from None
    found = await whole(body, LARGEST)
    if found is None:
        raise ValueError(f"the object is larger than {LARGEST} bytes")
    return found


async def _object(here: Call, given: dict[str, Any], config: dict[str, Any]) -> list[Any]:
    raw, kind = await _body(here, given), config.get("InputType", "JSON")
    if kind == "PARQUET":
        return _rows(raw)
    text = raw.decode("utf-8-sig")
    if kind == "JSONL":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if kind == "CSV":
        delimiter = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}[config.get("CSVDelimiter", "COMMA")]
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
        names = config["CSVHeaders"] if config.get("CSVHeaderLocation") == "GIVEN" else rows.pop(0) if rows else []
        return [{name: row[number] if number < len(row) else "" for number, name in enumerate(names)} for row in rows]
    if kind == "MANIFEST":  # S3 Inventory's: the files that it names, and what they list
        manifest = json.loads(text)
        names = [one.strip() for one in manifest["fileSchema"].split(",")] if manifest.get("fileFormat", "CSV") == "CSV" else []
        items = []
        for one in manifest["files"]:
            raw = await _body(here, {"Bucket": manifest["destinationBucket"].rpartition(":")[2] or given["Bucket"], "Key": one["key"]})
            if manifest.get("fileFormat") == "Parquet":
                items += _rows(raw)
                continue
            items += [dict(zip(names, row)) for row in csv.reader(io.StringIO(gzip.decompress(raw).decode()))]
        return items
    if kind != "JSON":
        raise StateError("States.ItemReaderFailed", f"InputType {kind} is not built in Cloche")
    found = json.loads(text)
    pointer = config.get("ItemsPointer")
    for part in (pointer or "").split("/")[1:]:
        found = found[int(part)] if isinstance(found, list) else found[part]
    if not isinstance(found, list):
        raise ValueError("the object must hold a JSON array")
    return found


def _rows(raw: bytes) -> list[Any]:
    """A Parquet file's records, as JSON has them."""
    from cloche.languages import s3select
    try:
        found = list(s3select.parquet.rows(lambda offset, length: raw[offset:offset + length], len(raw)))
    except s3select.Invalid as error:
        raise ValueError(str(error)) from None
    return json.loads(json.dumps(found, default=str))  # type: ignore[no-any-return]


async def write(call: Call, execution: Execution, run: Run, thread: Thread, writer: dict[str, Any], arn: str, rows: list[Any]) -> dict[str, Any]:
    """Files by status and a manifest; what the state's result is then."""
    given, here = _given(run, thread, writer), integrations.acting(call.at(execution.account, execution.region), execution)
    bucket, prefix = given["Bucket"], f"{given.get('Prefix', '').rstrip('/')}/{arn.rpartition(':')[2]}/".lstrip("/")
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    try:
        for status, group in (("SUCCEEDED", ("SUCCEEDED",)), ("FAILED", ("FAILED", "TIMED_OUT", "ABORTED"))):
            found = [json.loads(said) for each, said in rows if each in group and said]
            if found:
                body = json.dumps(found)
                await integrations.call_service(here, "s3", "PutObject", {"Bucket": bucket, "Key": f"{prefix}{status}_0.json", "Body": body}, "S3", sdk=True)
                files[status].append({"Key": f"{prefix}{status}_0.json", "Size": len(body)})
        manifest = json.dumps({"DestinationBucket": bucket, "MapRunArn": arn, "ResultFiles": files})
        await integrations.call_service(here, "s3", "PutObject", {"Bucket": bucket, "Key": f"{prefix}manifest.json", "Body": manifest}, "S3", sdk=True)
    except StateError as error:
        raise StateError("States.ResultWriterFailed", f"Attempting to write the results failed: {error.name}: {error.cause}") from None
    return {"MapRunArn": arn, "ResultWriterDetails": {"Bucket": bucket, "Key": f"{prefix}manifest.json"}}
