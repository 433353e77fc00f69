"""The files of an export: items a line each in DynamoDB's JSON or in Ion, gzip'ed, and the manifests that name and count them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""
from __future__ import annotations

import base64
import gzip
import hashlib
import inspect
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages.dynamodb import ion

from . import sealing
from .layouts import layout
from .rows import decode

if TYPE_CHECKING:
    from .exports import Export

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
ROWS = 500
FILE_BYTES = 16 << 20  # of lines in a file


async def write(call: Call, one: Export) -> tuple[str, int, int]:
    """(key of the manifest, items, billed bytes)."""
    id_, prefix = one.arn.rpartition("/")[2], one.settings.get("S3Prefix", "")
    base = f"{prefix.rstrip('/')}/AWSDynamoDB" if prefix else "AWSDynamoDB"
    place = f"{base}/{id_}"
    await put(call, one, f"{place}/_started", b"")
    files: list[dict[str, Any]] = []
    lines: list[str] = []
    size = billed = items = 0
    kind = "ion" if one.settings["ExportFormat"] == "ION" else "json"
    data = f"{base}/data" if one.increment is not None else f"{place}/data"
    at: Any = (b"", b"")

    async def close() -> None:
        name = f"{data}/{call.pick(LETTERS, 26)}.{kind}.gz"
        body = gzip.compress("".join(f"{line}\n" for line in lines).encode(), 6, mtime=0)
        answer = await put(call, one, name, body)
        files.append({"itemCount": len(lines), "md5Checksum": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(), "etag": answer["ETag"].strip('"'), "dataFileS3Key": name})
        lines.clear()

    while True:
        with call.step():
            rows, at = (changes if one.increment is not None else items_of)(call, one, at)
        for line, weight in rows:
            lines.append(line)
            size, billed, items = size + len(line), billed + weight, items + 1
            if size > FILE_BYTES:
                await close()
                size = 0
        if len(rows) < ROWS:
            break
        await call.turn()
    await close()
    names = "".join(json.dumps(one_, separators=(",", ":")) + "\n" for one_ in files).encode()
    summary = json.dumps(summary_of(call, one, f"{place}/manifest-files.json", items, billed), separators=(",", ":")).encode()
    for name, body in (("files", names), ("summary", summary)):
        await put(call, one, f"{place}/manifest-{name}.json", body)
        await put(call, one, f"{place}/manifest-{name}.md5", base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()))
    return f"{place}/manifest-summary.json", items, billed


async def put(call: Call, one: Export, key: str, body: bytes) -> Any:
    """As the caller of the export."""
    seal = one.settings["S3SseAlgorithm"]
    more: dict[str, Any] = {"ServerSideEncryption": "aws:kms" if seal == "KMS" else seal}
    if one.settings.get("S3SseKmsKeyId"):
        more["SSEKMSKeyId"] = one.settings["S3SseKmsKeyId"]
    if one.settings.get("S3BucketOwner"):
        more["ExpectedBucketOwner"] = one.settings["S3BucketOwner"]
    with call.step():
        answer = call.as_principal(one.principal).do("s3", "PutObject", Bucket=one.settings["S3Bucket"], Key=key, Body=body, **more)
    return await answer if inspect.isawaitable(answer) else answer


def items_of(call: Call, one: Export, at: Any) -> tuple[list[tuple[str, int]], Any]:
    """Lines and sizes of the next rows, and the place of the last."""
    found, out = layout(call, one.table), []
    for pk, sk, size, body in call.sql("SELECT pk, sk, size, body FROM dynamodb_item WHERE tbl=? AND (pk, sk) > (?, ?) ORDER BY pk, sk LIMIT ?", one.number, *at, ROWS):
        out.append((line(one, {"Item": opened(call, found, body)}), size))
        at = (pk, sk)
    return out, at


def changes(call: Call, one: Export, at: Any) -> tuple[list[tuple[str, int]], Any]:
    found, out = layout(call, one.table), []
    both = (one.increment or {}).get("ExportViewType") == "NEW_AND_OLD_IMAGES"
    for pk, sk, moment, old, new in call.sql("SELECT pk, sk, at, old, new FROM dynamodb_increment WHERE export=? AND (pk, sk) > (?, ?) ORDER BY pk, sk LIMIT ?", one.number, *at, ROWS):
        before, after = (opened(call, found, body) if body is not None else None for body in (old, new))
        image = after if after is not None else before
        said: dict[str, Any] = {"Metadata": {"WriteTimestampMicros": {"N": str(int(moment * 1_000_000))}}, "Keys": keys(call, one, found, pk, sk, image)}
        if before is not None and both:
            said["OldImage"] = before
        if after is not None:
            said["NewImage"] = after
        out.append((line(one, said), len(json.dumps(said))))
        at = (pk, sk)
    return out, at


def keys(call: Call, one: Export, found: Any, pk: bytes, sk: bytes, image: Any) -> Any:
    """Of an item that came and went within the window no image is left: what it was in between says its key."""
    if image is None:
        assert one.increment is not None
        body = call.row("SELECT body FROM dynamodb_past WHERE tbl=? AND pk=? AND sk=? AND body IS NOT NULL AND at>=? ORDER BY seq LIMIT 1", one.table.number, pk, sk, one.increment["ExportFromTime"])
        image = opened(call, found, body[0]) if body else {}
    return {name: image[name] for name in found.schema.names if name in image}


def opened(call: Call, found: Any, body: bytes) -> Any:
    return decode(sealing.open_(sealing.background(call), found, body) if found.sealed else body)


def line(one: Export, said: dict[str, Any]) -> str:
    if one.settings["ExportFormat"] != "ION":
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    plain = {name: ion.text({"M": value}) for name, value in said.items()}
    return "$ion_1_0 {" + ",".join(f"{name}:{value}" for name, value in plain.items()) + "}"


def summary_of(call: Call, one: Export, files: str, items: int, billed: int) -> dict[str, Any]:
    said: dict[str, Any] = {"version": "2020-06-30" if one.increment is None else "2023-08-01", "exportArn": one.arn, "startTime": iso(one.started), "endTime": iso(call.now),
                            "tableArn": one.arn.partition("/export/")[0], "tableId": one.table.id}
    if one.increment is None:
        said["exportTime"] = iso(one.moment)
    else:
        said |= {"exportFromTime": iso(one.increment["ExportFromTime"]), "exportToTime": iso(one.increment["ExportToTime"])}
    said |= {"s3Bucket": one.settings["S3Bucket"], "s3Prefix": one.settings.get("S3Prefix"), "s3SseAlgorithm": one.settings["S3SseAlgorithm"], "s3SseKmsKeyId": one.settings.get("S3SseKmsKeyId"),
             "manifestFilesS3Key": files, "billedSizeBytes": billed, "itemCount": items, "outputFormat": one.settings["ExportFormat"]}
    if one.increment is not None:
        said |= {"outputView": one.increment["ExportViewType"], "exportType": "INCREMENTAL_EXPORT"}
    else:
        said["exportType"] = "FULL_EXPORT"
    return said


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
