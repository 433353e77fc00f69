"""Imports from S3: a new table made of the objects under a prefix, in DynamoDB's JSON, Ion or CSV. It is CREATING until all of them are read.

What does not fit the table is counted and written to the log group /aws-dynamodb/imports; the rest goes in.
"""
from __future__ import annotations

import csv
import gzip
import inspect
import io
import json
from collections.abc import Iterator
from typing import Any

from cloche.iam import Principal
from cloche.kernel import AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.languages.dynamodb import ion
from cloche.languages.dynamodb.errors import Invalid
from cloche.services.cloudformation.public import whole

from . import errors_transfers as words
from . import items, op, restoring, rows, sealing, tables
from . import service as dynamodb
from .layouts import Layout
from .tables import Table

TOKEN_SECONDS = 8 * 3600
SECONDS = 10.0       # before the reading begins
LARGEST = 15 << 30   # of an object
ROWS = 500
PAGE = 25
LOGS = "/aws-dynamodb/imports"
MOST_LOGGED = 10_000
SAME = ("S3BucketSource", "InputFormat", "InputFormatOptions", "InputCompressionType", "TableCreationParameters")


class Import(Record, frozen=True, omit_defaults=True):
    kind = "dynamodb.import"

    arn: str
    table: str
    table_id: str
    principal: Principal
    settings: dict[str, Any]
    token: str
    started: float
    ended: float = 0.0
    status: str = "IN_PROGRESS"
    errors: int = 0
    read_bytes: int = 0
    read: int = 0
    imported: int = 0
    failure: tuple[str, str] = ("", "")

    @property
    def key(self) -> str:
        return self.arn


@op(resource=lambda call, req: call.arn(f"table/{req['TableCreationParameters']['TableName']}"), partly="ZSTD is refused")
def import_table(call: Call, req: Any) -> Any:
    if (req.get("InputFormatOptions") or {}).get("Csv") and req["InputFormat"] != "CSV":
        raise words.csv_options()
    if req.get("InputCompressionType") == "ZSTD":
        raise words.not_built("An import of files compressed with ZSTD")
    settings = {"InputCompressionType": "NONE", **{k: req[k] for k in SAME if k in req}}
    token = req.get("ClientToken")
    old = next((one for one in call.all(Import) if token and one.token == token and call.now < (one.ended or call.now) + TOKEN_SECONDS), None)
    if old is not None:
        if old.settings != settings:
            raise words.import_conflict()
        return {"ImportTableDescription": describe(call, old)}
    wanted = dict(req["TableCreationParameters"])
    tables.create_table(call, wanted)
    table = call.get(Table, wanted["TableName"])
    assert table is not None
    table = call.put(table.but(status="CREATING"))
    arn = f"{call.arn(f'table/{table.name}')}/import/{int(call.now * 1000):014d}-{call.id(digits=8)}"
    made = call.put(Import(arn, table.name, table.id, call.principal, settings, token or call.uuid(), call.now))
    call.after(SECONDS, begin_import, arn, arn=arn)
    return {"ImportTableDescription": describe(call, made)}


@dynamodb.timer
def begin_import(call: Call, arn: str) -> None:
    call.wake(read_import, arn)


@dynamodb.worker
async def read_import(call: Call, key: str) -> None:
    one = call.get(Import, key)
    table = call.get(Table, one.table) if one is not None else None
    if one is None or one.status != "IN_PROGRESS" or table is None or table.id != one.table_id:
        return
    try:
        counted = await Reading(call, one, table).all()
        with call.step():
            call.put(counted.but(status="COMPLETED", ended=call.now))
            call.wake(restoring.fill, f"{table.name}/{table.number}")  # the indexes; then the table is active
    except AwsError as error:
        code = {"NoSuchBucket": "S3NoSuchBucket", "AccessDenied": "S3AccessDenied"}.get(error.code, error.code)
        with call.step():
            call.put(one.but(status="FAILED", ended=call.now, failure=(code, f"{error.message} (Service: Amazon S3; Status Code: {error.status}; Error Code: {error.code})")))
            tables.drop(call, table)


class Reading:
    """One import under way. A crash begins it again: rows that are there are written over."""

    def __init__(self, call: Call, one: Import, table: Table) -> None:
        self.call, self.one, self.table = call, one, table
        self.layout = Layout(table, call.arn(f"table/{table.name}"), call.account, call.region)
        self.types = {a["AttributeName"]: a["AttributeType"] for a in table.attributes}
        self.bad: list[str] = []
        self.errors = self.bytes = self.read = self.imported = 0

    async def s3(self, operation: str, **req: Any) -> Any:
        with self.call.step():
            answer = self.call.as_principal(self.one.principal).do("s3", operation, Bucket=self.one.settings["S3BucketSource"]["S3Bucket"], **req)
        return await answer if inspect.isawaitable(answer) else answer

    async def all(self) -> Import:
        source, more = self.one.settings["S3BucketSource"], {}
        while True:
            answer = await self.s3("ListObjectsV2", **({"Prefix": source["S3KeyPrefix"]} if source.get("S3KeyPrefix") else {}), **more)
            for found in answer.get("Contents") or []:
                await self.object(found["Key"])
            if not answer.get("NextContinuationToken"):
                break
            more = {"ContinuationToken": answer["NextContinuationToken"]}
        self.log()
        return self.one.but(errors=self.errors, read_bytes=self.bytes, read=self.read, imported=self.imported)

    async def object(self, key: str) -> None:
        body = await whole((await self.s3("GetObject", Key=key))["Body"], LARGEST)
        body = body or b""
        self.bytes += len(body)
        if self.one.settings["InputCompressionType"] == "GZIP":
            try:
                body = gzip.decompress(body)
            except (OSError, EOFError):
                self.refuse(f"{key}: the object is not compressed with GZIP")
                return
        lines = self.items(body.decode("utf-8", "replace"))
        done = False
        while not done:
            with self.call.step():
                for _ in range(ROWS):
                    line = next(lines, None)
                    if line is None:
                        done = True
                        break
                    self.enter(f"{key}:{self.read}", line)
            await self.call.turn()

    def items(self, text: str) -> Iterator[Any]:
        """What each line says: an item, or why it is none."""
        kind = self.one.settings["InputFormat"]
        if kind == "CSV":
            yield from self.csv(text)
            return
        for line in text.splitlines():
            if not line.strip():
                continue
            try:
                yield json.loads(line)["Item"] if kind == "DYNAMODB_JSON" else ion.read(line)["M"]["Item"]["M"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                yield ValueError(f"the line cannot be read: {error}")

    def csv(self, text: str) -> Iterator[Any]:
        """Values are text, but for the keys' that are defined otherwise."""
        options = (self.one.settings.get("InputFormatOptions") or {}).get("Csv") or {}
        lines = csv.reader(io.StringIO(text), delimiter=options.get("Delimiter", ","))
        names = options.get("HeaderList")
        for row in lines:
            if not row:
                continue
            if names is None:
                names = row
                continue
            if len(row) != len(names):
                yield ValueError(f"the line has {len(row)} fields, the header {len(names)}")
                continue
            yield {name: {self.types.get(name, "S"): value} for name, value in zip(names, row, strict=True) if value != "" or name not in self.types}

    def enter(self, where: str, item: Any) -> None:
        self.read += 1
        if isinstance(item, ValueError):
            self.refuse(f"{where}: {item}")
            return
        try:
            if not isinstance(item, dict):
                raise Invalid("ValidationException", "Item must be an object")
            size = items.weigh(item)
            key = self.layout.schema.of_item(item)
        except (Invalid, AwsError) as error:
            self.refuse(f"{where}: {error.message}")
            return
        except (ValueError, TypeError, AttributeError, KeyError, StopIteration) as error:  # no value of DynamoDB's at all
            self.refuse(f"{where}: the item cannot be read: {error}")
            return
        body = rows.encode(item)
        if self.layout.sealed:
            body = sealing.close(sealing.background(self.call), self.layout, body)
        self.call.sql("INSERT INTO dynamodb_item (tbl, pk, sk, size, body) VALUES (?,?,?,?,?) ON CONFLICT (tbl, pk, sk) DO UPDATE SET size=excluded.size, body=excluded.body",
                      self.layout.number, *key, size, body)
        self.imported += 1

    def refuse(self, why: str) -> None:
        self.errors += 1
        if len(self.bad) < MOST_LOGGED:
            self.bad.append(json.dumps({"itemS3Pointer": why.partition(": ")[0], "importArn": self.one.arn, "errorMessages": [why.partition(": ")[2]]}))

    def log(self) -> None:
        if not self.bad:
            return
        inside, stream = self.call.as_root(), f"error-{self.one.arn.rpartition('/')[2]}"
        with self.call.step():
            try:
                inside.do("logs", "CreateLogGroup", logGroupName=LOGS)
            except AwsError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise
            inside.do("logs", "CreateLogStream", logGroupName=LOGS, logStreamName=stream)
            moment = int(self.call.now * 1000)
            for start in range(0, len(self.bad), 1000):
                inside.do("logs", "PutLogEvents", logGroupName=LOGS, logStreamName=stream, logEvents=[{"timestamp": moment, "message": one} for one in self.bad[start:start + 1000]])


# -- looking --------------------------------------------------------------------------------------------------------------


@op(resource=lambda call, req: str(req["ImportArn"]))
def describe_import(call: Call, req: Any) -> Any:
    found = call.get(Import, req["ImportArn"])
    if found is None:
        raise words.no_import(req["ImportArn"])
    return {"ImportTableDescription": describe(call, found)}


@op(resource=lambda call, req: f"{req['TableArn']}/import/*" if req.get("TableArn") else call.arn("table/*/import/*"))
def list_imports(call: Call, req: Any) -> Any:
    wanted = req.get("TableArn", "")
    every = sorted((one for one in call.all(Import) if one.arn.startswith(f"{wanted}/import/" if wanted else "")), key=lambda one: one.arn)
    chosen, more = page(every, req, lambda one: one.arn, PAGE, words.bad_token, size="PageSize")
    brief = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "CloudWatchLogGroupArn", "InputFormat", "StartTime", "EndTime")
    return {"ImportSummaryList": [{k: v for k, v in describe(call, one).items() if k in brief} for one in chosen], **more}


def describe(call: Call, one: Import) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ImportArn": one.arn, "ImportStatus": one.status, "TableArn": one.arn.partition("/import/")[0], "TableId": one.table_id, "ClientToken": one.token, "StartTime": one.started, "ErrorCount": one.errors,
        "CloudWatchLogGroupArn": call.arn(f"log-group:{LOGS}:*", service="logs"), "ProcessedSizeBytes": one.read_bytes, "ProcessedItemCount": one.read, "ImportedItemCount": one.imported, **one.settings}
    if one.ended:
        out["EndTime"] = one.ended
    if one.failure[0]:
        out |= {"FailureCode": one.failure[0], "FailureMessage": one.failure[1]}
    return out
